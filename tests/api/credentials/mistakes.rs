//! What is refused, with its place, and never with its value.

use super::scene;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// What is put over a good body, the place of the one mistake, and a part of what is said of it.
const MISTAKES: &str = r#"
{"name": ""} ⇒ name ⇒ 1 to 255
{"provider": "two words"} ⇒ provider ⇒ one word
{"provider": "conn_1"} ⇒ provider ⇒ one word
{"type": "api_key"} ⇒ type ⇒ did you mean `api-key`?
{"type": "apiKey"} ⇒ type ⇒ did you mean `api-key`?
{"type": "oauth2"} ⇒ type ⇒ one of api-key, bearer, basic, smtp
{"credentials": {}} ⇒ credentials.token ⇒ missing
{"credentials": {"token": ""}} ⇒ credentials.token ⇒ empty
{"credentials": {"token": "abc"}} ⇒ credentials.token ⇒ fewer than 4
{"credentials": {"token": "planted\nline"}} ⇒ credentials.token ⇒ control
{"credentials": {"token": "planted", "toke": "planted"}} ⇒ credentials.toke ⇒ no such field
{"hosts": []} ⇒ hosts ⇒ 1 to 20
{"hosts": ["https://a.example"]} ⇒ hosts[0] ⇒ is not a host
{"hosts": ["a.example", "*.b.example"]} ⇒ hosts[1] ⇒ is not a host
{"hosts": ["a.example:0"]} ⇒ hosts[0] ⇒ is not a host
{"type": "basic", "credentials": {"username": "a:b"}} ⇒ credentials.username ⇒ `:`
{"type": "basic", "credentials": {"username": "a", "password": "pw"}} ⇒ credentials.password ⇒ fewer than 4
{"type": "api-key", "credentials": {"key": "planted"}} ⇒ credentials.name ⇒ missing
{"type": "api-key", "credentials": {"key": "planted", "name": "Host"}} ⇒ credentials.name ⇒ no place
{"type": "api-key", "credentials": {"key": "planted", "name": "User-Agent"}} ⇒ credentials.name ⇒ no place
{"type": "api-key", "credentials": {"key": "planted", "name": "a b"}} ⇒ credentials.name ⇒ not a name
{"type": "api-key", "credentials": {"key": "planted", "name": "k", "in": "body"}} ⇒ credentials.in ⇒ neither
{"type": "smtp", "credentials": {"host": "a.example", "port": "x"}} ⇒ credentials.port ⇒ not a port
{"type": "smtp", "credentials": {"host": "a.example", "security": "ssl"}} ⇒ credentials.security ⇒ none of
{"type": "smtp", "credentials": {"host": "b.example"}} ⇒ credentials.host ⇒ not among
"#;

#[tokio::test]
async fn every_mistake_has_its_place() {
    let (server, _) = scene().await;
    let admin = server.admin();
    for line in MISTAKES.trim().lines() {
        let columns: Vec<&str> = line.split(" ⇒ ").collect();
        let over: Value = serde_json::from_str(columns[0]).expect(line);
        let mut body = json!({ "name": "n", "provider": "p", "type": "bearer",
            "credentials": { "token": "planted" }, "hosts": ["a.example"] });
        body.as_object_mut()
            .expect("an object")
            .extend(over.as_object().expect("an object").clone());
        let refused = admin.post("/api/v1/connections", body).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{line}: {}",
            refused.text
        );
        let details = refused.json()["error"]["details"].clone();
        let details = details.as_array().expect(line);
        assert_eq!(details.len(), 1, "{line}: {}", refused.text);
        assert_eq!(details[0]["place"], columns[1], "{line}");
        let message = details[0]["message"].as_str().expect("a sentence");
        assert!(message.contains(columns[2]), "{line}: {message}");
        assert!(!refused.text.contains("planted"), "{}", refused.text);
    }
    assert_eq!(admin.get("/api/v1/connections").await.data(), json!([]));
}

#[tokio::test]
async fn all_mistakes_come_at_once() {
    let (server, _) = scene().await;
    let body = json!({ "name": "", "provider": "", "type": "bearer", "credentials": { "token": "x", "y": "planted" },
        "hosts": ["*", "a.example", "?"] });
    let refused = server.admin().post("/api/v1/connections", body).await;
    let details = refused.json()["error"]["details"].clone();
    let places: Vec<&str> = details
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|detail| detail["place"].as_str())
        .collect();
    assert_eq!(
        places,
        [
            "name",
            "provider",
            "credentials.y",
            "credentials.token",
            "hosts[0]",
            "hosts[2]"
        ]
    );
    insta::assert_snapshot!(refused.json()["error"]["details"][3]["message"].as_str().expect("a sentence"),
        @"it has fewer than 4 characters: so short a secret cannot be kept out of logs");
}

#[tokio::test]
async fn a_body_of_another_form_is_refused_without_its_values() {
    let (server, _) = scene().await;
    for body in [
        json!({}),
        json!({ "name": "n", "provider": "p", "type": "oauth", "credentials": { "token": "planted" } }),
        json!({ "name": "n", "provider": "p", "type": "bearer", "credentials": "planted" }),
        json!({ "name": "n", "provider": "p", "type": "bearer", "credentials": ["planted"] }),
        json!({ "name": "n", "provider": "p", "type": "bearer", "credentials": { "token": ["planted"] } }),
        json!({ "name": "n", "provider": "p", "type": "bearer", "credentials": { "token": "planted" }, "more": 1 }),
        json!({ "name": "n", "provider": "p", "type": "bearer", "hosts": ["a.example"] }),
    ] {
        let refused = server
            .admin()
            .post("/api/v1/connections", body.clone())
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(!refused.text.contains("planted"), "{}", refused.text);
    }
}
