//! Limits by key and category, and the throttle of failed attempts by address, with a clock that is moved by hand.

use crate::raw;
use crate::support::{Answer, Client, MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const SELF: &str = "/api/v1/auth/api-keys/self";
/// Now, in Unix seconds, while the clock was not moved.
const NOW_S: u64 = MONDAY_MS as u64 / 1_000;

/// Limit, remaining and reset, where they are told.
fn told(answer: &Answer) -> Option<(u64, u64, u64)> {
    let number = |name: &str| {
        let text = answer.header(&format!("x-ratelimit-{name}"))?;
        Some(text.parse().expect("a number"))
    };
    Some((number("limit")?, number("remaining")?, number("reset")?))
}

async fn with_limits(server: &TestServer, limits: Value) -> Client {
    let body = json!({
        "name": "limited",
        "scopes": ["workflows:read", "workflows:write", "workflows:execute", "runs:read"],
        "limits": limits,
    });
    server.with_key(body).await.1
}

fn pure_step() -> Value {
    json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "said": 1 } } }])
}

#[tokio::test]
async fn every_answer_to_a_known_key_tells_its_limit() {
    let server = TestServer::start_with_manual_clock().await;
    let key = server.with(&["workflows:read", "workflows:write"]).await;
    let large = " ".repeat((2 << 20) + 1);
    for (method, path, (content_type, body), status, limit) in [
        ("GET", SELF, ("", ""), 200, 1000),
        ("HEAD", SELF, ("", ""), 200, 1000),
        ("GET", "/api/v1/workflows?limit=0", ("", ""), 400, 1000),
        ("POST", "/api/v1/workflows", (JSON, "{"), 400, 100),
        ("GET", "/api/v1/runs", ("", ""), 403, 1000),
        ("POST", "/api/v1/workflows/x/run", (JSON, "{}"), 403, 500),
        ("GET", "/api/v1/workflows/x", ("", ""), 404, 1000),
        ("GET", "/nowhere", ("", ""), 404, 1000),
        ("DELETE", "/nowhere", ("", ""), 404, 100),
        ("DELETE", "/api/v1/workflows", ("", ""), 405, 100),
        ("POST", "/api/health", ("", ""), 405, 100),
        ("POST", "/api/v1/workflows", (JSON, &large), 413, 100),
        ("POST", "/api/v1/workflows", ("text/plain", "{}"), 415, 100),
    ] {
        let request = key
            .request(method.parse().expect("a method"), path)
            .header("content-type", content_type)
            .body(body.to_owned());
        let answer = Answer::read(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        let (told_limit, remaining, reset) = told(&answer).expect("limit headers");
        assert_eq!(told_limit, limit, "{status}");
        assert!(remaining <= limit, "{status}");
        assert_eq!(reset, NOW_S + 60, "{status}");
    }
}

#[tokio::test]
async fn who_is_not_known_is_told_no_limit() {
    let server = TestServer::start().await;
    for (client, path) in [
        (server.anonymous(), SELF),
        (server.anonymous(), "/nowhere"),
        (server.anonymous(), "/api/health"),
        (server.admin(), "/api/health"),
        (server.client(Some("wfk_x".to_owned())), SELF),
        (server.client(Some("wfk_x".to_owned())), "/nowhere"),
    ] {
        assert_eq!(told(&client.get(path).await), None, "{path}");
    }
}

#[tokio::test]
async fn over_the_limit_is_429_in_the_contracts_words_until_reset() {
    let server = TestServer::start_with_manual_clock().await;
    let key = with_limits(&server, json!({ "read": 3 })).await;
    for (second, remaining) in [(0, 2), (10, 1), (20, 0)] {
        let answer = key.get(SELF).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            told(&answer),
            Some((3, remaining, NOW_S + 60)),
            "at {second} s"
        );
        server.clock.advance_ms(10_000);
    }
    server.clock.advance_ms(250);
    // Rejected ones do not count: however many there are, the reset stays.
    for path in [SELF, "/api/v1/workflows", "/api/v1/audit", SELF] {
        let answer = key.get(path).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            answer.json(),
            json!({
                "success": false,
                "error": {
                    "code": "RATE_LIMITED",
                    "message": "Rate limit exceeded. Limit: 3 requests per minute.",
                },
            })
        );
        assert_eq!(told(&answer), Some((3, 0, NOW_S + 60)));
        assert_eq!(answer.header("retry-after"), Some("30"));
    }
    server.clock.advance_ms(29_749);
    assert_eq!(key.get(SELF).await.status, StatusCode::TOO_MANY_REQUESTS);
    server.clock.advance_ms(1);
    let answer = key.get(SELF).await;
    assert_eq!(
        answer.status,
        StatusCode::OK,
        "the told reset is a moment of success"
    );
    assert_eq!(told(&answer), Some((3, 0, NOW_S + 70)));
    // The window slides: the next slot frees when the second request is a minute old.
    assert_eq!(key.get(SELF).await.status, StatusCode::TOO_MANY_REQUESTS);
    server.clock.advance_ms(10_000);
    assert_eq!(key.get(SELF).await.status, StatusCode::OK);
    server.clock.advance_ms(60_000);
    assert_eq!(told(&key.get(SELF).await), Some((3, 2, NOW_S + 190)));
}

