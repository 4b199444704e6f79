//! A new text for a key: pending, first used, and the old text's grace.

use super::{KEYS, made, one, patch, revoke, standing, text};
use crate::support::{Client, TestServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn rotate(server: &TestServer, record: &Value, body: Value) -> (Value, Client) {
    let answer = server
        .admin()
        .post(&format!("{}/rotate", one(record)), body)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let rotated = answer.data();
    let client = server.client(Some(text(&rotated["key"])));
    (rotated, client)
}

async fn listed(server: &TestServer, record: &Value) -> Value {
    let list = server.admin().get(KEYS).await.data();
    let found = list
        .as_array()
        .expect("a list")
        .iter()
        .find(|key| key["id"] == record["id"]);
    found.expect("the key is listed").clone()
}

#[tokio::test]
async fn the_successor_waits_for_its_first_use_and_only_then_the_grace_runs() {
    let server = TestServer::start_with_manual_clock().await;
    let (record, old) = made(&server, &["runs:read"]).await;
    let (rotated, new) = rotate(&server, &record, json!({ "graceSeconds": 60 })).await;
    assert_eq!(rotated["id"], record["id"]);
    assert_ne!(rotated["key"], record["key"]);
    assert_eq!(
        rotated["keyPrefix"], record["keyPrefix"],
        "the old text is still the current one"
    );
    let pending = &rotated["pending"];
    assert_eq!(text(&pending["keyPrefix"]), text(&rotated["key"])[..12]);
    assert_eq!(pending["graceSeconds"], json!(60));
    assert_eq!(pending["lapsesAt"], json!("2024-01-22T10:00:00.000Z"));
    assert_eq!(listed(&server, &record).await["pending"], *pending);

    server.clock.advance_ms(3_600_000);
    assert_eq!(
        standing(&old).await,
        "ok",
        "no grace runs before the first use"
    );
    assert_eq!(standing(&new).await, "ok");
    let shown = listed(&server, &record).await;
    assert_eq!(text(&shown["keyPrefix"]), text(&rotated["key"])[..12]);
    assert_eq!(shown["pending"], Value::Null);
    assert_eq!(shown["former"]["keyPrefix"], record["keyPrefix"]);
    assert_eq!(
        shown["former"]["validUntil"],
        json!("2024-01-15T11:01:00.000Z")
    );
    for (advance_ms, expected) in [(59_999, "ok"), (1, "expired"), (86_400_000, "expired")] {
        server.clock.advance_ms(advance_ms);
        assert_eq!(standing(&old).await, expected);
        assert_eq!(standing(&new).await, "ok");
    }
}

#[tokio::test]
async fn without_grace_the_old_text_ends_with_the_first_use() {
    let server = TestServer::start_with_manual_clock().await;
    let (record, old) = made(&server, &["runs:read"]).await;
    let (_, new) = rotate(&server, &record, json!({ "graceSeconds": 0 })).await;
    assert_eq!(standing(&old).await, "ok");
    assert_eq!(standing(&new).await, "ok");
    assert_eq!(standing(&old).await, "expired");
}

#[tokio::test]
async fn the_grace_is_an_hour_where_nothing_is_said() {
    let server = TestServer::start_with_manual_clock().await;
    let (record, old) = made(&server, &["runs:read"]).await;
    let (rotated, new) = rotate(&server, &record, Value::Null).await;
    assert_eq!(rotated["pending"]["graceSeconds"], json!(3_600));
    assert_eq!(standing(&new).await, "ok");
    server.clock.advance_ms(3_599_999);
    assert_eq!(standing(&old).await, "ok");
    server.clock.advance_ms(1);
    assert_eq!(standing(&old).await, "expired");
}

#[tokio::test]
async fn a_successor_that_nobody_uses_lapses_after_a_week() {
    let server = TestServer::start_with_manual_clock().await;
    let (record, old) = made(&server, &["runs:read"]).await;
    let (_, new) = rotate(&server, &record, json!({})).await;
    server.clock.advance_ms(7 * 86_400_000);
    assert_eq!(standing(&new).await, "expired");
    assert_eq!(standing(&old).await, "ok");
}

#[tokio::test]
async fn a_second_rotation_replaces_the_waiting_successor() {
    let server = TestServer::start_with_manual_clock().await;
    let (record, old) = made(&server, &["runs:read"]).await;
    let (_, first) = rotate(&server, &record, json!({})).await;
    let (_, second) = rotate(&server, &record, json!({})).await;
    assert_eq!(standing(&first).await, "unknown");
    assert_eq!(standing(&old).await, "ok");
    assert_eq!(standing(&second).await, "ok");
}

#[tokio::test]
async fn all_texts_share_the_keys_fate_and_its_limits() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let body = json!({ "name": "both", "scopes": ["runs:read"], "limits": { "read": 4 } });
    let (record, old) = server.with_key(body).await;
    let (_, new) = rotate(&server, &record, json!({})).await;
    for client in [&new, &old, &new, &old] {
        assert_eq!(standing(client).await, "ok");
    }
    for client in [&new, &old] {
        let status = client.get("/api/v1/runs").await.status;
        assert_eq!(
            status,
            StatusCode::TOO_MANY_REQUESTS,
            "one window for one key"
        );
    }
    patch(&admin, &record, json!({ "disabled": true })).await;
    assert_eq!(
        [standing(&old).await, standing(&new).await],
        ["disabled", "disabled"]
    );
    patch(&admin, &record, json!({ "disabled": false })).await;
    revoke(&admin, &record).await;
    assert_eq!(
        [standing(&old).await, standing(&new).await],
        ["revoked", "revoked"]
    );
}

#[tokio::test]
async fn a_key_rotates_itself() {
    let server = TestServer::start().await;
    let (record, key) = made(&server, &["keys:write"]).await;
    let answer = key
        .post(
            &format!("{}/rotate", one(&record)),
            json!({ "graceSeconds": 0 }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let new = server.client(Some(text(&answer.data()["key"])));
    assert_eq!(standing(&new).await, "ok");
    assert_eq!(standing(&key).await, "expired");
}

#[tokio::test]
async fn the_former_text_changes_no_key_in_its_grace() {
    let server = TestServer::start_with_manual_clock().await;
    let scopes = ["keys:read", "keys:write", "runs:read"];
    let (record, old) = made(&server, &scopes).await;
    let (victim, _) = made(&server, &["runs:read"]).await;
    let (_, new) = rotate(&server, &record, json!({ "graceSeconds": 60 })).await;
    // Until the successor is used, the old text is the key's own.
    assert_eq!(
        patch(&old, &victim, json!({ "name": "before" }))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(standing(&new).await, "ok");
    assert_eq!(standing(&old).await, "ok");
    let before = server.admin().get(KEYS).await.data();
    let made_by_it = json!({ "name": "made", "scopes": ["runs:read"] });
    for answer in [
        old.post(KEYS, made_by_it.clone()).await,
        patch(&old, &victim, json!({ "name": "after" })).await,
        patch(&old, &record, json!({ "name": "after" })).await,
        old.post(&format!("{}/rotate", one(&record)), json!({}))
            .await,
        old.post(&format!("{}/rotate", one(&victim)), json!({}))
            .await,
        revoke(&old, &record).await,
        revoke(&old, &victim).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
        assert!(answer.text.contains("former text"), "{}", answer.text);
    }
    assert_eq!(server.admin().get(KEYS).await.data(), before);
    assert_eq!(new.post(KEYS, made_by_it).await.status, StatusCode::CREATED);
}
