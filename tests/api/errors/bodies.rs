//! Bodies that are too large, too deep, of another type, or not text.

use super::{Inspector, state};
use crate::raw;
use crate::support::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::json;

const MIB: usize = 1 << 20;

/// Every route that reads a body.
const ROUTES: [(&str, &str); 9] = [
    ("POST", "/api/v1/workflows"),
    ("POST", "/api/v1/workflows/validate"),
    ("PUT", "/api/v1/workflows/{workflow}"),
    ("PATCH", "/api/v1/workflows/{workflow}/canvas"),
    ("POST", "/api/v1/workflows/{workflow}/run"),
    ("POST", "/api/v1/templates/tpl_hello/instantiate"),
    ("POST", "/api/v1/auth/api-keys"),
    ("PATCH", "/api/v1/auth/api-keys/{key}"),
    ("POST", "/api/v1/auth/api-keys/{key}/rotate"),
];

struct Bench {
    server: TestServer,
    routes: Vec<(&'static str, String)>,
    inspector: Inspector,
}

impl Bench {
    async fn start() -> Bench {
        let server = TestServer::start().await;
        let step =
            json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "x": 1 } } }]);
        let workflow = server.workflow("subject", step).await;
        let (key, _) = server
            .with_key(json!({ "name": "victim", "scopes": ["runs:read"] }))
            .await;
        let key = key["id"].as_str().expect("an id");
        let fill = |path: &str| path.replace("{workflow}", &workflow).replace("{key}", key);
        Bench {
            routes: ROUTES.map(|(method, path)| (method, fill(path))).to_vec(),
            server,
            inspector: Inspector::default(),
        }
    }

    /// Sends this body of this type to every route; gives the one answer that all of them give.
    async fn send_everywhere(&mut self, content_type: Option<&str>, body: &[u8]) -> String {
        let before = state(&self.server).await;
        let mut told = Vec::new();
        for (method, path) in &self.routes {
            let method: Method = method.parse().expect("a method");
            let mut request = self
                .server
                .admin()
                .request(method, path)
                .body(body.to_vec());
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let answer = Answer::read(request.send().await.expect("an answer")).await;
            assert!(answer.header("x-ratelimit-limit").is_some(), "{path}");
            told.push(self.inspector.answer(&answer));
        }
        assert_eq!(before, state(&self.server).await, "something was written");
        told.dedup();
        told.join("\n")
    }
}

#[tokio::test]
async fn what_is_not_json_is_415() {
    let mut bench = Bench::start().await;
    let expected = r#"415 {"code":"UNSUPPORTED_MEDIA_TYPE","message":"Send JSON, with `Content-Type: application/json`."}"#;
    for (content_type, body) in [
        (None, "{}"),
        (Some(""), "{}"),
        (Some("text/plain"), "{}"),
        (Some("text/json"), "{}"),
        (Some("application/jsonp"), "{}"),
        (Some("application/x-www-form-urlencoded"), "name=a"),
        (Some("multipart/form-data; boundary=b"), "--b--"),
        (Some("application/xml, application/json"), "{}"),
    ] {
        let told = bench.send_everywhere(content_type, body.as_bytes()).await;
        assert_eq!(told, expected, "{content_type:?}");
    }
}

