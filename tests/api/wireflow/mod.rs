//! Wireflow's door, as its clients meet it.

mod apps;
mod bounded;
mod cancelling;
mod catalogue;
mod copies;
mod credits;
mod executing;
mod executions;
mod graphs;
mod iterators;
mod keys;
mod listing;
mod media;
mod native;
mod nodes;
mod refusals;
mod saving;
mod shell;
mod stale;
mod told;
mod triggers;

use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const WORKFLOWS: &str = "/api/v1/workflows";

/// A text that is shown.
fn greeting() -> Value {
    json!({
        "name": "Greeting",
        "description": "Says hello",
        "tags": ["hello"],
        "nodes": [
            { "id": "name", "type": "basedNode", "position": { "x": 5, "y": 7.5 },
              "data": { "label": "Name", "nodeType": "input:text", "config": { "prompt": "Ada" } } },
            { "id": "shown", "type": "basedNode", "position": { "x": 400, "y": 0 },
              "data": { "label": "Shown", "nodeType": "output:preview", "config": {} } },
        ],
        "edges": [
            { "id": "e1", "source": "name", "target": "shown", "sourceHandle": "out-text", "targetHandle": "in-value" },
        ],
    })
}

/// The greeting with these fields in place of its own.
fn greeting_with(fields: Value) -> Value {
    let mut body = greeting();
    let fields = fields.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(fields);
    body
}

/// A client that may do everything with workflows.
async fn editor(server: &TestServer) -> Client {
    server
        .wireflow_with(&["workflows:read", "workflows:write", "workflows:execute"])
        .await
}

async fn created(client: &Client, body: Value) -> Value {
    let answer = client.post(WORKFLOWS, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.json()
}

fn one(workflow: &Value) -> String {
    format!("{WORKFLOWS}/{}", workflow["id"].as_str().expect("an id"))
}

async fn read(client: &Client, workflow: &Value) -> Value {
    let answer = client.get(&one(workflow)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

async fn put(client: &Client, workflow: &Value, body: Value) -> Answer {
    client.send(Method::PUT, &one(workflow), body).await
}

fn told(answer: &Answer) -> String {
    format!("{} {}", answer.status.as_u16(), answer.text)
}
