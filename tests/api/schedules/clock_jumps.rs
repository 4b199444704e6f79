//! A wall clock that somebody sets by a day, forward and back, while the server runs.

use super::{cron, every, log, run_count, scheduled, server, until_firings, until_next};
use serde_json::json;
use std::collections::HashSet;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn a_day_forward_is_a_day_of_missed_times() {
    let server = server().await;
    let admin = server.admin();
    let skipping = server
        .workflow_with(scheduled("skipping", cron("30 * * * *")))
        .await;
    let once = json!({ "cron": "30 * * * *", "missedFires": "once" });
    let once = server.workflow_with(scheduled("once", once)).await;
    server.clock.jump_ms(DAY_MS);
    for (workflow, word) in [(&skipping, "skipped_missed"), (&once, "started")] {
        until_firings(&admin, workflow, 1).await;
        assert_eq!(
            log(&admin, workflow).await,
            [format!("2024-01-16T09:30 {word} 24")]
        );
        until_next(&admin, workflow, "2024-01-16T10:30:00.000Z").await;
    }
    server.clock.advance_ms(HOUR_MS / 2);
    until_firings(&admin, &once, 2).await;
    assert_eq!(log(&admin, &once).await[1], "2024-01-16T10:30 started 0");
    server.stop().await;
}

#[tokio::test]
async fn a_day_back_repeats_nothing_that_was_served() {
    let server = server().await;
    let admin = server.admin();
    let hourly = server
        .workflow_with(scheduled("hourly", cron("0 * * * *")))
        .await;
    for hour in 1..=3 {
        server.clock.advance_ms(HOUR_MS);
        until_firings(&admin, &hourly, hour).await;
    }
    // 13:00 becomes 10:30: the next times have all been served.
    server.clock.jump_ms(-9_000_000);
    server.clock.advance_ms(60_000);
    until_next(&admin, &hourly, "2024-01-15T11:00:00.000Z").await;
    for (advance_ms, next) in [
        (29 * 60_000, "2024-01-15T12:00:00.000Z"),
        (HOUR_MS, "2024-01-15T13:00:00.000Z"),
        (HOUR_MS, "2024-01-15T14:00:00.000Z"),
    ] {
        server.clock.advance_ms(advance_ms);
        until_next(&admin, &hourly, next).await;
    }
    server.clock.advance_ms(HOUR_MS);
    until_firings(&admin, &hourly, 4).await;
    let log = log(&admin, &hourly).await;
    assert_eq!(log.iter().collect::<HashSet<_>>().len(), 4, "{log:?}");
    assert_eq!(run_count(&server, &hourly).await, 4);
    server.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_wrong_for_a_while_silences_no_schedule() {
    let server = server().await;
    let admin = server.admin();
    let daily = server
        .workflow_with(scheduled("daily", cron("0 12 * * *")))
        .await;
    let hourly = server
        .workflow_with(scheduled("hourly", every(1, "hours")))
        .await;
    server.clock.jump_ms(DAY_MS);
    until_next(&admin, &daily, "2024-01-16T12:00:00.000Z").await;
    until_next(&admin, &hourly, "2024-01-16T11:00:00.000Z").await;
    let late = server
        .workflow_with(scheduled("late", every(1, "hours")))
        .await;
    until_next(&admin, &late, "2024-01-16T11:00:00.000Z").await;
    server.clock.jump_ms(-DAY_MS);
    server.clock.advance_ms(60_000);
    until_next(&admin, &daily, "2024-01-15T12:00:00.000Z").await;
    until_next(&admin, &hourly, "2024-01-15T11:00:00.000Z").await;
    until_next(&admin, &late, "2024-01-15T11:01:00.000Z").await;
    for (advance_ms, workflow, rows) in [(59 * 60_000, &hourly, 3), (HOUR_MS, &hourly, 4)] {
        server.clock.advance_ms(advance_ms);
        until_firings(&admin, workflow, rows).await;
    }
    until_firings(&admin, &daily, 2).await;
    let expected = [
        "2024-01-15T12:00 skipped_missed 1",
        "2024-01-15T12:00 started 0",
    ];
    assert_eq!(log(&admin, &daily).await, expected);
    server.stop().await;
}
