//! Times that pass while the server is not running.

use super::{cron, every, log, run_count, scheduled, standing, unlimited, until_firings};
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use serde_json::{Value, json};
use std::path::Path;

const MINUTE_MS: u64 = 60_000;

async fn restarted(data: &Path, clock: &Clock, key: &str) -> TestServer {
    let mut server = TestServer::open(data, clock.clone(), unlimited).await;
    if server.admin_key.is_empty() {
        key.clone_into(&mut server.admin_key);
    }
    server
}

fn with_policy(mut trigger: Value, policy: &str) -> Value {
    trigger["missedFires"] = json!(policy);
    trigger
}

#[tokio::test]
async fn missed_times_are_skipped_or_made_up_for_by_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(MONDAY_MS);
    let server = restarted(folder.path(), &clock, "").await;
    let key = server.admin_key.clone();
    let mut ids = Vec::new();
    for (trigger, policy) in [
        (cron("0 * * * *"), "skip"),
        (cron("0 * * * *"), "once"),
        (cron("*/1 * * * *"), "skip"),
        (cron("*/1 * * * *"), "once"),
        (every(90, "minutes"), "once"),
        (cron("0 9 * * *"), "once"),
    ] {
        let body = scheduled("missed", with_policy(trigger, policy));
        ids.push(server.workflow_with(body).await);
    }
    server.stop().await;
    // 13:30:10: three full hours have passed, and the last minute ten seconds ago.
    clock.advance_ms(210 * MINUTE_MS + 10_000);
    let server = restarted(folder.path(), &clock, &key).await;
    let admin = server.admin();
    let expected: [&[&str]; 6] = [
        &["2024-01-15T13:00 skipped_missed 3"],
        &["2024-01-15T13:00 started 3"],
        &[
            "2024-01-15T13:29 skipped_missed 209",
            "2024-01-15T13:30 started 0",
        ],
        &["2024-01-15T13:30 started 209"],
        &["2024-01-15T13:00 started 2"],
        &[],
    ];
    for (id, expected) in ids.iter().zip(expected) {
        until_firings(&admin, id, expected.len()).await;
        assert_eq!(log(&admin, id).await, expected);
        let started = expected
            .iter()
            .filter(|row| row.contains("started"))
            .count();
        assert_eq!(run_count(&server, id).await, started);
    }
    // A skipped time is no run, and the schedule goes on.
    let skipped = standing(&admin, &ids[0]).await;
    let next = json!({ "nextRunAt": "2024-01-15T14:00:00.000Z", "lastRunAt": null, "lastOutcome": "skipped_missed" });
    assert_eq!(skipped, next);
    assert_eq!(
        standing(&admin, &ids[4]).await["nextRunAt"],
        "2024-01-15T14:30:00.000Z"
    );
    let made_up = &until_firings(&admin, &ids[1], 1).await[0];
    let run = made_up["runId"].as_str().expect("a run");
    let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(run["input"]["scheduledAt"], "2024-01-15T13:00:00.000Z");
    assert_eq!(run["input"]["firedAt"], "2024-01-15T13:30:10.000Z");
    server.stop().await;
}

#[tokio::test]
async fn a_short_stop_misses_nothing_and_a_long_one_is_counted_to_a_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(MONDAY_MS);
    let server = restarted(folder.path(), &clock, "").await;
    let key = server.admin_key.clone();
    let hourly = server
        .workflow_with(scheduled("hourly", cron("0 * * * *")))
        .await;
    let minutely = server
        .workflow_with(scheduled("minutely", cron("* * * * *")))
        .await;
    server.stop().await;
    clock.advance_ms(60 * MINUTE_MS + 59_999);
    let server = restarted(folder.path(), &clock, &key).await;
    let admin = server.admin();
    until_firings(&admin, &hourly, 1).await;
    assert_eq!(log(&admin, &hourly).await, ["2024-01-15T11:00 started 0"]);
    until_firings(&admin, &minutely, 2).await;
    server.stop().await;

    clock.advance_ms(30 * 24 * 60 * MINUTE_MS);
    let server = restarted(folder.path(), &clock, &key).await;
    let admin = server.admin();
    until_firings(&admin, &minutely, 4).await;
    let expected = [
        "2024-02-14T10:59 skipped_missed 1000",
        "2024-02-14T11:00 started 0",
    ];
    assert_eq!(
        log(&admin, &minutely).await.get(2..),
        Some(&expected.map(str::to_owned)[..])
    );
    server.stop().await;
}
