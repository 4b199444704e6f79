//! The step `api.request`, through the registry as the engine calls it.

use crate::server::{Asked, Reply, Server, outbound};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::engine::Tables;
use flowlatch::engine::agents::Agents;
use flowlatch::engine::connections::Connections;
use flowlatch::engine::llm::{Llm, LlmOptions};
use flowlatch::engine::mail::Mailer;
use flowlatch::engine::redact::Redactor;
use flowlatch::engine::script::{ScriptOptions, Scripts};
use flowlatch::engine::step::{BackendOptions, Backends, Behaviour, Effects, find};
use flowlatch::model::run::StepError;
use flowlatch::secret::MasterKey;
use flowlatch::store::{Store, StoreOptions};
use serde_json::{Value, json};

const NOW_MS: i64 = 1_705_312_800_000;

async fn call(config: Value) -> Result<Value, StepError> {
    let Behaviour::Effect(run) = find("api.request").expect("a step type").behaviour else {
        panic!("api.request has effects");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let options = StoreOptions {
        readers: 1,
        commit_hook: None,
    };
    let store = Store::open(&folder.path().join("test.db"), options).expect("a store");
    let (clock, outbound) = (Clock::manual(NOW_MS), outbound(&["127.0.0.1"]));
    let key = MasterKey::generate().expect("randomness");
    let mailer = Mailer::new(outbound.clone(), Vec::new(), 1_000);
    let (calls, mails) = (outbound.clone(), mailer.clone());
    let connections = Connections::new(store.clone(), clock.clone(), key, calls, mails);
    let llm = Llm::new(&outbound, LlmOptions::default()).expect("no URL");
    let options = BackendOptions {
        urls: Vec::new(),
        timeout_ms: 1_000,
    };
    let limits = Config::new(folder.path()).tables;
    let tables = Tables::new(store.clone(), clock.clone(), limits, 1024);
    let effects = Effects {
        mailer,
        agents: Agents::new(store, clock, llm, connections.clone(), String::new()),
        backends: Backends::new(&outbound, options).expect("no URLs"),
        connections,
        redactor: Redactor::default(),
        tables,
        scripts: Scripts::new(ScriptOptions {
            program: None,
            max_running: 1,
            timeout_ms: 1_000,
            memory_bytes: 1 << 26,
            max_result_bytes: 1_024,
        }),
        outbound,
        flows: None,
        hearing: None,
        idempotency_key: "run_1:pay now[3]".into(),
        timeout_ms: None,
        now_ms: NOW_MS,
    };
    run(&effects, config).await
}

/// What arrives when `config` is called.
async fn sent(mut config: Value) -> Asked {
    let server = Server::saying(Reply::new(200, &[], "")).await;
    config["url"] = server.url(config["url"].as_str().unwrap_or("/")).into();
    call(config).await.expect("an answer");
    server.only()
}

/// The output for an answer with this type and body.
async fn answered(content_type: &str, body: &[u8], mut config: Value) -> Result<Value, StepError> {
    let headers = [
        ("content-type", content_type),
        ("set-cookie", "s3cret=1"),
        ("X-Extra", "yes"),
    ];
    let from = usize::from(content_type.is_empty());
    let server = Server::saying(Reply::new(200, &headers[from..], body)).await;
    config["url"] = server.url("/").into();
    call(config).await
}

#[tokio::test]
async fn headers_and_params_come_as_tables_objects_or_text() {
    for (headers, params) in [
        (
            json!([{"Key": "X-A", "Value": "1"}, {"Key": "", "Value": ""}]),
            json!([{"Key": "q", "Value": "a b"}]),
        ),
        (json!({"X-A": 1}), json!({"q": "a b"})),
        (
            json!("{\"x-a\": \"1\"}"),
            json!("[{\"key\": \"q\", \"value\": \"a b\"}]"),
        ),
        (
            json!([{"cells": {"Key": "x-a", "Value": 1}}]),
            json!([{"name": "q", "value": "a b"}]),
        ),
    ] {
        let asked = sent(json!({"url": "/p?x=1", "headers": headers, "params": params})).await;
        assert_eq!(asked.line, "GET /p?x=1&q=a+b");
        assert_eq!(asked.header("x-a"), Some("1"));
    }
    let asked =
        sent(json!({"params": {"id": [1, 2], "none": null, "flag": true}, "headers": ""})).await;
    assert_eq!(asked.line, "GET /?flag=true&id=1&id=2");
}

#[tokio::test]
async fn bodies_get_the_type_that_fits() {
    for (method, body, given, expected_body, expected_type) in [
        (
            "POST",
            json!({"a": [1]}),
            None,
            "{\"a\":[1]}",
            Some("application/json"),
        ),
        ("POST", json!([1]), None, "[1]", Some("application/json")),
        (
            "PUT",
            json!("{\"a\": 1}"),
            None,
            "{\"a\": 1}",
            Some("application/json"),
        ),
        (
            "PATCH",
            json!("plain {"),
            None,
            "plain {",
            Some("text/plain; charset=utf-8"),
        ),
        (
            "POST",
            json!({"a": 1}),
            Some("application/vnd.x+json"),
            "{\"a\":1}",
            Some("application/vnd.x+json"),
        ),
        (
            "POST",
            json!({"a": "x y", "b": null}),
            Some("application/x-www-form-urlencoded"),
            "a=x+y&b=",
            Some("application/x-www-form-urlencoded"),
        ),
        ("POST", json!(""), None, "", None),
        ("POST", Value::Null, None, "", None),
        ("POST", json!({}), None, "{}", Some("application/json")),
        ("GET", json!({}), None, "", None),
        (
            "DELETE",
            json!({"a": 1}),
            None,
            "{\"a\":1}",
            Some("application/json"),
        ),
    ] {
        let headers = given.map_or(json!({}), |given| json!({"Content-Type": given}));
        let asked = sent(json!({"method": method, "body": body, "headers": headers})).await;
        assert_eq!(asked.body, expected_body, "{method} {body}");
        assert_eq!(
            asked.header("content-type"),
            expected_type,
            "{method} {body}"
        );
    }
}

#[tokio::test]
async fn every_method_carries_the_idempotency_key_unless_the_step_has_its_own() {
    for method in ["GET", "post", "PUT", "PATCH", "DELETE", "HEAD"] {
        let asked = sent(json!({"method": method})).await;
        assert_eq!(asked.line, format!("{} /", method.to_uppercase()));
        assert_eq!(asked.header("idempotency-key"), Some("run_1:pay%20now[3]"));
    }
    let own = sent(json!({"headers": {"Idempotency-Key": "mine"}})).await;
    let keys: Vec<_> = own
        .headers
        .iter()
        .filter(|(name, _)| name == "idempotency-key")
        .collect();
    assert_eq!(keys, [&("idempotency-key".to_owned(), "mine".to_owned())]);
}

/// Content type, body, `responseFormat` (empty for none), and what of the output stems from the body.
const BODIES: &str = r#"
application/json; charset=utf-8 ⇒ {"a": 1} ⇒  ⇒ {"data": {"a": 1}}
application/problem+json ⇒ [1] ⇒  ⇒ {"data": [1]}
application/json ⇒ not json ⇒  ⇒ {"data": "not json", "text": "not json"}
application/json ⇒  ⇒  ⇒ {"data": null}
text/html ⇒ <p> ⇒ auto ⇒ {"data": "<p>", "text": "<p>"}
application/xml ⇒ <p/> ⇒  ⇒ {"data": "<p/>", "text": "<p/>"}
 ⇒ {"a": 1} ⇒  ⇒ {"data": {"a": 1}}
 ⇒ words ⇒  ⇒ {"data": "words", "text": "words"}
text/plain ⇒ {"a": 1} ⇒ json ⇒ {"data": {"a": 1}}
application/json ⇒ [1] ⇒ Text ⇒ {"data": "[1]", "text": "[1]"}
text/plain ⇒ hi ⇒ binary ⇒ {"content": "aGk="}
application/pdf ⇒ %PDF ⇒  ⇒ {"content": "JVBERg=="}
application/pdf ⇒ %PDF ⇒ pdf ⇒ {"content": "JVBERg=="}
image/png ⇒ %PNG ⇒  ⇒ {"content": "JVBORw=="}
"#;

#[tokio::test]
async fn bodies_are_read_by_their_format() {
    for line in BODIES.trim_matches('\n').lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let (content_type, body) = (columns[0].trim(), columns[1]);
        let config = json!({"responseFormat": columns[2]});
        let output = answered(content_type, body.as_bytes(), config).await;
        let output = output.expect("an output");
        let mut expected: Value = serde_json::from_str(columns[3]).expect(line);
        expected["status"] = json!(200);
        expected["ok"] = json!(true);
        expected["contentType"] = json!(content_type);
        expected["sizeBytes"] = json!(body.len());
        expected["headers"] = output["headers"].clone();
        assert_eq!(output, expected, "{line}");
        assert_eq!(output["headers"]["x-extra"], "yes");
        assert!(!output.to_string().contains("s3cret"), "{output}");
    }
}

