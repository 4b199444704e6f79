//! Who sees whose usage, and which days can be asked for.

use super::{USAGE, id, server, usage};
use crate::events::Events;
use crate::runs::{set, wait_ms};
use crate::support::Client;
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

#[tokio::test]
async fn others_are_seen_by_whoever_may_see_and_manage_them_and_by_nobody_else() {
    let server = server().await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let other = server.workflow("o", json!([set("s", json!(1))])).await;
    let hooked =
        json!({ "name": "h", "trigger": { "type": "webhook" }, "steps": [set("s", json!(1))] });
    let hooked = server.workflow_with(hooked).await;
    let received = server
        .anonymous()
        .post(&format!("/webhooks/custom/{hooked}"), json!({}))
        .await;
    assert_eq!(received.status, StatusCode::OK, "{}", received.text);
    let scheduled = json!({ "type": "schedule", "cron": "* * * * *" });
    let scheduled = json!({ "name": "s", "trigger": scheduled, "steps": [set("s", json!(1))] });
    let scheduled = server.workflow_with(scheduled).await;
    server.clock.advance_ms(60_000);
    crate::schedules::until_firings(&server.admin(), &scheduled, 1).await;
    assert_eq!(server.owner("GET", "/api/v1/workflows").await, 200);

    let own = ["usage:read"];
    let sees = ["usage:read", "keys:read"];
    let more = ["usage:read", "keys:read", "runs:read"];
    let key = |name: &'static str, scopes: Value, bound: Option<&str>| {
        let mut body = json!({ "name": name, "scopes": scopes });
        if let Some(workflow) = bound {
            body["workflowId"] = json!(workflow);
        }
        let made = server.with_key(body);
        async move {
            let (record, client) = made.await;
            // Everybody has used something.
            usage(&client, "").await;
            ((name, id(&record)), client)
        }
    };
    let mut accounts = vec![("admin", String::new())];
    let mut clients = Vec::new();
    for (name, scopes, bound) in [
        ("own", json!(own), None),
        ("sees", json!(sees), None),
        ("more", json!(more), None),
        ("bound", json!(sees), Some(workflow.as_str())),
        ("bound twin", json!(own), Some(workflow.as_str())),
        ("bound elsewhere", json!(own), Some(other.as_str())),
    ] {
        let (account, client) = key(name, scopes, bound).await;
        accounts.push(account);
        clients.push((name, client));
    }
    let admin = server.admin();
    let itself = admin.get("/api/v1/auth/api-keys/self").await.data();
    accounts[0].1 = id(&itself);
    for word in ["control", "schedule", "webhook"] {
        accounts.push((word, word.to_owned()));
    }
    clients.push(("admin", admin));
    for (name, client) in &clients {
        let expected: &[&str] = match *name {
            "own" => &["own"],
            "sees" => &[
                "own",
                "sees",
                "bound",
                "bound twin",
                "bound elsewhere",
                "schedule",
                "webhook",
            ],
            "more" => &[
                "own",
                "sees",
                "more",
                "bound",
                "bound twin",
                "bound elsewhere",
                "schedule",
                "webhook",
            ],
            "bound" => &["bound", "bound twin"],
            "bound twin" => &["bound twin"],
            "bound elsewhere" => &["bound elsewhere"],
            _ => &[
                "admin",
                "own",
                "sees",
                "more",
                "bound",
                "bound twin",
                "bound elsewhere",
                "control",
                "schedule",
                "webhook",
            ],
        };
        assert_eq!(seen_by(client, &accounts).await, expected, "{name}");
        // Without saying whose, it is its own.
        let account = accounts
            .iter()
            .find(|account| account.0 == *name)
            .expect("listed");
        let mine = usage(client, "").await;
        assert_eq!(mine["keyId"], account.1);
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
