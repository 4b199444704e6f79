//! Flows: saved, read, changed, looked at from outside.

use super::{FLOWS, flow_with, key, made, put, refusal, text};
use crate::access::bodies::a_flow;
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_flow_is_kept_as_it_was_sent_and_changed_by_field() {
    let server = TestServer::start().await;
    let (_, client) = key(
        &server,
        &[
            "agentflows:create",
            "agentflows:update",
            "agentflows:delete",
        ],
    )
    .await;
    let config =
        r#"{"starterPrompts":{"0":{"prompt":"Hi"}},"allowedOrigins":["https://a.example"]}"#;
    let body = flow_with(
        json!({ "chatbotConfig": config, "category": "a;b", "id": "mine", "workspaceId": "x" }),
    );
    let saved = client.post(FLOWS, body.clone()).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text);
    let flow = saved.json();
    for field in ["name", "type", "flowData", "chatbotConfig", "category"] {
        assert_eq!(flow[field], body[field], "{field}");
    }
    assert_ne!(flow["id"], "mine");
    assert_eq!(
        (&flow["isPublic"], &flow["apikeyid"]),
        (&Value::Null, &Value::Null)
    );
    let one = format!("{FLOWS}/{}", text(&flow["id"]));
    assert_eq!(client.get(&one).await.json(), flow);
    let since = text(&flow["updatedDate"]);
    let changed = format!("{FLOWS}/has-changed/{}/{since}", text(&flow["id"]));
    assert_eq!(
        client.get(&changed).await.json(),
        json!({ "hasChanged": false })
    );
    let edited = put(&client, &one, json!({ "isPublic": true })).await.json();
    assert_eq!(
        (&edited["isPublic"], &edited["chatbotConfig"]),
        (&json!(true), &json!(config))
    );
    assert_eq!(
        client.get(&changed).await.json(),
        json!({ "hasChanged": true })
    );
    let gone = client.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(gone.json(), json!({ "raw": [], "affected": 1 }));
    let missing = client.get(&one).await;
    let message = format!("Chatflow {} not found in the database!", text(&flow["id"]));
    assert_eq!(refusal(&missing), (404, message));
}

