//! What the dashboard's pages are measured over.

use super::PASSWORD;
use crate::Result;
use flowlatch::app::{App, Options};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::model::usage::{HourUsage, Usage, UtcHour};
use flowlatch::store::{Store, StoreOptions};
use serde_json::{Value, json};
use std::path::Path;

/// Every so many workflows one has a schedule, and one names a connection.
const SCHEDULED_EVERY: usize = 10;
/// Every so many workflows there is a key.
const WORKFLOWS_PER_KEY: usize = 5;
/// How many there are of what people make by hand.
const FEW: usize = 50;
/// How many of the keys are used all the time, and on how many days they were.
const BUSY_KEYS: usize = 50;
const BUSY_DAYS: u32 = 90;
/// How many conditions the largest picture has.
const CONDITIONS: usize = 140;
const AT_ONCE: usize = 100;

/// What was made, one of each kind.
pub(super) struct Made {
    workflow: String,
    scheduled: String,
    run: String,
    /// A workflow whose picture is large, and a run of it.
    large: (String, String),
    key: String,
    connection: String,
    variable: String,
}

impl Made {
    /// Fills a folder with so many workflows, and with some of everything else. The runs come later.
    pub(super) async fn make(data: &Path, workflows: usize) -> Result<Made> {
        let app = App::open(Config::new(data), Options::default()).await?;
        let password = json!({ "password": PASSWORD });
        ask(&app, "PUT", "/api/v1/dashboard/password", password).await?;
        let mut scheduled = String::new();
        for from in (0..workflows).step_by(AT_ONCE) {
            let numbers = from..workflows.min(from + AT_ONCE);
            let making = numbers.map(|number| one_workflow(&app, number));
            let ids = futures_util::future::try_join_all(making).await?;
            if scheduled.is_empty() {
                scheduled = ids.first().cloned().unwrap_or_default();
            }
        }
        let (mut keys, mut connection, mut variable) = (Vec::new(), String::new(), String::new());
        for number in 0..workflows / WORKFLOWS_PER_KEY + FEW {
            let body = json!({ "name": format!("key {number}"), "scopes": ["runs:read"] });
            keys.push(id_of(
                &ask(&app, "POST", "/api/v1/auth/api-keys", body).await?["data"],
            )?);
        }
        for number in 0..FEW {
            let body = json!({ "name": format!("connection {number}"), "provider": "crm", "type": "bearer",
                "credentials": { "token": "no token at all" }, "hosts": ["api.example.com"] });
            connection = id_of(&ask(&app, "POST", "/api/v1/connections", body).await?["data"])?;
            let body =
                json!({ "name": format!("variable {number}"), "value": "x", "type": "static" });
            variable = id_of(&ask(&app, "POST", "/flowise/api/v1/variables", body).await?)?;
        }
        let large = run_of(&app, "with a large picture", many_conditions()).await?;
        // The newest workflow is the one that the history is of.
        let steps =
            json!([{ "id": "s0", "type": "transform", "config": { "sourceData": "{{input}}" } }]);
        let (workflow, run) = run_of(&app, "with a history", steps).await?;
        let secret = json!({ "key": "TOKEN", "value": "no token at all" });
        ask(
            &app,
            "POST",
            &format!("/api/v1/workflows/{workflow}/secrets"),
            secret,
        )
        .await?;
        app.close().await;
        count_usage(data, &keys).await?;
        Ok(Made {
            workflow,
            scheduled,
            run,
            large,
            key: keys.pop().ok_or("no key")?,
            connection,
            variable,
        })
    }

    /// Pages that are hard for what they show, or for what they look for in vain.
    pub(super) fn hard(&self) -> Vec<(&'static str, String)> {
        let (workflow, run) = &self.large;
        let scheduled = &self.scheduled;
        vec![
            (
                "a workflow of many steps",
                format!("/dashboard/workflows/{workflow}"),
            ),
            ("a run of many steps", format!("/dashboard/runs/{run}")),
            (
                "runs, no status fits",
                "/dashboard/runs?status=cancelled".into(),
            ),
            (
                "runs, no trigger fits",
                "/dashboard/runs?trigger=schedule&status=failed".into(),
            ),
            (
                "runs of a workflow without any",
                format!("/dashboard/runs?workflow={scheduled}&status=failed"),
            ),
            (
                "runs, no time fits",
                "/dashboard/runs?until=2001-01-01".into(),
            ),
            (
                "audit, no actor fits",
                "/dashboard/audit?actor=nobody".into(),
            ),
            (
                "audit, no action fits",
                "/dashboard/audit?action=none&result=none".into(),
            ),
            (
                "runs, no such trigger",
                "/dashboard/runs?trigger=webhook".into(),
            ),
            ("usage of 90 days", "/dashboard/usage?range=90d".into()),
            (
                "workflows, none is paused",
                "/dashboard/workflows?status=paused".into(),
            ),
        ]
    }

