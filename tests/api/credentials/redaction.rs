//! An other side that gives back what it was sent: nothing of it is kept or shown.

use super::{calling, connection, scene};
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::StatusCode;
use serde_json::{Value, json};

const KEY: &str = "pl4nted/k&y \"q\"";
const SECRET: &str = "pl4nted+secret=ö?>>>???~~~";
const PASSWORD: &str = "pl4nted:pass%41word";

/// Every form in which a secret could come back.
fn forms(secret: &str) -> Vec<String> {
    let encoded =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let escaped = |text: &str| {
        let json = serde_json::to_string(text).expect("JSON");
        json[1..json.len() - 1].to_owned()
    };
    let base64 = BASE64_STANDARD.encode(format!("{secret}{secret}"));
    // Mail breaks lines after 76 letters, and this one inside the secret.
    let sent = format!("authorization: Basic, as it was sent: {secret}{secret}");
    let sent = BASE64_STANDARD.encode(sent);
    let (line, next_line) = sent.split_at(76);
    vec![
        secret.to_owned(),
        encoded(secret),
        encoded(secret).replace('+', "%20").to_lowercase(),
        encoded(&encoded(secret)),
        BASE64_STANDARD.encode(secret),
        BASE64_STANDARD.encode(format!("user:{secret}")),
        format!("{line}\r\n{next_line}"),
        encoded(&base64),
        base64.replace('/', "\\/"),
        escaped(secret),
        escaped(&escaped(secret)),
    ]
}

fn echo() -> String {
    let all: Vec<String> = [KEY, SECRET, PASSWORD]
        .iter()
        .flat_map(|s| forms(s))
        .collect();
    all.join(" | ")
}

/// The other side of each path gives back every secret in every form.
fn echoing(upstream: &Upstream) {
    upstream.answer("/json", |_, _| {
        let nested = json!([{ "deep": SECRET, PASSWORD: 1 }]);
        Reply::json(
            200,
            &json!({ "echo": echo(), forms(KEY)[1].clone(): nested }),
        )
        .with("x-echo", BASE64_STANDARD.encode(SECRET))
        .with("x-key", KEY)
    });
    upstream.answer("/text", |_, _| {
        Reply::text(200, &echo()).with("content-type", "text/plain")
    });
    upstream.answer("/csv", |_, _| {
        let text = format!("a,b\n1,{SECRET}\n2,{PASSWORD}\n");
        Reply::text(200, &text).with("content-type", "text/csv")
    });
    // A long error: the secret stands where the shown part ends.
    upstream.answer("/error", |_, _| {
        Reply::text(400, &format!("{}{}", "x".repeat(190), echo()))
    });
    upstream.answer("/retried", |_, _| Reply::text(503, &echo()));
}

/// Runs a workflow that calls this path with a connection and two secrets; everything that is told of the run.
async fn told(server: &TestServer, url: &str, provider: &str, format: &str) -> String {
    let admin = server.admin();
    let steps = json!([
        { "id": "call", "type": "action", "action": "api.request",
            "retryConfig": { "maxAttempts": 2, "initialDelayMs": 1 },
            "config": { "url": format!("{url}?s={{{{secrets.S}}}}"), "connection": provider,
                "responseFormat": format, "headers": { "x-other": "{{secrets.P}}" } } },
        { "id": "after", "type": "transform", "config": { "sourceData": "{{steps.call}}" } },
    ]);
    let workflow = server.workflow("w", steps).await;
    for (name, value) in [("S", SECRET), ("P", PASSWORD)] {
        let path = format!("/api/v1/workflows/{workflow}/secrets");
        let kept = admin
            .post(&path, json!({ "key": name, "value": value }))
            .await;
        assert_eq!(kept.status, StatusCode::CREATED);
    }
    let run = admin.run(&workflow, json!({})).await;
    let id = run["runId"].as_str().expect("an id");
    let mut told = run.to_string();
    for part in ["", "/logs", "/events"] {
        told.push_str(&admin.get(&format!("/api/v1/runs/{id}{part}")).await.text);
    }
    told
}

#[tokio::test]
async fn what_an_other_side_gives_back_is_not_kept() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let key = json!({ "name": "k", "provider": "keyed", "type": "api-key", "hosts": ["127.0.0.1"],
        "credentials": { "key": KEY, "name": "k", "in": "query" } });
    let basic = json!({ "name": "b", "provider": "basic", "type": "basic", "hosts": ["127.0.0.1"],
        "credentials": { "username": "user", "password": PASSWORD } });
    connection(&admin, key).await;
    connection(&admin, basic).await;
    echoing(&upstream);
    let mut seen = 0;
    for (provider, used) in [
        ("keyed", vec![KEY, SECRET, PASSWORD]),
        ("basic", vec![SECRET, PASSWORD]),
    ] {
        for (path, format) in [
            ("/json", "auto"),
            ("/json", "text"),
            ("/json", "binary"),
            ("/text", "auto"),
            ("/text", "binary"),
            ("/csv", "auto"),
            ("/error", "auto"),
            ("/retried", "auto"),
        ] {
            let told = told(&server, &upstream.url(path), provider, format).await;
            // Also where an output is base64 of the whole body.
            let told = format!("{told}{}", decoded(&told));
            for form in used.iter().flat_map(|secret| forms(secret)) {
                assert!(
                    !told.contains(&form),
                    "{provider} {path} {format}: {form}\n{told}"
                );
            }
            seen += usize::from(told.contains("[redacted]"));
        }
    }
    // In two of the errors the shown part holds nothing that the attempt has used.
    assert_eq!(seen, 14, "the other side did echo");
}

