//! Credentials of connections and secrets of workflows, used in calls whose other side gives them back, and searched for.

use crate::answers::every_answer;
use crate::forms::{BASIC_PASSWORD, BEARER_TOKEN, QUERY_KEY, WORKFLOW_SECRET, planted_forms};
use crate::support::{Client, TestServer};
use crate::upstream::{Reply, Upstream};
use crate::{contains, files};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What an image is called that was sent to the flow, and in which conversation.
pub(crate) const PLANTED_IMAGE: &str = "dot.png";
pub(crate) const PLANTED_CHAT: &str = "planted";

/// Searches every answer, every file and the log, for these texts too.
pub(crate) async fn nothing_has_what_was_planted(
    server: &TestServer,
    lines: &str,
    more: &[String],
) {
    let mut places = vec![("the log".to_owned(), lines.as_bytes().to_vec())];
    places.extend(files(server.data()));
    for answer in every_answer(&server.admin()).await {
        places.push(("an answer".to_owned(), answer.text.into_bytes()));
    }
    for form in planted_forms(more) {
        for (place, bytes) in &places {
            assert!(!contains(bytes, form.as_bytes()), "{form} is in {place}");
        }
    }
    // The search itself finds what is there.
    let redacted = |(_, bytes): &(String, Vec<u8>)| contains(bytes, b"[redacted]");
    assert!(places.iter().any(redacted), "nothing came back");
}

