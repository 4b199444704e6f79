//! The workflows that are run under load, by their names.

use crate::Result;
use flowlatch::app::App;
use serde_json::{Value, json};

pub(crate) const THREE_STEPS: &str = "three";
pub(crate) const FORTY_STEPS: &str = "forty";
/// Goes over `input.items` with one pure step.
pub(crate) const LOOP: &str = "loop";
/// Rests for `input.waitMs`.
pub(crate) const WAIT: &str = "wait";
/// The three steps, also behind a webhook.
pub(crate) const SIGNED: &str = "signed";

/// A graph of forty pure nodes.
pub(crate) const GRAPH: &str = "graph";
/// An agentflow that replies with the question.
pub(crate) const FLOW: &str = "flow";
/// An agentflow that a model answers.
pub(crate) const TALK: &str = "talk";

/// What requests to the webhook are signed with.
pub(crate) const SECRET: &str = "It is a secret to everybody";
pub(crate) const WEBHOOK_PATH: &str = "load";
pub(crate) const SIGNATURE_HEADER: &str = "x-signature";
pub(crate) const EVENT_HEADER: &str = "x-event-id";

/// Makes a workflow of this name, active; gives its id.
pub(crate) async fn create(app: &App, name: &str) -> Result<String> {
    if name == GRAPH {
        let created = control(app, "/wireflow/api/v1/workflows", Some(graph())).await?;
        return Ok(created["id"].as_str().ok_or("no id")?.to_owned());
    }
    let asked = match name {
        FLOW => Some(reply()),
        TALK => Some(talk()),
        _ => None,
    };
    if let Some((node, inputs)) = asked {
        let flow = flow(name, node, &inputs);
        let created = control(app, "/flowise/api/v1/chatflows", Some(flow)).await?;
        return Ok(created["id"].as_str().ok_or("no id")?.to_owned());
    }
    let (trigger, steps) = match name {
        THREE_STEPS => (api(), steps(3)),
        FORTY_STEPS => (api(), steps(40)),
        LOOP => (api(), loop_steps()),
        WAIT => (api(), wait_steps()),
        SIGNED => (webhook(), steps(3)),
        other => return Err(format!("there is no workflow `{other}` to measure").into()),
    };
    let body = json!({ "name": name, "trigger": trigger, "steps": steps });
    let created = control(app, "/api/v1/workflows", Some(body)).await?;
    let id = created["data"]["id"].as_str().ok_or("no id")?;
    let path = format!("/api/v1/workflows/{id}");
    if name == SIGNED {
        let secret = json!({ "key": "HOOK", "value": SECRET });
        control(app, &format!("{path}/secrets"), Some(secret)).await?;
    }
    control(app, &format!("{path}/activate"), None).await?;
    Ok(id.to_owned())
}

async fn control(app: &App, path: &str, body: Option<Value>) -> Result<Value> {
    let (status, answer) = app.control("POST", path, body).await?;
    if (200..300).contains(&status) {
        Ok(answer)
    } else {
        Err(format!("POST {path}: {status} {answer}").into())
    }
}

fn api() -> Value {
    json!({ "type": "api" })
}

fn webhook() -> Value {
    json!({ "type": "webhook", "provider": "custom", "path": WEBHOOK_PATH, "verify": {
        "secret": "{{secrets.HOOK}}", "header": SIGNATURE_HEADER, "eventIdHeader": EVENT_HEADER,
    } })
}

/// Pure steps, each of which takes the value of the one before.
fn steps(count: usize) -> Value {
    let step = |n: usize| {
        let source = if n == 0 {
            "{{input.amount}}".to_owned()
        } else {
            format!("{{{{steps.s{}.value}}}}", n - 1)
        };
        set(&format!("s{n}"), &json!({ "value": source }))
    };
    (0..count).map(step).collect()
}

/// A text that goes through 38 nodes to the last one.
fn graph() -> Value {
    const LAST: usize = 39;
    let node = |n: usize| {
        let (node_type, config) = match n {
            0 => ("input:text", json!({ "prompt": "a" })),
            LAST => ("output:preview", json!({})),
            _ => ("utility:prompt_concat", json!({})),
        };
        json!({ "id": format!("n{n}"), "data": { "label": format!("n{n}"), "nodeType": node_type, "config": config } })
    };
    let edge = |n: usize| {
        json!({
            "id": format!("e{n}"), "source": format!("n{}", n - 1), "target": format!("n{n}"),
            "sourceHandle": "out-prompt", "targetHandle": if n == LAST { "in-value" } else { "in-prompt1" },
        })
    };
    let nodes: Value = (0..=LAST).map(node).collect();
    let edges: Value = (1..=LAST).map(edge).collect();
    json!({ "name": GRAPH, "nodes": nodes, "edges": edges })
}

/// A node that says what it was asked.
fn reply() -> (&'static str, Value) {
    let inputs = json!({ "directReplyMessage": "You said {{question}}" });
    ("directReplyAgentflow", inputs)
}

/// A node whose answer a model gives.
fn talk() -> (&'static str, Value) {
    let model = json!({ "modelName": "small" });
    let inputs = json!({ "llmModel": "chatOpenAI", "llmModelConfig": model });
    ("llmAgentflow", inputs)
}

/// An agentflow of a start and one node.
fn flow(flow: &str, node_name: &str, inputs: &Value) -> Value {
    let node = |id: &str, name: &str, inputs: Value| {
        json!({ "id": id, "type": "agentFlow", "position": { "x": 0, "y": 0 },
            "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
    };
    let flow_data = json!({
        "nodes": [
            node("start", "startAgentflow", json!({ "startInputType": "chatInput" })),
            node("reply", node_name, inputs.clone()),
        ],
        "edges": [{ "id": "e", "source": "start", "target": "reply", "sourceHandle": "start-output-x", "targetHandle": "reply" }],
    });
    json!({ "name": flow, "type": "AGENTFLOW", "flowData": flow_data.to_string() })
}

fn loop_steps() -> Value {
    json!([
        { "id": "each", "type": "loop", "config": {
            "collection": "{{input.items}}", "steps": ["item"], "maxIterations": 10_000,
        } },
        set("item", &json!({ "value": "{{item}}", "at": "{{index}}" })),
        set("end", &json!({ "count": "{{steps.each.count}}" })),
    ])
}

fn wait_steps() -> Value {
    json!([{ "id": "rest", "type": "wait", "config": { "duration": "{{input.waitMs}}" } }])
}

fn set(id: &str, value: &Value) -> Value {
    json!({ "id": id, "type": "transform", "config": { "sourceData": value } })
}
