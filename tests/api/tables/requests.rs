//! Tables through their endpoints.

use super::{add, found, people, problems, put, query, table};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_folder_is_listed_and_removed_when_it_is_empty() {
    const FOLDERS: &str = "/api/v1/table-folders";
    let server = TestServer::start().await;
    let admin = server.admin();
    assert_eq!(admin.get(FOLDERS).await.data(), json!([]));
    let mut body = people();
    body["folderName"] = "crm".into();
    let id = table(&admin, body).await;
    let folders = admin.get(FOLDERS).await.data();
    let folder = folders[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(folders, json!([{ "id": folder, "name": "crm" }]));
    let one = format!("{FOLDERS}/{folder}");
    let remove = async |path: &str| admin.send(Method::DELETE, path, Value::Null).await;
    let refused = remove(&one).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    insta::assert_snapshot!(refused.text, @r#"{"success":false,"error":{"code":"CONFLICT","message":"the folder `crm` holds tables (1); remove them, or put them elsewhere, before it"}}"#);
    let removed = remove(&format!("/api/v1/tables/{id}")).await;
    assert_eq!(removed.status, StatusCode::OK);
    let reader = server.with(&["tables:read"]).await;
    let refused = reader.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let removed = remove(&one).await;
    assert_eq!(removed.data(), json!({ "id": folder, "deleted": true }));
    assert_eq!(remove(&one).await.status, StatusCode::NOT_FOUND);
    let foreign = format!("{FOLDERS}/tbl_none");
    assert_eq!(remove(&foreign).await.status, StatusCode::NOT_FOUND);
    assert_eq!(admin.get(FOLDERS).await.data(), json!([]));
}

#[tokio::test]
async fn a_table_is_made_read_edited_and_removed() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let id = table(&admin, people()).await;
    let one = format!("/api/v1/tables/{id}");
    let shown = admin.get(&one).await.data();
    assert_eq!(
        shown,
        json!({
            "id": id, "name": "people", "description": "who we know", "folderId": null, "folderName": null,
            "columns": [
                { "name": "email", "type": "text", "required": true },
                { "name": "age", "type": "number", "required": false },
                { "name": "vip", "type": "boolean", "required": false },
                { "name": "born", "type": "date", "required": false },
                { "name": "extra", "type": "json", "required": false },
            ],
            "uniqueColumns": ["email"], "indexedColumns": [], "maxRows": null, "rowCount": 0,
            "createdAt": "2024-01-15T10:00:00.000Z", "updatedAt": "2024-01-15T10:00:00.000Z",
        })
    );
    assert_eq!(admin.get("/api/v1/tables/people").await.data(), shown);
    let again = admin.post("/api/v1/tables", people()).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);

    server.clock.advance_ms(1_000);
    // What GET gave can be sent back.
    let mut changed = shown.clone();
    changed["name"] = "contacts".into();
    changed["description"] = Value::Null;
    changed["folderName"] = "crm".into();
    changed["maxRows"] = 2.into();
    let edited = put(&admin, &one, changed).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let edited = edited.data();
    assert_eq!(edited["description"], Value::Null);
    assert_eq!(edited["folderName"], "crm");
    assert_eq!(edited["updatedAt"], "2024-01-15T10:00:01.000Z");
    assert_eq!(edited["columns"], shown["columns"]);

    add(
        &admin,
        "contacts",
        json!([{ "email": "a" }, { "email": "b" }]),
    )
    .await;
    let rows = format!("{one}/rows");
    let full = admin.post(&rows, json!({ "data": { "email": "c" } })).await;
    assert_eq!(full.status, StatusCode::CONFLICT, "{}", full.text);
    assert!(full.text.contains("is full"), "{}", full.text);

    let removed = admin.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(removed.data(), json!({ "id": id, "deleted": true }));
    for path in [one.as_str(), rows.as_str(), "/api/v1/tables/contacts"] {
        assert_eq!(admin.get(path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(admin.get("/api/v1/tables").await.data(), json!([]));
    // The name is free, and nothing of the old rows is left.
    let again = table(&admin, json!({ "name": "contacts" })).await;
    assert_eq!(found(&admin, &again, json!({})).await, Vec::<Value>::new());
    server.stop().await;
}

#[tokio::test]
async fn tables_are_listed_in_pages_by_folder_and_by_name() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for number in 0..5 {
        let folder = if number % 2 == 0 { "even" } else { "odd" };
        table(
            &admin,
            json!({ "name": format!("T{number}"), "folderName": folder }),
        )
        .await;
    }
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let (mut all, mut path) = (Vec::new(), "/api/v1/tables?limit=2".to_owned());
    loop {
        let page = admin.get(&path).await.json();
        all.extend(names(&page["data"]));
        if page["meta"]["hasMore"] == false {
            break;
        }
        let cursor = page["meta"]["cursor"].as_str().expect("a cursor");
        path = format!("/api/v1/tables?limit=2&cursor={cursor}");
    }
    assert_eq!(all, ["T4", "T3", "T2", "T1", "T0"]);
    let even = admin.get("/api/v1/tables?folder=even").await.data();
    assert_eq!(names(&even), ["T4", "T2", "T0"]);
    let searched = admin
        .get("/api/v1/tables?folder=even&search=t2")
        .await
        .data();
    assert_eq!(names(&searched), ["T2"]);
    server.stop().await;
}

#[tokio::test]
async fn every_mistake_of_a_table_is_told_with_its_place() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let body = json!({
        "name": " ",
        "description": 7,
        "columns": [
            { "name": "a", "type": "txt" },
            { "name": "$b", "type": "text" },
            { "type": "text", "requird": true },
            { "name": "c", "required": "yes" },
            5,
        ],
        "uniqueColumns": "a",
        "maxRows": 0,
    });
    let places: Vec<String> = problems(&admin.post("/api/v1/tables", body).await)
        .into_iter()
        .map(|(place, _)| place)
        .collect();
    assert_eq!(
        places,
        [
            "name",
            "description",
            "columns[0].type",
            "columns[1].name",
            "columns[2].requird",
            "columns[2].name",
            "columns[3].required",
            "columns[4]",
            "uniqueColumns",
            "maxRows",
        ]
    );
    let body = json!({
        "name": "t",
        "columns": [{ "name": "mail" }, { "name": "mail" }],
        "indexedColumns": ["mial"],
        "maxRows": 1_000_000,
    });
    let told = problems(&admin.post("/api/v1/tables", body).await);
    let places: Vec<&str> = told.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["columns[1].name", "indexedColumns[0]", "maxRows"]);
    assert!(told[1].1.contains("did you mean `mail`?"), "{told:?}");
    let nameless = problems(&admin.post("/api/v1/tables", json!({})).await);
    assert_eq!(nameless[0].0, "name");
    let like_id = problems(
        &admin
            .post("/api/v1/tables", json!({ "name": "tbl_x" }))
            .await,
    );
    assert_eq!(like_id[0].0, "name");
    assert_eq!(admin.get("/api/v1/tables").await.data(), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_key_bound_to_workflows_sees_no_table() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = table(&admin, json!({ "name": "hidden" })).await;
    let workflow = server
        .workflow(
            "w",
            json!([{ "id": "a", "type": "transform", "config": { "sourceData": {} } }]),
        )
        .await;
    for binding in [
        json!({ "workflowId": workflow }),
        json!({ "workflowPrefix": "w" }),
    ] {
        let mut body = json!({ "name": "bound", "scopes": ["tables:read", "tables:write"] });
        body.as_object_mut()
            .expect("an object")
            .extend(binding.as_object().expect("one").clone());
        let (_, bound) = server.with_key(body).await;
        let new = json!({ "name": "new" });
        for answer in [
            bound.get("/api/v1/tables").await,
            bound.get(&format!("/api/v1/tables/{id}")).await,
            bound.get(&format!("/api/v1/tables/{id}/rows")).await,
            bound.post("/api/v1/tables", new).await,
            query(&bound, &id, json!({})).await,
        ] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
        }
    }
    server.stop().await;
}
