//! Schedules through the native door. Time is a clock that the test moves, and makes jump.

mod clock_jumps;
mod daylight;
mod life;
mod missed;

use crate::runs::set;
use crate::support::{Client, MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::model::limit::Limit;
use serde_json::{Value, json};

/// Looking again and again until something has happened takes many requests.
pub(crate) fn unlimited(config: &mut Config) {
    config.limit_read = Limit::Unlimited;
    config.limit_write = Limit::Unlimited;
}

pub(crate) async fn server() -> TestServer {
    TestServer::start_with(Clock::manual(MONDAY_MS), unlimited).await
}

/// A definition that is started so, and whose output is what `{{trigger}}` shows.
pub(crate) fn scheduled(name: &str, trigger: Value) -> Value {
    let mut trigger = trigger;
    trigger["type"] = json!("schedule");
    json!({ "name": name, "trigger": trigger, "steps": [set("seen", json!("{{trigger}}"))] })
}

pub(crate) fn cron(text: &str) -> Value {
    json!({ "cron": text })
}

pub(crate) fn every(value: u64, unit: &str) -> Value {
    json!({ "interval": { "value": value, "unit": unit } })
}

pub(crate) async fn firings(client: &Client, workflow: &str) -> Vec<Value> {
    let path = format!("/api/v1/workflows/{workflow}/firings?limit=100");
    let listed = client.get(&path).await.data();
    listed.as_array().expect("a list").clone()
}

/// The log, newest first, as soon as it has so many rows.
pub(crate) async fn until_firings(client: &Client, workflow: &str, count: usize) -> Vec<Value> {
    loop {
        let firings = firings(client, workflow).await;
        if firings.len() >= count {
            assert_eq!(firings.len(), count, "{firings:?}");
            return firings;
        }
        tokio::task::yield_now().await;
    }
}

/// The log, oldest first: time of the schedule, outcome, how many were missed.
pub(crate) async fn log(client: &Client, workflow: &str) -> Vec<String> {
    let mut firings = firings(client, workflow).await;
    firings.reverse();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |firing: &Value| {
        let (at, outcome) = (word(&firing["scheduledAt"]), word(&firing["outcome"]));
        format!(
            "{} {outcome} {}",
            at.replace(":00.000Z", ""),
            firing["missed"]
        )
    };
    firings.iter().map(row).collect()
}

pub(crate) async fn standing(client: &Client, workflow: &str) -> Value {
    let shown = client.get(&format!("/api/v1/workflows/{workflow}")).await;
    shown.data()["schedule"].clone()
}

/// Returns when the schedule is due at this time.
pub(crate) async fn until_next(client: &Client, workflow: &str, next: &str) {
    while standing(client, workflow).await["nextRunAt"] != next {
        tokio::task::yield_now().await;
    }
}

/// How many runs the server has of this workflow.
pub(crate) async fn run_count(server: &TestServer, workflow: &str) -> usize {
    let path = format!("/api/v1/runs?workflowId={workflow}&limit=100");
    let runs = server.admin().get(&path).await.data();
    runs.as_array().expect("a list").len()
}
