//! Retrying a run: a new one, which keeps what the old one has recorded.

use super::{
    call, ended, logs_of, run_of, server_with_upstream, set, start, steps_of, wait_ms, with,
};
use crate::support::{Answer, TestServer};
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn retry(server: &TestServer, run: &str) -> Answer {
    let path = format!("/api/v1/runs/{run}/retry");
    server.admin().post(&path, Value::Null).await
}

#[tokio::test]
async fn a_retry_keeps_recorded_results_and_sends_the_same_idempotency_keys() {
    let (server, upstream) = server_with_upstream().await;
    upstream.reply("/ship", Reply::text(400, "out of stock"));
    let lookup = with(
        call("lookup", &upstream.url("/lookup")),
        json!({ "errorHandling": { "strategy": "continue", "fallback": { "region": "none" } } }),
    );
    upstream.reply("/lookup", Reply::text(404, "unknown"));
    let steps = json!([
        call("charge", &upstream.url("/charge")),
        lookup,
        call("ship", &upstream.url("/ship")),
        set(
            "out",
            json!("{{steps.charge.data.call}} {{steps.ship.data.call}} {{steps.lookup.region}}")
        ),
    ]);
    let workflow = server.workflow("order", steps).await;
    let first = start(&server, &workflow, json!({ "order": 5 })).await;
    let failed = ended(&server, &first).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"]["code"], "STEP_ERROR");
    assert_eq!(failed["error"]["stepId"], "ship");
    let message = failed["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("out of stock"), "{message}");
    let logs = logs_of(&server, &first).await;
    assert_eq!(logs[0]["output"]["data"]["call"], 1, "recorded steps stay");
    assert_eq!(logs[2]["status"], "failed");
    assert_eq!(logs[2]["error"]["code"], "HTTP_STATUS");
    assert_eq!(logs[3]["status"], "pending");

    let answer = retry(&server, &first).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(answer.data()["retryOf"], first);
    assert_eq!(answer.data()["runId"], answer.data()["run_id"]);
    let second = answer.data()["runId"].as_str().expect("an id").to_owned();
    assert_ne!(second, first);
    let done = ended(&server, &second).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"], "1 2 none");
    assert_eq!(done["retryOf"], first);
    assert_eq!(done["input"], json!({ "order": 5 }));
    assert_eq!(upstream.calls("/charge").len(), 1);
    assert_eq!(upstream.calls("/lookup").len(), 1);
    let keys: Vec<String> = upstream
        .calls("/ship")
        .iter()
        .map(|call| call.key().to_owned())
        .collect();
    assert_eq!(keys, [format!("{first}:ship"), format!("{first}:ship")]);
    assert_eq!(run_of(&server, &first).await, failed, "the old run stays");
    server.stop().await;
}

#[tokio::test]
async fn a_retry_of_a_retry_keeps_the_first_runs_keys() {
    let (server, upstream) = server_with_upstream().await;
    for _ in 0..2 {
        upstream.reply("/flaky", Reply::text(400, "no"));
    }
    let workflow = server
        .workflow("w", json!([call("c", &upstream.url("/flaky"))]))
        .await;
    let first = start(&server, &workflow, json!({})).await;
    let mut run = first.clone();
    for status in ["failed", "failed", "completed"] {
        assert_eq!(ended(&server, &run).await["status"], status);
        if status == "failed" {
            run = retry(&server, &run).await.data()["runId"]
                .as_str()
                .expect("an id")
                .to_owned();
        }
    }
    assert_eq!(upstream.calls("/flaky").len(), 3);
    for call in upstream.calls("/flaky") {
        assert_eq!(call.key(), format!("{first}:c"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_cancelled_run_is_retried_and_begins_its_open_step_anew() {
    let (server, upstream) = server_with_upstream().await;
    let steps = json!([call("c", &upstream.url("/c")), wait_ms("rest", 1_000)]);
    let workflow = server.workflow("w", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    super::until(&server, &run, "step.waiting", "rest").await;
    let path = format!("/api/v1/runs/{run}/cancel");
    server.admin().post(&path, Value::Null).await;
    server.clock.advance_ms(500);
    let again = retry(&server, &run).await.data()["runId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let waiting = super::until(&server, &again, "step.waiting", "rest").await;
    assert_eq!(
        waiting.moment("waitingUntil"),
        server.clock.now_ms() + 1_000
    );
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &again).await["status"], "completed");
    assert_eq!(upstream.calls("/c").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_step_with_a_time_limit_has_as_long_again_in_a_retry() {
    let (server, upstream) = server_with_upstream().await;
    let _gates = [upstream.hold("/slow"), upstream.hold("/slow")];
    let steps = json!([
        { "id": "go", "type": "parallel", "config": { "branches": [["slow"]], "timeoutMs": 1_000 } },
        call("slow", &upstream.url("/slow")),
    ]);
    let workflow = server.workflow("late", steps).await;
    let mut run = start(&server, &workflow, json!({})).await;
    for round in 1..=2 {
        upstream.until_called("/slow", round).await;
        server.clock.advance_ms(999);
        assert_eq!(run_of(&server, &run).await["status"], "running");
        server.clock.advance_ms(1);
        let failed = ended(&server, &run).await;
        let message = "step `go` failed: step `go` took longer than it may";
        assert_eq!(failed["error"]["message"], message);
        if round == 1 {
            let answer = retry(&server, &run).await;
            run = answer.data()["runId"].as_str().expect("an id").to_owned();
        }
    }
}

#[tokio::test]
async fn only_failed_and_cancelled_runs_of_active_workflows_are_retried() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/fails", |_, _| Reply::text(400, "no"));
    let good = server.workflow("good", json!([set("s", json!(1))])).await;
    let resting = server.workflow("rest", json!([wait_ms("w", 1_000)])).await;
    let bad = server
        .workflow("bad", json!([call("c", &upstream.url("/fails"))]))
        .await;
    let completed = start(&server, &good, json!({})).await;
    ended(&server, &completed).await;
    let running = start(&server, &resting, json!({})).await;
    let failed = start(&server, &bad, json!({})).await;
    ended(&server, &failed).await;
    let path = format!("/api/v1/workflows/{bad}/pause");
    server.admin().post(&path, Value::Null).await;
    for (run, part) in [
        (&completed, "completed"),
        (&running, "only a failed or cancelled run"),
        (&failed, "paused"),
    ] {
        let answer = retry(&server, run).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert!(answer.text.contains(part), "{}", answer.text);
    }
    let unknown = retry(&server, "run_unknown").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let listed = server.admin().get("/api/v1/runs").await;
    assert_eq!(listed.data().as_array().map(Vec::len), Some(3));
    assert_eq!(steps_of(&server, &failed).await[0].1, "failed");
    server.stop().await;
}
