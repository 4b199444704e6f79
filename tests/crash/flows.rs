//! A flow killed while its model is asked: the run goes on at the next start, what it had done is not done again, and the
//! conversation can go on. Nobody waits for that answer any more.

use crate::examine::{Scene, attempt, ended, nothing_is_stuck};
use crate::support::Client;
use crate::upstream::Reply;
use reqwest::Method;
use serde_json::{Value, json};

const COMPLETIONS: &str = "/v1/chat/completions";

/// A flow that calls the other side, then asks a model, and replies with what that says.
fn drawing(charge: &str) -> Value {
    let node = |name: &str, id: &str, inputs: Value| {
        json!({ "id": id, "type": "agentFlow", "position": { "x": 0, "y": 0 },
            "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
    };
    let edge = |from: &str, to: &str| {
        json!({ "source": from, "target": to, "sourceHandle": format!("{from}-output-x"),
        "targetHandle": to, "type": "agentFlow", "id": format!("{from}-{to}") })
    };
    let call = json!({ "method": "POST", "url": charge });
    let model = json!({ "llmModel": "chatOpenAI", "llmModelConfig": { "modelName": "small" }, "llmEnableMemory": true });
    json!({
        "nodes": [
            node("startAgentflow", "start", json!({ "startInputType": "chatInput" })),
            node("httpAgentflow", "charge", call),
            node("llmAgentflow", "model", model),
            node("directReplyAgentflow", "reply", json!({ "directReplyMessage": "{{model}}!" })),
        ],
        "edges": [edge("start", "charge"), edge("charge", "model"), edge("model", "reply")],
        "viewport": { "x": 0, "y": 0, "zoom": 1 },
    })
}

fn said(text: &str) -> Reply {
    let message = json!({ "role": "assistant", "content": text });
    let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
    Reply::json(
        200,
        &json!({ "id": "c", "object": "chat.completion", "choices": [choice] }),
    )
}

async fn saved(client: &Client, charge: &str) -> String {
    let flow =
        json!({ "name": "flow", "type": "AGENTFLOW", "flowData": drawing(charge).to_string() });
    let made = client.post("/flowise/api/v1/chatflows", flow).await.json();
    made["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{made}"))
        .to_owned()
}

#[tokio::test]
async fn a_flow_killed_while_its_model_is_asked_goes_on_and_so_does_its_conversation() {
    let mut scene = Scene::new().await;
    let model = scene.upstream.url("").replace("http://", "");
    scene.setting.model = Some(model.parse().expect("an address"));
    let _held = scene.upstream.hold(COMPLETIONS);
    let server = scene.server().await;
    let client = server.client.bearer();
    let flow = saved(&client, &scene.upstream.url("/charge")).await;
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let question = |text: &str| json!({ "question": text, "chatId": "c" });
    let asking = {
        let (client, path, first) = (client.clone(), path.clone(), question("first"));
        tokio::spawn(async move { attempt(&client, &path, first).await })
    };
    scene.upstream.until_called(COMPLETIONS, 1).await;
    server.kill();
    assert!(asking.await.expect("no panic").is_none(), "nobody answers");

    scene.upstream.answer(COMPLETIONS, |_, _| said("well"));
    let server = scene.restarted().await;
    let runs = format!("/api/v1/runs?workflowId={flow}");
    let run = server.client.get(&runs).await.data()[0]["id"]
        .as_str()
        .expect("a run")
        .to_owned();
    let run = ended(&server.client, &run).await;
    assert_eq!(
        (&run["status"], &run["output"]["output"]["content"]),
        (&json!("completed"), &json!("well!")),
        "{run}"
    );
    assert_eq!(
        scene.upstream.calls("/charge").len(),
        1,
        "what is recorded is not done again"
    );
    let asked = scene.upstream.calls(COMPLETIONS);
    let keys: Vec<&str> = asked.iter().map(|call| call.key()).collect();
    assert!(
        keys.len() == 2 && keys[0] == keys[1] && !keys[0].is_empty(),
        "{keys:?}"
    );

    let client = server.client.bearer();
    let told = client.post(&path, question("second")).await.json();
    assert_eq!(told["text"], "well!", "{told}");
    let kept = client.request(Method::GET, &format!("/flowise/api/v1/chatmessage/{flow}"));
    let kept: Value = kept
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let kept: Vec<&str> = kept
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|message| message["content"].as_str())
        .collect();
    assert_eq!(
        kept,
        ["second", "well!"],
        "of the first one the run alone tells"
    );
    nothing_is_stuck(&server.client).await;
}
