//! The outline of a flow: nodes and edges as the editor saves them, iterations around what is inside of them, and loops back.
//! May not know what nodes do.

use super::{MAX_NODES, Outline, OutlineEdge, OutlineNode};
use crate::model::flow::structure::structure;
use crate::model::flow::{Drawing, flow_data};
use crate::model::workflow::Definition;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Reads `flowData`.
pub(super) fn outline(definition: &Definition) -> Outline<'_> {
    let drawing = flow_data(definition).and_then(|text| Drawing::read(text, &mut Vec::new()));
    let drawing = drawing.unwrap_or_default();
    let edges = edges(&drawing);
    let places = places(&drawing);
    let arounds: Vec<Option<usize>> = drawing
        .nodes
        .iter()
        .map(|node| places.get(node.parent.as_deref()?).copied())
        .map(|around| around.filter(|around| *around < MAX_NODES))
        .collect();
    let left_out = drawing.nodes.len().saturating_sub(MAX_NODES);
    let drawn = drawing.nodes.into_iter().zip(arounds).take(MAX_NODES);
    let nodes = drawn.map(|(node, around)| OutlineNode {
        id: Cow::Owned(node.id),
        name: Cow::Owned(node.label),
        step_type: Cow::Owned(node.name),
        around,
        configuration: Cow::Owned(Value::Object(node.inputs)),
    });
    Outline {
        nodes: nodes.collect(),
        edges,
        left_out,
    }
}

fn places(drawing: &Drawing) -> HashMap<&str, usize> {
    let ids = drawing.nodes.iter().map(|node| node.id.as_str());
    ids.zip(0..).collect()
}

/// The edges that are drawn in the editor, and where loops go back to.
fn edges(drawing: &Drawing) -> Vec<OutlineEdge> {
    let places = places(drawing);
    let mut ways: HashMap<&str, HashSet<u32>> = HashMap::new();
    for edge in &drawing.edges {
        ways.entry(&edge.source).or_default().insert(edge.way());
    }
    let drawn = drawing.edges.iter().filter_map(|edge| {
        let decides = ways.get(edge.source.as_str())?.len() > 1;
        Some(OutlineEdge {
            from: *places.get(edge.source.as_str())?,
            to: *places.get(edge.target.as_str())?,
            way: if decides {
                edge.way().to_string()
            } else {
                String::new()
            },
        })
    });
    // Chatflows have no such structure, and no loops.
    let structure = structure(drawing, &mut Vec::new());
    let backs = structure
        .map(|structure| structure.back)
        .unwrap_or_default();
    let backs = backs.into_iter().map(|(from, to)| OutlineEdge {
        from,
        to,
        way: "back".to_owned(),
    });
    drawn
        .chain(backs)
        .filter(|edge| edge.from < MAX_NODES && edge.to < MAX_NODES)
        .collect()
}
