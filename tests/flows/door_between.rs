//! What becomes of a question to a flow in between: an answer that is waited for, who goes away, who may not ask; and what is kept.

use crate::bench::{flow, node, reply, start};
use crate::door::{Door, events, names, sent};
use crate::model::Say;
use crate::support::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_stopped_flow_goes_on_once_with_the_answer_of_its_session() {
    let door = Door::open().await;
    let asks = node(
        "humanInputAgentflow",
        "h",
        json!({ "humanInputDescriptionType": "fixed", "humanInputDescription": "Sure?", "humanInputEnableFeedback": true }),
    );
    let nodes = vec![start(), asks, reply("yes", "done"), reply("no", "left")];
    let mut drawing = flow(nodes, &["start>h", "h>yes", "h>no"]);
    for (edge, way) in [(1, 0), (2, 1)] {
        drawing["edges"][edge]["sourceHandle"] = json!(format!("h-output-{way}"));
    }
    let id = door.save(&drawing, json!({})).await;
    let proceed = json!({ "chatId": "c", "humanInput": { "type": "proceed", "startNodeId": "h" } });
    let early = door.ask(&id, proceed.clone()).await;
    assert_eq!(early.status, StatusCode::BAD_REQUEST);
    assert!(
        early
            .text
            .contains("No previous execution found for session c"),
        "{}",
        early.text
    );

    let stopped = door
        .ask(&id, json!({ "question": "q", "chatId": "c" }))
        .await
        .json();
    assert_eq!(stopped["action"]["data"]["nodeId"], "h", "{stopped}");
    let elsewhere =
        json!({ "chatId": "c", "humanInput": { "type": "proceed", "startNodeId": "x" } });
    let refused = door.ask(&id, elsewhere).await;
    assert!(
        refused.text.contains("at `x`: it waits at `h`"),
        "{}",
        refused.text
    );
    let answer = door.ask(&id, proceed.clone()).await.json();
    assert_eq!(answer["text"], "done", "{answer}");
    assert_eq!(answer["executionId"], stopped["executionId"]);
    let again = door.ask(&id, proceed).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "{}", again.text);
    assert!(
        again.text.contains("Cannot resume execution"),
        "{}",
        again.text
    );
    door.server.stop().await;
}

#[tokio::test]
async fn an_aborted_conversation_is_told_so_and_ends() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    door.model.says(Say::Hold("on"));
    let asked = door.asking(
        &id,
        &json!({ "question": "q", "streaming": true, "chatId": "c" }),
    );
    let stream = asked.send().await.expect("a stream");
    door.model.until_called(1).await;
    let path = |chat: &str| format!("/api/v1/chatmessage/abort/{id}/{chat}");
    let expected = json!({ "status": 200, "message": "Chat message aborted" });
    let other = sent(door.keyed(Method::PUT, &path("other"))).await;
    assert_eq!(other.json(), expected);
    let aborted = sent(door.keyed(Method::PUT, &path("c"))).await;
    assert_eq!(aborted.json(), expected);
    let answer = Answer::read(stream).await;
    let events = events(&answer);
    assert!(events.contains(&("agentFlowEvent".to_owned(), json!("TERMINATED"))));
    assert!(events.contains(&(
        "error".to_owned(),
        json!("Error: predictionsServices.buildChatflow - Flow execution was cancelled")
    )));
    assert_eq!(names(&events).last(), Some(&"end"));
    assert!(!names(&events).contains(&"metadata"));
    door.server.stop().await;
}

#[tokio::test]
async fn a_model_that_fails_is_told_whole_and_in_a_stream() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    for say in [Say::Status(401, "{}"), Say::Status(400, "{}")] {
        door.model.says(say.clone());
        let whole = door.ask(&id, json!({ "question": "q" })).await;
        assert_eq!(
            whole.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{say:?}: {}",
            whole.text
        );
        let message = whole.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let place = "Error: predictionsServices.buildChatflow - ";
        assert!(message.starts_with(place), "{message}");
        door.model.says(say);
        let body = json!({ "question": "q", "streaming": true });
        let streamed = door.ask(&id, body).await;
        let events = events(&streamed);
        assert_eq!(streamed.status, StatusCode::OK);
        let told = names(&events);
        assert!(
            told.ends_with(&["agentFlowEvent", "error", "end"]),
            "{told:?}"
        );
        assert!(!told.contains(&"metadata"), "{told:?}");
    }
    door.server.stop().await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_before_any_stream_and_the_header_wins() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    let body = json!({ "question": "q", "streaming": true });
    let ask = |query: String, bearer: Option<&str>| {
        let path = format!("/api/v1/prediction/{id}{query}");
        let request = door
            .server
            .anonymous()
            .request(Method::POST, &path)
            .json(&body);
        match bearer {
            Some(key) => sent(request.bearer_auth(key)),
            None => sent(request),
        }
    };
    let good = door.server.admin_key.clone();
    let wrong = "k".repeat(43);
    for (query, bearer, status) in [
        (String::new(), None, 401),
        (String::new(), Some(wrong.as_str()), 401),
        (format!("?apikey={wrong}"), None, 401),
        (format!("?apikey={good}"), None, 200),
        (format!("?apikey={good}"), Some(wrong.as_str()), 401),
        (format!("?apikey={wrong}"), Some(good.as_str()), 200),
    ] {
        let answer = ask(query.clone(), bearer).await;
        let shown = query.replace(&good, "GOOD");
        assert_eq!(answer.status.as_u16(), status, "{shown}: {}", answer.text);
        let is_stream = answer.header("content-type") == Some("text/event-stream");
        assert_eq!(is_stream, status == 200, "{shown}");
        assert!(!answer.text.contains(&good));
    }
    door.server.stop().await;
}

