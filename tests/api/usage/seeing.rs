//! Who sees whose usage, and which days can be asked for.

use super::{USAGE, id, server, usage};
use crate::events::Events;
use crate::runs::{set, wait_ms};
use crate::support::{Client, TestServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_key_without_the_scope_sees_nothing_and_that_is_counted() {
    let server = server().await;
    let (record, key) = server
        .with_key(json!({ "name": "k", "scopes": ["keys:read", "workflows:read"] }))
        .await;
    let answer = key.get(USAGE).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["error"]["required"], json!(["usage:read"]));
    assert!(!answer.text.contains("totals"));
    let seen = super::totals(&server, &id(&record)).await;
    assert_eq!(seen["requests"], super::requests(0, 0, 0, 1));
    assert_eq!(
        server.anonymous().get(USAGE).await.status,
        StatusCode::UNAUTHORIZED
    );
    server.stop().await;
}

/// Whose usage of these a key sees, one by one and together.
async fn seen_by(client: &Client, accounts: &[(&str, String)]) -> Vec<String> {
    let mut seen = Vec::new();
    for (name, account) in accounts {
        let answer = client.get(&format!("{USAGE}?keyId={account}")).await;
        match answer.status {
            StatusCode::OK => seen.push((*name).to_owned()),
            StatusCode::NOT_FOUND => assert!(!answer.text.contains(account), "{}", answer.text),
            other => panic!("{other}: {}", answer.text),
        }
    }
    let all = usage(client, "?keyId=all").await;
    let keys = all["keys"].as_array().expect("a list");
    let listed: Vec<&str> = keys
        .iter()
        .filter_map(|key| key["keyId"].as_str())
        .collect();
    for (name, account) in accounts {
        let is_listed = listed.contains(&account.as_str());
        assert_eq!(
            is_listed,
            seen.iter().any(|one| one == name),
            "{name}: {listed:?}"
        );
    }
    let reads = keys.iter().map(|key| key["requests"]["read"].as_u64());
    let sum: u64 = reads.map(|read| read.expect("a number")).sum();
    assert_eq!(
        all["totals"]["requests"]["read"], sum,
        "a total holds what is shown"
    );
    seen
}

