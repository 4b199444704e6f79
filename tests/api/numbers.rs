//! The bounds of definitions, inputs, outputs, calls and waits: each at its edge, each moved by its setting.

use crate::runs::{call, set};
use crate::support::{Answer, MONDAY_MS, TestServer};
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use reqwest::StatusCode;
use serde_json::{Value, json};

const WORKFLOWS: &str = "/api/v1/workflows";
const MIB: usize = 1 << 20;

async fn server(configure: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        configure(config);
    })
    .await
}

fn definition(steps: usize) -> Value {
    let steps: Vec<Value> = (0..steps)
        .map(|n| set(&format!("s{n}"), json!(n)))
        .collect();
    json!({ "name": "many", "trigger": { "type": "api" }, "steps": steps })
}

/// A definition that is exactly so long, as the server counts it: compact JSON of its own fields.
fn definition_of(bytes: usize) -> Value {
    let sized = |filling: usize| json!({ "trigger": { "type": "api" }, "steps": [set("s", json!("x".repeat(filling)))] });
    let mut body = sized(bytes - sized(0).to_string().len());
    assert_eq!(body.to_string().len(), bytes);
    body["name"] = json!("long");
    body
}

#[track_caller]
fn refused(answer: &Answer, words: &str) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    assert_eq!(answer.error_code(), "VALIDATION_ERROR");
    assert!(answer.text.contains(words), "{}", answer.text);
}

