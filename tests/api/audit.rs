//! The audit log: who changed which key, from where; refusals, folded; who may read it, and how much of it.

use crate::raw;
use crate::support::{Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const AUDIT: &str = "/api/v1/audit";
const KEYS: &str = "/api/v1/auth/api-keys";
const SELF: &str = "/api/v1/auth/api-keys/self";

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

async fn rows(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("{AUDIT}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
    answer.data().as_array().expect("a list").clone()
}

/// The refusals once they are written, which is after their minute; the clock is moved until then.
pub(crate) async fn refusals(server: &TestServer) -> Vec<Value> {
    for _ in 0..200 {
        server.clock.advance_ms(30_000);
        let found = rows(&server.admin(), "?action=request.refused").await;
        if !found.is_empty() {
            return found;
        }
    }
    panic!("no refusal was written");
}

#[tokio::test]
async fn every_change_of_a_key_is_a_row() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let admin_id = text(&admin.get(SELF).await.data()["id"]);
    let (record, _) = server
        .with_key(json!({ "name": "subject", "scopes": ["runs:read"] }))
        .await;
    let id = text(&record["id"]);
    let one = format!("{KEYS}/{id}");
    for change in [
        json!({ "name": "new", "scopes": ["usage:read"] }),
        json!({}),
        json!({ "disabled": true }),
        json!({ "disabled": false }),
    ] {
        let answer = admin.send(Method::PATCH, &one, change).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let rotated = admin
        .post(&format!("{one}/rotate"), json!({ "graceSeconds": 60 }))
        .await;
    let successor = server.client(Some(text(&rotated.data()["key"])));
    assert_eq!(successor.get(SELF).await.status, StatusCode::OK);
    assert_eq!(
        admin.send(Method::DELETE, &one, Value::Null).await.status,
        StatusCode::OK
    );

    let mut found = rows(&admin, "").await;
    found.retain(|row| row["target"] == json!(id));
    found.reverse();
    let told: Vec<String> = found
        .iter()
        .map(|row| {
            let actor = text(&row["actor"]);
            let who = if actor == admin_id {
                "admin"
            } else {
                "the key"
            };
            assert!(actor == admin_id || actor == id, "{actor}");
            assert_eq!(row["address"], json!("127.0.0.1"));
            assert_eq!(row["result"], json!("ok"));
            assert_eq!(row["at"], json!("2024-01-15T10:00:00.000Z"));
            assert_eq!(text(&row["hash"]).len(), 64);
            let detail = row["detail"].to_string();
            let detail = detail
                .replace(&text(&record["keyPrefix"]), "[first]")
                .replace(&text(&rotated.data()["pending"]["keyPrefix"]), "[second]");
            format!("{} by {who}: {detail}", text(&row["action"]))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    key.created by admin: {"format":"wfk","keyPrefix":"[first]","name":"subject","scopes":["runs:read"]}
    key.updated by admin: {"changed":["name","scopes"],"disabled":false,"scopes":["usage:read"]}
    key.disabled by admin: {"changed":["disabled"],"disabled":true,"scopes":["usage:read"]}
    key.enabled by admin: {"changed":["disabled"],"disabled":false,"scopes":["usage:read"]}
    key.rotated by admin: {"graceSeconds":60,"keyPrefix":"[second]"}
    key.activated by the key: {"formerEndsAt":"2024-01-15T10:01:00.000Z","keyPrefix":"[second]"}
    key.revoked by admin: {}
    "#);
    let numbers: Vec<i64> = found
        .iter()
        .filter_map(|row| row["sequence"].as_i64())
        .collect();
    assert!(numbers.is_sorted() && numbers.len() == found.len());
}

#[tokio::test]
async fn what_was_refused_is_no_change() {
    let server = TestServer::start().await;
    let before = rows(&server.admin(), "?result=ok").await;
    let key = server.with(&["keys:read", "keys:write"]).await;
    let admin_id = text(&server.admin().get(SELF).await.data()["id"]);
    let admins = format!("{KEYS}/{admin_id}");
    for answer in [
        key.post(KEYS, json!({ "name": "x", "scopes": ["admin"] }))
            .await,
        key.post(KEYS, json!({ "name": "", "scopes": ["keys:read"] }))
            .await,
        key.send(Method::PATCH, &admins, json!({ "disabled": true }))
            .await,
        key.send(Method::DELETE, &admins, Value::Null).await,
    ] {
        assert!(answer.status.is_client_error(), "{}", answer.text);
    }
    let after = rows(&server.admin(), "?result=ok").await;
    assert_eq!(after.len(), before.len() + 1, "the one key that was made");
}

#[tokio::test]
async fn refusals_are_folded_by_reason_key_and_minute() {
    let server = TestServer::start_with_manual_clock().await;
    let (record, key) = server
        .with_key(json!({ "name": "narrow", "scopes": ["runs:read"], "limits": { "write": 1 } }))
        .await;
    for _ in 0..3 {
        assert_eq!(
            server.anonymous().get(SELF).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            key.get("/api/v1/workflows").await.status,
            StatusCode::FORBIDDEN
        );
    }
    let bad = server.client(Some("wfk_bad".to_owned()));
    assert_eq!(bad.get(SELF).await.status, StatusCode::UNAUTHORIZED);
    for status in [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(
            key.post("/api/v1/workflows", json!({})).await.status,
            status
        );
    }
    let id = text(&record["id"]);
    let mut told: Vec<Value> = refusals(&server)
        .await
        .iter()
        .map(|row| {
            assert_eq!(row["at"], json!("2024-01-15T10:00:00.000Z"));
            let actor = text(&row["actor"]).replace(&id, "the key");
            json!([row["result"], actor, row["address"], row["detail"]["count"]])
        })
        .collect();
    told.sort_by_key(Value::to_string);
    assert_eq!(
        told,
        [
            json!(["forbidden", "the key", null, 4]),
            json!(["limited", "the key", null, 1]),
            json!(["malformed", "anonymous", "127.0.0.0/24", 1]),
            json!(["missing", "anonymous", "127.0.0.0/24", 3]),
        ]
    );
}

#[tokio::test]
async fn refusals_in_memory_are_written_at_the_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = TestServer::open(&data, flowlatch::clock::Clock::system(), |_| {}).await;
    let admin_key = server.admin_key.clone();
    assert_eq!(
        server.anonymous().get(SELF).await.status,
        StatusCode::UNAUTHORIZED
    );
    server.stop().await;
    let server = TestServer::open(&data, flowlatch::clock::Clock::system(), |_| {}).await;
    let admin = server.client(Some(admin_key));
    let found = rows(&admin, "?action=request.refused&result=missing").await;
    assert_eq!(found.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn filters_and_pages() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let admin_id = text(&admin.get(SELF).await.data()["id"]);
    for number in 0..7 {
        let body = json!({ "name": format!("{number}"), "scopes": ["usage:read"] });
        let (record, _) = server.with_key(body).await;
        if number % 2 == 0 {
            let one = format!("{KEYS}/{}", text(&record["id"]));
            admin.send(Method::DELETE, &one, Value::Null).await;
        }
    }
    let by_admin = format!("actor={admin_id}");
    for (query, expected) in [
        ("?action=key.revoked".to_owned(), 4),
        (format!("?action=key.created&{by_admin}"), 7),
        (format!("?{by_admin}"), 11),
        ("?actor=control&action=key.created".to_owned(), 1),
        ("?result=forbidden".to_owned(), 0),
        ("?actor=nobody".to_owned(), 0),
        ("?action=key".to_owned(), 0),
    ] {
        assert_eq!(rows(&admin, &query).await.len(), expected, "{query}");
    }
    let all: Vec<Value> = rows(&admin, &format!("?{by_admin}")).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&format!("{AUDIT}?{by_admin}&limit=3{cursor}"))
            .await
            .json();
        seen.extend(page["data"].as_array().expect("a list").clone());
        if page["meta"]["hasMore"] == json!(false) {
            break;
        }
        // Rows that are added meanwhile stand before the first page.
        server.with(&["usage:read"]).await;
        let next = text(&page["meta"]["cursor"])
            .replace('+', "%2B")
            .replace('=', "%3D");
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn only_who_may_reads_it_and_a_bound_key_its_own_rows_only() {
    let server = TestServer::start().await;
    let every: Vec<&str> = flowlatch::model::scope::all_words()
        .filter(|word| *word != "audit:read")
        .collect();
    let answer = server.with(&every).await.get(AUDIT).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["error"]["required"], json!(["audit:read"]));

    let step = json!([{ "id": "say", "type": "transform", "config": { "sourceData": {} } }]);
    let workflow = server.workflow("bound", step).await;
    let (own, bound) = server
        .with_key(json!({
            "name": "bound",
            "scopes": ["audit:read", "keys:read", "keys:write"],
            "workflowId": workflow,
        }))
        .await;
    let made = bound
        .post(KEYS, json!({ "name": "child", "scopes": ["keys:read"] }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let admin_id = text(&server.admin().get(SELF).await.data()["id"]);
    for query in [
        "",
        "?limit=100",
        "?action=key.created",
        &format!("?actor={admin_id}"),
    ] {
        let found = rows(&bound, query).await;
        assert_eq!(found.len(), 1, "{query}");
        assert_eq!(found[0]["actor"], own["id"], "{query}");
        assert_eq!(found[0]["target"], made.data()["id"], "{query}");
    }
}

#[tokio::test]
async fn the_address_is_the_clients_behind_a_trusted_proxy_only() {
    for (trusted, expected) in [(true, "203.0.113.7"), (false, "127.0.0.1")] {
        let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
            if trusted {
                config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
            }
        })
        .await;
        let (host, body) = (
            server.address().to_string(),
            r#"{"name":"x","scopes":["admin"]}"#,
        );
        let length = body.len().to_string();
        let headers = [
            ("Host", host.as_str()),
            ("x-api-key", server.admin_key.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", length.as_str()),
            ("X-Forwarded-For", "198.51.100.1, 203.0.113.7"),
        ];
        let request = raw::request("POST", KEYS, &headers, body.as_bytes());
        let made = raw::send(server.address(), &request).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let id = &made.json()["data"]["id"];
        let found = rows(&server.admin(), "?action=key.created").await;
        let row = found
            .iter()
            .find(|row| row["target"] == *id)
            .expect("a row");
        assert_eq!(row["address"], json!(expected));
    }
}
