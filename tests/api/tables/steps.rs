//! The step `data_table` in workflows: what each operation gives.

use super::{add, found, table};
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Runs one step with this configuration; gives the run.
async fn ran(server: &TestServer, config: Value, input: Value) -> Value {
    let steps = json!([{ "id": "tables", "type": "data_table", "config": config }]);
    let workflow = server.workflow("one step", steps).await;
    server.admin().run(&workflow, input).await
}

/// As [`ran`], for a step that succeeds: its output.
async fn output(server: &TestServer, config: Value) -> Value {
    let run = ran(server, config.clone(), json!({})).await;
    assert_eq!(run["status"], "completed", "{config}: {run}");
    run["output"].clone()
}

/// A step that fails: its error's code and message.
async fn error(server: &TestServer, config: Value) -> (String, String) {
    let run = ran(server, config.clone(), json!({})).await;
    assert_eq!(run["status"], "failed", "{config}: {run}");
    let path = format!(
        "/api/v1/runs/{}/logs",
        run["runId"].as_str().expect("an id")
    );
    let error = server.admin().get(&path).await.data()[0]["error"].clone();
    let word = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (word("code"), word("message"))
}

async fn server() -> TestServer {
    TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await
}

/// A table `stock` with the rows a, b and c; its id.
async fn stock(server: &TestServer) -> String {
    let columns = json!([
        { "name": "sku", "required": true },
        { "name": "count", "type": "number" },
        { "name": "gone", "type": "boolean" },
    ]);
    let id = table(
        &server.admin(),
        json!({ "name": "stock", "columns": columns }),
    )
    .await;
    let rows =
        json!([{ "sku": "a", "count": 1 }, { "sku": "b", "count": 6 }, { "sku": "c", "count": 7 }]);
    add(&server.admin(), &id, rows).await;
    id
}

/// As [`output`], of an operation on the table `stock`.
async fn on_stock(server: &TestServer, operation: &str, more: Value) -> Value {
    let mut config = json!({ "operation": operation, "tableId": "stock" });
    let fields = config.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    output(server, config).await
}

#[tokio::test]
async fn tables_are_made_once_and_listed() {
    let server = server().await;
    let columns = json!([{ "name": "sku", "type": "text", "required": true }]);
    let create = json!({ "operation": "createTable", "name": "stock", "columns": columns, "uniqueColumns": ["sku"] });
    let made = output(&server, create.clone()).await;
    assert_eq!(
        (&made["created"], &made["result"]["name"]),
        (&json!(true), &json!("stock"))
    );
    assert_eq!(error(&server, create).await.0, "CONFLICT");
    let ensured = output(
        &server,
        json!({ "operation": "ensureTable", "name": "stock" }),
    )
    .await;
    assert_eq!(
        (&ensured["created"], &ensured["tableId"]),
        (&json!(false), &made["tableId"])
    );
    output(
        &server,
        json!({ "operation": "ensureTable", "name": "orders" }),
    )
    .await;
    let listed = output(
        &server,
        json!({ "operation": "listTables", "limit": 1, "offset": 1 }),
    )
    .await;
    assert_eq!(
        (&listed["tables"][0]["name"], &listed["hasMore"]),
        (&json!("stock"), &json!(false))
    );
    let listed = output(
        &server,
        json!({ "operation": "listTables", "search": "ORD" }),
    )
    .await;
    assert_eq!(
        (&listed["result"][0]["name"], &listed["count"]),
        (&json!("orders"), &json!(1))
    );
    server.stop().await;
}

