//! Making and replacing workflows.

use super::{WORKFLOWS, created, editor, greeting, greeting_with, one, put, read, told};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_created_workflow_is_active_and_told_three_times() {
    let server = TestServer::start_with_manual_clock().await;
    let client = editor(&server).await;
    let mut sent = greeting_with(
        json!({ "mediaId": "m1", "teamId": "t1", "webhookId": "whk_hello", "executionCount": 9 }),
    );
    sent["nodes"][0]["data"]["output"] = json!({ "text": "left by a run elsewhere" });
    let mut answer = created(&client, sent).await;
    let data = answer["data"].take();
    let meta = answer["meta"].take();
    answer
        .as_object_mut()
        .expect("an object")
        .retain(|name, _| name != "data" && name != "meta");
    assert_eq!(answer, data, "the same at the top and in `data`");
    assert_eq!(meta, json!({ "migrations": [], "warnings": [] }));
    let id = answer["id"].as_str().expect("an id").to_owned();
    assert_eq!(answer, read(&client, &answer).await, "and when it is read");

    let nodes = answer["nodes"].take();
    assert_eq!(
        answer,
        json!({
            "id": id,
            "name": "Greeting",
            "description": "Says hello",
            "tags": ["hello"],
            "isActive": true,
            "isPublished": false,
            "appSlug": null,
            "linkPermission": "PRIVATE",
            "webhookId": "whk_hello",
            "webhookUrl": format!("{}/api/v1/workflow/whk_hello/trigger", server.url),
            "isWebhookOpen": false,
            "mediaId": "m1",
            "teamId": "t1",
            "executionCount": 0,
            "lastExecutedAt": null,
            "createdAt": "2024-01-15T10:00:00.000Z",
            "updatedAt": "2024-01-15T10:00:00.000Z",
            "nodes": null,
            "edges": greeting()["edges"],
        })
    );
    let mut name = nodes[0].clone();
    assert_eq!(name["data"]["category"], "input");
    assert_eq!(name["data"]["outputs"][1]["id"], "text");
    assert_eq!(
        name["data"]["output"],
        json!({ "prompt": "Ada", "text": "Ada" }),
        "what it is set to"
    );
    for added in ["category", "inputs", "outputs", "output", "result"] {
        name["data"]
            .as_object_mut()
            .expect("an object")
            .remove(added);
    }
    assert_eq!(name, greeting()["nodes"][0], "the rest is as it was sent");
    assert_eq!(nodes[1]["data"]["output"], Value::Null, "it never ran");
}

