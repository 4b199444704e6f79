//! Pages of other origins: none may call by default; those that are configured read every answer, never with credentials.

use crate::support::{Answer, Client, TestServer};
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};

const WORKFLOWS: &str = "/api/v1/workflows";
const HOME: &str = "https://app.example.com";
const LOCAL: &str = "http://localhost:5173";

async fn with_origins() -> TestServer {
    TestServer::start_with(Clock::system(), |config| {
        config.cors_origins = vec![HOME.to_owned(), LOCAL.to_owned()];
    })
    .await
}

async fn ask(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

fn cors_headers(answer: &Answer) -> Vec<String> {
    let names = answer.headers.keys().map(ToString::to_string);
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

fn preflight(origin: &str) -> [(&'static str, String); 3] {
    [
        ("origin", origin.to_owned()),
        ("access-control-request-method", "POST".to_owned()),
        (
            "access-control-request-headers",
            "x-api-key, content-type".to_owned(),
        ),
    ]
}

async fn ask_first(client: &Client, path: &str, origin: &str) -> Answer {
    let headers = preflight(origin);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    ask(client, Method::OPTIONS, path, &headers).await
}

#[tokio::test]
async fn by_default_no_origin_may_call() {
    let server = TestServer::start().await;
    for origin in [HOME, LOCAL, "null", &server.url] {
        for client in [server.admin(), server.anonymous()] {
            let answer = ask(&client, Method::GET, WORKFLOWS, &[("origin", origin)]).await;
            assert!(cors_headers(&answer).is_empty(), "{origin}");
            let answer = ask_first(&client, WORKFLOWS, origin).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
            assert!(cors_headers(&answer).is_empty(), "{origin}");
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_before_door_and_key() {
    let server = with_origins().await;
    for path in [
        WORKFLOWS,
        "/api/v1/runs/x/events",
        "/api/health",
        "/nowhere",
    ] {
        for origin in [HOME, LOCAL] {
            let answer = ask_first(&server.anonymous(), path, origin).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (StatusCode::NO_CONTENT, "")
            );
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            let methods = answer
                .header("access-control-allow-methods")
                .expect("methods");
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                assert!(methods.contains(method), "{methods}");
            }
            let allowed = answer
                .header("access-control-allow-headers")
                .expect("headers");
            for header in [
                "x-api-key",
                "content-type",
                "idempotency-key",
                "if-match",
                "last-event-id",
            ] {
                assert!(allowed.contains(header), "{allowed}");
            }
            assert_eq!(answer.header("vary"), Some("Origin"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn every_answer_can_be_read_by_a_configured_origin() {
    let server = with_origins().await;
    let (admin, nobody) = (server.admin(), server.anonymous());
    let narrow = server.with(&["runs:read"]).await;
    for (client, method, path, status) in [
        (&admin, Method::GET, WORKFLOWS, 200),
        (&nobody, Method::GET, "/api/health", 200),
        (&admin, Method::GET, "/api/v1/workflows?limit=0", 400),
        (&nobody, Method::GET, WORKFLOWS, 401),
        (&narrow, Method::GET, WORKFLOWS, 403),
        (&admin, Method::GET, "/nowhere", 404),
        (&nobody, Method::POST, "/api/health", 405),
    ] {
        let answer = ask(client, method, path, &[("origin", HOME)]).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(HOME),
            "{status}"
        );
        assert_eq!(answer.header("vary"), Some("Origin"), "{status}");
        let exposed = answer
            .header("access-control-expose-headers")
            .expect("exposed headers");
        for header in [
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "Retry-After",
            "X-Request-Id",
        ] {
            assert!(exposed.contains(header), "{exposed}");
        }
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(answer.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_foreign_origin_reads_nothing() {
    let server = with_origins().await;
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "https://app.example.com:444",
        "http://app.example.com",
        "https://APP.example.com",
        "https://app.example.com/",
        "*",
    ] {
        for client in [server.admin(), server.anonymous()] {
            let answer = ask(&client, Method::GET, WORKFLOWS, &[("origin", origin)]).await;
            assert!(cors_headers(&answer).is_empty(), "{origin}");
            assert_eq!(
                answer.header("vary"),
                Some("Origin"),
                "caches must know: {origin}"
            );
            let answer = ask_first(&client, WORKFLOWS, origin).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{origin}");
            assert!(cors_headers(&answer).is_empty(), "{origin}");
        }
    }
    let without = server.admin().get(WORKFLOWS).await;
    assert!(cors_headers(&without).is_empty());
    assert_eq!(without.header("vary"), Some("Origin"));
}
