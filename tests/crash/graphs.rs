//! Executions of graphs, killed while a node is under way: they go on where they were, and what was cancelled stays so.

use crate::examine::Scene;
use crate::server::Server;
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

const WORKFLOWS: &str = "/wireflow/api/v1/workflows";

/// A text, two pictures of it one after the other, and what shows the second.
fn drawing() -> Value {
    let node = |id: &str, node_type: &str, config: Value| json!({ "id": id, "data": { "label": id, "nodeType": node_type, "config": config } });
    let edge = |from: &str, out: &str, to: &str, into: &str| {
        json!({ "id": format!("{from}-{to}"), "source": from, "target": to,
            "sourceHandle": format!("out-{out}"), "targetHandle": format!("in-{into}") })
    };
    json!({
        "name": "drawing",
        "nodes": [
            node("text", "input:text", json!({ "prompt": "a lighthouse" })),
            node("sketch", "generate:sketch", json!({})),
            node("paint", "generate:paint", json!({})),
            node("show", "output:preview", json!({})),
        ],
        "edges": [
            edge("text", "prompt", "sketch", "prompt"),
            edge("sketch", "image", "paint", "image"),
            edge("paint", "image", "show", "value"),
        ],
    })
}

async fn poll(server: &Server, execution: &str) -> Value {
    let path = format!("{WORKFLOWS}/executions/{execution}/poll");
    let answer = server.client.bearer().get(&path).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.json()
}

/// Starts the graph; returns when its second picture has been asked for and is held back.
async fn held(scene: &Scene, server: &Server, workflow: &str, calls: usize) -> String {
    let image = json!({ "image": "https://img.example/sketch.png" });
    scene.upstream.reply("/draw", Reply::json(200, &image));
    let gate = scene.upstream.hold("/draw");
    let path = format!("{WORKFLOWS}/{workflow}/run");
    let started = server.client.bearer().post(&path, json!({})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    scene.upstream.until_called("/draw", calls).await;
    // Nobody opens it any more, and the call waits all the same.
    std::mem::forget(gate);
    let id = &started.json()["data"]["executionId"];
    id.as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_execution_goes_on_and_a_cancelled_one_stays_cancelled() {
    let mut scene = Scene::new().await;
    let backend = scene.upstream.url("").replace("http://", "");
    scene.setting.backend = Some(backend.parse().expect("an address"));
    scene.upstream.answer("/draw", |_, _| {
        Reply::json(200, &json!({ "image": "https://img.example/painted.png" }))
    });
    let server = scene.server().await;
    let client = server.client.bearer();
    let saved = client.post(WORKFLOWS, drawing()).await;
    assert_eq!(saved.status, StatusCode::CREATED, "{}", saved.text);
    let workflow = saved.json()["id"].as_str().expect("an id").to_owned();
    let cancelled = held(&scene, &server, &workflow, 2).await;
    let path = format!("{WORKFLOWS}/executions/{cancelled}/cancel");
    let answer = client.post(&path, json!({})).await;
    assert_eq!(answer.json()["status"], "CANCELLED", "{}", answer.text);
    let killed = held(&scene, &server, &workflow, 4).await;
    server.kill();

    let server = scene.restarted().await;
    let ended = loop {
        let poll = poll(&server, &killed).await;
        if poll["status"] != "RUNNING" {
            break poll;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&ended["status"], &ended["finalOutput"]["url"]),
        (
            &json!("COMPLETED"),
            &json!("https://img.example/painted.png")
        )
    );
    let calls = scene.upstream.calls_by_key();
    let of = |execution: &str, node: &str| calls.get(&format!("{execution}:{node}")).copied();
    assert_eq!(
        (of(&killed, "sketch"), of(&killed, "paint")),
        (Some(1), Some(2)),
        "what was recorded is not asked for again: {calls:?}"
    );
    assert_eq!(
        (of(&cancelled, "sketch"), of(&cancelled, "paint")),
        (Some(1), Some(1))
    );
    let told = poll(&server, &cancelled).await;
    let statuses: Vec<&Value> = told["nodeStates"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| &node["status"])
        .collect();
    assert_eq!(told["status"], "CANCELLED");
    assert_eq!(
        statuses,
        ["COMPLETED", "COMPLETED", "CANCELLED", "CANCELLED"]
    );
    server.kill();
}
