//! Limits on runs at once: the server's, a workflow's and a key's; who waits begins in order, and what `onConflict` says.

use super::{call, ended, run_of, server_with_upstream, set, start, until, wait_ms};
use crate::events::Events;
use crate::support::{Client, MONDAY_MS, TestServer};
use crate::upstream::Upstream;
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn limited(server: &TestServer, steps: Value, settings: Value) -> String {
    let body = json!({
        "name": "limited", "trigger": { "type": "api" }, "steps": steps, "settings": settings,
    });
    server.workflow_with(body).await
}

async fn start_as(client: &Client, workflow: &str, body: Value) -> Value {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = client.post(&path, body).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    answer.data()
}

async fn status_of(server: &TestServer, run: &str) -> Value {
    run_of(server, run).await["status"].clone()
}

/// The inputs of the calls, in the order in which they came.
fn order(upstream: &Upstream, path: &str) -> Vec<String> {
    let calls = upstream.calls(path);
    let number = |target: &str| target.split("n=").nth(1).unwrap_or_default().to_owned();
    calls.iter().map(|call| number(&call.target)).collect()
}

fn numbered(upstream: &Upstream) -> Value {
    json!([call("c", &upstream.url("/held?n={{input.n}}"))])
}

#[tokio::test]
async fn runs_beyond_the_limit_of_their_workflow_begin_in_the_order_of_recording() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = limited(
        &server,
        numbered(&upstream),
        json!({ "maxConcurrentRuns": 1 }),
    )
    .await;
    let mut runs = Vec::new();
    for n in 0..6 {
        runs.push(start(&server, &workflow, json!({ "n": n })).await);
    }
    upstream.until_called("/held", 1).await;
    // Another workflow has places of its own.
    let other = server.workflow("other", json!([set("s", json!(1))])).await;
    assert_eq!(
        server.admin().run(&other, json!({})).await["status"],
        "completed"
    );
    assert_eq!(status_of(&server, &runs[0]).await, "running");
    for run in &runs[1..] {
        assert_eq!(status_of(&server, run).await, "pending");
    }
    assert_eq!(upstream.calls("/held").len(), 1);
    gate.open();
    for run in &runs {
        assert_eq!(ended(&server, run).await["status"], "completed");
    }
    assert_eq!(order(&upstream, "/held"), ["0", "1", "2", "3", "4", "5"]);
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_caller_waits_for_its_turn() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = limited(
        &server,
        numbered(&upstream),
        json!({ "maxConcurrentRuns": 1 }),
    )
    .await;
    start(&server, &workflow, json!({ "n": 0 })).await;
    upstream.until_called("/held", 1).await;
    let (admin, id) = (server.admin(), workflow.clone());
    let caller = tokio::spawn(async move { admin.run(&id, json!({ "n": 1 })).await });
    loop {
        let pending = server.admin().get("/api/v1/runs?status=pending").await;
        if pending.data() != json!([]) {
            break;
        }
        tokio::task::yield_now().await;
    }
    gate.open();
    assert_eq!(caller.await.expect("an answer")["status"], "completed");
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_rests_keeps_its_place_in_the_workflow_but_no_slot() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.max_running_runs = 1;
    })
    .await;
    let rest = json!([wait_ms("rest", 1_000)]);
    let workflow = limited(&server, rest, json!({ "maxConcurrentRuns": 1 })).await;
    let first = start(&server, &workflow, json!({})).await;
    until(&server, &first, "step.waiting", "rest").await;
    let second = start(&server, &workflow, json!({})).await;
    // The server's only slot is free.
    let other = server.workflow("other", json!([set("s", json!(1))])).await;
    assert_eq!(
        server.admin().run(&other, json!({})).await["status"],
        "completed"
    );
    assert_eq!(status_of(&server, &second).await, "pending");
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &first).await["status"], "completed");
    until(&server, &second, "step.waiting", "rest").await;
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &second).await["status"], "completed");
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_is_skipped_is_recorded_as_cancelled_with_the_reason() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let settings = json!({ "maxConcurrentRuns": 1, "onConflict": "skip" });
    let workflow = limited(&server, numbered(&upstream), settings).await;
    let first = start(&server, &workflow, json!({ "n": 0 })).await;
    upstream.until_called("/held", 1).await;
    let admin = server.admin();
    let body = json!({ "input": { "n": 1 }, "idempotencyKey": "once" });
    let skipped = start_as(&admin, &workflow, body.clone()).await;
    assert_eq!(skipped["status"], "cancelled");
    assert_eq!(
        skipped["error"],
        json!({
            "code": "SKIPPED",
            "message": "the workflow has as many unfinished runs as its `settings.maxConcurrentRuns` allows, \
                and its `settings.onConflict` is `skip`",
        })
    );
    let id = skipped["runId"].as_str().expect("an id");
    let events = Events::open(&admin, id, None).await.rest().await;
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["run.cancelled"]);
    assert_eq!(events[0].data["by"], "onConflict");
    let stored = run_of(&server, id).await;
    assert_eq!(stored["error"], skipped["error"]);
    assert_eq!(stored["startedAt"], Value::Null);
    assert_ne!(stored["completedAt"], Value::Null);
    gate.open();
    ended(&server, &first).await;
    // The same key is the same run; the run that ended has made room.
    assert_eq!(
        start_as(&admin, &workflow, body).await["runId"],
        skipped["runId"]
    );
    let retried = admin
        .post(&format!("/api/v1/runs/{id}/retry"), Value::Null)
        .await;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{}", retried.text);
    let retried = retried.data()["runId"].as_str().expect("an id").to_owned();
    assert_eq!(ended(&server, &retried).await["status"], "completed");
    assert_eq!(order(&upstream, "/held"), ["0", "1"]);
    server.stop().await;
}

