//! One idempotency key, one run: for 24 hours, per workflow, by body field or header.

use super::{call, ended, server_with_upstream, set, wait_ms};
use crate::support::{Answer, Client};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;

const DAY_MS: u64 = 86_400_000;

async fn start(client: &Client, workflow: &str, key: &str, input: Value) -> Answer {
    let path = format!("/api/v1/workflows/{workflow}/run");
    client
        .post(&path, json!({ "input": input, "idempotencyKey": key }))
        .await
}

fn run_id(answer: &Answer) -> String {
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn the_same_key_is_the_same_run_for_24_hours() {
    let (server, upstream) = server_with_upstream().await;
    let workflow = server
        .workflow("pay", json!([call("charge", &upstream.url("/charge"))]))
        .await;
    let admin = server.admin();
    let first = start(&admin, &workflow, "k", json!({ "a": 1, "b": 2 })).await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    assert_eq!(first.header("idempotency-replayed"), None);
    let run = run_id(&first);
    ended(&server, &run).await;

    // The header is as good as the field, and the order of an object's fields says nothing.
    let by_header = admin
        .request(Method::POST, &format!("/api/v1/workflows/{workflow}/run"))
        .header("idempotency-key", "k")
        .header("content-type", "application/json")
        .body(r#"{ "input": {"b": 2, "a": 1} }"#);
    let replayed = Answer::read(by_header.send().await.expect("an answer")).await;
    assert_eq!(replayed.status, StatusCode::OK, "{}", replayed.text);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(run_id(&replayed), run);
    assert_eq!(replayed.data()["status"], "completed");

    let other = start(&admin, &workflow, "k", json!({ "a": 1 })).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(other.error_code(), "CONFLICT");

    server.clock.advance_ms(DAY_MS - 1);
    let late = start(&admin, &workflow, "k", json!({ "a": 1, "b": 2 })).await;
    assert_eq!((late.status, run_id(&late)), (StatusCode::OK, run.clone()));
    server.clock.advance_ms(1);
    let new = start(&admin, &workflow, "k", json!({ "other": true })).await;
    assert_eq!(new.status, StatusCode::ACCEPTED, "{}", new.text);
    assert_ne!(run_id(&new), run);
    ended(&server, &run_id(&new)).await;
    assert_eq!(upstream.calls("/charge").len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_known_key_answers_whatever_became_of_the_workflow() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let admin = server.admin();
    let run = run_id(&start(&admin, &workflow, "k", json!({})).await);
    let path = format!("/api/v1/workflows/{workflow}");
    let stricter = json!({ "inputSchema": { "type": "object", "required": ["x"] } });
    let edited = admin.send(Method::PUT, &path, stricter).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let again = start(&admin, &workflow, "k", json!({})).await;
    assert_eq!(
        (again.status, run_id(&again)),
        (StatusCode::OK, run.clone())
    );
    admin.post(&format!("{path}/pause"), Value::Null).await;
    let again = start(&admin, &workflow, "k", json!({})).await;
    assert_eq!((again.status, run_id(&again)), (StatusCode::OK, run));
    let other = start(&admin, &workflow, "k", json!({ "x": 1 })).await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    server.stop().await;
}

#[tokio::test]
async fn keys_are_per_workflow_and_both_places_must_agree() {
    let (server, _upstream) = server_with_upstream().await;
    let one = server.workflow("one", json!([set("s", json!(1))])).await;
    let two = server.workflow("two", json!([set("s", json!(1))])).await;
    let admin = server.admin();
    let of_one = start(&admin, &one, "k", json!({})).await;
    let of_two = start(&admin, &two, "k", json!({})).await;
    assert_eq!(of_two.status, StatusCode::ACCEPTED);
    assert_ne!(run_id(&of_one), run_id(&of_two));
    let request = admin
        .request(Method::POST, &format!("/api/v1/workflows/{one}/run"))
        .header("idempotency-key", "other")
        .json(&json!({ "idempotencyKey": "k" }));
    let differing = request.send().await.expect("an answer");
    assert_eq!(differing.status(), StatusCode::BAD_REQUEST);
    server.stop().await;
}

#[tokio::test]
async fn of_many_at_once_one_starts_the_run_and_all_are_told_of_it() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/charge");
    let workflow = server
        .workflow("pay", json!([call("charge", &upstream.url("/charge"))]))
        .await;
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let (admin, workflow) = (server.admin(), workflow.clone());
        starts.spawn(async move { start(&admin, &workflow, "k", json!({ "n": 1 })).await });
    }
    let answers = starts.join_all().await;
    let runs: HashSet<String> = answers.iter().map(run_id).collect();
    assert_eq!(runs.len(), 1);
    let of_status = |status| answers.iter().filter(|one| one.status == status).count();
    assert_eq!(of_status(StatusCode::ACCEPTED), 1);
    assert_eq!(of_status(StatusCode::OK), 29);
    gate.open();
    for run in runs {
        assert_eq!(ended(&server, &run).await["status"], "completed");
    }
    assert_eq!(upstream.calls("/charge").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_replay_waits_for_the_end_too() {
    let (server, _upstream) = server_with_upstream().await;
    let steps = json!([wait_ms("rest", 1_000), set("out", json!("done"))]);
    let workflow = server.workflow("w", steps).await;
    let run = run_id(&start(&server.admin(), &workflow, "k", json!({})).await);
    super::until(&server, &run, "step.waiting", "rest").await;
    let (admin, path) = (server.admin(), format!("/api/v1/workflows/{workflow}/run"));
    let early = json!({ "idempotencyKey": "k", "mode": "sync", "maxExecutionTimeMs": 1 });
    let early = admin.post(&path, early).await;
    assert_eq!(early.status, StatusCode::OK, "a replay is always 200");
    assert_eq!(early.data()["status"], "running");
    let waiting = tokio::spawn(async move {
        let body = json!({ "idempotencyKey": "k", "mode": "sync" });
        admin.post(&path, body).await
    });
    server.clock.advance_ms(1_000);
    let answer = waiting.await.expect("an answer");
    assert_eq!(answer.header("idempotency-replayed"), Some("true"));
    assert_eq!(answer.data()["status"], "completed");
    assert_eq!(answer.data()["output"], "done");
    assert_eq!(run_id(&answer), run);
    server.stop().await;
}
