//! Steps that change tables, killed before and after every commit that their run makes.

use crate::examine::{Scene, nothing_is_stuck, start, workflow};
use crate::server::Stop;
use crate::support::Client;
use flowlatch::store::CommitPoint;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Adds a row, counts up in another by what it was, removes one, reads what there is.
fn steps() -> Value {
    let step =
        |id: &str, config: Value| json!({ "id": id, "type": "data_table", "config": config });
    json!([
        step(
            "insert",
            json!({ "operation": "insert", "tableId": "log", "data": { "for": "{{input.key}}" } })
        ),
        step(
            "upsert",
            json!({ "operation": "upsert", "tableId": "log", "matchKey": "last", "matchValue": "yes", "data": { "by": "{{input.key}}" } })
        ),
        step(
            "delete",
            json!({ "operation": "delete", "tableId": "log", "filter": { "spare": "yes" }, "limit": 1 })
        ),
        step(
            "many",
            json!({ "operation": "upsertMany", "tableId": "log", "matchKey": "part", "rows": [
            { "part": "{{input.key}} 1" }, { "part": "{{input.key}} 2" },
        ] })
        ),
    ])
}

async fn rows(client: &Client, filter: Value) -> usize {
    let body = json!({ "filter": filter, "limit": 1000 });
    let answer = client.post("/api/v1/tables/log/rows/query", body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data().as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_or_after_any_commit_changes_a_table_once() {
    const SPARE: usize = 60;
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let made = server
        .client
        .post("/api/v1/tables", json!({ "name": "log" }))
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let spare = json!({ "rows": vec![json!({ "spare": "yes" }); SPARE] });
    server.client.post("/api/v1/tables/log/rows", spare).await;
    let workflow = workflow(&server.client, steps()).await;

    let far = Stop {
        point: CommitPoint::AfterCommit,
        commit: i64::MAX,
    };
    server.stop_at(far).await;
    let run = start(&server.client, &workflow, "undisturbed", "sync").await;
    assert_eq!(run.expect("an answer").data()["status"], "completed");
    let commits = server.commits().await;
    assert!((9..=13).contains(&commits), "{commits} commits");
    let mut runs = 1;
    for commit in 1..=commits {
        for point in [CommitPoint::BeforeCommit, CommitPoint::AfterCommit] {
            let stop = Stop { point, commit };
            let key = format!("{stop:?}");
            server.stop_at(stop).await;
            let starting = {
                let (client, workflow, key) =
                    (server.client.clone(), workflow.clone(), key.clone());
                tokio::spawn(async move { start(&client, &workflow, &key, "sync").await })
            };
            server.stopped().await;
            server.kill();
            drop(starting.await.expect("no panic"));
            server = scene.restarted().await;
            // The same key: either the run that was begun, or a new one where nothing of it was left.
            let run = start(&server.client, &workflow, &key, "sync").await;
            let run = run.expect("an answer").data();
            let path = format!("/api/v1/runs/{}", run["runId"].as_str().expect("an id"));
            server.client.get(&format!("{path}/events")).await;
            let run = server.client.get(&path).await.data();
            assert_eq!(run["status"], "completed", "{key}: {run}");
            assert_eq!(run["output"]["result"]["inserted"], 2, "{key}: {run}");
            runs += 1;
            assert_eq!(
                rows(&server.client, json!({ "for": key })).await,
                1,
                "{key}"
            );
            assert_eq!(
                rows(&server.client, json!({ "last": "yes", "by": key })).await,
                1,
                "{key}"
            );
            assert_eq!(
                rows(&server.client, json!({ "spare": "yes" })).await,
                SPARE - runs,
                "{key}"
            );
        }
    }
    // Three rows a run, one that all share, and the spare ones that are left.
    let table = server.client.get("/api/v1/tables/log").await.data();
    assert_eq!(table["rowCount"], 3 * runs + 1 + SPARE - runs);
    nothing_is_stuck(&server.client).await;
    server.kill();
}