#[tokio::test]
async fn csv_becomes_rows_by_column() {
    let csv = "\u{feff}name,name,,amount\r\n\"a, \"\"b\"\"\",x\n1,2,3,4,5\n";
    let output = answered("text/csv; charset=utf-8", csv.as_bytes(), json!({})).await;
    let output = output.expect("an output");
    let columns = json!(["name", "name_2", "column_3", "amount"]);
    assert_eq!(output["columns"], columns);
    let rows = json!([
        {"name": "a, \"b\"", "name_2": "x"},
        {"name": "1", "name_2": "2", "column_3": "3", "amount": "4", "column_5": "5"},
    ]);
    assert_eq!(output["rows"], rows);
    assert!(output.get("data").is_none() && output.get("text").is_none());
    let config = json!({"responseFormat": "csv", "csvDelimiter": ";"});
    let output = answered("text/plain", b"a;b\n1;2", config)
        .await
        .expect("an output");
    assert_eq!(output["rows"], json!([{"a": "1", "b": "2"}]));
}

#[tokio::test]
async fn bodies_in_another_format_than_asked_for_fail_the_step() {
    let cells = "a\n".repeat(30_000);
    let wide = ",".repeat(1_001);
    for (body, config) in [
        ("<p>", json!({"responseFormat": "json"})),
        (wide.as_str(), json!({"responseFormat": "csv"})),
    ] {
        let error = answered("text/html", body.as_bytes(), config)
            .await
            .expect_err("another format");
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("RESPONSE_FORMAT", false)
        );
    }
    let many = answered("text/csv", cells.as_bytes(), json!({}))
        .await
        .expect("within bounds");
    assert_eq!(many["rows"].as_array().map(Vec::len), Some(29_999));
    for config in [
        json!({"responseFormat": "xml"}),
        json!({"method": "X"}),
        json!({"timeout": "soon"}),
    ] {
        let error = answered("text/html", b"", config)
            .await
            .expect_err("a wrong field");
        assert_eq!(error.code, "CONFIG");
    }
}

