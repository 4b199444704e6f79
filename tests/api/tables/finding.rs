//! Filters, orders and pages.

use super::{add, datas, found, people, problems, query, table};
use crate::support::{Client, TestServer};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A table with ten people, `u0` to `u9`.
async fn ten(admin: &Client) -> String {
    let id = table(admin, people()).await;
    let rows: Vec<Value> = (0..10)
        .map(|n| {
            let born = format!("2000-01-{:02}", n + 1);
            json!({ "email": format!("u{n}"), "age": n % 3, "born": born, "extra": { "city": { "n": n } } })
        })
        .collect();
    add(admin, &id, json!(rows)).await;
    id
}

fn emails(rows: &[Value]) -> String {
    let emails = rows.iter().map(|row| row["email"].as_str().unwrap_or("-"));
    emails.collect::<Vec<_>>().join(" ")
}

/// A filter and whom it means.
const FILTERS: [(&str, &str); 12] = [
    (r#"{"email": "u4"}"#, "u4"),
    (r#"{"age": 2}"#, "u8 u5 u2"),
    (r#"{"age": "2", "email": "u5"}"#, "u5"),
    (
        r#"[{"field": "age", "operator": "gte", "value": 1}, {"field": "email", "operator": "endsWith", "value": "4"}]"#,
        "u4",
    ),
    (
        r#"{"field": "email", "operator": "matches", "value": "^u[12]$"}"#,
        "u2 u1",
    ),
    (
        r#"[{"field": "born", "operator": "lt", "value": "2000-01-03"}]"#,
        "u1 u0",
    ),
    (
        r#"[{"field": "born", "operator": ">", "value": "2000-01-08T12:00:00Z"}]"#,
        "u9 u8",
    ),
    (r#"{"extra.city.n": 7}"#, "u7"),
    (
        r#"[{"field": "vip", "operator": "isEmpty"}, {"field": "email", "operator": "eq", "value": "u1"}]"#,
        "u1",
    ),
    (
        r#"[{"field": "$createdAt", "operator": "gt", "value": "2100-01-01"}]"#,
        "",
    ),
    (
        r#"[{"field": "$id", "operator": "startsWith", "value": "row_"}, {"field": "age", "operator": "eq", "value": 0}]"#,
        "u9 u6 u3 u0",
    ),
    // What cannot be compared is not meant.
    (r#"[{"field": "email", "operator": "gt", "value": 5}]"#, ""),
];

#[tokio::test]
async fn filters_mean_what_they_say() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = ten(&admin).await;
    for (filter, expected) in FILTERS {
        let filter: Value = serde_json::from_str(filter).expect(filter);
        let rows = found(&admin, &id, filter.clone()).await;
        assert_eq!(emails(&rows), expected, "{filter}");
    }
    server.stop().await;
}

#[tokio::test]
async fn orders_and_keys_of_the_query_string_give_what_they_say() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = ten(&admin).await;
    let path = format!("/api/v1/tables/{id}/rows");
    for (asked, expected) in [
        ("limit=2", "u9 u8"),
        ("limit=2&offset=3", "u6 u5"),
        ("sort=oldest&limit=2", "u0 u1"),
        ("sort=age&limit=5", "u9 u6 u3 u0 u7"),
        ("sort=-age&limit=2&offset=2", "u2 u7"),
        ("sort=-born&limit=1", "u9"),
        ("matchKey=email&matchValue=u3", "u3"),
        ("matchKey=age&matchValue=1&limit=2", "u7 u4"),
        (
            "matchKey=age&matchValue=1&filter=%7B%22email%22:%22u1%22%7D",
            "u1",
        ),
    ] {
        let answer = admin.get(&format!("{path}?{asked}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{asked}: {}", answer.text);
        assert_eq!(emails(&datas(&answer.data())), expected, "{asked}");
    }
    let by_object = json!({ "sort": { "column": "email", "direction": "desc" }, "limit": 1 });
    assert_eq!(
        emails(&datas(&query(&admin, &id, by_object).await.data())),
        "u9"
    );
    for sort in ["newest", "oldest"] {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin
                .get(&format!("{path}?sort={sort}&limit=3{cursor}"))
                .await
                .json();
            all.extend(datas(&page["data"]));
            if page["meta"]["hasMore"] == false {
                break;
            }
            cursor = format!(
                "&cursor={}",
                page["meta"]["cursor"].as_str().expect("a cursor")
            );
        }
        assert_eq!(all.len(), 10, "{sort}");
    }
    server.stop().await;
}

#[tokio::test]
async fn mistakes_of_a_query_are_told_with_their_place() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = ten(&admin).await;
    for (body, place) in [
        (json!({ "filter": { "emial": 1 } }), "filter.emial"),
        (
            json!({ "filter": [{ "field": "email", "operator": "like", "value": 1 }] }),
            "filter[0].operator",
        ),
        (
            json!({ "filter": [{ "field": "email", "operator": "matches", "value": "(" }] }),
            "filter[0].value",
        ),
        (
            json!({ "filter": [{ "field": "email", "operator": "eq" }] }),
            "filter[0].value",
        ),
        (json!({ "filter": { "age": { "gt": 1 } } }), "filter.age"),
        (
            json!({ "filter": { "email": { "$in": ["a"], "ne": "b" } } }),
            "filter.email",
        ),
        (json!({ "filter": [5] }), "filter[0]"),
        (json!({ "filter": 5 }), "filter"),
        (json!({ "sort": "extra" }), "sort"),
        (json!({ "sort": "agee" }), "sort"),
        (json!({ "sort": "age", "offset": 10_001 }), "offset"),
        (json!({ "limit": 1_001 }), "limit"),
        (json!({ "limit": 0 }), "limit"),
    ] {
        let told = problems(&query(&admin, &id, body.clone()).await);
        assert_eq!(told[0].0, place, "{body}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_page_ends_before_it_becomes_too_large() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.max_output_bytes = 10_000;
    })
    .await;
    let admin = server.admin();
    let id = table(&admin, json!({ "name": "long" })).await;
    add(
        &admin,
        &id,
        json!(vec![json!({ "text": "x".repeat(2_000) }); 5]),
    )
    .await;
    add(&admin, &id, json!([{ "text": "x".repeat(9_000) }])).await;
    let first = query(&admin, &id, json!({})).await.json();
    assert_eq!(first["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(first["meta"]["hasMore"], true);
    let body = json!({ "cursor": first["meta"]["cursor"] });
    let second = query(&admin, &id, body).await.json();
    assert_eq!(second["data"].as_array().map(Vec::len), Some(2));
    let ordered = query(&admin, &id, json!({ "sort": "text", "offset": 1 }))
        .await
        .json();
    assert_eq!(ordered["data"].as_array().map(Vec::len), Some(2));
    server.stop().await;
}