#[tokio::test]
async fn a_page_that_may_not_ask_and_an_address_that_asks_too_often_are_refused_in_the_owners_words()
 {
    let door = Door::open().await;
    let chatbot =
        json!({ "allowedOrigins": ["https://a.example"], "allowedOriginsError": "Not here" });
    let limit = json!({ "rateLimit": { "status": true, "limitMax": "3", "limitDuration": 60, "limitMsg": "Enough" } });
    let more = json!({ "chatbotConfig": chatbot.to_string(), "apiConfig": limit.to_string() });
    let id = door.echo(more).await;
    let asked = |origin: &str, streaming: bool| {
        let body = json!({ "question": "q", "streaming": streaming });
        sent(door.asking(&id, &body).header("origin", origin))
    };
    let good = asked("https://a.example", false).await;
    assert_eq!(good.status, StatusCode::OK, "{}", good.text);
    assert_eq!(
        good.header("access-control-allow-origin"),
        Some("https://a.example")
    );
    let whole = asked("https://b.example", false).await;
    assert_eq!(
        (whole.status, &whole.json()["message"]),
        (StatusCode::FORBIDDEN, &json!("Not here"))
    );
    let streamed = asked("https://b.example", true).await;
    assert_eq!(
        (streamed.status, streamed.text.as_str()),
        (StatusCode::FORBIDDEN, "Not here")
    );
    let over = asked("https://a.example", false).await;
    assert_eq!(
        (over.status, over.text.as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "Enough")
    );
    assert!(over.header("retry-after").is_some());
    for (origin, may_read) in [
        ("https://a.example", true),
        ("https://b.example", false),
        ("null", false),
    ] {
        let path = format!("/api/v1/prediction/{id}");
        let preflight = door.server.anonymous().request(Method::OPTIONS, &path);
        let preflight = preflight.header("access-control-request-method", "POST");
        let answer = sent(preflight.header("origin", origin)).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            may_read.then_some(origin)
        );
    }
    assert_eq!(whole.header("access-control-allow-origin"), None);
    door.server.stop().await;
}

#[tokio::test]
async fn what_was_said_is_listed_and_deleted_by_who_may() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    for chat in ["one", "two"] {
        door.ask(
            &id,
            json!({ "question": "q", "chatId": chat, "leadEmail": "a@b.example" }),
        )
        .await;
    }
    let path = |query: &str| format!("/api/v1/chatmessage/{id}{query}");
    let listed = async |query: &str| -> Vec<String> {
        let answer = sent(door.keyed(Method::GET, &path(query))).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let messages = answer.json();
        let messages = messages.as_array().expect("a list").iter();
        let told = |message: &Value| {
            assert_eq!(
                (&message["chatflowid"], &message["leadEmail"]),
                (&json!(id), &json!("a@b.example"))
            );
            format!(
                "{} {} {}",
                message["chatId"], message["role"], message["content"]
            )
            .replace('"', "")
        };
        messages.map(told).collect()
    };
    let one = ["one userMessage q", "one apiMessage q!"];
    let two = ["two userMessage q", "two apiMessage q!"];
    assert_eq!(listed("").await, [one, two].concat());
    assert_eq!(listed("?chatId=two&chatType=EXTERNAL").await, two);
    assert_eq!(listed("?chatType=%5B%22INTERNAL%22%5D").await, [""; 0]);
    assert_eq!(
        listed("?order=DESC&page=1&limit=1").await,
        ["two apiMessage q!"]
    );
    assert_eq!(listed("?feedbackType=THUMBS_UP").await, [""; 0]);
    for query in ["?chatType=NONE", "?startDate=soon", "?feedbackType=x"] {
        let refused = sent(door.keyed(Method::GET, &path(query))).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
    for (query, messages, sessions) in [
        ("", 4, 2),
        ("?chatType=EXTERNAL", 4, 2),
        ("?chatType=%5B%22INTERNAL%22%2C%22WEBHOOK%22%5D", 0, 0),
        ("?startDate=2100-01-01T00:00:00Z", 0, 0),
        ("?endDate=2020-01-01T00:00:00Z", 0, 0),
        ("?feedbackType=THUMBS_UP", 0, 0),
    ] {
        let stats = sent(door.keyed(Method::GET, &format!("/api/v1/stats/{id}{query}"))).await;
        let stats = stats.json();
        let found = json!([stats["totalMessages"], stats["totalSessions"]]);
        assert_eq!(found, json!([messages, sessions]), "{query}: {stats}");
    }
    let stranger = door.server.anonymous().request(Method::DELETE, &path(""));
    assert_eq!(sent(stranger).await.status, StatusCode::UNAUTHORIZED);
    let asker = door.server.with(&["predictions:create"]).await;
    let refused = asker
        .bearer()
        .request(Method::GET, &format!("/flowise{}", path("")));
    assert_eq!(sent(refused).await.status, StatusCode::FORBIDDEN);

    let deleted = sent(door.keyed(Method::DELETE, &path("?chatId=one"))).await;
    assert_eq!(deleted.json(), json!({ "raw": [], "affected": 2 }));
    assert_eq!(listed("").await, two);
    door.server.stop().await;
}
