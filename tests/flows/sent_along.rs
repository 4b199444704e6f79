//! What is sent with a question, and how much of it: bodies that are too large, files, variables, addresses of visitors; and what
//! is told where the model fails.

use crate::bench::{flow, reply, start};
use crate::door::{Door, sent};
use crate::model::{Model, Say};
use crate::wire::{Wire, post_head};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_body_above_the_limit_is_refused_and_the_server_goes_on() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    let key = format!("authorization: Bearer {}\r\n", door.server.admin_key);
    for path in [
        "/api/v1/chatflows".to_owned(),
        format!("/api/v1/prediction/{id}"),
    ] {
        for length in [50 * MIB, 2 * MIB + 1] {
            let mut wire = Wire::to(door.server.address()).await;
            wire.send(&post_head(&path, None, length, &key)).await;
            // The server need not take all of it: what counts is its answer.
            drop(wire.try_send(&vec![b' '; length]).await);
            let answer = wire.next_answer().await.expect("an answer");
            assert_eq!(answer.status, 413, "{path}, {length} bytes: {answer:?}");
        }
    }
    let answer = door.ask(&id, json!({ "question": "hi" })).await;
    assert_eq!(answer.json()["text"], "hi!", "{}", answer.text);
    let flows = sent(door.keyed(Method::GET, "/api/v1/chatflows")).await;
    assert_eq!(flows.json().as_array().map(Vec::len), Some(1));
    door.server.stop().await;
}

#[tokio::test]
async fn a_question_of_exactly_the_limit_is_no_413() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    for (length, status) in [
        (2 * MIB, StatusCode::OK),
        (2 * MIB + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let question = r#"{"question":"hi"}"#;
        let body = question.to_owned() + &" ".repeat(length - question.len());
        let request = door.keyed(Method::POST, &format!("/api/v1/prediction/{id}"));
        let request = request.header("content-type", "application/json");
        let answer = sent(request.body(body)).await;
        assert_eq!(answer.status, status, "{length}: {}", answer.text);
    }
    door.server.stop().await;
}

