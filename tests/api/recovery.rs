//! Runs over a stop and a start of the server, in one process: what waited waits on, what was under way is tried again or
//! fails as its step says, and nothing is driven twice. Kills are in `tests/crash`.

mod kept;
mod outcomes;

use crate::events::Events;
use crate::runs::{call, set, wait_ms, with};
use crate::support::{Client, MONDAY_MS, TestServer};
use crate::upstream::Upstream;
use flowlatch::app::{App, Options};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};

/// A folder that outlives servers, the other side, and the first server's key.
struct Scene {
    folder: TempDir,
    upstream: Upstream,
    clock: Clock,
    key: Option<String>,
}

impl Scene {
    async fn new() -> Scene {
        Scene {
            folder: tempfile::tempdir().expect("a folder"),
            upstream: Upstream::start().await,
            clock: Clock::manual(MONDAY_MS),
            key: None,
        }
    }

    async fn server(&mut self, configure: impl FnOnce(&mut Config)) -> TestServer {
        let mut server = TestServer::open(self.folder.path(), self.clock.clone(), |config| {
            config.outbound_allow = vec!["127.0.0.1".to_owned()];
            configure(config);
        })
        .await;
        match &self.key {
            None => self.key = Some(server.admin_key.clone()),
            Some(key) => server.admin_key.clone_from(key),
        }
        server
    }
}

