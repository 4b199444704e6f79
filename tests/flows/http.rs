//! Nodes that call a URL.

use crate::bench::{Bench, asked, flow, node, reply, start};
use crate::upstream::{Reply, Upstream};
use flowlatch::model::flow::FlowKind::Agentflow;
use serde_json::{Value, json};

async fn call(bench: &Bench, inputs: Value, question: &str) -> Value {
    let nodes = vec![
        start(),
        node("httpAgentflow", "http", inputs),
        reply("end", "{{http}} {{http.output.http.status}}"),
    ];
    let id = bench
        .save(Agentflow, &flow(nodes, &["start>http", "http>end"]))
        .await;
    let heard = bench.hear(&id, asked(question)).await;
    let mut output = heard.output("http")["http"].clone();
    output["text"] = json!(heard.text());
    output
}

#[tokio::test]
async fn a_call_goes_out_as_the_node_says_and_any_status_is_an_answer() {
    let (bench, upstream) = (Bench::start().await, Upstream::start().await);
    upstream.reply("/a", Reply::json(404, &json!({ "why": "gone" })));
    let output = call(&bench, json!({
        "method": "POST", "url": upstream.url("/a?x=1"), "bodyType": "json", "body": "{\"said\": \"{{question}}\", \"n\": 5}",
        "headers": [{ "key": "X-Who", "value": "{{$flow.chatId}}" }, { "key": "", "value": "" }],
        "queryParams": [{ "key": "q", "value": "{{question}}" }], "responseType": "json" }), "a \"b\"&c").await;
    assert_eq!(
        (&output["status"], &output["statusText"], &output["data"]),
        (&json!(404), &json!("Not Found"), &json!({ "why": "gone" }))
    );
    assert_eq!(output["text"], "{\"why\":\"gone\"} 404");
    let call = upstream.calls("/a").remove(0);
    assert_eq!(call.target, "/a?x=1&q=a+%22b%22%26c");
    assert_eq!(
        call.json(),
        json!({ "said": "a \"b\"&c", "n": 5 }),
        "a quote in a value breaks no JSON"
    );
    assert_eq!(
        (&call.headers["x-who"], &call.headers["content-type"]),
        (&"c".parse().unwrap(), &"application/json".parse().unwrap())
    );
    assert!(!call.key().is_empty());
}

#[tokio::test]
async fn bodies_and_answers_have_their_forms() {
    let (bench, upstream) = (Bench::start().await, Upstream::start().await);
    for (kind, body, answer, sent, data) in [
        (
            "raw",
            json!("plain {{question}}"),
            "text",
            "plain hi",
            json!("{\"path\":\"/b\",\"call\":1}"),
        ),
        (
            "xWwwFormUrlencoded",
            json!([{ "key": "a", "value": "{{question}} x" }]),
            "base64",
            "a=hi+x",
            Value::Null,
        ),
        ("raw", json!("x"), "arraybuffer", "x", Value::Null),
        (
            "xWwwFormUrlencoded",
            json!("{\"a\": 5}"),
            "json",
            "a=5",
            Value::Null,
        ),
        (
            "json",
            json!("{\"n\": {{$form.n}}}"),
            "json",
            "",
            Value::Null,
        ),
    ] {
        let nodes = vec![
            start(),
            node(
                "httpAgentflow",
                "http",
                json!({ "method": "PUT", "url": upstream.url("/b"), "bodyType": kind, "body": body, "responseType": answer }),
            ),
        ];
        let id = bench.save(Agentflow, &flow(nodes, &["start>http"])).await;
        let heard = bench.ask(&id, "hi").await;
        if sent.is_empty() {
            assert!(
                heard.failure().contains("`body` is not JSON"),
                "{}",
                heard.failure()
            );
            continue;
        }
        let call = upstream.calls("/b").pop().unwrap();
        assert_eq!(String::from_utf8(call.body).unwrap(), sent);
        let got = heard.output("http")["http"]["data"].clone();
        let expected: Value = serde_json::from_str(data.as_str().unwrap_or("null")).unwrap();
        if let (Some(text), false) = (got.as_str(), expected.is_null()) {
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
        }
        assert_eq!(got.is_object(), answer == "json", "{got}");
        // `{"call":` in base64.
        let is_encoded = got
            .as_str()
            .is_some_and(|got| got.starts_with("eyJjYWxsIjo"));
        assert_eq!(
            is_encoded,
            matches!(answer, "base64" | "arraybuffer"),
            "{got}"
        );
    }
}

#[tokio::test]
async fn a_form_is_sent_in_parts_whatever_is_in_its_fields() {
    let (bench, upstream) = (Bench::start().await, Upstream::start().await);
    let inputs = json!({ "method": "POST", "url": upstream.url("/f"), "bodyType": "formData",
        "body": [{ "key": "a\"\r\nb", "value": "{{question}}" }, { "key": "c", "value": "d" }] });
    call(&bench, inputs, "one\r\n--two").await;
    let sent = upstream.calls("/f").pop().unwrap();
    let kind = sent.headers["content-type"].to_str().unwrap().to_owned();
    let boundary = kind
        .strip_prefix("multipart/form-data; boundary=")
        .expect("a boundary");
    let body = String::from_utf8(sent.body).unwrap();
    let part = |name: &str, value: &str| {
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
    };
    let expected = part("a%22%0D%0Ab", "one\r\n--two") + &part("c", "d");
    assert_eq!(body, format!("{expected}--{boundary}--\r\n"));
}

#[tokio::test]
async fn addresses_that_nobody_has_allowed_are_not_called() {
    let bench = Bench::start().await;
    for url in [
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://[::1]:1/",
    ] {
        let nodes = vec![
            start(),
            node("httpAgentflow", "http", json!({ "url": url })),
        ];
        let id = bench.save(Agentflow, &flow(nodes, &["start>http"])).await;
        let heard = bench.ask(&id, "hi").await;
        assert!(
            heard.failure().contains("outbound_allow"),
            "{url}: {}",
            heard.failure()
        );
    }
}
