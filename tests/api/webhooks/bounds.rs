//! Bounds of what comes in without a key: size, number, paths, methods.

use super::*;
use crate::raw;
use flowlatch::model::credit::Prices;
use flowlatch::model::limit::Limit;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn a_large_body_is_taken_up_to_its_limit() {
    let server = server().await;
    let workflow = hooked(&server, open("large")).await;
    let limit = 5 * 1024 * 1024;
    // Larger than other inputs may be.
    let body = format!("\"{}\"", "x".repeat(limit - 2));
    let answer = send(&server, "/webhooks/custom/large", &[], body.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(runs(&server, &workflow).await.len(), 1);
    let body = format!("{body} ");
    let answer = send(&server, "/webhooks/custom/large", &[], body.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    insta::assert_snapshot!(answer.text, @r#"{"received":false,"error":"The body is larger than 5242880 bytes (setting `max_webhook_bytes`).","code":"PAYLOAD_TOO_LARGE"}"#);
    server.stop().await;
}

#[tokio::test]
async fn a_hundred_megabytes_are_refused_by_their_announcement() {
    let server = server().await;
    hooked(&server, open("large")).await;
    let head = "POST /webhooks/custom/large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\nExpect: 100-continue\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(server.address())
        .await
        .expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    // Without a length: cut off as soon as it is too much.
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = sent.clone();
    let chunks = futures_util::stream::iter((0..1_600).map(move |_| {
        counted.fetch_add(65_536, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![b'x'; 65_536])
    }));
    let request = server
        .anonymous()
        .request(Method::POST, "/webhooks/custom/large")
        .body(reqwest::Body::wrap_stream(chunks));
    if let Ok(response) = request.send().await {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let sent = sent.load(std::sync::atomic::Ordering::Relaxed);
    assert!(sent < 40 << 20, "{sent} bytes were taken");
    assert!(events(&server, "").await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn all_bodies_together_have_a_bound() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.max_webhook_bytes = 1_024;
    })
    .await;
    hooked(&server, open("slow")).await;
    // Sixteen of the largest are being read; each lacks its last byte.
    let mut open_connections = Vec::new();
    for _ in 0..16 {
        let head = "POST /webhooks/custom/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1024\r\n\r\n";
        let mut stream = tokio::net::TcpStream::connect(server.address())
            .await
            .expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&[b' '; 1_023]).await.expect("sent");
        open_connections.push(stream);
    }
    // Until the server has taken them all in, a further one still passes.
    let refused = loop {
        let answer = send(&server, "/webhooks/custom/slow", &[], &[b' '; 1_024]).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
    };
    assert_eq!(
        refused.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        refused.text
    );
    assert!(refused.header("retry-after").is_some());
    for mut stream in open_connections {
        stream.write_all(b" ").await.expect("sent");
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.expect("an answer");
        assert_eq!(&begin, b"HTTP/1.1 200");
    }
    let answer = send(&server, "/webhooks/custom/slow", &[], b"{}").await;
    assert_eq!(answer.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn the_values_of_all_bodies_together_have_a_bound() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.max_webhook_bytes = 256 << 10;
    })
    .await;
    let workflow = hooked(&server, open("heavy")).await;
    let path = "/webhooks/custom/heavy";
    let zeros = format!("[{}0]", "0,".repeat(110_000));
    let long = format!("\"{}\"", "[0,".repeat(40_000));
    let read = format!("/api/v1/workflows/{workflow}");
    // Two of these have no room at once; whether two meet is up to the machine.
    let (mut taken, mut refused) = (0, 0);
    while refused == 0 {
        let posts = (0..16).map(|_| send(&server, path, &[], zeros.as_bytes()));
        let (answers, long, small, read) = tokio::join!(
            futures_util::future::join_all(posts),
            // Nothing else is harmed: what is long and has no values, what is small, and what others do.
            send(&server, path, &[], long.as_bytes()),
            send(&server, path, &[], b"{\"a\":[1,2]}"),
            async { server.admin().get(&read).await },
        );
        for answer in answers {
            match answer.status {
                StatusCode::OK => taken += 1,
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(answer.header("retry-after").is_some());
                    refused += 1;
                }
                other => panic!("{other}: {}", answer.text),
            }
        }
        assert_eq!(
            [long.status, small.status, read.status],
            [StatusCode::OK; 3]
        );
        assert!(taken > 0, "whoever is first has room");
    }
    // All is given back; and what would never have room is refused for good.
    let answer = send(&server, path, &[], zeros.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let objects = format!("[{}0]", "{\"\":0},".repeat(37_000));
    let answer = send(&server, path, &[], objects.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(answer.text, @r#"{"received":false,"error":"The body holds too many values: they would take 29600128 bytes of memory, more than 12582912. Send it in parts, or raise the setting `max_webhook_bytes`.","code":"VALIDATION_ERROR"}"#);
    server.stop().await;
}

#[tokio::test]
async fn an_address_has_its_limit() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.limit_webhook = Limit::PerMinute(3);
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    hooked(&server, open("few")).await;
    let from = |address: &'static str, path: &'static str| {
        let server = &server;
        async move { send(server, path, &[("x-forwarded-for", address)], b"{}").await }
    };
    for remaining in ["2", "1", "0"] {
        let answer = from("2001:db8:1:2::1", "/webhooks/custom/few").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
    // The same network, and whatever the path.
    for path in ["/webhooks/custom/few", "/webhooks/custom/none"] {
        let answer = from("2001:db8:1:2:ffff::9", path).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.header("retry-after"), Some("60"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text, @r#"{"received":false,"error":"Rate limit exceeded. Limit: 3 requests per minute.","code":"RATE_LIMITED"}"#);
        }
    }
    assert_eq!(
        from("2001:db8:1:3::1", "/webhooks/custom/few").await.status,
        StatusCode::OK
    );
    assert_eq!(
        from("192.0.2.1", "/webhooks/custom/few").await.status,
        StatusCode::OK
    );
    server.clock.advance_ms(60_000);
    assert_eq!(
        from("2001:db8:1:2::1", "/webhooks/custom/few").await.status,
        StatusCode::OK
    );
    server.stop().await;
}

#[tokio::test]
async fn other_paths_are_refused_in_bare_words() {
    let server = TestServer::start().await;
    hooked(&server, open("door")).await;
    let (address, host) = (server.address(), server.address().to_string());
    let mut connection = raw::Connection::open(address).await;
    for target in [
        "/webhooks/custom/none",
        "/webhooks/stripe/door",
        "/webhooks/Custom/door",
        "/webhooks/nobody/door",
        "/webhooks/custom",
        "/webhooks/custom/a/b/door",
        "/webhooks/custom//door",
        "/webhooks/custom/../custom/door",
        "/webhooks/custom/%64oor",
        "/webhooks/custom/door;a=b",
        "/webhooks/custom/door%00",
        "/webhooks/",
    ] {
        let request = raw::request(
            "POST",
            target,
            &[("Host", &host), ("Content-Length", "0")],
            b"",
        );
        let answer = connection.send(&request).await;
        assert_eq!(answer.status, 404, "{target}: {}", answer.body);
        assert_eq!(answer.json()["received"], false, "{target}");
    }
    for (target, status) in [
        ("/Webhooks/custom/door", 404),
        ("/native/webhooks/custom/door", 404),
    ] {
        let request = raw::request(
            "POST",
            target,
            &[("Host", &host), ("Content-Length", "0")],
            b"",
        );
        assert_eq!(connection.send(&request).await.status, status, "{target}");
    }
    server.stop().await;
}

#[tokio::test]
async fn other_methods_are_refused_and_no_page_may_call() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.cors_origins = vec!["https://page.example".to_owned()];
    })
    .await;
    hooked(&server, open("door")).await;
    let (address, host) = (server.address(), server.address().to_string());
    let mut connection = raw::Connection::open(address).await;
    for method in ["GET", "PUT", "OPTIONS", "DELETE"] {
        let headers = [
            ("Host", host.as_str()),
            ("Origin", "https://page.example"),
            ("Access-Control-Request-Method", "POST"),
        ];
        let request = raw::request(method, "/webhooks/custom/door", &headers, b"");
        let answer = connection.send(&request).await;
        assert_eq!(answer.status, 405, "{method}: {}", answer.body);
        assert_eq!(answer.header("allow"), Some("POST"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // Whatever key is sent, it is neither needed nor looked at.
    for key in [server.admin_key.as_str(), "wfk_nonsense"] {
        let headers = [
            ("Host", host.as_str()),
            ("x-api-key", key),
            ("Content-Length", "0"),
        ];
        let answer = connection
            .send(&raw::request(
                "POST",
                "/webhooks/custom/door",
                &headers,
                b"",
            ))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    server.stop().await;
}

#[tokio::test]
async fn so_many_workflows_may_share_a_path_and_no_more() {
    let server = server().await;
    for _ in 0..16 {
        hooked(&server, open("crowd")).await;
    }
    let one_more = draft(&server, open("crowd")).await;
    let refused = activate(&server, &one_more).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    assert_eq!(
        refused.json()["error"]["details"][0]["place"],
        "trigger.path"
    );
    let answer = send(&server, "/webhooks/custom/crowd", &[], b"{}").await;
    assert_eq!(answer.json()["workflowsTriggered"], 16);
    server.stop().await;
}

/// What an event starts is charged, and never refused: its sender has no balance here.
#[tokio::test]
async fn runs_of_events_are_charged_also_beyond_the_balance() {
    let server = TestServer::start_with(Clock::system(), |config| {
        let prices = vec!["transform=2".parse().expect("a price")];
        config.node_prices = Prices::new(prices).expect("prices");
        config.credit_balance = Some(3);
    })
    .await;
    let workflow = super::hooked(&server, super::open("paid")).await;
    for _ in 0..2 {
        let taken = super::send(&server, "/webhooks/custom/paid", &[], b"{}").await;
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.text);
    }
    let ended = super::runs(&server, &workflow).await;
    let statuses: Vec<&Value> = ended.iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["completed", "completed"]);
    let usage = server.admin().get("/api/v1/usage?keyId=all").await.data();
    assert_eq!(
        usage["balance"],
        json!({ "granted": 3, "spent": 4, "available": 0 })
    );
    let path = format!("/api/v1/workflows/{workflow}/run");
    let refused = server.admin().post(&path, json!({ "input": {} })).await;
    assert_eq!(
        refused.status,
        StatusCode::PAYMENT_REQUIRED,
        "{}",
        refused.text
    );
}
