//! A graph as clients read it: what its nodes came to last, and the ports and categories that an editor may leave out.
//! May not know stores. Promise: what was sent stays as it is, and an input node shows the value that it is set to, whatever
//! it was given in an earlier run.

use super::catalogue::{NodeType, Role};
use super::{GraphNode, hydrate, inputs, outputs};
use serde_json::{Map, Value};

/// Adds to the nodes of a graph what clients expect in them; `output` is asked by node id.
pub fn show(graph: &mut Value, output: impl Fn(&str) -> Option<Value>) {
    outputs::put(graph, output);
    hydrate::hydrate(graph);
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    nodes.into_iter().flatten().for_each(show_value);
}

/// What an input node gives, as its output, where it has a value.
fn show_value(node: &mut Value) {
    let read = GraphNode::of(node);
    let known = read.known;
    let Some(value) = known.and_then(|known| own_value(known, &read.params())) else {
        return;
    };
    if let Some(data) = node.get_mut("data").and_then(Value::as_object_mut) {
        data.insert("result".to_owned(), value.clone());
        data.insert("output".to_owned(), value);
    }
}

fn own_value(known: &NodeType, params: &Map<String, Value>) -> Option<Value> {
    let is_set =
        matches!(known.role, Role::Input(_)) && inputs::value(Some(known), params).is_some();
    is_set.then(|| inputs::output(known, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outputs_are_added_and_an_input_shows_its_own() {
        let mut graph = json!({ "nodes": [
            { "id": "a", "data": { "nodeType": "input:text", "config": { "prompt": "Hi" }, "output": "stale" } },
            { "id": "b", "data": { "nodeType": "utility:prompt_concat", "category": "mine" } },
            { "id": "c", "data": { "nodeType": "generate:flux" } },
            { "id": "d", "data": { "nodeType": "input:text", "config": {} } },
            { "id": "e" },
            7,
        ] });
        show(&mut graph, |id| (id != "c").then(|| json!({ "of": id })));
        let data = |at: usize| graph["nodes"][at]["data"].clone();
        assert_eq!(data(0)["output"], json!({ "prompt": "Hi", "text": "Hi" }));
        assert_eq!(data(0)["result"], data(0)["output"]);
        assert_eq!(data(0)["category"], "input");
        assert_eq!(
            (&data(1)["category"], &data(1)["output"]),
            (&json!("mine"), &json!({ "of": "b" }))
        );
        assert_eq!(data(1)["outputs"][0]["id"], "prompt");
        assert_eq!(data(2), json!({ "nodeType": "generate:flux" }));
        assert_eq!(data(3)["output"], json!({ "of": "d" }), "it has no value");
        assert_eq!(graph["nodes"][4], json!({ "id": "e" }));
        assert_eq!(graph["nodes"][5], 7);
    }
}
