//! Flows that ask each other: how often models and flows are called for one question, all together.

use crate::bench::{flow, llm, node, start};
use crate::door::Door;
use crate::model::{Model, Say};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// For an answer that takes a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on which so many calls may be made for one question.
async fn door(max_calls: u32) -> Door {
    Door::open_with(|config| config.max_flow_calls = max_calls).await
}

fn agent(tool: &str) -> Value {
    let tools = json!([{ "agentSelectedTool": "chatflowTool",
        "agentSelectedToolConfig": { "selectedChatflow": tool, "name": "inner" } }]);
    node(
        "agentAgentflow",
        "agent",
        json!({ "agentModel": "chatOpenAI", "agentTools": tools }),
    )
}

fn asks_three() -> Say {
    let call = || ("inner", json!({ "input": "that" }));
    Say::Calls(vec![call(), call(), call()])
}

#[tokio::test]
async fn flows_as_tools_call_models_no_more_often_than_one_question_may() {
    let door = door(10).await;
    let inner = flow(vec![start(), llm("one", json!({}))], &["start>one"]);
    let inner = door.save(&inner, json!({})).await;
    let outer = flow(vec![start(), agent(&inner)], &["start>agent"]);
    let outer = door.save(&outer, json!({})).await;
    // The agent's model, three flows and theirs, the agent's model again, one flow and its model: ten.
    for say in [
        asks_three(),
        Say::text("a"),
        Say::text("b"),
        Say::text("c"),
        asks_three(),
    ] {
        door.model.says(say);
    }
    let failed = door.ask(&outer, json!({ "question": "q" })).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    let message = failed.json()["message"]
        .as_str()
        .expect("a text")
        .to_owned();
    for part in ["10 calls of models and of other flows", "`max_flow_calls`"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(door.model.calls().len(), 6);
    // Each question has its own.
    door.model
        .says(Say::Calls(vec![("inner", json!({ "input": "x" }))]));
    let answered = door.ask(&outer, json!({ "question": "again" })).await;
    assert_eq!(
        answered.json()["text"],
        "You said: again",
        "{}",
        answered.text
    );
    assert_eq!(door.model.calls().len(), 9);
    door.server.stop().await;
}

#[tokio::test]
async fn flows_run_flows_no_more_often_than_one_question_may() {
    let door = door(6).await;
    let runs = |id: &str| {
        let inputs = json!({ "executeFlowSelectedFlow": id, "executeFlowInput": "x" });
        let back = json!({ "loopBackToNode": "run", "maxLoopCount": 3 });
        let nodes = vec![
            start(),
            node("executeFlowAgentflow", "run", inputs),
            node("loopAgentflow", "back", back),
        ];
        flow(nodes, &["start>run", "run>back"])
    };
    let echo = door.echo(json!({})).await;
    let middle = door.save(&runs(&echo), json!({})).await;
    let top = door.save(&runs(&middle), json!({})).await;
    // One of the middle and three below it; one more of the middle, and one below that.
    let failed = door.ask(&top, json!({ "question": "q" })).await;
    assert!(failed.text.contains("max_flow_calls"), "{}", failed.text);
    let admin = door.server.admin();
    for (flow, runs) in [(&top, 1), (&middle, 2), (&echo, 4)] {
        let path = format!("/api/v1/runs?workflowId={flow}");
        let list = admin.get(&path).await.data();
        assert_eq!(list.as_array().map(Vec::len), Some(runs), "{list}");
    }
    // A run of three below it is within it.
    let fine = door.ask(&middle, json!({ "question": "q" })).await;
    assert_eq!(fine.status, StatusCode::OK, "{}", fine.text);
    door.server.stop().await;
}

/// A step that asks a flow.
fn asks_once(flow: &str) -> Value {
    json!({ "id": "ask", "type": "subworkflow", "config": {
        "workflowId": flow, "inputMapping": { "question": "hi" } } })
}

/// A workflow of steps that asks a flow with one model four times.
async fn asks_four_times(door: &Door) -> String {
    let talk = flow(vec![start(), llm("one", json!({}))], &["start>one"]);
    let talk = door.save(&talk, json!({})).await;
    let each = json!({ "id": "each", "type": "loop", "config": {
        "collection": [1, 2, 3, 4], "steps": ["ask"] } });
    let steps = json!([each, asks_once(&talk)]);
    door.server.workflow("steps", steps).await
}

/// A workflow of steps is no question: each flow that it starts has its own.
#[tokio::test]
async fn flows_below_a_workflow_of_steps_count_apart() {
    let door = door(2).await;
    let steps = asks_four_times(&door).await;
    let run = door.server.admin().run(&steps, json!({})).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(door.model.calls().len(), 4);
    door.server.stop().await;
}

/// What a workflow of steps asks on behalf of a flow is that flow's question too.
#[tokio::test]
async fn a_workflow_of_steps_that_a_flow_asks_is_no_way_around_the_bound() {
    let door = door(3).await;
    let steps = asks_four_times(&door).await;
    let runs = json!({ "executeFlowSelectedFlow": steps, "executeFlowInput": "x" });
    let nodes = vec![start(), node("executeFlowAgentflow", "run", runs)];
    let top = door.save(&flow(nodes, &["start>run"]), json!({})).await;
    let failed = door.ask(&top, json!({ "question": "q" })).await;
    assert!(failed.text.contains("max_flow_calls"), "{}", failed.text);
    // The workflow of steps is the first call.
    assert_eq!(door.model.calls().len(), 2);
    door.server.stop().await;
}

/// A tool's run is below what is above its agent's.
#[tokio::test]
async fn flows_as_tools_stand_below_the_uppermost_run() {
    let door = Door::open_with(|config| config.max_runs_below = 1).await;
    let echo = door.echo(json!({})).await;
    let outer = flow(vec![start(), agent(&echo)], &["start>agent"]);
    let outer = door.save(&outer, json!({})).await;
    let asks = || Say::Calls(vec![("inner", json!({ "input": "that" }))]);
    let steps = json!([asks_once(&outer)]);
    let steps = door.server.workflow("steps", steps).await;
    let admin = door.server.admin();
    let path = format!("/api/v1/runs?workflowId={echo}");
    let runs = || async { admin.get(&path).await.data().as_array().map(Vec::len) };

    door.model.says(asks());
    let run = admin.run(&steps, json!({})).await;
    assert_eq!(run["status"], "completed", "{run}");
    let told = door.model.calls()[1]["messages"].to_string();
    assert!(told.contains("max_runs_below"), "{told}");
    assert_eq!(runs().await, Some(0));

    door.model.says(asks());
    let answered = door.ask(&outer, json!({ "question": "q" })).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    assert_eq!(runs().await, Some(1));
    door.server.stop().await;
}

/// An agent keeps its place while its tool runs, and so does the tool's agent: neither waits for the other's.
#[tokio::test]
async fn a_server_that_runs_one_at_a_time_answers_agents_whose_tools_are_flows() {
    let door = Door::open_with(|config| config.max_running_runs = 1).await;
    let echo = door.echo(json!({})).await;
    let hands_on = node(
        "executeFlowAgentflow",
        "hands",
        json!({ "executeFlowSelectedFlow": echo, "executeFlowInput": "deep" }),
    );
    let inner = flow(vec![start(), hands_on], &["start>hands"]);
    let inner = door.save(&inner, json!({})).await;
    let middle = flow(vec![start(), agent(&inner)], &["start>agent"]);
    let middle = door.save(&middle, json!({})).await;
    let outer = flow(vec![start(), agent(&middle)], &["start>agent"]);
    let outer = door.save(&outer, json!({})).await;
    let asks = || Say::Calls(vec![("inner", json!({ "input": "that" }))]);
    for say in [asks(), asks(), Say::text("middle"), Say::text("outer")] {
        door.model.says(say);
    }
    let question = json!({ "question": "q" });
    let answered = tokio::time::timeout(PATIENCE, door.ask(&outer, question)).await;
    let answered = answered.expect("nobody waits in a circle");
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.text);
    assert_eq!(answered.json()["text"], "outer");
    let told = door.model.calls()[2]["messages"].to_string();
    assert!(told.contains("deep"), "{told}");
    door.server.stop().await;
}

