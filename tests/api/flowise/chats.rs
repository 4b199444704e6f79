//! What is kept of chats, and the variables that flows share.

use super::{ask, flow_with, key, made, put, refusal, text};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn what_was_said_is_kept_rated_counted_and_removed() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let mut ids = Vec::new();
    for (question, chat) in [("One", "c"), ("Two", "c"), ("Three", "d")] {
        let body = json!({ "question": question, "chatId": chat, "leadEmail": "ada@example.com" });
        ids.push(text(
            &ask(&nobody, &flow, body).await.json()["chatMessageId"],
        ));
    }
    let path = |what: &str| format!("/flowise/api/v1/{what}/{flow}");
    let said = admin
        .get(&format!("{}?chatId=c", path("chatmessage")))
        .await
        .json();
    let told: Vec<(String, String)> = said
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (text(&one["role"]), text(&one["content"])))
        .collect();
    let expected = [
        ("userMessage", "One"),
        ("apiMessage", "You said: One"),
        ("userMessage", "Two"),
        ("apiMessage", "You said: Two"),
    ];
    assert_eq!(
        told,
        expected.map(|(role, content)| (role.to_owned(), content.to_owned()))
    );
    assert_eq!(
        (&said[1]["id"], &said[0]["leadEmail"]),
        (&json!(ids[0]), &json!("ada@example.com"))
    );
    let newest = admin
        .get(&format!("{}?order=DESC", path("chatmessage")))
        .await
        .json();
    assert_eq!(newest[0]["content"], "You said: Three");

    let rate = |id: &str, chat: &str| json!({ "messageId": id, "chatId": chat, "rating": "THUMBS_UP", "content": "Good" });
    let rated = nobody.post(&path("feedback"), rate(&ids[0], "c")).await;
    assert_eq!(
        (rated.status, &rated.json()["rating"]),
        (StatusCode::OK, &json!("THUMBS_UP"))
    );
    let (status, message) = refusal(&nobody.post(&path("feedback"), rate(&ids[0], "d")).await);
    assert!(
        status == 400 && message.starts_with("Inconsistent chat ID") && !message.contains("`c`")
    );
    let unknown = nobody.post(&path("feedback"), rate("none", "c")).await;
    assert_eq!(
        refusal(&unknown),
        (404, "Message with ID none not found".to_owned())
    );
    let stats = admin.get(&path("stats")).await.json();
    assert_eq!(
        stats,
        json!({ "totalMessages": 6, "totalSessions": 2, "totalFeedback": 1, "positiveFeedback": 1 })
    );

    removed_again(&server, &flow).await;
}

/// Nobody reads or removes what was said but who may.
async fn removed_again(server: &TestServer, flow: &str) {
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let path = |what: &str| format!("/flowise/api/v1/{what}/{flow}");
    for what in ["chatmessage", "stats", "leads"] {
        let refused = nobody.get(&path(what)).await;
        assert_eq!(refusal(&refused), (401, "missing".to_owned()), "{what}");
    }
    let gone = admin
        .send(
            Method::DELETE,
            &format!("{}?chatId=c", path("chatmessage")),
            Value::Null,
        )
        .await;
    assert_eq!(gone.json(), json!({ "raw": [], "affected": 4 }));
    assert_eq!(admin.get(&path("stats")).await.json()["totalMessages"], 2);
    assert_eq!(admin.get(&path("stats")).await.json()["totalFeedback"], 0);
}

#[tokio::test]
async fn a_visitor_leaves_an_address_with_an_open_flow_alone() {
    let server = TestServer::start().await;
    let open = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let closed = made(&server, flow_with(json!({}))).await;
    let nobody = server.anonymous();
    let leave =
        |flow: &str| json!({ "chatflowid": flow, "chatId": "c", "email": "ada@example.com" });
    let left = nobody.post("/flowise/api/v1/leads", leave(&open)).await;
    assert_eq!(
        (left.status, &left.json()["email"]),
        (StatusCode::OK, &json!("ada@example.com"))
    );
    let refused = nobody.post("/flowise/api/v1/leads", leave(&closed)).await;
    assert_eq!(refusal(&refused), (401, "missing".to_owned()));
    let (_, viewer) = key(&server, &["agentflows:view"]).await;
    let leads = |flow: &str| format!("/flowise/api/v1/leads/{flow}");
    let listed = viewer.get(&leads(&open)).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(viewer.get(&leads(&closed)).await.json(), json!([]));
}

#[tokio::test]
async fn a_variable_is_what_flows_and_permitted_callers_make_it() {
    let server = TestServer::start().await;
    let admin = server.admin().bearer();
    let variables = "/flowise/api/v1/variables";
    let made_one = admin
        .post(variables, json!({ "name": "tone", "value": "kind" }))
        .await
        .json();
    assert_eq!(
        (&made_one["type"], &made_one["value"]),
        (&json!("static"), &json!("kind"))
    );
    // The test's own environment is not there for flows that `template_env` does not name.
    admin
        .post(
            variables,
            json!({ "name": "PATH", "value": "", "type": "runtime" }),
        )
        .await;
    let twice = admin
        .post(variables, json!({ "name": "tone", "value": "x" }))
        .await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "{}", twice.text);
    let mut drawing: Value =
        serde_json::from_str(flow_with(json!({}))["flowData"].as_str().expect("a text"))
            .expect("JSON");
    drawing["nodes"][1]["data"]["inputs"]["directReplyMessage"] =
        json!("{{$vars.tone}} {{$vars.PATH}}");
    let opened = json!({ "overrideConfig": { "status": true, "variables": [{ "name": "tone", "enabled": true }] } });
    let shut = made(
        &server,
        flow_with(json!({ "flowData": drawing.to_string() })),
    )
    .await;
    let open = made(
        &server,
        flow_with(json!({ "flowData": drawing.to_string(), "apiConfig": opened.to_string() })),
    )
    .await;
    let (_, client) = key(&server, &["predictions:create"]).await;
    let body = json!({ "question": "Hi", "overrideConfig": { "vars": { "tone": "rude", "PATH": "mine" } } });
    for (flow, tone) in [(&shut, "kind"), (&open, "rude")] {
        let told = text(&ask(&client, flow, body.clone()).await.json()["text"]);
        assert!(
            told.starts_with(tone) && !told.contains("mine") && !told.contains("/bin"),
            "{told}"
        );
    }
    changed_and_removed(&server, &text(&made_one["id"])).await;
}

/// A variable is changed and removed by who may.
async fn changed_and_removed(server: &TestServer, id: &str) {
    let admin = server.admin().bearer();
    let variables = "/flowise/api/v1/variables";
    let one = format!("{variables}/{id}");
    assert_eq!(
        put(&admin, &one, json!({ "value": "dry" })).await.json()["value"],
        "dry"
    );
    let (_, viewer) = key(server, &["variables:view"]).await;
    assert_eq!(
        viewer.get(variables).await.json().as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(
        viewer.send(Method::DELETE, &one, Value::Null).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        admin.send(Method::DELETE, &one, Value::Null).await.json()["affected"],
        1
    );
    assert_eq!(
        admin.send(Method::DELETE, &one, Value::Null).await.status,
        StatusCode::NOT_FOUND
    );
}