/// Something for every list, so that every GET has something to answer.
pub(crate) async fn something_of_everything(server: &TestServer) {
    let admin = server.admin();
    let table = admin.post("/api/v1/tables", json!({ "name": "t" })).await;
    let table = table.data()["id"].as_str().expect("an id").to_owned();
    let rows = format!("/api/v1/tables/{table}/rows");
    let row = admin.post(&rows, json!({ "data": { "a": 1 } })).await;
    assert_eq!(row.status, StatusCode::CREATED, "{}", row.text);
    let ask = json!([{ "id": "ask", "type": "approval", "config": { "approvers": [] } }]);
    let workflow = server.workflow("asks", ask).await;
    let run = format!("/api/v1/workflows/{workflow}/run");
    let started = admin.post(&run, json!({})).await.data();
    let run = started["runId"].as_str().expect("an id");
    let asked = format!("/api/v1/runs/{run}/approvals");
    while admin.get(&asked).await.data()[0].is_null() {
        tokio::task::yield_now().await;
    }
    // The stream of its events would never end otherwise.
    let answered = admin
        .post(&format!("{asked}/ask"), json!({ "approved": true }))
        .await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    let text =
        json!({ "id": "text", "data": { "nodeType": "input:text", "config": { "prompt": "a" } } });
    let graph =
        json!({ "name": "graph", "nodes": [text], "edges": [], "webhookId": "whk_planted" });
    let client = admin.bearer();
    let drawn = client.post("/wireflow/api/v1/workflows", graph).await;
    assert_eq!(drawn.status, StatusCode::CREATED, "{}", drawn.text);
    let graph = drawn.json()["id"].as_str().expect("an id").to_owned();
    let node = |id: &str, inputs: serde_json::Value| {
        json!({ "id": format!("{id}_0"), "type": "agentFlow",
        "data": { "id": format!("{id}_0"), "label": id, "name": id, "inputs": inputs } })
    };
    let drawing = json!({
        "nodes": [node("startAgentflow", json!({ "startInputType": "chatInput" })),
            node("directReplyAgentflow", json!({ "directReplyMessage": "Yes." }))],
        "edges": [{ "id": "e", "source": "startAgentflow_0", "target": "directReplyAgentflow_0",
            "sourceHandle": "startAgentflow_0-output-startAgentflow", "targetHandle": "directReplyAgentflow_0" }],
    });
    let flow = json!({ "name": "flow", "type": "AGENTFLOW", "flowData": drawing.to_string() });
    let drawn_flow = client.post("/flowise/api/v1/chatflows", flow).await;
    assert_eq!(drawn_flow.status, StatusCode::OK, "{}", drawn_flow.text);
    flow_asked(&client, drawn_flow.json()["id"].as_str().expect("an id")).await;
    let publish = format!("/wireflow/api/v1/workflows/{graph}/publish");
    let published = client.post(&publish, json!({ "slug": "planted" })).await;
    assert_eq!(published.status, StatusCode::OK, "{}", published.text);
    let run = format!("/wireflow/api/v1/workflows/{graph}/run");
    let started = client.post(&run, json!({})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
}

/// A question with an image, and an execution that everybody may see.
async fn flow_asked(client: &Client, flow: &str) {
    let image = json!({ "type": "file", "name": PLANTED_IMAGE, "mime": "image/png",
        "data": format!("data:image/png;base64,{}", BASE64_STANDARD.encode(b"\x89PNG\r\n\x1a\n\xff")) });
    let question = json!({ "question": "Yes?", "chatId": PLANTED_CHAT, "uploads": [image] });
    let asked = client
        .post(&format!("/flowise/api/v1/prediction/{flow}"), question)
        .await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    let answer = asked.json();
    let execution = answer["executionId"].as_str().expect("an id");
    let path = format!("/flowise/api/v1/executions/{execution}");
    let shown = client
        .send(Method::PUT, &path, json!({ "isPublic": true }))
        .await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
}

/// Connections of each kind and a secret, used in calls that fail and give back all that they were sent, tested, changed
/// and deleted.
pub(crate) async fn credentials_used(server: &TestServer, upstream: &Upstream) {
    let admin = server.admin();
    upstream.answer("/echoes", |call, _| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let sent = call.headers.get("authorization");
        let sent = sent
            .map_or("", |value| value.to_str().expect("ASCII"))
            .to_owned();
        let text = format!("{} {sent} {body}", call.target);
        let encoded = BASE64_STANDARD.encode(&text);
        Reply::text(400, &format!("{text} {encoded}")).with("x-echo", sent)
    });
    let (key, token) = (QUERY_KEY, BEARER_TOKEN);
    let (password, secret) = (BASIC_PASSWORD, WORKFLOW_SECRET);
    let credentials = [
        ("api-key", json!({ "key": key, "name": "k", "in": "query" })),
        ("bearer", json!({ "token": token })),
        ("basic", json!({ "username": "user", "password": password })),
    ];
    for (kind, credentials) in credentials {
        let body = json!({ "name": kind, "provider": kind, "type": kind, "credentials": credentials,
            "hosts": ["127.0.0.1"] });
        let made = admin.post("/api/v1/connections", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let one = format!(
            "/api/v1/connections/{}",
            made.data()["id"].as_str().expect("an id")
        );
        for fails in [true, false] {
            let config = json!({ "url": upstream.url("/echoes"), "connection": kind, "failOnError": fails,
                "method": "POST", "body": { "secret": "{{secrets.S}}" } });
            let steps =
                json!([{ "id": "c", "type": "action", "action": "api.request", "config": config }]);
            let workflow = server.workflow(kind, steps).await;
            let secrets = format!("/api/v1/workflows/{workflow}/secrets");
            let kept = admin
                .post(&secrets, json!({ "key": "S", "value": secret }))
                .await;
            assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
            let run = admin.run(&workflow, json!({})).await;
            assert_eq!(run["status"] == "failed", fails, "{run}");
            admin.get(&secrets).await;
        }
        admin
            .post(
                &format!("{one}/test"),
                json!({ "url": upstream.url("/echoes") }),
            )
            .await;
        admin
            .send(
                Method::PUT,
                &one,
                json!({ "credentials": { "token": [token] } }),
            )
            .await;
        admin.get(&one).await;
        if kind == "bearer" {
            admin.send(Method::DELETE, &one, Value::Null).await;
        }
    }
}
