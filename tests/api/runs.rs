//! Runs through the native door: how they start, go on, wait, fail, are cancelled and retried.
//! Calls go to a local server that counts them; time is a clock that the test moves.

mod approval_links;
mod approvals;
mod asked;
mod below;
mod cancel;
mod children;
mod concurrency;
mod idempotency;
mod late_answers;
mod listing;
mod loop_names;
mod loops;
mod outputs;
mod parallel;
mod retries;
mod retry;
mod scripts;
mod start;
mod steps;
mod timeouts;
mod versions;

use crate::events::{Event, Events};
use crate::support::{MONDAY_MS, TestServer};
use crate::upstream::Upstream;
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A server whose clock the test moves, allowed to call the other side.
pub(crate) async fn server_with_upstream() -> (TestServer, Upstream) {
    let upstream = Upstream::start().await;
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
    })
    .await;
    (server, upstream)
}

/// A step that calls `url` with GET.
pub(crate) fn call(id: &str, url: &str) -> Value {
    json!({ "id": id, "type": "action", "action": "api.request", "config": { "url": url } })
}

pub(crate) fn wait_ms(id: &str, duration_ms: u64) -> Value {
    json!({ "id": id, "type": "wait", "config": { "duration": duration_ms } })
}

/// A step whose output is `value`, rendered.
pub(crate) fn set(id: &str, value: Value) -> Value {
    json!({ "id": id, "type": "transform", "config": { "sourceData": value } })
}

/// `step` with further fields.
pub(crate) fn with(mut step: Value, fields: Value) -> Value {
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    for (name, value) in fields {
        step[name] = value;
    }
    step
}

/// Starts a run without waiting for it: its id.
async fn start(server: &TestServer, workflow: &str, input: Value) -> String {
    let answer = server
        .admin()
        .post(
            &format!("/api/v1/workflows/{workflow}/run"),
            json!({ "input": input }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

async fn run_of(server: &TestServer, run: &str) -> Value {
    let answer = server.admin().get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data()
}

async fn logs_of(server: &TestServer, run: &str) -> Vec<Value> {
    let answer = server
        .admin()
        .get(&format!("/api/v1/runs/{run}/logs"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data().as_array().expect("a list").clone()
}

/// Status and attempts of every step.
async fn steps_of(server: &TestServer, run: &str) -> Vec<(String, String, u64)> {
    let text = |step: &Value, name: &str| step[name].as_str().expect("a text").to_owned();
    let logs = logs_of(server, run).await;
    let short = |step: &Value| {
        let attempts = step["attempts"].as_u64().expect("a number");
        (text(step, "stepId"), text(step, "status"), attempts)
    };
    logs.iter().map(short).collect()
}

/// Follows a run until it has ended: the run.
async fn ended(server: &TestServer, run: &str) -> Value {
    let events = Events::open(&server.admin(), run, None).await.rest().await;
    let last = events.last().expect("an event");
    assert!(
        ["run.completed", "run.failed", "run.cancelled"].contains(&last.name.as_str()),
        "{last:?}"
    );
    run_of(server, run).await
}

/// Follows a run until this event of this step.
async fn until(server: &TestServer, run: &str, name: &str, step: &str) -> Event {
    let mut events = Events::open(&server.admin(), run, None).await;
    loop {
        let event = events.until(name).await;
        if event.data["step"] == step {
            return event;
        }
    }
}
