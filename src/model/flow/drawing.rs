//! Reads `flowData`: nodes and edges, as the editor saves them.
//! May not know what nodes mean. Promise: what is read is bounded and has unique ids.

use crate::id::is_id;
use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem::{add, shown};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The most nodes of a flow, notes included.
const MAX_NODES: usize = 1_000;
/// The most edges.
const MAX_EDGES: usize = 5_000;

/// Nodes and edges.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drawing {
    /// The nodes, in their order; notes are left out.
    pub nodes: Vec<FlowNode>,
    /// The edges between them.
    pub edges: Vec<FlowEdge>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlowNode {
    /// `llmAgentflow_0`.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// The component: `llmAgentflow`.
    pub name: String,
    /// The node that it is drawn inside of.
    pub parent: Option<String>,
    /// The values of its inputs.
    pub inputs: Map<String, Value>,
    /// The names of inputs in which `{{…}}` is replaced; `None` where the node does not say.
    pub variables: Option<HashSet<String>>,
    /// Whether it names a credential that Flowise stores.
    pub has_credential: bool,
}

/// One edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlowEdge {
    /// Where it comes from.
    pub source: String,
    /// Where it leads to.
    pub target: String,
    /// `<id>-output-<name or number>`.
    pub source_handle: String,
    /// Of chatflows `<id>-input-<name>-<type>`.
    pub target_handle: String,
}

impl Drawing {
    /// Reads the JSON text. `None` exactly when a problem was added.
    pub fn read(flow_data: &str, found: &mut Vec<DefinitionProblem>) -> Option<Drawing> {
        let value: Value = match serde_json::from_str(flow_data) {
            Ok(value) => value,
            Err(error) => {
                add(found, "flowData", format!("it is not JSON: {error}"));
                return None;
            }
        };
        let Some(nodes) = value.get("nodes").and_then(Value::as_array) else {
            add(
                found,
                "flowData",
                "it has no `nodes`: a flow is an object with `nodes` and `edges`",
            );
            return None;
        };
        let edges = value.get("edges").and_then(Value::as_array);
        let edges = edges.map_or(&[][..], Vec::as_slice);
        for (what, count, most) in [
            ("nodes", nodes.len(), MAX_NODES),
            ("edges", edges.len(), MAX_EDGES),
        ] {
            if count > most {
                add(
                    found,
                    "flowData",
                    format!("it has {count} {what}; at most {most} are allowed"),
                );
                return None;
            }
        }
        let before = found.len();
        let mut drawing = Drawing::default();
        let mut ids = HashSet::new();
        for (index, node) in nodes.iter().enumerate() {
            if is_note(node) {
                continue;
            }
            match FlowNode::read(node) {
                Ok(node) if ids.insert(node.id.clone()) => drawing.nodes.push(node),
                Ok(node) => {
                    let message = format!("another node has the id `{}` too", node.id);
                    add(found, format!("nodes[{index}].id"), message);
                }
                Err(message) => add(found, format!("nodes[{index}]"), message),
            }
        }
        // An edge that leads nowhere is left over from a node that was removed.
        let edges = edges.iter().filter_map(FlowEdge::read);
        drawing.edges = edges
            .filter(|edge| ids.contains(&edge.source) && ids.contains(&edge.target))
            .collect();
        (found.len() == before).then_some(drawing)
    }

    /// The node with this id.
    pub fn node(&self, id: &str) -> Option<&FlowNode> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The edges that lead to a node.
    pub fn into<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a FlowEdge> {
        self.edges.iter().filter(move |edge| edge.target == id)
    }
}

fn is_note(node: &Value) -> bool {
    let is = |pointer: &str, words: &[&str]| {
        let word = node.pointer(pointer).and_then(Value::as_str);
        word.is_some_and(|word| words.contains(&word))
    };
    is("/type", &["stickyNote"]) || is("/data/name", &["stickyNote", "stickyNoteAgentflow"])
}

impl FlowNode {
    fn read(node: &Value) -> Result<FlowNode, String> {
        let text = |value: &Value, name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        let id = node.get("id").unwrap_or(&Value::Null);
        let Some(known) = id.as_str().filter(|id| is_id(id)) else {
            return Err(format!(
                "its `id` is {}; an id has 1 to 64 letters, digits, `_` and `-`",
                shown(id)
            ));
        };
        let data = node.get("data").unwrap_or(&Value::Null);
        let Some(name) = text(data, "name") else {
            return Err(format!(
                "node `{known}` does not say in `data.name` what it is"
            ));
        };
        let is_inside = node.get("extent").and_then(Value::as_str) == Some("parent");
        let parent = text(node, "parentNode").or_else(|| text(node, "parentId"));
        Ok(FlowNode {
            id: known.to_owned(),
            label: text(data, "label").unwrap_or_else(|| known.to_owned()),
            name,
            parent: parent.filter(|parent| is_inside || !parent.is_empty()),
            inputs: data
                .get("inputs")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
            variables: variables(data),
            has_credential: text(data, "credential").is_some_and(|id| !id.is_empty()),
        })
    }
}

/// The inputs in which variables are replaced, as the node's own description of its inputs says.
fn variables(data: &Value) -> Option<HashSet<String>> {
    let described = data.get("inputParams")?.as_array()?;
    let accepting = described.iter().filter(|input| {
        let nested = input.get("array").and_then(Value::as_array);
        let accepts = |input: &Value| input.get("acceptVariable") == Some(&Value::Bool(true));
        accepts(input) || nested.is_some_and(|nested| nested.iter().any(accepts))
    });
    let names = accepting.filter_map(|input| input.get("name")?.as_str().map(str::to_owned));
    (!described.is_empty()).then(|| names.collect())
}

impl FlowEdge {
    fn read(edge: &Value) -> Option<FlowEdge> {
        let text = |name: &str| {
            let text = edge.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let edge = FlowEdge {
            source: text("source"),
            target: text("target"),
            source_handle: text("sourceHandle"),
            target_handle: text("targetHandle"),
        };
        (!edge.source.is_empty() && !edge.target.is_empty()).then_some(edge)
    }

    /// The number of the way that it belongs to; 0 where it does not say.
    pub fn way(&self) -> u32 {
        let number = self.source_handle.rsplit_once("-output-");
        let number = number.and_then(|(_, number)| number.parse().ok());
        number.unwrap_or_default()
    }

    /// The input that it leads to, of a chatflow's: `model` of `llmChain_0-input-model-BaseLanguageModel`.
    pub fn input(&self) -> &str {
        let input = self.target_handle.split_once("-input-");
        let input = input.map_or("", |(_, input)| input);
        input.split('-').next().unwrap_or_default()
    }
}
