//! What the tables of the other files are sent to: a server with a workflow, a run and a key.

use super::{Inspector, state};
use crate::support::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

/// Method, path below `/api/v1`, and body.
pub(super) type Row = (&'static str, &'static str, &'static str);

pub(super) struct Bench {
    server: TestServer,
    workflow: String,
    run: String,
    key: String,
}

impl Bench {
    pub(super) async fn start() -> Bench {
        let server = TestServer::start_with_manual_clock().await;
        let steps =
            json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "x": 1 } } }]);
        let workflow = server
            .workflow_with(json!({
                "name": "subject",
                "trigger": { "type": "api" },
                "steps": steps,
                "inputSchema": {
                    "type": "object",
                    "properties": { "amount": { "type": "number", "minimum": 1 } },
                },
            }))
            .await;
        let run = server.admin().run(&workflow, json!({})).await;
        let (key, _) = server
            .with_key(json!({ "name": "victim", "scopes": ["runs:read"] }))
            .await;
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let (run, key) = (text(&run["runId"]), text(&key["id"]));
        Bench {
            server,
            workflow,
            run,
            key,
        }
    }

    /// Sends each request as the admin; gives each with its refusal, ids replaced by their names. None writes anything.
    pub(super) async fn refusals(&self, requests: &[Row]) -> String {
        let before = state(&self.server).await;
        let mut inspector = Inspector::default();
        let mut lines = Vec::new();
        for (method, target, body) in requests {
            let long = "x".repeat(256);
            let ids = [
                ("{long}", &long),
                ("{workflow}", &self.workflow),
                ("{run}", &self.run),
                ("{key}", &self.key),
            ];
            let fill = |text: &str| {
                ids.iter()
                    .fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
            };
            let method_value: Method = method.parse().expect("a method");
            let mut request = self
                .server
                .admin()
                .request(method_value, &format!("/api/v1{}", fill(target)));
            if !body.is_empty() {
                request = request
                    .header("content-type", "application/json")
                    .body(fill(body));
            }
            let answer = request.send().await.expect("an answer");
            let answer = crate::support::Answer::read(answer).await;
            let mut told = inspector.answer(&answer);
            for (name, id) in ids {
                told = told.replace(id, name);
            }
            lines.push(format!("{method} {target} {body}\n    {told}"));
        }
        assert_eq!(before, state(&self.server).await, "something was written");
        lines.join("\n")
    }
}
