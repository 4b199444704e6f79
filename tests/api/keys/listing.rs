//! The list of keys in pages.

use super::{KEYS, revoke};
use crate::support::{Client, TestServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn page(client: &Client, query: &str) -> (Vec<String>, Option<String>) {
    let answer = client.get(&format!("{KEYS}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let (items, meta) = (answer.data(), answer.json()["meta"].clone());
    let cursor = meta["cursor"].as_str().map(str::to_owned);
    assert_eq!(meta["hasMore"], cursor.is_some());
    let names = items.as_array().expect("a list").iter();
    let name = |key: &Value| key["name"].as_str().expect("a name").to_owned();
    (names.map(name).collect(), cursor)
}

#[tokio::test]
async fn keys_come_newest_first_in_pages_that_neither_repeat_nor_hide() {
    // The clock stands still: all keys have one creation time, and their ids decide.
    let server = TestServer::start_with_manual_clock().await;
    let mut made = Vec::new();
    for n in 0..5 {
        let body = json!({ "name": format!("k{n}"), "scopes": ["runs:read"] });
        made.push(server.with_key(body).await.0);
    }
    let admin = server.admin();
    let (first, cursor) = page(&admin, "limit=2").await;
    assert_eq!(first, ["k4", "k3"]);
    let cursor = cursor.expect("there are more");
    // What comes and goes meanwhile moves nobody to another page.
    server
        .with_key(json!({ "name": "late", "scopes": ["runs:read"] }))
        .await;
    let gone = revoke(&admin, &made[3]).await;
    assert_eq!(gone.status, StatusCode::OK);
    let (second, cursor) = page(&admin, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!(second, ["k2", "k1"]);
    let cursor = cursor.expect("there are more");
    let (last, cursor) = page(&admin, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!((last, cursor), (vec!["k0".into(), "admin".into()], None));
    let (all, cursor) = page(&admin, "limit=7").await;
    assert_eq!((all.len(), cursor), (7, None));
}

#[tokio::test]
async fn a_page_counts_only_what_its_reader_may_see() {
    let server = TestServer::start_with_manual_clock().await;
    let scopes = json!(["keys:read", "runs:read"]);
    let body = json!({ "name": "reader", "scopes": scopes });
    let (_, reader) = server.with_key(body).await;
    for (name, scope) in [("a", "runs:read"), ("x", "admin"), ("b", "runs:read")] {
        server
            .with_key(json!({ "name": name, "scopes": [scope] }))
            .await;
    }
    let (seen, cursor) = page(&reader, "limit=2").await;
    assert_eq!(seen, ["b", "a"]);
    let cursor = cursor.expect("there is one more");
    let (seen, cursor) = page(&reader, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!((seen, cursor), (vec!["reader".into()], None));
}

#[tokio::test]
async fn without_a_limit_a_page_has_fifty() {
    let server = TestServer::start_with_manual_clock().await;
    for n in 0..50 {
        server
            .with_key(json!({ "name": format!("k{n}"), "scopes": ["runs:read"] }))
            .await;
    }
    let (seen, cursor) = page(&server.admin(), "").await;
    assert_eq!(seen.len(), 50);
    assert!(cursor.is_some(), "the first key is on the second page");
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let server = TestServer::start().await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "status=active",
    ] {
        let answer = server.admin().get(&format!("{KEYS}?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        let name = query.split('=').next().expect("a name");
        assert!(
            answer.text.contains(&format!("`{name}`")),
            "{}",
            answer.text
        );
    }
}
