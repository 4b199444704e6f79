//! Which paths are Flowise's, and in whose words they are answered.

use super::refusal;
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn flowises_own_paths_are_its_own_whatever_the_credential() {
    let server = TestServer::start().await;
    for client in [
        server.anonymous(),
        server.client(Some("wfk_x".to_owned())),
        server.client(Some("wfk_x".to_owned())).bearer(),
        server.client(Some("sk-x".to_owned())).bearer(),
    ] {
        for (path, status) in [
            ("/api/v1/chatflows", 401),
            ("/api/v1/chatflows/a/b/c/d", 404),
            ("/api/v1/vector/upsert/a", 404),
            ("/api/v1/prediction/a", 405),
        ] {
            let request = client.request(reqwest::Method::GET, path);
            let answer =
                crate::support::Answer::read(request.send().await.expect("an answer")).await;
            assert_eq!(
                answer.json()["statusCode"],
                status,
                "{path}: {}",
                answer.text
            );
            assert_eq!(answer.status.as_u16(), status, "{path}");
        }
    }
    let other_case = server.anonymous().get("/api/v1/Chatflows").await;
    assert_eq!(other_case.error_code(), "NOT_FOUND");
}

#[tokio::test]
async fn a_bare_key_is_taken_and_two_headers_are_not() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let send = |headers: Vec<String>| {
        let mut request = nobody.request(reqwest::Method::GET, "/api/v1/chatflows");
        for header in headers {
            request = request.header("authorization", header);
        }
        async move { crate::support::Answer::read(request.send().await.expect("an answer")).await }
    };
    let key = &server.admin_key;
    for good in [
        key.clone(),
        format!("Bearer {key}"),
        format!("bearer {key}"),
    ] {
        assert_eq!(send(vec![good]).await.status, StatusCode::OK);
    }
    let twice = send(vec![format!("Bearer {key}"), format!("Bearer {key}")]).await;
    assert_eq!(refusal(&twice), (401, "malformed".to_owned()));
}

#[tokio::test]
async fn the_server_says_what_clients_ask_of_it() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let ping = nobody.get("/flowise/api/v1/ping").await;
    assert_eq!((ping.status, ping.text.as_str()), (StatusCode::OK, "pong"));
    let version = nobody.get("/flowise/api/v1/version").await;
    assert_eq!(version.json(), json!({ "version": "3.1.3" }));
    let ip = nobody.get("/flowise/api/v1/ip").await;
    assert_eq!(ip.json()["ip"], "127.0.0.1");
    let settings = nobody.get("/flowise/api/v1/settings").await;
    assert_eq!(settings.json(), json!({ "PLATFORM_TYPE": "open source" }));
}
