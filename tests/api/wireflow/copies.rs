//! Copies, links and layouts.

use super::{created, editor, greeting, greeting_with, one, read, told};
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_copy_is_a_workflow_of_its_own() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(
        &client,
        greeting_with(json!({ "webhookId": "whk_1", "mediaId": "m1" })),
    )
    .await;
    let duplicate = format!("{}/duplicate", one(&made));
    let answer = client.post(&duplicate, json!({})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let data = answer.json()["data"].take();
    assert_eq!(data["name"], "Greeting (copy)");
    let at = format!(
        "{}/wireflow/api/v1/workflows/{}",
        server.url,
        data["id"].as_str().expect("an id")
    );
    assert_eq!(data["url"], json!(at));
    let copy = read(&client, &data).await;
    for same in [
        "nodes",
        "edges",
        "tags",
        "description",
        "mediaId",
        "isActive",
    ] {
        assert_eq!(copy[same], made[same], "{same}");
    }
    assert_ne!(copy["id"], made["id"]);
    assert_eq!(
        copy["webhookId"],
        Value::Null,
        "a webhook id leads to one workflow"
    );
    let named = client.post(&duplicate, json!({ "name": "Again" })).await;
    assert_eq!(named.json()["data"]["name"], "Again");
    for name in ["", "  ", "a\u{7}", &"x".repeat(256)] {
        let answer = client.post(&duplicate, json!({ "name": name })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name:?}");
    }
    let long = created(&client, greeting_with(json!({ "name": "x".repeat(255) }))).await;
    let answer = client
        .post(&format!("{}/duplicate", one(&long)), json!({}))
        .await;
    let name = answer.json()["data"]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    assert!(name.len() == 255 && name.ends_with("x (copy)"), "{name}");
}

#[tokio::test]
async fn visibility_is_kept_and_told_where_clients_look() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let visibility = format!("{}/visibility", one(&made));
    for (word, permission, is_published) in [("view", "VIEW", true), ("private", "PRIVATE", false)]
    {
        let answer = client
            .post(&visibility, json!({ "visibility": word }))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let told = answer.json();
        assert_eq!(
            (&told["linkPermission"], &told["data"]["linkPermission"]),
            (&json!(permission), &json!(permission))
        );
        assert_eq!(told["url"], told["data"]["url"]);
        let now = read(&client, &made).await;
        assert_eq!(
            (&now["linkPermission"], &now["isPublished"]),
            (&json!(permission), &json!(is_published))
        );
        // It stays over a save.
        super::put(&client, &made, greeting()).await;
        assert_eq!(read(&client, &made).await["linkPermission"], permission);
    }
    for body in [
        json!({}),
        json!({ "visibility": "edit" }),
        json!({ "visibility": null }),
    ] {
        let answer = client.post(&visibility, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn a_layout_moves_nodes_and_nothing_else() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let layout = format!("{}/layout", one(&made));
    let answer = client.post(&layout, json!({ "gapX": 50 })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let told = answer.json()["data"].take();
    assert_eq!(
        told["positions"],
        json!({ "name": { "x": 5.0, "y": 0.0 }, "shown": { "x": 375.0, "y": 0.0 } })
    );
    assert_eq!(told["moved"], 2);
    assert_eq!(
        told["bounds"],
        json!({ "x": 5.0, "y": 0.0, "width": 690.0, "height": 200.0 })
    );
    let mut now = read(&client, &made).await;
    assert_eq!(now["updatedAt"], told["updatedAt"]);
    assert_ne!(now["updatedAt"], made["updatedAt"]);
    for at in 0..2 {
        let id = now["nodes"][at]["id"].as_str().expect("an id").to_owned();
        assert_eq!(now["nodes"][at]["position"], told["positions"][&id]);
        now["nodes"][at]["position"] = made["nodes"][at]["position"].clone();
    }
    assert_eq!(
        (&now["nodes"], &now["edges"]),
        (&made["nodes"], &made["edges"])
    );
    let again = client
        .post(&layout, json!({ "gapX": 50, "scope": "all" }))
        .await;
    assert_eq!(again.json()["data"]["moved"], 0);
    let some = client
        .post(&layout, json!({ "scope": ["shown", "nobody"] }))
        .await;
    assert_eq!(
        some.json()["data"]["positions"],
        json!({ "shown": { "x": 375.0, "y": 0.0 } })
    );
    let far = client.post(&layout, json!({ "gapY": 10_001 })).await;
    assert_eq!(
        self::told(&far),
        r#"400 {"error":"`gapY` is 10001; it goes from 0 to 10000","code":"invalid_field","type":"invalid_request_error"}"#
    );
    for body in [
        json!({ "gapX": -1 }),
        json!({ "scope": "some" }),
        json!({ "gapX": "far" }),
    ] {
        let answer = client.post(&layout, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}
