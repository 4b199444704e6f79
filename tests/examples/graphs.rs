//! `examples/workflows/*.json` that are graphs: saved as a client of Wireflow saves them, and run.

use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use crate::workflows::{file, follow_run};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

const SCOPES: [&str; 3] = ["workflows:read", "workflows:write", "workflows:execute"];

/// Saves the example without a finding, and runs it: what its last node came to.
async fn shown(server: &TestServer, name: &str, last: &str, inputs: Value) -> Value {
    let client = server.wireflow_with(&SCOPES).await;
    let saved = client.post("/api/v1/workflows", file(name)).await;
    assert_eq!(saved.status, StatusCode::CREATED, "{}", saved.text);
    let saved = saved.json();
    assert_eq!(saved["meta"]["warnings"], json!([]));
    let path = format!(
        "/api/v1/workflows/{}/run",
        saved["id"].as_str().expect("an id")
    );
    let started = client.post(&path, json!({ "inputs": inputs })).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    let execution = started.json()["data"]["executionId"].clone();
    let (run, _) = follow_run(server, execution.as_str().expect("an id")).await;
    assert_eq!(run["status"], "completed", "{run}");
    run["output"][last]["value"].clone()
}

#[tokio::test]
async fn name_tags_writes_a_line_for_each_guest() {
    let server = TestServer::start().await;
    assert_eq!(
        shown(&server, "name-tags", "tags", json!({})).await,
        json!(["Hello, my name is Ada", "Hello, my name is Grace"])
    );
    let guests = json!({ "guests": [{ "name": "Lin" }] }).to_string();
    let given = json!({ "guests": guests, "Greeting": "I am" });
    assert_eq!(
        shown(&server, "name-tags", "tags", given).await,
        json!(["I am Lin"])
    );
}

#[tokio::test]
async fn product_copy_asks_for_both_texts_and_joins_them() {
    let model = Upstream::start().await;
    let server = TestServer::start_with(Clock::system(), |config| {
        config.llm_base_url = Some(model.url("/v1"));
    })
    .await;
    model.answer("/v1/chat/completions", |call, _| {
        let asked = call.json()["messages"].to_string();
        assert!(asked.contains("A lamp that folds flat"), "{asked}");
        let text = if asked.contains("headline") {
            "The lamp that lies down"
        } else {
            "It is a lamp. It folds."
        };
        let choice = json!({ "message": { "content": text }, "finish_reason": "stop" });
        Reply::json(200, &json!({ "model": "m", "choices": [choice] }))
    });
    assert_eq!(
        shown(&server, "product-copy", "shown", json!({})).await,
        "The lamp that lies down\nIt is a lamp. It folds."
    );
    assert_eq!(model.calls("/v1/chat/completions").len(), 2);
}
