//! Flowise's door, as its clients meet it.

mod asking;
mod bounds;
mod chats;
mod doors;
pub(crate) mod executions;
mod files;
mod flows;
mod hooks;
mod keys;
mod pages;
mod streaming;

use crate::access::bodies::a_flow;
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const FLOWS: &str = "/flowise/api/v1/chatflows";

/// A flow that says what it was told, with these fields over its own.
fn flow_with(fields: Value) -> Value {
    let mut body = a_flow();
    let fields = fields.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    body
}

/// A new flow made by this body: its id.
async fn made(server: &TestServer, body: Value) -> String {
    let answer = server.admin().bearer().post(FLOWS, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    text(&answer.json()["id"])
}

/// A new key of Flowise's format: its id and a client that presents it as a bearer.
async fn key(server: &TestServer, permissions: &[&str]) -> (String, Client) {
    let body = json!({ "keyName": "test", "permissions": permissions });
    let admin = server.admin().bearer();
    let answer = admin.post("/flowise/api/v1/apikey", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let key = answer.json();
    let client = server.client(Some(text(&key["apiKey"]))).bearer();
    (text(&key["id"]), client)
}

async fn ask(client: &Client, flow: &str, body: Value) -> Answer {
    let path = format!("/flowise/api/v1/prediction/{flow}");
    client.post(&path, body).await
}

fn hello() -> Value {
    json!({ "question": "Hello" })
}

/// An answer's refusal: status and reason, or message.
fn refusal(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    let why = body.get("reason").unwrap_or(&body["message"]);
    (answer.status.as_u16(), text(why))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn put(client: &Client, path: &str, body: Value) -> Answer {
    client.send(Method::PUT, path, body).await
}
