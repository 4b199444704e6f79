//! The life of a key over HTTP: made, used, changed, rotated, revoked, handed on.

mod handing_on;
mod life;
mod listing;
mod rotation;

use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const KEYS: &str = "/api/v1/auth/api-keys";
const SELF: &str = "/api/v1/auth/api-keys/self";

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// The path of a key's record.
fn one(record: &Value) -> String {
    format!("{KEYS}/{}", text(&record["id"]))
}

async fn patch(client: &Client, record: &Value, change: Value) -> Answer {
    client.send(Method::PATCH, &one(record), change).await
}

async fn revoke(client: &Client, record: &Value) -> Answer {
    client.send(Method::DELETE, &one(record), Value::Null).await
}

/// What a key is let in as: `ok`, or the reason of its 401.
async fn standing(client: &Client) -> String {
    let answer = client.get(SELF).await;
    match answer.status {
        StatusCode::OK => "ok".to_owned(),
        StatusCode::UNAUTHORIZED => text(&answer.json()["error"]["reason"]),
        other => panic!("{other}: {}", answer.text),
    }
}

/// A record without what changes by itself.
fn settled(mut record: Value) -> Value {
    for field in ["lastUsedAt", "lastUsedFrom", "updatedAt", "key"] {
        record.as_object_mut().expect("an object").remove(field);
    }
    record
}

async fn made(server: &TestServer, scopes: &[&str]) -> (Value, Client) {
    server
        .with_key(json!({ "name": "subject", "scopes": scopes }))
        .await
}
