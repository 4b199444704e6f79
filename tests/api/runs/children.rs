//! Sub-workflows: started once, waited for, cancelled with their parent.

use super::{call, ended, run_of, server_with_upstream, set, start, until, with};
use crate::support::TestServer;
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn child(workflow: &str, fields: Value) -> Value {
    let step = json!({"id": "sub", "type": "subworkflow", "config": {"workflowId": workflow}});
    super::loops::config(step, fields)
}

/// The runs of a workflow, newest first.
async fn runs_of(server: &TestServer, workflow: &str) -> Vec<Value> {
    let path = format!("/api/v1/runs?workflowId={workflow}");
    let answer = server.admin().get(&path).await;
    answer.data().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_child_gets_its_input_and_its_output_is_the_steps_result() {
    let server = TestServer::start().await;
    let inner = server
        .workflow("inner", json!([set("s", json!("hello {{input.name}}"))]))
        .await;
    let steps = json!([
        child(&inner, json!({"inputMapping": {"name": "{{input.who}}"}})),
        set("end", json!("{{steps.sub.result}}!")),
    ]);
    let outer = server.workflow("outer", steps).await;
    let run = server.admin().run(&outer, json!({"who": "Ada"})).await;
    assert_eq!(run["output"], "hello Ada!", "{run}");
    let inner_run = &runs_of(&server, &inner).await[0];
    assert_eq!(
        (&inner_run["status"], &inner_run["triggerType"]),
        (&json!("completed"), &json!("subworkflow"))
    );
    let whole = run_of(&server, inner_run["id"].as_str().unwrap()).await;
    assert_eq!(whole["input"], json!({"name": "Ada"}));
}

#[tokio::test]
async fn a_parent_rests_while_its_child_does_and_wakes_with_its_end() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/x");
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let outer = server
        .workflow(
            "outer",
            json!([child(&inner, json!({})), set("end", json!("{{steps.sub}}"))]),
        )
        .await;
    let run = start(&server, &outer, json!({})).await;
    upstream.until_called("/x", 1).await;
    server.clock.advance_ms(1_500);
    gate.open();
    let run = ended(&server, &run).await;
    assert_eq!(run["output"]["status"], "completed");
    assert_eq!(run["output"]["reusedExistingRun"], false);
    assert_eq!(run["output"]["durationMs"], 1_500);
    let inner_run = runs_of(&server, &inner).await[0]["id"].clone();
    assert_eq!(run["output"]["runId"], inner_run);
}

#[tokio::test]
async fn a_failed_child_fails_the_step_and_a_retry_is_another_run() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/x", |_, at| {
        Reply::json(if at == 1 { 404 } else { 200 }, &json!({}))
    });
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let steps = json!([with(
        child(&inner, json!({})),
        json!({"retryConfig": {"maxAttempts": 2, "initialDelayMs": 100}})
    )]);
    let outer = server.workflow("outer", steps).await;
    let run = start(&server, &outer, json!({})).await;
    let failed = until(&server, &run, "step.failed", "sub").await;
    assert_eq!(failed.data["error"]["code"], "SUBWORKFLOW_FAILED");
    server.clock.advance_ms(100);
    assert_eq!(ended(&server, &run).await["status"], "completed");
    assert_eq!(runs_of(&server, &inner).await.len(), 2);
    let calls = upstream.calls("/x");
    assert_eq!(calls[0].key(), calls[1].key(), "the same call, tried again");
}

#[tokio::test]
async fn cancelling_the_parent_cancels_its_children_and_theirs() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/x");
    let lowest = server
        .workflow("lowest", json!([call("c", &upstream.url("/x"))]))
        .await;
    let middle = server
        .workflow("middle", json!([child(&lowest, json!({}))]))
        .await;
    let top = server
        .workflow("top", json!([child(&middle, json!({}))]))
        .await;
    let run = start(&server, &top, json!({})).await;
    upstream.until_called("/x", 1).await;
    let cancelled = server
        .admin()
        .post(&format!("/api/v1/runs/{run}/cancel"), Value::Null)
        .await;
    assert_eq!(cancelled.status, StatusCode::OK);
    upstream.until_dropped(1).await;
    for workflow in [&lowest, &middle, &top] {
        assert_eq!(runs_of(&server, workflow).await[0]["status"], "cancelled");
    }
}

#[tokio::test]
async fn a_cancelled_child_fails_its_parent() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/x");
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let outer = server
        .workflow("outer", json!([child(&inner, json!({}))]))
        .await;
    let run = start(&server, &outer, json!({})).await;
    upstream.until_called("/x", 1).await;
    let inner_run = runs_of(&server, &inner).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    server
        .admin()
        .post(&format!("/api/v1/runs/{inner_run}/cancel"), Value::Null)
        .await;
    let run = ended(&server, &run).await;
    assert!(
        run["error"]["message"]
            .as_str()
            .unwrap()
            .contains("was cancelled"),
        "{run}"
    );
}

