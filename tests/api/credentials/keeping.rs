//! Making, reading, changing and deleting connections, and who may.

use super::{bearer, connection, scene};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_connection_of_each_kind_shows_everything_but_its_credential() {
    let (server, _) = scene().await;
    let admin = server.admin();
    let kinds = [
        (
            "api-key",
            json!({ "key": "planted-1", "name": "X-Api-Key" }),
            json!(["api.example.com"]),
        ),
        (
            "bearer",
            json!({ "token": "planted-2" }),
            json!(["API.Example.com.:8443", "[::1]"]),
        ),
        (
            "basic",
            json!({ "username": "u", "password": "planted-3" }),
            json!(["bücher.example"]),
        ),
        (
            "smtp",
            json!({ "host": "mail.example.com", "port": 25, "username": "u", "password": "planted-4" }),
            json!([]),
        ),
    ];
    let shown = [
        json!(["api.example.com"]),
        json!(["api.example.com:8443", "[::1]"]),
        json!(["xn--bcher-kva.example"]),
        json!(["mail.example.com:25"]),
    ];
    for ((kind, credentials, hosts), shown) in kinds.into_iter().zip(shown) {
        let body = json!({ "name": "mine", "provider": kind, "type": kind, "credentials": credentials, "hosts": hosts });
        let made = admin.post("/api/v1/connections", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let data = made.data();
        assert!(
            data["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("conn_"))
        );
        let expected = json!({ "name": "mine", "provider": kind, "type": kind, "status": "active", "hosts": shown,
            "isDefault": false, "externalAccountId": null, "lastSyncedAt": null });
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(&data[name], value, "{kind}: {name}");
        }
        let one = format!(
            "/api/v1/connections/{}",
            data["id"].as_str().expect("an id")
        );
        let read = admin.get(&one).await;
        assert_eq!(read.data(), data);
        assert!(!read.text.contains("planted") && !made.text.contains("planted"));
    }
    let list = admin.get("/api/v1/connections").await;
    assert!(!list.text.contains("planted"));
    assert_eq!(list.json()["meta"], json!({ "hasMore": false }));
    let ids: Vec<Value> = list.data().as_array().expect("a list").to_vec();
    let kinds: Vec<&str> = ids
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(
        kinds,
        ["smtp", "basic", "bearer", "api-key"],
        "newest first"
    );
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let (server, _) = scene().await;
    let admin = server.admin();
    for number in 0..5 {
        let provider = if number % 2 == 0 { "even" } else { "odd" };
        connection(&admin, bearer(provider, "a-token")).await;
    }
    let count = async |query: &str| {
        let list = admin.get(&format!("/api/v1/connections{query}")).await;
        assert_eq!(list.status, StatusCode::OK, "{}", list.text);
        list.data().as_array().expect("a list").len()
    };
    for (query, expected) in [
        ("?provider=even", 3),
        ("?provider=odd&status=active", 2),
        ("?status=error", 0),
        ("?status=pending", 0),
        ("?status=expired", 0),
        ("?status=disconnected", 0),
        ("?provider=none", 0),
        ("?limit=4", 4),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    let first = admin
        .get("/api/v1/connections?limit=2&provider=even")
        .await
        .json();
    let cursor = first["meta"]["cursor"].as_str().expect("there is more");
    assert_eq!(
        count(&format!("?limit=2&provider=even&cursor={cursor}")).await,
        1
    );
    for query in [
        "?status=good",
        "?limit=0",
        "?limit=101",
        "?cursor=x",
        "?other=1",
    ] {
        let refused = admin.get(&format!("/api/v1/connections{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_provider_has_one_default() {
    let (server, _) = scene().await;
    let admin = server.admin();
    let mut body = bearer("crm", "a-token");
    body["isDefault"] = json!(true);
    let first = connection(&admin, body.clone()).await;
    let second = connection(&admin, body.clone()).await;
    body["provider"] = json!("other");
    let elsewhere = connection(&admin, body).await;
    let default = async |id: &str| {
        let one = admin.get(&format!("/api/v1/connections/{id}")).await;
        one.data()["isDefault"] == true
    };
    assert!(!default(&first).await && default(&second).await && default(&elsewhere).await);
    let path = format!("/api/v1/connections/{first}");
    let changed = admin
        .send(Method::PUT, &path, json!({ "isDefault": true }))
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    assert!(default(&first).await && !default(&second).await && default(&elsewhere).await);
}

#[tokio::test]
async fn a_new_host_needs_the_credential_again() {
    let (server, _) = scene().await;
    let admin = server.admin();
    let mut body = bearer("crm", "a-token");
    body["hosts"] = json!(["a.example", "b.example:8443"]);
    let path = format!("/api/v1/connections/{}", connection(&admin, body).await);
    let put = async |body: Value| admin.send(Method::PUT, &path, body).await;
    for hosts in [
        json!(["evil.example"]),
        json!(["a.example", "evil.example"]),
        json!(["b.example"]),
        json!(["b.example:443"]),
    ] {
        let refused = put(json!({ "hosts": hosts })).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{hosts}");
        assert!(refused.text.contains("is a new host"), "{}", refused.text);
    }
    for hosts in [
        json!(["a.example:443", "b.example:8443"]),
        json!(["a.example:443"]),
    ] {
        let narrower = put(json!({ "hosts": hosts })).await;
        assert_eq!(narrower.status, StatusCode::OK, "{}", narrower.text);
        assert_eq!(narrower.data()["hosts"], hosts);
    }
    let moved =
        json!({ "hosts": ["c.example"], "credentials": { "token": "another" }, "name": "new" });
    let moved = put(moved).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.text);
    assert_eq!(
        (&moved.data()["hosts"], &moved.data()["name"]),
        (&json!(["c.example"]), &json!("new"))
    );
}

#[tokio::test]
async fn who_made_and_changed_one_is_in_the_audit_log() {
    let (server, _) = scene().await;
    let admin = server.admin();
    let id = connection(&admin, bearer("crm", "planted-token")).await;
    let path = format!("/api/v1/connections/{id}");
    admin
        .send(Method::PUT, &path, json!({ "name": "new" }))
        .await;
    let rotated = json!({ "credentials": { "token": "planted-other" } });
    admin.send(Method::PUT, &path, rotated).await;
    let gone = admin.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(gone.data(), json!({ "id": id, "deleted": true }));
    let audit = admin.get("/api/v1/audit?limit=10").await;
    assert!(!audit.text.contains("planted"));
    let rows = audit.data();
    let rows: Vec<&Value> = rows
        .as_array()
        .expect("a list")
        .iter()
        .filter(|row| row["target"] == json!(id))
        .collect();
    let actions: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["action"].as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "connection.deleted",
            "connection.rotated",
            "connection.updated",
            "connection.created"
        ]
    );
    assert_eq!(rows[3]["detail"]["hosts"], json!(["127.0.0.1"]));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let missing = admin.send(method, &path, json!({})).await;
        assert_eq!(
            (missing.status, missing.error_code().as_str()),
            (StatusCode::NOT_FOUND, "NOT_FOUND")
        );
    }
}

async fn bound(server: &TestServer) -> crate::support::Client {
    let step = json!([{ "id": "s", "type": "transform", "config": { "sourceData": 1 } }]);
    let workflow = server.workflow("bound", step).await;
    let scopes = ["connections:read", "connections:write"];
    let body = json!({ "name": "bound", "scopes": scopes, "workflowId": workflow });
    server.with_key(body).await.1
}

#[tokio::test]
async fn a_bound_key_sees_no_connections() {
    let (server, _) = scene().await;
    let id = connection(&server.admin(), bearer("crm", "a-token")).await;
    let bound = bound(&server).await;
    let list = bound.get("/api/v1/connections").await;
    assert_eq!((list.status, list.data()), (StatusCode::OK, json!([])));
    let path = format!("/api/v1/connections/{id}");
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/test")),
    ] {
        let answer = bound.send(method.clone(), &path, json!({})).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let made = bound
        .post("/api/v1/connections", bearer("crm", "a-token"))
        .await;
    assert_eq!(made.status, StatusCode::FORBIDDEN, "{}", made.text);
    let scopes = server.with(&["connections:read"]).await;
    assert_eq!(scopes.get(&path).await.status, StatusCode::OK);
    let refused = scopes.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}
