//! A run that ends while others run for it, killed before and after every commit: whoever it waits for ends with it, and
//! whoever it does not wait for goes on.

use crate::examine::{Scene, attempt, ended, start, workflow};
use crate::server::{Server, Stop};
use crate::support::Client;
use crate::upstream::Reply;
use flowlatch::store::CommitPoint::{self, AfterCommit, BeforeCommit};
use serde_json::{Value, json};

/// How the run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Fails,
    TakesTooLong,
    IsCancelled,
}

/// A workflow that starts one run which it does not wait for and one which it does, and then ends like this.
async fn outer(scene: &Scene, client: &Client, end: End, forgotten: &str, awaited: &str) -> String {
    let config = json!({ "workflowId": forgotten, "waitForCompletion": false });
    let forgets = json!({ "id": "forgets", "type": "subworkflow", "config": config });
    let sub = json!({ "id": "sub", "type": "subworkflow", "config": { "workflowId": awaited } });
    if end != End::Fails {
        let id = workflow(client, json!([forgets, sub])).await;
        if end == End::TakesTooLong {
            let edit = json!({ "settings": { "timeoutMs": 400 } });
            let path = format!("/api/v1/workflows/{id}");
            let edited = client.send(reqwest::Method::PUT, &path, edit).await;
            assert_eq!(edited.status, 200, "{}", edited.text);
        }
        return id;
    }
    let both = json!({ "id": "both", "type": "parallel", "config":
        { "branches": [["sub"], ["boom"]], "strategy": "fail-fast" } });
    let config = json!({ "url": scene.upstream.url("/no"), "method": "POST" });
    let boom = json!({ "id": "boom", "type": "action", "action": "api.request", "config": config });
    workflow(client, json!([forgets, both, sub, boom])).await
}

/// Starts the run, and cancels it where that is its end: its id, when the server has lived to tell it and to end the run.
async fn played(
    client: &Client,
    outer: &str,
    awaited: &str,
    key: &str,
    end: End,
) -> Option<String> {
    let started = start(client, outer, key, "async").await?;
    let run = started.data()["runId"].as_str()?.to_owned();
    if end == End::IsCancelled {
        // Those before this one have ended, and whoever ended with them.
        let waits = format!("/api/v1/runs?workflowId={awaited}&status=running");
        let is_over = format!("/api/v1/runs/{run}");
        while text(client, &waits).await?.contains("\"data\":[]")
            && !text(client, &is_over).await?.contains("\"cancelled\"")
        {
            tokio::task::yield_now().await;
        }
        attempt(client, &format!("/api/v1/runs/{run}/cancel"), Value::Null).await?;
    }
    // The stream of a run ends with it, or with its server.
    let stream = text(client, &format!("/api/v1/runs/{run}/events")).await?;
    let mut ends = ["run.failed", "run.cancelled"].iter();
    ends.any(|word| stream.contains(word)).then_some(run)
}

/// What a server says that may die meanwhile.
async fn text(client: &Client, path: &str) -> Option<String> {
    let request = client.request(reqwest::Method::GET, path);
    request.send().await.ok()?.text().await.ok()
}

async fn runs_of(client: &Client, workflow: &str) -> Vec<String> {
    let path = format!("/api/v1/runs?workflowId={workflow}&limit=100");
    let listed = client.get(&path).await.data();
    let listed = listed.as_array().expect("a list").iter();
    listed
        .map(|run| run["status"].as_str().expect("a status").to_owned())
        .collect()
}

/// Kills the server at every commit of such a run, and looks at what has become of the runs below it.
async fn killed_at_every_commit(end: End) {
    let mut scene = Scene::new().await;
    scene.upstream.answer("/no", |_, _| Reply::text(400, "no"));
    let mut server: Server = scene.server().await;
    let rest =
        json!({ "id": "rest", "type": "wait", "config": { "duration": 1, "unit": "hours" } });
    let forgotten = workflow(&server.client, json!([rest])).await;
    let awaited = workflow(&server.client, json!([rest])).await;
    let outer = outer(&scene, &server.client, end, &forgotten, &awaited).await;
    let far = Stop {
        point: AfterCommit,
        commit: i64::MAX,
    };
    server.stop_at(far).await;
    let run = played(&server.client, &outer, &awaited, "undisturbed", end).await;
    run.expect("an end");
    let commits = server.commits().await;
    assert!(commits >= 5, "{commits} commits");
    let mut runs = 1;
    let points: Vec<(CommitPoint, i64)> = (1..=commits)
        .flat_map(|commit| [(BeforeCommit, commit), (AfterCommit, commit)])
        .collect();
    for (point, commit) in points {
        let stop = Stop { point, commit };
        let key = format!("{stop:?}");
        server.stop_at(stop).await;
        let playing = {
            let (client, key) = (server.client.clone(), key.clone());
            let (outer, awaited) = (outer.clone(), awaited.clone());
            tokio::spawn(async move { played(&client, &outer, &awaited, &key, end).await })
        };
        tokio::select! {
            () = server.stopped() => {}
            run = playing => assert!(run.expect("no panic").is_some(), "{key}"),
        }
        server.kill();
        server = scene.restarted().await;
        let run = played(&server.client, &outer, &awaited, &key, end).await;
        let run = run.expect("an end");
        let expected = match end {
            End::Fails | End::TakesTooLong => "failed",
            End::IsCancelled => "cancelled",
        };
        assert_eq!(
            ended(&server.client, &run).await["status"],
            expected,
            "{key}"
        );
        runs += 1;
        let below = runs_of(&server.client, &awaited).await;
        assert_eq!(below, vec!["cancelled"; runs], "{key}");
        let beside = runs_of(&server.client, &forgotten).await;
        assert_eq!(beside, vec!["running"; runs], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_a_failed_run_waited_for_ends_with_it() {
    killed_at_every_commit(End::Fails).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_a_run_waited_for_that_took_too_long_ends_with_it() {
    killed_at_every_commit(End::TakesTooLong).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_a_cancelled_run_waited_for_ends_with_it() {
    killed_at_every_commit(End::IsCancelled).await;
}
