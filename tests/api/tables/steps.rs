//! The step `data_table` in workflows: what each operation gives.

use super::{add, found, table};
use crate::support::TestServer;
use serde_json::{Value, json};

/// Runs one step with this configuration; gives the run.
pub(super) async fn ran(server: &TestServer, config: Value, input: Value) -> Value {
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
pub(super) async fn error(server: &TestServer, config: Value) -> (String, String) {
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

pub(super) async fn server() -> TestServer {
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
async fn rows_are_upserted_one_by_one_and_together() {
    let server = server().await;
    stock(&server).await;
    let by_value = json!({ "matchKey": "sku", "matchValue": "d", "data": { "count": 8 } });
    let new = on_stock(&server, "upsert", by_value).await;
    assert_eq!(new["created"], true);
    assert_eq!(new["result"]["data"], json!({ "sku": "d", "count": 8 }));
    let by_data = json!({ "matchKey": "sku", "data": { "sku": "d", "count": 9 } });
    let again = on_stock(&server, "upsert", by_data).await;
    assert_eq!(
        (&again["created"], &again["rowId"]),
        (&json!(false), &new["rowId"])
    );
    let rows = json!([{ "sku": "d", "count": 10 }, { "sku": "e", "count": 11 }]);
    let many = json!({ "matchKey": "sku", "rows": rows });
    let many = on_stock(&server, "upsertMany", many).await;
    assert_eq!(many["result"]["inserted"], 1);
    assert_eq!(many["result"]["updated"], 1);
    assert_eq!(many["result"]["ids"][0], new["rowId"]);
    server.stop().await;
}

#[tokio::test]
async fn rows_are_changed_and_removed() {
    let server = server().await;
    let id = stock(&server).await;
    let one = json!({ "matchKey": "sku", "matchValue": "a" });
    let row = on_stock(&server, "find", one.clone()).await["result"][0]["id"].clone();
    let by_id = json!({ "rowId": row, "data": { "count": 12 } });
    let updated = on_stock(&server, "update", by_id).await;
    assert_eq!(updated["result"]["data"]["count"], 12);
    let nobody = json!({ "rowId": "row_none", "data": {} });
    assert_eq!(on_stock(&server, "update", nobody).await["success"], false);
    let by_key = json!({ "matchKey": "sku", "matchValue": "b", "data": { "count": 5 } });
    assert_eq!(on_stock(&server, "update", by_key).await["count"], 1);
    let filter = json!([{ "field": "count", "operator": "gt", "value": 6 }]);
    let by_filter = json!({ "filter": filter, "data": { "gone": true } });
    assert_eq!(on_stock(&server, "update", by_filter).await["count"], 2);

    let first = json!({ "filter": { "gone": true }, "limit": 1 });
    let gone = on_stock(&server, "delete", first).await;
    assert_eq!(
        (&gone["count"], &gone["hasMore"]),
        (&json!(1), &json!(true))
    );
    // It was the oldest of the two.
    assert_eq!(
        on_stock(&server, "delete", json!({ "rowId": row })).await["success"],
        false
    );
    assert_eq!(on_stock(&server, "delete", one).await["count"], 0);
    let by_key = json!({ "matchKey": "sku", "matchValue": "c" });
    assert_eq!(on_stock(&server, "delete", by_key).await["count"], 1);
    let left = found(&server.admin(), &id, json!({})).await;
    assert_eq!(left, [json!({ "sku": "b", "count": 5 })]);
    server.stop().await;
}
