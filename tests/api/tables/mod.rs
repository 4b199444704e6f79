//! Data tables, through their endpoints and through steps.

mod finding;
mod hostile;
mod refusals;
mod requests;
mod rows;
mod steps;

use crate::support::{Answer, Client};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A new table made by this body: its id.
async fn table(client: &Client, body: Value) -> String {
    let answer = client.post("/api/v1/tables", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.data()["id"].as_str().expect("an id").to_owned()
}

/// Adds rows, all of which have to fit.
async fn add(client: &Client, table: &str, rows: Value) {
    let path = format!("/api/v1/tables/{table}/rows");
    let answer = client.post(&path, json!({ "rows": rows })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
}

/// Asks for rows by a body of `rows/query`.
async fn query(client: &Client, table: &str, body: Value) -> Answer {
    client
        .post(&format!("/api/v1/tables/{table}/rows/query"), body)
        .await
}

/// The `data` of rows.
fn datas(rows: &Value) -> Vec<Value> {
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| row["data"].clone()).collect()
}

/// The fields of the rows that a filter means, newest first.
async fn found(client: &Client, table: &str, filter: Value) -> Vec<Value> {
    let answer = query(client, table, json!({ "filter": filter, "limit": 1000 })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    datas(&answer.data())
}

/// The problems of a 400: place and message.
fn problems(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let details = answer.json()["error"]["details"].clone();
    let word = |detail: &Value, name: &str| detail[name].as_str().unwrap_or_default().to_owned();
    details
        .as_array()
        .unwrap_or_else(|| panic!("no details: {}", answer.text))
        .iter()
        .map(|detail| (word(detail, "place"), word(detail, "message")))
        .collect()
}

async fn put(client: &Client, path: &str, body: Value) -> Answer {
    client.send(Method::PUT, path, body).await
}

/// A table of people, one column of each type.
fn people() -> Value {
    json!({
        "name": "people",
        "description": "who we know",
        "columns": [
            { "name": "email", "type": "text", "required": true },
            { "name": "age", "type": "number" },
            { "name": "vip", "type": "boolean" },
            { "name": "born", "type": "date" },
            { "name": "extra", "type": "json" },
        ],
        "uniqueColumns": ["email"],
    })
}
