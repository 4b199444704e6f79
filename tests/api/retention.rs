//! Finished runs go by age, number and size, of all workflows and of single ones; the file shrinks while the server serves.

use crate::runs::{set, wait_ms};
use crate::support::{Answer, Client, MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use flowlatch::id::RunId;
use flowlatch::model::run::{RunStatus, TriggerType};
use flowlatch::store::{Chunk, NewRun, RunRow, Store, StoreOptions};
use reqwest::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

async fn keeping(server: &TestServer, steps: Value, retention: Value) -> String {
    let body = json!({
        "name": "kept", "trigger": { "type": "api" }, "steps": steps,
        "settings": { "retention": retention },
    });
    server.workflow_with(body).await
}

async fn ran(client: &Client, workflow: &str, times: usize) -> Vec<String> {
    let mut runs = Vec::new();
    for _ in 0..times {
        let data = client.run(workflow, json!({})).await;
        assert_eq!(data["status"], "completed");
        runs.push(data["runId"].as_str().expect("an id").to_owned());
    }
    runs
}

async fn would_go(client: &Client) -> Value {
    let answer = client.get("/api/v1/retention").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data()
}

/// Prunes, and checks that the look before said the same: how many runs went.
async fn pruned(client: &Client) -> u64 {
    let looked = would_go(client).await;
    let answer = client.post("/api/v1/retention/prune", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let done = answer.data();
    assert_eq!(
        (&looked["runs"], &looked["bytes"]),
        (&done["runs"], &done["bytes"])
    );
    assert_eq!(would_go(client).await["runs"], 0);
    done["runs"].as_u64().expect("a number")
}

async fn left(client: &Client, runs: &[String]) -> Vec<bool> {
    let mut left = Vec::new();
    for run in runs {
        let Answer { status, text, .. } = client.get(&format!("/api/v1/runs/{run}")).await;
        assert!(
            [StatusCode::OK, StatusCode::NOT_FOUND].contains(&status),
            "{text}"
        );
        left.push(status == StatusCode::OK);
    }
    left
}

async fn started(client: &Client, workflow: &str) -> String {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = client.post(&path, json!({})).await;
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn old_runs_go_by_themselves_and_unfinished_ones_stay() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let quick = server.workflow("quick", json!([set("s", json!(1))])).await;
    let old = ran(&admin, &quick, 3).await;
    let slow =
        json!([{ "id": "rest", "type": "wait", "config": { "duration": 90, "unit": "days" } }]);
    let slow = server.workflow("slow", slow).await;
    let waiting = started(&admin, &slow).await;
    server.clock.advance_ms(20 * DAY_MS);
    let young = ran(&admin, &quick, 1).await;
    server.clock.advance_ms(11 * DAY_MS);
    while left(&admin, &old).await.contains(&true) {
        server.clock.advance_ms(1_000);
        tokio::task::yield_now().await;
    }
    assert_eq!(left(&admin, &young).await, [true]);
    assert_eq!(left(&admin, &[waiting]).await, [true]);
    assert_eq!(pruned(&admin).await, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_workflow_keeps_its_own_runs_longer_shorter_or_fewer() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let steps = || json!([set("s", json!(1))]);
    let longer = keeping(&server, steps(), json!({ "maxAgeDays": 365 })).await;
    let shorter = keeping(&server, steps(), json!({ "maxAgeDays": 1 })).await;
    let fewer = keeping(&server, steps(), json!({ "maxRuns": 2 })).await;
    let usual = server.workflow("usual", steps()).await;
    let long = ran(&admin, &longer, 1).await;
    let short = ran(&admin, &shorter, 1).await;
    let few = ran(&admin, &fewer, 5).await;
    let other = ran(&admin, &usual, 1).await;
    assert_eq!(pruned(&admin).await, 3);
    assert_eq!(left(&admin, &few).await, [false, false, false, true, true]);
    server.clock.jump_ms(2 * DAY_MS as i64);
    assert_eq!(pruned(&admin).await, 1);
    assert_eq!(left(&admin, &short).await, [false]);
    server.clock.jump_ms(40 * DAY_MS as i64);
    assert_eq!(pruned(&admin).await, 3);
    assert_eq!(left(&admin, &other).await, [false]);
    assert_eq!(left(&admin, &long).await, [true]);
    server.stop().await;
}

#[tokio::test]
async fn the_newest_runs_of_all_workflows_are_kept_and_those_that_keys_name() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.retention_runs = 3;
    })
    .await;
    let admin = server.admin();
    let workflow = server.workflow("one", json!([set("s", json!(1))])).await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    let body = json!({ "mode": "sync", "idempotencyKey": "once" });
    let named = admin.post(&path, body.clone()).await.data()["runId"].clone();
    let runs = ran(&admin, &workflow, 5).await;
    assert_eq!(pruned(&admin).await, 3);
    assert_eq!(left(&admin, &runs).await, [false, false, false, true, true]);
    let again = admin.post(&path, body).await;
    assert_eq!(again.data()["runId"], named, "the same key is the same run");
    server.clock.jump_ms(DAY_MS as i64);
    ran(&admin, &workflow, 1).await;
    assert_eq!(pruned(&admin).await, 1);
    let named = [named.as_str().expect("an id").to_owned()];
    assert_eq!(left(&admin, &named).await, [false]);
    server.stop().await;
}