#[tokio::test]
async fn tables_lie_in_folders() {
    let server = server().await;
    stock(&server).await;
    let folder = output(
        &server,
        json!({ "operation": "ensureFolder", "folderName": "shop" }),
    )
    .await;
    assert_eq!(folder["created"], true);
    let again = output(
        &server,
        json!({ "operation": "ensureFolder", "name": "shop" }),
    )
    .await;
    assert_eq!(
        (&again["created"], &again["folderId"]),
        (&json!(false), &folder["folderId"])
    );
    let inside = json!({ "operation": "createTableInFolder", "name": "orders", "folderId": folder["folderId"] });
    assert_eq!(
        output(&server, inside).await["result"]["folderName"],
        "shop"
    );
    let moved = on_stock(
        &server,
        "assignTableToFolder",
        json!({ "folderName": "shop" }),
    )
    .await;
    assert_eq!(moved["result"]["folderId"], folder["folderId"]);
    let listed = output(
        &server,
        json!({ "operation": "listTables", "folderName": "shop" }),
    )
    .await;
    assert_eq!(
        (&listed["count"], &listed["tables"][0]["name"]),
        (&json!(2), &json!("orders"))
    );
    let out = on_stock(&server, "assignTableToFolder", json!({})).await;
    assert_eq!(out["result"]["folderId"], Value::Null);
    let folders = output(&server, json!({ "operation": "listFolders" })).await;
    assert_eq!(
        (&folders["count"], &folders["folders"][0]["name"]),
        (&json!(1), &json!("shop"))
    );
    let nowhere =
        json!({ "operation": "assignTableToFolder", "tableId": "stock", "folderId": "fld_no" });
    assert_eq!(error(&server, nowhere).await.0, "NOT_FOUND");
    server.stop().await;
}

#[tokio::test]
async fn rows_are_added_and_read() {
    let server = server().await;
    stock(&server).await;
    let one = on_stock(&server, "insert", json!({ "data": { "sku": "d" } })).await;
    assert_eq!(
        (&one["result"]["data"]["sku"], &one["count"]),
        (&json!("d"), &json!(1))
    );
    let rows = json!({ "rows": "[{\"sku\": \"e\"}, {\"sku\": \"f\"}]" });
    let many = on_stock(&server, "insert", rows).await;
    assert_eq!(
        (&many["count"], &many["result"]["inserted"]),
        (&json!(2), &json!(2))
    );
    let read = on_stock(&server, "getById", json!({ "rowId": one["rowId"] })).await;
    assert_eq!(
        (&read["success"], &read["result"]),
        (&json!(true), &one["result"])
    );
    let none = on_stock(&server, "getById", json!({ "rowId": "row_none" })).await;
    assert_eq!(
        none,
        json!({ "result": null, "success": false, "count": 0 })
    );
    let filter = json!([{ "field": "count", "operator": "gte", "value": "6" }]);
    let found = on_stock(
        &server,
        "find",
        json!({ "filter": filter, "sort": "-count", "limit": 1 }),
    )
    .await;
    assert_eq!(found["result"][0]["data"]["sku"], "c");
    assert_eq!(
        (&found["count"], &found["hasMore"]),
        (&json!(1), &json!(true))
    );
    let by_key = on_stock(
        &server,
        "find",
        json!({ "matchKey": "sku", "matchValue": "b" }),
    )
    .await;
    assert_eq!(
        by_key["result"][0]["data"],
        json!({ "sku": "b", "count": 6 })
    );
    server.stop().await;
}

