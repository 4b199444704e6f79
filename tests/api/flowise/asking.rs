//! Who may ask a flow, and what comes of it.

use super::{FLOWS, ask, flow_with, hello, key, made, put, refusal, text};
use crate::support::{Answer, TestServer};
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn an_unbound_flow_wants_a_key_that_may_send_messages() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, may) = key(&server, &["predictions:create"]).await;
    let (_, may_not) = key(&server, &["chatflows:view"]).await;
    let answer = ask(&may, &flow, hello()).await;
    assert_eq!(answer.json()["text"], "You said: Hello", "{}", answer.text);
    let unknown = server.client(Some("A".repeat(43))).bearer();
    for (client, status, why) in [
        (&server.anonymous(), 401, "missing"),
        (&unknown, 401, "unknown"),
        (&may_not, 403, "Forbidden"),
    ] {
        let answer = ask(client, &flow, hello()).await;
        assert_eq!(refusal(&answer), (status, why.to_owned()));
        assert_eq!(answer.json().get("text"), None);
    }
}

#[tokio::test]
async fn who_shows_no_good_key_does_not_learn_which_flows_there_are() {
    let server = TestServer::start().await;
    let none = "0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5";
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, good) = key(&server, &["predictions:create"]).await;
    let bad = server.client(Some("A".repeat(43))).bearer();
    let not_found = format!("Chatflow {none} not found in the database!");
    for (client, status, why) in [
        (&server.anonymous(), 401, "missing"),
        (&bad, 401, "unknown"),
        (&good, 404, not_found.as_str()),
    ] {
        let answer = ask(client, none, hello()).await;
        assert_eq!(refusal(&answer), (status, why.to_owned()));
        for path in [
            "public-chatflows",
            "public-chatbotConfig",
            "chatflows-uploads",
        ] {
            let answer = client.get(&format!("/flowise/api/v1/{path}/{none}")).await;
            assert_eq!(refusal(&answer), (status, why.to_owned()), "{path}");
        }
        if status == 401 {
            let there = ask(client, &flow, hello()).await;
            assert_eq!(refusal(&there), (status, why.to_owned()));
        }
    }
}