#[tokio::test]
async fn a_child_that_takes_too_long_is_cancelled_and_the_step_fails() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/x");
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let outer = server
        .workflow(
            "outer",
            json!([child(&inner, json!({"maxDurationSeconds": 5}))]),
        )
        .await;
    let run = start(&server, &outer, json!({})).await;
    upstream.until_called("/x", 1).await;
    until(&server, &run, "step.child", "sub").await;
    server.clock.advance_ms(5_000);
    assert_eq!(ended(&server, &run).await["status"], "failed");
    upstream.until_dropped(1).await;
    assert_eq!(runs_of(&server, &inner).await[0]["status"], "cancelled");
}

#[tokio::test]
async fn a_step_that_does_not_wait_ends_with_the_start() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/x");
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let outer = server
        .workflow(
            "outer",
            json!([child(&inner, json!({"waitForCompletion": false}))]),
        )
        .await;
    let run = server.admin().run(&outer, json!({})).await;
    assert_eq!(run["status"], "completed");
    let inner_run = run["output"]["runId"].as_str().unwrap().to_owned();
    upstream.until_called("/x", 1).await;
    gate.open();
    assert_eq!(ended(&server, &inner_run).await["status"], "completed");
}

#[tokio::test]
async fn a_run_that_ends_takes_along_whom_it_waits_for_and_nobody_else() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/boom", |_, _| Reply::text(400, "no"));
    let inner = json!([super::wait_ms("rest", 3_600_000)]);
    let awaited = server.workflow("awaited", inner.clone()).await;
    let forgotten = server.workflow("forgotten", inner).await;
    let forgets = json!({"id": "forgets", "type": "subworkflow",
        "config": {"workflowId": forgotten, "waitForCompletion": false}});
    let both = json!({"id": "both", "type": "parallel", "config":
        {"branches": [["sub"], ["boom"]], "strategy": "fail-fast"}});
    let sub = child(&awaited, json!({}));
    let boom = call("boom", &upstream.url("/boom"));
    let fails = json!([forgets, both, sub, boom]);
    let waits = json!([forgets, sub]);
    for (steps, runs, status) in [(fails, 1, "failed"), (waits, 2, "cancelled")] {
        let outer = server.workflow("outer", steps).await;
        let run = start(&server, &outer, json!({})).await;
        if status == "cancelled" {
            while runs_of(&server, &awaited).await.len() < runs {
                tokio::task::yield_now().await;
            }
            let path = format!("/api/v1/runs/{run}/cancel");
            server.admin().post(&path, Value::Null).await;
        }
        assert_eq!(ended(&server, &run).await["status"], status);
        let statuses = |runs: Vec<Value>| -> Vec<Value> {
            runs.iter().map(|run| run["status"].clone()).collect()
        };
        let below = statuses(runs_of(&server, &awaited).await);
        assert_eq!(below, vec!["cancelled"; runs], "{status}");
        let beside = statuses(runs_of(&server, &forgotten).await);
        assert_eq!(beside, vec!["running"; runs], "{status}");
    }
}

#[tokio::test]
async fn a_child_ends_with_the_step_that_it_is_inside_of() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/boom", |_, _| Reply::text(400, "no"));
    let rest = json!([super::wait_ms("rest", 3_600_000)]);
    let inner = server.workflow("inner", rest).await;
    let branches = json!({"branches": [["sub"], ["boom"]], "strategy": "fail-fast"});
    let both = json!({"id": "both", "type": "parallel", "config": branches});
    let steps = json!([
        with(
            both,
            json!({"errorHandling": {"strategy": "continue", "fallback": null}})
        ),
        child(&inner, json!({})),
        call("boom", &upstream.url("/boom")),
        super::wait_ms("later", 60_000),
    ]);
    let outer = server.workflow("outer", steps).await;
    let run = start(&server, &outer, json!({})).await;
    until(&server, &run, "step.waiting", "later").await;
    let inner_run = runs_of(&server, &inner).await[0]["id"].clone();
    let inner_run = ended(&server, inner_run.as_str().unwrap()).await;
    assert_eq!(inner_run["status"], "cancelled");
    assert_eq!(run_of(&server, &run).await["status"], "running");
}

#[tokio::test]
async fn the_same_key_is_the_same_run() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/x", |_, _| Reply::json(200, &json!({})));
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let step = child(&inner, json!({"idempotencyKey": "day-{{input.day}}"}));
    let outer = server.workflow("outer", json!([step])).await;
    let reused = |run: &Value| run["output"]["reusedExistingRun"].clone();
    let first = server.admin().run(&outer, json!({"day": 1})).await;
    let second = server.admin().run(&outer, json!({"day": 1})).await;
    let other = server.admin().run(&outer, json!({"day": 2})).await;
    assert_eq!(
        [reused(&first), reused(&second), reused(&other)],
        [json!(false), json!(true), json!(false)]
    );
    assert_eq!(first["output"]["runId"], second["output"]["runId"]);
    assert_eq!(upstream.calls("/x").len(), 2);
}