#[tokio::test]
async fn a_new_run_takes_the_place_of_the_oldest() {
    let server = TestServer::start_with_manual_clock().await;
    let rest = json!([wait_ms("rest", 1_000)]);
    let settings = json!({ "maxConcurrentRuns": 2, "onConflict": "cancel_previous" });
    let workflow = limited(&server, rest, settings).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        let run = start(&server, &workflow, json!({})).await;
        until(&server, &run, "step.waiting", "rest").await;
        runs.push(run);
    }
    for (run, expected) in runs
        .iter()
        .zip(["cancelled", "cancelled", "running", "running"])
    {
        assert_eq!(status_of(&server, run).await, expected);
    }
    let events = Events::open(&server.admin(), &runs[0], None)
        .await
        .rest()
        .await;
    assert_eq!(events.last().expect("an end").data["by"], "onConflict");
    server.clock.advance_ms(1_000);
    for run in &runs[2..] {
        assert_eq!(ended(&server, run).await["status"], "completed");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_key_has_as_many_runs_as_the_server_allows_a_key() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.max_running_runs_per_key = 1;
    })
    .await;
    let workflow = server
        .workflow("resting", json!([wait_ms("rest", 1_000)]))
        .await;
    let (one, other) = (
        server.with(&["workflows:execute"]).await,
        server.with(&["workflows:execute"]).await,
    );
    let mut runs = Vec::new();
    for client in [&one, &one, &one, &other] {
        let started = start_as(client, &workflow, json!({})).await;
        runs.push(started["runId"].as_str().expect("an id").to_owned());
    }
    until(&server, &runs[0], "step.waiting", "rest").await;
    until(&server, &runs[3], "step.waiting", "rest").await;
    for run in &runs[1..3] {
        assert_eq!(status_of(&server, run).await, "pending");
    }
    // A cancelled run leaves the queue, and one that has begun makes room.
    for cancelled in [&runs[1], &runs[0]] {
        let path = format!("/api/v1/runs/{cancelled}/cancel");
        let answer = server.admin().post(&path, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    until(&server, &runs[2], "step.waiting", "rest").await;
    assert_eq!(run_of(&server, &runs[1]).await["startedAt"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn a_new_limit_counts_from_the_next_start_on() {
    let server = TestServer::start_with_manual_clock().await;
    let rest = json!([wait_ms("rest", 1_000)]);
    let workflow = limited(&server, rest.clone(), json!({ "maxConcurrentRuns": 1 })).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(start(&server, &workflow, json!({})).await);
    }
    until(&server, &runs[0], "step.waiting", "rest").await;
    let path = format!("/api/v1/workflows/{workflow}");
    let body = json!({
        "name": "limited", "trigger": { "type": "api" }, "steps": rest,
        "settings": { "maxConcurrentRuns": 10 },
    });
    let edited = server.admin().send(Method::PUT, &path, body).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    assert_eq!(edited.data()["settings"]["maxConcurrentRuns"], 10);
    runs.push(start(&server, &workflow, json!({})).await);
    for run in &runs {
        until(&server, run, "step.waiting", "rest").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn wrong_settings_are_refused_with_their_places() {
    let server = TestServer::start().await;
    let body = json!({
        "name": "wrong", "trigger": { "type": "api" }, "steps": [],
        "settings": {
            "timeoutMs": 0, "maxConcurrentRun": 5, "onConflict": "skip", "retention": { "maxRuns": -1 },
        },
    });
    let answer = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let details = answer.json()["error"]["details"].clone();
    let lines: Vec<String> = details
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| format!("{}: {}", one["place"], one["message"]).replace(['"', '\\'], ""))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    settings.maxConcurrentRun: there is no such field (did you mean `maxConcurrentRuns`?); there are: timeoutMs, maxConcurrentRuns, onConflict, retention
    settings.timeoutMs: it is 0; it must be a whole number from 1 to 2592000000
    settings.onConflict: `skip` says what happens beyond `maxConcurrentRuns`, which is missing; add it, for example `maxConcurrentRuns: 1`
    settings.retention.maxRuns: it is -1; it must be a whole number from 1 to 100000000
    ");
    server.stop().await;
}
