//! A workflow with every kind of step, killed before and after every commit that its run makes.

use crate::examine::{Scene, effects_fit, nothing_is_stuck, start, workflow};
use crate::server::Stop;
use crate::upstream::Upstream;
use flowlatch::store::CommitPoint;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// How many attempts each step with effects needs when nobody disturbs it.
pub(crate) const NEEDED: [(&str, u64); 3] = [("charge", 1), ("flaky", 2), ("yes", 1)];

/// Pure, effect, retried effect, wait, condition, effect on the way taken, pure.
pub(crate) fn steps(upstream: &Upstream) -> Value {
    let post = |id: &str| {
        let config = json!({ "url": upstream.url(&format!("/{id}")), "method": "POST", "body": { "for": id } });
        json!({ "id": id, "type": "action", "action": "api.request", "config": config })
    };
    let mut flaky = post("flaky");
    flaky["config"]["retryNonIdempotent"] = json!(true);
    flaky["retryConfig"] = json!({ "maxAttempts": 3, "initialDelayMs": 5, "jitter": false });
    let condition = json!({
        "conditions": { "left": "{{steps.flaky.data.fine}}", "operator": "eq", "right": true },
        "then": ["yes"], "else": ["no"],
    });
    let output = json!({
        "for": "{{steps.prepare.key}}", "charge": "{{steps.charge.data.receipt}}",
        "yes": "{{steps.yes.data.receipt}}", "no": "{{steps.no}}",
    });
    json!([
        { "id": "prepare", "type": "transform", "config": { "sourceData": "{{input}}" } },
        post("charge"),
        flaky,
        { "id": "pause", "type": "wait", "config": { "duration": 5 } },
        { "id": "check", "type": "condition", "config": condition },
        post("yes"),
        { "id": "no", "type": "transform", "config": { "sourceData": "no" } },
        { "id": "last", "type": "transform", "config": { "sourceData": output } },
    ])
}

/// How every run of these steps ends.
pub(crate) fn expected_output(key: &str) -> Value {
    json!({ "for": key, "charge": "/charge", "yes": "/yes", "no": null })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_before_or_after_any_commit_changes_nothing_of_the_end() {
    let mut scene = Scene::new().await;
    let mut server = scene.server().await;
    let workflow = workflow(&server.client, steps(&scene.upstream)).await;
    let mut runs = 0;
    let mut unknown = 0;
    for mode in ["async", "sync"] {
        // Undisturbed: how it ends, and how many commits it takes.
        let far = Stop {
            point: CommitPoint::AfterCommit,
            commit: i64::MAX,
        };
        server.stop_at(far).await;
        let key = format!("{mode} undisturbed");
        start(&server.client, &workflow, &key, mode).await;
        let commits_of_end = start(&server.client, &workflow, &key, "sync").await;
        let data = commits_of_end.expect("an answer").data();
        assert_eq!(data["output"], expected_output(&key));
        let commits = server.commits().await;
        assert!((6..=9).contains(&commits), "{commits} commits");
        runs += 1;
        // A synchronous start differs in its first commits only.
        let last = if mode == "sync" { 2 } else { commits };
        for commit in 1..=last {
            for point in [CommitPoint::BeforeCommit, CommitPoint::AfterCommit] {
                let stop = Stop { point, commit };
                let key = format!("{mode} {stop:?}");
                server.stop_at(stop).await;
                let starting = {
                    let (client, workflow) = (server.client.clone(), workflow.clone());
                    let (key, mode) = (key.clone(), mode.to_owned());
                    tokio::spawn(async move { start(&client, &workflow, &key, &mode).await })
                };
                server.stopped().await;
                server.kill();
                let acknowledged = starting.await.expect("no panic");
                if commit == 1 {
                    assert!(
                        acknowledged.is_none(),
                        "{key}: told before the commit was over"
                    );
                }
                server = scene.restarted().await;
                let done = start(&server.client, &workflow, &key, "sync").await;
                let done = done.expect("an answer");
                assert_eq!(done.status, StatusCode::OK, "{key}: {}", done.text);
                let data = done.data();
                assert_eq!(data["status"], "completed", "{key}");
                assert_eq!(data["output"], expected_output(&key), "{key}");
                let lost = stop.commit == 1 && stop.point == CommitPoint::BeforeCommit;
                let replayed = done.header("idempotency-replayed") == Some("true");
                assert_eq!(replayed, !lost, "{key}: what was committed is found again");
                if let Some(answer) = acknowledged {
                    assert_eq!(answer.data()["runId"], data["runId"], "{key}");
                }
                let run = data["runId"].as_str().expect("an id");
                unknown += effects_fit(&server.client, &scene.upstream, run, run, &NEEDED).await;
                runs += 1;
            }
        }
    }
    assert!(
        unknown >= 4,
        "{unknown}: kills in the middle of calls were met"
    );
    nothing_is_stuck(&server.client).await;
    let listed = server.client.get("/api/v1/runs?limit=100").await.data();
    assert_eq!(listed.as_array().map(Vec::len), Some(runs), "one run a key");
}
