//! Paths, methods, hosts and headers that do not fit, and the ones that do although they look odd.

use super::Inspector;
use crate::raw;
use crate::support::TestServer;
use flowlatch::http::{Door, table};
use serde_json::json;
use std::collections::BTreeMap;

/// An id that is none of ours.
const ID: &str = "0198c0de-0000-7000-8000-000000000001";

fn filled(pattern: &str) -> String {
    pattern
        .replace(":version", "1")
        .replace(":since", "2030-01-31T00:00:00.000Z")
        .replace(":chatId", "a-chat")
        .replace(":apikey", "not-a-key")
        .replace(":rowId", "row_0198c0de-0000-7000-8000-000000000001")
        .replace(":webhookId", "whk_any")
        .replace(":stepId", "step")
        .replace(":nodeId", "node")
        .replace(":name", "NAME")
        .replace(":type", "wait")
        .replace(":slug", "hello")
        .replace(":id", ID)
}

#[tokio::test]
async fn another_method_is_405_with_what_is_allowed() {
    let server = TestServer::start().await;
    let (address, host) = (server.address(), server.address().to_string());
    let mut by_path: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let table = table();
    for endpoint in table.endpoints() {
        let prefix = match endpoint.door {
            Door::Native => "",
            Door::Wireflow => "/wireflow",
            Door::Flowise => "/flowise",
            Door::Webhook | Door::Page | Door::Dashboard => continue,
        };
        let methods = by_path.entry(format!("{prefix}{}", endpoint.pattern));
        methods.or_default().push(endpoint.method.to_string());
    }
    let mut inspector = Inspector::default();
    let mut connection = raw::Connection::open(address).await;
    for (pattern, methods) in by_path {
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
        ] {
            if methods.iter().any(|known| known == method) {
                continue;
            }
            let path = filled(&pattern);
            let request = raw::request(method, &path, &[("Host", &host)], b"");
            let answer = connection.send(&request).await;
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.body);
            inspector.raw(&answer);
            let allow: Vec<&str> = answer.header("allow").expect("Allow").split(", ").collect();
            for known in &methods {
                assert!(
                    allow.contains(&known.as_str()),
                    "{method} {path}: {allow:?}"
                );
            }
            assert_eq!(allow.contains(&"HEAD"), allow.contains(&"GET"));
            assert!(!allow.contains(&method));
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let server = TestServer::start().await;
    let (address, key) = (server.address(), server.admin_key.clone());
    let mut inspector = Inspector::default();
    let too_long = format!("/api/v1/workflows/{}", "x".repeat(65));
    let endless = format!("/api/v1/workflows/{}", "x".repeat(20_000));
    let many = format!("/api/v1{}", "/x".repeat(500));
    for target in [
        "//",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/workflows",
        "/favicon.ico",
        "/.env",
        "/api/v1/nothing",
        "/api/v1/workflows/a/b",
        "/api/v1/workflows/a%2Fb",
        "/api/v1/workflows/..",
        "/api/v1/workflows/%2e%2e",
        "/api/v1/workflows/a.b",
        "/api/v1/workflows/%00",
        "/api/v1/workflows/a%20b",
        "/api/v1/workflows/é",
        "/api/v1/runs/..%2fworkflows",
        too_long.as_str(),
        endless.as_str(),
        many.as_str(),
        "/api/v1/workflows//",
    ] {
        let answer = raw::get(address, target, &[("x-api-key", &key)]).await;
        assert_eq!(answer.status, 404, "{target}: {}", answer.body);
        let told = inspector.raw(&answer);
        let is_path = told.contains("There is no such path");
        assert!(
            is_path || told.contains("There is no such workflow"),
            "{target}: {told}"
        );
        assert_eq!(answer.header("location"), None);
    }
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_path_and_head_is_like_get() {
    let server = TestServer::start().await;
    let (address, key) = (server.address(), server.admin_key.clone());
    let host = address.to_string();
    let mut connection = raw::Connection::open(address).await;
    for target in [
        "/api/health",
        "/api/v1/workflows",
        "/api/v1/auth/api-keys/self",
        "/api/v1/runs/x",
    ] {
        let known = [("Host", host.as_str()), ("x-api-key", key.as_str())];
        let get = connection
            .send(&raw::request("GET", target, &known, b""))
            .await;
        let slashed = format!("{target}/");
        let same = connection
            .send(&raw::request("GET", &slashed, &known, b""))
            .await;
        assert_eq!(
            (get.status, get.body.len()),
            (same.status, same.body.len()),
            "{target}"
        );
        let head = connection
            .send(&raw::request("HEAD", target, &known, b""))
            .await;
        assert_eq!(
            (head.status, head.body.as_str()),
            (get.status, ""),
            "{target}"
        );
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{target}"
        );
        assert_eq!(head.header("content-type"), Some("application/json"));
    }
    let anonymous = raw::request("HEAD", "/api/v1/workflows", &[("Host", &host)], b"");
    assert_eq!(connection.send(&anonymous).await.status, 401);
}

