//! A workflow with a loop, a parallel step, a child and an approval, killed before and after every commit that it makes.

use crate::examine::{Scene, attempt, ended, nothing_is_stuck, start, workflow};
use crate::server::{Server, Stop};
use crate::support::Client;
use flowlatch::store::CommitPoint;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The calls that one run makes when nobody disturbs it, by the end of their keys.
const CALLS: [&str; 5] = [
    "each[0].in",
    "each[1].in",
    "both[0].left",
    "both[1].right",
    "last",
];

fn steps(scene: &Scene, inner: &str) -> Value {
    let call = |id: &str| {
        let config = json!({ "url": scene.upstream.url("/charge"), "method": "POST" });
        json!({ "id": id, "type": "action", "action": "api.request", "config": config })
    };
    json!([
        { "id": "each", "type": "loop", "config": { "collection": [1, 2], "steps": ["in", "rest"] } },
        call("in"),
        { "id": "rest", "type": "wait", "config": { "duration": 1 } },
        { "id": "both", "type": "parallel", "config": { "branches": [["left"], ["right"]] } },
        call("left"),
        call("right"),
        { "id": "sub", "type": "subworkflow", "config":
            { "workflowId": inner, "inputMapping": { "key": "{{input.key}}" } } },
        { "id": "ask", "type": "approval", "config": { "approvers": [] } },
        call("last"),
        { "id": "end", "type": "transform", "config": { "sourceData": {
            "each": "{{steps.each.count}}", "both": "{{steps.both.completedCount}}",
            "sub": "{{steps.sub.result}}", "ask": "{{steps.ask.approved}}" } } },
    ])
}

/// When the approval is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    /// As soon as the run is there, before its step asks.
    Early,
    /// While the step waits.
    Asked,
}

/// Returns when the step waits for its answer, or has one.
async fn until_asked(client: &Client, run: &str) -> Option<()> {
    let path = format!("/api/v1/runs/{run}/logs");
    loop {
        let response = client.request(Method::GET, &path).send().await.ok()?;
        let logs: Value = response.json().await.ok()?;
        let mut steps = logs["data"].as_array()?.iter();
        if steps.any(|log| log["stepId"] == "ask" && log["status"] != "pending") {
            return Some(());
        }
        tokio::task::yield_now().await;
    }
}

/// Starts the run and answers its approval: its end, when the server has lived to tell it.
async fn played(client: &Client, workflow: &str, key: &str, answered: Answered) -> Option<Value> {
    let started = start(client, workflow, key, "async").await?;
    let run = started.data()["runId"].as_str()?.to_owned();
    if answered == Answered::Asked {
        until_asked(client, &run).await?;
    }
    let path = format!("/api/v1/runs/{run}/approvals/ask");
    // Early or late, once or again after a crash: it counts once.
    let answer = attempt(client, &path, json!({ "approved": true })).await?;
    assert!(
        [200, 409].contains(&answer.status.as_u16()),
        "{}",
        answer.text
    );
    let done = start(client, workflow, key, "sync").await?;
    Some(done.data())
}

fn expected(key: &str) -> Value {
    json!({ "each": 2, "both": 2, "sub": key, "ask": true })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_steps_children_and_answers_survive_a_kill_at_any_commit() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let say =
        json!([{ "id": "say", "type": "transform", "config": { "sourceData": "{{input.key}}" } }]);
    let inner = workflow(&server.client, say).await;
    let outer = workflow(&server.client, steps(&scene, &inner)).await;
    let far = Stop {
        point: CommitPoint::AfterCommit,
        commit: i64::MAX,
    };
    server.stop_at(far).await;
    let data = played(&server.client, &outer, "undisturbed", Answered::Asked)
        .await
        .expect("an end");
    assert_eq!(data["output"], expected("undisturbed"), "{data}");
    let commits = server.commits().await;
    assert!(commits >= 10, "{commits} commits");
    let mut runs = 1;
    for commit in 1..=commits {
        for point in [CommitPoint::BeforeCommit, CommitPoint::AfterCommit] {
            let stop = Stop { point, commit };
            // Every second round, and so that both points have both.
            let is_after = i64::from(point == CommitPoint::AfterCommit);
            let answered = if (commit + is_after) % 2 == 0 {
                Answered::Early
            } else {
                Answered::Asked
            };
            let key = format!("{stop:?} {answered:?}");
            server.stop_at(stop).await;
            let playing = {
                let (client, workflow, key) = (server.client.clone(), outer.clone(), key.clone());
                tokio::spawn(async move { played(&client, &workflow, &key, answered).await })
            };
            // How commits are shared differs from run to run, so this one may have ended before.
            tokio::select! {
                () = server.stopped() => {}
                data = playing => assert!(data.expect("no panic").is_some(), "{key}"),
            }
            server.kill();
            server = scene.restarted().await;
            let data = played(&server.client, &outer, &key, answered)
                .await
                .expect("an end");
            assert_eq!(data["status"], "completed", "{key}: {data}");
            assert_eq!(data["output"], expected(&key), "{key}");
            calls_fit(&server, &scene, data["runId"].as_str().expect("an id")).await;
            runs += 1;
        }
    }
    nothing_is_stuck(&server.client).await;
    for (workflow, count) in [(&outer, runs), (&inner, runs)] {
        let path = format!("/api/v1/runs?workflowId={workflow}&limit=100");
        let listed = server.client.get(&path).await.data();
        assert_eq!(
            listed.as_array().map(Vec::len),
            Some(count),
            "one run a key, one child a run"
        );
    }
}

