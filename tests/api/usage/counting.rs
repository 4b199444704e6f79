//! How usage is counted: each request and each run once, for the right key, on the right day.

use super::{id, requests, runs, server, totals, usage};
use crate::events::Events;
use crate::runs::{call, set, wait_ms, with};
use crate::support::{Client, MONDAY_MS, TestServer};
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn each_request_counts_once_in_its_category_or_as_refused() {
    let server = server().await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let body = json!({
        "name": "k", "scopes": ["workflows:read", "workflows:execute", "usage:read"], "limits": { "execute": 2 },
    });
    let (record, key) = server.with_key(body).await;
    let one = format!("/api/v1/workflows/{workflow}");
    let run = format!("{one}/run");
    for (method, path, status) in [
        (Method::GET, one.as_str(), 200),
        (Method::HEAD, one.as_str(), 200),
        (Method::GET, "/api/v1/workflows/none", 404),
        (Method::GET, "/api/v1/auth/api-keys/self", 200),
        // Let in and then found wrong.
        (Method::POST, run.as_str(), 202),
        (Method::POST, run.as_str(), 202),
        // Over the limit, and without the scope.
        (Method::POST, run.as_str(), 429),
        (Method::POST, "/api/v1/workflows", 403),
        (Method::GET, "/api/v1/runs", 403),
        // No endpoint is no request of a key.
        (Method::GET, "/api/v1/nothing", 404),
        (Method::DELETE, "/api/v1/usage", 405),
    ] {
        let answer = key
            .request(method.clone(), path)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
    }
    // A stranger with the key's public part is nobody's request.
    let stranger = server.client(Some(crate::access::forged::with_another_secret(
        key.key.as_deref().expect("a text"),
    )));
    assert_eq!(stranger.get(&one).await.status, StatusCode::UNAUTHORIZED);
    // The request that asks is counted too.
    let seen = usage(&key, "").await;
    assert_eq!(seen["totals"]["requests"], requests(5, 0, 2, 3));
    assert_eq!(seen["keyId"], record["id"]);
    let again = usage(&key, "").await;
    assert_eq!(again["totals"]["requests"], requests(6, 0, 2, 3));
    server.stop().await;
}

