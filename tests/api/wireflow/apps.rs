//! Apps: graphs that are published under a name, for keys that may run nothing else.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn shout() -> Value {
    graph(
        &[
            node("name", "input:text", json!({ "prompt": "" })),
            node("mark", "input:text", json!({ "prompt": "!" })),
            node("both", "utility:prompt_concat", json!({})),
        ],
        &["name.text>both.prompt1", "mark.text>both.prompt2"],
    )
}

async fn published(owner: &Wireflow, name: &str, slug: &str) -> String {
    let id = owner.create(name, &shout()).await;
    let path = format!("/workflows/{id}/publish");
    let answer = owner.post(&path, json!({ "slug": slug })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let endpoint = format!("/api/v1/apps/{slug}/execute");
    assert_eq!(
        answer.json(),
        json!({ "data": { "workflowId": id, "slug": slug, "endpoint": endpoint } })
    );
    id
}

#[tokio::test]
async fn a_key_that_may_execute_apps_runs_them_by_name_and_nothing_else() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let guest = Wireflow::with(&server, &["apps:execute"]).await;
    let id = published(&owner, "Shout", "shout-1").await;

    let ran = guest
        .post(
            "/apps/shout-1/execute",
            json!({ "inputs": { "name": "Ada" } }),
        )
        .await;
    assert_eq!(ran.status, StatusCode::ACCEPTED, "{}", ran.text);
    let execution = ran.json()["data"]["executionId"].clone();
    let ended = owner.ended(execution.as_str().expect("an id")).await;
    assert_eq!(ended["status"], "COMPLETED");
    let texts: Vec<&str> = ended["nodeStates"]
        .as_array()
        .expect("states")
        .iter()
        .filter(|state| state["nodeId"] == "both")
        .filter_map(|state| state["text"].as_str())
        .collect();
    assert!(
        texts.len() == 1 && texts[0].starts_with("Ada") && texts[0].ends_with('!'),
        "{texts:?}"
    );

    // Neither the graph, nor another way to run it.
    for (method, path) in [
        (Method::GET, format!("/workflows/{id}")),
        (Method::POST, format!("/workflows/{id}/run")),
        (Method::POST, format!("/workflows/{id}/execute")),
        (Method::POST, format!("/workflows/{id}/publish")),
        (Method::DELETE, format!("/workflows/{id}/publish")),
        (
            Method::GET,
            format!(
                "/workflows/executions/{}",
                execution.as_str().expect("an id")
            ),
        ),
    ] {
        let refused = guest.send(method.clone(), &path, json!({})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    // And who may run workflows may not run apps for that.
    let runner = Wireflow::with(&server, &["workflows:execute", "workflows:read"]).await;
    for (method, path) in [
        (Method::GET, "/apps/shout-1"),
        (Method::POST, "/apps/shout-1/execute"),
    ] {
        let refused = runner.send(method, path, json!({})).await;
        assert_eq!(
            refused.text,
            r#"{"error":"Forbidden","required":["apps:execute"]}"#
        );
    }
}

#[tokio::test]
async fn an_app_tells_what_it_may_be_given() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let guest = Wireflow::with(&server, &["apps:execute"]).await;
    let id = published(&owner, "Shout", "shout-1").await;
    let described = guest.get("/apps/shout-1").await;
    assert_eq!(
        described.json(),
        json!({ "data": {
            "workflowId": id, "workflowName": "Shout", "method": "POST", "endpoint": "/api/v1/apps/shout-1/execute",
            "inputs": [
                { "nodeId": "name", "label": "name", "type": "text", "required": true },
                { "nodeId": "mark", "label": "mark", "type": "text", "required": false, "default": "!" },
            ],
            "example": { "inputs": { "name": "<text>", "mark": "!" } },
        } })
    );
}

#[tokio::test]
async fn inputs_of_an_app_are_checked_and_other_fields_refused() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    published(&owner, "Shout", "shout").await;
    for (body, told) in [
        (json!({}), "input `name` is missing"),
        (
            json!({ "inputs": { "name": "a", "nam": "b" } }),
            "there is no input `nam` (did you mean `name`?)",
        ),
        (json!({ "name": "a" }), "unknown field `name`"),
    ] {
        let refused = owner.post("/apps/shout/execute", body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.text.contains(told), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_name_is_one_apps_and_free_again_when_it_is_one_no_more() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let first = published(&owner, "First", "first").await;
    let second = owner.create("Second", &shout()).await;
    let publish = |id: &str| format!("/workflows/{id}/publish");
    let taken = owner
        .post(&publish(&second), json!({ "slug": "first" }))
        .await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(
        taken.text.contains("another app is called `first`"),
        "{}",
        taken.text
    );
    for slug in ["", "First", "a b", "-a", "a-", "a_b", "ä", &"a".repeat(65)] {
        let refused = owner.post(&publish(&second), json!({ "slug": slug })).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{slug}");
    }
    let read = owner.get(&format!("/workflows/{first}")).await.json();
    assert_eq!(
        (&read["appSlug"], &read["isPublished"]),
        (&json!("first"), &json!(true))
    );

    // A save leaves the name, another name takes the place of the first, and none frees it.
    let graph = shout();
    let save = json!({ "name": "First", "nodes": graph["nodes"], "edges": graph["edges"] });
    owner
        .send(Method::PUT, &format!("/workflows/{first}"), save)
        .await;
    assert_eq!(owner.get("/apps/first").await.status, StatusCode::OK);
    owner
        .post(&publish(&first), json!({ "slug": "other" }))
        .await;
    let gone = owner.get("/apps/first").await;
    assert_eq!(
        (gone.status, gone.text.as_str()),
        (StatusCode::NOT_FOUND, r#"{"error":"App not found"}"#)
    );
    let unpublished = owner
        .send(Method::DELETE, &publish(&first), Value::Null)
        .await;
    assert_eq!(
        unpublished.json(),
        json!({ "data": { "workflowId": first, "slug": null, "endpoint": null } })
    );
    assert_eq!(owner.get("/apps/other").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        owner
            .post(&publish(&second), json!({ "slug": "other" }))
            .await
            .status,
        StatusCode::OK
    );
    owner
        .send(Method::DELETE, &format!("/workflows/{second}"), Value::Null)
        .await;
    assert_eq!(owner.get("/apps/other").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        owner
            .post(&publish(&first), json!({ "slug": "other" }))
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn apps_beyond_a_keys_reach_are_not_there_and_archived_ones_are_gone() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let id = published(&owner, "Shout", "shout").await;
    let other = owner.create("Other", &shout()).await;
    for (workflow, status) in [(&id, StatusCode::OK), (&other, StatusCode::NOT_FOUND)] {
        let body = json!({ "name": "bound", "scopes": ["apps:execute"], "format": "sk", "workflowId": workflow });
        let (record, _) = server.with_key(body).await;
        let bound = Wireflow::of(&server, record["key"].as_str().expect("a key"));
        assert_eq!(bound.get("/apps/shout").await.status, status);
    }
    let admin = server.admin();
    let archived = admin
        .send(
            Method::DELETE,
            &format!("/api/v1/workflows/{id}"),
            Value::Null,
        )
        .await;
    assert_eq!(archived.status, StatusCode::OK, "{}", archived.text);
    assert_eq!(owner.get("/apps/shout").await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        owner
            .post(
                &format!("/workflows/{other}/publish"),
                json!({ "slug": "shout" })
            )
            .await
            .status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_native_door_publishes_graphs_and_nothing_else() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let id = owner.create("Shout", &shout()).await;
    let admin = server.admin();
    let publish = format!("/api/v1/workflows/{id}/publish");
    let published = admin.post(&publish, json!({ "slug": "shout" })).await;
    assert_eq!(published.data()["endpoint"], "/api/v1/apps/shout/execute");
    assert_eq!(owner.get("/apps/shout").await.status, StatusCode::OK);
    let none = admin.send(Method::DELETE, &publish, Value::Null).await;
    assert_eq!(none.data()["slug"], Value::Null);
    let steps = server
        .workflow(
            "steps",
            json!([{ "id": "a", "type": "wait", "config": { "duration": 1 } }]),
        )
        .await;
    let refused = admin
        .post(
            &format!("/api/v1/workflows/{steps}/publish"),
            json!({ "slug": "steps" }),
        )
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(
        refused
            .text
            .contains("only a workflow of nodes and edges can be an app"),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn what_is_not_active_is_started_by_nothing() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let id = published(&owner, "Shout", "shout").await;
    let graph = shout();
    let paused = json!({ "name": "Shout", "nodes": graph["nodes"], "edges": graph["edges"], "isActive": false });
    owner
        .send(Method::PUT, &format!("/workflows/{id}"), paused)
        .await;
    let given = json!({ "inputs": { "name": "Ada" } });
    let sent =
        json!({ "nodes": graph["nodes"], "edges": graph["edges"], "inputs": { "name": "Ada" } });
    for (path, body) in [
        (format!("/workflows/{id}/run"), given.clone()),
        (format!("/workflows/{id}/execute"), given.clone()),
        (format!("/workflows/{id}/execute"), sent),
        ("/apps/shout/execute".to_owned(), given),
    ] {
        let refused = owner.post(&path, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(refused.json()["error"], "Workflow is not active", "{path}");
    }
    let history = owner.get(&format!("/workflows/{id}/executions")).await;
    assert_eq!(history.json()["executions"], json!([]));
}
