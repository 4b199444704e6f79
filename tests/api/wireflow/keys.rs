//! Who is let in: the words of the seed, expiry, rotation.

use super::{WORKFLOWS, created, editor, greeting, told};
use crate::support::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn with_header(server: &TestServer, value: Option<&str>) -> Answer {
    let request = server
        .anonymous()
        .request(Method::GET, "/wireflow/api/v1/workflows");
    let request = match value {
        Some(value) => request.header("authorization", value),
        None => request,
    };
    Answer::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn every_kind_of_no_key_is_told_in_the_same_words() {
    let server = TestServer::start().await;
    let unknown = format!(
        "Bearer {}",
        "sk-000000000000000000000000000000000000000000000000"
    );
    for (header, code) in [
        (None, "missing"),
        (Some(""), "malformed"),
        (Some("Bearer "), "malformed"),
        (Some("Bearer nonsense"), "malformed"),
        (Some("Basic YTpi"), "malformed"),
        (Some("sk-your-api-key"), "malformed"),
        (Some(unknown.as_str()), "malformed"),
    ] {
        let answer = with_header(&server, header).await;
        let expected = format!(
            r#"401 {{"error":"Invalid API key format. Expected: Bearer sk-...","code":"{code}"}}"#
        );
        assert_eq!(told(&answer), expected, "{header:?}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"flowlatch\"")
        );
        assert!(answer.header("x-request-id").is_some());
        assert_eq!(answer.header("x-ratelimit-limit"), None);
    }
}

#[tokio::test]
async fn an_expired_key_is_told_so_and_a_rotated_one_goes_on() {
    let server = TestServer::start_with_manual_clock().await;
    let body = json!({ "name": "short", "format": "sk", "scopes": ["workflows:read"], "expiresInSeconds": 60 });
    let (record, short) = server.with_key(body).await;
    let short = short.bearer();
    assert!(
        short
            .key
            .as_deref()
            .is_some_and(|key| key.starts_with("sk-") && key.len() == 51)
    );
    assert_eq!(short.get(WORKFLOWS).await.status, StatusCode::OK);
    let rotate = format!(
        "/api/v1/auth/api-keys/{}/rotate",
        record["id"].as_str().expect("an id")
    );
    let successor = server
        .admin()
        .post(&rotate, json!({ "graceSeconds": 0 }))
        .await
        .data();
    let successor = server
        .client(successor["key"].as_str().map(str::to_owned))
        .bearer();
    assert_eq!(
        short.get(WORKFLOWS).await.status,
        StatusCode::OK,
        "until the successor is used"
    );
    assert_eq!(successor.get(WORKFLOWS).await.status, StatusCode::OK);
    assert_eq!(short.get(WORKFLOWS).await.status, StatusCode::UNAUTHORIZED);
    server.clock.advance_ms(60_000);
    let answer = successor.get(WORKFLOWS).await;
    // Expired keys are nobody's on the shared path too, in the words of the door that they speak to.
    assert_eq!(
        told(&answer),
        r#"401 {"error":"API key has expired","code":"expired"}"#
    );
}

#[tokio::test]
async fn a_missing_scope_is_named() {
    let server = TestServer::start().await;
    let (reader, writer) = (
        server.wireflow_with(&["workflows:read"]).await,
        server.wireflow_with(&["workflows:write"]).await,
    );
    let answer = writer.get(WORKFLOWS).await;
    assert_eq!(
        told(&answer),
        r#"403 {"error":"Forbidden","required":["workflows:read"]}"#
    );
    assert_eq!(answer.header("x-ratelimit-limit"), Some("1000"));
    let answer = reader.post(WORKFLOWS, greeting()).await;
    assert_eq!(
        told(&answer),
        r#"403 {"error":"Forbidden","required":["workflows:write"]}"#
    );
    // Before anything is said of the body.
    let answer = reader.post(WORKFLOWS, json!({})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // Nothing implies anything: who may write may not read.
    let made = created(&writer, greeting()).await;
    assert_eq!(
        writer.get(&super::one(&made)).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn limits_are_told_on_every_answer_and_kept() {
    let server = TestServer::start_with_manual_clock().await;
    let body = json!({ "name": "slow", "format": "sk", "scopes": ["workflows:read"], "limits": { "read": 3 } });
    let slow = server.with_key(body).await.1.bearer();
    for (path, status, remaining) in [
        (WORKFLOWS, 200, "2"),
        ("/api/v1/workflows?limit=x", 400, "1"),
        ("/wireflow/api/v1/nothing", 404, "1"),
        ("/api/v1/workflows/nobody", 404, "0"),
    ] {
        let answer = slow.get(path).await;
        assert_eq!(
            (
                answer.status.as_u16(),
                answer.header("x-ratelimit-remaining")
            ),
            (status, Some(remaining)),
            "{path}"
        );
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-reset"), Some("1705312860"));
        assert!(answer.header("x-request-id").is_some());
    }
    let answer = slow.get(WORKFLOWS).await;
    assert_eq!(
        told(&answer),
        r#"429 {"error":"Too many requests. Please try again later.","retryAfter":1705312860}"#
    );
    assert_eq!(answer.header("retry-after"), Some("60"));
    server.clock.advance_ms(60_000);
    assert_eq!(slow.get(WORKFLOWS).await.status, StatusCode::OK);
}

#[tokio::test]
async fn any_key_works_at_this_door_under_its_own_prefix() {
    let server = TestServer::start().await;
    let wfk = server.with(&["workflows:read"]).await.bearer();
    assert_eq!(
        wfk.get("/wireflow/api/v1/workflows").await.json(),
        json!([])
    );
    // On the shared path its form says that it speaks to the native door.
    let native = wfk.get("/native/api/v1/workflows").await;
    assert_eq!(native.json()["success"], true);
    let sk = editor(&server).await;
    assert_eq!(sk.get(WORKFLOWS).await.json(), json!([]));
}
