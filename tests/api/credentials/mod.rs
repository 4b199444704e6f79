//! Connections and secrets of workflows: kept, changed, used by steps, and never seen again.

mod hosts;
mod keeping;
mod mistakes;
mod redaction;
mod secrets;
mod testing;
mod using;

use crate::support::{Client, TestServer};
use crate::upstream::Upstream;
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A server that may call this machine, and the other side.
async fn scene() -> (TestServer, Upstream) {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".into(), "localhost".into()];
    })
    .await;
    (server, Upstream::start().await)
}

/// A new connection: its id.
async fn connection(client: &Client, body: Value) -> String {
    let made = client.post("/api/v1/connections", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    made.data()["id"].as_str().expect("an id").to_owned()
}

/// A bearer connection for this machine.
fn bearer(provider: &str, token: &str) -> Value {
    json!({ "name": provider, "provider": provider, "type": "bearer", "credentials": { "token": token },
        "hosts": ["127.0.0.1"] })
}

/// One step that calls this URL.
fn calling(url: &str, more: Value) -> Value {
    let mut config = json!({ "url": url });
    config
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    json!([{ "id": "call", "type": "action", "action": "api.request", "config": config }])
}
