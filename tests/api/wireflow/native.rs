//! Graphs through the native door.

use super::{WORKFLOWS, created, editor, greeting, greeting_with, one, read};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn the_native_door_shows_a_graph_as_nodes_and_edges() {
    let server = TestServer::start().await;
    let (client, admin) = (editor(&server).await, server.admin());
    let made = created(&client, greeting_with(json!({ "webhookId": "whk_1" }))).await;
    let answer = admin.get(&one(&made)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let native = answer.data();
    assert_eq!(native["nodes"], greeting()["nodes"], "as they were sent");
    assert_eq!(native["edges"], greeting()["edges"]);
    assert!(native.get("steps").is_none(), "{native}");
    assert_eq!(
        native["trigger"],
        json!({ "type": "hook", "id": "whk_1", "isOpen": false })
    );
    assert_eq!(
        (&native["status"], &native["version"]),
        (&json!("active"), &json!(1))
    );
    let list = admin.get("/api/v1/workflows").await.data();
    assert_eq!(list[0]["id"], made["id"]);
    // Pausing here is seen there.
    let paused = admin
        .post(&format!("{}/pause", one(&made)), Value::Null)
        .await;
    assert_eq!(paused.status, StatusCode::OK, "{}", paused.text);
    assert_eq!(read(&client, &made).await["isActive"], false);
    let archived = admin.send(Method::DELETE, &one(&made), Value::Null).await;
    assert_eq!(archived.status, StatusCode::OK, "{}", archived.text);
    assert_eq!(client.get(&one(&made)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(client.get(WORKFLOWS).await.json(), json!([]));
    created(&client, greeting_with(json!({ "webhookId": "whk_1" }))).await;
}

#[tokio::test]
async fn a_graph_that_the_native_door_takes_is_there_for_wireflows_clients() {
    let server = TestServer::start().await;
    let (client, admin) = (editor(&server).await, server.admin());
    let mut body = greeting();
    body.as_object_mut().expect("an object").remove("tags");
    let made = admin.post("/api/v1/workflows", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.data();
    assert_eq!(
        (&made["status"], &made["trigger"]),
        (&json!("draft"), &json!({ "type": "api" }))
    );
    let there = read(&client, &made).await;
    assert_eq!(
        (&there["isActive"], &there["tags"]),
        (&json!(false), &json!([]))
    );
    let edited = json!({ "edges": [], "changeSummary": "Cut" });
    let answer = admin.send(Method::PUT, &one(&made), edited).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.data()["nodes"], greeting()["nodes"]);
    assert_eq!(read(&client, &made).await["edges"], json!([]));
    let mixed = |more: Value| greeting_with(more);
    for (method, path, body, expected) in [
        (
            Method::PUT,
            one(&made),
            json!({ "steps": [] }),
            json!([["steps", "the workflow is a graph of `nodes` and `edges`"]]),
        ),
        (
            Method::POST,
            WORKFLOWS.to_owned(),
            json!({ "name": "x", "nodes": [{ "id": "a", "data": { "nodeType": "input:txt" } }], "edges": [] }),
            json!([[
                "nodes.a",
                "node `a` has the unknown type `input:txt`; did you mean `input:text`?"
            ]]),
        ),
        (
            Method::POST,
            WORKFLOWS.to_owned(),
            mixed(json!({ "steps": [], "variables": {}, "tags": null })),
            json!([
                ["steps", "the workflow is a graph of `nodes` and `edges`"],
                [
                    "variables",
                    "the workflow is a graph of `nodes` and `edges`"
                ],
            ]),
        ),
    ] {
        let answer = admin.send(method, &path, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        let details = answer.json()["error"]["details"].take();
        let told: Vec<Value> = details
            .as_array()
            .expect("details")
            .iter()
            .map(|one| json!([one["place"], one["message"]]))
            .collect();
        assert_eq!(json!(told), expected);
    }
    let canvas = format!("{}/canvas", one(&made));
    let answer = admin
        .send(Method::PATCH, &canvas, json!({ "steps": [] }))
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
}

#[tokio::test]
async fn a_graph_that_was_never_run_is_saved_in_place() {
    let server = TestServer::start().await;
    let (client, admin) = (editor(&server).await, server.admin());
    let made = created(&client, greeting()).await;
    for number in 0..3 {
        let layout = format!("{}/nodes/name", one(&made));
        let patch = json!({ "position": { "x": number, "y": number } });
        let answer = client.send(Method::PATCH, &layout, patch).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let versions = admin.get(&format!("{}/versions", one(&made))).await.data();
    assert_eq!(versions.as_array().map(Vec::len), Some(1));
    assert_eq!(admin.get(&one(&made)).await.data()["version"], 1);
}