#[tokio::test]
async fn only_known_hosts_are_answered() {
    let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.allowed_hosts = vec!["flow.example.com".to_owned()];
        config.public_url = Some("https://public.example.com".to_owned());
    })
    .await;
    let (address, key) = (server.address(), server.admin_key.clone());
    let mut inspector = Inspector::default();
    let routes = ["/api/health", "/api/v1/workflows", "/nowhere"];
    for route in routes {
        for hosts in [
            &["evil.example"][..],
            &["localhost.evil.example:80"],
            &[""],
            &["127.0.0.1.nip.io"],
        ] {
            let answer = ask(address, route, hosts, &key).await;
            assert_eq!(answer.status, 421, "{hosts:?}");
            inspector.raw(&answer);
        }
        for hosts in [
            &["localhost", "localhost"][..],
            &["localhost", "evil.example"],
            &[],
        ] {
            let answer = ask(address, route, hosts, &key).await;
            assert_eq!(answer.status, 400, "{hosts:?}");
            assert!(inspector.raw(&answer).contains("`Host`"));
        }
        for host in [
            "localhost",
            "LOCALHOST:1",
            "[::1]:9",
            "127.0.0.1",
            "flow.example.com",
            "public.example.com:443",
        ] {
            let answer = ask(address, route, &[host], &key).await;
            assert!(
                !matches!(answer.status, 400 | 421),
                "{host}: {}",
                answer.body
            );
        }
    }
    let foreign = format!("http://evil.example{}", routes[1]);
    assert_eq!(
        ask(address, &foreign, &["localhost"], &key).await.status,
        421
    );
}

async fn ask(
    address: std::net::SocketAddr,
    target: &str,
    hosts: &[&str],
    key: &str,
) -> raw::RawAnswer {
    let headers: Vec<(&str, &str)> = hosts
        .iter()
        .map(|host| ("Host", *host))
        .chain([("x-api-key", key)])
        .collect();
    raw::send(address, &raw::request("GET", target, &headers, b"")).await
}

#[tokio::test]
async fn a_key_in_the_url_is_refused_with_advice_and_not_repeated() {
    let server = TestServer::start().await;
    let key = server.admin_key.clone();
    let mut inspector = Inspector::default();
    for name in [
        "apikey",
        "api_key",
        "API-Key",
        "x-api-key",
        "key",
        "token",
        "access_token",
    ] {
        let path = format!("/api/v1/workflows?{name}={key}");
        let answer = server.anonymous().get(&path).await;
        let told = inspector.answer(&answer);
        assert_eq!(
            told,
            r#"400 {"code":"VALIDATION_ERROR","message":"Send the API key in the `x-api-key` header. A key in a URL ends up in logs and histories: if it was a real one, rotate it."}"#
        );
        // With a good key in its header the parameter is just an unknown one.
        let answer = server.admin().get(&path).await;
        assert_eq!(answer.status.as_u16(), 400, "{}", answer.text);
        assert!(!answer.text.contains(&key), "{}", answer.text);
    }
}

#[tokio::test]
async fn headers_that_are_no_text_are_refused_in_the_envelope() {
    let server = TestServer::start().await;
    let step = json!([{ "id": "say", "type": "transform", "config": { "sourceData": {} } }]);
    let workflow = server.workflow("subject", step).await;
    let run = server.admin().run(&workflow, json!({})).await;
    let run = run["runId"].as_str().expect("an id");
    let (address, key) = (server.address(), server.admin_key.clone());
    let host = address.to_string();
    let mut inspector = Inspector::default();
    let mut connection = raw::Connection::open(address).await;
    for (method, target, header) in [
        (
            "POST",
            format!("/api/v1/workflows/{workflow}/run"),
            "Idempotency-Key",
        ),
        ("PUT", format!("/api/v1/workflows/{workflow}"), "If-Match"),
        ("GET", format!("/api/v1/runs/{run}/events"), "Last-Event-ID"),
    ] {
        for value in ["\u{e9}t\u{e9}", "\u{1f600}"] {
            let headers = [
                ("Host", host.as_str()),
                ("x-api-key", key.as_str()),
                ("Content-Type", "application/json"),
                (header, value),
            ];
            let answer = connection
                .send(&raw::request(method, &target, &headers, b""))
                .await;
            let told = inspector.raw(&answer);
            assert!(
                answer.status == 400 && told.contains(&header.to_lowercase()),
                "{told}"
            );
            assert!(answer.header("x-ratelimit-limit").is_some());
        }
    }
}

#[tokio::test]
async fn odd_credentials_are_401() {
    let server = TestServer::start().await;
    let (address, key) = (server.address(), server.admin_key.clone());
    let mut inspector = Inspector::default();
    let bearer = format!("Bearer {key}");
    let spaced = format!("{key} x");
    type Row<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let rows: [Row<'_>; 9] = [
        (&[("Authorization", &bearer)], 200, ""),
        (&[("x-api-key", "")], 401, "malformed"),
        (&[("x-api-key", "\u{e9}")], 401, "malformed"),
        (&[("x-api-key", &spaced)], 401, "malformed"),
        (&[("x-api-key", &bearer)], 401, "malformed"),
        (
            &[("x-api-key", &key), ("x-api-key", &key)],
            401,
            "malformed",
        ),
        (&[("Authorization", &key)], 401, "missing"),
        (&[("Authorization", "Basic d2ZrXzp4")], 401, "missing"),
        (&[("Cookie", &key)], 401, "missing"),
    ];
    for (headers, status, reason) in rows {
        let answer = raw::get(address, "/api/v1/auth/api-keys/self", headers).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
        if status == 401 {
            let told = inspector.raw(&answer);
            assert!(told.contains(&format!("\"reason\":\"{reason}\"")), "{told}");
        }
    }
}
