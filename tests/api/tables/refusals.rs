//! The step `data_table` in workflows: what is refused, before a run and in it; and how steps play together.

use super::steps::{error, server};
use super::{add, found, problems, table};
use serde_json::{Value, json};

/// What an operation on the table `t`, whose column `n` holds numbers, fails with: code and a piece of the message.
const REFUSED: [(&str, &str, &str); 13] = [
    (
        r#"{"operation": "insert", "data": {"n": "x"}}"#,
        "CONFIG",
        "data.n: \"x\" is not a number",
    ),
    (
        r#"{"operation": "insert", "data": {"m": 1}}"#,
        "CONFIG",
        "no column `m`",
    ),
    (
        r#"{"operation": "insert", "data": "{{input.none}}"}"#,
        "CONFIG",
        "data",
    ),
    (
        r#"{"operation": "delete", "filter": "{{input.none}}"}"#,
        "CONFIG",
        "say which rows",
    ),
    (
        r#"{"operation": "delete", "filter": {}}"#,
        "CONFIG",
        "no condition",
    ),
    (
        r#"{"operation": "delete", "matchKey": "n", "matchValue": "{{input.none}}"}"#,
        "CONFIG",
        "the key is empty",
    ),
    (
        r#"{"operation": "upsert", "matchKey": "m", "data": {"n": 1}}"#,
        "CONFIG",
        "no column `m`",
    ),
    (
        r#"{"operation": "upsert", "matchKey": "n", "matchValue": "abc", "data": {}}"#,
        "CONFIG",
        "is not a number",
    ),
    (
        r#"{"operation": "upsert", "matchKey": "n", "matchValue": 1, "data": {"n": 2}}"#,
        "CONFIG",
        "data.n: it is 2, and `matchValue` is 1",
    ),
    (
        r#"{"operation": "delete", "filter": {"n": {"lt": "{{5}}"}}}"#,
        "CONFIG",
        "filter.n: it is compared with the whole object",
    ),
    (
        r#"{"operation": "find", "filter": {"m": 1}}"#,
        "CONFIG",
        "filter.m",
    ),
    (
        r#"{"operation": "find", "limit": "{{input.limit | default('9999')}}"}"#,
        "CONFIG",
        "limit",
    ),
    (
        r#"{"operation": "{{input.operation}}"}"#,
        "CONFIG",
        "operation",
    ),
];

#[tokio::test]
async fn what_a_table_does_not_allow_fails_the_step_and_changes_nothing() {
    let server = server().await;
    let admin = server.admin();
    let columns = json!([{ "name": "n", "type": "number" }]);
    let id = table(&admin, json!({ "name": "t", "columns": columns })).await;
    add(&admin, &id, json!([{ "n": 1 }])).await;
    for (config, code, piece) in REFUSED {
        let mut config: Value = serde_json::from_str(config).expect(config);
        config["tableId"] = "t".into();
        let (told, message) = error(&server, config.clone()).await;
        assert_eq!(told, code, "{config}: {message}");
        assert!(message.contains(piece), "{config}: {message}");
    }
    for (name, code) in [("none", "NOT_FOUND"), ("{{input.none}}", "CONFIG")] {
        let config = json!({ "operation": "insert", "tableId": name, "data": {} });
        assert_eq!(error(&server, config).await.0, code);
    }
    assert_eq!(found(&admin, &id, json!({})).await, [json!({ "n": 1 })]);
    server.stop().await;
}

