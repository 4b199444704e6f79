//! Agentflows as short texts.

use serde_json::{Value, json};

/// A node of an agentflow: its component, its id, its inputs.
pub(crate) fn node(name: &str, id: &str, inputs: Value) -> Value {
    json!({ "id": id, "type": "agentFlow", "position": { "x": 0, "y": 0 },
        "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
}

/// A node inside of an iteration.
pub(crate) fn inside(of: &str, mut node: Value) -> Value {
    node["parentNode"] = json!(of);
    node["extent"] = json!("parent");
    node
}

/// Edges: `a>b`, or `a:1>b` for the way 1.
pub(crate) fn flow(nodes: Vec<Value>, edges: &[&str]) -> Value {
    let edges: Vec<Value> = edges
        .iter()
        .map(|edge| {
            let (from, to) = edge.split_once('>').expect("an edge");
            let (from, way) = from.split_once(':').unwrap_or((from, "x"));
            json!({ "source": from, "target": to, "sourceHandle": format!("{from}-output-{way}"),
                "targetHandle": to, "type": "agentFlow", "id": *edge })
        })
        .collect();
    json!({ "nodes": nodes, "edges": edges, "viewport": { "x": 0, "y": 0, "zoom": 1 } })
}

/// A start with a chat.
pub(crate) fn start() -> Value {
    node(
        "startAgentflow",
        "start",
        json!({ "startInputType": "chatInput" }),
    )
}

/// A reply with this text.
pub(crate) fn reply(id: &str, text: &str) -> Value {
    node(
        "directReplyAgentflow",
        id,
        json!({ "directReplyMessage": text }),
    )
}

/// A model's node; `more` goes over what every one has.
pub(crate) fn llm(id: &str, more: Value) -> Value {
    let mut inputs =
        json!({ "llmModel": "chatOpenAI", "llmModelConfig": { "modelName": "small" } });
    for (name, value) in more.as_object().expect("an object") {
        inputs[name] = value.clone();
    }
    node("llmAgentflow", id, inputs)
}
