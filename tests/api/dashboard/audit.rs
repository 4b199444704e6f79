//! The audit log's page: filters, pages, and the check of its chain.

use super::Browser;
use crate::access::bodies::{a_flow, a_graph};
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/dashboard/audit";
const KEYS: &str = "/api/v1/auth/api-keys";

/// The numbers of the rows on a page.
fn rows(text: &str) -> Vec<i64> {
    let after = text.split("<summary>Row ").skip(1);
    after
        .map(|rest| {
            let number = rest.split('<').next().expect("a number");
            number.parse().expect("a number")
        })
        .collect()
}

/// The query of the next page.
fn next(text: &str) -> Option<String> {
    let rest = text.split("rel=\"next\" href=\"").nth(1)?;
    let query = rest.split('"').next().expect("an end");
    Some(query.replace("&#38;", "&").replace("&amp;", "&"))
}

async fn found(browser: &Browser, query: &str) -> Vec<i64> {
    let page = browser.get(&format!("{PATH}{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.text);
    assert!(page.text.len() < 100_000, "{query}");
    rows(&page.text)
}

#[tokio::test]
async fn rows_are_found_by_every_filter() {
    let clock = Clock::manual(MONDAY_MS);
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    Browser::signed_in(&server).await;
    let (first, client) = server
        .with_key(json!({ "name": "one", "scopes": ["keys:write", "keys:read"] }))
        .await;
    let first = first["id"].as_str().expect("an id").to_owned();
    clock.advance_ms(86_400_000);
    let made = client
        .post(KEYS, json!({ "name": "two", "scopes": ["keys:read"] }))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let second = made.data()["id"].as_str().expect("an id").to_owned();
    client
        .send(Method::DELETE, &format!("{KEYS}/{second}"), Value::Null)
        .await;
    // A session ends after a day without use.
    let browser = Browser::new(&server);
    browser.sign_in(super::PASSWORD).await;
    let log = server.admin().get("/api/v1/audit?limit=100").await.data();
    let log = log.as_array().expect("rows").clone();
    let wanted = |is: &dyn Fn(&Value) -> bool| -> Vec<i64> {
        log.iter()
            .filter(|row| is(row))
            .map(|row| row["sequence"].as_i64().expect("a number"))
            .collect()
    };
    let actor = |row: &Value| row["actor"] == json!(first);
    let created = |row: &Value| row["action"] == "key.created";
    let of_second = |row: &Value| row["target"] == json!(second) || row["actor"] == json!(second);
    let of_first = |row: &Value| row["target"] == json!(first) || row["actor"] == json!(first);
    let late = |row: &Value| row["at"].as_str() >= Some("2024-01-16T10:00:00.000Z");
    for (query, expected) in [
        (String::new(), wanted(&|_| true)),
        (format!("?actor={first}"), wanted(&actor)),
        ("?action=key.created".to_owned(), wanted(&created)),
        (
            format!("?action=key.created&actor={first}"),
            wanted(&|row| actor(row) && created(row)),
        ),
        (
            "?result=ok".to_owned(),
            wanted(&|row| row["result"] == "ok"),
        ),
        (format!("?key={first}"), wanted(&of_first)),
        (
            format!("?key={second}&action=key.revoked"),
            wanted(&|row| of_second(row) && row["action"] == "key.revoked"),
        ),
        ("?from=2024-01-16T10%3A00%3A00Z".to_owned(), wanted(&late)),
        ("?from=2024-01-16".to_owned(), wanted(&late)),
        ("?to=2024-01-16".to_owned(), wanted(&|row| !late(row))),
        (
            format!("?from=2024-01-16&to=2024-01-18&key={second}"),
            wanted(&|row| late(row) && of_second(row)),
        ),
        ("?from=2024-01-17".to_owned(), Vec::new()),
        ("?action=no.such".to_owned(), Vec::new()),
        (
            "?actor=&action=&result=&key=&from=&to=".to_owned(),
            wanted(&|_| true),
        ),
    ] {
        assert_eq!(found(&browser, &query).await, expected, "{query}");
    }
    assert!(wanted(&of_second).len() >= 2 && wanted(&late).len() >= 2);
}

#[tokio::test]
async fn a_filter_that_cannot_be_is_refused() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for query in ["?from=soon", "?cursor=x", "?other=1", "?actor="] {
        let status = browser.get(&format!("{PATH}{query}")).await.status;
        let expected = if query == "?actor=" { 200 } else { 400 };
        assert_eq!(status, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_hold_every_row_once_with_their_filters() {
    let clock = Clock::manual(MONDAY_MS);
    let server = TestServer::start_with(clock.clone(), |config| {
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    for number in 0..60 {
        let name = format!("<script>alert({number})</script>");
        server
            .with_key(json!({ "name": name, "scopes": ["runs:read"] }))
            .await;
        clock.advance_ms(1_000);
    }
    for query in [
        "?action=key.created",
        "?from=2024-01-15",
        "?from=2024-01-15&action=key.created&to=2024-01-16",
    ] {
        let (mut all, mut at) = (Vec::new(), Some(query.to_owned()));
        while let Some(query) = at {
            let page = browser.get(&format!("{PATH}{query}")).await;
            assert_eq!(page.status, 200, "{query}");
            assert!(!page.text.contains("<script>alert"), "{}", page.text);
            let found = rows(&page.text);
            assert!((1..=25).contains(&found.len()), "{query}");
            all.extend(found);
            at = next(&page.text);
        }
        assert!(all.len() >= 60, "{query}: {all:?}");
        assert!(
            all.is_sorted_by(|one, other| one > other),
            "{query}: {all:?}"
        );
    }
}

#[tokio::test]
async fn the_chain_is_verified_and_an_altered_row_is_named() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for _ in 0..3 {
        server.with(&["runs:read"]).await;
    }
    let verify = format!("{PATH}/verify");
    let page = browser.post(&verify, &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("intact"), "{}", page.text);
    let count = found(&browser, "").await.len();
    assert!(
        page.text.contains(&format!("{count} rows")),
        "{}",
        page.text
    );
    let elsewhere = browser
        .post_from(Some("https://other.example"), &verify, &[])
        .await;
    assert_eq!(elsewhere.status, 403);

    let altered = found(&browser, "?action=key.created").await[1];
    let file = rusqlite::Connection::open(server.data().join("flowlatch.db")).expect("a file");
    file.execute(
        "UPDATE audit SET actor = 'x' WHERE sequence = ?1",
        [altered],
    )
    .expect("altered");
    let page = browser.post(&verify, &[]).await;
    let sentence = format!("The chain breaks at row {altered}:");
    assert!(page.text.contains(&sentence), "{}", page.text);
    assert!(!page.text.contains("intact"));
}

/// The rows of these kinds, but that of the first start's workflow, the oldest first: action, actor, target and address.
async fn told(server: &TestServer, kinds: &[&str]) -> Vec<[String; 4]> {
    let rows = server.admin().get("/api/v1/audit?limit=100").await;
    assert!(!rows.text.contains("pl4nted"), "{}", rows.text);
    let rows = rows.data();
    let rows = rows.as_array().expect("rows").iter().rev();
    let fields = ["action", "actor", "target", "address"];
    rows.map(|row| fields.map(|field| row[field].as_str().unwrap_or_default().to_owned()))
        .filter(|[action, ..]| kinds.iter().any(|kind| action.starts_with(kind)))
        .filter(|[action, actor, ..]| {
            (action.as_str(), actor.as_str()) != ("workflow.created", "control")
        })
        .collect()
}

fn by_hand(action: &str, target: &str) -> [String; 4] {
    [action, "dashboard", target, "127.0.0.1"].map(str::to_owned)
}

/// What the editor sends along to say which state it shows.
async fn tag(browser: &Browser, page: &str) -> String {
    let editor = browser.get(&format!("{page}/edit")).await.text;
    let (_, rest) = editor.split_once("name=\"tag\" value=\"").expect("a tag");
    let tag = rest.split('"').next().expect("its value");
    tag.replace("&#34;", "\"")
}

#[tokio::test]
async fn every_change_of_a_workflow_stands_in_the_log_and_what_changes_nothing_does_not() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let step =
        json!({ "id": "one", "type": "wait", "config": { "duration": 1, "unit": "seconds" } });
    let text = |name: &str| {
        json!({ "name": name, "trigger": { "type": "api" }, "steps": [step] }).to_string()
    };
    let (first, second) = (text("first"), text("second"));
    let made = browser
        .post("/dashboard/workflows", &[("definition", &first)])
        .await;
    let location = made.header("location").expect("a page");
    let id = location.rsplit('/').next().expect("an id").to_owned();
    let page = format!("/dashboard/workflows/{id}");
    // The second time nothing is changed, and the third time the text was overtaken.
    for (definition, is_stale, status) in [
        (&second, false, 303),
        (&second, false, 303),
        (&first, true, 409),
    ] {
        let tag = if is_stale {
            "x".to_owned()
        } else {
            tag(&browser, &page).await
        };
        let fields = [("definition", definition.as_str()), ("tag", &tag)];
        let saved = browser.post(&format!("{page}/edit"), &fields).await;
        assert_eq!(saved.status, status, "{}", saved.text);
    }
    for action in ["activate", "activate", "pause", "archive"] {
        browser.post(&format!("{page}/{action}"), &[]).await;
    }
    let purge = format!("/api/v1/workflows/{id}?purge=true");
    for status in [200, 404] {
        let admin = server.admin();
        let purged = admin.send(Method::DELETE, &purge, Value::Null).await;
        assert_eq!(purged.status, status);
    }
    let found = told(&server, &["workflow."]).await;
    let key = server.admin_key.trim_start_matches("wfk_");
    let deleted = ["workflow.deleted", &key[..8], &id, "127.0.0.1"].map(str::to_owned);
    let expected = [
        by_hand("workflow.created", &id),
        by_hand("workflow.updated", &id),
        by_hand("workflow.activated", &id),
        by_hand("workflow.paused", &id),
        by_hand("workflow.archived", &id),
        deleted,
    ];
    assert_eq!(found, expected);
    let verified = browser.post("/dashboard/audit/verify", &[]).await.text;
    assert!(verified.contains("intact"), "{verified}");
}

#[tokio::test]
async fn a_flow_that_is_opened_to_everybody_and_an_active_workflow_that_is_removed_stand_in_the_log()
 {
    let server = TestServer::start().await;
    let flowise = server.admin().bearer();
    let made = flowise.post("/flowise/api/v1/chatflows", a_flow()).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/flowise/api/v1/chatflows/{id}");
    for is_public in [true, true, false] {
        let body = json!({ "isPublic": is_public });
        let changed = flowise.send(Method::PUT, &path, body).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }
    let purge = format!("/api/v1/workflows/{id}?purge=true");
    let admin = server.admin();
    let purged = admin.send(Method::DELETE, &purge, Value::Null).await;
    assert_eq!(purged.status, 200, "{}", purged.text);
    let found = told(&server, &["workflow."]).await;
    let actions: Vec<&str> = found.iter().map(|[action, ..]| action.as_str()).collect();
    let expected = [
        "workflow.created",
        "workflow.updated",
        "workflow.updated",
        "workflow.archived",
        "workflow.deleted",
    ];
    assert_eq!(actions, expected);
    assert!(found.iter().all(|[_, _, target, _]| *target == id));
}

#[tokio::test]
async fn the_workflow_of_the_first_start_and_apps_stand_in_the_log() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let made = admin.post("/api/v1/workflows", a_graph()).await;
    let id = made.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}/publish");
    for method in [Method::POST, Method::POST, Method::DELETE, Method::DELETE] {
        let body = match method {
            Method::POST => json!({ "slug": "say-hi" }),
            _ => Value::Null,
        };
        let published = admin.send(method, &path, body).await;
        assert_eq!(published.status, 200, "{}", published.text);
    }
    let rows = admin.get("/api/v1/audit?limit=100").await.data();
    let rows = rows.as_array().expect("rows").iter().rev();
    let of_workflows = |row: &&Value| {
        row["action"]
            .as_str()
            .expect("a word")
            .starts_with("workflow.")
    };
    let found: Vec<Value> = rows
        .filter(of_workflows)
        .map(|row| json!([row["action"], row["actor"], row["detail"]]))
        .collect();
    let key = &server.admin_key.trim_start_matches("wfk_")[..8];
    let expected = [
        json!(["workflow.created", "control", { "name": "hello" }]),
        json!(["workflow.created", key, { "name": "drawn" }]),
        json!(["workflow.updated", key, { "name": "drawn", "version": 1, "app": "say-hi" }]),
        json!(["workflow.updated", key, { "name": "drawn", "version": 1, "app": null }]),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn changes_of_variables_and_removals_by_hand_stand_in_the_log() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("name", "tone"), ("value", "pl4nted-value")];
    for status in [303, 409] {
        let kept = browser.post("/dashboard/variables", &fields).await;
        assert_eq!(kept.status, status);
    }
    let list = browser.get("/dashboard/variables").await.text;
    let (_, rest) = list.split_once("variables/").expect("a link");
    let id = rest.split('/').next().expect("an id").to_owned();
    let path = format!("/flowise/api/v1/variables/{id}");
    let flowise = server.admin().bearer();
    let changed = flowise.send(Method::PUT, &path, json!({ "value": "pl4nted-too" }));
    assert_eq!(changed.await.status, 200);
    let delete = format!("/dashboard/variables/{id}/delete");
    for status in [303, 404] {
        assert_eq!(browser.post(&delete, &[]).await.status, status);
    }
    let swept = browser.post("/dashboard/settings/retention", &[]).await;
    assert_eq!(swept.status, 303);
    let found = told(&server, &["variable.", "retention."]).await;
    let key = server.admin_key.trim_start_matches("wfk_");
    let updated = ["variable.updated", &key[..8], &id, "127.0.0.1"].map(str::to_owned);
    let expected = [
        by_hand("variable.created", &id),
        updated,
        by_hand("variable.deleted", &id),
        by_hand("retention.pruned", "retention"),
    ];
    assert_eq!(found, expected);
}