/// A configuration and the place of its one mistake.
const MISTAKES: [(&str, &str); 14] = [
    (r#"{}"#, "operation"),
    (r#"{"operation": "upsrt"}"#, "operation"),
    (r#"{"operation": "find"}"#, "tableId"),
    (r#"{"operation": "insert", "tableId": "t"}"#, "data"),
    (
        r#"{"operation": "update", "tableId": "t", "data": {}}"#,
        "rowId",
    ),
    (
        r#"{"operation": "upsert", "tableId": "t", "data": {}}"#,
        "matchKey",
    ),
    (r#"{"operation": "getById", "tableId": "t"}"#, "rowId"),
    (r#"{"operation": "createTable"}"#, "name"),
    (
        r#"{"operation": "createTable", "name": "t", "columns": [{"name": "a", "type": "int"}]}"#,
        "columns[0].type",
    ),
    (
        r#"{"operation": "find", "tableId": "t", "limit": 1001}"#,
        "limit",
    ),
    (
        r#"{"operation": "find", "tableId": "t", "filter": [{"field": "a", "operator": "lik", "value": 1}]}"#,
        "filter[0].operator",
    ),
    (
        r#"{"operation": "insert", "tableId": "t", "data": 5}"#,
        "data",
    ),
    (
        r#"{"operation": "find", "tabelId": "t", "tableId": "t"}"#,
        "tabelId",
    ),
    // Tables are kept in clear.
    (
        r#"{"operation": "insert", "tableId": "t", "data": {"a": "x {{secrets.KEY}}"}}"#,
        "data.a",
    ),
];

#[tokio::test]
async fn mistakes_are_told_before_a_workflow_is_made() {
    let server = server().await;
    for (config, place) in MISTAKES {
        let config: Value = serde_json::from_str(config).expect(config);
        let steps = json!([{ "id": "s", "type": "data_table", "config": config }]);
        let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": steps });
        let told = problems(&server.admin().post("/api/v1/workflows", body).await);
        let places: Vec<&str> = told.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, [format!("steps[0].config.{place}")], "{config}");
    }
    let templates = json!([{ "id": "s", "type": "data_table", "config": {
        "operation": "{{input.operation}}", "tableId": "{{input.table}}", "limit": "{{input.limit}}",
        "columns": "{{input.columns}}", "filter": [{ "field": "{{input.f}}", "operator": "eq", "value": "{{input.v}}" }],
    } }]);
    server.workflow("templates", templates).await;
    server.stop().await;
}

#[tokio::test]
async fn rows_flow_from_step_to_step() {
    let server = server().await;
    let steps = json!([
        { "id": "table", "type": "data_table", "config": { "operation": "ensureTable", "name": "orders", "indexedColumns": ["customer"] } },
        { "id": "add", "type": "data_table", "config": { "operation": "insert", "tableId": "{{steps.table.tableId}}", "rows": "{{input.orders}}" } },
        { "id": "find", "type": "data_table", "config": { "operation": "find", "tableId": "orders", "filter": { "customer": "{{input.customer}}" }, "sort": "oldest" } },
        { "id": "say", "type": "transform", "config": { "sourceData": { "first": "{{steps.find.result.0.data.amount}}", "count": "{{steps.find.count}}" } } },
    ]);
    let workflow = server.workflow("orders", steps).await;
    let orders = json!([{ "customer": "a", "amount": 5 }, { "customer": "b", "amount": 6 }, { "customer": "a", "amount": 7 }]);
    let input = json!({ "customer": "a", "orders": orders });
    for expected in [2, 4] {
        let run = server.admin().run(&workflow, input.clone()).await;
        assert_eq!(
            run["output"],
            json!({ "first": 5, "count": expected }),
            "{run}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn the_readmes_example_does_what_it_says() {
    let server = server().await;
    let readme = include_str!("../../../README.md");
    let (_, section) = readme
        .split_once("\n## Data tables\n")
        .expect("the section");
    let (_, example) = section.split_once("```json\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let example = serde_json::from_str(example).expect("JSON");
    let workflow = server.workflow_with(example).await;
    for (page, count) in [("/docs/a", 1), ("/", 1), ("/docs/a", 1), ("/docs/b", 2)] {
        let run = server.admin().run(&workflow, json!({ "page": page })).await;
        assert_eq!(run["output"]["count"], count, "{run}");
    }
    server.stop().await;
}
