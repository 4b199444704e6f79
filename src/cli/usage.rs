//! `flowlatch usage`: what keys have used, and the balance of credits. May not know how it is counted.

use super::args::Usage;
use super::client::Client;
use super::output::{Output, cell};
use crate::error::Result;
use serde_json::Value;

pub(super) async fn run(asked: Usage, client: &Client, output: &Output) -> Result<()> {
    let is_by_day = asked.key.is_some();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("keyId", asked.key.as_deref().unwrap_or("all"));
    for (name, day) in [("from", &asked.from), ("to", &asked.to)] {
        query.extend_pairs(day.iter().map(|day| (name, day)));
    }
    let path = format!("/api/v1/usage?{}", query.finish());
    let usage = client.data("GET", &path, None).await?;
    if output.json {
        return output.json(&usage);
    }
    show(&usage, is_by_day, output)
}

fn show(usage: &Value, is_by_day: bool, output: &Output) -> Result<()> {
    let (title, list, name) = if is_by_day {
        ("DAY", &usage["days"], "date")
    } else {
        ("KEY", &usage["keys"], "keyId")
    };
    let head = [
        title, "READ", "WRITE", "EXECUTE", "REFUSED", "RUNS", "FAILED", "STEPS", "SECONDS",
        "CREDITS",
    ];
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = items
        .iter()
        .map(|item| row(cell(item, name), item))
        .collect();
    rows.push(row("total".to_owned(), &usage["totals"]));
    output.table(&head, &rows)?;
    let balance = &usage["balance"];
    let credits = |field: &str| match &balance[field] {
        Value::Null => "unlimited".to_owned(),
        _ => cell(balance, field),
    };
    output.fields(&[
        ("granted", credits("granted")),
        ("spent", credits("spent")),
        ("available", credits("available")),
    ])
}

fn row(name: String, numbers: &Value) -> Vec<String> {
    let (requests, runs) = (&numbers["requests"], &numbers["runs"]);
    vec![
        name,
        cell(requests, "read"),
        cell(requests, "write"),
        cell(requests, "execute"),
        cell(requests, "refused"),
        cell(runs, "started"),
        cell(runs, "failed"),
        cell(numbers, "steps"),
        cell(numbers, "seconds"),
        cell(numbers, "credits"),
    ]
}