    /// A path of this pattern, with what was made in the place of its parameters.
    pub(super) fn path(&self, pattern: &str) -> Result<String> {
        let mut filled: Vec<&str> = Vec::new();
        for segment in pattern.split('/') {
            let before = filled.last().copied().unwrap_or_default();
            filled.push(match (segment.starts_with(':'), before) {
                (false, _) => segment,
                (true, "workflows") => &self.workflow,
                (true, "schedules") => &self.scheduled,
                (true, "runs") => &self.run,
                (true, "keys") => &self.key,
                (true, "connections") => &self.connection,
                (true, "variables") => &self.variable,
                (true, "secrets") => "TOKEN",
                (true, "versions") => "1",
                (true, "steps") => "s0",
                (true, other) => {
                    return Err(
                        format!("{pattern}: nothing was made for {segment} after {other}").into(),
                    );
                }
            });
        }
        Ok(filled.join("/"))
    }
}

/// Requests of some keys on very many days, by the hour since yesterday.
async fn count_usage(data: &Path, keys: &[String]) -> Result<()> {
    let options = StoreOptions {
        readers: 2,
        commit_hook: None,
    };
    let store = Store::open(&data.join("flowlatch.db"), options)?;
    let now = UtcHour::of(Clock::system().now_ms());
    let today = now.day();
    let days = (2..BUSY_DAYS).map(|back| UtcHour::first_of(today.minus(back)));
    let since_yesterday = UtcHour::first_of(today.minus(1)).0..=now.0;
    let hours: Vec<UtcHour> = days.chain(since_yesterday.map(UtcHour)).collect();
    let usage = Usage {
        read_requests: 100,
        execute_requests: 10,
        limited_requests: 1,
        ..Usage::default()
    };
    for account in keys.iter().take(BUSY_KEYS) {
        let row = |hour: &UtcHour| HourUsage {
            account: account.clone(),
            hour: *hour,
            usage,
        };
        store.add_usage(hours.iter().map(row).collect()).await?;
    }
    store.close().await;
    Ok(())
}

/// An active workflow of these steps, and its run that has ended.
async fn run_of(app: &App, name: &str, steps: Value) -> Result<(String, String)> {
    let body = json!({ "name": name, "trigger": { "type": "api" }, "steps": steps });
    let id = id_of(&ask(app, "POST", "/api/v1/workflows", body).await?["data"])?;
    let path = format!("/api/v1/workflows/{id}");
    ask(app, "POST", &format!("{path}/activate"), json!({})).await?;
    let run = ask(
        app,
        "POST",
        &format!("{path}/run"),
        json!({ "mode": "sync" }),
    )
    .await?;
    let run = run["data"]["runId"].as_str().ok_or("no run")?.to_owned();
    Ok((id, run))
}

/// Conditions, each of which names the next one in one of its branches.
fn many_conditions() -> Value {
    let id = |at: usize| format!("is-it-more-than-{at}");
    let condition = |at: usize| {
        json!({ "id": id(at), "type": "condition",
            "config": { "conditions": { "left": 1, "operator": "eq", "right": 1 }, "then": [id(at + 1)], "else": [] } })
    };
    let mut steps: Vec<Value> = (0..CONDITIONS).map(condition).collect();
    steps.push(json!({ "id": id(CONDITIONS), "type": "transform", "config": { "sourceData": 1 } }));
    json!(steps)
}

/// One workflow like many; every so many have a schedule, and name a connection.
async fn one_workflow(app: &App, number: usize) -> Result<String> {
    let is_scheduled = number.is_multiple_of(SCHEDULED_EVERY);
    let (trigger, step) = if is_scheduled {
        (
            json!({ "type": "schedule", "cron": format!("{} 4 1 1 *", number % 60) }),
            json!({ "id": "call", "type": "action", "action": "api.request",
                "config": { "url": "https://api.example.com/", "connection": "crm" } }),
        )
    } else {
        (
            json!({ "type": "api" }),
            json!({ "id": "set", "type": "transform", "config": { "sourceData": number } }),
        )
    };
    let body = json!({ "name": format!("workflow {number}"), "description": "one of very many",
        "trigger": trigger, "steps": [step] });
    let id = id_of(&ask(app, "POST", "/api/v1/workflows", body).await?["data"])?;
    if is_scheduled {
        let path = format!("/api/v1/workflows/{id}/activate");
        ask(app, "POST", &path, json!({})).await?;
    }
    Ok(id)
}

async fn ask(app: &App, method: &str, path: &str, body: Value) -> Result<Value> {
    let (status, answer) = app.control(method, path, Some(body)).await?;
    if (200..300).contains(&status) {
        Ok(answer)
    } else {
        Err(format!("{method} {path}: {status} {answer}").into())
    }
}

fn id_of(answer: &Value) -> Result<String> {
    let id = answer["id"].as_str();
    Ok(id.ok_or_else(|| format!("no id: {answer}"))?.to_owned())
}