#[tokio::test]
async fn a_status_that_is_no_success_fails_the_step_unless_told_otherwise() {
    let body = format!("{{\"message\": \"no such {}\"}}", "order ".repeat(100));
    let server = Server::saying(Reply::new(
        404,
        &[("content-type", "application/json")],
        body,
    ))
    .await;
    let url = server.url("/orders/7?token=s3cret");
    let error = call(json!({"url": url, "headers": {"authorization": "s3cret"}}))
        .await
        .expect_err("404");
    assert_eq!(
        (error.code.as_str(), error.retryable, error.retry_after_ms),
        ("HTTP_STATUS", false, None)
    );
    let start = format!(
        "GET {} answered 404 Not Found: {{\"message\": \"no such order",
        server.url("/orders/7")
    );
    assert!(error.message.starts_with(&start), "{}", error.message);
    assert!(
        error.message.chars().count() < 320 && !error.message.contains("s3cret"),
        "{}",
        error.message
    );

    let output = call(json!({"url": url, "failOnError": false}))
        .await
        .expect("told otherwise");
    assert_eq!(
        (&output["status"], &output["ok"]),
        (&json!(404), &json!(false))
    );
    assert!(output["data"]["message"].is_string());
}

#[tokio::test]
async fn retry_after_is_handed_on_in_both_forms() {
    for (value, wait_ms) in [
        ("7", Some(7_000)),
        ("Mon, 15 Jan 2024 10:01:00 GMT", Some(60_000)),
        ("soon", None),
    ] {
        let server = Server::saying(Reply::new(503, &[("retry-after", value)], "")).await;
        let error = call(json!({"url": server.url("/")}))
            .await
            .expect_err("503");
        assert_eq!(
            (error.retryable, error.retry_after_ms),
            (true, wait_ms),
            "{value}"
        );
        let error = call(json!({"url": server.url("/"), "method": "POST"}))
            .await
            .expect_err("503");
        assert_eq!(error.retryable, wait_ms.is_some(), "{value}");
    }
}

#[tokio::test]
async fn a_post_is_tried_again_only_where_nothing_can_have_happened() {
    let broken = Server::saying(Reply::Bytes(Vec::new())).await;
    let slow = Server::saying(Reply::Stall(Vec::new())).await;
    let failing = Server::saying(Reply::new(500, &[], "")).await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}/", listener.local_addr().expect("an address"))
    };
    // A redirect was answered, so the first server knows of the call.
    let target = closed.clone();
    let moved = Server::start(move |_| Reply::redirect(303, &target)).await;
    for (url, timeout_ms, repeatable_as_post) in [
        (broken.url("/"), 10_000, false),
        (slow.url("/"), 60, false),
        (failing.url("/"), 10_000, false),
        (moved.url("/"), 10_000, false),
        (closed, 10_000, true),
    ] {
        for (method, allowed, retryable) in [
            ("GET", false, true),
            ("PUT", false, true),
            ("DELETE", false, true),
            ("POST", false, repeatable_as_post),
            ("PATCH", false, repeatable_as_post),
            ("POST", true, true),
        ] {
            let config = json!({"url": url, "method": method, "retryNonIdempotent": allowed, "timeout": timeout_ms});
            let error = call(config).await.expect_err("no success");
            assert_eq!(
                error.retryable, retryable,
                "{method} {url} {allowed}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_steps_own_bound() {
    for (length, code) in [(10, None), (11, Some("RESPONSE_TOO_LARGE"))] {
        let body = "x".repeat(length);
        let config = json!({"maxResponseBytes": 10});
        let answer = answered("text/plain", body.as_bytes(), config).await;
        match (answer, code) {
            (Ok(output), None) => assert_eq!(output["text"], body.as_str()),
            (Err(error), Some(code)) => {
                assert_eq!((error.code.as_str(), error.retryable), (code, false))
            }
            (answer, _) => panic!("{length}: {answer:?}"),
        }
    }
}
