//! The list.

use super::{WORKFLOWS, created, editor, greeting, greeting_with, one, put};
use crate::support::{Client, TestServer};
use serde_json::{Value, json};

async fn names(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("{WORKFLOWS}{query}")).await.json();
    let items = list.as_array().unwrap_or_else(|| panic!("{query}: {list}"));
    items
        .iter()
        .map(|item| item["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test]
async fn it_is_bare_newest_change_first_and_filtered() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    assert_eq!(
        client.get(WORKFLOWS).await.text,
        "[]",
        "the sample of the first start is no graph"
    );
    let first = created(
        &client,
        greeting_with(json!({ "name": "first", "mediaId": "m1" })),
    )
    .await;
    created(
        &client,
        greeting_with(json!({ "name": "second", "isActive": false, "teamId": "t1" })),
    )
    .await;
    let third = created(
        &client,
        greeting_with(json!({ "name": "third", "mediaId": "m1", "teamId": "t1" })),
    )
    .await;
    let renamed = greeting_with(json!({ "name": "first, changed" }));
    assert!(put(&client, &first, renamed).await.status.is_success());

    for (query, expected) in [
        ("", &["first, changed", "third", "second"][..]),
        ("?isActive=true", &["first, changed", "third"]),
        ("?isActive=false", &["second"]),
        ("?mediaId=m1", &["first, changed", "third"]),
        ("?teamId=t1", &["third", "second"]),
        ("?mediaId=m1&teamId=t1&isActive=true", &["third"]),
        ("?mediaId=nothing", &[]),
        ("?teamId=%27%20OR%201=1", &[]),
        ("?limit=1", &["first, changed"]),
    ] {
        assert_eq!(names(&client, query).await, expected, "{query}");
    }
    for (query, message) in [
        (
            "?isActive=maybe",
            "`isActive` in the query string: it is `true` or `false`.",
        ),
        ("?limit=0", "`limit` is 0; it goes from 1 to 1000."),
        ("?limit=1001", "`limit` is 1001; it goes from 1 to 1000."),
        (
            "?status=active",
            "`status` in the query string: unknown field `status`, expected one of `isActive`, `mediaId`, `teamId`, `limit`.",
        ),
    ] {
        let answer = client.get(&format!("{WORKFLOWS}{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"].as_str()),
            (400, Some(message))
        );
    }
    // An item is the workflow without its graph.
    let mut item = client.get(WORKFLOWS).await.json()[1].take();
    let mut whole = client.get(&one(&third)).await.json();
    for part in ["nodes", "edges"] {
        assert!(item.get(part).is_none(), "{item}");
        whole.as_object_mut().expect("an object").remove(part);
    }
    assert_eq!(item.take(), whole);
}

#[tokio::test]
async fn a_bound_key_sees_and_changes_its_own_only() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let mine = created(&client, greeting_with(json!({ "name": "mine: 1" }))).await;
    let other = created(&client, greeting_with(json!({ "name": "other" }))).await;
    let scopes = json!(["workflows:read", "workflows:write"]);
    for binding in [
        json!({ "workflowId": mine["id"] }),
        json!({ "workflowPrefix": "mine" }),
    ] {
        let mut body = json!({ "name": "bound", "format": "sk", "scopes": scopes });
        body.as_object_mut()
            .expect("an object")
            .extend(binding.as_object().expect("an object").clone());
        let bound = server.with_key(body).await.1.bearer();
        assert_eq!(names(&bound, "").await, ["mine: 1"]);
        assert_eq!(bound.get(&one(&mine)).await.status.as_u16(), 200);
        let refused: [(&str, Value); 4] = [
            ("", greeting_with(json!({ "id": other["id"] }))),
            ("/duplicate", json!({})),
            ("/visibility", json!({ "visibility": "view" })),
            ("/layout", json!({})),
        ];
        for (place, body) in refused {
            let path = if place.is_empty() {
                WORKFLOWS.to_owned()
            } else {
                format!("{}{place}", one(&other))
            };
            let answer = bound.post(&path, body).await;
            assert_eq!(answer.text, r#"{"error":"Workflow not found"}"#, "{path}");
        }
        let answer = bound.post(WORKFLOWS, greeting()).await;
        assert_eq!(answer.status.as_u16(), 403, "{}", answer.text);
        let out = put(
            &bound,
            &mine,
            greeting_with(json!({ "name": "out of reach" })),
        )
        .await;
        let may_rename = binding.get("workflowId").is_some();
        assert_eq!(out.status.is_success(), may_rename, "{}", out.text);
        put(&client, &mine, greeting_with(json!({ "name": "mine: 1" }))).await;
    }
    assert_eq!(names(&client, "").await, ["mine: 1", "other"]);
}

#[tokio::test]
async fn a_bound_key_cannot_save_a_graph_that_runs_what_it_does_not_reach() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let (mine, other) = (
        created(&client, greeting_with(json!({ "name": "mine" }))).await,
        created(&client, greeting_with(json!({ "name": "other" }))).await,
    );
    let body = json!({ "name": "bound", "format": "sk", "scopes": ["workflows:read", "workflows:write"], "workflowPrefix": "mine" });
    let bound = server.with_key(body).await.1.bearer();
    let calling = |config: Value, edges: Value| {
        let mut body = greeting_with(json!({ "name": "mine", "edges": edges }));
        let invoke =
            json!({ "id": "call", "data": { "nodeType": "blueprint:invoke", "config": config } });
        body["nodes"].as_array_mut().expect("nodes").push(invoke);
        body
    };
    let wired = json!([{ "id": "w", "source": "name", "target": "call", "sourceHandle": "out-text", "targetHandle": "in-workflowId" }]);
    let to_other = json!({ "workflowId": other["id"] });
    for (config, edges) in [
        (to_other.clone(), json!([])),
        (json!({ "slug": "somewhere" }), json!([])),
        (json!({ "workflowId": "{{input.name}}" }), json!([])),
        (json!({}), wired),
    ] {
        let body = calling(config, edges);
        for answer in [
            bound.post(WORKFLOWS, body.clone()).await,
            put(&bound, &mine, body.clone()).await,
        ] {
            assert_eq!(answer.status.as_u16(), 400, "{body}: {}", answer.text);
            let place = answer.json()["details"][0]["place"].take();
            assert!(
                place
                    .as_str()
                    .is_some_and(|place| place.starts_with("nodes.call.config.")),
                "{place}"
            );
        }
    }
    let mine_too = calling(json!({ "workflowId": mine["id"] }), json!([]));
    assert!(put(&bound, &mine, mine_too).await.status.is_success());
    // What somebody else has put there stays.
    let theirs = calling(to_other, json!([]));
    assert!(
        put(&client, &mine, theirs.clone())
            .await
            .status
            .is_success()
    );
    let mut renamed = theirs;
    renamed["description"] = json!("changed");
    assert!(put(&bound, &mine, renamed).await.status.is_success());
    assert_eq!(names(&bound, "").await, ["mine"]);
}
