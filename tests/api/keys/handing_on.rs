//! What a key may give to others, and which others it sees.

use super::{KEYS, one, patch, revoke, standing, text};
use crate::support::{Client, TestServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

const GIVER: [&str; 3] = ["keys:read", "keys:write", "runs:read"];

fn pure_step() -> Value {
    json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "said": 1 } } }])
}

async fn giver(server: &TestServer, more: Value) -> (Value, Client) {
    let mut body = json!({ "name": "giver", "scopes": GIVER });
    let more = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    server.with_key(body).await
}

/// Asks for a key; gives the status and what is told.
async fn ask(client: &Client, scopes: &[&str], more: Value) -> (u16, String) {
    let mut body = json!({ "name": "given", "scopes": scopes });
    let more = more.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(more);
    let answer = client.post(KEYS, body).await;
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    (answer.status.as_u16(), message)
}

#[tokio::test]
async fn no_key_gives_more_than_it_holds() {
    let server = TestServer::start_with_manual_clock().await;
    let (_, key) = giver(
        &server,
        json!({ "expiresAt": "2024-02-01T00:00:00Z", "limits": { "read": 20 } }),
    )
    .await;
    let ends = json!({ "expiresAt": "2024-02-01T00:00:00Z", "limits": { "read": 20 } });
    let (status, message) = ask(&key, &["runs:read"], ends.clone()).await;
    assert_eq!(status, 201, "{message}");
    for (scopes, more, word) in [
        (&["workflows:read"][..], ends.clone(), "workflows:read"),
        (&["runs:read", "admin"], ends.clone(), "admin"),
        (
            &["runs:read"],
            json!({ "limits": { "read": 20 } }),
            "outlive",
        ),
        (
            &["runs:read"],
            json!({ "expiresAt": "2024-02-01T00:00:00.001Z", "limits": { "read": 20 } }),
            "outlive",
        ),
        (
            &["runs:read"],
            json!({ "expiresAt": "2024-02-01T00:00:00Z" }),
            "read limit",
        ),
        (
            &["runs:read"],
            json!({ "expiresAt": "2024-02-01T00:00:00Z", "limits": { "read": 21 } }),
            "read limit",
        ),
        (
            &["runs:read"],
            json!({ "expiresAt": "2024-02-01T00:00:00Z", "limits": { "read": null } }),
            "read limit",
        ),
    ] {
        let (status, message) = ask(&key, scopes, more).await;
        assert_eq!(status, 403, "{scopes:?}");
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[tokio::test]
async fn no_key_is_lifted_above_its_manager() {
    let server = TestServer::start_with_manual_clock().await;
    let (own, key) = giver(&server, json!({ "expiresAt": "2024-02-01T00:00:00Z" })).await;
    let (given, subject) = server
        .with_key(json!({
            "name": "subject", "scopes": ["runs:read"],
            "expiresAt": "2024-01-20T00:00:00Z", "limits": { "read": 5 },
        }))
        .await;
    for change in [
        json!({ "scopes": ["runs:read", "audit:read"] }),
        json!({ "expiresAt": null }),
        json!({ "expiresAt": "2024-03-01T00:00:00Z" }),
        json!({ "limits": { "read": 1001 } }),
        json!({ "limits": { "read": null } }),
    ] {
        for record in [&given, &own] {
            let answer = patch(&key, record, change.clone()).await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{change}: {}",
                answer.text
            );
        }
    }
    let allowed = json!({ "expiresAt": "2024-01-31T00:00:00Z", "limits": { "read": 1000 } });
    assert_eq!(patch(&key, &given, allowed).await.status, StatusCode::OK);
    assert_eq!(standing(&subject).await, "ok");
}

#[tokio::test]
async fn who_holds_more_is_not_seen() {
    let server = TestServer::start().await;
    let (own, key) = giver(&server, json!({})).await;
    let (above, _) = server
        .with_key(json!({ "name": "above", "scopes": ["audit:read"] }))
        .await;
    let (beside, beside_client) = server
        .with_key(json!({ "name": "beside", "scopes": ["runs:read"] }))
        .await;
    let admin = server.admin().get(super::SELF).await.data();
    for hidden in [&above, &admin] {
        assert_eq!(key.get(&one(hidden)).await.status, StatusCode::NOT_FOUND);
        let renamed = patch(&key, hidden, json!({ "name": "taken" })).await;
        assert_eq!(renamed.status, StatusCode::NOT_FOUND);
        assert_eq!(revoke(&key, hidden).await.status, StatusCode::NOT_FOUND);
        let rotated = key
            .post(&format!("{}/rotate", one(hidden)), json!({}))
            .await;
        assert_eq!(rotated.status, StatusCode::NOT_FOUND);
        assert!(!rotated.text.contains("above"));
    }
    let list = key.get(KEYS).await.data();
    let mut ids: Vec<String> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|record| text(&record["id"]))
        .collect();
    ids.sort();
    let mut expected = [text(&own["id"]), text(&beside["id"])];
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(revoke(&key, &beside).await.status, StatusCode::OK);
    assert_eq!(standing(&beside_client).await, "revoked");
    assert_eq!(standing(&server.admin()).await, "ok");
}

