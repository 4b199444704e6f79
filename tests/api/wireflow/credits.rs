//! Usage, prices, and a balance that is not enough.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::support::{Answer, TestServer};
use flowlatch::clock::Clock;
use flowlatch::model::credit::Prices;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A server on which showing something costs 2 of 5 credits, and a graph that shows something.
async fn priced() -> (TestServer, Wireflow, String) {
    let server = TestServer::start_with(Clock::system(), |config| {
        let prices = vec!["output:*=2".parse().expect("a price")];
        config.node_prices = Prices::new(prices).expect("prices");
        config.credit_balance = Some(5);
    })
    .await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let graph = graph(
        &[
            node("text", "input:text", json!({ "prompt": "x" })),
            node("show", "output:preview", json!({})),
        ],
        &["text.text>show.value"],
    );
    let workflow = client.create("priced", &graph).await;
    (server, client, workflow)
}

#[tokio::test]
async fn what_an_execution_will_cost_is_told_before() {
    let (_server, client, workflow) = priced().await;
    let estimate = client
        .post(&format!("/workflows/{workflow}/estimate"), json!({}))
        .await;
    assert_eq!(estimate.status, StatusCode::OK, "{}", estimate.text);
    let estimate = estimate.json()["data"].clone();
    for (field, value) in [
        ("estimatedCredits", json!(2)),
        ("availableCredits", json!(5)),
        ("sufficient", json!(true)),
        ("estimateComplete", json!(true)),
        ("warnings", json!([])),
    ] {
        assert_eq!(estimate[field], value, "{field}");
    }
    assert_eq!(estimate["breakdown"][0]["nodeId"], "show");
}

#[tokio::test]
async fn an_execution_is_charged_and_refused_when_too_little_is_left() {
    let (server, client, workflow) = priced().await;
    let run = format!("/workflows/{workflow}/run");
    for _ in 0..2 {
        let execution = client.run(&workflow).await;
        client.ended(&execution).await;
    }
    for path in [run, format!("/workflows/{workflow}/execute")] {
        let refused = client.post(&path, json!({})).await;
        assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(
            refused.json(),
            json!({
                "error": "Insufficient credits. Required: 2, Available: 1",
                "insufficientCredits": true, "requiredCredits": 2, "availableCredits": 1,
                "breakdown": [{ "nodeId": "show", "nodeLabel": "show", "credits": 2 }]
            })
        );
    }
    let usage = client.get("/developer/usage").await;
    assert_eq!(usage.status, StatusCode::OK, "{}", usage.text);
    let usage = usage.json();
    assert_eq!(usage["totals"]["credits"], 4);
    assert_eq!(
        usage["totals"]["runs"],
        json!({ "started": 2, "completed": 2, "failed": 0, "cancelled": 0 })
    );
    assert_eq!(usage["totals"]["steps"], 4);
    assert_eq!(
        usage["balance"],
        json!({ "granted": 5, "spent": 4, "available": 1 })
    );
    let native = server.admin().get("/api/v1/usage?keyId=all").await.data();
    assert_eq!(native["totals"]["credits"], usage["totals"]["credits"]);
    let blind = Wireflow::with(&server, &["workflows:read"]).await;
    let refused = blind.get("/developer/usage").await;
    assert_eq!(
        (refused.status, &refused.json()["required"]),
        (StatusCode::FORBIDDEN, &json!(["usage:read"]))
    );
}

#[tokio::test]
async fn apps_webhooks_and_the_native_door_spend_of_the_same_balance() {
    let (server, client, workflow) = priced().await;
    let one = format!("/workflows/{workflow}");
    let read = client.get(&one).await.json();
    let hooked = json!({ "name": "priced", "nodes": read["nodes"], "edges": read["edges"],
        "webhookId": "whk_priced", "isWebhookOpen": true });
    let saved = client.send(Method::PUT, &one, hooked).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text);
    let slug = json!({ "slug": "priced" });
    let published = client.post(&format!("{one}/publish"), slug).await;
    assert_eq!(published.status, StatusCode::OK, "{}", published.text);
    let guest = Wireflow::with(&server, &["apps:execute"]).await;
    let trigger = || async {
        let path = "/api/v1/workflow/whk_priced/trigger";
        let request = server.anonymous().request(Method::POST, path);
        Answer::read(request.json(&json!({})).send().await.expect("an answer")).await
    };
    let app = || guest.post("/apps/priced/execute", json!({}));
    assert_eq!(app().await.status, StatusCode::ACCEPTED);
    assert_eq!(trigger().await.status, StatusCode::ACCEPTED);
    for refused in [app().await, trigger().await] {
        assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED);
        let told = refused.json();
        assert_eq!(
            (&told["requiredCredits"], &told["availableCredits"]),
            (&json!(2), &json!(1))
        );
    }
    let admin = server.admin();
    let run = format!("/api/v1/workflows/{workflow}/run");
    let native = admin.post(&run, json!({})).await;
    assert_eq!(native.status, StatusCode::PAYMENT_REQUIRED);
    // What is sent costs what its own nodes cost.
    let nodes: Vec<Value> = ["text", "a", "b"]
        .iter()
        .map(|id| match *id {
            "text" => node(id, "input:text", json!({ "prompt": "x" })),
            id => node(id, "output:preview", json!({})),
        })
        .collect();
    let sent = graph(&nodes, &["text.text>a.value", "text.text>b.value"]);
    let larger = client.post(&format!("{one}/execute"), sent).await;
    assert_eq!(larger.json()["requiredCredits"], 4, "{}", larger.text);
    let usage = admin.get("/api/v1/usage?keyId=all").await.data();
    assert_eq!(
        usage["balance"],
        json!({ "granted": 5, "spent": 4, "available": 1 })
    );
}

#[tokio::test]
async fn by_default_nothing_costs_anything() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let workflow = client
        .create(
            "free",
            &graph(&[node("text", "input:text", json!({}))], &[]),
        )
        .await;
    let estimate = client
        .post(&format!("/workflows/{workflow}/estimate"), json!({}))
        .await
        .json();
    assert_eq!(
        (
            &estimate["data"]["estimatedCredits"],
            &estimate["data"]["availableCredits"]
        ),
        (&json!(0), &Value::Null)
    );
    assert_eq!(estimate["data"]["sufficient"], true);
}
