//! The graph format: nodes and edges as Wireflow's clients write them.
//! May not know HTTP, stores or how a node does its work. Promise: reading never fails and never panics, whatever the JSON
//! is; what is wrong with a graph is said by [`lint`], every mistake at once; the JSON is kept as it was sent.
//!
//! How the parts are used:
//! - saving: [`refusal::of_saved`] for what is no graph at all (400), then [`lint`] (422 where there are violations), then the
//!   JSON is stored as it was sent, without what runs have left in it ([`outputs::without`]);
//! - running: a definition of the format `graph` is compiled by [`crate::model::plan::compile`]; the run's input is an object
//!   with a value for each input node that is to have one, under the node's id or label ([`inputs::describe`] lists them);
//! - a part of a graph, for one execution: [`target::select`];
//! - editing one node: [`patch::apply`]; comparing two graphs: [`difference::is_same`]; ports and categories for editors:
//!   [`hydrate::hydrate`].
//!
//! The body of a definition in this format: `{"nodes": […], "edges": […]}`, and where wanted `trigger` (absent: runs start by
//! request; `{"type": "hook", "id": "whk_…", "isOpen": false}`: also by that webhook id), `settings` and `exposedInputs`.

pub mod catalogue;
pub mod difference;
pub mod hydrate;
pub mod inputs;
pub mod items;
pub mod layout;
pub mod lint;
pub mod outputs;
pub mod patch;
pub mod record;
pub mod refusal;
pub mod shown;
pub mod structure;
pub mod target;
#[cfg(test)]
mod tests;

pub use lint::{Finding, Lint, lint};

use catalogue::{NodeType, Role};
use serde_json::{Map, Value};

/// What a graph may measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphLimits {
    /// How many nodes it may have.
    pub max_nodes: usize,
    /// How many edges it may have.
    pub max_edges: usize,
}

impl GraphLimits {
    /// What Wireflow allows.
    pub const DEFAULT: GraphLimits = GraphLimits {
        max_nodes: 100,
        max_edges: 500,
    };
    /// Of a graph that was let in once.
    pub const NONE: GraphLimits = GraphLimits {
        max_nodes: usize::MAX,
        max_edges: usize::MAX,
    };
}

/// A graph as its JSON has it.
#[derive(Debug, Clone, Default)]
pub struct Graph<'a> {
    /// In the order of the JSON.
    pub nodes: Vec<GraphNode<'a>>,
    /// In the order of the JSON.
    pub edges: Vec<GraphEdge<'a>>,
}

/// One node. What is missing is `None`; what has the wrong type counts as missing.
#[derive(Debug, Clone, Copy)]
pub struct GraphNode<'a> {
    /// The node as it was sent.
    pub fields: Option<&'a Map<String, Value>>,
    /// Its id.
    pub id: Option<&'a str>,
    /// Its `data`.
    pub data: Option<&'a Map<String, Value>>,
    /// What it does: `data.nodeType`; of notes and groups their `type`; of nodes with a `data.model` the name of that.
    pub node_type: Option<&'a str>,
    /// The listed node type, if it is one.
    pub known: Option<&'static NodeType>,
}

/// One edge. What is missing is `None`.
#[derive(Debug, Clone, Copy)]
pub struct GraphEdge<'a> {
    /// Its id.
    pub id: Option<&'a str>,
    /// The id of the node that it comes from.
    pub source: Option<&'a str>,
    /// The id of the node that it leads to.
    pub target: Option<&'a str>,
    /// `out-<port>`.
    pub source_handle: Option<&'a str>,
    /// `in-<port>`.
    pub target_handle: Option<&'a str>,
}

/// What stands in `data` beside parameters.
const NO_PARAMETERS: [&str; 18] = [
    "label",
    "description",
    "nodeType",
    "category",
    "config",
    "params",
    "inputs",
    "outputs",
    "output",
    "result",
    "selectedOutput",
    "selectedIndex",
    "isExecuting",
    "status",
    "error",
    "progress",
    "dims",
    "childNodeIds",
];

