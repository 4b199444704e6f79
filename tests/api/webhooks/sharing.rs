//! Who may be behind a path together: nobody gets what was sent to another by asking for less.

use super::{activate, draft, hooked, open, send, server, set_secret, signed};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// GitHub's events at the path `repo`, signed.
fn checked() -> Value {
    let mut trigger = signed("github");
    trigger["path"] = json!("repo");
    trigger
}

/// The same, from anybody.
fn unchecked() -> Value {
    json!({ "type": "webhook", "provider": "github", "path": "/repo", "verifySignature": false })
}

fn path(workflow: &str) -> String {
    format!("/api/v1/workflows/{workflow}")
}

async fn edit(client: &Client, workflow: &str, trigger: Value) -> Answer {
    let body = json!({ "trigger": trigger });
    client.send(Method::PUT, &path(workflow), body).await
}

async fn act(client: &Client, workflow: &str, action: &str) -> Answer {
    let path = format!("{}/{action}", path(workflow));
    client.post(&path, Value::Null).await
}

fn assert_conflict(answer: &Answer, said: &str) {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert!(answer.text.contains(said), "{}", answer.text);
}

#[tokio::test]
async fn all_behind_a_path_check_signatures_or_none_does() {
    for (first, second, said) in [
        (
            checked(),
            unchecked(),
            "checks signatures, and this one would not",
        ),
        (
            unchecked(),
            checked(),
            "lets unsigned requests in, and this one checks signatures",
        ),
    ] {
        let server = server().await;
        let admin = server.admin();
        let first = hooked(&server, first).await;
        // Activated onto the path.
        let late = draft(&server, second.clone()).await;
        set_secret(&server, &late, "a secret of its own").await;
        assert_conflict(&activate(&server, &late).await, said);
        // Edited onto it while active.
        let other = hooked(&server, open("elsewhere")).await;
        set_secret(&server, &other, "a secret of its own").await;
        assert_conflict(&edit(&admin, &other, second.clone()).await, said);
        let sent = send(&server, "/webhooks/custom/elsewhere", &[], b"{}").await;
        assert_eq!(sent.json()["workflowsTriggered"], 1, "it is where it was");
        // Free while the first rests, and then the first does not come back.
        assert_eq!(act(&admin, &first, "pause").await.status, StatusCode::OK);
        assert_eq!(activate(&server, &late).await.status, StatusCode::OK);
        let resumed = activate(&server, &first).await;
        assert_eq!(resumed.status, StatusCode::CONFLICT, "{}", resumed.text);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_older_version_is_not_restored_onto_a_path_of_others() {
    let server = server().await;
    let admin = server.admin();
    let mine = hooked(&server, unchecked()).await;
    let moved = edit(&admin, &mine, open("mine")).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text);
    assert_eq!(moved.data()["version"], 2);
    hooked(&server, checked()).await;
    let restored = act(&admin, &mine, "versions/1/restore").await;
    assert_conflict(&restored, "checks signatures");
    server.stop().await;
}

#[tokio::test]
async fn the_id_of_another_workflow_is_no_path() {
    let server = server().await;
    // It has no path: its id is where its events come in.
    let theirs = hooked(&server, signed("github")).await;
    let resting = draft(&server, signed("github")).await;
    for id in [&theirs, &resting] {
        let mut trigger = unchecked();
        trigger["path"] = json!(id);
        let mine = draft(&server, trigger).await;
        assert_conflict(
            &activate(&server, &mine).await,
            "the id of another workflow",
        );
    }
    let mine = draft(&server, open("x")).await;
    let own = edit(&server.admin(), &mine, open(&mine)).await;
    assert_eq!(own.status, StatusCode::OK, "{}", own.text);
    assert_eq!(activate(&server, &mine).await.status, StatusCode::OK);
    server.stop().await;
}

/// A key that is bound to the workflow.
async fn bound(server: &TestServer, workflow: &str) -> Client {
    let scopes = ["workflows:read", "workflows:write", "secrets:write"];
    let body = json!({ "name": "bound", "scopes": scopes, "workflowId": workflow });
    server.with_key(body).await.1
}

#[tokio::test]
async fn a_bound_key_leads_its_workflow_to_no_path_of_others() {
    let said = "belongs to a workflow that this key does not reach";
    for theirs in [checked(), unchecked()] {
        let server = server().await;
        let other = hooked(&server, theirs.clone()).await;
        let mine = hooked(&server, open("mine")).await;
        set_secret(&server, &mine, "a secret of its own").await;
        let key = bound(&server, &mine).await;
        for trigger in [checked(), unchecked()] {
            let refused = edit(&key, &mine, trigger.clone()).await;
            assert_conflict(&refused, said);
            assert!(!refused.text.contains(&other), "{}", refused.text);
            // Nor while it rests.
            assert_eq!(act(&key, &mine, "pause").await.status, StatusCode::OK);
            assert_eq!(edit(&key, &mine, trigger).await.status, StatusCode::OK);
            assert_conflict(&act(&key, &mine, "activate").await, said);
            assert_eq!(edit(&key, &mine, open("mine")).await.status, StatusCode::OK);
            assert_eq!(act(&key, &mine, "activate").await.status, StatusCode::OK);
        }
        // Somebody who reaches both has led it there: then it may be edited there.
        let led = edit(&server.admin(), &mine, theirs.clone()).await;
        assert_eq!(led.status, StatusCode::OK, "{}", led.text);
        let steps =
            json!({ "steps": [{ "id": "w", "type": "wait", "config": { "duration": 1 } }] });
        let edited = key.send(Method::PUT, &path(&mine), steps).await;
        assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
        server.stop().await;
    }
}
