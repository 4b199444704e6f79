//! Tables and rows through their endpoints.

use super::{add, datas, found, problems, put, query, table};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

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
        config.max_tables = 2;
        config.max_table_columns = 3;
        config.max_table_rows = 2;
        config.max_row_bytes = 1_024;
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
async fn filters_orders_and_pages_give_what_they_say() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = table(&admin, people()).await;
    let rows: Vec<Value> = (0..10)
        .map(|n| json!({ "email": format!("u{n}"), "age": n % 3, "born": format!("2000-01-{:02}", n + 1), "extra": { "city": { "n": n } } }))
        .collect();
    add(&admin, &id, json!(rows)).await;
    let emails = |rows: &[Value]| -> String {
        let emails = rows.iter().map(|row| row["email"].as_str().unwrap_or("-"));
        emails.collect::<Vec<_>>().join(" ")
    };
    for (filter, expected) in [
        (json!({ "email": "u4" }), "u4"),
        (json!({ "age": 2 }), "u8 u5 u2"),
        (json!({ "age": "2", "email": "u5" }), "u5"),
        (
            json!([{ "field": "age", "operator": "gte", "value": 1 }, { "field": "email", "operator": "endsWith", "value": "4" }]),
            "u4",
        ),
        (
            json!({ "field": "email", "operator": "matches", "value": "^u[12]$" }),
            "u2 u1",
        ),
        (
            json!([{ "field": "born", "operator": "lt", "value": "2000-01-03" }]),
            "u1 u0",
        ),
        (
            json!([{ "field": "born", "operator": ">", "value": "2000-01-08T12:00:00Z" }]),
            "u9 u8",
        ),
        (json!({ "extra.city.n": 7 }), "u7"),
        (
            json!([{ "field": "vip", "operator": "isEmpty" }, { "field": "email", "operator": "eq", "value": "u1" }]),
            "u1",
        ),
        (
            json!([{ "field": "$createdAt", "operator": "gt", "value": "2100-01-01" }]),
            "",
        ),
        (
            json!([{ "field": "$id", "operator": "startsWith", "value": "row_" }, { "field": "age", "operator": "eq", "value": 0 }]),
            "u9 u6 u3 u0",
        ),
        // What cannot be compared is not meant.
        (
            json!([{ "field": "email", "operator": "gt", "value": 5 }]),
            "",
        ),
    ] {
        assert_eq!(
            emails(&found(&admin, &id, filter.clone()).await),
            expected,
            "{filter}"
        );
    }
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
