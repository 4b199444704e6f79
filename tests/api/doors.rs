//! Which door a request comes through, told by the words of its refusal.

use crate::support::TestServer;
use flowlatch::clock::Clock;
use flowlatch::config::DefaultDoor;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A well-formed key that is nobody's.
const WIREFLOW_KEY: &str = "sk-000000000000000000000000000000000000000000000000";

#[derive(Debug, PartialEq)]
enum Spoke {
    Native,
    Wireflow,
}

async fn ask(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Spoke) {
    let mut request = server.anonymous().request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let body: Value = response.json().await.expect("JSON");
    let spoke = match &body["error"] {
        Value::String(_) => Spoke::Wireflow,
        error if error["code"].is_string() && body["success"] == false => Spoke::Native,
        _ => panic!("nobody's words: {body}"),
    };
    (status, spoke)
}

#[tokio::test]
async fn on_the_shared_path_the_credential_decides() {
    let server = TestServer::start().await;
    let sk = format!("Bearer {WIREFLOW_KEY}");
    for (headers, spoke) in [
        (vec![], Spoke::Native),
        (vec![("x-api-key", "wfk_x")], Spoke::Native),
        (vec![("x-api-key", "")], Spoke::Native),
        (vec![("authorization", "Bearer wfk_x")], Spoke::Native),
        (vec![("authorization", "bearer wfk_x")], Spoke::Native),
        (
            vec![("x-api-key", "wfk_x"), ("authorization", sk.as_str())],
            Spoke::Native,
        ),
        (vec![("authorization", sk.as_str())], Spoke::Wireflow),
        (vec![("authorization", "Basic YTpi")], Spoke::Wireflow),
        (vec![("authorization", "wfk_x")], Spoke::Wireflow),
        (vec![("authorization", "")], Spoke::Wireflow),
    ] {
        let (status, spoken) = ask(&server, "/api/v1/nothing", &headers).await;
        assert_eq!(
            (status, spoken),
            (StatusCode::NOT_FOUND, spoke),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn a_path_that_only_one_door_has_is_its_own() {
    let server = TestServer::start().await;
    let sk = format!("Bearer {WIREFLOW_KEY}");
    let (status, spoke) = ask(&server, "/api/v1/runs", &[("authorization", &sk)]).await;
    assert_eq!((status, spoke), (StatusCode::UNAUTHORIZED, Spoke::Native));
}

#[tokio::test]
async fn under_its_own_prefix_a_door_speaks_alone() {
    let server = TestServer::start().await;
    let sk = format!("Bearer {WIREFLOW_KEY}");
    for (path, header, spoke) in [
        (
            "/native/api/v1/nothing",
            ("authorization", sk.as_str()),
            Spoke::Native,
        ),
        (
            "/wireflow/api/v1/nothing",
            ("x-api-key", "wfk_x"),
            Spoke::Wireflow,
        ),
        (
            "/wireflow/api/v1/runs",
            ("x-api-key", "wfk_x"),
            Spoke::Wireflow,
        ),
        (
            "/wireflow/api/v2/runs",
            ("x-api-key", "wfk_x"),
            Spoke::Native,
        ),
    ] {
        let (status, spoken) = ask(&server, path, &[header]).await;
        assert_eq!((status, spoken), (StatusCode::NOT_FOUND, spoke), "{path}");
    }
}

#[tokio::test]
async fn who_answers_a_caller_without_a_credential_can_be_set() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.doors.default = DefaultDoor::Wireflow;
    })
    .await;
    for (headers, spoke) in [
        (vec![], Spoke::Wireflow),
        (vec![("x-api-key", "wfk_x")], Spoke::Native),
    ] {
        let (_, spoken) = ask(&server, "/api/v1/nothing", &headers).await;
        assert_eq!(spoken, spoke, "{headers:?}");
    }
    let (status, spoke) = ask(&server, "/api/v1/runs", &[]).await;
    assert_eq!((status, spoke), (StatusCode::UNAUTHORIZED, Spoke::Native));
    let health = server.anonymous().get("/api/health").await;
    assert_eq!(health.json(), json!({ "status": "ok" }));
}
