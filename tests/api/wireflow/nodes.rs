//! The change of one node.

use super::{created, editor, greeting, one, read, told};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn patch(client: &Client, workflow: &Value, node: &str, body: Value) -> Answer {
    let path = format!("{}/nodes/{node}", one(workflow));
    client.send(Method::PATCH, &path, body).await
}

#[tokio::test]
async fn parameters_are_merged_and_the_rest_stays() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let body = json!({ "config": { "prompt": "Grace", "hint": "who" }, "label": "Whom", "position": { "x": 1, "y": 2 } });
    let answer = patch(&client, &made, "name", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let told = answer.json()["data"].take();
    assert_eq!(told["node"]["id"], "name");
    assert_eq!(told["node"]["data"]["label"], "Whom");
    assert_eq!(
        told["node"]["data"]["output"],
        json!({ "prompt": "Grace", "text": "Grace" })
    );
    let now = read(&client, &made).await;
    assert_eq!(now["updatedAt"], told["updatedAt"]);
    assert_eq!(now["nodes"][0], told["node"]);
    let data = &now["nodes"][0]["data"];
    assert_eq!(data["config"], json!({ "prompt": "Grace", "hint": "who" }));
    assert_eq!(data["params"], data["config"], "mirrored");
    assert_eq!(
        (&now["nodes"][1], &now["edges"], &now["tags"]),
        (&made["nodes"][1], &made["edges"], &made["tags"])
    );

    let answer = patch(
        &client,
        &made,
        "name",
        json!({ "config": { "hint": null } }),
    )
    .await;
    assert_eq!(
        answer.json()["data"]["node"]["data"]["config"],
        json!({ "prompt": "Grace" })
    );
}

#[tokio::test]
async fn what_may_not_be_patched_is_refused_by_name() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let before = read(&client, &made).await;
    for (body, expected) in [
        (
            json!({}),
            "the patch is empty; it needs at least one of `config`, `params`, `label` and `position`",
        ),
        (
            json!({ "baseUpdatedAt": made["updatedAt"] }),
            "the patch is empty; it needs at least one of `config`, `params`, `label` and `position`",
        ),
        (
            json!({ "output": 1 }),
            "`output` cannot be patched; a patch has `config`, `params`, `label` and `position`",
        ),
        (
            json!({ "label": "x", "nodeType": "input:text" }),
            "`nodeType` cannot be patched; a patch has `config`, `params`, `label` and `position`",
        ),
        (
            json!({ "confg": {} }),
            "`confg` cannot be patched (did you mean `config`?); a patch has `config`, `params`, `label` and `position`",
        ),
        (
            json!({ "config": [] }),
            "`config` is an array; it must be an object",
        ),
        (
            json!({ "position": { "x": 1 } }),
            "`position` is an object; it must be an object with the numbers `x` and `y`",
        ),
        (
            json!({ "label": 5 }),
            "`label` is 5; it must be a text of at most 255 characters",
        ),
    ] {
        let answer = patch(&client, &made, "name", body.clone()).await;
        let told = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &told["code"]),
            (400, &json!("invalid_field")),
            "{body}"
        );
        assert_eq!(told["error"], expected, "{body}");
    }
    let label = || json!({ "label": "x" });
    assert_eq!(
        told(&patch(&client, &made, "nobody", label()).await),
        r#"404 {"error":"Node not found"}"#
    );
    let nowhere = json!({ "id": "nowhere" });
    assert_eq!(
        told(&patch(&client, &nowhere, "name", label()).await),
        r#"404 {"error":"Workflow not found"}"#
    );
    let large = json!({ "config": { "prompt": "x".repeat(256 << 10) } });
    assert_eq!(
        told(&patch(&client, &made, "name", large).await),
        r#"413 {"error":"The body is larger than 262144 bytes, the most that is taken here.","code":"payload_too_large","type":"invalid_request_error"}"#
    );
    let just = json!({ "config": { "prompt": "x".repeat((256 << 10) - 100) } });
    assert_eq!(read(&client, &made).await, before, "nothing was written");
    assert_eq!(
        patch(&client, &made, "name", just).await.status,
        StatusCode::OK
    );
}
