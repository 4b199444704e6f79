//! What is asked of new definitions alone: those that were let in before are still shown, still run, still change their status.

use super::Scene;
use crate::runs::set;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Limits are for new definitions. What was let in under higher ones still runs, and is still shown.
#[tokio::test]
async fn lowered_limits_harm_no_workflow_that_is_there() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    let steps: Vec<Value> = (0..20)
        .map(|number| set(&format!("s{number}"), json!(number)))
        .collect();
    let workflow = server.workflow("large", json!(steps)).await;
    server.stop().await;
    let server = scene
        .server(|config| {
            config.max_steps = 5;
            config.max_definition_bytes = 500;
        })
        .await;
    let admin = server.admin();
    let shown = admin.get(&format!("/api/v1/workflows/{workflow}")).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert_eq!(admin.run(&workflow, json!({})).await["output"], 19);
    let body = json!({ "name": "new", "trigger": { "type": "api" }, "steps": steps });
    let refused = admin.post("/api/v1/workflows", body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    server.stop().await;
}

/// A name, the steps of a definition as it can be saved, and the same as an earlier server let them in.
fn let_in_before() -> [(&'static str, Value, Value); 3] {
    let each = |item: &str| {
        let config = json!({ "collection": "{{input.all}}", "steps": ["body"],
            "itemVariable": item, "indexVariable": "at" });
        json!([{ "id": "go", "type": "loop", "config": config }, set("body", json!("{{input.all}}"))])
    };
    let find = |n: Value| {
        let config = json!({ "tableId": "t", "operation": "find", "filter": { "n": n } });
        json!([{ "id": "rows", "type": "data_table", "config": config }])
    };
    [
        ("hidden", each("one"), each("input")),
        ("same", each("other"), each("at")),
        ("operator", find(json!(5)), find(json!({ "lt": 5 }))),
    ]
}

#[tokio::test]
async fn what_could_never_mean_what_it_seems_to_is_refused_in_new_definitions_alone() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    let table = json!({ "name": "t", "columns": [{ "name": "n", "type": "number" }] });
    let made = server.admin().post("/api/v1/tables", table).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let mut ids = Vec::new();
    for (name, steps, _) in let_in_before() {
        ids.push(server.workflow(name, steps).await);
    }
    server.stop().await;
    let file = scene.folder.path().join("flowlatch.db");
    let file = rusqlite::Connection::open(file).expect("it opens");
    for (name, steps, older) in let_in_before() {
        let change = "UPDATE definition SET body = json_set(body, '$.steps', json(?2))
            WHERE json(body -> '$.steps') = json(?1)";
        let changed = file.execute(change, (steps.to_string(), older.to_string()));
        let changed = changed.expect("it is changed");
        assert_eq!(changed, 1, "{name}");
    }
    drop(file);

    let server = scene.server(|_| {}).await;
    let admin = server.admin();
    for ((name, _, steps), id) in let_in_before().into_iter().zip(&ids) {
        let path = format!("/api/v1/workflows/{id}");
        let shown = admin.get(&path).await;
        assert_eq!(shown.status, StatusCode::OK, "{name}: {}", shown.text);
        assert_eq!(shown.data()["steps"], steps, "{name}");
        let run = admin.run(id, json!({ "all": [7] })).await;
        if name == "operator" {
            assert_eq!(run["status"], "failed", "{run}");
            let message = run["error"]["message"].to_string();
            assert!(message.contains("compared with the whole"), "{message}");
        } else {
            assert_eq!(run["status"], "completed", "{name}: {run}");
        }
        for (verb, status) in [("pause", "paused"), ("activate", "active")] {
            let moved = admin.post(&format!("{path}/{verb}"), json!({})).await;
            assert_eq!(moved.data()["status"], status, "{name}: {}", moved.text);
        }
        let body = json!({ "name": "new", "trigger": { "type": "api" }, "steps": steps });
        let refused = admin.post("/api/v1/workflows", body).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{name}: {}",
            refused.text
        );
    }
    server.stop().await;
}
