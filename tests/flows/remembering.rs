//! What nodes remember, by each kind of memory that they have, and under which role what they say is remembered.

use crate::bench::{Bench, asked, flow, llm, node, reply, start};
use crate::door::Door;
use crate::model::Say;
use flowlatch::model::flow::FlowKind::{Agentflow, Chatflow};
use flowlatch::model::flow::{PredictionInput, Role, Turn};
use serde_json::{Value, json};

/// Two questions and their answers, and what is asked now.
fn after_two() -> PredictionInput {
    let turn = |role, content: &str| Turn {
        role,
        content: content.to_owned(),
    };
    PredictionInput {
        past: vec![
            turn(Role::User, "m1"),
            turn(Role::Assistant, "m2"),
            turn(Role::User, "m3"),
            turn(Role::Assistant, "m4"),
        ],
        ..asked("hi")
    }
}

const ALL: [&str; 4] = ["user: m1", "assistant: m2", "user: m3", "assistant: m4"];
const END: [&str; 2] = ["user: m3", "assistant: m4"];
const SUMMARY: &str = "system: What was said before, in short:\nall of it";

#[tokio::test]
async fn chains_remember_by_the_kind_of_their_memory() {
    let part = |name: &str, id: &str, inputs: Value| json!({ "id": id, "type": "customNode", "data": { "id": id, "label": id, "name": name, "inputs": inputs } });
    let edge = |from: &str, input: &str| json!({ "source": from, "target": "chain", "id": from, "sourceHandle": format!("{from}-output-x-X"), "targetHandle": format!("chain-input-{input}-X") });
    let buffer = json!({ "maxTokenLimit": 1 });
    for (memory, inputs, remembered) in [
        ("bufferMemory", json!({}), ALL.to_vec()),
        ("bufferWindowMemory", json!({ "k": 1 }), END.to_vec()),
        ("conversationSummaryMemory", json!({}), vec![SUMMARY]),
        (
            "conversationSummaryBufferMemory",
            buffer,
            [&[SUMMARY], &END[..]].concat(),
        ),
    ] {
        let bench = Bench::start().await;
        let nodes = [
            part("chatOpenAICustom", "model", json!({ "modelName": "small" })),
            part(memory, "memory", inputs),
            part(
                "conversationChain",
                "chain",
                json!({ "systemMessagePrompt": "S" }),
            ),
        ];
        let edges = [edge("model", "model"), edge("memory", "memory")];
        let drawing = json!({ "nodes": nodes, "edges": edges });
        let id = bench.save(Chatflow, &drawing).await;
        if memory.contains("Summary") {
            bench.model.says(Say::text("all of it"));
        }
        bench.hear(&id, after_two()).await.text();
        let told = [&["system: S"], &remembered[..], &["user: hi"]].concat();
        assert_eq!(bench.model.last_messages(), told, "{memory}");
    }
}

#[tokio::test]
async fn agents_and_those_that_choose_a_way_remember_too() {
    let bench = Bench::start().await;
    let agent = json!({ "agentModel": "chatOpenAI", "agentEnableMemory": true, "agentMemoryType": "windowSize",
        "agentMemoryWindowSize": 1, "agentMessages": [{ "role": "system", "content": "S" }], "agentUserMessage": "now" });
    let router = json!({ "conditionAgentModel": "chatOpenAI", "conditionAgentEnableMemory": true,
        "conditionAgentMemoryType": "windowSize", "conditionAgentMemoryWindowSize": 1,
        "conditionAgentInput": "{{question}}", "conditionAgentScenarios": [{ "scenario": "one" }] });
    let forgetful = json!({ "conditionAgentModel": "chatOpenAI",
        "conditionAgentInput": "{{question}}", "conditionAgentScenarios": [{ "scenario": "one" }] });
    for (name, inputs, remembered) in [
        ("agentAgentflow", agent, true),
        ("conditionAgentAgentflow", router, true),
        ("conditionAgentAgentflow", forgetful, false),
    ] {
        let drawing = flow(vec![start(), node(name, "x", inputs)], &["start>x"]);
        let id = bench.save(Agentflow, &drawing).await;
        let heard = bench.hear(&id, after_two()).await;
        assert_eq!(heard.nodes(), ["start FINISHED", "x FINISHED"]);
        let told = bench.model.last_messages();
        assert!(told[0].starts_with("system: "), "{told:?}");
        assert_eq!(
            told[1..].starts_with(&END.map(str::to_owned)),
            remembered,
            "{told:?}"
        );
        assert!(!told.contains(&ALL[0].to_owned()), "{told:?}");
    }
}

#[tokio::test]
async fn what_nodes_say_is_remembered_under_the_role_that_they_choose() {
    let bench = Bench::start().await;
    let said = reply("r", "inner");
    let inner = bench
        .save(Agentflow, &flow(vec![start(), said], &["start>r"]))
        .await;
    for (role, word) in [("userMessage", "user"), ("assistantMessage", "assistant")] {
        let runs = json!({ "executeFlowSelectedFlow": inner.as_str(), "executeFlowInput": "x", "executeFlowReturnResponseAs": role });
        let first = json!({ "llmUserMessage": "one?", "llmReturnResponseAs": role });
        let last = json!({ "llmEnableMemory": true, "llmUserMessage": "two?" });
        let nodes = vec![
            start(),
            node("executeFlowAgentflow", "run", runs),
            llm("first", first),
            llm("last", last),
        ];
        let drawing = flow(nodes, &["start>run", "run>first", "first>last"]);
        let id = bench.save(Agentflow, &drawing).await;
        bench.model.says(Say::text("one!"));
        bench.ask(&id, "hi").await.text();
        let told = [
            format!("{word}: inner"),
            "user: one?".to_owned(),
            format!("{word}: one!"),
            "user: two?".to_owned(),
        ];
        assert_eq!(bench.model.last_messages(), told);
    }
}

#[tokio::test]
async fn a_flow_whose_memory_is_of_one_run_knows_nothing_of_the_session() {
    let door = Door::open().await;
    for is_ephemeral in [true, false] {
        let begin = json!({ "startInputType": "chatInput", "startEphemeralMemory": is_ephemeral });
        let nodes = vec![
            node("startAgentflow", "start", begin),
            llm("l", json!({ "llmEnableMemory": true })),
        ];
        let id = door.save(&flow(nodes, &["start>l"]), json!({})).await;
        for question in ["one", "two"] {
            let body = json!({ "question": question, "chatId": "c" });
            let answer = door.ask(&id, body).await;
            assert!(answer.status.is_success(), "{}", answer.text);
        }
        let told = door.model.last_messages();
        let length = if is_ephemeral { 1 } else { 3 };
        assert_eq!(
            (told.len(), told[length - 1].as_str()),
            (length, "user: two")
        );
    }
    door.server.stop().await;
}

#[tokio::test]
async fn texts_know_how_much_was_said_and_what_time_it_is() {
    let bench = Bench::start().await;
    let nodes = vec![
        start(),
        llm("one", json!({})),
        reply("r", "{{runtime_messages_length}} {{current_date_time}}"),
    ];
    let drawing = flow(nodes, &["start>one", "one>r"]);
    let id = bench.save(Agentflow, &drawing).await;
    let heard = bench.ask(&id, "hi").await;
    let (count, now) = heard.text().split_once(' ').expect("two words");
    assert_eq!(count, "2", "the question and its answer");
    assert!(
        now.starts_with("20") && now.ends_with('Z') && now.len() == 24,
        "{now}"
    );
}
