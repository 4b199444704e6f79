//! Approvals: asked, answered once, in time or too late, early or after a restart.

use super::{call, ended, server_with_upstream, set, start, until};
use crate::support::{Answer, Client, MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

fn approval(fields: Value) -> Value {
    let step = json!({"id": "ok", "type": "approval", "config": {"approvers": "a@x.example, b@x.example", "reason": "pay {{input.n}}"}});
    super::loops::config(step, fields)
}

async fn answer(client: &Client, run: &str, step: &str, body: Value) -> Answer {
    client
        .post(&format!("/api/v1/runs/{run}/approvals/{step}"), body)
        .await
}

async fn pending(server: &TestServer, run: &str) -> Value {
    let answer = server
        .admin()
        .get(&format!("/api/v1/runs/{run}/approvals"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data()
}

async fn asked(server: &TestServer, fields: Value) -> (String, String) {
    let steps = json!([
        approval(fields),
        set("end", json!("{{steps.ok.approved}} {{steps.ok.comment}}"))
    ]);
    let workflow = server.workflow("asking", steps).await;
    let run = start(server, &workflow, json!({"n": 5})).await;
    until(server, &run, "step.asked", "ok").await;
    (workflow, run)
}

#[tokio::test]
async fn an_approval_is_shown_and_answered_once() {
    let server = TestServer::start_with_manual_clock().await;
    let (_, run) = asked(&server, json!({"timeout": "2h"})).await;
    let shown = pending(&server, &run).await;
    assert_eq!(shown[0]["request"]["reason"], "pay 5");
    assert_eq!(
        shown[0]["request"]["approvers"],
        json!(["a@x.example", "b@x.example"])
    );
    assert_eq!(shown[0]["waitingUntil"], "2024-01-15T12:00:00.000Z");
    let reader = server.with(&["runs:read"]).await;
    let refused = answer(&reader, &run, "ok", json!({"approved": true})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let said = answer(
        &server.admin(),
        &run,
        "ok",
        json!({"approved": false, "comment": "too much"}),
    )
    .await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    let run_view = ended(&server, &run).await;
    assert_eq!(run_view["output"], "false too much");
    for body in [
        json!({"approved": true}),
        json!({"approved": false, "comment": "too much"}),
    ] {
        let again = answer(&server.admin(), &run, "ok", body).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    }
    assert_eq!(pending(&server, &run).await, json!([]));
}

#[tokio::test]
async fn an_answer_before_the_step_waits_is_kept() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/x");
    let steps = json!([
        call("c", &upstream.url("/x")),
        approval(json!({})),
        set("end", json!("{{steps.ok.approved}}"))
    ]);
    let workflow = server.workflow("early", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    upstream.until_called("/x", 1).await;
    let early = answer(&server.admin(), &run, "ok", json!({"approved": true})).await;
    assert_eq!(early.status, StatusCode::OK, "{}", early.text);
    let twice = answer(&server.admin(), &run, "ok", json!({"approved": false})).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    gate.open();
    assert_eq!(ended(&server, &run).await["output"], true);
}

#[tokio::test]
async fn a_question_that_nobody_answers_comes_to_what_it_says() {
    for (fields, status, output) in [
        (json!({"timeoutMs": 1_000}), "failed", Value::Null),
        (
            json!({"timeoutMs": 1_000, "timeoutAction": "fail"}),
            "failed",
            Value::Null,
        ),
        (
            json!({"timeout": "1s", "timeoutAction": "approve"}),
            "completed",
            json!("true "),
        ),
        (
            json!({"timeoutMs": 1_000, "timeoutAction": "reject"}),
            "completed",
            json!("false "),
        ),
    ] {
        let server = TestServer::start_with_manual_clock().await;
        let (_, run) = asked(&server, fields.clone()).await;
        server.clock.advance_ms(1_000);
        let run = ended(&server, &run).await;
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!(status), &output),
            "{fields}"
        );
    }
}

#[tokio::test]
async fn a_question_survives_a_restart_and_so_does_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::open(folder.path(), Clock::manual(MONDAY_MS), |_| {}).await;
    let (_, run) = asked(&server, json!({})).await;
    let url = pending(&server, &run).await[0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = url.rsplit('/').next().unwrap().to_owned();
    let key = server.admin_key.clone();
    server.stop().await;
    let mut server = TestServer::open(folder.path(), Clock::manual(MONDAY_MS + 1), |_| {}).await;
    server.admin_key = key;
    assert!(
        pending(&server, &run).await[0]["url"]
            .as_str()
            .unwrap()
            .ends_with(&token)
    );
    let said = answer(&server.admin(), &run, "ok", json!({"approved": true})).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    assert_eq!(ended(&server, &run).await["output"], "true ");
    server.stop().await;
}

#[tokio::test]
async fn an_iteration_that_waits_is_named() {
    let server = TestServer::start().await;
    let head = json!({"id": "go", "type": "parallel", "config": {"forEachSource": [1, 2], "steps": ["ok"]}});
    let workflow = server
        .workflow(
            "both",
            json!([
                head,
                approval(json!({})),
                set("end", json!("{{steps.go.results}}"))
            ]),
        )
        .await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.asked", "go[1].ok").await;
    let unclear = answer(&server.admin(), &run, "ok", json!({"approved": true})).await;
    assert_eq!(unclear.status, StatusCode::CONFLICT);
    assert!(
        unclear.text.contains("2 iterations of step `ok` wait"),
        "{}",
        unclear.text
    );
    let wrong = answer(
        &server.admin(),
        &run,
        "ok",
        json!({"approved": true, "step": "go[1].other"}),
    )
    .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    for (step, approved) in [("go[1].ok", false), ("go[0].ok", true)] {
        let said = answer(
            &server.admin(),
            &run,
            "ok",
            json!({"approved": approved, "step": step}),
        )
        .await;
        assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    }
    let output = ended(&server, &run).await["output"].clone();
    assert_eq!(
        (&output[0]["approved"], &output[1]["approved"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn what_does_not_ask_cannot_be_answered() {
    let server = TestServer::start_with_manual_clock().await;
    let (workflow, run) = asked(&server, json!({})).await;
    for (step, body, status) in [
        ("end", json!({"approved": true}), StatusCode::CONFLICT),
        ("gone", json!({"approved": true}), StatusCode::NOT_FOUND),
        ("ok", json!({}), StatusCode::BAD_REQUEST),
        ("ok", json!({"approved": "yes"}), StatusCode::BAD_REQUEST),
        (
            "ok",
            json!({"approved": true, "output": 1}),
            StatusCode::CONFLICT,
        ),
        (
            "ok",
            json!({"approved": true, "comment": "x".repeat(10_001)}),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let refused = answer(&server.admin(), &run, step, body).await;
        assert_eq!(refused.status, status, "{step}: {}", refused.text);
    }
    let (_, bound) = server
        .with_key(json!({"name": "b", "scopes": ["workflows:execute"], "workflowPrefix": "other"}))
        .await;
    let elsewhere = answer(&bound, &run, "ok", json!({"approved": true})).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    server
        .admin()
        .post(&format!("/api/v1/runs/{run}/cancel"), Value::Null)
        .await;
    let late = answer(&server.admin(), &run, "ok", json!({"approved": true})).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    drop(workflow);
}
