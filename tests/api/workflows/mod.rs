//! Workflows over HTTP: made, listed, edited, versioned, moved along their life cycle, and seen and saved by bound keys.

mod bound;
mod bound_definitions;
mod editing;
mod life_cycle;
mod listing;
mod validating;

use crate::support::{Answer, Client, TestServer};
use reqwest::Method;
use serde_json::{Value, json};

const WORKFLOWS: &str = "/api/v1/workflows";

fn say(word: &str) -> Value {
    json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "said": word } } }])
}

fn definition(name: &str) -> Value {
    json!({ "name": name, "trigger": { "type": "api" }, "steps": say("hello") })
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// A new draft: its id.
async fn draft(client: &Client, name: &str) -> String {
    let answer = client.post(WORKFLOWS, definition(name)).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    text(&answer.data()["id"])
}

async fn put(client: &Client, id: &str, change: Value) -> Answer {
    let path = format!("{WORKFLOWS}/{id}");
    client.send(Method::PUT, &path, change).await
}

async fn post(client: &Client, id: &str, action: &str) -> Answer {
    let path = format!("{WORKFLOWS}/{id}/{action}");
    client.post(&path, Value::Null).await
}

async fn get(client: &Client, id: &str) -> Value {
    client.get(&format!("{WORKFLOWS}/{id}")).await.data()
}

fn names(list: &Value) -> Vec<String> {
    let items = list.as_array().expect("a list");
    items.iter().map(|item| text(&item["name"])).collect()
}

/// A server without the workflow that it has at its first start.
async fn empty_server() -> TestServer {
    let server = TestServer::start_with_manual_clock().await;
    let list = server.admin().get(WORKFLOWS).await.data();
    for workflow in list.as_array().expect("a list") {
        let path = format!("{WORKFLOWS}/{}?purge=true", text(&workflow["id"]));
        let purged = server
            .admin()
            .send(Method::DELETE, &path, Value::Null)
            .await;
        assert_eq!(purged.status.as_u16(), 200, "{}", purged.text);
    }
    server
}