#[tokio::test]
async fn totals_are_exact_under_requests_from_everywhere_and_outlive_a_restart() {
    const CLIENTS: u64 = 8;
    const EACH: u64 = 60;
    let folder = tempfile::tempdir().expect("a folder");
    let unlimited = |config: &mut flowlatch::config::Config| config.limit_read = Limit::Unlimited;
    let server = TestServer::open(folder.path(), Clock::system(), unlimited).await;
    let (record, key) = server
        .with_key(json!({ "name": "k", "scopes": ["workflows:read", "usage:read"] }))
        .await;
    let asking = (0..CLIENTS).map(|_| {
        let key = key.clone();
        tokio::spawn(async move {
            for n in 0..EACH {
                // While others come in, counters are taken out and written.
                let path = if n % 20 == 0 {
                    "/api/v1/usage"
                } else {
                    "/api/v1/workflows"
                };
                assert_eq!(key.get(path).await.status, StatusCode::OK);
            }
        })
    });
    for asking in asking.collect::<Vec<_>>() {
        asking.await.expect("no panic");
    }
    let all = CLIENTS * EACH;
    let seen = usage(&key, "?from=2024-06-01&to=2025-01-01").await;
    assert_eq!(seen["days"], json!([]), "nothing of other days");
    assert_eq!(
        usage(&key, "").await["totals"]["requests"],
        requests(all + 2, 0, 0, 0)
    );
    let key_text = server.admin_key.clone();
    server.stop().await;

    let server = TestServer::open(folder.path(), Clock::system(), unlimited).await;
    let admin = server.client(Some(key_text));
    let kept = usage(&admin, &format!("?keyId={}", id(&record))).await;
    assert_eq!(kept["totals"]["requests"], requests(all + 2, 0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn requests_and_runs_stand_on_the_day_on_which_they_were() {
    let server = server().await;
    let workflow = server.workflow("w", json!([wait_ms("rest", 60_000)])).await;
    let (_, key) = server
        .with_key(
            json!({ "name": "k", "scopes": ["workflows:execute", "runs:read", "usage:read"] }),
        )
        .await;
    // 30 s before midnight.
    server.clock.jump_ms(14 * 3_600_000 - 30_000);
    let run = started(&key, &workflow).await;
    let mut events = Events::open(&key, &run, None).await;
    events.until("step.waiting").await;
    server.clock.advance_ms(60_000);
    events.rest().await;
    let seen = usage(&key, "").await;
    assert_eq!(
        (&seen["from"], &seen["to"]),
        (&json!("2023-12-18"), &json!("2024-01-16"))
    );
    let day = |date: &str, requests: Value, runs: Value, steps: u64, seconds: f64| {
        json!({
            "date": date, "requests": requests, "runs": runs, "steps": steps, "seconds": seconds, "credits": 0,
        })
    };
    let second = day(
        "2024-01-16",
        requests(1, 0, 0, 0),
        runs(0, 1, 0, 0),
        1,
        60.0,
    );
    let first = day("2024-01-15", requests(1, 0, 1, 0), runs(1, 0, 0, 0), 0, 0.0);
    assert_eq!(seen["days"], json!([second, first]), "newest first");
    assert_eq!(seen["totals"]["requests"], requests(2, 0, 1, 0));
    assert_eq!(seen["totals"]["runs"], runs(1, 1, 0, 0));
    // A clock that is set back counts where it stands.
    server.clock.jump_ms(-(DAY_MS as i64));
    let seen = usage(&key, "?from=2024-01-15&to=2024-01-15").await;
    assert_eq!(seen["totals"]["requests"], requests(2, 0, 1, 0));
    assert_eq!(seen["totals"]["runs"], runs(1, 0, 0, 0));
    server.stop().await;
}

async fn started(client: &Client, workflow: &str) -> String {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = client.post(&path, json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn runs_count_for_whoever_started_them_with_every_attempt_and_every_run_below() {
    let server = server().await;
    let below = server
        .workflow("below", json!([set("a", json!(1)), set("b", json!(2))]))
        .await;
    let above = json!([
        { "id": "sub", "type": "subworkflow", "config": { "workflowId": below } },
        { "id": "free", "type": "subworkflow", "config": { "workflowId": below, "waitForCompletion": false } },
    ]);
    let above = server.workflow("above", above).await;
    // Two attempts, then one that fails for good.
    let upstream = Upstream::start().await;
    upstream.answer("/flaky", |_, call| {
        Reply::json(if call == 1 { 503 } else { 200 }, &json!({}))
    });
    upstream.answer("/broken", |_, _| Reply::json(404, &json!({})));
    let retried =
        json!({ "retryConfig": { "maxAttempts": 2, "initialDelayMs": 5, "jitter": false } });
    let broken = json!([
        with(call("flaky", &upstream.url("/flaky")), retried),
        call("broken", &upstream.url("/broken")),
    ]);
    let broken = server.workflow("broken", broken).await;
    let (record, key) = server
        .with_key(json!({ "name": "k", "scopes": ["workflows:execute", "runs:read"] }))
        .await;
    assert_eq!(key.run(&above, json!({})).await["status"], "completed");
    // The run that nobody waits for may still be under way.
    loop {
        let seen = totals(&server, &id(&record)).await;
        if seen["runs"]["completed"] == 3 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let seen = totals(&server, &id(&record)).await;
    assert_eq!(seen["runs"], runs(3, 3, 0, 0));
    assert_eq!(seen["steps"], 6, "two above, and two in each below");

    let failed = started(&key, &broken).await;
    let mut events = Events::open(&key, &failed, None).await;
    events.until("step.failed").await;
    server.clock.advance_ms(10);
    events.rest().await;
    let seen = totals(&server, &id(&record)).await;
    assert_eq!(seen["runs"], runs(4, 3, 1, 0));
    assert_eq!(seen["steps"], 9);

    server.stop().await;
}

#[tokio::test]
async fn who_cancels_has_not_started_and_who_retries_has() {
    let server = server().await;
    let slow = json!([set("s", json!(1)), wait_ms("rest", 9_000_000)]);
    let slow = server.workflow("slow", slow).await;
    let (record, key) = server
        .with_key(json!({ "name": "k", "scopes": ["workflows:execute", "runs:read"] }))
        .await;
    let run = started(&key, &slow).await;
    let mut events = Events::open(&key, &run, None).await;
    events.until("step.waiting").await;
    server.clock.advance_ms(2_500);
    let admin = server.admin();
    for (verb, status) in [("cancel", StatusCode::OK), ("retry", StatusCode::ACCEPTED)] {
        let answer = admin
            .post(&format!("/api/v1/runs/{run}/{verb}"), json!({}))
            .await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let seen = totals(&server, &id(&record)).await;
        assert_eq!(seen["runs"], runs(1, 0, 0, 1), "{verb}");
        assert_eq!((&seen["steps"], &seen["seconds"]), (&json!(1), &json!(2.5)));
    }
    let own = usage(&admin, "").await["totals"].clone();
    assert_eq!(own["runs"], runs(1, 0, 0, 0));
    server.stop().await;
}

#[tokio::test]
async fn what_a_retry_takes_over_is_not_counted_again() {
    let server = server().await;
    let steps = json!([
        set("a", json!(1)),
        set("b", json!(2)),
        wait_ms("rest", 1_000)
    ]);
    let workflow = server.workflow("w", steps).await;
    let (record, key) = server
        .with_key(json!({ "name": "k", "scopes": ["workflows:execute", "runs:read"] }))
        .await;
    let first = started(&key, &workflow).await;
    Events::open(&key, &first, None)
        .await
        .until("step.waiting")
        .await;
    for verb in ["cancel", "retry"] {
        let answer = key
            .post(&format!("/api/v1/runs/{first}/{verb}"), json!({}))
            .await;
        assert!(answer.status.is_success(), "{}", answer.text);
        if verb == "retry" {
            let second = answer.data()["runId"].as_str().expect("an id").to_owned();
            let mut events = Events::open(&key, &second, None).await;
            events.until("step.waiting").await;
            server.clock.advance_ms(1_000);
            events.rest().await;
        }
    }
    let seen = totals(&server, &id(&record)).await;
    assert_eq!(seen["runs"], runs(2, 1, 0, 1));
    assert_eq!(seen["steps"], 3, "a and b once, and the wait");
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_key_stays_one_and_the_clock_and_other_services_have_rows_of_their_own() {
    let server = server().await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let (record, old) = server
        .with_key(json!({ "name": "k", "scopes": ["workflows:execute"] }))
        .await;
    old.run(&workflow, json!({})).await;
    let admin = server.admin();
    for _ in 0..2 {
        let path = format!("/api/v1/auth/api-keys/{}/rotate", id(&record));
        let rotated = admin.post(&path, json!({})).await.data();
        let new = server.client(Some(rotated["key"].as_str().expect("a text").to_owned()));
        new.run(&workflow, json!({})).await;
    }
    let seen = totals(&server, &id(&record)).await;
    assert_eq!(seen["runs"], runs(3, 3, 0, 0));
    assert_eq!(seen["requests"], requests(0, 0, 3, 0));

    let hooked =
        json!({ "name": "h", "trigger": { "type": "webhook" }, "steps": [set("s", json!(1))] });
    let hooked = server.workflow_with(hooked).await;
    let received = server
        .anonymous()
        .post(&format!("/webhooks/custom/{hooked}"), json!({}))
        .await;
    let event = received.json()["eventId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let scheduled = json!({ "type": "schedule", "cron": "* * * * *" });
    let scheduled = json!({ "name": "s", "trigger": scheduled, "steps": [set("s", json!(1))] });
    server.workflow_with(scheduled).await;
    server.clock.advance_ms(60_000);
    for account in ["webhook", "schedule"] {
        loop {
            let seen = totals(&server, account).await;
            if seen["runs"] == runs(1, 1, 0, 0) {
                assert_eq!(seen["requests"], requests(0, 0, 0, 0), "{account}");
                assert_eq!(seen["steps"], 1, "{account}");
                break;
            }
            assert!(
                seen["runs"]["started"].as_u64() <= Some(1),
                "{account}: {seen}"
            );
            tokio::task::yield_now().await;
        }
    }
    // Whoever has an event played again has started its runs.
    let path = format!("/api/v1/webhooks/events/{event}/replay");
    let answer = admin.post(&path, json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let own = usage(&admin, "").await["totals"].clone();
    assert_eq!(own["runs"]["started"], 1);
    assert_eq!(totals(&server, "webhook").await["runs"]["started"], 1);
    server.stop().await;
}

#[tokio::test]
async fn the_owner_of_the_folder_has_a_row_too() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |_| {}).await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    assert_eq!(server.owner("POST", &path).await, 202);
    assert_eq!(server.owner("GET", "/api/v1/usage").await, 200);
    let seen = totals(&server, "control").await;
    assert_eq!(seen["requests"], requests(1, 0, 1, 0));
    assert_eq!(seen["runs"]["started"], 1);
    server.stop().await;
}

#[tokio::test]
async fn days_that_are_not_kept_go() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.usage_days = 10;
    })
    .await;
    let admin = server.admin();
    usage(&admin, "").await;
    for (days, kept) in [(10, 1), (1, 0)] {
        server.clock.jump_ms(days * DAY_MS as i64);
        let pruned = admin.post("/api/v1/retention/prune", json!({})).await;
        assert_eq!(pruned.data()["keep"]["usageDays"], 10);
        let seen = usage(&admin, "?from=2024-01-15&to=2024-01-15").await;
        assert_eq!(seen["days"].as_array().map(Vec::len), Some(kept), "{seen}");
    }
    server.stop().await;
}
