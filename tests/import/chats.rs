//! What was said: listed as before, and remembered.

use crate::flowise::{Key, reply, talk};
use crate::house::{House, asked, counts, reasons};
use crate::model::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};

const KEY: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
const FLOW: &str = "11111111-7c3e-4d11-9a40-5be1c2d3e4f5";

fn house() -> House {
    House::new(|flowise| {
        flowise.key(KEY, "site", &["executions:view"]);
        flowise.flow(FLOW, "Talk", "AGENTFLOW", &talk(), &[]);
        // Not in the order of their rows, and beside another session.
        flowise.message("m0000002", FLOW, "apiMessage", "Hello, Ada.", "s1", 2);
        flowise.message("m0000001", FLOW, "userMessage", "I am Ada.", "s1", 1);
        flowise.message("m0000003", FLOW, "userMessage", "I am Bob.", "s2", 3);
        flowise.feedback("f0000001", FLOW, "m0000002", "s1", "THUMBS_UP");
        flowise.feedback("f0000002", FLOW, "m0000009", "s1", "THUMBS_UP");
    })
}

#[tokio::test]
async fn a_conversation_goes_on_where_it_was() {
    let house = house();
    let report = house.report(&[]);
    assert_eq!(counts(&report, "messages"), [3, 0, 0, 0], "{report}");
    assert_eq!(counts(&report, "feedback"), [1, 0, 0, 1], "{report}");
    assert_eq!(
        reasons(&report, "feedback", "skipped"),
        ["their message is not here"]
    );
    let model = Model::start().await;
    let base_url = model.base_url();
    let server = house
        .serve_with(|config| {
            config.llm_base_url = Some(base_url);
            config.outbound_allow = vec!["127.0.0.1".to_owned()];
        })
        .await;
    let body = json!({ "question": "Who am I?", "overrideConfig": { "sessionId": "s1" } });
    let answer = asked(&server, FLOW, Some(KEY.1), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(
        model.last_messages(),
        [
            "user: I am Ada.",
            "assistant: Hello, Ada.",
            "user: Who am I?"
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn messages_keep_their_ids_dates_and_what_belongs_to_them() {
    let house = house();
    house.report(&[]);
    let server = house.serve().await;
    let client = server.client(Some(KEY.1.to_owned())).bearer();
    let list = client
        .get(&format!("/api/v1/chatmessage/{FLOW}?sessionId=s1"))
        .await
        .json();
    let expected = |id: &str, role: &str, content: &str, minute: u32| {
        json!({ "id": id, "role": role, "chatflowid": FLOW, "executionId": null, "content": content,
            "chatType": "EXTERNAL", "chatId": "s1", "sessionId": "s1", "leadEmail": null,
            "createdDate": format!("2026-01-31T10:{minute:02}:00.000Z"), "usedTools": [{ "tool": "calculator" }] })
    };
    let both = json!([
        expected("m0000001", "userMessage", "I am Ada.", 1),
        expected("m0000002", "apiMessage", "Hello, Ada.", 2),
    ]);
    assert_eq!(list, both);
    let path = format!("/api/v1/chatmessage/{FLOW}?feedbackType=THUMBS_UP");
    let liked = client.get(&path).await.json();
    assert_eq!(
        (&liked[0]["id"], liked[1].is_null()),
        (&json!("m0000002"), true)
    );
    let stats: Value = client.get(&format!("/api/v1/stats/{FLOW}")).await.json();
    assert_eq!(stats["totalMessages"], 3, "{stats}");
    assert_eq!(stats["positiveFeedback"], 1, "{stats}");
    server.stop().await;
}

#[tokio::test]
async fn thousands_of_messages_come_in_their_order() {
    const COUNT: usize = 1_203;
    let house = House::new(|flowise| {
        flowise.key(KEY, "site", &["executions:view"]);
        flowise.flow(FLOW, "Echo", "AGENTFLOW", &reply("x"), &[]);
        let messages: String = (0..COUNT)
            .map(|number| {
                let (minute, second) = (number / 60, number % 60);
                format!(
                    "INSERT INTO chat_message (id, role, chatflowid, content, chatId, createdDate)
                     VALUES ('m{number:07}', 'userMessage', '{FLOW}', '{number}', 'c', '2026-01-31 10:{minute:02}:{second:02}');"
                )
            })
            .collect();
        flowise.run(&format!("BEGIN; {messages} COMMIT"));
    });
    let report = house.report(&[]);
    assert_eq!(
        counts(&report, "messages"),
        [COUNT as u64, 0, 0, 0],
        "{report}"
    );
    let server = house.serve().await;
    let client = server.client(Some(KEY.1.to_owned())).bearer();
    let mut said: Vec<String> = Vec::new();
    for page in 1..=2 {
        let path = format!("/api/v1/chatmessage/{FLOW}?page={page}&limit=1000");
        let list = client.get(&path).await.json();
        let list = list.as_array().expect("a list").clone();
        let contents = list.iter().map(|one| one["content"].as_str().unwrap());
        said.extend(contents.map(str::to_owned));
    }
    let expected: Vec<String> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(said, expected);
    server.stop().await;
}
