//! `retryConfig`, `Retry-After`, `errorHandling` and timeouts of steps. Delays are moments on a clock that the test moves.

use super::{call, ended, logs_of, server_with_upstream, set, start, steps_of, until, with};
use crate::support::{MONDAY_MS, TestServer};
use crate::upstream::{Reply, Upstream};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Three attempts, 1 s and then 4 s apart, but never more than 3 s.
fn patient() -> Value {
    json!({ "retryConfig": {
        "maxAttempts": 4, "initialDelayMs": 1_000, "backoffMultiplier": 4.0, "maxDelayMs": 3_000, "jitter": false,
    } })
}

async fn workflow(server: &TestServer, upstream: &Upstream, fields: Value) -> String {
    let steps = json!([
        with(call("c", &upstream.url("/c")), fields),
        set("out", json!("{{steps.c.data.call}}")),
    ]);
    server.workflow("retrying", steps).await
}

#[tokio::test]
async fn attempts_follow_the_policy_to_the_millisecond() {
    let (server, upstream) = server_with_upstream().await;
    for status in [500, 408, 429] {
        upstream.reply("/c", Reply::text(status, "later"));
    }
    let workflow = workflow(&server, &upstream, patient()).await;
    let run = start(&server, &workflow, json!({})).await;
    let mut events = crate::events::Events::open(&server.admin(), &run, None).await;
    for (attempt, delay_ms) in [(1, 1_000), (2, 3_000), (3, 3_000)] {
        let failed = events.until("step.failed").await;
        let now_ms = server.clock.now_ms();
        assert_eq!(failed.data["attempt"], attempt);
        assert_eq!(failed.moment("retryAt"), now_ms + delay_ms);
        let log = &logs_of(&server, &run).await[0];
        assert_eq!(log["status"], "retrying");
        assert_eq!(
            log["waitingUntil"],
            flowlatch::clock::iso_utc(now_ms + delay_ms)
        );
        // A millisecond before the moment nothing happens; a run that starts and ends meanwhile shows that the timers
        // had every chance.
        server.clock.advance_ms(delay_ms as u64 - 1);
        server
            .admin()
            .run(
                &server.workflow("other", json!([set("s", json!(1))])).await,
                json!({}),
            )
            .await;
        assert_eq!(upstream.calls("/c").len(), attempt as usize);
        server.clock.advance_ms(1);
    }
    let run_data = ended(&server, &run).await;
    assert_eq!(run_data["status"], "completed");
    assert_eq!(run_data["output"], 4);
    assert_eq!(
        steps_of(&server, &run).await[0],
        ("c".into(), "completed".into(), 4)
    );
    for call in upstream.calls("/c") {
        assert_eq!(call.key(), format!("{run}:c"), "stable over attempts");
    }
    server.stop().await;
}

