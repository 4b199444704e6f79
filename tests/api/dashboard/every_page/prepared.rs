//! A server with one of everything that pages show, in which every text that somebody may write is a script.

use super::super::Browser;
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

/// Where a proxy shows the server. It begins like the dashboard's own path.
pub(super) const BASE_PATH: &str = "/dash";
/// What was written into every text.
pub(super) const SCRIPT: &str = "<script>planted()</script>";

/// What has to be asked for at some paths.
const QUERIES: [(&str, &str); 2] = [
    ("/dashboard/runs/:id/config", "?step=seen"),
    ("/dashboard/workflows/:id/difference", "?from=1&to=1"),
];

/// The server, and somebody who is signed in.
pub(super) struct Prepared {
    pub(super) server: TestServer,
    pub(super) browser: Browser,
    workflow: String,
    scheduled: String,
    run: String,
    key: String,
    connection: String,
    variable: String,
    /// The number of the event with a step's output in the run's journal.
    output: String,
}

impl Prepared {
    pub(super) async fn start() -> Prepared {
        let configure = |config: &mut flowlatch::config::Config| {
            config.base_path = BASE_PATH.to_owned();
        };
        let server = TestServer::start_with(Clock::manual(MONDAY_MS), configure).await;
        let browser = Browser::signed_in(&server).await;
        let by_request = workflow(json!({ "type": "api" }), None);
        let every =
            json!({ "type": "schedule", "cron": "*/15 * * * *", "timezone": "Europe/Berlin" });
        let call = json!({ "id": "call", "type": "action", "action": "api.request",
            "config": { "url": "https://api.example.com:8443/", "connection": "planted" } });
        let scheduled = server.workflow_with(workflow(every, Some(call))).await;
        let workflow = server.workflow_with(by_request).await;
        let admin = server.admin();
        let secret = json!({ "key": "PLANTED", "value": "a planted value" });
        let path = format!("/api/v1/workflows/{workflow}/secrets");
        assert_eq!(admin.post(&path, secret).await.status, 201);
        let run = admin.run(&workflow, json!({ "text": SCRIPT })).await;
        let (key, _) = server
            .with_key(json!({ "name": SCRIPT, "scopes": ["runs:read"] }))
            .await;
        let connection = json!({ "name": SCRIPT, "provider": "planted", "type": "bearer", "isDefault": true,
            "credentials": { "token": "a planted token" }, "hosts": ["api.example.com:8443"] });
        let connection = admin.post("/api/v1/connections", connection).await.data();
        let variable = json!({ "name": SCRIPT, "value": SCRIPT, "type": "static" });
        let request = admin
            .bearer()
            .request(Method::POST, "/flowise/api/v1/variables");
        let variable = request.json(&variable).send().await.expect("an answer");
        let variable: Value = variable.json().await.expect("JSON");
        let text = |value: &Value, name: &str| value[name].as_str().expect("an id").to_owned();
        let run = text(&run, "runId");
        let output = output_of(&browser, &run).await;
        Prepared {
            run,
            output,
            key: text(&key, "id"),
            connection: text(&connection, "id"),
            variable: text(&variable, "id"),
            server,
            browser,
            workflow,
            scheduled,
        }
    }

    /// The origin of the server's own pages.
    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// A path of this pattern, with what the server has put in for its parameters.
    pub(super) fn path(&self, pattern: &str) -> String {
        let segments: Vec<&str> = pattern.split('/').collect();
        let mut filled: Vec<&str> = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            filled.push(match segment.starts_with(':') {
                true => self.value(segments[at - 1], segment, pattern),
                false => segment,
            });
        }
        let query = QUERIES.iter().find(|(asked, _)| *asked == pattern);
        filled.join("/") + query.map_or("", |(_, query)| query)
    }

    /// What stands for a parameter, by the word before it.
    fn value(&self, before: &str, parameter: &str, pattern: &str) -> &str {
        match (before, parameter) {
            ("workflows", _) => &self.workflow,
            ("schedules", _) => &self.scheduled,
            ("runs", _) => &self.run,
            ("keys", _) => &self.key,
            ("connections", _) => &self.connection,
            ("variables", _) => &self.variable,
            ("secrets", _) => "PLANTED",
            ("versions", _) => "1",
            ("steps", _) => "seen",
            ("data", _) => "input",
            ("journal", ":number") => &self.output,
            (_, ":part") => "output",
            ("set-up", _) => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            _ => panic!("`{pattern}`: nothing is prepared for `{parameter}` after `{before}`"),
        }
    }
}

/// The number of the first event of a run that has a step's output.
async fn output_of(browser: &Browser, run: &str) -> String {
    for number in 0..20 {
        let path = format!("/dashboard/runs/{run}/journal/{number}/output");
        if browser.get(&path).await.status == 200 {
            return number.to_string();
        }
    }
    panic!("no step of {run} has an output");
}

/// A workflow whose texts are scripts.
fn workflow(trigger: Value, more: Option<Value>) -> Value {
    let seen = json!({ "id": "seen", "name": SCRIPT, "type": "transform", "config": { "sourceData": SCRIPT } });
    let steps: Vec<Value> = [Some(seen), more].into_iter().flatten().collect();
    json!({ "name": SCRIPT, "description": SCRIPT, "trigger": trigger, "steps": steps })
}
