//! What a node of a flow leaves, and how clients are shown it.
//!
//! A step's output is `{"input", "output"}`, with `state` where the flow's state is another one now, and `messages` where the
//! node has said something that later nodes are to know.

use super::FlowStep;
use crate::model::plan::{NodeIndex, Passed, Plan};
use serde_json::{Map, Value, json};

/// What a node came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeResult {
    /// What it was given, for people to look at.
    pub input: Value,
    /// What later nodes see: an object, mostly with `content`.
    pub output: Value,
    /// The state from now on; `None`: as it was.
    pub state: Option<Map<String, Value>>,
    /// What it has said: `role`, `content` and `name`.
    pub messages: Vec<Value>,
}

impl NodeResult {
    /// A result of which the input is not worth showing.
    pub fn of(output: Value) -> NodeResult {
        NodeResult {
            output,
            input: json!({}),
            ..NodeResult::default()
        }
    }

    /// As it is recorded.
    pub fn into_value(self) -> Value {
        let mut fields = Map::new();
        fields.insert("input".to_owned(), self.input);
        fields.insert("output".to_owned(), self.output);
        if let Some(state) = self.state {
            fields.insert("state".to_owned(), Value::Object(state));
        }
        if !self.messages.is_empty() {
            fields.insert("messages".to_owned(), Value::Array(self.messages));
        }
        Value::Object(fields)
    }
}

/// The text of a recorded output: `content`, else what a call answered.
pub fn content(recorded: &Value) -> Option<String> {
    let output = recorded.get("output")?;
    let text = output
        .get("content")
        .or_else(|| output.pointer("/http/data"))?;
    match text {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// A node that was run, as clients are shown it (`agentFlowExecutedData`).
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutedNode {
    /// The node's id.
    pub node_id: String,
    /// What people call it.
    pub label: String,
    /// Its component: `llmAgentflow`.
    pub name: &'static str,
    /// How it ended.
    pub status: NodeStatus,
    /// `{"id", "name", "input", "output", "state", "chatHistory"?}`, or with `error` where it failed.
    pub data: Value,
    /// The nodes that lead to it.
    pub before: Vec<String>,
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeStatus {
    /// Well.
    Finished,
    /// It failed.
    Failed,
    /// It waits for somebody.
    Stopped,
    /// The run was cancelled.
    Terminated,
}

impl NodeStatus {
    /// As Flowise's clients know it.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeStatus::Finished => "FINISHED",
            NodeStatus::Failed => "ERROR",
            NodeStatus::Stopped => "STOPPED",
            NodeStatus::Terminated => "TERMINATED",
        }
    }
}

impl ExecutedNode {
    /// A node as it is shown, whatever has become of it.
    pub fn new(
        plan: &Plan,
        node: NodeIndex,
        status: NodeStatus,
        more: Value,
    ) -> Option<ExecutedNode> {
        let known = plan.nodes.get(node)?;
        let step: &FlowStep = known.flow.as_deref()?;
        let mut data = Map::new();
        data.insert("id".to_owned(), json!(known.id));
        data.insert("name".to_owned(), json!(step.known.name));
        if let Value::Object(more) = more {
            data.extend(more);
        }
        Some(ExecutedNode {
            node_id: known.id.clone(),
            label: known.name.clone().unwrap_or_default(),
            name: step.known.name,
            status,
            data: Value::Object(data),
            before: step.before.clone(),
        })
    }

    /// A node that has ended well. `state` is the flow's after it.
    pub fn finished(
        plan: &Plan,
        passed: &Passed,
        state: &Map<String, Value>,
    ) -> Option<ExecutedNode> {
        let recorded = &passed.output;
        let mut more = json!({
            "input": recorded.get("input"),
            "output": recorded.get("output"),
            "state": state,
        });
        if let (Some(messages), Some(fields)) = (recorded.get("messages"), more.as_object_mut()) {
            fields.insert("chatHistory".to_owned(), messages.clone());
        }
        ExecutedNode::new(plan, passed.node, NodeStatus::Finished, more)
    }
}
