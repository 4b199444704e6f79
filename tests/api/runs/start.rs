//! Starting: what is answered, when, and what is refused.

use super::{call, ended, run_of, server_with_upstream, set, steps_of, wait_ms};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_synchronous_start_answers_with_the_end_of_the_run() {
    let server = TestServer::start().await;
    let workflow = server
        .workflow("echo", json!([set("out", json!({ "sum": "{{input.a}}" }))]))
        .await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = server
        .admin()
        .post(&path, json!({ "input": { "a": 5 }, "mode": "sync" }))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let data = answer.data();
    assert_eq!(data["status"], "completed");
    assert_eq!(data["output"], json!({ "sum": 5 }));
    assert_eq!(data["error"], Value::Null);
    assert_eq!(data["runId"], data["run_id"]);
    assert_eq!(data["workflowId"], workflow.as_str());
    assert_eq!(data["workflowVersion"], 1);
    assert_eq!(answer.header("idempotency-replayed"), None);

    let run = run_of(&server, data["runId"].as_str().expect("an id")).await;
    assert_eq!(run["input"], json!({ "a": 5 }));
    assert_eq!(run["output"], json!({ "sum": 5 }));
    assert_eq!(run["triggerType"], "api");
    assert_eq!(run["status"], "completed");
    assert!(run["durationMs"].as_i64().expect("a number") >= 0);
    assert!(run["startedBy"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn an_asynchronous_start_answers_before_anything_was_done() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = server
        .workflow("slow", json!([call("one", &upstream.url("/held"))]))
        .await;
    for body in [json!({}), json!({ "mode": "async" }), Value::Null] {
        let path = format!("/api/v1/workflows/{workflow}/run");
        let answer = server.admin().post(&path, body.clone()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{body}");
        let data = answer.data();
        assert_eq!(data["status"], "pending");
        assert_eq!(data["runId"], data["run_id"]);
        gate.open();
        let run = ended(&server, data["runId"].as_str().expect("an id")).await;
        assert_eq!(run["status"], "completed");
        assert_eq!(run["input"], json!({}));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_start_that_takes_too_long_is_answered_and_the_run_goes_on() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = server
        .workflow("slow", json!([call("one", &upstream.url("/held"))]))
        .await;
    let body = json!({ "mode": "sync", "maxExecutionTimeMs": 1 });
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = server.admin().post(&path, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(answer.data()["status"], "running");
    assert_eq!(answer.data()["output"], Value::Null);
    let run = answer.data()["runId"].as_str().expect("an id").to_owned();
    gate.open();
    assert_eq!(ended(&server, &run).await["status"], "completed");
    assert_eq!(upstream.calls("/held").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_start_waits_for_a_run_that_rests_meanwhile() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server
        .workflow(
            "resting",
            json!([wait_ms("rest", 1_000), set("out", json!("rested"))]),
        )
        .await;
    let admin = server.admin();
    let waiting = tokio::spawn({
        let workflow = workflow.clone();
        async move { admin.run(&workflow, json!({})).await }
    });
    let run = loop {
        let runs = server.admin().get("/api/v1/runs?status=running").await;
        if let Some(run) = runs.data()[0]["id"].as_str() {
            break run.to_owned();
        }
        tokio::task::yield_now().await;
    };
    super::until(&server, &run, "step.waiting", "rest").await;
    server.clock.advance_ms(1_000);
    let data = waiting.await.expect("an answer");
    assert_eq!(data["status"], "completed");
    assert_eq!(data["output"], "rested");
    server.stop().await;
}

#[tokio::test]
async fn an_input_that_does_not_fit_is_refused_with_every_place() {
    let server = TestServer::start().await;
    let schema = json!({
        "type": "object",
        "required": ["email"],
        "properties": {
            "age": { "type": "integer", "minimum": 0 },
            "address": { "type": "object", "properties": { "zip": { "type": "string" } } },
        },
    });
    let workflow = server
        .workflow_with(json!({
            "name": "typed", "trigger": { "type": "api" }, "inputSchema": schema,
            "steps": [set("out", json!("{{input.email}}"))],
        }))
        .await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    for mode in ["sync", "async"] {
        let input = json!({ "age": -1, "address": { "zip": 5 } });
        let answer = server
            .admin()
            .post(&path, json!({ "input": input, "mode": mode }))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.error_code(), "VALIDATION_ERROR");
        for place in ["input.age", "input.address.zip", "email"] {
            assert!(answer.text.contains(place), "{place}: {}", answer.text);
        }
        let details = answer.json()["error"]["details"].clone();
        assert_eq!(details.as_array().expect("a list").len(), 3, "{details}");
    }
    let listed = server.admin().get("/api/v1/runs").await;
    assert_eq!(listed.data(), json!([]), "nothing was written");
    let good = server.admin().run(&workflow, json!({ "email": "e" })).await;
    assert_eq!(good["output"], "e");
    server.stop().await;
}

#[tokio::test]
async fn an_output_that_does_not_fit_fails_the_run_and_keeps_its_steps() {
    let server = TestServer::start().await;
    let workflow = server
        .workflow_with(json!({
            "name": "typed", "trigger": { "type": "api" },
            "outputSchema": { "type": "object", "required": ["total"] },
            "steps": [set("out", json!({ "sum": 1 }))],
        }))
        .await;
    let data = server.admin().run(&workflow, json!({})).await;
    assert_eq!(data["status"], "failed");
    assert_eq!(data["error"]["code"], "OUTPUT_INVALID");
    let message = data["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("total"), "{message}");
    assert_eq!(data["output"], Value::Null);
    let run = data["runId"].as_str().expect("an id");
    assert_eq!(
        steps_of(&server, run).await,
        [("out".to_owned(), "completed".to_owned(), 1)]
    );
    server.stop().await;
}

#[tokio::test]
async fn only_an_active_workflow_runs() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": [set("s", json!(1))] });
    let created = admin.post("/api/v1/workflows", body).await;
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}");
    let run = format!("{path}/run");
    let refused = async |state: &str| {
        let answer = admin.post(&run, json!({})).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert_eq!(answer.error_code(), "CONFLICT");
        assert!(answer.text.contains(state), "{}", answer.text);
    };
    refused("draft").await;
    admin.post(&format!("{path}/activate"), Value::Null).await;
    assert_eq!(admin.run(&id, json!({})).await["status"], "completed");
    admin.post(&format!("{path}/pause"), Value::Null).await;
    refused("paused").await;
    admin.post(&format!("{path}/activate"), Value::Null).await;
    assert_eq!(admin.run(&id, json!({})).await["status"], "completed");
    admin.send(Method::DELETE, &path, Value::Null).await;
    refused("archived").await;
    assert_eq!(
        admin
            .get("/api/v1/runs")
            .await
            .data()
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    server.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_writes_nothing() {
    let server = TestServer::start().await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    for body in [
        json!({ "mode": "later" }),
        json!({ "mode": "sync", "maxExecutionTimeMs": 0 }),
        json!({ "mode": "sync", "maxExecutionTimeMs": 300_001 }),
        json!({ "mode": "sync", "maxExecutionTimeMs": "soon" }),
        json!({ "input": [1] }),
        json!({ "input": "text" }),
        json!({ "inputs": {} }),
        json!({ "connectionId": "conn_1" }),
        json!({ "idempotencyKey": "" }),
        json!({ "idempotencyKey": "k".repeat(256) }),
        json!([]),
    ] {
        let answer = server.admin().post(&path, body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.error_code(), "VALIDATION_ERROR", "{body}");
    }
    let unknown = server
        .admin()
        .post("/api/v1/workflows/unknown/run", json!({}))
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let reader = server.with(&["workflows:read", "runs:read"]).await;
    let forbidden = reader.post(&path, json!({})).await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    assert_eq!(reader.get("/api/v1/runs").await.data(), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_caller_who_goes_away_harms_nothing() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = server
        .workflow("slow", json!([call("one", &upstream.url("/held"))]))
        .await;
    let admin = server.admin();
    let caller = tokio::spawn(async move { admin.run(&workflow, json!({})).await });
    upstream.until_called("/held", 1).await;
    caller.abort();
    assert!(caller.await.is_err());
    gate.open();
    let listed = server.admin().get("/api/v1/runs").await;
    let run = listed.data()[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(ended(&server, &run).await["status"], "completed");
    server.stop().await;
}