#[tokio::test]
async fn waiting_as_long_as_retry_after_says_is_enough() {
    let server = TestServer::start_with_manual_clock().await;
    let key = with_limits(&server, json!({ "read": 1 })).await;
    for odd_ms in [1, 999, 1_000, 59_001] {
        assert_eq!(key.get(SELF).await.status, StatusCode::OK);
        server.clock.advance_ms(odd_ms);
        let refused = key.get(SELF).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        let wait_s: u64 = refused
            .header("retry-after")
            .expect("a wait")
            .parse()
            .expect("seconds");
        assert!((1..=60).contains(&wait_s));
        server.clock.advance_ms(wait_s * 1_000);
    }
}

#[tokio::test]
async fn categories_count_apart() {
    let server = TestServer::start_with_manual_clock().await;
    let workflow = server.workflow("counted", pure_step()).await;
    let key = with_limits(&server, json!({ "read": 50, "write": 2, "execute": 3 })).await;
    let run = format!("/api/v1/workflows/{workflow}/run");
    let started = key.post(&run, json!({})).await;
    assert_eq!(
        told(&started).map(|(limit, left, _)| (limit, left)),
        Some((3, 2))
    );
    let id = started.data()["runId"].as_str().expect("an id").to_owned();
    for (action, left) in [("cancel", 1), ("retry", 0)] {
        let answer = key
            .post(&format!("/api/v1/runs/{id}/{action}"), Value::Null)
            .await;
        assert_eq!(
            told(&answer).map(|(limit, left, _)| (limit, left)),
            Some((3, left))
        );
    }
    assert_eq!(
        key.post(&run, json!({})).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    let validate = "/api/v1/workflows/validate";
    let activate = format!("/api/v1/workflows/{workflow}/activate");
    assert_eq!(
        told(&key.post(validate, json!({})).await).map(|told| told.1),
        Some(1)
    );
    assert_eq!(
        told(&key.post(&activate, Value::Null).await).map(|told| told.1),
        Some(0)
    );
    let refused = key.post(validate, json!({})).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(
        refused.text.contains("Limit: 2 requests per minute."),
        "{}",
        refused.text
    );
    let read = key.get("/api/v1/workflows").await;
    assert_eq!(
        told(&read).map(|(limit, left, _)| (limit, left)),
        Some((50, 49))
    );
}

#[tokio::test]
async fn a_refusal_by_scope_or_body_counts_and_a_missing_path_does_not() {
    let server = TestServer::start_with_manual_clock().await;
    let key = with_limits(&server, json!({ "read": 4, "write": 3 })).await;
    for (path, status, remaining) in [
        ("/api/v1/audit", 403, 3),
        ("/api/v1/workflows?limit=0", 400, 2),
        ("/nowhere", 404, 2),
        ("/api/v1/workflows/x/activate", 405, 2),
        ("/api/v1/workflows/x", 404, 1),
    ] {
        let answer = key.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(told(&answer).map(|told| told.1), Some(remaining), "{path}");
    }
}

#[tokio::test]
async fn none_is_no_limit_and_no_headers() {
    let server = TestServer::start_with_manual_clock().await;
    let limits = json!({ "read": null, "write": 1, "execute": null });
    let admin = server.admin();
    let body = json!({ "name": "free", "scopes": ["workflows:read"], "limits": limits });
    let refused = admin.post("/api/v1/auth/api-keys", body.clone()).await;
    assert_eq!(
        refused.status,
        StatusCode::FORBIDDEN,
        "no key gives a higher limit than its own"
    );
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.limit_read = flowlatch::model::limit::Limit::Unlimited;
        config.limit_execute = flowlatch::model::limit::Limit::Unlimited;
    })
    .await;
    let (record, key) = server.with_key(body).await;
    assert_eq!(
        record["limits"],
        json!({ "read": null, "write": 1, "execute": null })
    );
    for path in [SELF, "/api/v1/workflows", "/api/v1/audit", "/nowhere"] {
        assert_eq!(told(&key.get(path).await), None, "{path}");
    }
    let first = key.post("/api/v1/workflows/validate", json!({})).await;
    assert_eq!(told(&first), Some((1, 0, NOW_S + 60)));
}

