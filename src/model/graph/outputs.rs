//! What runs leave in a graph: `data.output` and `data.result`, which clients read and send back.
//! May not know runs. Promise: a definition never holds them, so that a run does not make a new definition.

use serde_json::{Map, Value};

/// Fields of `data` that runs write.
pub(super) const LEFT_BY_RUNS: [&str; 6] = [
    "output",
    "result",
    "isExecuting",
    "status",
    "error",
    "progress",
];

/// The graph without what runs have left in it.
pub fn without(graph: &Value) -> Value {
    let mut graph = graph.clone();
    for data in all_data(&mut graph) {
        data.retain(|name, _| !LEFT_BY_RUNS.contains(&name.as_str()));
    }
    graph
}

/// Puts the output of each node into it, as `data.output` and `data.result`; `output` is asked by node id.
pub fn put(graph: &mut Value, output: impl Fn(&str) -> Option<Value>) {
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    for node in nodes.into_iter().flatten() {
        let found = node.get("id").and_then(Value::as_str).and_then(&output);
        let data = node.get_mut("data").and_then(Value::as_object_mut);
        if let (Some(found), Some(data)) = (found, data) {
            data.insert("result".to_owned(), found.clone());
            data.insert("output".to_owned(), found);
        }
    }
}

fn all_data(graph: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    let nodes = nodes.into_iter().flatten();
    nodes.filter_map(|node| node.get_mut("data")?.as_object_mut())
}
