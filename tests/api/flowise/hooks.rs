//! Flows that begin with a request of another service.

use super::{ask, flow_with, hello, key, made, refusal, text};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A flow that begins with a request, and says what it was told of it.
fn hooked(fields: Value) -> Value {
    let mut body = flow_with(fields);
    let drawing = text(&body["flowData"]);
    let said = "{{$webhook.body.name}}|{{$webhook.body}}|{{$webhook.headers.x-event}}|{{$webhook.headers.authorization}}|{{$webhook.headers.cookie}}|{{$webhook.query}}";
    let drawing = drawing.replace("chatInput", "webhookTrigger");
    body["flowData"] = json!(drawing.replace("You said: {{question}}", said));
    body
}

async fn call(client: &Client, flow: &str, content_type: &str, body: &'static [u8]) -> Answer {
    let path = format!("/flowise/api/v1/webhook/{flow}?a=1&apikey=secret-in-query");
    let request = client
        .request(Method::POST, &path)
        .header("content-type", content_type)
        .header("x-event", "made")
        .header("cookie", "secret-cookie")
        .body(body);
    Answer::read(request.send().await.expect("an answer")).await
}

#[tokio::test]
async fn a_request_starts_the_flow_and_is_answered_what_that_says() {
    let server = TestServer::start().await;
    let flow = made(&server, hooked(json!({}))).await;
    let (_, may) = key(&server, &["predictions:create"]).await;
    for (content_type, body, name, whole) in [
        (
            "application/json",
            &br#"{"name":"Ada"}"#[..],
            "Ada",
            r#"{"name":"Ada"}"#,
        ),
        (
            "application/x-www-form-urlencoded",
            b"name=Ada&b=2",
            "Ada",
            r#"{"b":"2","name":"Ada"}"#,
        ),
        (
            "text/plain",
            b"just text",
            "{{$webhook.body.name}}",
            "just text",
        ),
    ] {
        let answer = call(&may, &flow, content_type, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let told = answer.json();
        let said = text(&told["text"]);
        let parts: Vec<&str> = said.split('|').collect();
        assert_eq!(parts[..3], [name, whole, "made"], "{said}");
        assert!(said.ends_with(r#"|{"a":"1"}"#), "{said}");
        let everything = told.to_string();
        for secret in [
            "secret-cookie",
            "secret-in-query",
            may.key.as_deref().expect("a key"),
        ] {
            assert!(!everything.contains(secret), "{everything}");
        }
    }
    let admin = server.admin().bearer();
    let said = admin
        .get(&format!(
            "/flowise/api/v1/chatmessage/{flow}?chatType=WEBHOOK"
        ))
        .await;
    assert_eq!(said.json().as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn who_may_not_ask_the_flow_does_not_start_it() {
    let server = TestServer::start().await;
    let closed = made(&server, hooked(json!({}))).await;
    let limit = json!({ "rateLimit": { "status": true, "limitMax": 1, "limitDuration": 60, "limitMsg": "Enough" } });
    let open = json!({ "isPublic": true, "apiConfig": limit.to_string(),
        "chatbotConfig": json!({ "allowedOrigins": ["https://a.example"] }).to_string() });
    let open = made(&server, hooked(open)).await;
    let chat = made(&server, flow_with(json!({}))).await;
    let nobody = server.anonymous();
    let (_, may) = key(&server, &["predictions:create"]).await;
    let (_, may_not) = key(&server, &["agentflows:view"]).await;
    for (client, flow, status, why) in [
        (&nobody, closed.as_str(), 401, "missing"),
        (&may_not, &closed, 403, "Forbidden"),
        (
            &nobody,
            "0190a8f2-0000-7000-8000-000000000000",
            401,
            "missing",
        ),
    ] {
        let answer = call(client, flow, "text/plain", b"x").await;
        assert_eq!(refusal(&answer), (status, why.to_owned()));
    }
    let (status, message) = refusal(&call(&may, &chat, "text/plain", b"x").await);
    assert!(
        status == 400 && message.contains("is not configured as a Webhook Trigger"),
        "{message}"
    );
    for (content_type, body) in [("application/json", &b"{"[..]), ("text/plain", b"\xff")] {
        assert_eq!(
            refusal(&call(&may, &closed, content_type, body).await).0,
            400
        );
    }
    assert_eq!(
        refusal(&ask(&may, &closed, hello()).await).0,
        400,
        "it is asked by no question"
    );
    let first = call(&nobody, &open, "text/plain", b"x").await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let second = call(&nobody, &open, "text/plain", b"x").await;
    assert_eq!(
        (second.status, second.text.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "Enough")
    );
    let executions = server
        .admin()
        .bearer()
        .get("/flowise/api/v1/executions")
        .await;
    assert_eq!(
        executions.json()["total"],
        1,
        "nothing that was refused has run"
    );
}
