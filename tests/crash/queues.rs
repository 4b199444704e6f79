//! Queues of waiting runs, killed at every commit: what was recorded begins in the order in which it was recorded, never two
//! at once where only one may, and a run that takes the place of others does so also when the server dies in between.

use crate::examine::{Scene, attempt, ended, nothing_is_stuck};
use crate::server::{OneRun, Server, Stop};
use crate::support::Client;
use crate::upstream::Call;
use flowlatch::store::CommitPoint::{AfterCommit, BeforeCommit};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn limited(client: &Client, steps: Value, settings: Value) -> String {
    let body = json!({
        "name": "queued", "trigger": { "type": "api" }, "steps": steps, "settings": settings,
    });
    let created = client.post("/api/v1/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}/activate");
    let activated = client.post(&path, Value::Null).await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
    id
}

/// Starts a run; `None` when the server died before its answer.
async fn start(client: &Client, workflow: &str, n: usize) -> Option<String> {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = attempt(client, &path, json!({ "input": { "n": n } })).await?;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    Some(answer.data()["runId"].as_str().expect("an id").to_owned())
}

/// Every run of the workflow, oldest first.
async fn all(server: &Server, workflow: &str) -> Vec<String> {
    let path = format!("/api/v1/runs?limit=100&workflowId={workflow}");
    let listed = server.client.get(&path).await.data();
    let listed = listed.as_array().expect("a list").iter().rev();
    let id = |run: &Value| run["id"].as_str().expect("an id").to_owned();
    listed.map(id).collect()
}

/// How the runs of the workflow stand that have not ended.
async fn unfinished(server: &Server, workflow: &str) -> Vec<String> {
    let path = format!("/api/v1/runs?limit=100&workflowId={workflow}");
    let listed = server.client.get(&path).await.data();
    let listed = listed.as_array().expect("a list").iter();
    listed
        .map(|run| run["status"].as_str().expect("a status").to_owned())
        .filter(|status| ["pending", "running"].contains(&status.as_str()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflows_queue_keeps_its_order_over_a_kill_at_any_commit() {
    keeps_its_order(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_queue_keeps_its_order_over_a_kill_at_any_commit() {
    keeps_its_order(Some(OneRun::OfServer)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keys_queue_keeps_its_order_over_a_kill_at_any_commit() {
    keeps_its_order(Some(OneRun::OfKey)).await;
}

/// The numbers of the runs in the order in which they called. A call that was cut off is made again before anybody else's.
fn order(calls: &[Call]) -> Vec<String> {
    let numbers = calls.iter().map(|call| call.target.split("n=").nth(1));
    let mut order: Vec<String> = numbers.map(|n| n.expect("a number").to_owned()).collect();
    order.dedup();
    order
}

/// One run goes on at a time, of a workflow or by one of the server's settings.
async fn keeps_its_order(limit: Option<OneRun>) {
    let mut scene = Scene::with_one_run(limit).await;
    let mut server = scene.server().await;
    for point in [BeforeCommit, AfterCommit] {
        for commit in [3, 4, 5, 7, 9, 12] {
            let story = format!("{point:?} {commit}");
            let place = format!("/held-{point:?}-{commit}").to_lowercase();
            let url = scene.upstream.url(&format!("{place}?n={{{{input.n}}}}"));
            let config = json!({ "url": url, "method": "POST" });
            let steps =
                json!([{ "id": "c", "type": "action", "action": "api.request", "config": config }]);
            let settings = match limit {
                None => json!({ "maxConcurrentRuns": 1 }),
                Some(_) => json!({}),
            };
            let workflow = limited(&server.client, steps, settings).await;
            let gate = scene.upstream.hold(&place);
            server.stop_at(Stop { point, commit }).await;
            start(&server.client, &workflow, 0)
                .await
                .expect("an answer");
            scene.upstream.until_called(&place, 1).await;
            let starting = {
                let (client, workflow) = (server.client.clone(), workflow.clone());
                tokio::spawn(async move {
                    for n in 1..5 {
                        // The first one ends while the last ones are recorded.
                        if n == 3 {
                            gate.open();
                        }
                        if start(&client, &workflow, n).await.is_none() {
                            break;
                        }
                    }
                    gate
                })
            };
            server.stopped().await;
            server.kill();
            starting.await.expect("no panic").open();
            let called = scene.upstream.calls(&place).len();
            let gate = scene.upstream.hold(&place);
            server = scene.restarted().await;
            let runs = all(&server, &workflow).await;
            if !unfinished(&server, &workflow).await.is_empty() {
                // Whoever goes on first is held, and nobody else begins meanwhile.
                scene.upstream.until_called(&place, called + 1).await;
                for _ in 0..3 {
                    let mut begun = unfinished(&server, &workflow).await;
                    begun.retain(|status| status == "running");
                    assert_eq!(begun.len(), 1, "{story}: one at a time");
                }
            }
            gate.open();
            for run in &runs {
                assert_eq!(ended(&server.client, run).await["status"], "completed");
            }
            let expected: Vec<String> = (0..runs.len()).map(|n| n.to_string()).collect();
            assert_eq!(order(&scene.upstream.calls(&place)), expected, "{story}");
        }
    }
    nothing_is_stuck(&server.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_takes_a_place_takes_it_also_after_a_kill() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let steps = json!([
        { "id": "rest", "type": "wait", "config": { "duration": 1, "unit": "hours" } }
    ]);
    let settings = json!({ "maxConcurrentRuns": 1, "onConflict": "cancel_previous" });
    for point in [BeforeCommit, AfterCommit] {
        for commit in 1..=3 {
            let workflow = limited(&server.client, steps.clone(), settings.clone()).await;
            let old = start(&server.client, &workflow, 0)
                .await
                .expect("an answer");
            crate::examine::until_step(&server.client, &old, "rest", "waiting").await;
            server.stop_at(Stop { point, commit }).await;
            let starting = {
                let (client, path) = (
                    server.client.clone(),
                    format!("/api/v1/workflows/{workflow}/run"),
                );
                tokio::spawn(async move { attempt(&client, &path, json!({})).await })
            };
            server.stopped().await;
            server.kill();
            drop(starting.await);
            server = scene.restarted().await;
            let runs = all(&server, &workflow).await;
            let new = runs.iter().find(|run| **run != old);
            assert_eq!(new.is_none(), (point, commit) == (BeforeCommit, 1));
            if let Some(new) = new {
                assert_eq!(ended(&server.client, &old).await["status"], "cancelled");
                crate::examine::until_step(&server.client, new, "rest", "waiting").await;
            }
            for run in &runs {
                let path = format!("/api/v1/runs/{run}/cancel");
                server.client.post(&path, Value::Null).await;
                // Its last commit shall not be counted as one of the next stop's.
                ended(&server.client, run).await;
            }
        }
    }
    nothing_is_stuck(&server.client).await;
}
