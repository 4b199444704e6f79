//! How alerts are told: signed, at least once, under the address policy, and without the secret anywhere.

use super::*;
use crate::upstream::{Call, Reply, Upstream};
use flowlatch::secret::SecretText;
use hmac::{Hmac, KeyInit as _, Mac as _};

const SECRET: &str = "canary-of-the-alert-secret";
const HOOK: &str = "/token-4711/alerts";

fn telling(url: String) -> impl Fn(&mut Config) {
    move |config| {
        configure(config);
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        config.alerts.url = Some(SecretText::new(url.clone()));
        config.alerts.secret = Some(SecretText::new(SECRET.to_owned()));
    }
}

/// A key that is used from a second address: its id.
async fn stray(server: &TestServer) -> String {
    let (id, client) = key(server, "stray", json!({})).await;
    ask_from(&client, "203.0.113.1").await;
    ask_from(&client, "203.0.113.2").await;
    id
}

/// Moves the clock until the receiver was called so often.
async fn until_called(server: &TestServer, upstream: &Upstream, times: usize) -> Vec<Call> {
    for _ in 0..400 {
        let calls = upstream.calls(HOOK);
        if calls.len() >= times {
            return calls;
        }
        server.clock.advance_ms(5_000);
        server.admin().get(USAGE).await;
    }
    panic!("{} calls in place of {times}", upstream.calls(HOOK).len());
}

/// Returns when so many attempts of an alert are noted. The clock stands still.
async fn until_tried(server: &TestServer, times: i64) {
    let file = rusqlite::Connection::open(server.data().join("flowlatch.db")).expect("a database");
    for _ in 0..400 {
        let tried = file.query_row("SELECT max(attempts) FROM alert", [], |row| row.get(0));
        if tried == Ok(times) {
            return;
        }
        server.admin().get(USAGE).await;
    }
    panic!("there were not {times} attempts");
}

/// Checks a call's signature as its receiver would, and gives its body.
fn believed(call: &Call, now_ms: i64) -> Value {
    let header = call.headers["x-flowlatch-signature"]
        .to_str()
        .expect("a text");
    let (time, signature) = header
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v1="))
        .expect("t=…,v1=…");
    let sent_s: i64 = time.parse().expect("seconds");
    assert!((0..=60).contains(&(now_ms / 1_000 - sent_s)), "{header}");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    for piece in [time.as_bytes(), b".", &call.body] {
        mac.update(piece);
    }
    assert_eq!(hex::encode(mac.finalize().into_bytes()), signature);
    assert_eq!(call.method, "POST");
    assert_eq!(call.headers["content-type"], "application/json");
    call.json()
}

#[tokio::test]
async fn an_alert_is_told_once_and_signed() {
    let upstream = Upstream::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(folder.path(), clock, telling(upstream.url(HOOK))).await;
    let id = stray(&server).await;
    let calls = until_called(&server, &upstream, 1).await;
    let body = believed(&calls[0], server.clock.now_ms());
    assert!(body["id"].as_str().expect("an id").starts_with("alert_"));
    assert_eq!(
        body,
        json!({
            "id": body["id"], "type": "new_address", "at": "2024-01-15T10:00:00.000Z",
            "key": { "id": id, "name": "stray" }, "address": "203.0.113.2", "count": 1, "expiresAt": null,
        })
    );
    assert_eq!(calls[0].key(), body["id"]);
    // Another one, so that the first would have been told again by then.
    let (_, client) = key(&server, "other", json!({})).await;
    ask_from(&client, "203.0.113.1").await;
    ask_from(&client, "203.0.113.3").await;
    let calls = until_called(&server, &upstream, 2).await;
    assert_eq!(calls[1].json()["address"], "203.0.113.3");
    assert_eq!(calls.len(), 2);

    let browser = Browser::signed_in(&server).await;
    for path in ["keys", "usage", "audit"] {
        let page = browser.get(&format!("/dashboard/{path}")).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains(SECRET) && !page.text.contains("token-4711"));
    }
    server.stop().await;
    let bytes = written(folder.path());
    assert!(holds(&bytes, "203.0.113.3"), "the folder was read");
    assert!(!holds(&bytes, SECRET) && !holds(&bytes, "token-4711"));
}

#[tokio::test]
async fn a_key_that_ends_soon_is_told_with_its_end() {
    let upstream = Upstream::start().await;
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::start_with(clock, telling(upstream.url(HOOK))).await;
    let end = json!({ "expiresAt": "2024-01-20T00:00:00Z" });
    let (id, _) = key(&server, "ending", end).await;
    let calls = until_called(&server, &upstream, 1).await;
    let body = believed(&calls[0], server.clock.now_ms());
    assert_eq!(
        body,
        json!({
            "id": body["id"], "type": "key_expiring", "at": body["at"], "key": { "id": id, "name": "ending" },
            "address": null, "count": 0, "expiresAt": "2024-01-20T00:00:00.000Z",
        })
    );
    server.stop().await;
}

#[tokio::test]
async fn a_slow_receiver_of_one_alert_does_not_hold_up_the_next() {
    let upstream = Upstream::start().await;
    let gate = upstream.hold(HOOK);
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::start_with(clock, telling(upstream.url(HOOK))).await;
    stray(&server).await;
    let (_, client) = key(&server, "other", json!({})).await;
    ask_from(&client, "203.0.113.1").await;
    ask_from(&client, "203.0.113.3").await;
    let calls = until_called(&server, &upstream, 2).await;
    assert_ne!(calls[0].key(), calls[1].key());
    gate.open();
    server.stop().await;
}