#[tokio::test]
async fn what_is_not_text_or_nested_too_deep_is_400() {
    let mut bench = Bench::start().await;
    let deep = format!("{}{}", r#"{"name":["#.repeat(35), "]}".repeat(35));
    let brackets = "[".repeat(100_000);
    for (body, message) in [
        (
            &b"{\"name\":\"\xff\"}"[..],
            "The body is not UTF-8 (byte 9).",
        ),
        (
            deep.as_bytes(),
            "The body is nested more than 64 levels deep.",
        ),
        (
            brackets.as_bytes(),
            "The body is nested more than 64 levels deep.",
        ),
        (
            b"\xef\xbb\xbf{}",
            "The body does not fit: expected value at line 1 column 1.",
        ),
        (
            b" [null, null]",
            "The body does not fit: it is a list; send an object.",
        ),
        (
            b"{\"",
            "The body does not fit: EOF while parsing a string at line 1 column 2.",
        ),
        (
            b"nul",
            "The body does not fit: EOF while parsing a value at line 1 column 3.",
        ),
    ] {
        let told = bench.send_everywhere(Some("application/json"), body).await;
        let error = json!({ "code": "VALIDATION_ERROR", "message": message });
        assert_eq!(told, format!("400 {error}"));
    }
}

#[tokio::test]
async fn json_is_known_in_every_spelling_and_no_body_needs_no_type() {
    let bench = Bench::start().await;
    let admin = bench.server.admin();
    let (_, workflow) = bench.routes.get(2).expect("a route");
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json ;charset=UTF-8",
    ] {
        let request = admin
            .request(Method::PUT, workflow)
            .header("content-type", content_type)
            .body("{}");
        let status = request.send().await.expect("an answer").status();
        assert_eq!(status, StatusCode::OK, "{content_type}");
        for change in ["activate", "pause"] {
            let request = admin
                .request(Method::POST, &format!("{workflow}/{change}"))
                .header("content-type", content_type);
            let status = request.send().await.expect("an answer").status();
            assert_eq!(status, StatusCode::OK, "{change}, {content_type}");
        }
    }
    for change in ["activate", "pause"] {
        let path = format!("{workflow}/{change}");
        let answer = admin.send(Method::POST, &path, json!(null)).await;
        assert_eq!(answer.status, StatusCode::OK, "{change}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_a_plain_client_sees_it() {
    let mut bench = Bench::start().await;
    let before = state(&bench.server).await;
    let (address, key) = (bench.server.address(), bench.server.admin_key.clone());
    let host = address.to_string();
    let body = vec![b' '; 5 * MIB];
    let mut chunked = Vec::new();
    for chunk in body.chunks(MIB / 4) {
        chunked.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunked.extend(chunk);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let length = body.len().to_string();
    for (method, path) in bench.routes.clone() {
        for (framing, body) in [
            (("Content-Length", length.as_str()), &body),
            (("Transfer-Encoding", "chunked"), &chunked),
        ] {
            let headers = [
                ("Host", host.as_str()),
                ("x-api-key", key.as_str()),
                ("Content-Type", "application/json"),
                framing,
            ];
            let answer = raw::send(address, &raw::request(method, &path, &headers, body)).await;
            let told = bench.inspector.raw(&answer);
            assert_eq!(
                told,
                r#"413 {"code":"PAYLOAD_TOO_LARGE","message":"The body is larger than 2097152 bytes (setting `max_body_bytes`)."}"#
            );
            assert!(answer.header("x-ratelimit-limit").is_some());
        }
    }
    assert_eq!(before, state(&bench.server).await);
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read() {
    let bench = Bench::start().await;
    let (_, workflow) = bench.routes.get(2).expect("a route");
    for (spaces, expected) in [
        (2 * MIB - 2, StatusCode::OK),
        (2 * MIB - 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let request = bench
            .server
            .admin()
            .request(Method::PUT, workflow)
            .header("content-type", "application/json")
            .body(format!("{{{}}}", " ".repeat(spaces)));
        assert_eq!(request.send().await.expect("an answer").status(), expected);
    }
}

#[tokio::test]
async fn who_is_refused_at_the_door_sees_it_however_much_is_sent() {
    let mut bench = Bench::start().await;
    let address = bench.server.address();
    let (host, body) = (address.to_string(), vec![b' '; 3 * MIB]);
    let length = body.len().to_string();
    let headers = [("Host", host.as_str()), ("Content-Length", length.as_str())];
    for (target, status) in [
        ("/api/v1/workflows", 401),
        ("/nowhere", 404),
        ("/api/health", 405),
    ] {
        let answer = raw::send(address, &raw::request("POST", target, &headers, &body)).await;
        bench.inspector.raw(&answer);
        assert_eq!(answer.status, status, "{target}");
    }
}

#[tokio::test]
async fn who_asks_before_sending_is_answered_at_once() {
    let mut bench = Bench::start().await;
    let address = bench.server.address();
    let (host, key) = (address.to_string(), bench.server.admin_key.clone());
    let headers = [
        ("Host", host.as_str()),
        ("x-api-key", key.as_str()),
        ("Content-Type", "application/json"),
        ("Content-Length", "5000000"),
        ("Expect", "100-continue"),
    ];
    for (key, status) in [(1, 413), (2, 401)] {
        let headers: Vec<(&str, &str)> = headers
            .into_iter()
            .filter(|(name, _)| key == 1 || *name != "x-api-key")
            .collect();
        let request = raw::request("POST", "/api/v1/workflows", &headers, b"");
        let answer = raw::send(address, &request).await;
        bench.inspector.raw(&answer);
        assert_eq!(answer.status, status);
    }
}
