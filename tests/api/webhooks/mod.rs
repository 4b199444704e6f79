//! Webhooks, as their senders see them and as their owner does: who is believed, what is started, what is kept.

mod belief;
mod bounds;
mod events;
mod gone;
mod raw_bodies;
mod readme;
mod replays;
mod sharing;
mod side_by_side;

use crate::support::{Answer, TestServer, described};
use flowlatch::clock::Clock;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SECRET: &str = "whsec_0123456789abcdef";

/// A step that says what a run got to see.
fn seen() -> Value {
    let sees = json!({
        "input": "{{input}}", "body": "{{trigger.body}}", "event": "{{trigger.event}}", "id": "{{trigger.eventId}}",
        "agent": "{{trigger.headers.user-agent}}", "trigger": "{{trigger}}",
    });
    json!([{ "id": "see", "type": "transform", "config": { "sourceData": sees } }])
}

async fn server() -> TestServer {
    TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
        config.limit_read = flowlatch::model::limit::Limit::Unlimited;
    })
    .await
}

/// A workflow with this trigger that is not active yet: its id.
async fn draft(server: &TestServer, trigger: Value) -> String {
    let body = json!({ "name": "hooked", "trigger": trigger, "steps": seen() });
    let created = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    created.data()["id"].as_str().expect("an id").to_owned()
}

async fn set_secret(server: &TestServer, workflow: &str, value: &str) {
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    let body = json!({ "key": "HOOK", "value": value });
    let kept = server.admin().post(&path, body).await;
    assert!(kept.status.is_success(), "{}", kept.text);
}

async fn activate(server: &TestServer, workflow: &str) -> Answer {
    let path = format!("/api/v1/workflows/{workflow}/activate");
    server.admin().post(&path, Value::Null).await
}

/// An active workflow with this trigger, and a secret where it asks for one: its id.
async fn hooked(server: &TestServer, trigger: Value) -> String {
    let has_secret = trigger["verify"]["secret"].is_string();
    let workflow = draft(server, trigger).await;
    if has_secret {
        set_secret(server, &workflow, SECRET).await;
    }
    let active = activate(server, &workflow).await;
    assert_eq!(active.status, StatusCode::OK, "{}", active.text);
    workflow
}

/// The trigger of a provider whose requests are signed.
fn signed(provider: &str) -> Value {
    let verify = json!({ "secret": "{{secrets.HOOK}}" });
    json!({ "type": "webhook", "provider": provider, "verify": verify })
}

/// A trigger that lets everybody in.
fn open(path: &str) -> Value {
    json!({ "type": "webhook", "provider": "custom", "path": path })
}

fn hmac(pieces: &[&[u8]]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    pieces.iter().for_each(|piece| mac.update(piece));
    hex::encode(mac.finalize().into_bytes())
}

/// The header of a request of Stripe's, made at this second.
fn stripe_signature(seconds: i64, body: &[u8]) -> String {
    let digest = hmac(&[seconds.to_string().as_bytes(), b".", body]);
    format!("t={seconds},v1={digest}")
}

fn now_s(server: &TestServer) -> i64 {
    server.clock.now_ms() / 1_000
}

/// Sends a webhook, without a key.
async fn send(server: &TestServer, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = server.anonymous().request(Method::POST, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let sent = request.body(body.to_vec()).send().await;
    let answer = Answer::read(sent.expect("an answer")).await;
    let (status, headers) = (answer.status, &answer.headers);
    described::check(&Method::POST, path, status, headers, &answer.text);
    answer
}

/// Sends a webhook as Stripe would, now.
async fn send_stripe(server: &TestServer, path: &str, body: &[u8]) -> Answer {
    let signature = stripe_signature(now_s(server), body);
    let headers = [
        ("stripe-signature", signature.as_str()),
        ("content-type", "application/json"),
    ];
    send(server, path, &headers, body).await
}

/// Every run of the workflow, newest first, ended.
async fn runs(server: &TestServer, workflow: &str) -> Vec<Value> {
    let admin = server.admin();
    let listed = admin
        .get(&format!("/api/v1/runs?workflowId={workflow}"))
        .await
        .data();
    let mut runs = Vec::new();
    for run in listed.as_array().expect("a list") {
        let path = format!("/api/v1/runs/{}", run["id"].as_str().expect("an id"));
        // The stream of a run ends with it.
        admin.get(&format!("{path}/events")).await;
        runs.push(admin.get(&path).await.data());
    }
    runs
}

async fn events(server: &TestServer, query: &str) -> Vec<Value> {
    let path = format!("/api/v1/webhooks/events{query}");
    let listed = server.admin().get(&path).await;
    assert_eq!(listed.status, StatusCode::OK, "{}", listed.text);
    listed.data().as_array().expect("a list").clone()
}