#[tokio::test]
async fn a_run_that_an_unfinished_one_has_started_is_kept() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.retention_runs = 1;
    })
    .await;
    let admin = server.admin();
    let below = server.workflow("below", json!([set("s", json!(1))])).await;
    let steps = json!([
        { "id": "sub", "type": "subworkflow", "config": { "workflowId": below } },
        wait_ms("rest", 1_000),
    ]);
    let above = server.workflow("above", steps).await;
    let above = started(&admin, &above).await;
    let mut events = crate::events::Events::open(&admin, &above, None).await;
    while events.until("step.waiting").await.data["step"] != "rest" {}
    let listed = admin.get(&format!("/api/v1/runs?workflowId={below}")).await;
    let child = listed.data()[0]["id"].as_str().expect("an id").to_owned();
    ran(&admin, &below, 2).await;
    assert_eq!(pruned(&admin).await, 2);
    assert_eq!(left(&admin, std::slice::from_ref(&child)).await, [true]);
    server.clock.advance_ms(1_000);
    events.rest().await;
    assert_eq!(pruned(&admin).await, 1);
    // Now the child is like any other run, and the newest one.
    assert_eq!(left(&admin, &[above, child]).await, [false, true]);
    server.stop().await;
}

#[tokio::test]
async fn runs_go_by_size_the_oldest_first() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.retention_bytes = 4_000_000;
    })
    .await;
    let admin = server.admin();
    let echo = json!([set("s", json!("{{input.text}}"))]);
    let small = keeping(&server, echo.clone(), json!({ "maxBytes": 1_048_576 })).await;
    let large = server.workflow("large", echo).await;
    let input = json!({ "text": "x".repeat(100_000) });
    // Each holds its input, its output, and the output twice more in its journal.
    let mut of_small = Vec::new();
    for _ in 0..5 {
        let run = admin.run(&small, input.clone()).await;
        of_small.push(run["runId"].as_str().expect("an id").to_owned());
    }
    assert_eq!(pruned(&admin).await, 3);
    assert_eq!(
        left(&admin, &of_small).await,
        [false, false, false, true, true]
    );
    for _ in 0..12 {
        admin.run(&large, input.clone()).await;
    }
    let looked = would_go(&admin).await;
    assert!(looked["runs"].as_u64() >= Some(2), "{looked}");
    let answer = admin
        .post("/api/v1/retention/prune", json!({}))
        .await
        .data();
    let used = answer["database"]["usedBytes"].as_u64().expect("a number");
    assert!((3_000_000..=4_000_000).contains(&used), "{answer}");
    assert_eq!(left(&admin, &of_small).await[3..], [false, false]);
    let keep = json!({ "maxAgeDays": 30, "maxRuns": null, "maxBytes": 4_000_000, "auditDays": 365, "usageDays": 400 });
    assert_eq!(answer["keep"], keep);
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_is_bound_to_a_workflow_does_not_see_the_whole_servers() {
    let server = TestServer::start().await;
    let workflow = server.workflow("one", json!([set("s", json!(1))])).await;
    let body = json!({ "name": "bound", "scopes": ["admin"], "workflowId": workflow });
    let (_, bound) = server.with_key(body).await;
    for answer in [
        bound.get("/api/v1/retention").await,
        bound.post("/api/v1/retention/prune", json!({})).await,
    ] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
    server.stop().await;
}

