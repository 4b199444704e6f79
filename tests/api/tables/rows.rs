//! Rows through their endpoints.

use super::{add, found, people, problems, put, table};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn rows_are_added_read_changed_and_removed() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let id = table(&admin, people()).await;
    let rows = format!("/api/v1/tables/{id}/rows");
    let data = json!({ "email": "a@x", "age": 41.5, "vip": true, "born": "1980-02-29", "extra": { "b": [1, null] } });
    let added = admin.post(&rows, json!({ "data": data })).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text);
    let row = added.data();
    assert_eq!(row["data"], data);
    let one = format!("{rows}/{}", row["id"].as_str().expect("an id"));
    assert_eq!(admin.get(&one).await.data(), row);

    server.clock.advance_ms(1_000);
    let patch = json!({ "data": { "age": 42, "vip": null } });
    let changed = put(&admin, &one, patch).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let changed = changed.data();
    let expected =
        json!({ "email": "a@x", "age": 42, "born": "1980-02-29", "extra": { "b": [1, null] } });
    assert_eq!(changed["data"], expected);
    assert_eq!(changed["createdAt"], row["createdAt"]);
    assert_eq!(changed["updatedAt"], "2024-01-15T10:00:01.000Z");
    let lacking = put(&admin, &one, json!({ "data": { "email": null } })).await;
    assert_eq!(problems(&lacking)[0].0, "data.email");

    let removed = admin.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(removed.status, StatusCode::OK, "{}", removed.text);
    for method in [Method::GET, Method::DELETE] {
        let gone = admin.send(method, &one, Value::Null).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
    }
    let gone = put(&admin, &one, json!({ "data": {} })).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    // Its value is free again.
    add(&admin, &id, json!([{ "email": "a@x" }])).await;
    // A row is found only under its own table.
    let other = table(&admin, json!({ "name": "other" })).await;
    let row = admin.get(&rows).await.data()[0]["id"].clone();
    let elsewhere = format!(
        "/api/v1/tables/{other}/rows/{}",
        row.as_str().expect("an id")
    );
    assert_eq!(admin.get(&elsewhere).await.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn rows_that_do_not_fit_are_told_with_every_place_and_change_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = table(&admin, people()).await;
    let rows = format!("/api/v1/tables/{id}/rows");
    let wrong = json!({ "rows": [
        { "email": "fine" },
        { "email": 5, "age": "old", "vip": "true", "born": "1980-02-30", "emial": "x" },
        "no row",
        { "age": 1 },
    ] });
    let told = problems(&admin.post(&rows, wrong).await);
    assert_eq!(
        told,
        [(
            "rows[2]".to_owned(),
            "\"no row\" is not an object with the row's fields".to_owned()
        )]
    );
    let wrong = json!({ "rows": [
        { "email": "fine" },
        { "email": 5, "age": "old", "vip": "true", "born": "1980-02-30", "emial": "x" },
        { "age": 1 },
    ] });
    let told = problems(&admin.post(&rows, wrong).await);
    let lines: Vec<String> = told
        .iter()
        .map(|(place, message)| format!("{place}: {message}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    rows[1].age: "old" is not a number
    rows[1].born: "1980-02-30" is not a date such as `2024-01-15` or `2024-01-15T10:00:00Z`
    rows[1].email: 5 is not a string
    rows[1].emial: the table has no column `emial` (did you mean `email`?)
    rows[1].vip: "true" is not true or false
    rows[2].email: it is required: a text
    "#);
    // The second of two rows with one unique value takes the first along.
    let twice = json!({ "rows": [{ "email": "a" }, { "email": "a" }] });
    let answer = admin.post(&rows, twice).await;
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    assert!(
        answer.text.contains("rows[1].email: the column is unique"),
        "{}",
        answer.text
    );
    for body in [
        json!({}),
        json!({ "data": {}, "rows": [] }),
        json!({ "data": 5 }),
        json!({ "rows": {} }),
    ] {
        problems(&admin.post(&rows, body).await);
    }
    let none = admin.post(&rows, json!({ "rows": [] })).await;
    assert_eq!(none.status, StatusCode::OK, "{}", none.text);
    let many = vec![json!({ "email": "x" }); 1_001];
    assert_eq!(
        problems(&admin.post(&rows, json!({ "rows": many })).await)[0].0,
        "rows"
    );
    assert_eq!(admin.get(&rows).await.data(), json!([]));
    assert_eq!(
        admin.get(&format!("/api/v1/tables/{id}")).await.data()["rowCount"],
        0
    );
    server.stop().await;
}

#[tokio::test]
async fn the_limits_of_the_configuration_hold() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.tables.max_tables = 2;
        config.tables.max_columns = 3;
        config.tables.max_rows = 2;
        config.tables.max_row_bytes = 1_024;
    })
    .await;
    let admin = server.admin();
    let first = table(&admin, json!({ "name": "one" })).await;
    table(&admin, json!({ "name": "two" })).await;
    let third = admin
        .post("/api/v1/tables", json!({ "name": "three" }))
        .await;
    assert_eq!(third.status, StatusCode::CONFLICT, "{}", third.text);
    let path = format!("/api/v1/tables/{first}");
    let columns: Vec<Value> = (0..4).map(|n| json!({ "name": n.to_string() })).collect();
    let wide = put(&admin, &path, json!({ "columns": columns })).await;
    assert!(problems(&wide)[0].1.contains("max_table_columns"));

    let rows = format!("{path}/rows");
    let wide = admin
        .post(&rows, json!({ "data": { "a": 1, "b": 1, "c": 1, "d": 1 } }))
        .await;
    assert_eq!(problems(&wide)[0].0, "data");
    let long = admin
        .post(&rows, json!({ "data": { "a": "x".repeat(1_020) } }))
        .await;
    assert!(problems(&long)[0].1.contains("max_row_bytes"));
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let deep = admin.post(&rows, json!({ "data": { "a": deep } })).await;
    assert!(problems(&deep)[0].1.contains("deeper"));
    let many = admin.post(&rows, json!({ "rows": [{}, {}, {}] })).await;
    assert_eq!(many.status, StatusCode::CONFLICT, "{}", many.text);
    assert_eq!(admin.get(&path).await.data()["rowCount"], 0);
    add(&admin, &first, json!([{}, {}])).await;
    assert_eq!(admin.get(&path).await.data()["rowCount"], 2);
    server.stop().await;
}

