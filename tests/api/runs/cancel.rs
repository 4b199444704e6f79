//! Cancelling: whatever a run is doing, it wins or loses cleanly.

use super::{call, ended, logs_of, run_of, server_with_upstream, set, start, steps_of, wait_ms};
use crate::events::Events;
use crate::support::{Answer, MONDAY_MS, TestServer};
use crate::upstream::Upstream;
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn cancel(server: &TestServer, run: &str) -> Answer {
    let path = format!("/api/v1/runs/{run}/cancel");
    server.admin().post(&path, Value::Null).await
}

async fn cancelled(server: &TestServer, run: &str) {
    let answer = cancel(server, run).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.data()["status"], "cancelled");
    assert_eq!(answer.data()["id"], run);
    let events = Events::open(&server.admin(), run, None).await.rest().await;
    assert_eq!(events.last().expect("an end").name, "run.cancelled");
}

#[tokio::test]
async fn a_run_that_waits_for_its_turn_is_cancelled_and_never_begins() {
    let upstream = Upstream::start().await;
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        config.max_running_runs = 1;
    })
    .await;
    let gate = upstream.hold("/held");
    let workflow = server
        .workflow("one", json!([call("c", &upstream.url("/held"))]))
        .await;
    let first = start(&server, &workflow, json!({})).await;
    upstream.until_called("/held", 1).await;
    let second = start(&server, &workflow, json!({})).await;
    assert_eq!(run_of(&server, &second).await["status"], "pending");
    cancelled(&server, &second).await;
    gate.open();
    assert_eq!(ended(&server, &first).await["status"], "completed");
    // The next run gets the slot: the cancelled one neither keeps it nor has called anybody.
    let third = start(&server, &workflow, json!({})).await;
    assert_eq!(ended(&server, &third).await["status"], "completed");
    assert_eq!(upstream.calls("/held").len(), 2);
    assert_eq!(run_of(&server, &second).await["status"], "cancelled");
    assert_eq!(run_of(&server, &second).await["startedAt"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_rests_is_cancelled_and_stays_so_when_its_moment_comes() {
    let (server, upstream) = server_with_upstream().await;
    let steps = json!([
        set("before", json!("kept")),
        wait_ms("rest", 1_000),
        call("after", &upstream.url("/after")),
    ]);
    let workflow = server.workflow("resting", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    super::until(&server, &run, "step.waiting", "rest").await;
    let by = server.admin();
    cancelled(&server, &run).await;
    server.clock.advance_ms(2_000);
    // Another run over the same moment shows that the timers have gone on.
    let other = start(&server, &workflow, json!({})).await;
    super::until(&server, &other, "step.waiting", "rest").await;
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &other).await["status"], "completed");
    assert_eq!(upstream.calls("/after").len(), 1);
    assert_eq!(run_of(&server, &run).await["status"], "cancelled");
    let statuses: Vec<(String, String, u64)> = steps_of(&server, &run).await;
    let statuses: Vec<&str> = statuses.iter().map(|step| step.1.as_str()).collect();
    assert_eq!(statuses, ["completed", "cancelled", "pending"]);
    assert_eq!(logs_of(&server, &run).await[0]["output"], "kept");
    let events = Events::open(&by, &run, None).await.rest().await;
    let label = &by.key.as_ref().expect("a key")[4..12];
    assert_eq!(events.last().expect("an end").data["by"], label);
    server.stop().await;
}

#[tokio::test]
async fn a_call_under_way_is_dropped() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/held");
    let workflow = server
        .workflow("calling", json!([call("c", &upstream.url("/held"))]))
        .await;
    let run = start(&server, &workflow, json!({})).await;
    upstream.until_called("/held", 1).await;
    cancelled(&server, &run).await;
    upstream.until_dropped(1).await;
    assert_eq!(
        steps_of(&server, &run).await,
        [("c".to_owned(), "cancelled".to_owned(), 1)]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_caller_is_told_of_the_cancel() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/held");
    let workflow = server
        .workflow("calling", json!([call("c", &upstream.url("/held"))]))
        .await;
    let admin = server.admin();
    let caller = tokio::spawn(async move { admin.run(&workflow, json!({})).await });
    upstream.until_called("/held", 1).await;
    let listed = server.admin().get("/api/v1/runs").await;
    let run = listed.data()[0]["id"].as_str().expect("an id").to_owned();
    cancelled(&server, &run).await;
    assert_eq!(caller.await.expect("an answer")["status"], "cancelled");
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_has_ended_is_not_cancelled() {
    let server = TestServer::start().await;
    let good = server.workflow("good", json!([set("s", json!(1))])).await;
    let run = server.admin().run(&good, json!({})).await["runId"].clone();
    let run = run.as_str().expect("an id");
    let before = run_of(&server, run).await;
    let answer = cancel(&server, run).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(
        answer.json()["error"]["message"],
        "the run is already `completed`; only an unfinished run can be cancelled"
    );
    assert_eq!(run_of(&server, run).await, before);
    let unknown = cancel(&server, "run_unknown").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn of_a_cancel_and_an_end_exactly_one_wins() {
    let (server, upstream) = server_with_upstream().await;
    let workflow = server
        .workflow("raced", json!([call("c", &upstream.url("/held"))]))
        .await;
    let (mut won, mut lost) = (0, 0);
    for round in 0..40 {
        let gate = upstream.hold("/held");
        let run = start(&server, &workflow, json!({})).await;
        upstream.until_called("/held", round + 1).await;
        let opening = tokio::spawn(async move {
            // Sometimes the end has a start, sometimes the cancel.
            for _ in 0..round * 4 {
                tokio::task::yield_now().await;
            }
            gate.open();
            gate
        });
        let answer = cancel(&server, &run).await;
        let expected = match answer.status {
            StatusCode::OK => {
                won += 1;
                "cancelled"
            }
            StatusCode::CONFLICT => {
                lost += 1;
                "completed"
            }
            other => panic!("{other}: {}", answer.text),
        };
        let _gate = opening.await.expect("it opens");
        assert_eq!(ended(&server, &run).await["status"], expected);
        let events = Events::open(&server.admin(), &run, None).await.rest().await;
        let ends: Vec<_> = events
            .iter()
            .filter(|event| event.name.starts_with("run.") && event.name != "run.started")
            .collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
        assert_eq!(run_of(&server, &run).await["status"], expected);
    }
    assert_eq!(won + lost, 40);
    server.stop().await;
}
