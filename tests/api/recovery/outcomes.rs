//! An outcome that nobody knows is asked for, and what is said decides: once, also when the server stops in between.

use super::{Scene, start};
use crate::events::Events;
use crate::runs::{call, set, with};
use crate::support::Client;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A run whose call was cut off, what is said of it, and what comes of that.
struct Asked {
    run: String,
    path: &'static str,
    reply: Value,
    status: &'static str,
    output: Value,
    calls: usize,
}

fn cases() -> [(&'static str, Value, &'static str, Value, usize); 3] {
    [
        (
            "/again",
            json!({"approved": true}),
            "completed",
            json!(200),
            2,
        ),
        (
            "/told",
            json!({"approved": true, "output": {"status": "known"}}),
            "completed",
            json!("known"),
            1,
        ),
        (
            "/failed",
            json!({"approved": false, "comment": "not paid"}),
            "failed",
            Value::Null,
            1,
        ),
    ]
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_for_and_what_is_said_decides() {
    let mut scene = Scene::new().await;
    let server = scene.server(|_| {}).await;
    let mut asked = Vec::new();
    let mut gates = Vec::new();
    for (path, reply, status, output, calls) in cases() {
        gates.push(scene.upstream.hold(path));
        let step = call("c", &scene.upstream.url(path));
        let step = with(step, json!({ "onUnknown": "ask" }));
        let steps = json!([step, set("out", json!("{{steps.c.status}}"))]);
        let workflow = server.workflow(path, steps).await;
        let run = start(&server.admin(), &workflow).await;
        scene.upstream.until_called(path, 1).await;
        asked.push(Asked {
            run,
            path,
            reply,
            status,
            output,
            calls,
        });
    }
    server.stop().await;
    // Once more, so that the question itself survives a restart.
    let server = scene.server(|_| {}).await;
    for Asked { run, .. } in &asked {
        let mut events = Events::open(&server.admin(), run, None).await;
        events.until("step.unknown").await;
    }
    server.stop().await;
    let server = scene.server(|_| {}).await;
    for asked in &asked {
        answered(&scene, &server.admin(), asked).await;
    }
    server.stop().await;
}

async fn answered(scene: &Scene, admin: &Client, asked: &Asked) {
    let Asked { run, path, .. } = asked;
    let approvals = format!("/api/v1/runs/{run}/approvals");
    let pending = admin.get(&approvals).await.data();
    assert_eq!(pending[0]["kind"], "outcome", "{path}");
    assert_eq!(pending[0]["url"], Value::Null, "{path}: a link cannot know");
    let before = scene.upstream.calls(path).len();
    assert_eq!(before, 1, "{path}: nothing is called before the answer");
    let step = format!("{approvals}/c");
    let said = admin.post(&step, asked.reply.clone()).await;
    assert_eq!(said.status, StatusCode::OK, "{path}: {}", said.text);
    Events::open(admin, run, None).await.rest().await;
    let data = admin.get(&format!("/api/v1/runs/{run}")).await.data();
    let end = (&data["status"], &data["output"]);
    assert_eq!(end, (&json!(asked.status), &asked.output), "{path}");
    assert_eq!(scene.upstream.calls(path).len(), asked.calls, "{path}");
    let again = admin.post(&step, json!({"approved": true})).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{path}: {}", again.text);
}