#[tokio::test]
async fn after_the_last_attempt_the_run_fails_with_what_was_said() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/c", |_, call| Reply::text(503, &format!("no {call}")));
    let workflow = workflow(
        &server,
        &upstream,
        json!({ "retryConfig": { "maxAttempts": 2, "initialDelayMs": 10, "jitter": true } }),
    )
    .await;
    let run = start(&server, &workflow, json!({})).await;
    let failed = until(&server, &run, "step.failed", "c").await;
    let retry_at = failed.moment("retryAt");
    assert!(
        (MONDAY_MS + 5..=MONDAY_MS + 10).contains(&retry_at),
        "half to all of the delay"
    );
    server.clock.advance_ms(10);
    let run_data = ended(&server, &run).await;
    assert_eq!(run_data["status"], "failed");
    assert!(
        run_data["error"]["message"]
            .as_str()
            .expect("a text")
            .contains("503")
    );
    assert!(
        run_data["error"]["message"]
            .as_str()
            .expect("a text")
            .contains("no 2")
    );
    assert_eq!(upstream.calls("/c").len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn retry_after_is_honoured_where_it_is_longer_than_the_policy() {
    let (server, upstream) = server_with_upstream().await;
    let say = |value: &str| Reply::text(429, "slow down").with("retry-after", value);
    upstream.reply("/c", say("60"));
    upstream.reply("/c", say("Mon, 15 Jan 2024 10:05:00 GMT"));
    upstream.reply("/c", say("1"));
    let workflow = workflow(&server, &upstream, patient()).await;
    let run = start(&server, &workflow, json!({})).await;
    let mut events = crate::events::Events::open(&server.admin(), &run, None).await;
    for delay_ms in [60_000, 240_000, 3_000] {
        let failed = events.until("step.failed").await;
        let retry_at = failed.moment("retryAt");
        assert_eq!(retry_at - server.clock.now_ms(), delay_ms);
        server.clock.advance_ms(delay_ms as u64);
    }
    assert_eq!(ended(&server, &run).await["status"], "completed");
    server.stop().await;
}

#[tokio::test]
async fn what_trying_again_cannot_mend_is_tried_once() {
    let (server, upstream) = server_with_upstream().await;
    let workflow = workflow(&server, &upstream, patient()).await;
    for (number, status) in [400, 401, 403, 404, 409, 410, 422].into_iter().enumerate() {
        upstream.reply("/c", Reply::text(status, "no").with("retry-after", "1"));
        let data = server.admin().run(&workflow, json!({})).await;
        assert_eq!(data["status"], "failed", "{status}");
        assert_eq!(upstream.calls("/c").len(), number + 1, "{status}");
    }
    let refused = with(call("c", "http://10.255.255.1/"), patient());
    let refused = server.workflow("refused", json!([refused])).await;
    let data = server.admin().run(&refused, json!({})).await;
    assert_eq!(data["status"], "failed");
    let message = data["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("outbound_allow"), "{message}");
    server.stop().await;
}

#[tokio::test]
async fn a_failed_step_may_be_let_go_with_a_fallback() {
    let (server, upstream) = server_with_upstream().await;
    upstream.reply("/c", Reply::text(400, "no"));
    let fields = json!({ "errorHandling": { "strategy": "continue", "fallback": { "data": { "call": "none" } } } });
    let workflow = workflow(&server, &upstream, fields).await;
    let data = server.admin().run(&workflow, json!({})).await;
    assert_eq!(data["status"], "completed");
    assert_eq!(data["output"], "none");
    let run = data["runId"].as_str().expect("an id");
    let log = &logs_of(&server, run).await[0];
    assert_eq!(log["status"], "failed");
    assert_eq!(log["error"]["code"], "HTTP_STATUS");
    assert_eq!(log["output"], json!({ "data": { "call": "none" } }));
    server.stop().await;
}

#[tokio::test]
async fn an_error_status_is_an_answer_where_it_is_asked_to_be() {
    let (server, upstream) = server_with_upstream().await;
    upstream.reply("/c", Reply::json(404, &json!({ "call": "gone" })));
    let url = upstream.url("/c");
    let step = with(
        call("c", &url),
        json!({ "config": { "url": url, "failOnError": false } }),
    );
    let steps = json!([step, set("out", json!("{{steps.c.status}} {{steps.c.ok}}"))]);
    let workflow = server.workflow("tolerant", steps).await;
    assert_eq!(
        server.admin().run(&workflow, json!({})).await["output"],
        "404 false"
    );
    server.stop().await;
}

#[tokio::test]
async fn an_attempt_that_takes_longer_than_its_timeout_has_failed() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/c");
    let workflow = workflow(&server, &upstream, json!({ "timeoutMs": 30 })).await;
    let data = server.admin().run(&workflow, json!({})).await;
    assert_eq!(data["status"], "failed");
    let run = data["runId"].as_str().expect("an id");
    assert_eq!(logs_of(&server, run).await[0]["error"]["code"], "TIMEOUT");
    upstream.until_dropped(1).await;
    server.stop().await;
}

/// Nobody knows whether a POST that was not answered in time took effect, so it is not sent again unasked.
#[tokio::test]
async fn a_late_answer_is_tried_again_only_where_that_is_safe() {
    let (server, upstream) = server_with_upstream().await;
    let mut gates = Vec::new();
    for (method, again, calls) in [("POST", false, 1), ("POST", true, 2), ("GET", false, 2)] {
        let path = format!("/{method}/{again}");
        gates.push(upstream.hold(&path));
        let url = upstream.url(&path);
        let step = with(
            call("c", &url),
            json!({
                "config": { "url": url, "method": method, "retryNonIdempotent": again },
                "timeoutMs": 30,
                "retryConfig": { "maxAttempts": 2, "initialDelayMs": 0 },
            }),
        );
        let workflow = server.workflow("late", json!([step])).await;
        let data = server.admin().run(&workflow, json!({})).await;
        let status = if calls == 1 { "failed" } else { "completed" };
        assert_eq!(data["status"], status, "{path}");
        assert_eq!(upstream.calls(&path).len(), calls, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_policy_is_refused_when_it_is_saved() {
    let (server, upstream) = server_with_upstream().await;
    let (url, admin) = (upstream.url("/c"), server.admin());
    for (fields, place) in [
        (
            json!({ "retryConfig": { "maxAttempts": 0 } }),
            "steps[0].retryConfig.maxAttempts",
        ),
        (
            json!({ "retryConfig": { "attempts": 3 } }),
            "steps[0].retryConfig",
        ),
        (json!({ "timeoutMs": -1 }), "steps[0].timeoutMs"),
        (
            json!({ "errorHandling": { "strategy": "ignore" } }),
            "steps[0].errorHandling",
        ),
        (json!({ "onUnknown": "perhaps" }), "steps[0].onUnknown"),
    ] {
        let body = json!({
            "name": "w", "trigger": { "type": "api" }, "steps": [with(call("c", &url), fields)],
        });
        let answer = admin.post("/api/v1/workflows", body).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{place}: {}",
            answer.text
        );
        let details = answer.json()["error"]["details"].to_string();
        assert!(details.contains(place), "{place}: {details}");
    }
    server.stop().await;
}
