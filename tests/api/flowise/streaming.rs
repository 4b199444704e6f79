//! Answers that are told as they come, to the letter of the wire.

use super::{ask, flow_with, hello, key, made, refusal};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn stream(client: &Client, flow: &str) -> Answer {
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let body = json!({ "question": "Hello", "streaming": true, "chatId": "c" });
    let request = client.request(Method::POST, &path).json(&body);
    Answer::read(request.send().await.expect("an answer")).await
}

/// The events of a stream, each checked to be in the exact form.
fn events(text: &str) -> Vec<(String, Value)> {
    let blocks = text
        .strip_suffix("\n\n")
        .expect("a last event")
        .split("\n\n");
    let read = |block: &str| {
        let line = block.strip_prefix("message:\ndata:").expect("the form");
        assert!(
            line.starts_with("{\"event\":\"") && !line.contains('\n'),
            "{line}"
        );
        let event: Value = serde_json::from_str(line).expect("JSON");
        (
            event["event"].as_str().expect("a name").to_owned(),
            event["data"].clone(),
        )
    };
    blocks.map(read).collect()
}

#[tokio::test]
async fn the_events_of_an_agentflow_come_in_their_order() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, client) = key(&server, &["predictions:create"]).await;
    let answer = stream(&client, &flow).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let events = events(&answer.text);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "agentFlowEvent",
            "nextAgentFlow",
            "nextAgentFlow",
            "agentFlowExecutedData",
            "nextAgentFlow",
            "token",
            "nextAgentFlow",
            "agentFlowExecutedData",
            "agentFlowEvent",
            "metadata",
            "end",
        ]
    );
    let data = |index: usize| &events[index].1;
    assert_eq!(
        (data(0), data(8)),
        (&json!("INPROGRESS"), &json!("FINISHED"))
    );
    assert_eq!(data(1)["status"], "INPROGRESS");
    assert_eq!(data(5), "You said: Hello");
    assert_eq!(data(7).as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&data(9)["chatId"], &data(9)["question"]),
        (&json!("c"), &json!("Hello"))
    );
    assert_eq!(data(10), "[DONE]");
}

#[tokio::test]
async fn nobody_is_refused_after_a_stream_has_opened() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({}))).await;
    let (_, may_not) = key(&server, &["chatflows:view"]).await;
    for (client, status) in [(server.anonymous(), 401), (may_not, 403)] {
        let refused = stream(&client, &flow).await;
        assert_eq!(refusal(&refused).0, status);
        assert_eq!(refused.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn who_may_not_look_at_flows_is_told_what_nodes_said_and_not_what_they_were_told() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let (_, asks) = key(&server, &["predictions:create"]).await;
    let (_, of_other_flows) = key(&server, &["predictions:create", "chatflows:view"]).await;
    let (_, views) = key(&server, &["predictions:create", "agentflows:update"]).await;
    let (_, reads) = key(&server, &["executions:view"]).await;
    for (client, sees) in [
        (server.anonymous(), false),
        (asks, false),
        (of_other_flows, false),
        (views, true),
        (reads, true),
    ] {
        let whole = ask(&client, &flow, hello()).await;
        let data = whole.json()["agentFlowExecutedData"][1]["data"].clone();
        assert_eq!(
            data["output"],
            json!({ "content": "You said: Hello" }),
            "{}",
            whole.text
        );
        assert_eq!(data.get("input").is_some(), sees, "{}", whole.text);
        let streamed = events(&stream(&client, &flow).await.text);
        let told = streamed
            .iter()
            .rfind(|(name, _)| name == "agentFlowExecutedData");
        let data = &told.expect("the nodes").1[1]["data"];
        assert_eq!(data.get("input").is_some(), sees, "{data}");
    }
    assert!(
        stream(&server.anonymous(), &flow)
            .await
            .text
            .ends_with("{\"event\":\"end\",\"data\":\"[DONE]\"}\n\n")
    );
}