async fn start(client: &Client, workflow: &str) -> String {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = client.post(&path, json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

async fn logs(client: &Client, run: &str) -> Value {
    client.get(&format!("/api/v1/runs/{run}/logs")).await.data()
}

async fn names(client: &Client, run: &str) -> Vec<String> {
    let events = Events::open(client, run, None).await.rest().await;
    events.into_iter().map(|event| event.name).collect()
}

#[tokio::test]
async fn what_waits_waits_on_to_the_same_moment() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    let steps = json!([
        call("before", &scene.upstream.url("/before")),
        wait_ms("rest", 3_600_000),
        set("out", json!("{{steps.before.data.call}}")),
    ]);
    let workflow = server.workflow("resting", steps).await;
    let admin = server.admin();
    let early = start(&admin, &workflow).await;
    let late = start(&admin, &workflow).await;
    for run in [&early, &late] {
        let mut events = Events::open(&admin, run, None).await;
        events.until("step.waiting").await;
    }
    server.stop().await;

    // Half of the time passes while nothing runs, the other half afterwards.
    scene.clock.advance_ms(1_800_000);
    let server = scene.server(|_| {}).await;
    let admin = server.admin();
    assert_eq!(logs(&admin, &early).await[1]["status"], "waiting");
    scene.clock.advance_ms(1_799_999);
    let other = server.workflow("other", json!([set("s", json!(1))])).await;
    admin.run(&other, json!({})).await;
    assert_eq!(logs(&admin, &early).await[1]["status"], "waiting");
    server.stop().await;
    // For the last millisecond nothing runs again: the moment is over when the server comes back.
    scene.clock.advance_ms(1);
    let server = scene.server(|_| {}).await;
    let admin = server.admin();
    for run in [&early, &late] {
        names(&admin, run).await;
        let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
        assert_eq!(run["status"], "completed");
        assert!([json!(1), json!(2)].contains(&run["output"]));
    }
    assert_eq!(scene.upstream.calls("/before").len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_call_that_a_stop_cut_off_is_tried_again_or_fails_as_its_step_says() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    let admin = server.admin();
    let mut runs = Vec::new();
    let mut gates = Vec::new();
    for (path, fields, status) in [
        ("/again", json!({}), "completed"),
        ("/asked", json!({ "onUnknown": "retry" }), "completed"),
        ("/never", json!({ "onUnknown": "fail" }), "failed"),
        (
            "/letgo",
            json!({ "onUnknown": "fail", "errorHandling": { "strategy": "continue", "fallback": 5 } }),
            "completed",
        ),
    ] {
        gates.push(scene.upstream.hold(path));
        let step = with(call("c", &scene.upstream.url(path)), fields);
        let steps = json!([step, set("out", json!("done"))]);
        let workflow = server.workflow(path, steps).await;
        let run = start(&admin, &workflow).await;
        scene.upstream.until_called(path, 1).await;
        runs.push((run, path, status));
    }
    server.stop().await;
    let server = scene.server(|_| {}).await;
    let admin = server.admin();
    for (run, path, status) in &runs {
        let names = names(&admin, run).await;
        assert!(
            names.contains(&"step.unknown".to_owned()),
            "{path}: {names:?}"
        );
        let data = admin.get(&format!("/api/v1/runs/{run}")).await.data();
        assert_eq!(data["status"], *status, "{path}");
        let calls = scene.upstream.calls(path);
        let again = usize::from(*path == "/again" || *path == "/asked");
        assert_eq!(calls.len(), 1 + again, "{path}");
        assert!(
            calls.iter().all(|call| call.key() == format!("{run}:c")),
            "{path}"
        );
        let log = &logs(&admin, run).await[0];
        assert_eq!(log["attempts"], 1 + again, "{path}");
        if again == 0 {
            assert_eq!(log["error"]["code"], "UNKNOWN_OUTCOME", "{path}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stop_between_attempts_keeps_what_was_decided() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    scene.upstream.answer("/flaky", |_, call| {
        let status = if call < 3 { 503 } else { 200 };
        crate::upstream::Reply::json(status, &json!({ "call": call }))
    });
    let policy =
        json!({ "retryConfig": { "maxAttempts": 3, "initialDelayMs": 60_000, "jitter": true } });
    let step = with(call("c", &scene.upstream.url("/flaky")), policy);
    let workflow = server.workflow("flaky", json!([step])).await;
    let admin = server.admin();
    let run = start(&admin, &workflow).await;
    let mut events = Events::open(&admin, &run, None).await;
    let decided = events.until("step.failed").await.moment("retryAt");
    server.stop().await;
    let mut server = scene.server(|_| {}).await;
    for attempt in 1..=2 {
        let admin = server.admin();
        let log = logs(&admin, &run).await[0].clone();
        assert_eq!(log["attempts"], attempt);
        if attempt == 1 {
            let decided = flowlatch::clock::iso_utc(decided);
            assert_eq!(log["waitingUntil"], decided);
        }
        server.stop().await;
        scene.clock.advance_ms(120_000);
        server = scene.server(|_| {}).await;
        let mut events = Events::open(&server.admin(), &run, None).await;
        let next = if attempt == 1 {
            "step.failed"
        } else {
            "run.completed"
        };
        events.until(next).await;
        if attempt == 1 {
            events.until("step.failed").await;
        }
    }
    assert_eq!(scene.upstream.calls("/flaky").len(), 3);
    server.stop().await;
}

/// A program that embeds the server may start runs before it serves. Serving resumes what is unfinished, but not what
/// this very process is driving already.
#[tokio::test]
async fn a_run_that_is_under_way_when_serving_begins_is_not_driven_twice() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let gate = upstream.hold("/held");
    let app = opened(folder.path()).await;
    let body = json!({
        "name": "early", "trigger": { "type": "api" }, "steps": [call("c", &upstream.url("/held"))],
    });
    let created = app.control("POST", "/api/v1/workflows", Some(body)).await;
    let created = created.expect("an answer").1;
    let path = format!(
        "/api/v1/workflows/{}",
        created["data"]["id"].as_str().expect("an id")
    );
    let activated = app.control("POST", &format!("{path}/activate"), None).await;
    assert_eq!(activated.expect("an answer").0, 200);
    let started = app
        .control("POST", &format!("{path}/run"), Some(json!({})))
        .await;
    let started = started.expect("an answer").1;
    upstream.until_called("/held", 1).await;

    let (stop, stopped) = watch::channel(false);
    let (ready, bound) = oneshot::channel();
    let serving = app
        .clone()
        .serve(stopped, move |bound| drop(ready.send(bound)));
    let serving = tokio::spawn(serving);
    let bound = bound.await.expect("it serves");
    let key = bound.first_key.expect("the first key");
    let client = Client::new(&bound.url, Some(key.reveal().to_owned()));
    gate.open();
    let run = started["data"]["runId"].as_str().expect("an id");
    let names = names(&client, run).await;
    assert_eq!(
        names,
        [
            "run.started",
            "step.started",
            "step.completed",
            "run.completed"
        ]
    );
    assert_eq!(upstream.calls("/held").len(), 1);
    stop.send_replace(true);
    serving.await.expect("no panic").expect("a good end");
}

async fn opened(data: &Path) -> App {
    let mut config = Config::new(data);
    config.port = 0;
    config.outbound_allow = vec!["127.0.0.1".to_owned()];
    let options = Options::default();
    App::open(config, options).await.expect("the app opens")
}

#[tokio::test]
async fn a_run_whose_journal_is_damaged_ends_as_failed_and_harms_no_other() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    let workflow = server
        .workflow_with(json!({
            "name": "resting", "trigger": { "type": "api" },
            "steps": [set("before", json!(1)), wait_ms("rest", 1_000)],
            "settings": { "maxConcurrentRuns": 2 },
        }))
        .await;
    let admin = server.admin();
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(start(&admin, &workflow).await);
    }
    for run in &runs[..2] {
        let mut events = Events::open(&admin, run, None).await;
        events.until("step.waiting").await;
    }
    server.stop().await;

    let file = scene.folder.path().join("flowlatch.db");
    let database = rusqlite::Connection::open(file).expect("it opens");
    let damage = "DELETE FROM journal WHERE position >> 24 = 1;
        INSERT INTO journal (position, event_count, at_ms, events) VALUES (1 << 24, 1, 0, '[{\"type\":\"sand\"}]')";
    database.execute_batch(damage).expect("it is damaged");
    drop(database);

    let server = scene.server(|_| {}).await;
    let admin = server.admin();
    scene.clock.advance_ms(1_000);
    let run_of = async |run: &str| admin.get(&format!("/api/v1/runs/{run}")).await.data();
    let damaged = loop {
        let run = run_of(&runs[0]).await;
        if run["status"] == "failed" {
            break run;
        }
        assert_eq!(run["status"], "running");
        tokio::task::yield_now().await;
    };
    assert_eq!(damaged["error"]["code"], "JOURNAL_DAMAGED");
    let message = damaged["error"]["message"].as_str().expect("a text");
    assert!(message.contains("unknown variant `sand`"), "{message}");
    // Its place is free, and the others go on.
    assert_eq!(
        names(&admin, &runs[1]).await.last().map(String::as_str),
        Some("run.completed")
    );
    let mut events = Events::open(&admin, &runs[2], None).await;
    events.until("step.waiting").await;
    scene.clock.advance_ms(1_000);
    assert_eq!(
        names(&admin, &runs[2]).await.last().map(String::as_str),
        Some("run.completed")
    );
    server.stop().await;
}
