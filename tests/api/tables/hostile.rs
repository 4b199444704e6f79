//! Names, values and filters that would be something else if they ever became a part of an SQL text or a JSON path.

use super::{add, found, problems, put, query, table};
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Texts that end a string, a name or a path somewhere.
const HOSTILE: [&str; 12] = [
    "x'; DROP TABLE data_row; --",
    "x\" OR \"1\"=\"1",
    "') OR 1=1 --",
    "a.b",
    "a.b[0].c",
    "$.a",
    "a\"b\".c'd",
    "[0]",
    "*",
    "?1",
    "a`b\\c",
    "ключ 键 🔑",
];

#[tokio::test]
async fn hostile_names_and_values_are_names_and_values() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for (number, text) in HOSTILE.iter().enumerate() {
        // As the name of a table, of a folder, of a column, and as a value.
        let is_field = !text.starts_with('$');
        let name = if is_field {
            (*text).to_owned()
        } else {
            format!("x{text}")
        };
        let column = if is_field { *text } else { "plain" };
        let columns =
            json!([{ "name": column, "type": "text" }, { "name": "n", "type": "number" }]);
        let body = json!({ "name": name, "folderName": name, "columns": columns, "uniqueColumns": [column] });
        let id = table(&admin, body).await;
        add(
            &admin,
            &id,
            json!([{ column: text, "n": number }, { column: "other", "n": 1_000 }]),
        )
        .await;
        let is_one = vec![json!({ column: text, "n": number })];
        assert_eq!(
            found(&admin, &id, json!({ column: text })).await,
            is_one,
            "{text}"
        );
        let condition = json!([{ "field": column, "operator": "contains", "value": text }]);
        assert_eq!(found(&admin, &id, condition).await, is_one, "{text}");
        let sorted = query(
            &admin,
            &id,
            json!({ "sort": { "column": column }, "limit": 1 }),
        )
        .await;
        assert_eq!(sorted.status, StatusCode::OK, "{text}: {}", sorted.text);
        let upsert = json!({ "matchKey": column, "matchValue": text, "data": { "n": -1 } });
        let rows = format!("/api/v1/tables/{id}/rows");
        assert_eq!(
            put(&admin, &rows, upsert).await.status,
            StatusCode::OK,
            "{text}"
        );
        assert_eq!(
            admin.get(&rows).await.data().as_array().map(Vec::len),
            Some(2)
        );
        // As a name that the table does not have.
        let stranger = format!("{text}!");
        for body in [
            json!({ "filter": { &stranger: 1 } }),
            json!({ "sort": { "column": stranger } }),
        ] {
            problems(&query(&admin, &id, body).await);
        }
    }
    let tables = admin.get("/api/v1/tables?limit=100").await.data();
    assert_eq!(tables.as_array().map(Vec::len), Some(HOSTILE.len()));
    server.stop().await;
}

#[tokio::test]
async fn a_name_with_dots_is_itself_before_it_is_a_path() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = table(&admin, json!({ "name": "free" })).await;
    add(
        &admin,
        &id,
        json!([
            { "n": 1, "a.b": "name" },
            { "n": 2, "a": { "b": "path" } },
            { "n": 3, "a": { "b.c": [{ "d\"e": 5 }] } },
            { "n": 4, "a": [10, [20]] },
        ]),
    )
    .await;
    for (filter, n) in [
        (json!({ "a.b": "name" }), 1),
        (json!({ "a.b": "path" }), 2),
        (json!({ "a.b.c": [{ "d\"e": 5 }] }), 3),
        (json!({ "a.0": 10 }), 4),
        (json!({ "a.1.0": 20 }), 4),
    ] {
        let rows = found(&admin, &id, filter.clone()).await;
        assert_eq!(rows.len(), 1, "{filter}");
        assert_eq!(rows[0]["n"], n, "{filter}");
    }
    server.stop().await;
}

#[tokio::test]
async fn bodies_of_other_shapes_are_refused() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = table(&admin, json!({ "name": "t" })).await;
    let rows = format!("/api/v1/tables/{id}/rows");
    for body in [
        json!({ "data": { "$id": 1 } }),
        json!({ "data": { "": 1 } }),
        json!({ "data": { "a\u{0}b": 1 } }),
    ] {
        problems(&admin.post(&rows, body).await);
    }
    for (path, body) in [
        ("/api/v1/tables", json!([])),
        ("/api/v1/tables", json!({ "name": "x", "rowz": 1 })),
        (rows.as_str(), json!({ "dat": {} })),
        (rows.as_str(), Value::from("data")),
    ] {
        let answer = admin.post(path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    }
    for asked in [
        "limit=x",
        "status=open",
        "sort=newest&cursor=zz",
        "sort=a&cursor=eyJ0cyI6MSwiaWQiOiI1In0=",
        "filter=%7B",
        "matchKey=a",
    ] {
        let answer = admin.get(&format!("{rows}?{asked}")).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{asked}: {}",
            answer.text
        );
    }
    let many: Vec<Value> = (0..51)
        .map(|n| json!({ "field": n.to_string(), "operator": "exists" }))
        .collect();
    assert_eq!(
        problems(&query(&admin, &id, json!({ "filter": many })).await)[0].0,
        "filter"
    );
    let odd = admin.get("/api/v1/tables/no%20id").await;
    assert_eq!(odd.status, StatusCode::NOT_FOUND);
    server.stop().await;
}
