//! One secret planted in each step type and connection that calls outside beside `api.request`, and in a webhook's trigger.
//! The other side gives it back, in errors and in answers.

use crate::forms::{
    MODEL_KEY, SLACK_SECRET, SLACK_TOKEN, SMTP_PASSWORD, WEBHOOK_SECRET, echo, url_encoded,
};
use crate::smtp::{Script, SmtpServer};
use crate::support::{Client, TestServer};
use crate::upstream::{Reply, Upstream};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Where the model is asked.
pub(crate) const MODEL: &str = "/v1/chat/completions";

/// Everything here, each used so that its call fails and gives back what it was sent.
pub(crate) async fn used(server: &TestServer, upstream: &Upstream) {
    mail(server).await;
    model(server, upstream).await;
    slack(server, upstream).await;
    webhook(server, upstream).await;
}

pub(crate) async fn connection(
    admin: &Client,
    name: &str,
    kind: &str,
    credentials: Value,
) -> String {
    let body = json!({ "name": name, "provider": name, "type": kind, "credentials": credentials,
        "hosts": ["127.0.0.1"] });
    let made = admin.post("/api/v1/connections", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.data()["id"].as_str().expect("an id").to_owned()
}

/// Runs one step of a new workflow, with a secret where there is one to keep.
async fn run(server: &TestServer, mut step: Value, secret: Option<&str>, status: &str) {
    step["id"] = json!("s");
    let workflow = server.workflow("planted", json!([step])).await;
    if let Some(secret) = secret {
        keep(server, &workflow, secret).await;
    }
    let run = server.admin().run(&workflow, json!({})).await;
    assert_eq!(run["status"], status, "{run}");
}

/// Keeps a secret `S` of a workflow.
pub(crate) async fn keep(server: &TestServer, workflow: &str, secret: &str) {
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    let body = json!({ "key": "S", "value": secret });
    let kept = server.admin().post(&path, body).await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
}

/// A mail server that gives the password back when it refuses the login, the sender or the message.
async fn mail(server: &TestServer) {
    for word in ["AUTH", "MAIL", "."] {
        let answer = format!("550 {}\r\n", echo(SMTP_PASSWORD));
        let smtp = SmtpServer::start(Script {
            extensions: vec!["AUTH PLAIN LOGIN"],
            answers: [(word, answer)].into(),
            ..Script::default()
        })
        .await;
        let credentials = json!({ "host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none",
            "username": "user", "password": SMTP_PASSWORD });
        let id = connection(&server.admin(), "mailer", "smtp", credentials).await;
        let config = json!({ "connection": id, "to": "a@example.com", "from": "b@example.com", "subject": "s", "text": "t" });
        run(
            server,
            json!({ "type": "email", "config": config }),
            None,
            "failed",
        )
        .await;
        let has_signed_in = smtp
            .record()
            .commands
            .iter()
            .any(|line| line.starts_with("AUTH"));
        assert!(has_signed_in, "the password was never sent");
    }
}

/// A model that gives its key back, in an error and in an answer, to a step and to a stored agent.
async fn model(server: &TestServer, upstream: &Upstream) {
    let admin = server.admin();
    let id = connection(&admin, "model", "bearer", json!({ "token": MODEL_KEY })).await;
    let draft =
        json!({ "name": "asked", "type": "custom", "systemPrompt": "Say it.", "connectionId": id });
    let agent = admin.post("/api/v1/agents", draft).await;
    assert_eq!(agent.status, StatusCode::CREATED, "{}", agent.text);
    let agent = agent.data()["id"].as_str().expect("an id").to_owned();
    let said = json!({ "choices": [{ "message": { "content": echo(MODEL_KEY) } }], "model": echo(MODEL_KEY) });
    let config = json!({ "prompt": "p", "connection": id });
    for (reply, status) in [
        (Reply::text(401, &echo(MODEL_KEY)), "failed"),
        (Reply::text(200, &echo(MODEL_KEY)), "failed"),
        (Reply::json(200, &said), "completed"),
    ] {
        upstream.reply(MODEL, reply);
        let step = json!({ "type": "agent", "config": config });
        run(server, step, None, status).await;
    }
    for reply in [Reply::text(401, &echo(MODEL_KEY)), Reply::json(200, &said)] {
        upstream.reply(MODEL, reply);
        let path = format!("/api/v1/agents/{agent}/execute");
        let answer = admin.post(&path, json!({ "userMessage": "Well?" })).await;
        assert!(!answer.text.contains("pl4nted"), "{}", answer.text);
    }
    let calls = upstream.calls(MODEL);
    assert_eq!(calls.len(), 5);
    let sent = format!("Bearer {MODEL_KEY}");
    assert!(
        calls
            .iter()
            .all(|call| call.headers["authorization"] == sent)
    );
}

/// A webhook of Slack whose path is the secret, and which tells where it was called.
async fn slack(server: &TestServer, upstream: &Upstream) {
    for (secret, is_connection) in [(SLACK_SECRET, false), (SLACK_TOKEN, true)] {
        let path = format!("/services/T0/B0/{secret}");
        upstream.answer(&path, |call, _| {
            let last = call.target.rsplit('/').next().expect("a segment");
            let targets = [call.target.as_str(), last].map(|text| {
                format!(
                    "{text} {} {}",
                    url_encoded(text),
                    BASE64_STANDARD.encode(text)
                )
            });
            Reply::text(403, &targets.join(" "))
        });
        let address = upstream.url(&path);
        let mut step = json!({ "type": "slack", "config": { "text": "hello" } });
        if is_connection {
            let credentials = json!({ "token": address });
            let id = connection(&server.admin(), "slack", "bearer", credentials).await;
            step["config"]["connection"] = json!(id);
            run(server, step, None, "failed").await;
        } else {
            step["config"]["webhookUrl"] = json!("{{secrets.S}}");
            run(server, step, Some(&address), "failed").await;
        }
        assert_eq!(upstream.calls(&path).len(), 1);
    }
}

/// A trigger that checks signatures: one that is wrong, one that is right, and a step that sends the secret on.
async fn webhook(server: &TestServer, upstream: &Upstream) {
    let config =
        json!({ "url": upstream.url("/echoes"), "method": "POST", "body": "{{secrets.S}}" });
    let verify =
        json!({ "secret": "{{secrets.S}}", "header": "x-signature", "algorithm": "sha256" });
    let definition = json!({
        "name": "hooked",
        "trigger": { "type": "webhook", "provider": "custom", "path": "planted", "verify": verify },
        "steps": [{ "id": "s", "type": "action", "action": "api.request", "config": config }],
    });
    let admin = server.admin();
    let made = admin.post("/api/v1/workflows", definition).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let workflow = made.data()["id"].as_str().expect("an id").to_owned();
    keep(server, &workflow, WEBHOOK_SECRET).await;
    let path = format!("/api/v1/workflows/{workflow}");
    let active = admin.post(&format!("{path}/activate"), Value::Null).await;
    assert_eq!(active.status, StatusCode::OK, "{}", active.text);

    let body = json!({ "hello": true }).to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("any key");
    mac.update(body.as_bytes());
    let right = hex::encode(mac.finalize().into_bytes());
    // Some senders are set up to send the secret itself.
    for (signature, status) in [(WEBHOOK_SECRET, 401), (right.as_str(), 200)] {
        let request = server
            .anonymous()
            .request(Method::POST, "/webhooks/custom/planted")
            .header("x-signature", signature)
            .header("content-type", "application/json")
            .body(body.clone());
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status);
        let text = answer.text().await.expect("a body");
        assert!(!text.contains("pl4nted"), "{text}");
    }
    let runs = admin
        .get(&format!("/api/v1/runs?workflowId={workflow}"))
        .await
        .data();
    let run = runs[0]["id"].as_str().expect("a run");
    // Its stream ends with it.
    admin.get(&format!("/api/v1/runs/{run}/events")).await;
    let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(run["status"], "failed", "{run}");
}
