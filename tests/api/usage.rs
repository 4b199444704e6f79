//! What keys have used: how it is counted, who sees whose, and what credits are left.

mod counting;
mod credits;
mod seeing;

use crate::support::{Client, TestServer};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

const USAGE: &str = "/api/v1/usage";

/// 2024-01-15T10:00:00Z, until the test moves it.
async fn server() -> TestServer {
    TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        // Looking again until something has happened takes many requests.
        config.limit_read = flowlatch::model::limit::Limit::Unlimited;
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await
}

/// What the usage endpoint says.
async fn usage(client: &Client, query: &str) -> Value {
    let answer = client.get(&format!("{USAGE}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data()
}

/// The totals of one key, as the first key sees them.
async fn totals(server: &TestServer, key: &str) -> Value {
    usage(&server.admin(), &format!("?keyId={key}")).await["totals"].clone()
}

fn id(record: &Value) -> String {
    record["id"].as_str().expect("an id").to_owned()
}

fn requests(read: u64, write: u64, execute: u64, refused: u64) -> Value {
    json!({ "read": read, "write": write, "execute": execute, "refused": refused })
}

fn runs(started: u64, completed: u64, failed: u64, cancelled: u64) -> Value {
    json!({ "started": started, "completed": completed, "failed": failed, "cancelled": cancelled })
}
