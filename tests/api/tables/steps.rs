//! The step `data_table` in workflows.

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
    let word = |name: &str| run["error"][name].as_str().unwrap_or_default().to_owned();
    (word("code"), word("message"))
}

async fn server() -> TestServer {
    TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.limit_write = flowlatch::model::limit::Limit::Unlimited;
    })
    .await
}

#[tokio::test]
async fn tables_and_folders_are_made_found_and_moved() {
    let server = server().await;
    let columns = json!([{ "name": "sku", "type": "text", "required": true }]);
    let made = output(&server, json!({ "operation": "createTable", "name": "stock", "columns": columns, "uniqueColumns": ["sku"] })).await;
    assert_eq!(made["created"], true);
    assert_eq!(made["result"]["name"], "stock");
    let again = json!({ "operation": "createTable", "name": "stock" });
    assert_eq!(error(&server, again).await.0, "CONFLICT");
    let ensured = output(
        &server,
        json!({ "operation": "ensureTable", "name": "stock" }),
    )
    .await;
    assert_eq!(
        (&ensured["created"], &ensured["tableId"]),
        (&json!(false), &made["tableId"])
    );
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
    let moved =
        json!({ "operation": "assignTableToFolder", "tableId": "stock", "folderName": "shop" });
    assert_eq!(
        output(&server, moved).await["result"]["folderId"],
        folder["folderId"]
    );
    let listed = output(
        &server,
        json!({ "operation": "listTables", "folderName": "shop" }),
    )
    .await;
    assert_eq!(
        (&listed["count"], &listed["tables"][0]["name"]),
        (&json!(2), &json!("orders"))
    );
    let listed = output(
        &server,
        json!({ "operation": "listTables", "limit": 1, "offset": 1 }),
    )
    .await;
    assert_eq!(
        (&listed["tables"][0]["name"], &listed["hasMore"]),
        (&json!("stock"), &json!(false))
    );
    let out = json!({ "operation": "assignTableToFolder", "tableId": "stock" });
    assert_eq!(
        output(&server, out).await["result"]["folderId"],
        Value::Null
    );
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
async fn rows_are_added_changed_found_and_removed() {
    let server = server().await;
    let admin = server.admin();
    let id = table(&admin, json!({ "name": "stock", "columns": [
        { "name": "sku", "required": true }, { "name": "count", "type": "number" }, { "name": "gone", "type": "boolean" },
    ] }))
    .await;
    let on = |more: Value| {
        let mut config = json!({ "tableId": "stock" });
        config
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("one").clone());
        config
    };
    let one = output(
        &server,
        on(json!({ "operation": "insert", "data": { "sku": "a", "count": 1 } })),
    )
    .await;
    assert_eq!(
        (&one["result"]["data"]["sku"], &one["count"]),
        (&json!("a"), &json!(1))
    );
    let many = output(
        &server,
        on(json!({ "operation": "insert", "rows": "[{\"sku\": \"b\"}, {\"sku\": \"c\"}]" })),
    )
    .await;
    assert_eq!(
        (&many["count"], &many["result"]["inserted"]),
        (&json!(2), &json!(2))
    );
    let row = one["rowId"].clone();
    let read = output(&server, on(json!({ "operation": "getById", "rowId": row }))).await;
    assert_eq!(
        (&read["success"], &read["result"]),
        (&json!(true), &one["result"])
    );
    let none = output(
        &server,
        on(json!({ "operation": "getById", "rowId": "row_none" })),
    )
    .await;
    assert_eq!(
        none,
        json!({ "result": null, "success": false, "count": 0 })
    );
    let update = output(
        &server,
        on(json!({ "operation": "update", "rowId": row, "data": { "count": 5 } })),
    )
    .await;
    assert_eq!(update["result"]["data"], json!({ "sku": "a", "count": 5 }));
    let none = output(
        &server,
        on(json!({ "operation": "update", "rowId": "row_none", "data": {} })),
    )
    .await;
    assert_eq!(none["success"], false);
    let by_key = output(&server, on(json!({ "operation": "update", "matchKey": "sku", "matchValue": "b", "data": { "count": 6 } }))).await;
    assert_eq!(by_key["count"], 1);
    let upsert = output(&server, on(json!({ "operation": "upsert", "matchKey": "sku", "matchValue": "d", "data": { "count": 7 } }))).await;
    assert_eq!(
        (&upsert["created"], &upsert["result"]["data"]),
        (&json!(true), &json!({ "sku": "d", "count": 7 }))
    );
    let upsert = output(
        &server,
        on(json!({ "operation": "upsert", "matchKey": "sku", "data": { "sku": "d", "count": 8 } })),
    )
    .await;
    assert_eq!(upsert["created"], false);
    let many = output(&server, on(json!({ "operation": "upsertMany", "matchKey": "sku", "rows": [{ "sku": "d", "count": 9 }, { "sku": "e", "count": 10 }] }))).await;
    assert_eq!(
        (&many["result"]["inserted"], &many["result"]["updated"]),
        (&json!(1), &json!(1))
    );
    let by_filter = output(&server, on(json!({
        "operation": "update", "filter": [{ "field": "count", "operator": "gte", "value": "6" }], "data": { "gone": true },
    })))
    .await;
    assert_eq!(by_filter["count"], 3);
    let found = output(&server, on(json!({ "operation": "find", "filter": { "gone": true }, "sort": "-count", "limit": 2 }))).await;
    assert_eq!(found["result"][0]["data"]["sku"], "e");
    assert_eq!(
        (&found["count"], &found["hasMore"]),
        (&json!(2), &json!(true))
    );
    let by_key = output(
        &server,
        on(json!({ "operation": "find", "matchKey": "sku", "matchValue": "c" })),
    )
    .await;
    assert_eq!(by_key["result"][0]["data"], json!({ "sku": "c" }));
    let gone = output(
        &server,
        on(json!({ "operation": "delete", "filter": { "gone": true }, "limit": 2 })),
    )
    .await;
    assert_eq!(
        (&gone["count"], &gone["hasMore"]),
        (&json!(2), &json!(true))
    );
    let gone = output(
        &server,
        on(json!({ "operation": "delete", "matchKey": "sku", "matchValue": "c" })),
    )
    .await;
    assert_eq!(gone["count"], 1);
    let gone = output(&server, on(json!({ "operation": "delete", "rowId": row }))).await;
    assert_eq!(
        (&gone["success"], &gone["count"]),
        (&json!(true), &json!(1))
    );
    let gone = output(&server, on(json!({ "operation": "delete", "rowId": row }))).await;
    assert_eq!(gone["success"], false);
    assert_eq!(super::found(&admin, &id, json!({})).await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_a_table_does_not_allow_fails_the_step_and_changes_nothing() {
    let server = server().await;
    let admin = server.admin();
    let id = table(
        &admin,
        json!({ "name": "t", "columns": [{ "name": "n", "type": "number" }] }),
    )
    .await;
    add(&admin, &id, json!([{ "n": 1 }])).await;
    for (config, code, piece) in [
        (
            json!({ "operation": "insert", "tableId": "t", "data": { "n": "x" } }),
            "CONFIG",
            "data.n: \"x\" is not a number",
        ),
        (
            json!({ "operation": "insert", "tableId": "t", "data": { "m": 1 } }),
            "CONFIG",
            "no column `m`",
        ),
        (
            json!({ "operation": "insert", "tableId": "none", "data": {} }),
            "NOT_FOUND",
            "there is no table `none`",
        ),
        (
            json!({ "operation": "insert", "tableId": "{{input.none}}", "data": {} }),
            "CONFIG",
            "tableId",
        ),
        (
            json!({ "operation": "insert", "tableId": "t", "data": "{{input.none}}" }),
            "CONFIG",
            "data",
        ),
        (
            json!({ "operation": "delete", "tableId": "t", "filter": "{{input.none}}" }),
            "CONFIG",
            "say which rows",
        ),
        (
            json!({ "operation": "delete", "tableId": "t", "filter": {} }),
            "CONFIG",
            "no condition",
        ),
        (
            json!({ "operation": "delete", "tableId": "t", "matchKey": "n", "matchValue": "{{input.none}}" }),
            "CONFIG",
            "the key is empty",
        ),
        (
            json!({ "operation": "upsert", "tableId": "t", "matchKey": "m", "data": { "n": 1 } }),
            "CONFIG",
            "no column `m`",
        ),
        (
            json!({ "operation": "upsert", "tableId": "t", "matchKey": "n", "matchValue": "abc", "data": {} }),
            "CONFIG",
            "is not a number",
        ),
        (
            json!({ "operation": "find", "tableId": "t", "filter": { "m": 1 } }),
            "CONFIG",
            "filter.m",
        ),
        (
            json!({ "operation": "find", "tableId": "t", "limit": "{{input.limit | default('9999')}}" }),
            "CONFIG",
            "limit",
        ),
        (
            json!({ "operation": "{{input.operation}}", "tableId": "t" }),
            "CONFIG",
            "operation",
        ),
    ] {
        let (told, message) = error(&server, config.clone()).await;
        assert_eq!(told, code, "{config}: {message}");
        assert!(message.contains(piece), "{config}: {message}");
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
