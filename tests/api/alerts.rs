//! Unusual activity: what is noticed and what is not, and how it is told to somebody else.

mod noticed;
mod told;
mod troubles;

use crate::dashboard::Browser;
use crate::support::{Client, TestServer};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::model::limit::Limit;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

const SELF: &str = "/api/v1/auth/api-keys/self";
/// Answered when what was counted is on the disk: whoever asks again and again goes no faster than that.
const USAGE: &str = "/api/v1/usage";

/// Requests may say from where they come, and looking again takes many.
fn configure(config: &mut Config) {
    config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    config.limit_read = Limit::Unlimited;
    config.limit_write = Limit::Unlimited;
}

async fn server() -> TestServer {
    TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), configure).await
}

/// One request from this address: its status.
async fn ask_from(client: &Client, address: &str) -> u16 {
    let request = client.request(Method::GET, SELF);
    let request = request.header("x-forwarded-for", address);
    request.send().await.expect("an answer").status().as_u16()
}

/// A key that holds these scopes: its id and a client.
async fn key(server: &TestServer, name: &str, more: Value) -> (String, Client) {
    let mut body = json!({ "name": name, "scopes": ["usage:read"] });
    for (field, value) in more.as_object().expect("fields") {
        body[field] = value.clone();
    }
    let (record, client) = server.with_key(body).await;
    (record["id"].as_str().expect("an id").to_owned(), client)
}

/// The alerts in the audit log, the oldest first: kind, key and address.
async fn alerts(server: &TestServer) -> Vec<(String, Option<String>, Option<String>)> {
    let rows = server.admin().get("/api/v1/audit?limit=100").await.data();
    let rows = rows.as_array().expect("rows").iter().rev();
    rows.filter_map(|row| {
        let kind = row["action"].as_str()?.strip_prefix("alert.")?.to_owned();
        assert_eq!(
            (&row["actor"], &row["result"]),
            (&json!("server"), &json!("noticed"))
        );
        let text = |field: &str| row[field].as_str().map(str::to_owned);
        Some((kind, text("target"), text("address")))
    })
    .collect()
}

/// The alerts once there are so many; the clock is moved until then.
async fn until(server: &TestServer, count: usize) -> Vec<(String, Option<String>, Option<String>)> {
    for _ in 0..400 {
        let found = alerts(server).await;
        if found.len() >= count {
            return found;
        }
        server.clock.advance_ms(5_000);
        server.admin().get(USAGE).await;
    }
    panic!("there are not {count} alerts: {:?}", alerts(server).await);
}

/// Every byte that the server has written into its folder.
fn written(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let paths = files.map(|file| file.expect("a file").path());
    paths
        .filter(|path| path.is_file())
        .flat_map(|path| std::fs::read(path).expect("its bytes"))
        .collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}
