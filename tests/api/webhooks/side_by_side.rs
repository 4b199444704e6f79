//! Workflows behind one path, some of which take their time: neither the sender nor the others wait for them.

use super::{activate, events, open, runs};
use crate::runs::{call, server_with_upstream, set, wait_ms};
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// An active workflow of these steps behind the path: its id.
async fn behind(server: &TestServer, path: &str, steps: Value) -> String {
    let body = json!({ "name": "behind", "trigger": open(path), "steps": steps });
    let created = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let active = activate(server, &id).await;
    assert_eq!(active.status, StatusCode::OK, "{}", active.text);
    id
}

/// The status of the workflow's only run.
async fn status(server: &TestServer, workflow: &str) -> Value {
    let path = format!("/api/v1/runs?workflowId={workflow}");
    let listed = server.admin().get(&path).await.data();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    listed[0]["status"].clone()
}

#[tokio::test]
async fn a_slow_run_holds_neither_the_sender_nor_its_neighbours() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/slow");
    let endless = json!([{ "id": "c", "type": "code", "config": { "code": "for (;;);", "timeout": 30_000 } }]);
    let calls = json!([
        set("before", json!(1)),
        call("slow", &upstream.url("/slow"))
    ]);
    // The slow ones come first.
    let slow = behind(&server, "crowd", calls).await;
    let endless = behind(&server, "crowd", endless).await;
    let resting = behind(&server, "crowd", json!([wait_ms("rest", 60_000)])).await;
    let long = json!([
        { "id": "go", "type": "loop", "config": { "iterations": 2_000, "maxIterations": 2_000, "steps": ["in"] } },
        set("in", json!("{{index}}")),
        set("end", json!("{{steps.go.count}}")),
    ]);
    let long = behind(&server, "crowd", long).await;
    let mut quick = Vec::new();
    while quick.len() < 12 {
        quick.push(behind(&server, "crowd", json!([set("s", json!("{{input.n}}"))])).await);
    }
    let answer = super::send(&server, "/webhooks/custom/crowd", &[], b"{\"n\":5}").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.json()["workflowsTriggered"], 16);
    for workflow in &quick {
        let ended = runs(&server, workflow).await;
        let run = ended.first().expect("a run");
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!("completed"), &json!(5))
        );
    }
    assert_eq!(runs(&server, &long).await[0]["output"], 2_000);
    upstream.until_called("/slow", 1).await;
    for (unfinished, stands) in [
        (&slow, "running"),
        (&endless, "pending"),
        (&resting, "running"),
    ] {
        assert_eq!(status(&server, unfinished).await, stands);
    }
    gate.open();
    assert_eq!(runs(&server, &slow).await[0]["status"], "completed");
    assert_eq!(
        events(&server, "").await[0]["deliveries"]
            .as_array()
            .map(Vec::len),
        Some(16)
    );
    server.stop().await;
}

#[tokio::test]
async fn an_only_run_that_is_slow_does_not_hold_its_sender() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/slow");
    let calls = json!([
        call("slow", &upstream.url("/slow")),
        set("end", json!("done"))
    ]);
    let workflow = behind(&server, "alone", calls).await;
    let answer = super::send(&server, "/webhooks/custom/alone", &[], b"{}").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(status(&server, &workflow).await, "running");
    upstream.until_called("/slow", 1).await;
    gate.open();
    assert_eq!(runs(&server, &workflow).await[0]["output"], "done");
    server.stop().await;
}