#[tokio::test]
async fn rows_are_changed_and_removed() {
    let server = server().await;
    let id = stock(&server).await;
    let new = on_stock(
        &server,
        "upsert",
        json!({ "matchKey": "sku", "matchValue": "d", "data": { "count": 8 } }),
    )
    .await;
    assert_eq!(
        (&new["created"], &new["result"]["data"]),
        (&json!(true), &json!({ "sku": "d", "count": 8 }))
    );
    let again = on_stock(
        &server,
        "upsert",
        json!({ "matchKey": "sku", "data": { "sku": "d", "count": 9 } }),
    )
    .await;
    assert_eq!(
        (&again["created"], &again["rowId"]),
        (&json!(false), &new["rowId"])
    );
    let rows = json!([{ "sku": "d", "count": 10 }, { "sku": "e", "count": 11 }]);
    let many = on_stock(
        &server,
        "upsertMany",
        json!({ "matchKey": "sku", "rows": rows }),
    )
    .await;
    assert_eq!(
        (&many["result"]["inserted"], &many["result"]["updated"]),
        (&json!(1), &json!(1))
    );
    let row = json!({ "rowId": new["rowId"], "data": { "count": 12 } });
    assert_eq!(
        on_stock(&server, "update", row).await["result"]["data"]["count"],
        12
    );
    let none = on_stock(
        &server,
        "update",
        json!({ "rowId": "row_none", "data": {} }),
    )
    .await;
    assert_eq!(none["success"], false);
    let by_key = json!({ "matchKey": "sku", "matchValue": "b", "data": { "count": 5 } });
    assert_eq!(on_stock(&server, "update", by_key).await["count"], 1);
    let filter = json!([{ "field": "count", "operator": "gt", "value": 6 }]);
    let by_filter = json!({ "filter": filter, "data": { "gone": true } });
    assert_eq!(on_stock(&server, "update", by_filter).await["count"], 3);
    let gone = on_stock(
        &server,
        "delete",
        json!({ "filter": { "gone": true }, "limit": 2 }),
    )
    .await;
    assert_eq!(
        (&gone["count"], &gone["hasMore"]),
        (&json!(2), &json!(true))
    );
    let gone = on_stock(
        &server,
        "delete",
        json!({ "matchKey": "sku", "matchValue": "a" }),
    )
    .await;
    assert_eq!(gone["count"], 1);
    let row = json!({ "rowId": new["rowId"] });
    for success in [false, false] {
        // It was among the two.
        assert_eq!(
            on_stock(&server, "delete", row.clone()).await["success"],
            success
        );
    }
    let left = found(&server.admin(), &id, json!({})).await;
    assert_eq!(
        left,
        [
            json!({ "sku": "e", "count": 11, "gone": true }),
            json!({ "sku": "b", "count": 5 })
        ]
    );
    server.stop().await;
}

/// What an operation on the table `t`, whose column `n` holds numbers, fails with: code and a piece of the message.
const REFUSED: [(&str, &str, &str); 11] = [
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

#[tokio::test]
async fn mistakes_are_told_before_a_workflow_is_made() {
    let server = server().await;
    for (config, place) in [
        (json!({}), "operation"),
        (json!({ "operation": "upsrt" }), "operation"),
        (json!({ "operation": "find" }), "tableId"),
        (json!({ "operation": "insert", "tableId": "t" }), "data"),
        (
            json!({ "operation": "update", "tableId": "t", "data": {} }),
            "rowId",
        ),
        (
            json!({ "operation": "upsert", "tableId": "t", "data": {} }),
            "matchKey",
        ),
        (json!({ "operation": "getById", "tableId": "t" }), "rowId"),
        (json!({ "operation": "createTable" }), "name"),
        (
            json!({ "operation": "createTable", "name": "t", "columns": [{ "name": "a", "type": "int" }] }),
            "columns[0].type",
        ),
        (
            json!({ "operation": "find", "tableId": "t", "limit": 1_001 }),
            "limit",
        ),
        (
            json!({ "operation": "find", "tableId": "t", "filter": [{ "field": "a", "operator": "lik", "value": 1 }] }),
            "filter[0].operator",
        ),
        (
            json!({ "operation": "insert", "tableId": "t", "data": 5 }),
            "data",
        ),
        (
            json!({ "operation": "find", "tabelId": "t", "tableId": "t" }),
            "tabelId",
        ),
    ] {
        let steps = json!([{ "id": "s", "type": "data_table", "config": config }]);
        let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": steps });
        let answer = server.admin().post("/api/v1/workflows", body).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{config}: {}",
            answer.text
        );
        let details = answer.json()["error"]["details"].clone();
        let places: Vec<&str> = details
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["place"].as_str())
            .collect();
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