/// Keys of several kinds, with what each is called.
struct Cast {
    accounts: Vec<(&'static str, String)>,
    clients: Vec<(&'static str, Client)>,
}

impl Cast {
    /// Everybody has used something.
    async fn of(server: &TestServer) -> Cast {
        let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
        let other = server.workflow("o", json!([set("s", json!(1))])).await;
        let own = json!(["usage:read"]);
        let sees = json!(["usage:read", "keys:read"]);
        let more = json!(["usage:read", "keys:read", "runs:read"]);
        let admin = server.admin();
        let itself = admin.get("/api/v1/auth/api-keys/self").await.data();
        let mut cast = Cast {
            accounts: vec![("admin", id(&itself))],
            clients: vec![("admin", admin)],
        };
        for (name, scopes, bound) in [
            ("own", &own, None),
            ("sees", &sees, None),
            ("more", &more, None),
            ("bound", &sees, Some(&workflow)),
            ("twin", &own, Some(&workflow)),
            ("elsewhere", &own, Some(&other)),
        ] {
            let mut body = json!({ "name": name, "scopes": scopes });
            if let Some(workflow) = bound {
                body["workflowId"] = json!(workflow);
            }
            let (record, client) = server.with_key(body).await;
            usage(&client, "").await;
            cast.accounts.push((name, id(&record)));
            cast.clients.push((name, client));
        }
        let words = ["control", "schedule", "webhook"];
        cast.accounts
            .extend(words.map(|word| (word, word.to_owned())));
        nobody_with_a_key_asks(server).await;
        cast
    }

    fn id_of(&self, name: &str) -> &str {
        let found = self.accounts.iter().find(|account| account.0 == name);
        &found.expect("one of them").1
    }
}

/// The clock, another service and the owner of the folder each use something.
async fn nobody_with_a_key_asks(server: &TestServer) {
    let triggered = |trigger| {
        let body = json!({ "name": "t", "trigger": trigger, "steps": [set("s", json!(1))] });
        server.workflow_with(body)
    };
    let hooked = triggered(json!({ "type": "webhook" })).await;
    let path = format!("/webhooks/custom/{hooked}");
    let received = server.anonymous().post(&path, json!({})).await;
    assert_eq!(received.status, StatusCode::OK, "{}", received.text);
    let scheduled = triggered(json!({ "type": "schedule", "cron": "* * * * *" })).await;
    server.clock.advance_ms(60_000);
    crate::schedules::until_firings(&server.admin(), &scheduled, 1).await;
    assert_eq!(server.owner("GET", "/api/v1/workflows").await, 200);
}

#[tokio::test]
async fn others_are_seen_by_whoever_may_see_and_manage_them_and_by_nobody_else() {
    let server = server().await;
    let cast = Cast::of(&server).await;
    for (name, client) in &cast.clients {
        let expected = match *name {
            "own" => "own",
            "sees" => "own sees bound twin elsewhere schedule webhook",
            "more" => "own sees more bound twin elsewhere schedule webhook",
            "bound" => "bound twin",
            "twin" => "twin",
            "elsewhere" => "elsewhere",
            _ => "admin own sees more bound twin elsewhere control schedule webhook",
        };
        let seen = seen_by(client, &cast.accounts).await.join(" ");
        assert_eq!(seen, expected, "{name}");
        // Without saying whose, it is its own.
        let mine = usage(client, "").await;
        assert_eq!(mine["keyId"], cast.id_of(name));
        assert!(mine.get("keys").is_none(), "{mine}");
    }
    server.stop().await;
}

/// The first JSON under the heading in the README.
fn shown() -> Value {
    let readme = include_str!("../../../README.md");
    let (_, section) = readme
        .split_once("\n## Usage and credits\n")
        .expect("the section");
    let (_, json) = section.split_once("```json\n").expect("an example");
    let (json, _) = json.split_once("```").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

#[tokio::test]
async fn the_readme_shows_what_is_answered() {
    let server = server().await;
    let steps = json!([
        set("a", json!(1)),
        wait_ms("rest", 1_500),
        set("b", json!(2))
    ]);
    let workflow = server.workflow("w", steps).await;
    let (record, key) = server
        .with_key(
            json!({ "name": "k", "scopes": ["workflows:execute", "runs:read", "usage:read"] }),
        )
        .await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    let started = key.post(&path, json!({})).await.data();
    let run = started["runId"].as_str().expect("an id");
    let mut events = Events::open(&key, run, None).await;
    events.until("step.waiting").await;
    server.clock.advance_ms(1_500);
    events.rest().await;
    // Another one, which does not end.
    key.post(&path, json!({})).await;
    assert_eq!(
        key.get("/api/v1/workflows").await.status,
        StatusCode::FORBIDDEN
    );
    let mut shown = shown();
    shown["keyId"] = record["id"].clone();
    let seen = usage(&key, "").await;
    assert_eq!(seen, shown);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_stretch_of_days_is_refused_with_what_to_send() {
    let server = server().await;
    let admin = server.admin();
    for (query, words) in [
        (
            "?from=yesterday",
            "`from` is `yesterday`; send a date like 2030-01-31.",
        ),
        ("?to=2024-02-30", "`to` is `2024-02-30`"),
        ("?to=2024-01-15T00:00:00Z", "send a date like"),
        ("?from=", "`from` is ``"),
        (
            "?from=2024-01-16",
            "`from` is 2024-01-16, after `to`, which is 2024-01-15",
        ),
        ("?from=2024-01-02&to=2024-01-01", "the other way round"),
        (
            "?from=2022-12-11",
            "From 2022-12-11 to 2024-01-15 are more than 400 days",
        ),
        ("?form=2024-01-01", "form"),
        ("?keyId=all&limit=1", "limit"),
    ] {
        let answer = admin.get(&format!("{USAGE}{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text.contains(words), "{query}: {}", answer.text);
    }
    for (query, from, to) in [
        ("", "2023-12-17", "2024-01-15"),
        ("?from=2022-12-12", "2022-12-12", "2024-01-15"),
        ("?to=2023-03-01", "2023-01-31", "2023-03-01"),
        ("?from=2024-01-15&to=2024-01-15", "2024-01-15", "2024-01-15"),
        ("?from=2024-02-01&to=2024-02-29", "2024-02-01", "2024-02-29"),
    ] {
        let seen = usage(&admin, query).await;
        assert_eq!(
            (&seen["from"], &seen["to"]),
            (&json!(from), &json!(to)),
            "{query}"
        );
    }
    for unknown in [
        "nobody",
        "a b",
        "key_0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5",
        "ALL",
        "%00",
    ] {
        let answer = admin.get(&format!("{USAGE}?keyId={unknown}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    server.stop().await;
}
