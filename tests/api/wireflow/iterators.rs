//! `iteratorConfigs`: lists that an execution is given for its iterators.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn each() -> Value {
    graph(
        &[
            node("text", "input:text", json!({ "prompt": "[\"a\",\"b\"]" })),
            node("list", "iterator:list", json!({})),
            node(
                "join",
                "utility:prompt_concat",
                json!({ "prompt2": "!", "separator": "" }),
            ),
            node("all", "iterator:collect", json!({})),
            node("show", "output:preview", json!({})),
        ],
        &[
            "text.text>list.list",
            "list.item>join.prompt1",
            "join.prompt>all.item",
            "all.list>show.value",
        ],
    )
}

async fn shown(owner: &Wireflow, client: &Wireflow, workflow: &str, body: Value) -> Value {
    let path = format!("/workflows/{workflow}/execute");
    let answer = client.post(&path, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let id = answer.json()["executionId"].clone();
    let ended = owner.ended(id.as_str().expect("an id")).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    ended["finalOutput"]["results"]["show"]["value"].clone()
}

#[tokio::test]
async fn an_execution_goes_over_the_list_that_it_is_given() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let graph = each();
    let workflow = owner.create("each", &graph).await;
    // Lists are values, as inputs are: who may execute may give them.
    let runner = Wireflow::with(&server, &["workflows:execute"]).await;
    let configs = json!([{ "nodeId": "list", "items": ["x", "y", "z"] }]);
    for (body, expected) in [
        (
            json!({ "iteratorConfigs": configs }),
            json!(["x!", "y!", "z!"]),
        ),
        (
            json!({ "nodes": graph["nodes"], "edges": graph["edges"], "iteratorConfigs": configs }),
            json!(["x!", "y!", "z!"]),
        ),
        (
            json!({ "nodes": graph["nodes"], "edges": graph["edges"], "targetNodeId": "show", "iteratorConfigs": configs }),
            json!(["x!", "y!", "z!"]),
        ),
        (
            json!({ "iteratorConfigs": [{ "nodeId": "list", "items": [] }] }),
            json!([]),
        ),
        (json!({ "iteratorConfigs": [] }), json!(["a!", "b!"])),
        (
            json!({ "force": null, "inputs": null, "iteratorConfigs": null }),
            json!(["a!", "b!"]),
        ),
        (json!({}), json!(["a!", "b!"])),
    ] {
        assert_eq!(
            shown(&owner, &runner, &workflow, body.clone()).await,
            expected,
            "{body}"
        );
    }
    let read = owner.get(&format!("/workflows/{workflow}")).await.json();
    assert_eq!(
        read["edges"], graph["edges"],
        "the saved graph is as it was"
    );
}

#[tokio::test]
async fn lists_for_what_is_no_iterator_are_refused() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let workflow = owner.create("each", &each()).await;
    let path = format!("/workflows/{workflow}/execute");
    for (configs, told) in [
        (
            json!([{ "nodeId": "join", "items": [] }]),
            "no `iterator:list` node `join`",
        ),
        (
            json!([{ "nodeId": "nobody", "items": [] }]),
            "no `iterator:list` node `nobody`",
        ),
        (json!([{ "nodeId": "list" }]), "missing field `items`"),
        (
            json!([{ "nodeId": "list", "items": [], "values": [] }]),
            "unknown field `values`",
        ),
        (
            json!([{ "nodeId": "list", "items": "a,b" }]),
            "expected a sequence",
        ),
    ] {
        let refused = owner
            .post(&path, json!({ "iteratorConfigs": configs }))
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert!(refused.text.contains(told), "{}", refused.text);
    }
}