#[tokio::test]
async fn a_key_sees_and_changes_flows_of_its_type_alone() {
    let server = TestServer::start().await;
    let flow = made(&server, a_flow()).await;
    let one = format!("{FLOWS}/{flow}");
    let (_, chats) = key(
        &server,
        &["chatflows:create", "chatflows:update", "chatflows:delete"],
    )
    .await;
    assert_eq!(chats.get(FLOWS).await.json(), json!([]));
    for answer in [
        chats.get(&one).await,
        put(&chats, &one, json!({ "name": "mine" })).await,
        chats.send(Method::DELETE, &one, Value::Null).await,
        chats.post(FLOWS, a_flow()).await,
    ] {
        assert_eq!(refusal(&answer), (403, "Forbidden".to_owned()));
    }
    let (_, agents) = key(&server, &["agentflows:view"]).await;
    let listed = agents.get(FLOWS).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    let page = agents
        .get(&format!("{FLOWS}?type=AGENTFLOW&page=1&limit=5"))
        .await
        .json();
    assert_eq!((&page["total"], &page["pages"]), (&json!(1), &json!(1)));
    let none = agents.get(&format!("{FLOWS}?type=CHATFLOW")).await.json();
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn what_cannot_be_run_is_not_saved() {
    let server = TestServer::start().await;
    let admin = server.admin().bearer();
    let unknown = json!({ "nodes": [{ "id": "gmail_0", "type": "agentFlow", "data": { "id": "gmail_0", "label": "Mail", "name": "gmail", "inputs": {} } }], "edges": [] });
    for (fields, expected) in [
        (json!({ "name": null }), "`name`"),
        (json!({ "flowData": null }), "`flowData`"),
        (json!({ "flowData": "{" }), "flowData"),
        (json!({ "flowData": "{\"nodes\":[],\"edges\":[]}" }), ""),
        (json!({ "flowData": unknown.to_string() }), "gmail"),
        (json!({ "type": "ASSISTANT" }), "Invalid Chatflow Type"),
        (json!({ "type": "MULTIAGENT" }), "Invalid Chatflow Type"),
        (json!({ "chatbotConfig": "{" }), "Invalid chatbotConfig: "),
        (json!({ "isPublic": "yes" }), "`isPublic`"),
        (json!({ "apikeyid": "a key!" }), "`apikeyid`"),
    ] {
        let answer = admin.post(FLOWS, flow_with(fields.clone())).await;
        let (status, message) = refusal(&answer);
        assert_eq!(status, 400, "{fields}: {}", answer.text);
        assert!(message.contains(expected), "{fields}: {message}");
    }
    assert_eq!(admin.get(FLOWS).await.json(), json!([]));
}

#[tokio::test]
async fn a_widget_sees_what_it_needs_and_nothing_secret() {
    let server = TestServer::start().await;
    let mut drawing: Value =
        serde_json::from_str(a_flow()["flowData"].as_str().expect("a text")).expect("JSON");
    drawing["nodes"][1]["data"]["inputs"]["headers"] =
        json!([{ "key": "Authorization", "value": "SECRET-3" }]);
    let config = r#"{"starterPrompts":{"0":{"prompt":"Hi"}},"allowedOrigins":["https://a.example"],"postProcessing":{"customFunction":"SECRET-4"}}"#;
    let hidden = r#"{"token":"SECRET-5"}"#;
    let fields = json!({ "flowData": drawing.to_string(), "chatbotConfig": config, "isPublic": true,
        "mcpServerConfig": hidden, "analytic": hidden, "speechToText": hidden, "textToSpeech": hidden,
        "followUpPrompts": hidden, "apiConfig": hidden });
    let public = made(&server, flow_with(fields)).await;
    let private = made(&server, a_flow()).await;
    let nobody = server.anonymous();
    let path = |what: &str, id: &str| format!("/flowise/api/v1/{what}/{id}");
    let streaming = nobody.get(&path("chatflows-streaming", &private)).await;
    assert_eq!(streaming.json(), json!({ "isStreaming": true }));
    let shown = nobody.get(&path("public-chatbotConfig", &public)).await;
    let fields = shown.json();
    assert_eq!(fields["starterPrompts"]["0"]["prompt"], "Hi");
    assert_eq!(
        (
            &fields["isTTSEnabled"],
            &fields["uploads"]["isImageUploadAllowed"]
        ),
        (&json!(false), &json!(false))
    );
    let flow = nobody.get(&path("public-chatflows", &public)).await;
    assert_eq!(flow.json()["id"], public, "{}", flow.text);
    for answer in [&shown, &flow] {
        for kept in ["chatInput", "directReplyAgentflow", "starterPrompts"] {
            assert!(answer.text.contains(kept), "{kept}: {}", answer.text);
        }
        for hidden in ["SECRET", "You said: {{question}}", "a.example"] {
            assert!(!answer.text.contains(hidden), "{hidden}: {}", answer.text);
        }
    }
    for what in [
        "public-chatbotConfig",
        "public-chatflows",
        "chatflows-uploads",
    ] {
        let refused = nobody.get(&path(what, &private)).await;
        assert_eq!(refusal(&refused), (401, "missing".to_owned()), "{what}");
    }
}

#[tokio::test]
async fn a_widget_is_told_whether_images_may_be_sent() {
    let server = TestServer::start().await;
    for (setting, allowed) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (Value::Null, false),
    ] {
        let mut drawing: Value =
            serde_json::from_str(a_flow()["flowData"].as_str().expect("a text")).expect("JSON");
        drawing["nodes"][1]["data"]["inputs"]["llmModelConfig"] =
            json!({ "allowImageUploads": setting });
        let fields = json!({ "flowData": drawing.to_string(), "isPublic": true });
        let flow = made(&server, flow_with(fields)).await;
        let path = format!("/flowise/api/v1/chatflows-uploads/{flow}");
        let told = server.anonymous().get(&path).await.json();
        assert_eq!(told["isImageUploadAllowed"], allowed, "{setting}: {told}");
        let kinds = told["imgUploadSizeAndTypes"].as_array().map(Vec::len);
        assert_eq!(kinds, Some(usize::from(allowed)), "{told}");
        assert_eq!(told["isRAGFileUploadAllowed"], false, "{told}");
    }
}
