//! Route by route: values that do not fit, unknown fields and parameters, states that do not allow it. The snapshots show
//! what a client reads.

use super::{Inspector, state};
use crate::support::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

struct Bench {
    server: TestServer,
    workflow: String,
    run: String,
    key: String,
}

impl Bench {
    async fn start() -> Bench {
        let server = TestServer::start().await;
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

    /// Sends each request as the admin; gives each with its refusal, ids replaced by their names. Nothing is written by any.
    async fn refusals(&self, requests: &[(&str, &str, &str)]) -> String {
        let before = state(&self.server).await;
        let mut inspector = Inspector::default();
        let mut lines = Vec::new();
        for (method, target, body) in requests {
            let ids = [
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
            let body: String = body.chars().take(120).collect();
            lines.push(format!("{method} {target} {body}\n    {told}"));
        }
        assert_eq!(before, state(&self.server).await, "something was written");
        lines.join("\n")
    }
}

#[tokio::test]
async fn workflows() {
    let bench = Bench::start().await;
    let told = bench
        .refusals(&[
            ("POST", "/workflows", "{"),
            ("POST", "/workflows", "[]"),
            ("POST", "/workflows", "\"text\""),
            ("POST", "/workflows", "{}"),
            ("POST", "/workflows", r#"{"name":"  ","trigger":{"type":"api"},"steps":[]}"#),
            ("POST", "/workflows", r#"{"name":"a","name":"b","trigger":{"type":"api"},"steps":[]}"#),
            ("POST", "/workflows", r#"{"nmae":"a","description":7,"trigger":{"type":"api"},"stpes":[]}"#),
            ("POST", "/workflows", r#"{"name":"a","trigger":{"type":"api"},"steps":[{"id":"x","type":"transfrom","config":{}}]}"#),
            ("POST", "/workflows", r#"{"name":"a","trigger":{"type":"api"},"steps":[],"flowData":"{}"}"#),
            ("POST", "/workflows/validate", "[]"),
            ("PUT", "/workflows/{workflow}", r#"{"expectedVersion":0}"#),
            ("PUT", "/workflows/{workflow}", r#"{"expectedVersion":9,"name":"new"}"#),
            ("PUT", "/workflows/{workflow}", r#"{"name":5}"#),
            ("PUT", "/workflows/{workflow}", r#"{"steps":"none"}"#),
            ("PUT", "/workflows/nobody", r#"{"name":"new"}"#),
            ("GET", "/workflows?limit=0", ""),
            ("GET", "/workflows?limit=101", ""),
            ("GET", "/workflows?limit=x", ""),
            ("GET", "/workflows?limit=1&limit=2", ""),
            ("GET", "/workflows?cursor=x", ""),
            ("GET", "/workflows?status=on", ""),
            ("GET", "/workflows?serach=a", ""),
            ("GET", "/workflows/nobody", ""),
            ("DELETE", "/workflows/{workflow}?purge=maybe", ""),
            ("DELETE", "/workflows/{workflow}?prge=true", ""),
            ("GET", "/workflows/{workflow}/versions?limit=0", ""),
            ("GET", "/workflows/{workflow}/versions?cursor=eyJ0cyI6MSwiaWQiOiJ4In0=", ""),
            ("GET", "/workflows/{workflow}/versions/0", ""),
            ("GET", "/workflows/{workflow}/versions/x", ""),
            ("GET", "/workflows/{workflow}/versions/99", ""),
            ("POST", "/workflows/{workflow}/versions/99/restore", ""),
            ("POST", "/workflows/nobody/activate", ""),
            ("POST", "/workflows/nobody/pause", ""),
        ])
        .await;
    insta::assert_snapshot!(told, @"");
}

#[tokio::test]
async fn runs() {
    let bench = Bench::start().await;
    let long = format!(r#"{{"idempotencyKey":"{}"}}"#, "x".repeat(256));
    let told = bench
        .refusals(&[
            ("POST", "/workflows/{workflow}/run", "{"),
            ("POST", "/workflows/{workflow}/run", r#"{"input":[]}"#),
            ("POST", "/workflows/{workflow}/run", r#"{"input":"text"}"#),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"input":{"amount":0}}"#,
            ),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"input":{"amount":"ten"}}"#,
            ),
            ("POST", "/workflows/{workflow}/run", r#"{"inputs":{}}"#),
            ("POST", "/workflows/{workflow}/run", r#"{"mode":"later"}"#),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"mode":"sync","mode":"sync"}"#,
            ),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"mode":"sync","maxExecutionTimeMs":0}"#,
            ),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"mode":"sync","maxExecutionTimeMs":300001}"#,
            ),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"idempotencyKey":""}"#,
            ),
            ("POST", "/workflows/{workflow}/run", &long),
            (
                "POST",
                "/workflows/{workflow}/run",
                r#"{"connectionId":"stripe"}"#,
            ),
            ("POST", "/workflows/nobody/run", "{}"),
            ("GET", "/runs?limit=0", ""),
            ("GET", "/runs?cursor=!", ""),
            ("GET", "/runs?status=done", ""),
            ("GET", "/runs?workflowId=../x", ""),
            ("GET", "/runs?workflow=x", ""),
            ("GET", "/runs/nobody", ""),
            ("GET", "/runs/nobody/logs", ""),
            ("GET", "/runs/nobody/events", ""),
            ("POST", "/runs/nobody/cancel", ""),
            ("POST", "/runs/nobody/retry", ""),
            ("POST", "/runs/{run}/cancel", ""),
            ("POST", "/runs/{run}/retry", ""),
        ])
        .await;
    insta::assert_snapshot!(told, @"");
}

#[tokio::test]
async fn keys_and_audit() {
    let bench = Bench::start().await;
    let long = format!(r#"{{"name":"{}","scopes":["runs:read"]}}"#, "x".repeat(256));
    let told = bench
        .refusals(&[
            ("POST", "/auth/api-keys", "{}"),
            ("POST", "/auth/api-keys", r#"{"name":"a"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"","scopes":["runs:read"]}"#),
            ("POST", "/auth/api-keys", &long),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":[]}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["workflow:read"]}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":"runs:read"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"format":"jwt"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"key":"wfk_mine"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresAt":"tomorrow"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresInSeconds":0}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresInSeconds":9223372036854775807}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"expiresAt":"2099-01-01T00:00:00Z","expiresInSeconds":5}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowId":"nobody"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowId":"../x"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowPrefix":""}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"workflowId":"{workflow}","workflowPrefix":"x"}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"limits":{"read":0}}"#),
            ("POST", "/auth/api-keys", r#"{"name":"a","scopes":["runs:read"],"limits":{"reads":1}}"#),
            ("PATCH", "/auth/api-keys/{key}", r#"{"name":"\u0007"}"#),
            ("PATCH", "/auth/api-keys/{key}", r#"{"scopes":[]}"#),
            ("PATCH", "/auth/api-keys/{key}", r#"{"disabled":"yes"}"#),
            ("PATCH", "/auth/api-keys/{key}", r#"{"format":"sk"}"#),
            ("PATCH", "/auth/api-keys/{key}", r#"{"limits":{"write":-1}}"#),
            ("PATCH", "/auth/api-keys/{key}", r#"{"expiresAt":"2001-01-01T00:00:00Z"}"#),
            ("PATCH", "/auth/api-keys/nobody", r#"{"name":"a"}"#),
            ("POST", "/auth/api-keys/{key}/rotate", r#"{"graceSeconds":86401}"#),
            ("POST", "/auth/api-keys/{key}/rotate", r#"{"graceSeconds":-1}"#),
            ("POST", "/auth/api-keys/{key}/rotate", r#"{"grace":1}"#),
            ("POST", "/auth/api-keys/nobody/rotate", "{}"),
            ("GET", "/auth/api-keys/nobody", ""),
            ("DELETE", "/auth/api-keys/nobody", ""),
            ("GET", "/audit?limit=0", ""),
            ("GET", "/audit?cursor=x", ""),
            ("GET", "/audit?cursor=eyJ0cyI6MSwiaWQiOiJ4In0=", ""),
            ("GET", "/audit?who=me", ""),
        ])
        .await;
    insta::assert_snapshot!(told, @"");
}
