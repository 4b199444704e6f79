//! A schedule from its definition to its end: what is refused, what a run sees, pausing, editing, purging.

use super::{
    cron, every, firings, log, run_count, scheduled, server, standing, unlimited, until_firings,
    until_next,
};
use crate::events::Events;
use crate::runs::set;
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_due_schedule_starts_a_run_that_knows_its_times() {
    let server = server().await;
    let admin = server.admin();
    let body = scheduled("each minute", cron("* * * * *"));
    let draft = admin.post("/api/v1/workflows", body.clone()).await;
    let nothing = json!({ "nextRunAt": null, "lastRunAt": null, "lastOutcome": null });
    assert_eq!(draft.data()["schedule"], nothing);
    let workflow = server.workflow_with(body).await;
    let path = format!("/api/v1/workflows/{workflow}");
    let shown = admin.get(&path).await.data();
    assert_eq!(shown["schedule"]["nextRunAt"], "2024-01-15T10:01:00.000Z");
    assert_eq!(shown["trigger"]["cron"], "* * * * *", "as it was written");
    server.clock.advance_ms(59_999);
    assert_eq!(firings(&admin, &workflow).await, [] as [Value; 0]);
    server.clock.advance_ms(3);
    let firing = until_firings(&admin, &workflow, 1).await.remove(0);
    let run = firing["runId"].as_str().expect("a run");
    let mut shown = firing.clone();
    shown["runId"] = json!("[run]");
    insta::assert_json_snapshot!(shown, @r#"
    {
      "error": null,
      "firedAt": "2024-01-15T10:01:00.002Z",
      "missed": 0,
      "outcome": "started",
      "runId": "[run]",
      "scheduledAt": "2024-01-15T10:01:00.000Z"
    }
    "#);
    Events::open(&admin, run, None).await.rest().await;
    let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(run["status"], "completed");
    assert_eq!(run["triggerType"], "schedule");
    assert_eq!(run["startedBy"], "schedule");
    let input = json!({
        "scheduledAt": "2024-01-15T10:01:00.000Z", "firedAt": "2024-01-15T10:01:00.002Z",
        "nextRunAt": "2024-01-15T10:02:00.000Z", "runCount": 1,
    });
    assert_eq!(run["input"], input);
    let mut seen = input;
    seen["missed"] = json!(0);
    assert_eq!(run["output"], seen);
    let expected = json!({
        "nextRunAt": "2024-01-15T10:02:00.000Z", "lastRunAt": "2024-01-15T10:01:00.002Z", "lastOutcome": "started",
    });
    assert_eq!(standing(&admin, &workflow).await, expected);
    let list = admin
        .get("/api/v1/workflows?search=minute&status=active")
        .await
        .data();
    assert_eq!(list[0]["schedule"], expected);
    // A workflow without a schedule says nothing of one.
    let other = server.workflow("other", json!([set("s", json!(1))])).await;
    let other = admin
        .get(&format!("/api/v1/workflows/{other}"))
        .await
        .data();
    assert!(other.get("schedule").is_none());
    server.clock.advance_ms(59_998);
    let firings = until_firings(&admin, &workflow, 2).await;
    let run = firings[0]["runId"].as_str().expect("a run");
    let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(run["input"]["runCount"], 2);
    server.stop().await;
}

#[tokio::test]
async fn every_mistake_of_a_schedule_is_told_at_once() {
    let server = server().await;
    let trigger = json!({ "cron": "0 0 30 2 *", "timezone": "Europe/Berln", "missedFires": "all", "cronExpression": "" });
    let answer = server
        .admin()
        .post("/api/v1/workflows", scheduled("wrong", trigger))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_json_snapshot!(answer.json()["error"]["details"], @r#"
    [
      {
        "message": "a schedule has no such field (did you mean `cron`?); there are: type, cron, interval, timezone, enabled, missedFires",
        "place": "trigger.cronExpression"
      },
      {
        "message": "there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?); use a name of the IANA time zone database, such as `Europe/Berlin`",
        "place": "trigger.timezone"
      },
      {
        "message": "it is \"all\"; it must be `skip` or `once`",
        "place": "trigger.missedFires"
      },
      {
        "message": "it never fires: no month has such a day; correct the day or the month",
        "place": "trigger.cron"
      }
    ]
    "#);
    server.stop().await;
}

#[tokio::test]
async fn a_paused_a_disabled_and_an_archived_schedule_are_silent() {
    let server = server().await;
    let admin = server.admin();
    let paused = server
        .workflow_with(scheduled("paused", every(1, "minutes")))
        .await;
    let archived = server
        .workflow_with(scheduled("archived", cron("* * * * *")))
        .await;
    let off = json!({ "cron": "* * * * *", "enabled": false });
    let disabled = server.workflow_with(scheduled("disabled", off)).await;
    let witness = server
        .workflow_with(scheduled("witness", cron("* * * * *")))
        .await;
    server.clock.advance_ms(60_000);
    for workflow in [&paused, &archived, &witness] {
        until_firings(&admin, workflow, 1).await;
    }
    admin
        .post(&format!("/api/v1/workflows/{paused}/pause"), Value::Null)
        .await;
    let path = format!("/api/v1/workflows/{archived}");
    admin.send(Method::DELETE, &path, Value::Null).await;
    for minute in 2..=4 {
        server.clock.advance_ms(60_000);
        until_firings(&admin, &witness, minute).await;
    }
    let last = json!({ "nextRunAt": null, "lastRunAt": "2024-01-15T10:01:00.000Z", "lastOutcome": "started" });
    assert_eq!(standing(&admin, &paused).await, last);
    assert_eq!(standing(&admin, &archived).await, last);
    assert_eq!(standing(&admin, &disabled).await["nextRunAt"], Value::Null);
    for (workflow, count) in [(&paused, 1), (&archived, 1), (&disabled, 0)] {
        assert_eq!(firings(&admin, workflow).await.len(), count);
    }
    // What passed while it was paused is not made up for; an interval begins anew.
    server.clock.advance_ms(7_500);
    let path = format!("/api/v1/workflows/{paused}/activate");
    let activated = admin.post(&path, Value::Null).await.data();
    assert_eq!(
        activated["schedule"]["nextRunAt"],
        "2024-01-15T10:05:07.500Z"
    );
    server.clock.advance_ms(60_000);
    let again = until_firings(&admin, &paused, 2).await;
    let run = again[0]["runId"].as_str().expect("a run");
    let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(run["input"]["runCount"], 2, "the count goes on");
    server.stop().await;
}

#[tokio::test]
async fn an_edit_changes_the_times_only_where_it_changes_the_trigger() {
    let server = server().await;
    let admin = server.admin();
    let workflow = server
        .workflow_with(scheduled("edited", every(10, "minutes")))
        .await;
    let path = format!("/api/v1/workflows/{workflow}");
    server.clock.advance_ms(120_000);
    for (edit, next) in [
        (
            json!({ "name": "renamed" }),
            json!("2024-01-15T10:10:00.000Z"),
        ),
        (
            json!({ "steps": [set("other", json!(1))] }),
            json!("2024-01-15T10:10:00.000Z"),
        ),
        (
            json!({ "trigger": { "type": "schedule", "cron": "30 11 * * *", "timezone": "Europe/Berlin" } }),
            json!("2024-01-15T10:30:00.000Z"),
        ),
        (
            json!({ "trigger": { "type": "schedule", "cron": "30 11 * * *", "enabled": false } }),
            Value::Null,
        ),
        (
            json!({ "trigger": { "type": "schedule", "interval": { "value": 1, "unit": "hours" } } }),
            json!("2024-01-15T11:02:00.000Z"),
        ),
        (json!({ "trigger": { "type": "api" } }), Value::Null),
    ] {
        let edited = admin.send(Method::PUT, &path, edit.clone()).await;
        assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
        assert_eq!(edited.data()["schedule"]["nextRunAt"], next, "{edit}");
    }
    // What waits for a later time wakes for a sooner one.
    let sooner = json!({ "trigger": { "type": "schedule", "cron": "*/5 * * * *" } });
    admin.send(Method::PUT, &path, sooner).await;
    server.clock.advance_ms(180_000);
    until_firings(&admin, &workflow, 1).await;
    assert_eq!(log(&admin, &workflow).await, ["2024-01-15T10:05 started 0"]);
    // A restored version brings its schedule back.
    let restore = format!("{path}/versions/1/restore");
    let restored = admin.post(&restore, Value::Null).await.data();
    assert_eq!(
        restored["schedule"]["nextRunAt"],
        "2024-01-15T10:15:00.000Z"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_cannot_start_is_logged_and_the_schedule_goes_on() {
    let server = server().await;
    let admin = server.admin();
    let mut body = scheduled("strict", cron("* * * * *"));
    body["inputSchema"] = json!({ "type": "object", "required": ["customer"] });
    let workflow = server.workflow_with(body).await;
    server.clock.advance_ms(60_000);
    let firing = until_firings(&admin, &workflow, 1).await.remove(0);
    assert_eq!(firing["outcome"], "failed");
    assert_eq!(firing["runId"], Value::Null);
    let error = firing["error"].as_str().expect("an error");
    assert!(
        error.starts_with("the input of a scheduled run does not fit the inputSchema: input: ")
            && error.contains("customer"),
        "{error}"
    );
    let expected = json!({ "nextRunAt": "2024-01-15T10:02:00.000Z", "lastRunAt": null, "lastOutcome": "failed" });
    assert_eq!(standing(&admin, &workflow).await, expected);
    let edit = json!({ "inputSchema": { "type": "object", "required": ["runCount"] } });
    admin
        .send(Method::PUT, &format!("/api/v1/workflows/{workflow}"), edit)
        .await;
    server.clock.advance_ms(60_000);
    until_firings(&admin, &workflow, 2).await;
    assert_eq!(
        log(&admin, &workflow).await,
        ["2024-01-15T10:01 failed 0", "2024-01-15T10:02 started 0"]
    );
    server.stop().await;
}

#[tokio::test]
async fn the_log_outlives_the_runs_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::open(folder.path(), Clock::manual(MONDAY_MS), unlimited).await;
    let admin = server.admin();
    let workflow = server
        .workflow_with(scheduled("kept", cron("* * * * *")))
        .await;
    for minute in 1..=4 {
        server.clock.advance_ms(60_000);
        let newest = until_firings(&admin, &workflow, minute).await.remove(0);
        let run = newest["runId"].as_str().expect("a run");
        // Retention takes finished runs only.
        Events::open(&admin, run, None).await.rest().await;
    }
    let before = firings(&admin, &workflow).await;
    let (clock, key) = (server.clock.clone(), server.admin_key.clone());
    server.stop().await;

    let server = TestServer::open(folder.path(), clock, |config| {
        unlimited(config);
        config.retention_runs = 1;
    })
    .await;
    let admin = server.client(Some(key));
    let pruned = admin.post("/api/v1/retention/prune", json!({})).await;
    assert_eq!(pruned.data()["runs"], 3, "{}", pruned.text);
    assert_eq!(firings(&admin, &workflow).await, before);
    for (index, firing) in before.iter().enumerate() {
        let path = format!("/api/v1/runs/{}", firing["runId"].as_str().expect("a run"));
        let expected = match index {
            0 => StatusCode::OK,
            _ => StatusCode::NOT_FOUND,
        };
        assert_eq!(admin.get(&path).await.status, expected, "{firing}");
    }
    // The count goes on from the log's firings, not from the runs that are left.
    server.clock.advance_ms(60_000);
    let newest = until_firings(&admin, &workflow, 5).await.remove(0);
    let path = format!("/api/v1/runs/{}", newest["runId"].as_str().expect("a run"));
    assert_eq!(admin.get(&path).await.data()["input"]["runCount"], 5);
    server.stop().await;
}

#[tokio::test]
async fn the_log_has_pages_and_goes_with_its_workflow() {
    let server = server().await;
    let admin = server.admin();
    let workflow = server
        .workflow_with(scheduled("paged", cron("* * * * *")))
        .await;
    for minute in 1..=5 {
        server.clock.advance_ms(60_000);
        until_firings(&admin, &workflow, minute).await;
    }
    let path = format!("/api/v1/workflows/{workflow}/firings");
    let mut pages = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = admin.get(&format!("{path}{query}")).await.json();
        let rows = page["data"].as_array().expect("a list");
        pages.push(
            rows.iter()
                .map(|row| row["scheduledAt"].clone())
                .collect::<Vec<_>>(),
        );
        let Some(cursor) = page["meta"]["cursor"].as_str() else {
            break;
        };
        let cursor = cursor.replace('+', "%2B").replace('=', "%3D");
        query = format!("?limit=2&cursor={cursor}");
    }
    let minute = |minute: u32| json!(format!("2024-01-15T10:0{minute}:00.000Z"));
    assert_eq!(
        pages,
        [
            vec![minute(5), minute(4)],
            vec![minute(3), minute(2)],
            vec![minute(1)]
        ]
    );
    assert_eq!(
        admin.get(&format!("{path}?limit=0")).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        admin.get(&format!("{path}?cursor=x")).await.status,
        StatusCode::BAD_REQUEST
    );

    let (_, bound) = server
        .with_key(json!({ "name": "bound", "scopes": ["runs:read"], "workflowId": workflow }))
        .await;
    assert_eq!(bound.get(&path).await.status, StatusCode::OK);
    let other = server
        .workflow_with(scheduled("other", cron("0 0 1 1 *")))
        .await;
    let others = format!("/api/v1/workflows/{other}/firings");
    assert_eq!(bound.get(&others).await.status, StatusCode::NOT_FOUND);
    let reader = server.with(&["workflows:read"]).await;
    assert_eq!(reader.get(&path).await.status, StatusCode::FORBIDDEN);

    let purge = format!("/api/v1/workflows/{workflow}?purge=true");
    loop {
        // The last run may not have ended yet.
        let purged = admin.send(Method::DELETE, &purge, Value::Null).await;
        if purged.status == StatusCode::OK {
            break;
        }
        assert_eq!(purged.status, StatusCode::CONFLICT);
    }
    assert_eq!(admin.get(&path).await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn many_schedules_that_are_due_at_once_are_all_served() {
    let server = server().await;
    let admin = server.admin();
    let mut workflows = Vec::new();
    for number in 0..90 {
        let body = scheduled(&format!("crowd {number}"), cron("0 11 * * *"));
        workflows.push(server.workflow_with(body).await);
    }
    server.clock.advance_ms(3_600_000);
    for workflow in &workflows {
        until_firings(&admin, workflow, 1).await;
        until_next(&admin, workflow, "2024-01-16T11:00:00.000Z").await;
        assert_eq!(run_count(&server, workflow).await, 1);
    }
    server.stop().await;
}