#[tokio::test]
async fn a_replaced_workflow_keeps_what_was_left_out() {
    let server = TestServer::start_with_manual_clock().await;
    let client = editor(&server).await;
    let more = json!({ "mediaId": "m1", "webhookId": "whk_1", "isWebhookOpen": true, "isActive": false, "exposedInputs": ["name"] });
    let made = created(&client, greeting_with(more)).await;
    let bare = json!({ "name": "Renamed", "nodes": greeting()["nodes"], "edges": [] });
    let replaced = put(&client, &made, bare.clone()).await;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
    let now = read(&client, &made).await;
    assert_eq!(
        (&now["name"], &now["edges"]),
        (&json!("Renamed"), &json!([]))
    );
    for kept in [
        "description",
        "tags",
        "mediaId",
        "webhookId",
        "isWebhookOpen",
        "isActive",
        "exposedInputs",
        "createdAt",
    ] {
        assert_eq!(now[kept], made[kept], "{kept}");
    }
    let nothing = json!({ "description": null, "tags": null, "mediaId": null, "webhookId": null, "isActive": true, "exposedInputs": null });
    let mut bare = bare;
    bare.as_object_mut()
        .expect("an object")
        .extend(nothing.as_object().expect("an object").clone());
    // By POST with its id, as the other way to save.
    bare["id"] = made["id"].clone();
    let answer = client.post(WORKFLOWS, bare).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let now = read(&client, &made).await;
    for (field, value) in [
        ("description", json!(null)),
        ("tags", json!([])),
        ("mediaId", json!(null)),
        ("webhookId", json!(null)),
        ("webhookUrl", json!(null)),
        ("isWebhookOpen", json!(false)),
        ("isActive", json!(true)),
        ("exposedInputs", json!(null)),
    ] {
        assert_eq!(now[field], value, "{field}");
    }
    // What was given can be sent back.
    let mut echo = now.clone();
    echo.as_object_mut()
        .expect("an object")
        .remove("linkPermission");
    let answer = put(&client, &made, echo).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let (before, mut after) = (now, read(&client, &made).await);
    assert_ne!(
        before["updatedAt"], after["updatedAt"],
        "later with every save, also in one millisecond"
    );
    after["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_deleted_workflow_is_gone_in_every_door() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let hooked = || greeting_with(json!({ "webhookId": "whk_1" }));
    let made = created(&client, hooked()).await;
    let answer = client.send(Method::DELETE, &one(&made), Value::Null).await;
    assert_eq!(answer.json(), json!({ "id": made["id"], "deleted": true }));
    for (method, body) in [
        (Method::GET, Value::Null),
        (Method::DELETE, Value::Null),
        (Method::PUT, greeting()),
    ] {
        let answer = client.send(method, &one(&made), body).await;
        assert_eq!(told(&answer), r#"404 {"error":"Workflow not found"}"#);
    }
    assert_eq!(client.get(WORKFLOWS).await.json(), json!([]));
    let native = server.admin().get(&one(&made)).await;
    assert_eq!(native.status, StatusCode::NOT_FOUND);
    created(&client, hooked()).await;
}

#[tokio::test]
async fn what_is_no_workflow_is_refused_in_wireflows_words() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting_with(json!({ "webhookId": "whk_mine" }))).await;
    let node = |node: Value| greeting_with(json!({ "nodes": [node], "edges": [] }));
    let rows = [
        (
            json!({}),
            r#"400 {"error":"Missing required fields: name, nodes, edges","code":"missing_fields","type":"invalid_request_error"}"#,
        ),
        (
            greeting_with(json!({ "name": "" })),
            r#"400 {"error":"Missing required fields: name, nodes, edges","code":"missing_fields","type":"invalid_request_error"}"#,
        ),
        (
            greeting_with(json!({ "edges": null })),
            r#"400 {"error":"Missing required fields: name, nodes, edges","code":"missing_fields","type":"invalid_request_error"}"#,
        ),
        (
            greeting_with(json!({ "nodes": [], "edges": [] })),
            r#"400 {"error":"Cannot save workflow with 0 nodes and 0 edges. This appears to be a frontend bug. Reload the page.","code":"invalid_field","type":"invalid_request_error"}"#,
        ),
        (
            greeting_with(json!({ "nodes": [] })),
            r#"400 {"error":"At least one node must be provided","code":"invalid_field","type":"invalid_request_error"}"#,
        ),
        (
            node(json!({ "data": {} })),
            r#"400 {"error":"All nodes must have an id","code":"invalid_field","type":"invalid_request_error"}"#,
        ),
        (
            node(json!({ "id": "node-1", "type": "model", "data": {} })),
            r#"400 {"error":"Node node-1 is missing model.name","code":"invalid_field","type":"invalid_request_error"}"#,
        ),
        (
            greeting_with(
                json!({ "tags": "one", "isActive": 1, "webhookId": "a b", "description": 5, "mediaId": [], "exposedInputs": {} }),
            ),
            r#"400 {"error":"Invalid workflow","code":"validation_error","type":"invalid_request_error","details":[{"place":"description","message":"it is not a string"},{"place":"isActive","message":"it is `true` or `false`"},{"place":"tags","message":"it is a list of at most 50 strings of at most 255 characters"},{"place":"mediaId","message":"it is not a string"},{"place":"webhookId","message":"it has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`"},{"place":"exposedInputs","message":"it is a list of node ids"}]}"#,
        ),
        (
            greeting_with(json!({ "name": "a\nb" })),
            r#"400 {"error":"Invalid workflow","code":"validation_error","type":"invalid_request_error","details":[{"place":"name","message":"it has 1 to 255 characters, not only spaces, and no control characters"}]}"#,
        ),
        (
            greeting_with(json!({ "webhookId": "whk_mine" })),
            r#"409 {"error":"the webhook id `whk_mine` is another workflow's; choose another, or leave it out","code":"conflict","type":"conflict_error"}"#,
        ),
        (
            greeting_with(json!({ "id": "0198c0de-0000-7000-8000-000000000001" })),
            r#"404 {"error":"Workflow not found"}"#,
        ),
    ];
    for (body, expected) in rows {
        let answer = client.post(WORKFLOWS, body.clone()).await;
        assert_eq!(told(&answer), expected, "{body}");
    }
    let before = read(&client, &made).await;
    let visible = greeting_with(json!({ "linkPermission": "VIEW" }));
    let expected = r#"400 {"error":"`linkPermission` is not saved with a workflow; use POST /workflows/:id/visibility","code":"invalid_field","type":"invalid_request_error"}"#;
    assert_eq!(told(&put(&client, &made, visible.clone()).await), expected);
    let by_id = greeting_with(json!({ "linkPermission": "VIEW", "id": made["id"] }));
    assert_eq!(told(&client.post(WORKFLOWS, by_id).await), expected);
    assert_eq!(read(&client, &made).await, before);
    let list = client.get(WORKFLOWS).await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "nothing was made");
    // A new workflow may come from one that was read: then it is nobody's yet.
    assert_eq!(created(&client, visible).await["linkPermission"], "PRIVATE");
}