/// Every call was made, and once more only where its first attempt is marked unknown.
async fn calls_fit(server: &Server, scene: &Scene, run: &str) {
    let calls: HashMap<String, usize> = scene.upstream.calls_by_key();
    let stream = server
        .client
        .get(&format!("/api/v1/runs/{run}/events"))
        .await
        .text;
    for name in CALLS {
        let made = calls
            .get(&format!("{run}:{name}"))
            .copied()
            .unwrap_or_default();
        let lost = stream
            .lines()
            .filter(|line| {
                line.contains("\"step.unknown\"") && line.contains(&format!("\"{name}\""))
            })
            .count();
        assert!(
            (1..=1 + lost).contains(&made),
            "{name}: {made} calls, {lost} unknown"
        );
    }
}

/// The runs of a workflow.
async fn runs_of(server: &Server, workflow: &str) -> Vec<String> {
    let path = format!("/api/v1/runs?workflowId={workflow}&limit=100");
    let listed = server.client.get(&path).await.data();
    let runs = listed.as_array().expect("a list").iter();
    runs.map(|run| run["id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_child_with_a_key_and_one_that_nobody_waits_for_are_one_run_each_over_every_kill() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let config = json!({ "url": scene.upstream.url("/charge"), "method": "POST" });
    let charge =
        json!([{ "id": "in", "type": "action", "action": "api.request", "config": config }]);
    let kinds = [
        ("left", json!({ "waitForCompletion": false })),
        ("keyed", json!({ "idempotencyKey": "key of {{input.key}}" })),
        (
            "both",
            json!({ "waitForCompletion": false, "idempotencyKey": "key of {{input.key}}" }),
        ),
    ];
    let (mut steps, mut children) = (Vec::new(), Vec::new());
    for (id, mut config) in kinds {
        // One workflow each, so that its runs can be counted.
        let child = workflow(&server.client, charge.clone()).await;
        config["workflowId"] = json!(child);
        steps.push(json!({ "id": id, "type": "subworkflow", "config": config }));
        children.push(child);
    }
    let outer = workflow(&server.client, Value::Array(steps)).await;
    let far = Stop {
        point: CommitPoint::AfterCommit,
        commit: i64::MAX,
    };
    server.stop_at(far).await;
    let data = start(&server.client, &outer, "undisturbed", "sync").await;
    assert_eq!(data.expect("an end").data()["status"], "completed");
    for child in &children {
        for run in runs_of(&server, child).await {
            assert_eq!(ended(&server.client, &run).await["status"], "completed");
        }
    }
    let commits = server.commits().await;
    assert!(commits >= 8, "{commits} commits");
    let mut runs = 1;
    for commit in 1..=commits {
        for point in [CommitPoint::BeforeCommit, CommitPoint::AfterCommit] {
            let stop = Stop { point, commit };
            let key = format!("{stop:?}");
            server.stop_at(stop).await;
            let playing = {
                let (client, workflow, key) = (server.client.clone(), outer.clone(), key.clone());
                tokio::spawn(async move { start(&client, &workflow, &key, "sync").await })
            };
            // The run may have ended before its children have made their last commit, or with fewer commits than the first one.
            tokio::select! {
                () = server.stopped() => {}
                data = playing => assert!(data.expect("no panic").is_some(), "{key}"),
            }
            server.kill();
            server = scene.restarted().await;
            let data = start(&server.client, &outer, &key, "sync").await;
            let data = data.expect("an end").data();
            assert_eq!(data["status"], "completed", "{key}: {data}");
            runs += 1;
            for child in &children {
                let found = runs_of(&server, child).await;
                assert_eq!(found.len(), runs, "{key}: one child a run");
                assert_eq!(
                    ended(&server.client, &found[0]).await["status"],
                    "completed"
                );
            }
        }
    }
    nothing_is_stuck(&server.client).await;
}
