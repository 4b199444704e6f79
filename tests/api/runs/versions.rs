//! A run keeps the version with which it began.

use super::{ended, server_with_upstream, set, start, until, wait_ms};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn steps(word: &str) -> Value {
    json!([wait_ms("rest", 1_000), set("out", json!(word))])
}

async fn edit(server: &TestServer, workflow: &str, word: &str) -> i64 {
    let path = format!("/api/v1/workflows/{workflow}");
    let answer = server
        .admin()
        .send(Method::PUT, &path, json!({ "steps": steps(word) }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data()["version"].as_i64().expect("a number")
}

#[tokio::test]
async fn an_edit_during_a_run_changes_later_runs_only() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server.workflow("edited", steps("one")).await;
    let mut runs = Vec::new();
    for (version, word, next) in [(1, "one", "two"), (2, "two", "three"), (3, "three", "four")] {
        let run = start(&server, &workflow, json!({})).await;
        until(&server, &run, "step.waiting", "rest").await;
        runs.push((run, version, word));
        assert_eq!(edit(&server, &workflow, next).await, version + 1);
    }
    server.clock.advance_ms(1_000);
    for (run, version, word) in &runs {
        let done = ended(&server, run).await;
        assert_eq!(done["output"], *word);
        assert_eq!(done["workflowVersion"], *version);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_retry_takes_the_version_of_its_run() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server.workflow("edited", steps("one")).await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.waiting", "rest").await;
    let admin = server.admin();
    admin
        .post(&format!("/api/v1/runs/{run}/cancel"), Value::Null)
        .await;
    assert_eq!(edit(&server, &workflow, "two").await, 2);
    let answer = admin
        .post(&format!("/api/v1/runs/{run}/retry"), Value::Null)
        .await;
    assert_eq!(answer.data()["workflowVersion"], 1);
    let again = answer.data()["runId"].as_str().expect("an id").to_owned();
    until(&server, &again, "step.waiting", "rest").await;
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &again).await["output"], "one");
    server.stop().await;
}

/// Pausing and archiving stop new runs, not those under way.
#[tokio::test]
async fn an_unfinished_run_goes_on_when_its_workflow_is_paused_or_archived() {
    let (server, _upstream) = server_with_upstream().await;
    for (method, suffix) in [(Method::POST, "/pause"), (Method::DELETE, "")] {
        let workflow = server.workflow("stopped", steps("done")).await;
        let run = start(&server, &workflow, json!({})).await;
        until(&server, &run, "step.waiting", "rest").await;
        let path = format!("/api/v1/workflows/{workflow}{suffix}");
        let answer = server.admin().send(method, &path, Value::Null).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        server.clock.advance_ms(1_000);
        assert_eq!(ended(&server, &run).await["output"], "done", "{suffix}");
    }
    server.stop().await;
}

/// Starts and edits at once: no start is refused, and each run has the output of the version that it names.
#[tokio::test]
async fn starts_during_edits_get_one_version_or_the_other() {
    let server = TestServer::start().await;
    let step = |number: i64| json!([set("out", json!(number))]);
    let workflow = server.workflow("contended", step(0)).await;
    let editing = tokio::spawn({
        let (admin, path) = (server.admin(), format!("/api/v1/workflows/{workflow}"));
        async move {
            for number in 1..40 {
                let body = json!({ "steps": [set("out", json!(number))] });
                let answer = admin.send(Method::PUT, &path, body).await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            }
        }
    });
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..120 {
        let (admin, workflow) = (server.admin(), workflow.clone());
        starts.spawn(async move { admin.run(&workflow, json!({})).await });
    }
    let mut by_version = std::collections::HashMap::new();
    for data in starts.join_all().await {
        assert_eq!(data["status"], "completed");
        let version = data["workflowVersion"].as_i64();
        let known = by_version
            .entry(version)
            .or_insert_with(|| data["output"].clone());
        assert_eq!(*known, data["output"], "one version, one definition");
    }
    editing.await.expect("every edit was taken");
    server.stop().await;
}