#[tokio::test]
async fn a_bound_key_mints_only_keys_with_its_binding() {
    let server = TestServer::start().await;
    let mine = server.workflow("mine", pure_step()).await;
    let other = server.workflow("other", pure_step()).await;
    let (_, key) = giver(&server, json!({ "workflowId": mine })).await;
    let minted = key
        .post(KEYS, json!({ "name": "child", "scopes": ["runs:read"] }))
        .await;
    assert_eq!(minted.status, StatusCode::CREATED, "{}", minted.text);
    assert_eq!(
        minted.data()["workflowId"],
        json!(mine),
        "its own binding where none is named"
    );
    assert_eq!(
        ask(&key, &["runs:read"], json!({ "workflowId": mine }))
            .await
            .0,
        201
    );
    assert_eq!(
        ask(&key, &["runs:read"], json!({ "workflowPrefix": "mine" }))
            .await
            .0,
        403
    );
    let (status, message) = ask(&key, &["runs:read"], json!({ "workflowId": other })).await;
    assert_eq!(status, 400);
    // As if it were not there.
    let nobody = ask(&key, &["runs:read"], json!({ "workflowId": "nobody" })).await;
    assert_eq!(nobody, (400, message.replace(&other, "nobody")));
    let (unbound, _) = server
        .with_key(json!({ "name": "unbound", "scopes": ["runs:read"] }))
        .await;
    assert_eq!(key.get(&one(&unbound)).await.status, StatusCode::NOT_FOUND);
    let list = key.get(KEYS).await.data();
    let bound = |record: &Value| record["workflowId"] == json!(mine);
    assert!(list.as_array().expect("a list").iter().all(bound));
}

#[tokio::test]
async fn a_key_bound_to_a_prefix_gives_that_prefix_or_a_longer_one() {
    let server = TestServer::start().await;
    let inside = server.workflow("team-a/report", pure_step()).await;
    let outside = server.workflow("team-b/report", pure_step()).await;
    let (_, key) = giver(&server, json!({ "workflowPrefix": "team-a/" })).await;
    for (more, status) in [
        (json!({}), 201),
        (json!({ "workflowPrefix": "team-a/" }), 201),
        (json!({ "workflowPrefix": "team-a/x" }), 201),
        (json!({ "workflowPrefix": "team-" }), 403),
        (json!({ "workflowPrefix": "team-b/" }), 403),
        (json!({ "workflowId": outside }), 400),
    ] {
        assert_eq!(
            ask(&key, &["runs:read"], more.clone()).await.0,
            status,
            "{more}"
        );
    }
    // A name can change, so a workflow of today is no part of a prefix.
    assert_eq!(
        ask(&key, &["runs:read"], json!({ "workflowId": inside }))
            .await
            .0,
        403
    );
}
