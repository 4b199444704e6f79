//! Whether two graphs do the same, and what differs between two nodes.
//! May not know who asks. Promise: what only an editor sees (positions, sizes, selection, ports and categories that a server
//! fills in, notes and groups) and what runs leave behind make no difference; the order of nodes and edges makes none.

use super::{Graph, GraphNode};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Whether both would run alike, with the same labels.
pub fn is_same(one: &Value, other: &Value) -> bool {
    let (one, other) = (Graph::of(one), Graph::of(other));
    edges(&one) == edges(&other) && nodes(&one) == nodes(&other)
}

type EdgeKey<'a> = [Option<&'a str>; 4];

fn edges<'a>(graph: &Graph<'a>) -> BTreeSet<EdgeKey<'a>> {
    let edges = graph.edges.iter();
    edges
        .map(|edge| {
            [
                edge.source,
                edge.target,
                edge.source_port(),
                edge.target_port(),
            ]
        })
        .collect()
}

type NodeKey<'a> = (Option<&'a str>, &'a str, Map<String, Value>);

fn nodes<'a>(graph: &Graph<'a>) -> BTreeMap<Option<&'a str>, Vec<NodeKey<'a>>> {
    let mut all: BTreeMap<Option<&str>, Vec<NodeKey<'_>>> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| !node.is_note()) {
        all.entry(node.id)
            .or_default()
            .push((node.node_type, node.label(), node.params()));
    }
    all
}

/// The parameters that differ between two nodes, in the order of their names.
pub fn changed_keys(one: &GraphNode<'_>, other: &GraphNode<'_>) -> Vec<String> {
    let (one, other) = (one.params(), other.params());
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .cloned()
        .collect()
}
