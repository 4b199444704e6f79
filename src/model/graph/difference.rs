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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::graph::tests::graph;
    use serde_json::json;

    #[test]
    fn what_only_editors_and_runs_write_makes_no_difference() {
        let one = graph(&["a input:text", "b output:preview"], &["a.text>b.value"]);
        let mut other = graph(
            &["b output:preview", "a input:text", "n utility:sticky_note"],
            &["a.text>b.value"],
        );
        other["nodes"][1]["position"] = json!({"x": 1, "y": 2});
        other["nodes"][1]["selected"] = json!(true);
        other["nodes"][1]["width"] = json!(200);
        other["nodes"][1]["data"]["output"] = json!({"text": "t"});
        other["nodes"][1]["data"]["isExecuting"] = json!(false);
        other["nodes"][1]["data"]["outputs"] = json!([{"id": "text"}]);
        other["nodes"][1]["data"]["category"] = json!("input");
        other["edges"][0]["id"] = json!("other");
        other["edges"][0]["selected"] = json!(true);
        assert!(is_same(&one, &other) && is_same(&other, &one));
    }

    #[test]
    fn what_a_run_sees_makes_one() {
        let one = graph(&["a input:text", "b output:preview"], &["a.text>b.value"]);
        let changes: [fn(&mut Value); 6] = [
            |graph| graph["nodes"][0]["data"]["config"] = json!({"prompt": "x"}),
            |graph| graph["nodes"][0]["data"]["prompt"] = json!("x"),
            |graph| graph["nodes"][0]["data"]["nodeType"] = json!("input:image"),
            |graph| graph["nodes"][0]["data"]["label"] = json!("x"),
            |graph| graph["edges"][0]["sourceHandle"] = json!("out-prompt"),
            |graph| graph["edges"] = json!([]),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut other = one.clone();
            change(&mut other);
            assert!(!is_same(&one, &other), "{at}");
        }
        let twice = graph(
            &["a input:text", "a input:text", "b output:preview"],
            &["a.text>b.value"],
        );
        assert!(!is_same(&one, &twice));
    }
}