/// What was counted before the server was stopped still counts.
#[tokio::test]
async fn a_flow_that_waits_has_no_further_calls_after_a_restart() {
    let (folder, model) = (tempfile::tempdir().expect("a folder"), Model::start().await);
    let base_url = model.base_url();
    let open = || async {
        TestServer::open(folder.path(), Clock::system(), |config| {
            config.llm_base_url = Some(base_url.clone());
            config.max_flow_calls = 2;
        })
        .await
    };
    let server = open().await;
    let mut door = Door { server, model };
    let asks = json!({ "humanInputDescriptionType": "fixed", "humanInputDescription": "Sure?" });
    let nodes = vec![
        start(),
        llm("one", json!({})),
        llm("two", json!({ "llmUserMessage": "Two" })),
        node("humanInputAgentflow", "h", asks),
        llm("three", json!({ "llmUserMessage": "Three" })),
    ];
    let mut drawing = flow(nodes, &["start>one", "one>two", "two>h", "h>three"]);
    drawing["edges"][3]["sourceHandle"] = json!("h-output-0");
    let id = door.save(&drawing, json!({})).await;
    let body = json!({ "question": "q", "chatId": "c" });
    let stopped = door.ask(&id, body).await;
    let waits_at = &stopped.json()["action"]["data"]["nodeId"];
    assert_eq!(waits_at, "h", "{}", stopped.text);
    let key = door.server.admin_key.clone();
    door.server.stop().await;
    door.server = open().await;
    door.server.admin_key = key;
    let goes_on = json!({ "chatId": "c", "humanInput": { "type": "proceed" } });
    let failed = door.ask(&id, goes_on).await;
    assert!(failed.text.contains("max_flow_calls"), "{}", failed.text);
    assert_eq!(door.model.calls().len(), 2);
    door.server.stop().await;
}
