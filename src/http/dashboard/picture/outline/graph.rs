//! The outline of a graph: its nodes and edges; what comes after an iterator is inside of it. May not know node types.

use super::{MAX_NODES, Outline, OutlineEdge, OutlineNode};
use crate::model::graph::lint::Findings;
use crate::model::graph::structure::structure;
use crate::model::graph::{Graph, GraphLimits};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

/// Reads `nodes` and `edges`.
pub(super) fn outline(body: &Value) -> Outline<'_> {
    let graph = Graph::of(body);
    let mut found = Findings::default();
    let structure = structure(&graph, &GraphLimits::NONE, &mut found).unwrap_or_default();
    let meant = graph.nodes.iter().enumerate();
    let meant: Vec<usize> = meant
        .filter(|(_, node)| node.fields.is_some() && !node.is_note())
        .map(|(index, _)| index)
        .collect();
    let drawn = meant.get(..MAX_NODES).unwrap_or(&meant);
    let places: HashMap<usize, usize> = drawn.iter().copied().zip(0..).collect();
    let sent = body.get("nodes").and_then(Value::as_array);
    let nodes = drawn.iter().filter_map(|index| {
        let node = graph.nodes.get(*index)?;
        let around = structure.around(*index).last();
        Some(OutlineNode {
            id: Cow::Borrowed(node.id.unwrap_or_default()),
            name: Cow::Borrowed(node.label()),
            step_type: Cow::Borrowed(node.node_type.unwrap_or_default()),
            around: around.and_then(|around| places.get(around).copied()),
            configuration: Cow::Borrowed(sent?.get(*index)?),
        })
    });
    let edges = structure.links.iter().filter_map(|link| {
        let (from, to) = structure.lifted(*link)?;
        Some(OutlineEdge {
            from: *places.get(&from)?,
            to: *places.get(&to)?,
            way: String::new(),
        })
    });
    Outline {
        nodes: nodes.collect(),
        edges: edges.collect(),
        left_out: meant.len() - drawn.len(),
    }
}
