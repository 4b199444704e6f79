//! Cancels and retries, killed before and after the commits that they make.

use crate::examine::{
    Scene, attempt, effects_fit, ended, nothing_is_stuck, start, until_step, workflow,
};
use crate::server::{Server, Stop};
use flowlatch::store::CommitPoint::{self, AfterCommit, BeforeCommit};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Sends a request and kills the server where it was told to stop: whether there was an answer before.
async fn killed_at(mut server: Server, stop: Stop, path: &str) -> bool {
    server.stop_at(stop).await;
    let sending = {
        let (client, path) = (server.client.clone(), path.to_owned());
        tokio::spawn(async move { attempt(&client, &path, Value::Null).await })
    };
    server.stopped().await;
    server.kill();
    sending.await.expect("no panic").is_some()
}

fn call(scene: &Scene, id: &str) -> Value {
    let config = json!({ "url": scene.upstream.url(&format!("/{id}")), "method": "POST" });
    json!({ "id": id, "type": "action", "action": "api.request", "config": config })
}

async fn started(server: &Server, workflow: &str, key: &str) -> String {
    let answer = start(&server.client, workflow, key, "async").await;
    let data = answer.expect("an answer").data();
    data["runId"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_is_done_or_not_done_and_never_undone() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let rest =
        json!({ "id": "rest", "type": "wait", "config": { "duration": 1, "unit": "hours" } });
    let resting = workflow(&server.client, json!([call(&scene, "charge"), rest])).await;
    let held = json!([call(&scene, "held"), call(&scene, "charge")]);
    let calling = workflow(&server.client, held).await;
    for (workflow, step, status) in [(&resting, "rest", "waiting"), (&calling, "held", "running")] {
        for point in [BeforeCommit, AfterCommit] {
            let key = format!("{step} {point:?}");
            let gate = scene.upstream.hold("/held");
            let run = started(&server, workflow, &key).await;
            until_step(&server.client, &run, step, status).await;
            let path = format!("/api/v1/runs/{run}/cancel");
            let stop = Stop { point, commit: 1 };
            assert!(!killed_at(server, stop, &path).await, "{key}");
            drop(gate);
            server = scene.restarted().await;
            let again = attempt(&server.client, &path, Value::Null).await;
            let again = again.expect("an answer");
            let expected = match point {
                BeforeCommit => StatusCode::OK,
                AfterCommit => StatusCode::CONFLICT,
            };
            // A run whose cancel was lost has gone on; with nobody to hold its call it may have ended well.
            let went_on = step == "held" && point == BeforeCommit;
            assert!(again.status == expected || went_on, "{key}: {}", again.text);
            let end = ended(&server.client, &run).await;
            assert!(end["status"] == "cancelled" || went_on, "{key}: {end}");
            let charges = scene.upstream.calls_by_key();
            let charges = charges.get(&format!("{run}:charge")).copied();
            let most = usize::from(step == "rest" || went_on);
            assert!(charges.unwrap_or_default() <= most, "{key}: {charges:?}");
        }
    }
    nothing_is_stuck(&server.client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_one_new_run_or_none_and_calls_nothing_that_was_recorded() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let steps = json!([
        call(&scene, "charge"),
        call(&scene, "broken"),
        { "id": "last", "type": "transform", "config": { "sourceData": "{{steps.charge.data.receipt}}" } },
    ]);
    let workflow = workflow(&server.client, steps).await;
    let mut commits = None;
    let mut points: Vec<(CommitPoint, i64)> = vec![(AfterCommit, i64::MAX)];
    while let Some((point, commit)) = points.pop() {
        let key = format!("{point:?} {commit}");
        let run = started(&server, &workflow, &key).await;
        assert_eq!(
            ended(&server.client, &run).await["status"],
            "failed",
            "{key}"
        );
        let path = format!("/api/v1/runs/{run}/retry");
        let stop = Stop { point, commit };
        if commits.is_none() {
            server.stop_at(stop).await;
            let retried = attempt(&server.client, &path, Value::Null).await;
            let data = retried.expect("an answer").data();
            ended(&server.client, data["runId"].as_str().expect("an id")).await;
            let counted = server.commits().await;
            assert!((2..=4).contains(&counted), "{counted} commits");
            commits = Some(counted);
            for commit in 1..=counted {
                points.extend([(BeforeCommit, commit), (AfterCommit, commit)]);
            }
        } else {
            let acknowledged = killed_at(server, stop, &path).await;
            server = scene.restarted().await;
            assert!(!acknowledged || commit > 1, "{key}");
        }
        let listed = server.client.get("/api/v1/runs?limit=100").await.data();
        let listed = listed.as_array().expect("a list");
        let retries: Vec<&Value> = listed.iter().filter(|one| one["retryOf"] == *run).collect();
        let lost = (point, commit) == (BeforeCommit, 1);
        assert_eq!(retries.len(), usize::from(!lost), "{key}");
        let Some(retried) = retries.first().and_then(|retried| retried["id"].as_str()) else {
            continue;
        };
        let end = ended(&server.client, retried).await;
        assert_eq!(end["output"], "/charge", "{key}");
        let calls = scene.upstream.calls_by_key();
        assert_eq!(calls.get(&format!("{run}:charge")), Some(&1), "{key}");
        // The first of the calls under this key was the failed run's own.
        let logs = server
            .client
            .get(&format!("/api/v1/runs/{retried}/logs"))
            .await;
        let attempts = logs.data()[1]["attempts"].as_u64().expect("a number") as usize;
        let broken = calls.get(&format!("{run}:broken")).copied();
        let broken = broken.unwrap_or_default() - 1;
        assert!(
            (1..=attempts).contains(&broken) && attempts <= 2,
            "{key}: {broken} of {attempts}"
        );
        effects_fit(&server.client, &scene.upstream, retried, "", &[]).await;
    }
    nothing_is_stuck(&server.client).await;
}