/// What a key that may read runs and nothing else is told of a run of this workflow with this secret.
async fn told_to_a_reader(server: &TestServer, workflow: &str, secret: &str) -> String {
    let admin = server.admin();
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    let body = json!({ "key": "URL", "value": secret });
    let kept = admin.post(&path, body).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
    let run = admin.run(workflow, json!({})).await;
    let id = run["runId"].as_str().expect("an id");
    let key = json!({ "name": "reader", "scopes": ["runs:read"] });
    let (_, reader) = server.with_key(key).await;
    let mut told = String::new();
    for part in ["", "/logs", "/events"] {
        let answer = reader.get(&format!("/api/v1/runs/{id}{part}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        told.push_str(&answer.text);
    }
    told
}

#[tokio::test]
async fn a_url_that_is_a_secret_is_not_told_in_the_form_in_which_it_is_called() {
    const TOKEN: &str = "pl4ntedT0ken";
    let (server, upstream) = scene().await;
    let path = format!("/hooks/T0/{TOKEN}");
    upstream.answer(&path, |call, _| {
        Reply::text(503, &format!("cannot {}", call.target))
    });
    let http = upstream.url("");
    let authority = http.strip_prefix("http://").expect("http");
    let port = authority.rsplit(':').next().expect("a port");
    for (secret, calls) in [
        (format!("http://{authority}{path}"), 1),
        (format!("HTTP://{authority}{path}"), 1),
        (format!("http://127.1:{port}{path}"), 1),
        (format!("http://{authority}{path}\n"), 1),
        (format!("  http://{authority}{path}"), 1),
        (format!("http://{authority}{path}?wait=true"), 1),
        (format!("http://{authority}{path}#part"), 1),
        (format!("http://{authority}/x/../hooks/./T0/{TOKEN}"), 1),
        (
            format!("http://{authority}/hooks/T0/pl4nted%54%30ken?k={TOKEN}"),
            0,
        ),
        (format!("http://{authority}/?first=1&k={TOKEN}"), 0),
        (format!("http://127.0.0.1:1/{TOKEN}"), 0),
        (format!("http://10.0.0.1/{TOKEN}?k"), 0),
        (format!("http://user:{TOKEN}@{authority}/"), 0),
    ] {
        let config =
            json!({ "url": "{{secrets.URL}}", "method": "POST", "body": "{{secrets.URL}}" });
        let call =
            json!({ "id": "call", "type": "action", "action": "api.request", "config": config });
        let workflow = server.workflow("hook", json!([call])).await;
        let before = upstream.calls(&path).len();
        let told = told_to_a_reader(&server, &workflow, &secret).await;
        assert_eq!(upstream.calls(&path).len() - before, calls, "{told}");
        for part in [TOKEN, "pl4nted"] {
            assert!(!told.contains(part), "{secret}: {told}");
        }
    }
}

/// Every long base64 text in there, decoded.
fn decoded(text: &str) -> String {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "+/=".contains(letter);
    text.split(|letter| !is_letter(letter))
        .filter(|word| word.len() > 40)
        .filter_map(|word| BASE64_STANDARD.decode(word).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

#[tokio::test]
async fn errors_of_the_call_itself_show_no_secret() {
    let (server, _) = scene().await;
    let admin = server.admin();
    for url in [
        "{{secrets.S}}",
        "https://{{secrets.S}}.invalid/",
        "http://127.0.0.1:1/hook/{{secrets.S}}",
        "http://10.1.2.3/{{secrets.S}}",
        "http://user:{{secrets.S}}@127.0.0.1/",
    ] {
        let steps = calling(
            url,
            json!({ "headers": { "{{secrets.S}}": "x" }, "method": "{{secrets.S}}" }),
        );
        let with_method = server.workflow("w", steps).await;
        let plain = server.workflow("w", calling(url, json!({}))).await;
        for workflow in [with_method, plain] {
            let body = json!({ "key": "S", "value": "pl4nted-s3cret" });
            admin
                .post(&format!("/api/v1/workflows/{workflow}/secrets"), body)
                .await;
            let run = admin.run(&workflow, json!({})).await;
            assert_eq!(run["status"], Value::from("failed"), "{url}");
            let id = run["runId"].as_str().expect("an id");
            let logs = admin.get(&format!("/api/v1/runs/{id}/logs")).await.text;
            assert!(!format!("{run}{logs}").contains("pl4nted"), "{url}: {run}");
        }
    }
}
