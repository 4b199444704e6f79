//! Schedules as pages: when they fire, what became of their times, and their pause.

use super::Browser;
use crate::schedules::{cron, every, scheduled, server, until_firings};
use serde_json::{Value, json};

const MINUTE_MS: u64 = 60_000;

#[tokio::test]
async fn every_schedule_is_listed_with_its_next_and_its_last_time() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let empty = browser.get("/dashboard/schedules").await;
    assert!(
        empty.text.contains("No workflow was ever active"),
        "{}",
        empty.text
    );
    let mut at_noon = cron("0 12 * * MON-FRI");
    at_noon["timezone"] = json!("Europe/Berlin");
    at_noon["missedFires"] = json!("once");
    server.workflow_with(scheduled("at <noon>", at_noon)).await;
    let often = server
        .workflow_with(scheduled("often", every(15, "minutes")))
        .await;
    let odd = scheduled("odd", cron("0 0 1 * MON"));
    server.workflow_with(odd).await;
    server.workflow("no schedule", json!([])).await;
    let draft = scheduled("draft", every(1, "days"));
    server.admin().post("/api/v1/workflows", draft).await;

    let page = browser.get("/dashboard/schedules").await;
    for shown in [
        "at &#60;noon&#62;",
        "<code>0 12 * * MON-FRI</code>",
        "at 12:00, Monday to Friday",
        "Europe/Berlin",
        "2024-01-15T11:00:00.000Z",
        "made up for by one run",
        "every 15 minutes",
        "2024-01-15T10:15:00.000Z",
        "<code>0 0 1 * MON</code>",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    for hidden in ["<noon>", "no schedule", "draft", "started a run"] {
        assert!(!page.text.contains(hidden), "{hidden}: {}", page.text);
    }
    server.clock.advance_ms(15 * MINUTE_MS);
    let fired = until_firings(&server.admin(), &often, 1).await;
    let run = fired[0]["runId"].as_str().expect("a run");
    let page = browser.get("/dashboard/schedules").await;
    let link = format!("runs/{run}\">started a run");
    assert!(page.text.contains(&link), "{}", page.text);
    assert!(
        page.text.contains("2024-01-15T10:30:00.000Z"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn the_log_of_a_schedule_is_shown_by_pages() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let mut body = scheduled("often", every(1, "minutes"));
    body["inputSchema"] = json!({ "type": "object", "required": ["amount"] });
    let failing = server.workflow_with(body).await;
    let one = format!("/dashboard/schedules/{failing}");
    let page = browser.get(&one).await;
    assert!(page.text.contains("None has come yet"), "{}", page.text);
    for fired in 1..=51 {
        server.clock.advance_ms(MINUTE_MS);
        until_firings_many(&server.admin(), &failing, fired).await;
    }
    let page = browser.get(&one).await;
    assert!(page.text.contains("failed to start") && page.text.contains("amount"));
    assert!(!page.text.contains("started a run"), "{}", page.text);
    let first = "2024-01-15T10:01:00.000Z";
    assert!(!page.text.contains(first), "{}", page.text);
    let (_, rest) = page
        .text
        .split_once("rel=\"next\" href=\"")
        .expect("a link");
    let next = rest.split('"').next().expect("its end");
    let older = browser.get(&format!("{one}{next}")).await;
    assert!(older.text.contains(first) && !older.text.contains("rel=\"next\""));
}

/// Returns when the log has so many rows; more than a page of the API may be asked for.
async fn until_firings_many(client: &crate::support::Client, workflow: &str, count: usize) {
    if count <= 50 {
        until_firings(client, workflow, count).await;
        return;
    }
    let path = format!("/api/v1/workflows/{workflow}/firings?limit=100");
    while client.get(&path).await.data().as_array().map(Vec::len) < Some(count) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_schedule_is_paused_and_resumed_as_its_workflow() {
    let server = server().await;
    let browser = Browser::signed_in(&server).await;
    let often = server
        .workflow_with(scheduled("often", every(15, "minutes")))
        .await;
    let one = format!("/dashboard/schedules/{often}");
    let status = async || -> Value {
        let shown = server
            .admin()
            .get(&format!("/api/v1/workflows/{often}"))
            .await;
        shown.data()["status"].clone()
    };
    for (action, now, other) in [("pause", "paused", "resume"), ("resume", "active", "pause")] {
        let page = browser.post(&format!("{one}/{action}"), &[]).await;
        assert_eq!(page.status, 303, "{}", page.text);
        assert_eq!(status().await, now);
        let page = browser.get(&one).await;
        assert!(
            page.text.contains(&format!("class=\"status {now}\"")),
            "{}",
            page.text
        );
        assert!(page.text.contains(&format!("/{other}\"")), "{}", page.text);
        assert!(
            !page.text.contains(&format!("/{action}\"")),
            "{}",
            page.text
        );
        let is_due = page.text.contains("2024-01-15T10:15:00.000Z");
        assert_eq!(is_due, now == "active", "{}", page.text);
    }
    let nowhere = "/dashboard/schedules/01890000-0000-7000-8000-000000000000";
    assert_eq!(browser.get(nowhere).await.status, 404);
    assert_eq!(
        browser.post(&format!("{nowhere}/pause"), &[]).await.status,
        404
    );
}
