//! Behind proxies and names: whose address counts, under which path and names the server is reached, and from where.

use crate::support::TestServer;
use crate::wire::Wire;
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The address that the server takes the client for: it stands in a new key's audit row.
async fn seen_address(server: &TestServer, forwarded: &[&[u8]]) -> String {
    let body = json!({"name": "n", "scopes": ["runs:read"]});
    let admin = server.admin();
    let mut request = admin
        .request(Method::POST, "/api/v1/auth/api-keys")
        .json(&body);
    for value in forwarded {
        request = request.header(
            "x-forwarded-for",
            HeaderValue::from_bytes(value).expect("a value"),
        );
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED);
    let created: Value = answer.json().await.expect("JSON");
    let rows = admin.get("/api/v1/audit").await.data();
    let id = &created["data"]["id"];
    let row = rows
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["target"] == *id)
        .expect("its row");
    row["address"].as_str().expect("an address").to_owned()
}

async fn behind(proxies: &[&str]) -> TestServer {
    let proxies = proxies
        .iter()
        .map(|text| text.parse().expect("a network"))
        .collect();
    TestServer::start_with(Clock::system(), |config| {
        config.trusted_proxies = proxies;
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await
}

#[tokio::test]
async fn only_trusted_proxies_say_whose_request_it_is() {
    let server = TestServer::start().await;
    assert_eq!(seen_address(&server, &[b"203.0.113.9"]).await, "127.0.0.1");
    server.stop().await;
    let server = behind(&["10.0.0.0/8"]).await;
    assert_eq!(seen_address(&server, &[b"203.0.113.9"]).await, "127.0.0.1");
    server.stop().await;

    let server = behind(&["127.0.0.0/8", "10.0.0.0/8", "2001:db8:f::/48"]).await;
    let chains: [(&[&[u8]], &str); 17] = [
        (&[], "127.0.0.1"),
        (&[b"203.0.113.9"], "203.0.113.9"),
        // What the client itself claims stands to the left of what the proxies say.
        (&[b"198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (&[b"198.51.100.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
        (
            &[b"198.51.100.1,203.0.113.9,10.1.1.1,10.2.2.2"],
            "203.0.113.9",
        ),
        (
            &[b"198.51.100.1", b"203.0.113.9", b"10.1.1.1"],
            "203.0.113.9",
        ),
        // Only proxies: the first of them is as far as is known.
        (&[b"10.9.9.9, 10.1.1.1"], "10.9.9.9"),
        (&[b"2001:db8::7"], "2001:db8::7"),
        (&[b"2001:db8::7, 2001:db8:f::1"], "2001:db8::7"),
        (&[b"[2001:db8::7]:4711"], "2001:db8::7"),
        (&[b"[2001:db8::7]"], "2001:db8::7"),
        (&[b"203.0.113.9:4711"], "203.0.113.9"),
        (&[b"::ffff:203.0.113.9"], "203.0.113.9"),
        (&[b"198.51.100.1, ::ffff:10.1.1.1"], "198.51.100.1"),
        // Garbage ends the search, and nothing before it counts.
        (&[b"198.51.100.1, unknown, 10.1.1.1"], "10.1.1.1"),
        (&[b"198.51.100.1", b"\xff", b"10.1.1.1"], "10.1.1.1"),
        (&[b"198.51.100.1, , "], "127.0.0.1"),
    ];
    for (forwarded, expected) in chains {
        let shown = forwarded
            .iter()
            .map(|value| String::from_utf8_lossy(value))
            .collect::<Vec<_>>();
        assert_eq!(
            seen_address(&server, forwarded).await,
            expected,
            "{shown:?}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn failed_attempts_count_for_the_client_and_not_for_its_proxy() {
    let server = behind(&["127.0.0.1/32"]).await;
    let attempt = async |from: &str| {
        let client = server.client(Some("wfk_none".to_owned()));
        let request = client
            .request(Method::GET, "/api/v1/workflows")
            .header("x-forwarded-for", from);
        request.send().await.expect("an answer").status().as_u16()
    };
    for _ in 0..60 {
        assert_eq!(attempt("198.51.100.1, 203.0.113.9").await, 401);
    }
    assert_eq!(attempt("198.51.100.2, 203.0.113.9").await, 429);
    assert_eq!(attempt("203.0.113.10").await, 401);
    server.stop().await;
}

/// The status of a health check with this `Host`, sent as it stands.
async fn status_for(address: SocketAddr, path: &str, hosts: &[&str]) -> u16 {
    let mut wire = Wire::to(address).await;
    let hosts: String = hosts
        .iter()
        .map(|host| format!("host: {host}\r\n"))
        .collect();
    wire.send(&format!(
        "GET {path} HTTP/1.1\r\n{hosts}connection: close\r\n\r\n"
    ))
    .await;
    wire.next_answer().await.expect("an answer").status
}

#[tokio::test]
async fn a_base_path_stands_before_every_other() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.base_path = "/flows/a".into()
    })
    .await;
    assert!(server.url.ends_with("/flows/a"), "{}", server.url);
    assert_eq!(server.admin().get("/api/v1/workflows").await.status, 200);
    assert_eq!(
        server.admin().get("/native/api/v1/workflows").await.status,
        200
    );
    assert_eq!(server.anonymous().get("/api/health").await.status, 200);
    // So it comes from a proxy that takes the base path off.
    let bare = status_for(server.address(), "/api/health", &["localhost"]).await;
    assert_eq!(bare, 200);
    for path in [
        "/flows/api/health",
        "/flows/a",
        "/flows/aapi/health",
        "/flows/a//api/health",
        "/FLOWS/a/api/health",
        "/flows/a/flows/a/api/health",
    ] {
        assert_eq!(
            status_for(server.address(), path, &["localhost"]).await,
            404,
            "{path}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn only_known_hosts_are_answered_on_every_route() {
    let configure = |config: &mut Config| {
        config.public_url = Some("https://flow.example".into());
        config.allowed_hosts = vec!["other.example:8080".into(), "[2001:db8::1]".into()];
        config.cors_origins = vec!["https://app.example".into()];
    };
    let server = TestServer::start_with(Clock::system(), configure).await;
    let address = server.address();
    let own = address.to_string();
    for host in [
        "localhost",
        &own,
        "[::1]:1",
        "flow.example",
        "FLOW.example.:443",
        "other.example",
        "[2001:db8::1]:9",
    ] {
        assert_eq!(
            status_for(address, "/api/health", &[host]).await,
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "flow.example.evil.example",
        "",
        "127.0.0.1.evil.example",
        "[::1]evil.example",
        "localhost@evil.example",
    ] {
        for path in ["/api/health", "/api/v1/workflows", "/nowhere"] {
            assert_eq!(
                status_for(address, path, &[host]).await,
                421,
                "{host} {path}"
            );
        }
    }
    assert_eq!(
        status_for(address, "/api/health", &["localhost", "localhost"]).await,
        400
    );
    assert_eq!(status_for(address, "/api/health", &[]).await, 400);
    assert_eq!(
        status_for(address, "http://evil.example/api/health", &["localhost"]).await,
        421
    );
    let preflight = |host: &'static str| async move {
        let mut wire = Wire::to(address).await;
        wire.send(&format!(
            "OPTIONS /api/v1/workflows HTTP/1.1\r\nhost: {host}\r\norigin: https://app.example\r\n\
             access-control-request-method: POST\r\n\r\n"
        ))
        .await;
        wire.next_answer().await.expect("an answer").status
    };
    assert_eq!(preflight("flow.example").await, 204);
    assert_eq!(preflight("evil.example").await, 421);
    // A proxy's own words about the host are nobody's.
    let mut wire = Wire::to(address).await;
    wire.send(
        "GET /api/health HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: localhost\r\n\r\n",
    )
    .await;
    assert_eq!(wire.next_answer().await.expect("an answer").status, 421);
    server.stop().await;
}

#[tokio::test]
async fn the_ipv6_loopback_has_the_same_port() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        // A machine without IPv6 has nothing to show here.
        return;
    }
    let server = TestServer::start().await;
    let on_six = SocketAddr::new("::1".parse().expect("an address"), server.address().port());
    assert_eq!(status_for(on_six, "/api/health", &["[::1]"]).await, 200);
    assert_eq!(status_for(on_six, "/api/health", &["localhost"]).await, 200);
    server.stop().await;
    let server = TestServer::start_with(Clock::system(), |config| config.host = "::1".into()).await;
    assert!(server.url.starts_with("http://[::1]:"), "{}", server.url);
    assert_eq!(server.admin().get("/api/v1/workflows").await.status, 200);
    assert_eq!(seen_address(&server, &[b"203.0.113.9"]).await, "::1");
    server.stop().await;
}
