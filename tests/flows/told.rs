//! What clients of each kind of flow are told: chatflows, tools and thoughts, questions to people, changed answers.

use crate::bench::{flow, llm, node, reply, start};
use crate::door::{Door, events, names, sent};
use crate::model::Say;
use crate::support::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A conversation chain with a memory.
fn chain() -> Value {
    let part = |name: &str, id: &str| {
        json!({ "id": id, "type": "customNode",
        "data": { "id": id, "label": id, "name": name, "inputs": { "modelName": "small" } } })
    };
    let edge = |from: &str| {
        json!({ "source": from, "target": "chain", "id": from,
        "sourceHandle": format!("{from}-output-x-X"), "targetHandle": format!("chain-input-{from}-X") })
    };
    json!({ "nodes": [part("azureChatOpenAI", "model"), part("bufferMemory", "memory"), part("conversationChain", "chain")],
        "edges": [edge("model"), edge("memory")] })
}

/// What who has no key is answered.
async fn nobody_asks(door: &Door, flow: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/prediction/{flow}");
    let request = door.server.anonymous().request(Method::POST, &path);
    sent(request.json(body)).await
}

fn data<'a>(told: &'a [(String, Value)], name: &str) -> Vec<&'a Value> {
    let fitting = told.iter().filter(|(known, _)| known == name);
    fitting.map(|(_, data)| data).collect()
}

#[tokio::test]
async fn a_chatflow_is_told_as_flowises_clients_read_it() {
    let door = Door::open().await;
    let id = door.save(&chain(), json!({ "type": "CHATFLOW" })).await;
    let body = |streaming: bool| json!({ "question": "hi", "chatId": "c", "streaming": streaming });
    let whole = door.ask(&id, body(false)).await.json();
    let mut fields: Vec<&String> = whole.as_object().expect("an object").keys().collect();
    fields.sort();
    let expected = [
        "chatId",
        "chatMessageId",
        "isStreamValid",
        "memoryType",
        "question",
        "sessionId",
        "text",
    ];
    assert_eq!(fields, expected);
    let found = json!([whole["text"], whole["isStreamValid"], whole["memoryType"]]);
    assert_eq!(found, json!(["You said: hi", true, "Buffer Memory"]));
    let told = events(&door.ask(&id, body(true)).await);
    let order: Vec<&str> = names(&told)
        .into_iter()
        .filter(|name| *name != "usageMetadata")
        .collect();
    assert_eq!(order, ["start", "token", "metadata", "end"]);
    assert_eq!(data(&told, "start").len(), 1, "it opens one bubble");
    let tokens: String = data(&told, "token")
        .iter()
        .filter_map(|data| data.as_str())
        .collect();
    assert_eq!(tokens, "You said: hi");
    let metadata = data(&told, "metadata")[0];
    let found = json!([
        metadata["chatId"],
        metadata["question"],
        metadata["memoryType"]
    ]);
    assert_eq!(found, json!(["c", "hi", "Buffer Memory"]));
    assert_eq!(
        door.model.last_messages()[1..3],
        ["user: hi", "assistant: You said: hi"]
    );
    door.server.stop().await;
}

#[tokio::test]
async fn tools_and_thoughts_are_told_and_strangers_learn_their_names() {
    let door = Door::open().await;
    let tools =
        json!([{ "agentSelectedTool": "calculator" }, { "agentSelectedTool": "currentDateTime" }]);
    let agent = node(
        "agentAgentflow",
        "a",
        json!({ "agentModel": "chatOpenAI", "agentTools": tools }),
    );
    let drawing = flow(vec![start(), agent], &["start>a"]);
    let id = door.save(&drawing, json!({ "isPublic": true })).await;
    let body = json!({ "question": "q", "streaming": true });
    for sees in [true, false] {
        let calls = vec![
            ("calculator", json!({ "input": "6*7" })),
            ("current_date_time", json!({})),
        ];
        door.model.says(Say::Calls(calls));
        door.model.says(Say::Thinks("hm", "well"));
        let answer = match sees {
            true => door.ask(&id, body.clone()).await,
            false => nobody_asks(&door, &id, &body).await,
        };
        let told = events(&answer);
        let thought: String = data(&told, "thinking")
            .iter()
            .filter_map(|data| data.as_str())
            .collect();
        assert_eq!(thought, "hm");
        let (called, used) = (data(&told, "calledTools")[0], data(&told, "usedTools")[0]);
        for tools in [called, used] {
            let names = json!([tools[0]["tool"], tools[1]["tool"]]);
            assert_eq!(names, json!(["calculator", "current_date_time"]));
        }
        let now = used[1]["toolOutput"].as_str().expect("a text");
        assert_eq!(used[0]["toolOutput"] == "42", sees, "{used}");
        assert_eq!(now.starts_with("20") && now.ends_with('Z'), sees, "{now}");
        assert_eq!(answer.text.contains("6*7"), sees, "{}", answer.text);
    }
    door.server.stop().await;
}