#[tokio::test]
async fn a_definition_has_so_many_steps_and_no_more() {
    for (server, most) in [
        (server(|_| {}).await, 500),
        (server(|config| config.max_steps = 3).await, 3),
    ] {
        let admin = server.admin();
        let good = admin.post(WORKFLOWS, definition(most)).await;
        assert_eq!(good.status, StatusCode::CREATED, "{}", good.text);
        let words = format!("at most {most} are allowed (setting `max_steps`)");
        refused(&admin.post(WORKFLOWS, definition(most + 1)).await, &words);
        let validate = format!("{WORKFLOWS}/validate");
        let checked = admin.post(&validate, definition(most + 1)).await;
        assert!(checked.text.contains(&words), "{}", checked.text);
        let one = format!("{WORKFLOWS}/{}", good.data()["id"].as_str().expect("an id"));
        let edit = json!({ "steps": definition(most + 1)["steps"] });
        let edited = admin.send(reqwest::Method::PUT, &one, edit).await;
        refused(&edited, &words);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_definition_is_so_long_and_no_longer() {
    for (bytes, server) in [
        (MIB, server(|_| {}).await),
        (
            2_000,
            server(|config| config.max_definition_bytes = 2_000).await,
        ),
    ] {
        let admin = server.admin();
        let good = admin.post(WORKFLOWS, definition_of(bytes)).await;
        assert_eq!(good.status, StatusCode::CREATED, "{bytes}");
        let answer = admin.post(WORKFLOWS, definition_of(bytes + 1)).await;
        let words = format!("at most {bytes} are allowed (setting `max_definition_bytes`)");
        refused(&answer, &words);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_input_is_so_long_and_no_longer() {
    for (bytes, server) in [
        (MIB, server(|_| {}).await),
        (1_024, server(|config| config.max_input_bytes = 1_024).await),
    ] {
        let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
        let path = format!("{WORKFLOWS}/{workflow}/run");
        let input = |bytes: usize| {
            let input = json!({ "t": "x".repeat(bytes - r#"{"t":""}"#.len()) });
            json!({ "input": input, "mode": "sync" })
        };
        let good = server.admin().post(&path, input(bytes)).await;
        assert_eq!(good.status, StatusCode::OK, "{bytes}");
        let answer = server.admin().post(&path, input(bytes + 1)).await;
        let words = format!("at most {bytes} are allowed (setting `max_input_bytes`)");
        refused(&answer, &words);
        let runs = server.admin().get("/api/v1/runs").await.data();
        assert_eq!(
            runs.as_array().map(Vec::len),
            Some(1),
            "nothing was written"
        );
        server.stop().await;
    }
}

#[tokio::test]
async fn an_output_is_kept_whole_up_to_its_bound() {
    for (bytes, server) in [
        (MIB, server(|config| config.max_input_bytes = 2 * MIB).await),
        (
            1_024,
            server(|config| config.max_output_bytes = 1_024).await,
        ),
    ] {
        let steps = json!([set("s", json!("{{input.text}}"))]);
        let workflow = server.workflow("w", steps).await;
        for (length, is_whole) in [(bytes, true), (bytes + 1, false)] {
            // The quotes of a JSON text count.
            let text = "x".repeat(length - 2);
            let data = server.admin().run(&workflow, json!({ "text": text })).await;
            assert_eq!(data["status"], "completed");
            assert_eq!(data["output"] == json!(text), is_whole, "{length}");
            if !is_whole {
                assert_eq!(data["output"]["truncated"], true);
                assert_eq!(data["output"]["sizeBytes"], length);
                let preview = data["output"]["preview"].as_str().expect("a text");
                assert!(preview.starts_with("\"xxx") && preview.len() < length);
            }
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn the_answer_of_a_call_is_read_up_to_its_bound() {
    let upstream = Upstream::start().await;
    for (bytes, server) in [
        (5 * MIB, server(|_| {}).await),
        (
            2_048,
            server(|config| config.max_response_bytes = 2_048).await,
        ),
    ] {
        let steps = json!([call("c", &upstream.url("/big"))]);
        let workflow = server.workflow("w", steps).await;
        for (length, status) in [(bytes, "completed"), (bytes + 1, "failed")] {
            let reply = Reply::json(200, &json!("x".repeat(length - 2)));
            upstream.reply("/big", reply);
            let data = server.admin().run(&workflow, json!({})).await;
            assert_eq!(data["status"], status, "{length}: {}", data["error"]);
            if status == "failed" {
                let error = data["error"].to_string();
                assert!(error.contains("setting `max_response_bytes`"), "{error}");
            }
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_call_takes_no_longer_than_the_setting_whatever_the_step_says() {
    let upstream = Upstream::start().await;
    let server = server(|config| config.http_timeout_ms = 150).await;
    for step in [
        call("c", &upstream.url("/held")),
        json!({ "id": "c", "type": "action", "action": "api.request",
            "config": { "url": upstream.url("/held"), "timeout": 60_000 } }),
    ] {
        let _gate = upstream.hold("/held");
        let workflow = server.workflow("w", json!([step])).await;
        let data = server.admin().run(&workflow, json!({})).await;
        assert_eq!(data["status"], "failed");
        let error = data["error"].to_string();
        let words = "took longer than 150 ms (setting `http_timeout_ms`)";
        assert!(error.contains(words), "{error}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_synchronous_start_waits_as_long_as_the_settings_say() {
    let server = server(|config| {
        config.sync_wait_ms = 50;
        config.max_sync_wait_ms = 100;
    })
    .await;
    let rest = json!([{ "id": "w", "type": "wait", "config": { "duration": 1, "unit": "days" } }]);
    let workflow = server.workflow("w", rest).await;
    let path = format!("{WORKFLOWS}/{workflow}/run");
    for body in [
        json!({ "mode": "sync" }),
        json!({ "mode": "sync", "maxExecutionTimeMs": 100 }),
    ] {
        let answer = server.admin().post(&path, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(answer.data()["status"], "running");
    }
    let body = json!({ "mode": "sync", "maxExecutionTimeMs": 101 });
    let answer = server.admin().post(&path, body).await;
    refused(
        &answer,
        "`maxExecutionTimeMs` is 101; it goes from 1 to 100",
    );
    server.stop().await;
}

#[tokio::test]
async fn templates_see_the_variables_that_are_listed_and_no_others() {
    // Cargo sets both for every test.
    let server = server(|config| config.template_env = vec!["CARGO_PKG_NAME".to_owned()]).await;
    let output = json!({ "seen": "{{env.CARGO_PKG_NAME}}", "hidden": "{{env.CARGO_PKG_VERSION}}" });
    let workflow = server.workflow("w", json!([set("s", output)])).await;
    let data = server.admin().run(&workflow, json!({})).await;
    assert_eq!(
        data["output"],
        json!({ "seen": "flowlatch", "hidden": null })
    );
    server.stop().await;
}

#[tokio::test]
async fn a_workflow_without_steps_runs_and_has_no_output() {
    let server = server(|_| {}).await;
    let workflow = server.workflow("empty", json!([])).await;
    let data = server.admin().run(&workflow, json!({ "a": 1 })).await;
    assert_eq!(data["status"], "completed");
    assert_eq!(
        (&data["output"], &data["error"]),
        (&Value::Null, &Value::Null)
    );
    let run = data["runId"].as_str().expect("an id");
    let logs = server
        .admin()
        .get(&format!("/api/v1/runs/{run}/logs"))
        .await;
    assert_eq!(logs.data(), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_body_is_nested_so_deep_and_no_deeper() {
    let server = server(|_| {}).await;
    let workflow = server.workflow("w", json!([set("s", json!(1))])).await;
    let path = format!("{WORKFLOWS}/{workflow}/run");
    // The body itself is one level, its input another.
    for (levels, status) in [(64, StatusCode::ACCEPTED), (65, StatusCode::BAD_REQUEST)] {
        let inner = (0..levels - 2).fold(json!(1), |inner, _| json!([inner]));
        let answer = server
            .admin()
            .post(&path, json!({ "input": { "deep": inner } }))
            .await;
        assert_eq!(answer.status, status, "{levels}: {}", answer.text);
    }
    server.stop().await;
}