#[tokio::test]
async fn what_cannot_be_started_fails_the_step_with_the_reason() {
    let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.max_depth = 2
    })
    .await;
    let body = json!({"name": "draft", "trigger": {"type": "api"}, "steps": []});
    let draft = server.admin().post("/api/v1/workflows", body).await.data()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut strict = json!({"name": "strict", "trigger": {"type": "api"}, "steps": []});
    strict["inputSchema"] = json!({"type": "object", "required": ["n"]});
    let strict = server.workflow_with(strict).await;
    for (workflow, message) in [
        (
            "00000000-0000-7000-8000-000000000000",
            "there is no such workflow",
        ),
        (draft.as_str(), "the workflow is draft"),
        (strict.as_str(), "\"n\" is a required property"),
    ] {
        let outer = server
            .workflow("outer", json!([child(workflow, json!({}))]))
            .await;
        let run = server.admin().run(&outer, json!({})).await;
        let said = run["error"]["message"].as_str().unwrap();
        assert!(said.contains(message), "{said}");
    }
    // A workflow that starts itself ends at the depth that is allowed.
    let itself = server.workflow("itself", json!([])).await;
    let edit = json!({"steps": [child(&itself, json!({}))]});
    let path = format!("/api/v1/workflows/{itself}");
    let edited = server.admin().send(reqwest::Method::PUT, &path, edit).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let run = server.admin().run(&itself, json!({})).await;
    assert!(
        run["error"]["message"]
            .as_str()
            .unwrap()
            .contains("nested at most 2 deep"),
        "{run}"
    );
    assert_eq!(runs_of(&server, &itself).await.len(), 3);
}

#[tokio::test]
async fn a_failed_run_that_a_key_names_is_not_found_again_and_again() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/x", |_, _| Reply::json(404, &json!({})));
    let inner = server
        .workflow("inner", json!([call("c", &upstream.url("/x"))]))
        .await;
    let sub = child(
        &inner,
        json!({"idempotencyKey": "k", "inputMapping": {"n": "{{input.n}}"}}),
    );
    let sub = with(
        sub,
        json!({"retryConfig": {"maxAttempts": 5, "initialDelayMs": 0}}),
    );
    let outer = server.workflow("outer", json!([sub])).await;
    // The one that started it, and one that finds it; neither tries again.
    for _ in 0..2 {
        let run = server.admin().run(&outer, json!({"n": 1})).await;
        assert_eq!(run["status"], "failed", "{run}");
        let said = run["error"]["message"].as_str().unwrap();
        assert!(said.contains("names this run for 24 hours"), "{said}");
        let logs = super::logs_of(&server, run["runId"].as_str().unwrap()).await;
        assert_eq!(logs[0]["attempts"], 1);
    }
    assert_eq!(runs_of(&server, &inner).await.len(), 1);
    // The same key with another input is another request.
    let run = server.admin().run(&outer, json!({"n": 2})).await;
    let said = run["error"]["message"].as_str().unwrap();
    assert!(said.contains("was used with another request"), "{said}");
    assert_eq!(runs_of(&server, &inner).await.len(), 1);
    assert_eq!(upstream.calls("/x").len(), 1);
}

#[tokio::test]
async fn a_child_names_its_parent_and_goes_on_without_one_that_does_not_wait() {
    let (server, upstream) = server_with_upstream().await;
    let gates = [upstream.hold("/x"), upstream.hold("/x")];
    let steps = json!([
        call("c", &upstream.url("/x")),
        set("end", json!("{{trigger.parentRunId}}"))
    ]);
    let inner = server.workflow("inner", steps).await;
    for (waits, status) in [(true, "cancelled"), (false, "completed")] {
        let sub = child(&inner, json!({"waitForCompletion": waits}));
        let rest = json!({"id": "rest", "type": "approval", "config": {}});
        let outer = server.workflow("outer", json!([sub, rest])).await;
        let parent = start(&server, &outer, json!({})).await;
        until(&server, &parent, "step.child", "sub").await;
        let calls = if waits { 1 } else { 2 };
        upstream.until_called("/x", calls).await;
        let id = runs_of(&server, &inner).await[0]["id"].clone();
        let id = id.as_str().unwrap();
        assert_eq!(run_of(&server, id).await["parentRunId"], json!(parent));
        let path = format!("/api/v1/runs/{parent}/cancel");
        let cancelled = server.admin().post(&path, Value::Null).await;
        assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
        assert_eq!(cancelled.data()["parentRunId"], Value::Null);
        gates.iter().for_each(crate::upstream::Gate::open);
        let child = ended(&server, id).await;
        assert_eq!(child["status"], status);
        if !waits {
            assert_eq!(child["output"], json!(parent));
        }
    }
}
