//! Webhook ids: who may start a graph by one, and what strangers learn.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::support::{Answer, MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn hooked(client: &Wireflow, webhook: &str, is_open: bool) -> String {
    let graph = graph(
        &[
            node("text", "input:text", json!({ "prompt": "none" })),
            node("show", "output:preview", json!({})),
        ],
        &["text.text>show.value"],
    );
    let body = json!({
        "name": webhook, "nodes": graph["nodes"], "edges": graph["edges"], "webhookId": webhook, "isWebhookOpen": is_open
    });
    let created = client.post("/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    created.json()["id"].as_str().expect("an id").to_owned()
}

async fn stranger(server: &TestServer, method: Method, webhook: &str, body: Value) -> Answer {
    let path = format!("/api/v1/workflow/{webhook}/trigger");
    let mut request = server.anonymous().request(method, &path);
    if !body.is_null() {
        request = request.json(&body);
    }
    Answer::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_key_that_may_execute_starts_a_graph_by_its_webhook_id() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let id = hooked(&client, "whk_closed", false).await;
    for name in ["whk_closed", id.as_str()] {
        let path = format!("/workflow/{name}/trigger");
        let looked = client.get(&path).await;
        assert_eq!(
            looked.json(),
            json!({
                "workflowId": id, "name": "whk_closed", "isActive": true,
                "message": "Webhook is configured. Use POST to trigger execution."
            })
        );
        let triggered = client
            .post(&path, json!({ "text": "from outside", "other": 1 }))
            .await;
        assert_eq!(triggered.status, StatusCode::ACCEPTED, "{}", triggered.text);
        let told = triggered.json();
        assert_eq!(
            (&told["status"], &told["message"]),
            (
                &json!("queued"),
                &json!("Workflow execution queued successfully")
            )
        );
        let ended = client
            .ended(told["executionId"].as_str().expect("an id"))
            .await;
        assert_eq!(
            ended["finalOutput"]["results"]["show"]["value"],
            "from outside"
        );
    }
    let reader = Wireflow::with(&server, &["workflows:read"]).await;
    let refused = reader.post("/workflow/whk_closed/trigger", json!({})).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["required"], json!(["workflows:execute"]));
    for nobody in ["whk_none", "0198c0de-0000-7000-8000-000000000001"] {
        let missing = client
            .post(&format!("/workflow/{nobody}/trigger"), json!({}))
            .await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_eq!(missing.json(), json!({ "error": "Workflow not found" }));
    }
}

#[tokio::test]
async fn without_a_key_no_webhook_id_is_known() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let closed = hooked(&client, "whk_closed", false).await;
    let mut refusals = Vec::new();
    for webhook in ["whk_closed", "whk_none", closed.as_str()] {
        let refused = stranger(&server, Method::GET, webhook, Value::Null).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{webhook}");
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Bearer realm=\"flowlatch\"")
        );
        refusals.push(refused.text);
    }
    refusals.dedup();
    assert_eq!(
        refusals,
        [r#"{"error":"Invalid API key format. Expected: Bearer sk-...","code":"missing"}"#]
    );
}

#[tokio::test]
async fn without_a_key_an_open_one_is_started_within_the_limits_of_the_address() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.limit_execute = Limit::PerMinute(4);
    })
    .await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let open = hooked(&client, "whk_open", true).await;
    assert_eq!(
        stranger(&server, Method::GET, "whk_open", Value::Null)
            .await
            .status,
        StatusCode::OK
    );
    let triggered = stranger(
        &server,
        Method::POST,
        "whk_open",
        json!({ "text": "hello" }),
    )
    .await;
    assert_eq!(triggered.status, StatusCode::ACCEPTED, "{}", triggered.text);
    assert_eq!(triggered.header("x-ratelimit-remaining"), Some("3"));
    let run = triggered.json()["executionId"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(client.ended(&run).await["status"], "COMPLETED");
    let native = server
        .admin()
        .get(&format!("/api/v1/runs/{run}"))
        .await
        .data();
    assert_eq!(
        (&native["triggerType"], &native["startedBy"]),
        (&json!("webhook"), &json!("webhook"))
    );
    for _ in 0..3 {
        let more = stranger(&server, Method::POST, &open, json!({})).await;
        assert_eq!(more.status, StatusCode::ACCEPTED, "{}", more.text);
    }
    let limited = stranger(&server, Method::POST, "whk_open", json!({})).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        limited.json()["error"],
        "Too many workflow executions. Please try again later."
    );
    assert!(limited.header("retry-after").is_some());

    let pause = json!({ "name": "whk_open", "nodes": [node("text", "input:text", json!({}))], "edges": [],
        "webhookId": "whk_open", "isWebhookOpen": true, "isActive": false });
    let paused = client
        .send(Method::PUT, &format!("/workflows/{open}"), pause)
        .await;
    assert_eq!(paused.status, StatusCode::OK, "{}", paused.text);
    server.clock.advance_ms(60_000);
    let inactive = stranger(&server, Method::POST, "whk_open", json!({})).await;
    assert_eq!(inactive.status, StatusCode::BAD_REQUEST);
    assert_eq!(inactive.json()["error"], "Workflow is not active");
}

#[tokio::test]
async fn no_webhook_id_takes_the_place_of_another_workflow() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let victim = hooked(&client, "whk_victim", true).await;
    let text = node("text", "input:text", json!({ "prompt": "a" }));
    let body = json!({ "name": "thief", "nodes": [text], "edges": [], "webhookId": victim });
    let refused = client.post("/workflows", body).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    let looked = client.get(&format!("/workflow/{victim}/trigger")).await;
    assert_eq!(looked.json()["name"], "whk_victim");
}

#[tokio::test]
async fn who_sends_sets_inputs_and_nothing_else() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let graph = graph(
        &[
            node("text", "input:text", json!({ "prompt": "a" })),
            node("hidden", "input:text", json!({ "prompt": "b" })),
            node("join", "utility:prompt_concat", json!({ "separator": "," })),
        ],
        &["text.text>join.prompt1", "hidden.text>join.prompt2"],
    );
    let body = json!({
        "name": "exposed", "nodes": graph["nodes"], "edges": graph["edges"], "webhookId": "whk_exposed", "isWebhookOpen": true,
        "exposedInputs": [{ "nodeId": "text", "label": "Topic" }, "text", "text"],
    });
    let created = client.post("/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let described = client.get(&format!("/workflows/{id}/run")).await.json();
    assert_eq!(
        described["data"]["inputs"].as_array().map(Vec::len),
        Some(1)
    );
    let sent = json!({ "Topic": "sent", "hidden": "taken over" });
    let triggered = stranger(&server, Method::POST, "whk_exposed", sent.clone()).await;
    assert_eq!(triggered.status, StatusCode::ACCEPTED, "{}", triggered.text);
    let execute = format!("/workflows/{id}/execute");
    let executed = client.post(&execute, json!({ "triggerData": sent })).await;
    assert_eq!(executed.status, StatusCode::CREATED, "{}", executed.text);
    for execution in [
        &triggered.json()["executionId"],
        &executed.json()["executionId"],
    ] {
        let ended = client.ended(execution.as_str().expect("an id")).await;
        let states = ended["nodeStates"].as_array().expect("a list").clone();
        let join = states.iter().find(|state| state["nodeId"] == "join");
        assert_eq!(join.expect("a node")["text"], "sent,b", "{ended}");
    }
}
