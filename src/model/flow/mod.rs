//! Flows: chatflows and agentflows, as Flowise's editor saves them (`flowData`).
//! May not know plans beyond what a step of one carries, nor how nodes do their work. Promises: what is not listed here is
//! refused when the flow is saved, with the node's name; what was substituted into a text is never read as a template.
//!
//! - `catalogue`: which nodes there are, and what kind of step each is.
//! - `drawing`: reads `flowData`.
//! - `structure`: where an agentflow begins, which nodes wait for which; `refused`: what its nodes may not be set to.
//! - `chain`: what the nodes of a chatflow come to as steps.
//! - `text`, `reference`, `sight`: the texts in a node's inputs, and what `{{…}}` in them stands for.
//! - `markdown`: the editor's HTML.
//! - `handed`: what a step is handed; `passed`: what it leaves, and how clients are shown it.

pub mod catalogue;
pub mod chain;
mod drawing;
pub mod handed;
mod markdown;
pub mod passed;
mod question;
pub mod reference;
mod refused;
pub mod sight;
pub mod structure;
pub mod text;

pub use catalogue::{Known, NodeKind};
pub use drawing::{Drawing, FlowEdge, FlowNode};
pub use markdown::markdown;
pub use passed::ExecutedNode;
pub use question::{HumanInput, PredictionInput, Role, Turn, WebhookCall};
pub use refused::TOOLS;

use crate::model::workflow::{Definition, DefinitionFormat};
use reference::Reference;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use text::Text;

/// The most times that nodes of one flow may run in one run.
pub const MAX_VISITS: usize = 1_000;

/// Of which of Flowise's types a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowKind {
    /// Chains of a model, prompts and memory.
    Chatflow,
    /// Nodes that run one after another.
    Agentflow,
}

impl FlowKind {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            FlowKind::Chatflow => "CHATFLOW",
            FlowKind::Agentflow => "AGENTFLOW",
        }
    }

    /// Reads it as it is stored and sent; clients also write `MULTIAGENT` for agentflows.
    pub fn parse(text: &str) -> Option<FlowKind> {
        match text {
            "CHATFLOW" => Some(FlowKind::Chatflow),
            "AGENTFLOW" | "MULTIAGENT" => Some(FlowKind::Agentflow),
            _ => None,
        }
    }
}

/// How an agentflow begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartKind {
    /// With a question.
    Chat,
    /// With the values of a form.
    Form,
    /// With a request of another service.
    Webhook,
    /// By the clock.
    Schedule,
}

/// What holds for a flow as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowFacts {
    /// Its type.
    pub kind: FlowKind,
    /// How it begins; chatflows with a question.
    pub start: StartKind,
    /// What a flow is asked that begins by the clock, where it says so.
    pub default_question: Option<String>,
    /// Whether a node uses what was said before in the session: only then need it be read.
    pub reads_past: bool,
    /// Which of `$vars` it names: only these need be read, and stand in its runs.
    pub reads_variables: VariablesRead,
    /// Whether it begins with the state that the session's last run left.
    pub persists_state: bool,
    /// Whether its answer may be streamed.
    pub is_streamable: bool,
    /// What the memory of a chatflow is called, as clients are told: `Buffer Memory`.
    pub memory_type: Option<&'static str>,
}

/// Which of the variables that all flows share one flow reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariablesRead {
    /// Those that its texts name; mostly none.
    Named(BTreeSet<String>),
    /// Any: it has code, or a text that names them all.
    All,
}

impl VariablesRead {
    /// Those that these texts name.
    pub fn of<'a>(texts: impl Iterator<Item = &'a Text>) -> VariablesRead {
        let mut names = BTreeSet::new();
        let mut all = false;
        let mut add = |reference: &Reference| {
            if let Reference::Variable(path) = reference {
                match path.first() {
                    Some(name) => drop(names.insert(name.clone())),
                    None => all = true,
                }
            }
        };
        texts.for_each(|text| text.each_reference(&mut add));
        match all {
            true => VariablesRead::All,
            false => VariablesRead::Named(names),
        }
    }

    /// Whether none is read.
    pub fn is_empty(&self) -> bool {
        matches!(self, VariablesRead::Named(names) if names.is_empty())
    }

    /// Those that JavaScript reads: any, as soon as it names them.
    pub fn of_code(code: &str) -> VariablesRead {
        match code.contains("vars") {
            true => VariablesRead::All,
            false => VariablesRead::Named(BTreeSet::new()),
        }
    }
}

/// What a step of a plan is in its flow.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowStep {
    /// The node's behaviour.
    pub known: &'static Known,
    /// Its inputs by name, but for what it does to the state.
    pub inputs: Vec<(String, Text)>,
    /// What it does to the state: a list of `key` and `value`.
    pub updates: Option<Text>,
    /// Whether the flow's answer is its own, and may be streamed.
    pub is_last: bool,
    /// The nodes that lead to it.
    pub before: Vec<String>,
}

/// The definition of a flow. `flow_data` is kept letter for letter, whether it is one or not.
pub fn definition(kind: FlowKind, flow_data: &str) -> Definition {
    let drawing = Drawing::read(flow_data, &mut Vec::new());
    let trigger = drawing.as_ref().and_then(structure::trigger);
    let trigger = trigger.unwrap_or_else(|| json!({ "type": "api" }));
    Definition {
        format: DefinitionFormat::Flow,
        body: json!({ "trigger": trigger, "flowType": kind.as_str(), "flowData": flow_data }),
    }
}

/// The definition that a body with `flowData` (a text, or the object itself) and `flowType` asks for.
pub fn definition_of(fields: &Map<String, Value>) -> Definition {
    let kind = fields.get("flowType").and_then(Value::as_str);
    let known = FlowKind::parse(kind.unwrap_or("AGENTFLOW"));
    let mut definition = match fields.get("flowData") {
        Some(Value::String(text)) => definition(known.unwrap_or(FlowKind::Agentflow), text),
        Some(other) => definition(known.unwrap_or(FlowKind::Agentflow), &other.to_string()),
        None => definition(known.unwrap_or(FlowKind::Agentflow), ""),
    };
    if let (None, Some(body)) = (known, definition.body.as_object_mut()) {
        // As it was sent, so that it is told what is wrong with it.
        body.insert("flowType".to_owned(), json!(kind));
    }
    definition
}

/// The `flowData` of a definition, as it was sent; `None` of another format.
pub fn flow_data(definition: &Definition) -> Option<&str> {
    let data = definition.body.get("flowData").and_then(Value::as_str);
    data.filter(|_| definition.format == DefinitionFormat::Flow)
}

/// A text among the inputs of a node; empty where there is none.
pub fn text_of<'a>(inputs: &'a Map<String, Value>, name: &str) -> &'a str {
    inputs.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether an input is switched on: the editor also saves `"true"`.
pub(in crate::model) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is_true)) => *is_true,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}
