//! The rules of graphs by example.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::refusal::{Refusal, of_executed, of_saved};
use super::*;
use serde_json::json;

/// `id type` for each node, `from.out>to.in` for each edge.
pub(in crate::model) fn graph(nodes: &[&str], edges: &[&str]) -> Value {
    let node = |text: &&str| {
        let (id, node_type) = text.split_once(' ').unwrap();
        json!({"id": id, "type": "basedNode", "data": {"label": id, "nodeType": node_type, "config": {}}})
    };
    let edge = |text: &&str| {
        let (source, target) = text.split_once('>').unwrap();
        let end = |end: &str, prefix: &str| match end.split_once('.') {
            Some((id, port)) => (json!(id), json!(format!("{prefix}{port}"))),
            None => (json!(end), Value::Null),
        };
        let ((source, out), (target, into)) = (end(source, "out-"), end(target, "in-"));
        json!({"id": text, "source": source, "target": target, "sourceHandle": out, "targetHandle": into})
    };
    json!({
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": edges.iter().map(edge).collect::<Vec<_>>(),
    })
}

#[test]
fn parameters_are_read_from_config_then_params_then_data() {
    let body = json!({"nodes": [{"id": "a", "config": {}, "data": {"nodeType": "input:text", "label": "L", "output": 1,
        "prompt": "loose", "other": "loose", "config": {"prompt": "config"}, "params": {"prompt": "params", "text": "params"}}}], "edges": []});
    let read = Graph::of(&body);
    let node = read.nodes[0];
    assert_eq!(
        Value::Object(node.params()),
        json!({"prompt": "config", "text": "params", "other": "loose"})
    );
    for (name, expected) in [
        ("prompt", Some("config")),
        ("text", Some("params")),
        ("other", Some("loose")),
        ("label", None),
        ("output", None),
    ] {
        assert_eq!(node.param(name).and_then(Value::as_str), expected, "{name}");
    }
    assert_eq!((node.label(), node.output()), ("L", Some(&json!(1))));
}

#[test]
fn what_is_no_graph_is_refused_in_the_words_that_clients_know() {
    let node = json!({"id": "node-1", "type": "model", "data": {"prompt": "x"}});
    let cases = [
        (
            json!({"nodes": [], "edges": []}),
            "Missing required fields: name, nodes, edges",
        ),
        (
            json!({"name": "n", "nodes": null, "edges": []}),
            "Missing required fields: name, nodes, edges",
        ),
        (
            json!({"name": "n", "nodes": [], "edges": []}),
            "Cannot save workflow with 0 nodes and 0 edges. This appears to be a frontend bug. Reload the page.",
        ),
        (
            json!({"name": "n", "nodes": [], "edges": [1]}),
            "At least one node must be provided",
        ),
        (
            json!({"name": "n", "nodes": [{"data": {}}], "edges": []}),
            "All nodes must have an id",
        ),
        (
            json!({"name": "n", "nodes": [node], "edges": []}),
            "Node node-1 is missing model.name",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(of_saved(&body).unwrap_err().to_string(), expected);
    }
    assert_eq!(
        of_executed(&json!({"nodes": []})).unwrap_err().to_string(),
        "Missing required fields: nodes, edges"
    );
    assert_eq!(
        of_executed(&json!({"nodes": [], "edges": []})),
        Err(Refusal::NoNode)
    );
    let model = json!({"id": "a", "type": "model", "data": {"model": {"name": "flux"}}});
    let body =
        json!({"name": "n", "nodes": [model, {"id": "s", "type": "stickyNote"}], "edges": []});
    assert_eq!((of_saved(&body), of_executed(&body)), (Ok(()), Ok(())));
    let read = Graph::of(&body);
    assert_eq!(read.nodes[0].node_type, Some("flux"));
    assert_eq!(read.nodes[0].param("model"), None);
}
