//! A webhook whose receiver is killed before or after the commit that records it: its sender, who has heard nothing, sends
//! it again, and it has started one run all the same.

use crate::examine::{Scene, ended, nothing_is_stuck};
use crate::server::{Server, Stop};
use crate::support::Answer;
use flowlatch::store::CommitPoint;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Two workflows behind one path; each calls out once.
async fn hooked(scene: &Scene, server: &Server) -> Vec<String> {
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let call =
            json!({ "url": scene.upstream.url("/charge"), "method": "POST", "body": "{{input}}" });
        let body = json!({
            "name": name,
            "trigger": { "type": "webhook", "path": "paid", "verify": { "eventIdHeader": "x-id" } },
            "steps": [{ "id": "charge", "type": "action", "action": "api.request", "config": call }],
        });
        let created = server.client.post("/api/v1/workflows", body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        let id = created.data()["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/workflows/{id}/activate");
        let active = server.client.post(&path, Value::Null).await;
        assert_eq!(active.status, StatusCode::OK, "{}", active.text);
        ids.push(id);
    }
    ids
}

async fn send(client: &crate::support::Client, id: &str) -> Option<Answer> {
    let request = client
        .request(Method::POST, "/webhooks/custom/paid")
        .header("x-id", id)
        .json(&json!({ "paid": id }));
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.ok()?;
    Some(Answer {
        status,
        headers,
        text,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_was_sent_again_after_a_kill_has_started_its_runs_once() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let workflows = hooked(&scene, &server).await;
    let mut sent = 0;
    // The first commit is the event's own; then come those of its runs, which may share theirs.
    for commit in 1..=3 {
        for point in [CommitPoint::BeforeCommit, CommitPoint::AfterCommit] {
            let stop = Stop { point, commit };
            let id = format!("{point:?} {commit}");
            server.stop_at(stop).await;
            let sending = {
                let (client, id) = (server.client.clone(), id.clone());
                tokio::spawn(async move { send(&client, &id).await })
            };
            server.stopped().await;
            server.kill();
            let told = sending.await.expect("no panic");
            if commit == 1 {
                assert!(told.is_none(), "{id}: told before the commit was over");
            }
            server = scene.restarted().await;
            let again = send(&server.client, &id).await.expect("an answer");
            assert_eq!(again.status, StatusCode::OK, "{id}: {}", again.text);
            let again = again.json();
            let lost = commit == 1 && point == CommitPoint::BeforeCommit;
            assert_eq!(again["duplicate"] == true, !lost, "{id}: {again}");
            if let Some(told) = told {
                assert_eq!(told.json()["eventId"], again["eventId"], "{id}");
            }
            sent += 1;
            let third = send(&server.client, &id).await.expect("an answer").json();
            let runs = third["runIds"].as_array().expect("ids").clone();
            assert_eq!(runs.len(), workflows.len(), "{id}: {third}");
            for run in &runs {
                let run = ended(&server.client, run.as_str().expect("an id")).await;
                assert_eq!(run["status"], "completed", "{id}: {run}");
                assert_eq!(run["input"]["paid"], id.as_str());
            }
        }
    }
    nothing_is_stuck(&server.client).await;
    for workflow in &workflows {
        let path = format!("/api/v1/runs?limit=100&workflowId={workflow}");
        let listed = server.client.get(&path).await.data();
        assert_eq!(listed.as_array().map(Vec::len), Some(sent));
    }
    let events = server.client.get("/api/v1/webhooks/events").await.data();
    assert_eq!(events.as_array().map(Vec::len), Some(sent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_whose_server_is_killed_has_begun_at_every_workflow_or_at_none() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let workflows = hooked(&scene, &server).await;
    let first = send(&server.client, "first").await.expect("an answer");
    let event = first.json()["eventId"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/webhooks/events/{event}");
    let begun = server.client.get(&path).await.data()["deliveries"].clone();
    for delivery in begun.as_array().expect("a list") {
        ended(&server.client, delivery["runId"].as_str().expect("an id")).await;
    }
    let replay = format!("{path}/replay");
    let mut replays = 0;
    for point in [CommitPoint::BeforeCommit, CommitPoint::AfterCommit] {
        nothing_is_stuck(&server.client).await;
        server.stop_at(Stop { point, commit: 1 }).await;
        let replaying = {
            let (client, replay) = (server.client.clone(), replay.clone());
            tokio::spawn(async move { client.request(Method::POST, &replay).send().await.is_ok() })
        };
        server.stopped().await;
        server.kill();
        let was_told = replaying.await.expect("no panic");
        assert!(!was_told, "{point:?}: told before the commit was over");
        server = scene.restarted().await;
        replays += usize::from(point == CommitPoint::AfterCommit);
        let deliveries = server.client.get(&path).await.data()["deliveries"].clone();
        let deliveries = deliveries.as_array().expect("a list").clone();
        assert_eq!(
            deliveries.len(),
            (1 + replays) * workflows.len(),
            "{point:?}"
        );
        for delivery in &deliveries {
            let run = ended(&server.client, delivery["runId"].as_str().expect("an id")).await;
            assert_eq!(run["status"], "completed", "{point:?}: {run}");
        }
    }
}