#[tokio::test]
async fn an_alert_is_given_up_by_its_age() {
    let upstream = Upstream::start().await;
    for _ in 0..3 {
        upstream.reply(HOOK, Reply::text(500, "down"));
    }
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::start_with(clock, telling(upstream.url(HOOK))).await;
    stray(&server).await;
    until_called(&server, &upstream, 1).await;
    // Noted with when the next one is due.
    until_tried(&server, 1).await;
    server.clock.advance_ms(4 * 3_600_000 + 1);
    // The attempt after that is the last one, long before the twelfth.
    until_called(&server, &upstream, 2).await;
    for _ in 0..200 {
        server.clock.advance_ms(60_000);
        server.admin().get(SELF).await;
    }
    assert_eq!(upstream.calls(HOOK).len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn a_redirect_is_no_receipt_and_a_long_answer_is_one() {
    let upstream = Upstream::start().await;
    let elsewhere = "/elsewhere";
    for status in [301, 302, 307] {
        let moved = Reply::text(status, "moved").with("location", upstream.url(elsewhere));
        upstream.reply(HOOK, moved);
    }
    upstream.reply(HOOK, Reply::text(200, &"thanks ".repeat(100_000)));
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(folder.path(), clock, telling(upstream.url(HOOK))).await;
    stray(&server).await;
    let calls = until_called(&server, &upstream, 4).await;
    let ids: Vec<Value> = calls.iter().map(|call| call.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for _ in 0..200 {
        server.clock.advance_ms(60_000);
        server.admin().get(SELF).await;
    }
    assert_eq!(
        upstream.calls(HOOK).len(),
        4,
        "what was received is not told again"
    );
    assert_eq!(upstream.calls(elsewhere).len(), 0);
}

#[tokio::test]
async fn a_receiver_that_was_down_is_told_later_also_after_a_restart() {
    let upstream = Upstream::start().await;
    upstream.reply(HOOK, Reply::text(500, "down"));
    upstream.reply(HOOK, Reply::text(503, "still down"));
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let configure = telling(upstream.url(HOOK));
    let server = TestServer::open(folder.path(), clock.clone(), &configure).await;
    let admin_key = server.admin_key.clone();
    stray(&server).await;
    until_called(&server, &upstream, 2).await;
    server.stop().await;
    let mut server = TestServer::open(folder.path(), clock, &configure).await;
    server.admin_key = admin_key;
    let calls = until_called(&server, &upstream, 3).await;
    let ids: Vec<Value> = calls.iter().map(|call| call.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    believed(&calls[2], server.clock.now_ms());
    server.clock.advance_ms(7_200_000);
    server.admin().get(SELF).await;
    assert_eq!(alerts(&server).await.len(), 1);
    assert_eq!(upstream.calls(HOOK).len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn the_address_policy_holds_for_alerts() {
    let upstream = Upstream::start().await;
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let telling = telling(upstream.url(HOOK));
    let server = TestServer::start_with(clock, |config| {
        telling(config);
        config.outbound_allow.clear();
    })
    .await;
    stray(&server).await;
    until(&server, 1).await;
    let path = server.data().join("flowlatch.db");
    let file = rusqlite::Connection::open(path).expect("a database");
    let tried = || -> i64 {
        let attempts = "SELECT max(attempts) FROM alert";
        file.query_row(attempts, [], |row| row.get(0))
            .expect("a number")
    };
    for _ in 0..400 {
        if tried() >= 2 {
            break;
        }
        server.clock.advance_ms(5_000);
        assert_eq!(
            server.admin().get(SELF).await.status,
            200,
            "nothing is held up"
        );
    }
    assert!(tried() >= 2);
    assert!(upstream.calls(HOOK).is_empty());
    server.stop().await;
}

#[tokio::test]
async fn another_server_of_the_house_believes_alerts() {
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let receiver = TestServer::start_with(clock.clone(), configure).await;
    let verify = json!({
        "secret": "{{secrets.ALERTS}}", "header": "X-Flowlatch-Signature",
        "timestampField": "t", "signatureField": "v1", "eventIdPath": "id", "eventTypePath": "type",
    });
    let workflow = json!({
        "name": "alerts", "steps": [{ "id": "see", "type": "transform", "config": { "sourceData": "{{input}}" } }],
        "trigger": { "type": "webhook", "provider": "custom", "path": "alerts", "verify": verify },
    });
    let admin = receiver.admin();
    let created = admin.post("/api/v1/workflows", workflow).await;
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let secret = json!({ "key": "ALERTS", "value": SECRET });
    let secrets = format!("/api/v1/workflows/{id}/secrets");
    assert!(admin.post(&secrets, secret).await.status.is_success());
    let activate = format!("/api/v1/workflows/{id}/activate");
    let active = admin.post(&activate, Value::Null).await;
    assert_eq!(active.status, 200, "{}", active.text);

    let url = format!("{}/webhooks/custom/alerts", receiver.url);
    let server = TestServer::start_with(clock, telling(url)).await;
    let key = stray(&server).await;
    let mut runs = Vec::new();
    for _ in 0..400 {
        server.clock.advance_ms(5_000);
        let listed = admin.get("/api/v1/runs?status=completed").await.data();
        runs = listed.as_array().expect("runs").clone();
        if !runs.is_empty() {
            break;
        }
    }
    let run = runs.first().expect("a run")["id"].as_str().expect("an id");
    let run = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    assert_eq!(run["input"]["type"], "new_address", "{run}");
    assert_eq!(run["input"]["key"]["id"], json!(key));
    server.stop().await;
    receiver.stop().await;
}
