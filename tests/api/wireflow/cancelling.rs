//! Executions that are cancelled, and who sees an execution.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::runs::server_with_upstream;
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn an_execution_is_cancelled_and_seen_by_those_who_may() {
    let (_, upstream) = server_with_upstream().await;
    let url = upstream.url("/generate");
    let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.node_backends = vec![("generate:*".to_owned(), url)];
    })
    .await;
    let gate = upstream.hold("/generate");
    let client = Wireflow::with(&server, &SCOPES).await;
    let slow = graph(&[node("draw", "generate:flux", json!({}))], &[]);
    let workflow = client.create("slow", &slow).await;
    let id = client.run(&workflow).await;
    upstream.until_called("/generate", 1).await;
    let one = format!("/workflows/executions/{id}");
    assert_eq!(client.get(&one).await.json()["status"], "RUNNING");
    let cancelled = client.post(&format!("{one}/cancel"), json!({})).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    assert_eq!(cancelled.json()["status"], "CANCELLED");
    gate.open();
    let again = client.post(&format!("{one}/cancel"), json!({})).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.json()["error"].is_string());
    let poll = client.get(&format!("{one}/poll")).await.json();
    assert_eq!(
        (&poll["status"], &poll["nodeStates"][0]["status"]),
        (&json!("CANCELLED"), &json!("CANCELLED"))
    );
    let history = client
        .get(&format!("/workflows/{workflow}/executions"))
        .await
        .json();
    assert_eq!(history["executions"][0]["id"], id.as_str());
    assert_eq!(history["executions"].as_array().map(Vec::len), Some(1));

    server.stop().await;
}

#[tokio::test]
async fn an_execution_is_seen_by_those_who_may() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let text = graph(&[node("text", "input:text", json!({ "prompt": "a" }))], &[]);
    let workflow = client.create("seen", &text).await;
    let id = client.run(&workflow).await;
    let one = format!("/workflows/executions/{id}");
    let blind = Wireflow::with(&server, &["workflows:read", "workflows:execute"]).await;
    let refused = blind.get(&format!("{one}/poll")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["required"], json!(["executions:read"]));
    let body =
        json!({ "name": "bound", "format": "sk", "scopes": SCOPES, "workflowPrefix": "other" });
    let (record, _) = server.with_key(body).await;
    let bound = Wireflow::of(&server, record["key"].as_str().expect("a text"));
    for path in [
        one.clone(),
        format!("{one}/poll"),
        format!("/workflows/{workflow}/executions"),
    ] {
        let hidden = bound.get(&path).await;
        assert_eq!(hidden.status, StatusCode::NOT_FOUND, "{path}");
    }
    let steps = server
        .workflow(
            "steps",
            json!([{ "id": "s", "type": "transform", "config": { "sourceData": 1 } }]),
        )
        .await;
    let native = server.admin().run(&steps, json!({})).await;
    let other = client
        .get(&format!(
            "/workflows/executions/{}",
            native["runId"].as_str().expect("an id")
        ))
        .await;
    assert_eq!(
        other.status,
        StatusCode::NOT_FOUND,
        "runs of steps are the native door's"
    );
    assert_eq!(other.json()["error"], "Execution not found");
}