#[tokio::test]
async fn of_many_upserts_of_one_key_at_once_one_adds_the_row() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await;
    let admin = server.admin();
    // Without columns and without an index: the key becomes one.
    let id = table(&admin, json!({ "name": "counts" })).await;
    let path = format!("/api/v1/tables/{id}/rows");
    let upserts = (0..40).map(|n| {
        let (admin, path) = (admin.clone(), path.clone());
        let field = format!("n{n}");
        async move {
            let body = json!({ "matchKey": "key", "matchValue": "same", "data": { field: n } });
            put(&admin, &path, body).await.status
        }
    });
    let answers = futures_util::future::join_all(upserts).await;
    let created = answers
        .iter()
        .filter(|status| **status == StatusCode::CREATED)
        .count();
    assert_eq!(created, 1, "{answers:?}");
    assert!(answers.iter().all(|status| status.is_success()));
    let rows = found(&admin, &id, json!({})).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].as_object().map(serde_json::Map::len), Some(41));
    let shown = admin.get(&format!("/api/v1/tables/{id}")).await.data();
    assert_eq!(shown["indexedColumns"], json!(["key"]));
    assert_eq!(shown["rowCount"], 1);

    let many =
        json!({ "matchKey": "key", "rows": [{ "key": "same", "n0": null }, { "key": "new" }] });
    let written = put(&admin, &path, many).await;
    assert_eq!(written.status, StatusCode::CREATED, "{}", written.text);
    assert_eq!(written.data()["inserted"], 1);
    assert_eq!(written.data()["updated"], 1);
    for wrong in [json!({ "key": "" }), json!({}), json!({ "key": null })] {
        let told = problems(&put(&admin, &path, json!({ "matchKey": "key", "data": wrong })).await);
        assert_eq!(told[0].0, "data.key");
    }
    server.stop().await;
}

#[tokio::test]
async fn keys_that_are_added_later_find_the_rows_that_are_there() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = table(&admin, json!({ "name": "late" })).await;
    add(
        &admin,
        &id,
        json!([{ "a": 1, "b": "x" }, { "a": 1.0, "b": "y" }, { "a": "1", "b": "z" }]),
    )
    .await;
    let path = format!("/api/v1/tables/{id}");
    let unique = put(&admin, &path, json!({ "uniqueColumns": ["a"] })).await;
    assert_eq!(unique.status, StatusCode::CONFLICT, "{}", unique.text);
    let both = json!({ "uniqueColumns": ["b"], "indexedColumns": ["a"] });
    assert_eq!(put(&admin, &path, both).await.status, StatusCode::OK);
    // A number is no text, but 1 and 1.0 are one number.
    let several = json!({ "matchKey": "a", "matchValue": 1, "data": {} });
    let several = put(&admin, &format!("{path}/rows"), several).await;
    assert_eq!(several.status, StatusCode::CONFLICT, "{}", several.text);
    let text = json!({ "matchKey": "a", "matchValue": "1", "data": { "c": 1 } });
    let text = put(&admin, &format!("{path}/rows"), text).await;
    assert_eq!(text.data()["data"], json!({ "a": "1", "b": "z", "c": 1 }));
    let taken = admin
        .post(&format!("{path}/rows"), json!({ "data": { "b": "x" } }))
        .await;
    assert_eq!(taken.status, StatusCode::CONFLICT, "{}", taken.text);
    let free = json!({ "uniqueColumns": [] });
    assert_eq!(put(&admin, &path, free).await.status, StatusCode::OK);
    add(&admin, &id, json!([{ "b": "x" }])).await;
    assert_eq!(found(&admin, &id, json!({ "b": "x" })).await.len(), 2);
    server.stop().await;
}
