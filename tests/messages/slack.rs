//! `slack`: what is posted, and that the webhook's address stands nowhere.

use crate::email::run_step;
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/services/T000/B000/pl4nted-s3cret";

async fn start() -> (Upstream, TestServer) {
    let upstream = Upstream::start().await;
    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".into()];
    })
    .await;
    (upstream, server)
}

/// A connection whose secret is the webhook's address.
async fn webhook(server: &TestServer, url: &str, hosts: &[&str]) {
    let body = json!({"name": "chat", "provider": "slack", "type": "bearer",
        "credentials": { "token": url }, "hosts": hosts});
    let made = server.admin().post("/api/v1/connections", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
}

fn step(config: Value) -> Value {
    let mut whole = json!({ "connection": "slack" });
    let fields = config.as_object().expect("an object").clone();
    whole.as_object_mut().expect("an object").extend(fields);
    json!({ "id": "say", "type": "slack", "config": whole })
}

#[tokio::test]
async fn a_message_is_posted() {
    let (upstream, server) = start().await;
    webhook(&server, &upstream.url(PATH), &["127.0.0.1"]).await;
    upstream.answer(PATH, |_, _| Reply::text(200, "ok"));
    let blocks = json!([{ "type": "divider" }]);
    let config = json!({"action": "send_message", "channel": "#ops", "text": "Hi {{input.name}}", "blocks": blocks});
    let log = run_step(&server, step(config), json!({ "name": "Ada" })).await;
    assert_eq!(log["output"], json!({"ok": true, "status": 200}), "{log}");
    let calls = upstream.calls(PATH);
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0].json(),
        json!({"text": "Hi Ada", "channel": "#ops", "blocks": blocks})
    );
    assert!(calls[0].key().ends_with(":say"));

    let action = json!({"id": "say", "type": "action", "action": "slack.send_message",
        "config": { "connection": "slack", "text": "again" }});
    let log = run_step(&server, action, json!({})).await;
    assert_eq!(log["status"], "completed", "{log}");
    assert!(!log.to_string().contains("s3cret"), "{log}");
}

#[tokio::test]
async fn a_secret_of_the_workflow_can_be_the_address() {
    let (upstream, server) = start().await;
    let config = json!({"webhookUrl": "{{secrets.CHAT}}", "text": "hi"});
    let steps = json!([{ "id": "say", "type": "slack", "config": config }]);
    let body = json!({"name": "w", "trigger": { "type": "api" }, "steps": steps});
    let made = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let id = made.data()["id"].as_str().expect("an id").to_owned();
    let secret = json!({"key": "CHAT", "value": upstream.url(PATH)});
    let kept = server
        .admin()
        .post(&format!("/api/v1/workflows/{id}/secrets"), secret)
        .await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
    server
        .admin()
        .post(&format!("/api/v1/workflows/{id}/activate"), Value::Null)
        .await;
    let run = server.admin().run(&id, json!({})).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(upstream.calls(PATH).len(), 1);
}

#[tokio::test]
async fn errors_never_show_the_address_and_are_repeated_only_where_nothing_was_posted() {
    let (upstream, server) = start().await;
    webhook(&server, &upstream.url(PATH), &["127.0.0.1"]).await;
    for (replies, calls, message) in [
        (
            vec![Reply::text(404, "channel_not_found")],
            1,
            "channel_not_found",
        ),
        (vec![Reply::text(500, "oops")], 1, "500"),
        (
            vec![Reply::text(
                400,
                &format!("no {PATH} at {}", upstream.url(PATH)),
            )],
            1,
            "400",
        ),
        (
            vec![Reply::text(301, "").with("location", format!("ftp://x{PATH}"))],
            1,
            "redirects",
        ),
        (vec![Reply::text(200, &"x".repeat(1 << 20))], 1, "larger"),
        (
            vec![
                Reply::text(429, "slow").with("retry-after", "0"),
                Reply::text(200, "ok"),
            ],
            2,
            "",
        ),
    ] {
        let before = upstream.calls(PATH).len();
        for reply in replies {
            upstream.reply(PATH, reply);
        }
        let mut step = step(json!({ "text": "hi" }));
        step["retryConfig"] = json!({"maxAttempts": 2, "initialDelayMs": 0});
        let log = run_step(&server, step, json!({})).await;
        assert_eq!(upstream.calls(PATH).len() - before, calls, "{log}");
        let told = log["error"]["message"].as_str().unwrap_or_default();
        assert!(told.contains(message), "{message}: {log}");
        assert!(!log.to_string().contains("s3cret"), "{log}");
    }
}

#[tokio::test]
async fn the_address_goes_to_no_other_host() {
    let (upstream, server) = start().await;
    webhook(&server, &upstream.url(PATH), &["hooks.slack.com"]).await;
    let log = run_step(&server, step(json!({ "text": "hi" })), json!({})).await;
    assert_eq!(log["error"]["code"], "CONNECTION_INVALID", "{log}");
    assert!(upstream.calls(PATH).is_empty());
    assert!(!log.to_string().contains("s3cret"), "{log}");
}

#[tokio::test]
async fn direct_messages_are_refused_when_the_workflow_is_made() {
    let server = TestServer::start().await;
    let config = json!({"action": "sendDirectMessage", "userEmail": "a@example.com", "text": "hi", "connection": "slack"});
    let steps = json!([{ "id": "say", "type": "slack", "config": config }]);
    let body = json!({"name": "w", "trigger": { "type": "api" }, "steps": steps});
    let made = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(made.status, StatusCode::BAD_REQUEST, "{}", made.text);
    assert!(
        made.text.contains("steps[0].config.action") && made.text.contains("direct messages"),
        "{}",
        made.text
    );
}
