//! The usage page: its numbers are what was done, and what the API says.

use super::{Browser, PASSWORD};
use crate::support::{MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/dashboard/usage";
const SELF: &str = "/api/v1/auth/api-keys/self";
const HOUR_MS: u64 = 3_600_000;

/// The table of the chart with this name: its heads, and its rows, the sums last.
fn table(page: &str, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let heading = format!("<figcaption>{name}</figcaption>");
    let chart = page.split(&heading).nth(1).expect("the chart");
    let chart = chart.split("</figure>").next().expect("its end");
    assert!(chart.contains("role=\"img\" aria-label=\""), "{chart}");
    let cells = |row: &str| -> Vec<String> {
        let row = row.replace("<td", "<th").replace("</td>", "</th>");
        let cells = row.split("<th").skip(1);
        cells
            .map(|cell| {
                let text = cell.split_once('>').expect("a tag").1;
                let text = text.split("</th>").next().expect("an end");
                let text = text.rsplit_once("\">").map_or(text, |(_, text)| text);
                text.replace("</time>", "")
            })
            .collect()
    };
    let mut rows = chart.split("<tr>").skip(1);
    let heads = cells(rows.next().expect("heads"));
    (heads, rows.map(cells).collect())
}

/// The last row, which has the sums, as numbers.
fn sums(page: &str, name: &str) -> Vec<(String, u64)> {
    let (heads, rows) = table(page, name);
    let sums = rows.last().expect("sums");
    let numbers = sums
        .iter()
        .skip(1)
        .map(|text| text.parse().expect("a number"));
    heads.into_iter().skip(1).zip(numbers).collect()
}

fn named(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

const REQUESTS: &str = "Requests that were let in";
const RUNS: &str = "Runs";
const LIMITED: &str = "Requests over a limit (429)";
const REFUSED: &str = "Requests that were refused, by reason";

/// A key that reads three times within its limit and twice above, starts two runs, writes once, and is refused four times.
async fn busy_key(server: &TestServer) -> String {
    let good = json!([{ "id": "a", "type": "transform", "config": { "sourceData": 1 } }]);
    let workflow = server.workflow("good", good).await;
    let body = json!({
        "name": "<i>busy</i>", "scopes": ["workflows:execute", "runs:read", "workflows:write"], "limits": { "read": 3 },
    });
    let (record, client) = server.with_key(body).await;
    let id = record["id"].as_str().expect("an id").to_owned();
    for _ in 0..5 {
        client.get("/api/v1/runs").await;
    }
    client.run(&workflow, json!({})).await;
    client.run(&workflow, json!({})).await;
    let draft = json!({ "name": "w", "trigger": { "type": "api" }, "steps": [] });
    client.post("/api/v1/workflows", draft).await;
    for _ in 0..4 {
        client
            .send(Method::POST, "/api/v1/connections", json!({}))
            .await;
    }
    id
}

#[tokio::test]
async fn the_numbers_of_a_key_are_what_it_did_and_what_the_api_says() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let id = busy_key(&server).await;
    let pages = ["24h", "7d", "30d", "90d"];
    for range in pages {
        let page = browser.get(&format!("{PATH}?range={range}&key={id}")).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let page = page.text;
        assert!(page.len() < 100_000);
        assert!(!page.contains("<i>busy") && page.contains("busy"), "{page}");
        let requests = named(&[("Read", 3), ("Write", 1), ("Execute", 2), ("Webhook", 0)]);
        assert_eq!(sums(&page, REQUESTS), requests, "{range}");
        let runs = named(&[
            ("Started", 2),
            ("Completed", 2),
            ("Failed", 0),
            ("Cancelled", 0),
        ]);
        assert_eq!(sums(&page, RUNS), runs, "{range}");
        assert_eq!(sums(&page, LIMITED), named(&[("Over a limit", 2)]));
        assert_eq!(
            sums(&page, REFUSED),
            named(&[("Without the permission", 4)])
        );
        let (_, rows) = table(&page, REQUESTS);
        let expected = match range {
            "24h" => 24,
            "7d" => 7,
            "30d" => 30,
            _ => 90,
        };
        assert_eq!(rows.len(), expected + 1, "{range}");
        let last = &rows[expected - 1];
        let now = if range == "24h" {
            "2024-01-15T10:00Z"
        } else {
            "2024-01-15"
        };
        assert_eq!(last[..2], [now.to_owned(), "3".to_owned()], "{range}");
        assert!(rows[..expected - 1].iter().all(|row| row[1] == "0"));
    }
    let told = server
        .admin()
        .get(&format!("/api/v1/usage?keyId={id}"))
        .await
        .data();
    assert_eq!(
        told["totals"]["requests"],
        json!({ "read": 3, "write": 1, "execute": 2, "refused": 6 })
    );
    let other = browser.get(&format!("{PATH}?key=key_none")).await;
    assert_eq!(other.status, 404);
    assert_eq!(browser.get(&format!("{PATH}?range=1y")).await.status, 400);
}

#[tokio::test]
async fn all_keys_together_are_the_apis_numbers_and_refusals_have_reasons() {
    let clock = Clock::manual(MONDAY_MS);
    let server = TestServer::start_with(clock.clone(), |config| {
        config.limit_webhook = flowlatch::model::limit::Limit::PerMinute(2);
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    let trigger = json!({ "type": "webhook", "provider": "custom", "path": "open" });
    let steps = json!([{ "id": "a", "type": "transform", "config": { "sourceData": 1 } }]);
    server
        .workflow_with(json!({ "name": "hooked", "trigger": trigger, "steps": steps }))
        .await;
    let anonymous = server.anonymous();
    for _ in 0..5 {
        let sent = anonymous.request(Method::POST, "/webhooks/custom/open");
        sent.body("{}").send().await.expect("an answer");
    }
    let wrong = server.client(Some("wfk_nothing".to_owned()));
    for _ in 0..3 {
        wrong.get(SELF).await;
        anonymous.get(SELF).await;
    }
    crate::audit::refusals(&server).await;
    let page = browser.get(PATH).await.text;
    let admin = server.admin();
    let told = admin.get("/api/v1/usage?keyId=all").await.data();
    let requests = sums(&page, REQUESTS);
    let reads = told["totals"]["requests"]["read"]
        .as_u64()
        .expect("a number");
    // The page was shown before the API was asked.
    assert_eq!(requests[0], ("Read".to_owned(), reads - 1));
    assert_eq!(requests[3], ("Webhook".to_owned(), 2));
    let runs = sums(&page, RUNS);
    for (lane, field) in ["started", "completed", "failed", "cancelled"]
        .iter()
        .enumerate()
    {
        assert_eq!(
            json!(runs[lane].1),
            told["totals"]["runs"][field],
            "{field}"
        );
    }
    assert_eq!(runs[0].1, 2);
    assert_eq!(sums(&page, LIMITED), named(&[("Over a limit", 3)]));
    let refused = named(&[("With what is no key", 3), ("Without a key", 3)]);
    assert_eq!(sums(&page, REFUSED), refused);
    // Each day of the API is a row of the table.
    let (_, rows) = table(&page, RUNS);
    for day in told["days"].as_array().expect("days") {
        let row = rows.iter().find(|row| day["date"] == row[0].as_str());
        let row = row.expect("the day's row");
        assert_eq!(
            json!(row[1].parse::<u64>().expect("a number")),
            day["runs"]["started"]
        );
    }
}

#[tokio::test]
async fn hours_of_yesterday_are_shown_and_older_days_keep_their_sums() {
    let clock = Clock::manual(MONDAY_MS);
    let server = TestServer::start_with(clock.clone(), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let (record, client) = server
        .with_key(json!({ "name": "hourly", "scopes": ["runs:read"] }))
        .await;
    let id = record["id"].as_str().expect("an id");
    let path = |range: &str| format!("{PATH}?range={range}&key={id}");
    for _ in 0..3 {
        client.get(SELF).await;
        clock.advance_ms(HOUR_MS);
        client.get(SELF).await;
        clock.advance_ms(HOUR_MS);
    }
    let page = browser.get(&path("24h")).await.text;
    let (heads, rows) = table(&page, REQUESTS);
    assert_eq!(heads[0], "Hour (UTC)");
    let counts: Vec<&str> = rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(
        counts[17..],
        ["1", "1", "1", "1", "1", "1", "0", "6"],
        "{counts:?}"
    );
    assert_eq!(rows[17][0], "2024-01-15T10:00Z");
    for _ in 0..4 {
        clock.advance_ms(24 * HOUR_MS);
        client.get(SELF).await;
    }
    browser.sign_in(PASSWORD).await;
    let count = |page: &str, day: &str| {
        let (_, rows) = table(page, REQUESTS);
        let row = rows.into_iter().find(|row| row[0] == day).expect("the day");
        row[1].clone()
    };
    // The sweep that makes one row of a day's hours comes with the clock.
    for _ in 0..50 {
        clock.advance_ms(60_000);
        let page = browser.get(&path("7d")).await.text;
        assert_eq!(count(&page, "2024-01-15"), "6");
        assert_eq!(count(&page, "2024-01-19"), "1");
        assert_eq!(count(&page, "2024-01-14"), "0");
    }
    let hours: i64 = rusqlite::Connection::open(server.data().join("flowlatch.db"))
        .expect("a file")
        .query_row(
            "SELECT count(*) FROM usage WHERE account = ?1 AND hour < 473688 + 24",
            [id],
            |row| row.get(0),
        )
        .expect("a number");
    assert_eq!(hours, 1, "the first day is one row");
    let told: Value = server
        .admin()
        .get(&format!("/api/v1/usage?keyId={id}"))
        .await
        .data();
    assert_eq!(told["totals"]["requests"]["read"], 10);
}