#[tokio::test]
async fn a_flow_that_stops_says_what_it_asks_and_a_no_takes_the_other_way() {
    let door = Door::open().await;
    let asks = json!({ "humanInputDescriptionType": "fixed", "humanInputDescription": "Sure?", "humanInputEnableFeedback": true });
    let nodes = vec![
        start(),
        node("humanInputAgentflow", "h", asks),
        reply("yes", "done"),
        reply("no", "left"),
    ];
    let mut drawing = flow(nodes, &["start>h", "h>yes", "h>no"]);
    for (edge, way) in [(1, 0), (2, 1)] {
        drawing["edges"][edge]["sourceHandle"] = json!(format!("h-output-{way}"));
    }
    let id = door.save(&drawing, json!({ "isPublic": true })).await;
    let body = json!({ "question": "q", "chatId": "c", "streaming": true });
    let told = events(&nobody_asks(&door, &id, &body).await);
    let order = names(&told);
    assert!(
        order.ends_with(&["agentFlowEvent", "action", "metadata", "end"]),
        "{order:?}"
    );
    assert_eq!(
        data(&told, "agentFlowEvent").last(),
        Some(&&json!("STOPPED"))
    );
    let action = data(&told, "action")[0];
    assert_eq!(
        action["mapping"],
        json!({ "approve": "Proceed", "reject": "Reject" })
    );
    let labels: Vec<&Value> = action["elements"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(
        labels,
        ["agentflowv2-approve-button", "agentflowv2-reject-button"]
    );
    assert_eq!(
        (&action["data"]["nodeId"], &action["data"]["input"]),
        (&json!("h"), &json!("Sure?"))
    );
    // Who does not know the conversation answers nothing.
    let no = |chat: &str| {
        json!({ "chatId": chat, "streaming": true,
        "humanInput": { "type": "reject", "startNodeId": "h", "feedback": "too late" } })
    };
    let stranger = nobody_asks(&door, &id, &no("d")).await;
    assert_eq!(
        stranger.status,
        StatusCode::BAD_REQUEST,
        "{}",
        stranger.text
    );
    let told = events(&nobody_asks(&door, &id, &no("c")).await);
    assert_eq!(data(&told, "token"), [&json!("left")]);
    assert_eq!(
        data(&told, "agentFlowEvent").last(),
        Some(&&json!("FINISHED"))
    );
    door.server.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_changed_afterwards_is_told_and_kept_as_it_became() {
    let door = Door::open_with(|config| config.template_env = vec!["PATH".to_owned()]).await;
    for (name, value, kind) in [("tone", "kind", "static"), ("PATH", "", "runtime")] {
        let body = json!({ "name": name, "value": value, "type": kind });
        sent(door.keyed(Method::POST, "/api/v1/variables").json(&body)).await;
    }
    let code = "return $flow.rawOutput.toUpperCase() + ' ' + $vars.tone + ' ' + $vars.PATH";
    let chatbot =
        json!({ "postProcessing": { "enabled": true, "customFunction": json!(code).to_string() } });
    let id = door
        .echo(json!({ "chatbotConfig": chatbot.to_string() }))
        .await;
    let probe = format!("/api/v1/chatflows-streaming/{id}");
    let probe = sent(door.keyed(Method::GET, &probe)).await;
    assert_eq!(probe.json(), json!({ "isStreaming": false }));
    let asked = json!({ "question": "hi", "streaming": true });
    let answer = door.ask(&id, asked).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    // The environment is seen as far as `template_env` names it.
    let path = std::env::var("PATH").expect("a test has one");
    let expected = format!("HI! kind {path}");
    assert_eq!(answer.json()["text"], expected, "{}", answer.text);
    let kept = sent(door.keyed(Method::GET, &format!("/api/v1/chatmessage/{id}"))).await;
    assert_eq!(kept.json()[1]["content"], expected);
    door.server.stop().await;
}

/// Flowise took the word of a header for who asks.
#[tokio::test]
async fn who_says_to_be_the_server_itself_is_nobody() {
    let door = Door::open().await;
    let drawing = flow(vec![start(), llm("l", json!({}))], &["start>l"]);
    let id = door.save(&drawing, json!({})).await;
    for (method, path) in [
        (Method::POST, format!("/api/v1/prediction/{id}")),
        (Method::GET, "/api/v1/chatflows".to_owned()),
        (Method::GET, "/api/v1/apikey".to_owned()),
    ] {
        let request = door.server.anonymous().request(method, &path);
        let request = request.header("x-request-from", "internal");
        let answer = sent(request.json(&json!({ "question": "q" }))).await;
        assert_eq!(
            answer.status,
            StatusCode::UNAUTHORIZED,
            "{path}: {}",
            answer.text
        );
    }
    assert!(door.model.calls().is_empty());
    door.server.stop().await;
}
