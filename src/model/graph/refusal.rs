//! What is refused before a graph is looked into: bodies that are no graph at all.
//! May not know HTTP. Promise: the words are those that Wireflow's clients know, to the letter.

use super::{Graph, GraphNode};
use serde_json::Value;

/// Why a body is refused. The texts are sent as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A saved workflow needs all three.
    #[error("Missing required fields: name, nodes, edges")]
    MissingSaved,
    /// A graph that is executed needs both.
    #[error("Missing required fields: nodes, edges")]
    MissingExecuted,
    /// An empty array of nodes.
    #[error("At least one node must be provided")]
    NoNode,
    /// A node without an id.
    #[error("All nodes must have an id")]
    NoId,
    /// A node of the type `model` that names no model.
    #[error("Node {0} is missing model.name")]
    NoModel(String),
    /// An editor that has lost its graph.
    #[error(
        "Cannot save workflow with 0 nodes and 0 edges. This appears to be a frontend bug. Reload the page."
    )]
    Emptied,
}

/// Looks at the body of a workflow that is to be saved.
pub fn of_saved(body: &Value) -> Result<(), Refusal> {
    let is_there = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    let has_name = body
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty());
    if !has_name || !is_there("nodes") || !is_there("edges") {
        return Err(Refusal::MissingSaved);
    }
    let is_empty = |name: &str| {
        body.get(name)
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
    };
    if is_empty("nodes") && is_empty("edges") {
        return Err(Refusal::Emptied);
    }
    of_nodes(body)
}

/// Looks at the body of a graph that is to be executed.
pub fn of_executed(body: &Value) -> Result<(), Refusal> {
    let is_there = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if !is_there("nodes") || !is_there("edges") {
        return Err(Refusal::MissingExecuted);
    }
    of_nodes(body)
}

fn of_nodes(body: &Value) -> Result<(), Refusal> {
    if body
        .get("nodes")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        return Err(Refusal::NoNode);
    }
    let graph = Graph::of(body);
    let is_object = |node: &&GraphNode<'_>| node.fields.is_some();
    if graph
        .nodes
        .iter()
        .filter(is_object)
        .any(|node| node.id.is_none())
    {
        return Err(Refusal::NoId);
    }
    match graph.nodes.iter().find(|node| lacks_model(node)) {
        Some(node) => Err(Refusal::NoModel(node.id.unwrap_or_default().to_owned())),
        None => Ok(()),
    }
}

/// Nodes of the type `model` say by `data.nodeType` or by `data.model.name` what they do.
fn lacks_model(node: &GraphNode<'_>) -> bool {
    let shape = node.fields.and_then(|fields| fields.get("type"));
    shape.and_then(Value::as_str) == Some("model")
        && node.data.is_some()
        && node.node_type.is_none()
}
