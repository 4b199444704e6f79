//! Flows through the native door: saved as `flowData`, read back letter for letter, run like any workflow.

use crate::bench::{flow, reply, start};
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_flow_is_saved_read_back_edited_and_run() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let data = flow(
        vec![start(), reply("r", "hello {{question}}")],
        &["start>r"],
    )
    .to_string();
    let id = server
        .workflow_with(json!({ "name": "f", "flowData": data, "flowType": "AGENTFLOW" }))
        .await;
    let seen = admin.get(&format!("/api/v1/workflows/{id}")).await.data();
    assert_eq!(
        (&seen["flowData"], &seen["flowType"]),
        (&json!(data), &json!("AGENTFLOW"))
    );
    assert_eq!(seen["trigger"], json!({ "type": "api" }));
    let run = admin.run(&id, json!({ "question": "you" })).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["output"]["output"]["content"], "hello you");

    let other = flow(vec![start(), reply("r", "bye {{question}}")], &["start>r"]);
    let edited = admin
        .send(
            reqwest::Method::PUT,
            &format!("/api/v1/workflows/{id}"),
            json!({ "flowData": other }),
        )
        .await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let run = admin.run(&id, json!({ "question": "you" })).await;
    assert_eq!(run["output"]["output"]["content"], "bye you");
    server.stop().await;
}

#[tokio::test]
async fn flows_that_are_none_are_told_with_their_places() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for (body, place) in [
        (json!({ "flowData": "{" }), "flowData"),
        (json!({ "flowData": { "nodes": [] } }), "flowData"),
        (
            json!({ "flowData": { "nodes": [] }, "flowType": "X" }),
            "flowType",
        ),
        (json!({ "flowType": "CHATFLOW" }), "flowData"),
        (
            json!({ "flowData": { "nodes": [{ "id": "a", "data": { "name": "pinecone" } }] } }),
            "nodes.a",
        ),
    ] {
        let mut named: Value = body.clone();
        named["name"] = json!("f");
        let refused = admin.post("/api/v1/workflows", named).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(
            refused.json()["error"]["details"][0]["place"],
            place,
            "{body}: {}",
            refused.text
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_bound_key_saves_no_flow_that_reaches_beyond_it() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let data = |of: &str| {
        let run = crate::bench::node(
            "executeFlowAgentflow",
            "run",
            json!({ "executeFlowSelectedFlow": of }),
        );
        flow(vec![start(), run], &["start>run"])
    };
    let other = server
        .workflow_with(json!({ "name": "other", "flowData": data("none") }))
        .await;
    let own = server.workflow_with(json!({ "name": "own", "flowData": flow(vec![start(), reply("r", "x")], &["start>r"]) })).await;
    let body = json!({ "name": "bound", "scopes": ["workflows:read", "workflows:write"], "workflowId": own });
    let (_, bound) = server.with_key(body).await;
    let put = |of: String| {
        let (bound, own) = (&bound, &own);
        async move {
            bound
                .send(
                    reqwest::Method::PUT,
                    &format!("/api/v1/workflows/{own}"),
                    json!({ "flowData": data(&of) }),
                )
                .await
        }
    };
    for of in [other.clone(), "{{question}}".to_owned()] {
        let refused = put(of).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        assert_eq!(
            refused.json()["error"]["details"][0]["place"],
            "nodes.run.executeFlowSelectedFlow"
        );
    }
    let done = admin
        .send(
            reqwest::Method::PUT,
            &format!("/api/v1/workflows/{own}"),
            json!({ "flowData": data(&other) }),
        )
        .await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    server.stop().await;
}

#[tokio::test]
async fn a_flow_with_a_schedule_has_one() {
    let server = TestServer::start().await;
    let begin = crate::bench::node(
        "startAgentflow",
        "start",
        json!({
        "startInputType": "scheduleInput", "scheduleCronExpression": "0 9 * * *", "scheduleTimezone": "Europe/Berlin",
        "scheduleDefaultInput": "good morning" }),
    );
    let id = server.workflow_with(json!({ "name": "f", "flowData": flow(vec![begin, reply("r", "{{start.output.question}}")], &["start>r"]) })).await;
    let seen = server
        .admin()
        .get(&format!("/api/v1/workflows/{id}"))
        .await
        .data();
    assert_eq!(
        seen["trigger"],
        json!({ "type": "schedule", "cron": "0 9 * * *", "timezone": "Europe/Berlin" })
    );
    let run = server.admin().run(&id, json!({})).await;
    assert_eq!(run["output"]["output"]["content"], "good morning");
    server.stop().await;
}
