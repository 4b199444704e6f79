//! Schedules, killed before and after each commit that a firing makes. No time of a schedule is lost, none is served twice.

use crate::examine::{Scene, ended, nothing_is_stuck};
use crate::server::{Server, Stop};
use crate::support::{Client, MONDAY_MS};
use flowlatch::clock::iso_utc;
use flowlatch::store::CommitPoint::{self, AfterCommit, BeforeCommit};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Short enough that what the server does every ten minutes is not met.
const STEP_MS: i64 = 120_000;

async fn scheduled(client: &Client, trigger: Value) -> String {
    let step = json!({ "id": "seen", "type": "transform", "config": { "sourceData": "{{input.scheduledAt}}" } });
    let body = json!({ "name": "scheduled", "trigger": trigger, "steps": [step] });
    let created = client.post("/api/v1/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}/activate");
    let activated = client.post(&path, Value::Null).await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
    id
}

async fn restarted(scene: &mut Scene, clock_ms: i64) -> Server {
    scene.setting.clock_ms = Some(clock_ms);
    scene.server().await
}

/// The log, oldest first, as soon as its newest row is of this time.
async fn until_logged(client: &Client, workflow: &str, scheduled_ms: i64) -> Vec<Value> {
    let path = format!("/api/v1/workflows/{workflow}/firings?limit=100");
    loop {
        let mut rows = client.get(&path).await.data();
        let rows = rows.as_array_mut().expect("a list");
        if rows
            .first()
            .is_some_and(|row| row["scheduledAt"] == iso_utc(scheduled_ms))
        {
            rows.reverse();
            return rows.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_around_a_firing_loses_no_time_and_serves_none_twice() {
    let mut scene = Scene::new().await;
    let mut now_ms = MONDAY_MS;
    let mut server = restarted(&mut scene, now_ms).await;
    let trigger = json!({ "type": "schedule", "cron": "*/2 * * * *", "missedFires": "once" });
    let workflow = scheduled(&server.client, trigger).await;

    let mut expected = Vec::new();
    // The first commit has the firing and its run, the second the run's end.
    for commit in 1..=2 {
        for point in [BeforeCommit, AfterCommit] {
            server.stop_at(Stop { point, commit }).await;
            server.advance(STEP_MS);
            server.stopped().await;
            server.kill();
            now_ms += STEP_MS;
            // In time, or long after.
            let later_ms = if commit == 1 { STEP_MS * 3 / 4 } else { 5_000 };
            server = restarted(&mut scene, now_ms + later_ms).await;
            until_logged(&server.client, &workflow, now_ms).await;
            expected.push(iso_utc(now_ms));
            server.advance(STEP_MS - later_ms);
            now_ms += STEP_MS;
            until_logged(&server.client, &workflow, now_ms).await;
            expected.push(iso_utc(now_ms));
        }
    }
    let rows = until_logged(&server.client, &workflow, now_ms).await;
    let served: Vec<&Value> = rows.iter().map(|row| &row["scheduledAt"]).collect();
    assert_eq!(served, expected.iter().collect::<Vec<_>>());
    for (count, row) in rows.iter().enumerate() {
        assert_eq!(row["outcome"], "started");
        let run = ended(&server.client, row["runId"].as_str().expect("a run")).await;
        assert_eq!(run["status"], "completed");
        assert_eq!(run["output"], row["scheduledAt"]);
        assert_eq!(run["input"]["runCount"], count + 1);
    }
    let runs = server.client.get("/api/v1/runs?limit=100").await.data();
    assert_eq!(
        runs.as_array().map(Vec::len),
        Some(rows.len()),
        "a run for each time"
    );
    nothing_is_stuck(&server.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_missed_times_are_looked_at_is_as_if_nothing_had_been() {
    for (policy, point, commit) in [
        ("once", BeforeCommit, 1),
        ("once", AfterCommit, 1),
        ("skip", BeforeCommit, 1),
        ("skip", AfterCommit, 1),
        ("skip", BeforeCommit, 2),
        ("skip", AfterCommit, 2),
    ] {
        killed_over_missed_times(policy, point, commit).await;
    }
}

/// Three times pass, and the fourth is there, when the clock jumps.
async fn killed_over_missed_times(policy: &str, point: CommitPoint, commit: i64) {
    let mut scene = Scene::new().await;
    let mut server = restarted(&mut scene, MONDAY_MS).await;
    let trigger = json!({ "type": "schedule", "cron": "*/2 * * * *", "missedFires": policy });
    let workflow = scheduled(&server.client, trigger).await;
    server.stop_at(Stop { point, commit }).await;
    server.advance(4 * STEP_MS);
    server.stopped().await;
    server.kill();
    let mut server = restarted(&mut scene, MONDAY_MS + 4 * STEP_MS + 10_000).await;
    let last_ms = MONDAY_MS + 4 * STEP_MS;
    until_logged(&server.client, &workflow, last_ms).await;
    server.advance(STEP_MS);
    let rows = until_logged(&server.client, &workflow, last_ms + STEP_MS).await;
    let shown: Vec<Value> = rows
        .iter()
        .map(|row| json!([row["scheduledAt"], row["outcome"], row["missed"]]))
        .collect();
    let row = |hour: i64, outcome: &str, missed: u32| {
        json!([iso_utc(MONDAY_MS + hour * STEP_MS), outcome, missed])
    };
    let expected = match policy {
        "once" => vec![row(4, "started", 3), row(5, "started", 0)],
        _ => vec![
            row(3, "skipped_missed", 3),
            row(4, "started", 0),
            row(5, "started", 0),
        ],
    };
    assert_eq!(shown, expected, "{policy} {point:?} {commit}");
    for row in rows.iter().filter(|row| row["outcome"] == "started") {
        ended(&server.client, row["runId"].as_str().expect("a run")).await;
    }
    let runs = server.client.get("/api/v1/runs").await.data();
    assert_eq!(
        runs.as_array().map(Vec::len),
        Some(2),
        "{policy} {point:?} {commit}"
    );
}
