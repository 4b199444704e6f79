//! Making, reading, changing, ending.

use super::{KEYS, SELF, made, one, patch, revoke, settled, standing, text};
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_made_key_shows_its_text_once_and_all_that_is_documented() {
    let server = TestServer::start_with_manual_clock().await;
    let body = json!({
        "name": "Production API Key",
        "scopes": ["workflows:read", "runs:read"],
        "expiresAt": "2024-03-01T00:00:00+01:00",
        "limits": { "read": 10 },
    });
    let answer = server.admin().post(KEYS, body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let (mut record, admin) = (answer.data(), server.admin().get(SELF).await.data());
    let key = text(&record["key"]);
    assert_eq!(text(&record["keyPrefix"]), key[..12]);
    assert_eq!(record["createdBy"], admin["id"]);
    for hidden in ["id", "key", "keyPrefix", "createdBy"] {
        assert!(record[hidden].is_string(), "{hidden}");
        record[hidden] = json!("[shown]");
    }
    assert_eq!(
        record,
        json!({
            "id": "[shown]",
            "name": "Production API Key",
            "key": "[shown]",
            "keyPrefix": "[shown]",
            "format": "wfk",
            "scopes": ["workflows:read", "runs:read"],
            "status": "active",
            "workflowId": null,
            "workflowPrefix": null,
            "limits": { "read": 10, "write": 100, "execute": 500 },
            "expiresAt": "2024-02-29T23:00:00.000Z",
            "createdAt": "2024-01-15T10:00:00.000Z",
            "updatedAt": "2024-01-15T10:00:00.000Z",
            "createdBy": "[shown]",
            "lastUsedAt": null,
            "lastUsedFrom": null,
            "revokedAt": null,
            "pending": null,
            "former": null,
        })
    );
}

#[tokio::test]
async fn every_format_lets_in_and_looks_as_it_should() {
    let server = TestServer::start().await;
    for (format, prefix, length) in [("wfk", "wfk_", 36), ("sk", "sk-", 51), ("flowise", "", 43)] {
        let body = json!({ "name": format, "scopes": ["runs:read"], "format": format });
        let (record, key) = server.with_key(body).await;
        let shown = text(&record["key"]);
        assert!(
            shown.starts_with(prefix) && shown.len() == length,
            "{format}: {length}"
        );
        assert_eq!(record["format"], json!(format));
        assert_eq!(standing(&key).await, "ok");
        assert_eq!(key.get("/api/v1/runs").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn words_of_all_vocabularies_are_kept_as_they_were_given() {
    let server = TestServer::start().await;
    let scopes = [
        "executions:read",
        "apikeys:view",
        "workflows:read",
        "workflows:read",
    ];
    let (record, key) = made(&server, &scopes).await;
    assert_eq!(
        record["scopes"],
        json!(["executions:read", "apikeys:view", "workflows:read"])
    );
    for path in ["/api/v1/runs", KEYS, "/api/v1/workflows"] {
        assert_eq!(key.get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(key.get("/api/v1/audit").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_key_ends_at_its_moment_exactly() {
    let server = TestServer::start_with_manual_clock().await;
    let ends_in = |field: &str, value: Value| {
        let mut body = json!({ "name": "short", "scopes": ["runs:read"] });
        body[field] = value;
        server.with_key(body)
    };
    let (record, by_date) = ends_in("expiresAt", json!("2024-01-15T10:00:02.500Z")).await;
    let (_, by_seconds) = ends_in("expiresInSeconds", json!(3)).await;
    for (advance_ms, expected) in [
        (2_499, ["ok", "ok"]),
        (1, ["expired", "ok"]),
        (499, ["expired", "ok"]),
        (1, ["expired", "expired"]),
        (86_400_000, ["expired", "expired"]),
    ] {
        server.clock.advance_ms(advance_ms);
        let now = [standing(&by_date).await, standing(&by_seconds).await];
        assert_eq!(now, expected);
    }
    let admin = server.admin();
    assert_eq!(
        admin.get(&one(&record)).await.data()["status"],
        json!("expired")
    );
    let longer = patch(
        &admin,
        &record,
        json!({ "expiresAt": "2030-01-01T00:00:00Z" }),
    )
    .await;
    assert_eq!(
        longer.status,
        StatusCode::CONFLICT,
        "what has ended is not brought back"
    );
    assert_eq!(standing(&by_date).await, "expired");
}

#[tokio::test]
async fn a_change_touches_what_was_sent_and_holds_for_the_next_request() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let (record, key) = made(&server, &["workflows:read"]).await;
    assert_eq!(key.get("/api/v1/runs").await.status, StatusCode::FORBIDDEN);
    let mut expected = settled(record.clone());
    for (change, field, value) in [
        (json!({ "name": "new" }), "name", json!("new")),
        (
            json!({ "scopes": ["runs:read"] }),
            "scopes",
            json!(["runs:read"]),
        ),
        (
            json!({ "limits": { "read": 70 } }),
            "limits",
            json!({ "read": 70, "write": 100, "execute": 500 }),
        ),
        (
            json!({ "limits": { "write": 9 } }),
            "limits",
            json!({ "read": 70, "write": 9, "execute": 500 }),
        ),
        (
            json!({ "expiresAt": "2024-02-01T00:00:00Z" }),
            "expiresAt",
            json!("2024-02-01T00:00:00.000Z"),
        ),
        (json!({ "expiresAt": null }), "expiresAt", Value::Null),
        (json!({}), "name", json!("new")),
    ] {
        server.clock.advance_ms(1_000);
        let answer = patch(&admin, &record, change.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{change}: {}", answer.text);
        expected[field] = value;
        assert_eq!(settled(answer.data()), expected, "{change}");
        assert_eq!(settled(key.get(SELF).await.data()), expected, "{change}");
    }
    assert_eq!(
        key.get("/api/v1/workflows").await.status,
        StatusCode::FORBIDDEN
    );
    let runs = key.get("/api/v1/runs").await;
    assert_eq!(
        (runs.status, runs.header("x-ratelimit-limit")),
        (StatusCode::OK, Some("70"))
    );
}

#[tokio::test]
async fn a_key_is_switched_off_and_on() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let (record, key) = made(&server, &["runs:read"]).await;
    for (disabled, expected, status) in [
        (true, "disabled", "disabled"),
        (true, "disabled", "disabled"),
        (false, "ok", "active"),
    ] {
        let answer = patch(&admin, &record, json!({ "disabled": disabled })).await;
        assert_eq!(answer.data()["status"], json!(status));
        assert_eq!(standing(&key).await, expected);
    }
}

#[tokio::test]
async fn a_revoked_key_stays_in_the_list_and_out_of_the_house() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let (record, key) = made(&server, &["runs:read"]).await;
    let answer = revoke(&admin, &record).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.data()["status"], json!("revoked"));
    assert_eq!(
        answer.data()["revokedAt"],
        json!("2024-01-15T10:00:00.000Z")
    );
    assert_eq!(standing(&key).await, "revoked");
    for change in [json!({ "disabled": false }), json!({ "name": "back" })] {
        assert_eq!(
            patch(&admin, &record, change).await.status,
            StatusCode::CONFLICT
        );
    }
    assert_eq!(revoke(&admin, &record).await.status, StatusCode::CONFLICT);
    let rotated = admin
        .post(&format!("{}/rotate", one(&record)), json!({}))
        .await;
    assert_eq!(rotated.status, StatusCode::CONFLICT);
    let listed = admin.get(KEYS).await.data();
    let listed = listed.as_array().expect("a list");
    assert!(
        listed
            .iter()
            .any(|key| key["id"] == record["id"] && key["status"] == "revoked")
    );
    assert_eq!(standing(&key).await, "revoked");
}

#[tokio::test]
async fn any_key_reads_itself_and_may_do_no_more_by_it() {
    let server = TestServer::start().await;
    let (record, key) = made(&server, &["usage:read"]).await;
    let answer = key.get(SELF).await;
    assert_eq!(settled(answer.data()), settled(record.clone()));
    assert_eq!(answer.data().get("key"), None);
    for (method, path) in [
        (Method::GET, KEYS.to_owned()),
        (Method::GET, one(&record)),
        (Method::PATCH, one(&record)),
        (Method::DELETE, one(&record)),
        (Method::POST, format!("{}/rotate", one(&record))),
    ] {
        let answer = key.send(method, &path, json!({})).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    // Only reading: `self` is no other name for a key's id.
    let patched = server
        .admin()
        .send(Method::PATCH, SELF, json!({ "name": "x" }))
        .await;
    assert!(
        matches!(patched.status.as_u16(), 404 | 405),
        "{}",
        patched.text
    );
}

#[tokio::test]
async fn a_restart_keeps_everything_but_the_windows() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let clock = Clock::manual(MONDAY_MS);
    let server = TestServer::open(&data, clock.clone(), |_| {}).await;
    let admin_key = server.admin_key.clone();
    let (active, key) = made(&server, &["runs:read"]).await;
    let (ended, _) = made(&server, &["runs:read"]).await;
    let (off, _) = made(&server, &["runs:read"]).await;
    let (rotated, _) = made(&server, &["runs:read"]).await;
    revoke(&server.admin(), &ended).await;
    patch(&server.admin(), &off, json!({ "disabled": true })).await;
    let successor = server
        .admin()
        .post(&format!("{}/rotate", one(&rotated)), json!({}))
        .await;
    clock.advance_ms(5_000);
    assert_eq!(standing(&key).await, "ok");
    let before = server.admin().get(KEYS).await.data();
    server.stop().await;

    let server = TestServer::open(&data, clock, |_| {}).await;
    assert_eq!(server.admin_key, "", "the first start was before");
    let admin = server.client(Some(admin_key));
    assert_eq!(admin.get(KEYS).await.data(), before);
    let shown = admin.get(&one(&active)).await.data();
    assert_eq!(shown["lastUsedAt"], json!("2024-01-15T10:00:05.000Z"));
    assert_eq!(shown["lastUsedFrom"], json!("127.0.0.1"));
    for (text, expected) in [
        (&active["key"], "ok"),
        (&ended["key"], "revoked"),
        (&off["key"], "disabled"),
        (&rotated["key"], "ok"),
        (&successor.data()["key"], "ok"),
    ] {
        let client = server.client(Some(super::text(text)));
        assert_eq!(standing(&client).await, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_text_is_in_no_other_answer() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let (record, key) = made(&server, &["runs:read", "keys:read"]).await;
    let rotated = admin
        .post(&format!("{}/rotate", one(&record)), json!({}))
        .await
        .data();
    patch(&admin, &record, json!({ "name": "again" })).await;
    let steps = json!([{ "id": "say", "type": "transform", "config": { "sourceData": {} } }]);
    let workflow = server.workflow("any", steps).await;
    let run = admin.run(&workflow, json!({})).await;
    let run = text(&run["runId"]);
    let (run, logs, events) = (
        format!("/api/v1/runs/{run}"),
        format!("/api/v1/runs/{run}/logs"),
        format!("/api/v1/runs/{run}/events"),
    );
    let texts: BTreeSet<String> = [
        server.admin_key.clone(),
        text(&record["key"]),
        text(&rotated["key"]),
    ]
    .into();
    for client in [&admin, &key] {
        for path in [
            KEYS,
            SELF,
            &one(&record),
            "/api/v1/audit",
            "/api/v1/audit?limit=1&actor=x",
            "/api/v1/workflows",
            "/api/v1/runs",
            &run,
            &logs,
            &events,
            "/nowhere",
        ] {
            let answer = client.get(path).await;
            for text in &texts {
                assert!(
                    !answer.text.contains(text.as_str()),
                    "{path}: {}",
                    answer.text
                );
                // Neither any piece of it behind the public part.
                assert!(
                    !answer.text.contains(&text[12..20]),
                    "{path}: {}",
                    answer.text
                );
            }
        }
    }
    assert!(revoke(&admin, &record).await.data().get("key").is_none());
}