/// A text of the right form that is no key.
fn guess(number: u8) -> String {
    let entropy = [number; 64];
    flowlatch::model::key::from_entropy(flowlatch::model::key::KeyFormat::Wfk, &entropy)
        .expect("enough entropy")
}

async fn status_of(server: &TestServer, key: Option<String>, headers: &[(&str, &str)]) -> u16 {
    let mut all = headers.to_vec();
    if let Some(key) = &key {
        all.push(("x-api-key", key));
    }
    raw::get(server.address(), SELF, &all).await.status
}

#[tokio::test]
async fn failed_attempts_are_throttled_and_a_good_key_beside_them_is_not() {
    let server = TestServer::start_with_manual_clock().await;
    let expired = server
        .with_key(json!({ "name": "short", "scopes": ["runs:read"], "expiresInSeconds": 1 }))
        .await
        .1;
    server.clock.advance_ms(1_000);
    for attempt in 0..60 {
        // What is missing, and the right text of a key that is over, is no guess.
        assert_eq!(
            server.anonymous().get(SELF).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(expired.get(SELF).await.status, StatusCode::UNAUTHORIZED);
        let text = if attempt % 2 == 0 {
            guess(attempt)
        } else {
            "wfk_nonsense".to_owned()
        };
        let answer = server.client(Some(text)).get(SELF).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "attempt {attempt}");
    }
    for text in [guess(7), "wfk_nonsense".to_owned()] {
        let answer = server.client(Some(text)).get(SELF).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.error_code(), "RATE_LIMITED");
        assert_eq!(answer.header("retry-after"), Some("60"));
        assert_eq!(told(&answer), None);
    }
    assert_eq!(server.admin().get(SELF).await.status, StatusCode::OK);
    let fresh = server.with(&["runs:read"]).await;
    assert_eq!(fresh.get(SELF).await.status, StatusCode::OK);
    assert_eq!(
        server.anonymous().get(SELF).await.status,
        StatusCode::UNAUTHORIZED
    );
    // A forged address changes nothing.
    let forged = [
        ("X-Forwarded-For", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7"),
    ];
    assert_eq!(status_of(&server, Some(guess(8)), &forged).await, 429);
    server.clock.advance_ms(60_000);
    assert_eq!(
        server.client(Some(guess(9))).get(SELF).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_right_most_stranger_counts() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        let net = |text: &str| text.parse().expect("a network");
        config.trusted_proxies = vec![net("127.0.0.0/8"), net("::1/128"), net("10.0.0.0/8")];
    })
    .await;
    let stranger = [("X-Forwarded-For", "198.51.100.1, 203.0.113.7, 10.1.2.3")];
    for attempt in 0..60 {
        assert_eq!(
            status_of(&server, Some(guess(attempt)), &stranger).await,
            401
        );
    }
    for (forwarded, expected) in [
        ("203.0.113.7", 429),
        ("8.8.8.8, 203.0.113.7", 429),
        ("203.0.113.7, 10.9.9.9", 429),
        ("203.0.113.8", 401),
        ("203.0.113.7, 198.51.100.9", 401),
        ("198.51.100.1", 401),
        ("nonsense", 401),
    ] {
        let headers = [("X-Forwarded-For", forwarded)];
        assert_eq!(
            status_of(&server, Some(guess(3)), &headers).await,
            expected,
            "{forwarded}"
        );
    }
    // Two lines are one list.
    let lines = [
        ("X-Forwarded-For", "198.51.100.3"),
        ("X-Forwarded-For", "203.0.113.7"),
    ];
    assert_eq!(status_of(&server, Some(guess(4)), &lines).await, 429);
    assert_eq!(
        status_of(&server, Some(server.admin_key.clone()), &stranger).await,
        200
    );
    let shown = server.admin().get(SELF).await.data();
    assert_eq!(shown["lastUsedFrom"], json!("203.0.113.7"));
}
