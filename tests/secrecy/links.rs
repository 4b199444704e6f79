//! The link of an approval, sent by each kind of step that calls outside. The other side gives it back, in answers and in
//! errors, and whoever got it answers through it.

use crate::forms::echo;
use crate::services::{MODEL, connection, keep};
use crate::smtp::{Script, SmtpServer, unbroken};
use crate::support::TestServer;
use crate::upstream::{Call, Reply, Upstream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What steps say to the other side.
const TEXT: &str = "Pay? {{approvals.ask.url}}";

/// Sends a link by each kind of step, and answers through it; gives back what signs the links.
pub(crate) async fn sent_and_answered(server: &TestServer, upstream: &Upstream) -> Vec<String> {
    let mut signatures = Vec::new();
    for (path, step) in calls(server, upstream).await {
        let before = upstream.calls(path).len();
        let run = start(server, step, &upstream.url(path)).await;
        upstream.until_called(path, before + 1).await;
        let link = link_in(server, &text(&upstream.calls(path)[before]));
        signatures.push(answered(server, &run, &link).await);
    }
    let smtp = SmtpServer::start(Script {
        refuses_with_message: true,
        ..Script::default()
    })
    .await;
    let credentials =
        json!({ "host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none" });
    let id = connection(&server.admin(), "post", "smtp", credentials).await;
    let config = json!({ "connection": id, "to": "a@example.com", "from": "b@example.com", "subject": "s", "text": TEXT });
    let run = start(server, json!({ "type": "email", "config": config }), "none").await;
    while smtp.record().messages.is_empty() {
        tokio::task::yield_now().await;
    }
    let link = link_in(server, &unbroken(&smtp.message()));
    signatures.push(answered(server, &run, &link).await);
    signatures
}

/// Steps that say the link over HTTP, and the path at which each does.
async fn calls(server: &TestServer, upstream: &Upstream) -> Vec<(&'static str, Value)> {
    let request = |path: &str, fails: bool| {
        json!({ "type": "action", "action": "api.request", "config": {
            "url": upstream.url(path), "method": "POST", "failOnError": fails, "body": { "say": TEXT } } })
    };
    let url = server.url.clone();
    let given_back = move |call: &Call| {
        let link = link_of(&url, &text(call));
        format!("{} {}", echo(&link), echo(signature(&link)))
    };
    let said = given_back.clone();
    upstream.answer("/links/kept", move |call, _| {
        let said = said(call);
        Reply::json(200, &json!({ "said": said.clone(), said.clone(): [said] }))
            .with("x-echo", said)
    });
    let said = given_back.clone();
    upstream.answer("/links/error", move |call, _| Reply::text(400, &said(call)));
    let said = given_back.clone();
    upstream.answer("/links/slack", move |call, _| Reply::text(403, &said(call)));
    upstream.answer(MODEL, move |call, _| {
        let said = given_back(call);
        Reply::json(
            200,
            &json!({ "choices": [{ "message": { "content": said } }], "model": said }),
        )
    });
    let token = json!({ "token": "a-key-for-the-model" });
    let id = connection(&server.admin(), "asked", "bearer", token).await;
    vec![
        ("/links/kept", request("/links/kept", true)),
        ("/links/error", request("/links/error", true)),
        ("/links/error", request("/links/error", false)),
        (
            "/links/slack",
            json!({ "type": "slack", "config": { "webhookUrl": "{{secrets.S}}", "text": TEXT } }),
        ),
        (
            MODEL,
            json!({ "type": "agent", "config": { "prompt": TEXT, "connection": id } }),
        ),
    ]
}

/// Starts a workflow that sends by this step, asks, and keeps what has come back in an output of its own.
async fn start(server: &TestServer, mut step: Value, secret: &str) -> String {
    step["id"] = json!("send");
    step["errorHandling"] = json!({ "strategy": "continue" });
    let steps = json!([
        step,
        { "id": "ask", "type": "approval", "config": { "approvers": [] } },
        { "id": "end", "type": "transform", "config": { "sourceData": ["{{steps.ask.approved}}", "{{steps.send}}"] } },
    ]);
    let workflow = server.workflow("sends a link", steps).await;
    keep(server, &workflow, secret).await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    let started = server.admin().post(&path, json!({})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    started.data()["runId"].as_str().expect("an id").to_owned()
}

/// Answers through the link, without a key; what signs it.
async fn answered(server: &TestServer, run: &str, link: &str) -> String {
    let path = link.strip_prefix(&server.url).expect("a whole link");
    let request = server
        .anonymous()
        .request(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("approved=true");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let admin = server.admin();
    // Its stream ends with it.
    admin.get(&format!("/api/v1/runs/{run}/events")).await;
    let ended = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["output"][0], true, "{ended}");
    signature(link).to_owned()
}

fn text(call: &Call) -> String {
    String::from_utf8_lossy(&call.body).into_owned()
}

fn link_in(server: &TestServer, text: &str) -> String {
    link_of(&server.url, text)
}

/// The link in a text.
fn link_of(server_url: &str, text: &str) -> String {
    let from = text.find(server_url).expect("a link");
    let is_of_link = |letter: char| letter.is_ascii_alphanumeric() || ":/._-".contains(letter);
    let rest = &text[from..];
    let end = rest.find(|letter| !is_of_link(letter));
    rest[..end.unwrap_or(rest.len())].to_owned()
}

/// The end of a link.
fn signature(link: &str) -> &str {
    link.rsplit('/').next().expect("a segment")
}
