//! Connections: slow, silent, too many, pipelined, half closed, refused before their body was read, and a stop.

use crate::support::TestServer;
use crate::wire::{Wire, post_head};
use flowlatch::clock::Clock;
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;

const WORKFLOWS: &str = "/api/v1/workflows";

#[tokio::test]
async fn a_slow_or_silent_head_is_closed() {
    let server =
        TestServer::start_with(Clock::system(), |config| config.header_timeout_ms = 300).await;
    let mut silent = Wire::to(server.address()).await;
    let mut trickling = Wire::to(server.address()).await;
    let mut second_head = Wire::to(server.address()).await;
    assert!(second_head.is_served().await);
    second_head.send("GET /api/health HTTP/1.1\r\n").await;
    let mut idle = Wire::to(server.address()).await;
    assert!(idle.is_served().await);
    trickling.send("GET /api/health HTTP/1.1\r\n").await;
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    let mut sent = 0;
    while trickling.try_send(b"x").await.is_ok() {
        sent += 1;
        assert!(
            sent < 1_000,
            "a head of one byte every 20 ms is never closed"
        );
        beat.tick().await;
    }
    assert!(sent > 10, "closed long before its time: after {sent} bytes");
    assert!(silent.ends().await);
    assert!(second_head.ends().await);
    // Between two requests a connection may wait longer.
    assert!(idle.is_served().await);
    server.stop().await;
}

#[tokio::test]
async fn a_slow_body_is_a_408() {
    let server =
        TestServer::start_with(Clock::system(), |config| config.body_timeout_ms = 200).await;
    let mut slow = Wire::to(server.address()).await;
    slow.send(&post_head(WORKFLOWS, Some(&server.admin_key), 100, ""))
        .await;
    slow.send("{\"name\":").await;
    let answer = slow.next_answer().await.expect("an answer");
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(answer.body.contains("body_timeout_ms"), "{answer:?}");
    assert!(answer.head.contains("x-request-id: "), "{answer:?}");
    assert!(slow.ends().await);
    server.stop().await;
}

#[tokio::test]
async fn the_longest_idle_connection_makes_room_and_busy_ones_never() {
    let server = TestServer::start_with(Clock::system(), |config| config.max_connections = 4).await;
    // Three that are busy: two event streams, and a body that has begun.
    let steps =
        json!([{"id": "later", "type": "wait", "config": {"duration": 1, "unit": "hours"}}]);
    let workflow = server.workflow("waits", steps).await;
    let admin = server.admin();
    let path = format!("{WORKFLOWS}/{workflow}/run");
    let run = admin.post(&path, json!({})).await.data()["runId"]
        .as_str()
        .expect("an id")
        .to_owned();
    drop(admin);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = Wire::to(server.address()).await;
        let key = &server.admin_key;
        let head = format!(
            "GET /api/v1/runs/{run}/events HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\r\n"
        );
        stream.send(&head).await;
        stream.find(b"event: step.waiting").await.expect("an event");
        streams.push(stream);
    }
    let mut body = Wire::to(server.address()).await;
    body.send(&post_head(
        WORKFLOWS,
        Some(&server.admin_key),
        2,
        "expect: 100-continue\r\n",
    ))
    .await;
    assert_eq!(body.next_answer().await.expect("it goes on").status, 100);
    // One place is left: whoever comes next takes it from whoever was there before.
    let mut before = Wire::to(server.address()).await;
    assert!(before.is_served().await);
    assert!(
        before.is_served().await,
        "nobody else has come, so nobody is closed"
    );
    for _ in 0..3 {
        let mut next = Wire::to(server.address()).await;
        assert!(next.is_served().await);
        assert!(before.ends().await);
        before = next;
    }
    body.send("{}").await;
    assert_eq!(body.next_answer().await.expect("an answer").status, 400);
    let cancelled = server
        .owner("POST", &format!("/api/v1/runs/{run}/cancel"))
        .await;
    assert_eq!(
        cancelled, 200,
        "the owner gets in beside any number of clients"
    );
    for mut stream in streams {
        stream.find(b"0\r\n\r\n").await.expect("a whole stream");
        // A stream that has ended is as idle as any other connection.
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_has_ended_is_idle_and_one_place_is_enough_for_everybody() {
    let server = TestServer::start_with(Clock::system(), |config| config.max_connections = 1).await;
    let hello = server.admin().get("/api/v1/workflows").await.data()[0]["id"].clone();
    let path = format!("{WORKFLOWS}/{}/run", hello.as_str().expect("an id"));
    let run = server
        .admin()
        .post(&path, json!({"mode": "sync"}))
        .await
        .data()["runId"]
        .clone();
    let mut stream = Wire::to(server.address()).await;
    let head = format!(
        "GET /api/v1/runs/{}/events HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\n\r\n",
        run.as_str().expect("an id"),
        server.admin_key
    );
    stream.send(&head).await;
    stream.find(b"\r\n0\r\n\r\n").await.expect("a whole stream");
    let mut next = Wire::to(server.address()).await;
    assert!(next.is_served().await);
    stream.ends().await;
    assert_eq!(server.owner("GET", "/api/v1/runs").await, 200);
    server.stop().await;
}

#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let server = TestServer::start_with(Clock::system(), |config| {
        (config.max_connections, config.header_timeout_ms) = (2, 600_000);
    })
    .await;
    let mut silent = Wire::to(server.address()).await;
    let mut half_said = Wire::to(server.address()).await;
    half_said.send("GET /api/health HTTP/1.1\r\n").await;
    for _ in 0..2 {
        let mut next = Wire::to(server.address()).await;
        assert!(next.is_served().await);
    }
    assert!(silent.ends().await, "the longest silent one makes room");
    half_said.send("host: localhost\r\n\r\n").await;
    let answer = half_said.next_answer().await.expect("an answer");
    assert_eq!(answer.status, 200, "one was enough");
    server.stop().await;
}