/// A finished run of the usual size.
fn finished(workflow: &flowlatch::model::workflow::Workflow, at_ms: i64) -> NewRun {
    let output = r#"{"value":42,"note":"one of very many runs, with an output of the usual size"}"#;
    let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
    let id = RunId::generate();
    NewRun {
        root_id: id.clone(),
        id,
        workflow_sequence: workflow.sequence,
        workflow_version: workflow.version,
        definition_sequence: workflow.definition_sequence,
        trigger: TriggerType::Api,
        started_by: None,
        account: None,
        retry_of: None,
        parent_sequence: None,
        depth: 0,
        top_sequence: None,
        flow_root: None,
        max_below_top: u32::MAX,
        trigger_data: None,
        input: raw(r#"{"amount":42}"#),
        created_at_ms: at_ms,
        idempotency: None,
        fire: None,
        charge: None,
        has_own_definition: false,
        own_definition: None,
        first: Some(Chunk {
            node_outputs: None,
            from: 0,
            at_ms,
            count: 2,
            steps_ended: 0,
            events: format!(
                r#"[{{"type":"run.started"}},{{"type":"run.completed","output":{output}}}]"#
            ),
            row: RunRow {
                status: RunStatus::Completed,
                started_at_ms: Some(at_ms),
                due_at_ms: None,
                awaits_others: false,
                finished_at_ms: Some(at_ms),
                output: Some(raw(output)),
                error: None,
            },
        }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_twenty_thousand_runs_the_file_is_as_large_as_what_is_left() {
    const RUNS: usize = 20_000;
    const KEPT: u64 = 400;
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::open(folder.path(), Clock::system(), |_| {}).await;
    let key = server.admin_key.clone();
    let workflow = server.workflow("one", json!([set("s", json!(1))])).await;
    server.stop().await;

    let file = folder.path().join("flowlatch.db");
    let options = StoreOptions {
        readers: 2,
        commit_hook: None,
    };
    let store = Store::open(&file, options).expect("it opens");
    let id = workflow.parse().expect("an id");
    let record = store.workflow(&id).expect("it reads").expect("it is there");
    let now_ms = Clock::system().now_ms();
    for _ in 0..RUNS / 500 {
        let recording = (0..500).map(|_| store.start_run(finished(&record, now_ms)));
        futures_util::future::try_join_all(recording)
            .await
            .expect("they are recorded");
    }
    store.close().await;
    let before = std::fs::metadata(&file).expect("it is there").len();

    let server = TestServer::open(folder.path(), Clock::system(), |config| {
        config.retention_runs = KEPT;
        config.limit_read = flowlatch::model::limit::Limit::Unlimited;
    })
    .await;
    let admin = server.client(Some(key));
    let pruning = {
        let admin = admin.clone();
        tokio::spawn(async move { admin.post("/api/v1/retention/prune", json!({})).await })
    };
    // The server goes on serving, and its log of writes stays short.
    let mut served = 0;
    while !pruning.is_finished() && served < 400 {
        ran(&admin, &workflow, 1).await;
        let wal = std::fs::metadata(folder.path().join("flowlatch.db-wal"));
        assert!(wal.expect("it is there").len() <= 64 << 20);
        served += 1;
    }
    let answer = pruning.await.expect("no panic");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let done = answer.data();
    let removed = done["runs"].as_u64().expect("a number");
    assert!(removed >= RUNS as u64 - KEPT, "{done}");
    assert!(served > 3, "{served} runs meanwhile");
    // The checkpoint comes right after the answer.
    let size = loop {
        let database = would_go(&admin).await["database"].clone();
        let used = database["usedBytes"].as_u64().expect("a number");
        let size = std::fs::metadata(&file).expect("it is there").len();
        if size <= used + used / 5 {
            break size;
        }
    };
    assert!(size < before / 10, "{size} of {before}");
    server.stop().await;
}
