//! Runs that are started by a form.

use super::super::Browser;
use super::{SCRIPT, hello};
use crate::support::TestServer;
use serde_json::{Value, json};

async fn input_of(server: &TestServer, location: &str) -> Value {
    let id = location.rsplit('/').next().expect("an id");
    let run = server.admin().get(&format!("/api/v1/runs/{id}")).await;
    run.data()["input"].clone()
}

#[tokio::test]
async fn a_form_of_the_schema_becomes_the_input_and_mistakes_come_back_with_it() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let schema = json!({ "type": "object", "required": ["name", "count"], "properties": {
        "name": { "type": "string", "description": SCRIPT },
        "count": { "type": "integer", "minimum": 3 },
        "share": { "type": "number" },
        "on": { "type": "boolean" },
        "colour": { "enum": ["red", "green"] },
        "day": { "type": "string", "format": "date" },
        "more": { "type": "object" },
    }});
    let body = json!({ "name": "asked", "trigger": { "type": "api" }, "steps": hello(), "inputSchema": schema });
    let id = server.workflow_with(body).await;
    let path = format!("/dashboard/workflows/{id}/run");
    let form = browser.get(&path).await;
    assert!(!form.text.contains(SCRIPT));
    for kind in [
        "type=\"date\"",
        "step=\"1\"",
        "step=\"any\"",
        "<select",
        "<textarea",
    ] {
        assert!(form.text.contains(kind), "{kind}");
    }
    let good = [
        ("field-name", "Ada"),
        ("field-count", "4"),
        ("field-share", "0.5"),
        ("field-on", "true"),
        ("field-colour", "\"red\""),
        ("field-day", "2026-11-29"),
        ("field-more", "{\"a\": [1]}"),
    ];
    let started = browser.post(&path, &good).await;
    assert_eq!(started.status, 303, "{}", started.text);
    let location = started.header("location").expect("a run").to_owned();
    assert!(location.starts_with("../../runs/"), "{location}");
    let expected = json!({ "name": "Ada", "count": 4, "share": 0.5, "on": true, "colour": "red", "day": "2026-11-29", "more": { "a": [1] } });
    assert_eq!(input_of(&server, &location).await, expected);
    let few = browser
        .post(&path, &[("field-name", ""), ("field-count", "3")])
        .await;
    assert_eq!(few.status, 303);
    let few = few.header("location").expect("a run").to_owned();
    assert_eq!(
        input_of(&server, &few).await,
        json!({ "name": "", "count": 3 })
    );
    for (field, value, words) in [
        ("field-count", "2", "minimum"),
        ("field-count", "many", "no number"),
        ("field-count", "", "missing"),
        ("field-more", "{", "no JSON"),
        ("field-more", "[]", "object"),
        ("field-colour", "\"blue\"", "red"),
    ] {
        let sent = good.map(|(name, good)| (name, if name == field { value } else { good }));
        let refused = browser.post(&path, &sent).await;
        assert_eq!(refused.status, 400, "{field} {value}");
        assert!(refused.text.contains(words), "{words}: {}", refused.text);
        assert!(
            refused.text.contains("value=\"Ada\""),
            "what was typed is kept"
        );
    }
    let runs = server.admin().get("/api/v1/runs").await.data();
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
}

#[tokio::test]
async fn without_a_schema_the_input_is_json_and_only_active_workflows_run() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let id = server.workflow("plain", hello()).await;
    let path = format!("/dashboard/workflows/{id}/run");
    for (input, status) in [
        ("{\"a\": 1}", 303),
        ("{}", 303),
        ("", 400),
        ("7", 400),
        ("{", 400),
    ] {
        let answer = browser.post(&path, &[("input", input)]).await;
        assert_eq!(answer.status, status, "{input}: {}", answer.text);
    }
    browser
        .post(&format!("/dashboard/workflows/{id}/pause"), &[])
        .await;
    let form = browser.get(&path).await;
    assert!(!form.text.contains("<button>Run</button>") && form.text.contains("paused"));
    assert_eq!(browser.post(&path, &[("input", "{}")]).await.status, 409);
    let runs = server.admin().get("/api/v1/runs").await.data();
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
}

#[tokio::test]
async fn a_form_that_is_sent_twice_starts_one_run() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let id = server.workflow("once", hello()).await;
    let path = format!("/dashboard/workflows/{id}/run");
    let form = browser.get(&path).await.text;
    let (_, rest) = form.split_once("name=\"once\" value=\"").expect("a field");
    let once = rest.split('"').next().expect("its value");
    let fields = [("input", "{}"), ("once", once)];
    let first = browser.post(&path, &fields).await;
    assert_eq!(first.status, 303, "{}", first.text);
    let again = browser.post(&path, &fields).await;
    assert_eq!(again.header("location"), first.header("location"));
    // What no page has given tells nothing from anything.
    for other in ["", "x"] {
        let fields = [("input", "{}"), ("once", other)];
        let page = browser.post(&path, &fields).await;
        assert_eq!(page.status, 303, "{}", page.text);
        assert_ne!(page.header("location"), first.header("location"));
    }
    let runs = server.admin().get("/api/v1/runs").await.data();
    assert_eq!(runs.as_array().map(Vec::len), Some(3), "{runs}");
}

#[tokio::test]
async fn a_form_that_would_be_too_large_is_one_field() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for (choices, is_whole) in [(1, false), (100, true)] {
        let values: Vec<String> = (0..choices).map(|n| format!("<{n}>")).collect();
        let properties: serde_json::Map<String, Value> = (0..50)
            .map(|n| (format!("p{n}"), json!({ "enum": values })))
            .collect();
        let schema = json!({ "type": "object", "properties": properties });
        let body = json!({ "name": "wide", "trigger": { "type": "api" }, "steps": hello(), "inputSchema": schema });
        let id = server.workflow_with(body).await;
        let page = browser.get(&format!("/dashboard/workflows/{id}/run")).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.text.contains("name=\"input\""), is_whole);
        assert_eq!(page.text.contains("name=\"field-p0\""), !is_whole);
        assert!(page.text.len() < 100_000, "{}", page.text.len());
    }
}