#[tokio::test]
async fn a_public_flow_and_an_open_server_want_none() {
    let server = TestServer::start().await;
    let public = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let nobody = server.anonymous();
    let bad = server.client(Some("no key".to_owned())).bearer();
    for client in [&nobody, &bad] {
        let answer = ask(client, &public, hello()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert!(answer.header("x-ratelimit-limit").is_some());
    }
    let open = TestServer::start_with(Clock::system(), |config| {
        config.doors.flowise_open_predictions = true;
    })
    .await;
    let flow = made(&open, flow_with(json!({}))).await;
    let answer = ask(&open.anonymous(), &flow, hello()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn a_bound_flow_is_asked_with_its_key_and_no_other() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.doors.flowise_open_predictions = true;
    })
    .await;
    // Keys made in Flowise itself can never hold `predictions:create`.
    let (id, bound) = key(&server, &["chatflows:view"]).await;
    let (_, other) = key(&server, &["predictions:create"]).await;
    let flow = made(
        &server,
        flow_with(json!({ "apikeyid": id, "isPublic": true })),
    )
    .await;
    let answer = ask(&bound, &flow, hello()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let admin = server.admin().bearer();
    for (client, why) in [
        (&server.anonymous(), "missing"),
        (&other, "other_key"),
        (&admin, "other_key"),
    ] {
        let answer = ask(client, &flow, hello()).await;
        assert_eq!(refusal(&answer), (401, why.to_owned()));
        assert!(answer.header("www-authenticate").is_some());
    }
    let removed = admin
        .send(
            Method::DELETE,
            &format!("/flowise/api/v1/apikey/{id}"),
            Value::Null,
        )
        .await;
    assert_eq!(removed.json(), json!({ "raw": [], "affected": 1 }));
    for client in [&bound, &other, &server.anonymous()] {
        assert_eq!(
            ask(client, &flow, hello()).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let unbound = put(
        &admin,
        &format!("{FLOWS}/{flow}"),
        json!({ "apikeyid": null }),
    )
    .await;
    assert_eq!(unbound.json()["apikeyid"], Value::Null, "{}", unbound.text);
    assert_eq!(ask(&other, &flow, hello()).await.status, StatusCode::OK);
}

/// By its header, in the query, and with a good one there, which counts for nothing beside a header.
#[tokio::test]
async fn a_key_that_has_ended_opens_its_flow_no_more() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let one = |id: &str| format!("/api/v1/auth/api-keys/{id}");
    let made_key = async |more: Value| -> (String, String) {
        let mut body =
            json!({ "name": "k", "format": "flowise", "scopes": ["predictions:create"] });
        let fields = more.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(fields);
        let made = admin.post("/api/v1/auth/api-keys", body).await.data();
        (text(&made["id"]), text(&made["key"]))
    };
    let (expired, expired_text) = made_key(json!({ "expiresInSeconds": 60 })).await;
    let (disabled, disabled_text) = made_key(json!({})).await;
    let (rotated, former) = made_key(json!({})).await;
    let (_, other) = made_key(json!({})).await;
    let off = json!({ "disabled": true });
    admin.send(Method::PATCH, &one(&disabled), off).await;
    let rotate = format!("{}/rotate", one(&rotated));
    let successor = admin
        .post(&rotate, json!({ "graceSeconds": 0 }))
        .await
        .data();
    let successor = text(&successor["key"]);
    let flow_of = async |key: &String| made(&server, flow_with(json!({ "apikeyid": key }))).await;
    let of_rotated = flow_of(&rotated).await;
    let ask_as = |key: &str| server.client(Some(key.to_owned())).bearer();
    // The successor takes over with its first use.
    for key in [&former, &successor] {
        let answer = ask(&ask_as(key), &of_rotated, hello()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    server.clock.advance_ms(60_000);
    for (flow, key) in [
        (flow_of(&expired).await, &expired_text),
        (flow_of(&disabled).await, &disabled_text),
        (of_rotated.clone(), &former),
    ] {
        let path = |key: &str| format!("/flowise/api/v1/prediction/{flow}?apikey={key}");
        let streamed = json!({ "question": "Hello", "streaming": true });
        for answer in [
            ask(&ask_as(key), &flow, hello()).await,
            ask(&ask_as(key), &flow, streamed).await,
            server.anonymous().post(&path(key), hello()).await,
            ask_as(key).post(&path(&successor), hello()).await,
            ask_as(&other).post(&path(&successor), hello()).await,
        ] {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
            assert_eq!(answer.json()["error"], "Unauthorized Access");
        }
    }
    let in_query = format!("/flowise/api/v1/prediction/{of_rotated}?apikey={successor}");
    let answer = server.anonymous().post(&in_query, hello()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn a_key_in_the_query_counts_here_alone_and_the_header_wins() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, good) = key(&server, &["predictions:create", "agentflows:view"]).await;
    let good = good.key.expect("a key");
    let nobody = server.anonymous();
    let asked = format!("/flowise/api/v1/prediction/{flow}?apikey={good}");
    assert_eq!(nobody.post(&asked, hello()).await.status, StatusCode::OK);
    let bad = server.client(Some("bad".to_owned())).bearer();
    let answer = bad.post(&asked, hello()).await;
    assert_eq!(refusal(&answer), (401, "malformed".to_owned()));
    let wrong = format!("/flowise/api/v1/prediction/{flow}?apikey=wrong");
    assert_eq!(
        nobody.post(&wrong, hello()).await.status,
        StatusCode::UNAUTHORIZED
    );
    let elsewhere = nobody.get(&format!("{FLOWS}/{flow}?apikey={good}")).await;
    assert_eq!(refusal(&elsewhere), (401, "missing".to_owned()));
}

#[tokio::test]
async fn an_answer_has_what_flowises_clients_read() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, client) = key(&server, &["predictions:create"]).await;
    // As Flowise's Python client sends it.
    let body = json!({ "chatflowId": flow, "question": "Hi", "overrideConfig": null, "chatId": null,
        "history": [{ "message": "Before", "type": "userMessage", "role": null, "content": null }], "uploads": [] });
    let answer = ask(&client, &flow, body).await.json();
    assert_eq!(
        (&answer["text"], &answer["question"]),
        (&json!("You said: Hi"), &json!("Hi"))
    );
    assert_eq!(answer["chatId"], answer["sessionId"]);
    assert!(answer["executionId"].is_string() && answer["chatMessageId"].is_string());
    let nodes = answer["agentFlowExecutedData"].as_array().expect("nodes");
    let seen: Vec<(String, String)> = nodes
        .iter()
        .map(|node| (text(&node["nodeId"]), text(&node["status"])))
        .collect();
    let finished = |id: &str| (id.to_owned(), "FINISHED".to_owned());
    assert_eq!(
        seen,
        [
            finished("startAgentflow_0"),
            finished("directReplyAgentflow_0")
        ]
    );
    let named = json!({ "question": "Hi", "chatId": "c", "overrideConfig": { "sessionId": "s" } });
    let answer = ask(&client, &flow, named).await.json();
    assert_eq!(
        (&answer["chatId"], &answer["sessionId"]),
        (&json!("c"), &json!("s"))
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_and_not_run() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, client) = key(&server, &["predictions:create"]).await;
    for (body, expected) in [
        (json!({}), "`question` or `form` is missing"),
        (
            json!({ "question": "a", "chatId": 1 }),
            "Invalid chatId: must be a string",
        ),
        (
            json!({ "question": "a", "form": { "b": 1 } }),
            "Question and form cannot be provided at the same time",
        ),
        (
            json!({ "question": "a", "history": [{ "role": "x", "content": "y" }] }),
            "Invalid history format.",
        ),
        (
            json!({ "question": "a", "uploads": [{ "type": "audio", "data": "data:audio/mp3;base64,AA" }] }),
            "type `audio`",
        ),
        (
            json!({ "humanInput": { "type": "maybe" } }),
            "`proceed` or `reject`",
        ),
        (
            json!({ "humanInput": { "type": "proceed" }, "chatId": "none" }),
            "No previous execution found for session none",
        ),
    ] {
        let answer = ask(&client, &flow, body.clone()).await;
        let (status, message) = refusal(&answer);
        assert_eq!(status, 400, "{body}: {}", answer.text);
        assert!(
            message.starts_with("Error: predictionsServices.buildChatflow - "),
            "{message}"
        );
        assert!(message.contains(expected), "{body}: {message}");
    }
    let answer = ask(&client, "nothing", hello()).await;
    assert_eq!(refusal(&answer), (400, "Invalid Chatflow ID".to_owned()));
    let unknown = "0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5";
    let answer = ask(
        &client,
        unknown,
        json!({ "question": "a", "streaming": true }),
    )
    .await;
    let message = format!("Chatflow {unknown} not found in the database!");
    assert_eq!(refusal(&answer), (404, message));
    let runs = server.admin().get("/api/v1/runs").await.data();
    assert_eq!(runs, json!([]));
}

#[tokio::test]
async fn a_flow_has_its_own_limit_in_its_owners_words() {
    let server = TestServer::start_with_manual_clock().await;
    let limit = json!({ "rateLimit": { "status": true, "limitMax": "2", "limitDuration": 60, "limitMsg": "Enough!" } });
    let flow = made(
        &server,
        flow_with(json!({ "isPublic": true, "apiConfig": limit.to_string() })),
    )
    .await;
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let nobody = server.anonymous();
    let send = || async {
        let request = nobody.request(Method::POST, &path).json(&hello());
        Answer::read(request.send().await.expect("an answer")).await
    };
    for left in ["1", "0"] {
        let answer = send().await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
    }
    let refused = send().await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "Enough!")
    );
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(
        refused.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    server.clock.advance_ms(60_000);
    assert_eq!(send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_that_is_not_listed_is_refused() {
    let server = TestServer::start().await;
    let config =
        json!({ "allowedOrigins": ["https://a.example"], "allowedOriginsError": "Not from there" });
    let flow = made(
        &server,
        flow_with(json!({ "isPublic": true, "chatbotConfig": config.to_string() })),
    )
    .await;
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let send = |origin: &'static str, body: Value| {
        let request = server.anonymous().request(Method::POST, &path);
        async move {
            let request = request.header("origin", origin).json(&body);
            Answer::read(request.send().await.expect("an answer")).await
        }
    };
    assert_eq!(
        send("https://a.example", hello()).await.status,
        StatusCode::OK
    );
    let refused = send("https://b.example", hello()).await;
    assert_eq!(refusal(&refused), (403, "Not from there".to_owned()));
    let streaming = json!({ "question": "a", "streaming": true });
    let refused = send("https://b.example", streaming).await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (StatusCode::FORBIDDEN, "Not from there")
    );
}