#[tokio::test]
async fn of_several_idle_connections_the_longest_idle_goes_first() {
    let server = TestServer::start_with(Clock::system(), |config| config.max_connections = 2).await;
    let mut first = Wire::to(server.address()).await;
    assert!(first.is_served().await);
    let mut second = Wire::to(server.address()).await;
    assert!(second.is_served().await);
    // Idle time is counted in ticks of a quarter of a second: the second one is kept at work for more than one.
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..60 {
        beat.tick().await;
        assert!(second.is_served().await);
    }
    let mut third = Wire::to(server.address()).await;
    assert!(third.is_served().await);
    assert!(first.ends().await);
    assert!(second.is_served().await);
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut wire = Wire::to(server.address()).await;
    let get = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\n\r\n",
            server.admin_key
        )
    };
    let body = r#"{"name":1}"#;
    let post = post_head(WORKFLOWS, Some(&server.admin_key), body.len(), "") + body;
    let all = [
        get("/api/health"),
        get("/api/v1/nowhere"),
        post,
        get(WORKFLOWS),
        get("/api/health"),
    ];
    wire.send(&all.concat()).await;
    for expected in [200, 404, 400, 200, 200] {
        let answer = wire.next_answer().await.expect("an answer");
        assert_eq!(answer.status, expected, "{answer:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_huge_head_is_a_431_and_closed() {
    let server = TestServer::start().await;
    let many = (0..200)
        .map(|number| format!("x-{number}: 1\r\n"))
        .collect::<String>();
    for headers in [format!("x-huge: {}\r\n", "x".repeat(1 << 20)), many] {
        let mut wire = Wire::to(server.address()).await;
        let head = format!("GET /api/health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        // It may be refused, and the connection closed, before all of it is sent.
        drop(wire.try_send(head.as_bytes()).await);
        if let Some(answer) = wire.next_answer().await {
            assert_eq!(answer.status, 431, "{answer:?}");
        }
        assert!(wire.ends().await);
    }
    let mut wire = Wire::to(server.address()).await;
    let large = "x".repeat(30 * 1024);
    wire.send(&format!(
        "GET /api/health HTTP/1.1\r\nhost: localhost\r\nx-large: {large}\r\n\r\n"
    ))
    .await;
    assert_eq!(wire.next_answer().await.expect("an answer").status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_half_closed_client_has_its_answer() {
    let server = TestServer::start().await;
    let (record, _) = server
        .with_key(json!({"name": "fresh", "scopes": ["workflows:read"]}))
        .await;
    let key = record["key"].as_str().expect("a key");
    let mut wire = Wire::to(server.address()).await;
    wire.send(&format!(
        "GET {WORKFLOWS} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\r\n"
    ))
    .await;
    wire.stream
        .shutdown()
        .await
        .expect("the sending half is closed");
    let answer = wire.next_answer().await.expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        wire.ends().await,
        "nothing can follow, so the connection ends"
    );

    // A run that takes a while.
    let steps = json!([{"id": "later", "type": "wait", "config": {"duration": 300, "unit": "milliseconds"}}]);
    let workflow = server.workflow("waits", steps).await;
    let body = r#"{"mode":"sync"}"#;
    let mut wire = Wire::to(server.address()).await;
    let path = format!("{WORKFLOWS}/{workflow}/run");
    wire.send(&(post_head(&path, Some(&server.admin_key), body.len(), "") + body))
        .await;
    wire.stream
        .shutdown()
        .await
        .expect("the sending half is closed");
    let answer = wire.next_answer().await.expect("an answer");
    assert!(
        answer.status == 200 && answer.body.contains("completed"),
        "{answer:?}"
    );

    // Half a body and no more to come.
    let mut wire = Wire::to(server.address()).await;
    wire.send(&post_head(WORKFLOWS, Some(&server.admin_key), 100, ""))
        .await;
    wire.stream
        .shutdown()
        .await
        .expect("the sending half is closed");
    let answer = wire.next_answer().await;
    assert!(answer.is_none_or(|answer| answer.status == 400));
    assert!(wire.ends().await);
    server.stop().await;
}

#[tokio::test]
async fn a_refusal_before_a_large_body_was_read_is_seen() {
    let server = TestServer::start().await;
    let bytes = vec![b' '; 8 << 20];
    let reader = server.with(&["workflows:read"]).await.key;
    let cases = [
        (WORKFLOWS, None, 401),
        (WORKFLOWS, Some("wfk_none"), 401),
        (WORKFLOWS, reader.as_deref(), 403),
        (WORKFLOWS, Some(server.admin_key.as_str()), 413),
        ("/api/v1/nowhere", None, 404),
        ("/api/health", None, 405),
    ];
    for (path, key, expected) in cases {
        for announced in [true, false] {
            let mut wire = Wire::to(server.address()).await;
            let mut head = post_head(path, key, bytes.len(), "");
            if !announced {
                let length = format!("content-length: {}", bytes.len());
                head = head.replace(&length, "transfer-encoding: chunked");
            }
            wire.send(&head).await;
            if !announced {
                wire.send(&format!("{:x}\r\n", bytes.len())).await;
            }
            wire.try_send(&bytes).await.expect("all of it is taken");
            if !announced {
                drop(wire.try_send(b"\r\n0\r\n\r\n").await);
            }
            let answer = wire.next_answer().await.expect("an answer");
            assert_eq!(answer.status, expected, "{path} {announced}: {answer:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn who_expects_to_be_told_to_go_on_is_refused_without_sending() {
    let server = TestServer::start().await;
    let cases = [
        (None, 10, 401),
        (Some("wfk_none"), 10, 401),
        (Some(server.admin_key.as_str()), 50 << 20, 413),
    ];
    for (key, length, expected) in cases {
        let mut wire = Wire::to(server.address()).await;
        wire.send(&post_head(
            WORKFLOWS,
            key,
            length,
            "expect: 100-continue\r\n",
        ))
        .await;
        let answer = wire.next_answer().await.expect("an answer");
        assert_eq!(answer.status, expected, "{answer:?}");
        assert!(wire.ends().await, "what would follow could be the body");
    }
    let mut wire = Wire::to(server.address()).await;
    wire.send(&post_head(
        WORKFLOWS,
        Some(&server.admin_key),
        2,
        "expect: 100-continue\r\n",
    ))
    .await;
    assert_eq!(wire.next_answer().await.expect("go on").status, 100);
    wire.send("{}").await;
    assert_eq!(wire.next_answer().await.expect("an answer").status, 400);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_ends_event_streams_in_order_and_closes_idle_connections() {
    let server = TestServer::start().await;
    let steps =
        json!([{"id": "later", "type": "wait", "config": {"duration": 1, "unit": "hours"}}]);
    let workflow = server.workflow("waits", steps).await;
    let path = format!("{WORKFLOWS}/{workflow}/run");
    let run = server.admin().post(&path, json!({})).await.data()["runId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut stream = Wire::to(server.address()).await;
    let key = &server.admin_key;
    let head = format!(
        "GET /api/v1/runs/{run}/events HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\r\n"
    );
    stream.send(&head).await;
    stream.find(b"event: ").await.expect("an event");
    let mut idle = Wire::to(server.address()).await;
    assert!(idle.is_served().await);
    let address = server.address();
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "nothing had to be waited for"
    );
    stream.find(b"0\r\n\r\n").await.expect("a whole stream");
    assert!(idle.ends().await);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