#[tokio::test]
async fn images_reach_the_model_as_they_were_sent_and_a_url_is_not_fetched() {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let stranger = Model::start().await;
    let url = format!("{}/a.png", stranger.base_url());
    let data = "data:image/png;base64,aGk=";
    let upload = |kind: &str, data: &str| json!({ "type": kind, "name": "a.png", "mime": "image/png", "data": data });
    let body = json!({ "question": "q", "uploads": [upload("url", &url), upload("file", data)] });
    let answer = door.ask(&id, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let calls = door.model.calls();
    let messages = calls[0]["messages"].as_array().expect("messages");
    let content = &messages.last().expect("a question")["content"];
    let images: Vec<&Value> = content
        .as_array()
        .expect("parts")
        .iter()
        .filter(|part| part["type"] == "image_url")
        .map(|part| &part["image_url"]["url"])
        .collect();
    assert_eq!(images, [&json!(url), &json!(data)]);
    assert!(stranger.authorizations().is_empty(), "nobody went there");
    for wrong in ["file:///etc/passwd", "ftp://localhost/a.png", "a.png", ""] {
        let body = json!({ "question": "q", "uploads": [upload("url", wrong)] });
        let refused = door.ask(&id, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(door.model.calls().len(), 1);
    door.server.stop().await;
}

/// The model's server fetches it, and may stand where its sender does not reach.
#[tokio::test]
async fn an_image_at_an_address_that_may_not_be_called_is_shown_to_no_model() {
    let door = Door::open_with(|config| config.outbound_allow.clear()).await;
    let id = door.talk(json!({ "isPublic": true })).await;
    let own = format!("http://{}/api/health", door.server.address());
    for url in [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/a.png",
        "http://2130706433/a.png",
        "http://[::ffff:192.168.0.1]/a.png",
        "https://LOCALHOST:8443/a.png",
        "http://localhost./a.png",
        "http://a.localhost.:8080/a.png",
        "https://user:word@public.example/a.png",
        own.as_str(),
    ] {
        let upload = json!({ "type": "url", "name": "a.png", "mime": "image/png", "data": url });
        let answer = door
            .ask(&id, json!({ "question": "q", "uploads": [upload] }))
            .await;
        assert_eq!(answer.status, 500, "{url}: {}", answer.text);
        let message = &answer.json()["message"];
        let message = message.as_str().expect("a text");
        assert!(message.contains("Error in LLM node: "), "{url}: {message}");
    }
    assert!(door.model.calls().is_empty());
    let public = json!({ "type": "url", "name": "a", "mime": "image/png", "data": "https://a.example/a.png" });
    let answer = door
        .ask(&id, json!({ "question": "q", "uploads": [public] }))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    door.server.stop().await;
}

#[tokio::test]
async fn of_the_variables_sent_only_those_that_the_flow_opens_are_taken() {
    let door = Door::open().await;
    for name in ["tone", "place"] {
        let variable = json!({ "name": name, "value": "ours", "type": "static" });
        let made = sent(
            door.keyed(Method::POST, "/api/v1/variables")
                .json(&variable),
        )
        .await;
        assert!(made.status.is_success(), "{}", made.text);
    }
    let drawing = flow(
        vec![start(), reply("r", "{{$vars.tone}} {{$vars.place}}")],
        &["start>r"],
    );
    let rules = |is_on: bool, enabled: bool| {
        let opened =
            json!([{ "name": "tone", "enabled": enabled }, { "name": "place", "enabled": false }]);
        json!({ "overrideConfig": { "status": is_on, "variables": opened } }).to_string()
    };
    let vars = json!({ "tone": "theirs", "place": "theirs" });
    for (config, text) in [
        (Some(rules(true, true)), "theirs ours"),
        (Some(rules(true, false)), "ours ours"),
        (Some(rules(false, true)), "ours ours"),
        (None, "ours ours"),
    ] {
        let id = door.save(&drawing, json!({ "apiConfig": config })).await;
        for vars in [vars.clone(), json!(vars.to_string())] {
            let body = json!({ "question": "q", "overrideConfig": { "vars": vars } });
            let answer = door.ask(&id, body).await;
            assert_eq!(answer.json()["text"], text, "{config:?}: {}", answer.text);
        }
    }
    door.server.stop().await;
}

#[tokio::test]
async fn the_address_of_a_visitor_has_a_longest_length() {
    let door = Door::open().await;
    let id = door.echo(json!({})).await;
    for (letters, status) in [(320, StatusCode::OK), (321, StatusCode::BAD_REQUEST)] {
        let body = json!({ "question": "q", "leadEmail": "ä".repeat(letters) });
        let answer = door.ask(&id, body).await;
        assert_eq!(answer.status, status, "{letters}: {}", answer.text);
    }
    door.server.stop().await;
}

#[tokio::test]
async fn a_model_that_answers_badly_is_told_whole_and_in_a_stream() {
    for (say, times, failure) in [
        (Say::Status(401, "sk-abc"), 1, "401 Unauthorized"),
        (Say::Status(500, "no"), 3, "answered 500"),
        (Say::Half("half an ans"), 1, "broke off in the middle"),
    ] {
        for streaming in [false, true] {
            let door = Door::open().await;
            let id = door.talk(json!({})).await;
            for _ in 0..times {
                door.model.says(say.clone());
            }
            let body = json!({ "question": "q", "streaming": streaming });
            let answer = door.ask(&id, body).await;
            let status = if streaming { 200 } else { 500 };
            assert_eq!(answer.status, status, "{say:?}: {}", answer.text);
            assert!(answer.text.contains(failure), "{say:?}: {}", answer.text);
            assert!(!answer.text.contains("sk-abc"), "{}", answer.text);
            assert_eq!(door.model.calls().len(), times, "{say:?}");
            let next = door.ask(&id, json!({ "question": "hi" })).await;
            assert_eq!(next.json()["text"], "You said: hi", "{}", next.text);
            door.server.stop().await;
        }
    }
}