impl<'a> Graph<'a> {
    /// Reads `nodes` and `edges` of an object. What is no array counts as empty, what is no object as a node or edge without
    /// fields.
    pub fn of(body: &'a Value) -> Graph<'a> {
        let list = |name: &str| {
            let list = body.get(name).and_then(Value::as_array);
            list.map_or(&[][..], Vec::as_slice)
        };
        Graph {
            nodes: list("nodes").iter().map(GraphNode::of).collect(),
            edges: list("edges").iter().map(GraphEdge::of).collect(),
        }
    }

    /// The first node with this id.
    pub fn node(&self, id: &str) -> Option<&GraphNode<'a>> {
        self.nodes.iter().find(|node| node.id == Some(id))
    }
}

impl<'a> GraphNode<'a> {
    fn of(node: &'a Value) -> GraphNode<'a> {
        let fields = node.as_object();
        let data = node.get("data").and_then(Value::as_object);
        let text = |value: Option<&'a Value>| {
            let text = value.and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        let shape = text(node.get("type"));
        let model = || text(data?.get("model")?.get("name"));
        let note = shape.filter(|shape| matches!(*shape, "stickyNote" | "custom_group"));
        let node_type = text(data.and_then(|data| data.get("nodeType")))
            .or(note)
            .or_else(model);
        GraphNode {
            fields,
            id: text(node.get("id")),
            data,
            node_type,
            known: node_type.and_then(catalogue::find),
        }
    }

    /// What people call it: its label, else its id.
    pub fn label(&self) -> &'a str {
        let label = self.data.and_then(|data| data.get("label"));
        let label = label
            .and_then(Value::as_str)
            .filter(|label| !label.is_empty());
        label.or(self.id).unwrap_or_default()
    }

    /// Whether the planner leaves it out.
    pub fn is_note(&self) -> bool {
        self.known.is_some_and(|known| known.role == Role::Note)
    }

    /// A parameter: from `data.config`, else from `data.params`, else from `data` itself.
    pub fn param(&self, name: &str) -> Option<&'a Value> {
        let data = self.data?;
        let within = |place: &str| data.get(place)?.as_object()?.get(name);
        let loose = || data.get(name).filter(|value| is_parameter(name, value));
        within("config").or_else(|| within("params")).or_else(loose)
    }

    /// All parameters, each from the first place that has it.
    pub fn params(&self) -> Map<String, Value> {
        let Some(data) = self.data else {
            return Map::new();
        };
        let mut all: Map<String, Value> = data
            .iter()
            .filter(|(name, value)| is_parameter(name, value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for place in ["params", "config"] {
            for (name, value) in data
                .get(place)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                all.insert(name.clone(), value.clone());
            }
        }
        all
    }

    /// What an earlier run left in it.
    pub fn output(&self) -> Option<&'a Value> {
        let output = self.data?.get("output")?;
        (!output.is_null()).then_some(output)
    }
}

/// Whether a field of `data` is a parameter of the node. A `model` that is an object says what the node is.
fn is_parameter(name: &str, value: &Value) -> bool {
    let is_model = name == "model" && value.is_object();
    !is_model && !NO_PARAMETERS.contains(&name)
}

impl<'a> GraphEdge<'a> {
    fn of(edge: &'a Value) -> GraphEdge<'a> {
        let text = |name: &str| {
            let text = edge.get(name).and_then(Value::as_str);
            text.filter(|text| !text.is_empty())
        };
        GraphEdge {
            id: text("id"),
            source: text("source"),
            target: text("target"),
            source_handle: text("sourceHandle"),
            target_handle: text("targetHandle"),
        }
    }

    /// The output that it takes; `None` where the edge does not say.
    pub fn source_port(&self) -> Option<&'a str> {
        let handle = self.source_handle?;
        Some(handle.strip_prefix("out-").unwrap_or(handle))
    }

    /// The input that it feeds; `None` where the edge does not say.
    pub fn target_port(&self) -> Option<&'a str> {
        let handle = self.target_handle?;
        Some(handle.strip_prefix("in-").unwrap_or(handle))
    }
}
