//! Requests that do not fit: in this door's words, whatever the reason.

use super::{WORKFLOWS, created, editor, greeting, one, told};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn send(
    client: &Client,
    method: &str,
    path: &str,
    kind: Option<&str>,
    body: &[u8],
) -> Answer {
    let method: Method = method.parse().expect("a method");
    let mut request = client.request(method, path).body(body.to_vec());
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn bodies_that_do_not_fit() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let (large, deep) = (
        " ".repeat((2 << 20) + 1),
        format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64)),
    );
    let json = Some("application/json");
    for (method, path) in [
        ("POST", WORKFLOWS.to_owned()),
        ("POST", "/api/v1/workflows/lint".to_owned()),
        ("PUT", one(&made)),
        ("PATCH", format!("{}/nodes/name", one(&made))),
        ("POST", format!("{}/duplicate", one(&made))),
        ("POST", format!("{}/visibility", one(&made))),
        ("POST", format!("{}/layout", one(&made))),
    ] {
        let most = if method == "PATCH" {
            "262144 bytes, the most that is taken here."
        } else {
            "2097152 bytes (setting `max_body_bytes`)."
        };
        for (kind, body, expected) in [
            (None, "{}", r#"415 {"error":"Send JSON, with `Content-Type: application/json`.","code":"unsupported_media_type","type":"invalid_request_error"}"#.to_owned()),
            (Some("text/plain"), "{}", r#"415 {"error":"Send JSON, with `Content-Type: application/json`.","code":"unsupported_media_type","type":"invalid_request_error"}"#.to_owned()),
            (json, "{", "400 ".to_owned()),
            (json, "[]", r#"400 {"error":"The body does not fit: it is a list; send an object.","code":"validation_error","type":"invalid_request_error"}"#.to_owned()),
            (json, deep.as_str(), r#"400 {"error":"The body is nested more than 64 levels deep.","code":"validation_error","type":"invalid_request_error"}"#.to_owned()),
            (json, large.as_str(), format!(r#"413 {{"error":"The body is larger than {most}","code":"payload_too_large","type":"invalid_request_error"}}"#)),
        ] {
            let answer = send(&client, method, &path, kind, body.as_bytes()).await;
            let told = told(&answer);
            assert!(told.starts_with(&expected), "{method} {path}: {told}");
            assert_eq!(answer.header("content-type"), Some("application/json"));
        }
        let latin = send(&client, method, &path, json, b"{\"name\":\"\xe9\"}").await;
        assert_eq!(
            latin.json()["error"],
            "The body is not UTF-8 (byte 9).",
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    // Wireflow's product has these; a server of workflows has not.
    for path in [
        "/wireflow/api/v1/blocks",
        "/wireflow/api/v1/remotion/templates",
        "/wireflow/api/v1/remotion/templates/x",
        "/wireflow/api/v1/nothing",
        "/wireflow/api/v1/Workflows",
        "/wireflow/api/v1/workflows//",
    ] {
        assert_eq!(
            told(&client.get(path).await),
            r#"404 {"error":"Not found"}"#,
            "{path}"
        );
    }
    for (method, path, allow) in [
        ("DELETE", "/wireflow/api/v1/workflows", "GET, HEAD, POST"),
        ("GET", "/wireflow/api/v1/workflows/lint", "POST"),
        ("GET", "/wireflow/api/v1/workflows/x/nodes/y", "PATCH"),
        ("POST", "/wireflow/api/v1/nodes", "GET, HEAD"),
    ] {
        let answer = send(&client, method, path, None, b"").await;
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path}"
        );
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        let error = format!("{method} is not served here; use {allow}.");
        assert_eq!(
            answer.json(),
            json!({ "error": error, "code": "method_not_allowed", "type": "invalid_request_error" })
        );
        assert!(answer.header("x-ratelimit-limit").is_some());
    }
    // Workflows of another format are not this door's.
    let steps = json!([{ "id": "say", "type": "transform", "config": { "sourceData": {} } }]);
    let id = server.workflow("steps", steps).await;
    let answer = client
        .get(&format!("/wireflow/api/v1/workflows/{id}"))
        .await;
    assert_eq!(told(&answer), r#"404 {"error":"Workflow not found"}"#);
}
