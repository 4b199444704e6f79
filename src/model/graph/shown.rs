//! A graph as clients read it: what its nodes came to last, and the ports and categories that an editor may leave out.
//! May not know stores. Promise: what was sent stays as it is; only what is missing is added, and an input node shows the
//! value that it is set to, whatever it was given in an earlier run.

use super::catalogue::{NodeType, Port, PortType, Role};
use super::{GraphNode, inputs, outputs};
use serde_json::{Map, Value, json};

/// Adds to the nodes of a graph what clients expect in them; `output` is asked by node id.
pub fn show(graph: &mut Value, output: impl Fn(&str) -> Option<Value>) {
    outputs::put(graph, output);
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    nodes.into_iter().flatten().for_each(complete);
}

/// Adds to one node what can be told of it alone.
pub fn complete(node: &mut Value) {
    let read = GraphNode::of(node);
    let category = read.category().to_owned();
    let known = read.known;
    let set_to = known.and_then(|known| own_value(known, &read.params()));
    let Some(data) = node.get_mut("data").and_then(Value::as_object_mut) else {
        return;
    };
    if !category.is_empty() {
        data.entry("category").or_insert(Value::String(category));
    }
    if let Some(known) = known.filter(|known| known.role != Role::Note) {
        data.entry("inputs").or_insert_with(|| ports(known.inputs));
        data.entry("outputs")
            .or_insert_with(|| ports(known.outputs));
    }
    if let Some(value) = set_to {
        data.insert("result".to_owned(), value.clone());
        data.insert("output".to_owned(), value);
    }
}

/// What an input node gives, where it has a value.
fn own_value(known: &NodeType, params: &Map<String, Value>) -> Option<Value> {
    let is_set =
        matches!(known.role, Role::Input(_)) && inputs::value(Some(known), params).is_some();
    is_set.then(|| inputs::output(known, params))
}

fn ports(ports: &[Port]) -> Value {
    let one = |port: &Port| {
        json!({
            "id": port.id,
            "type": word(port.port_type),
            "label": port.id,
            "required": port.is_required,
        })
    };
    ports.iter().map(one).collect()
}

/// Clients know five types; a port that takes anything is JSON to them.
fn word(port_type: PortType) -> &'static str {
    match port_type {
        PortType::Any => PortType::Json.as_str(),
        known => known.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_added_and_what_was_sent_stays() {
        let mut graph = json!({ "nodes": [
            { "id": "a", "data": { "nodeType": "input:text", "config": { "prompt": "Hi" }, "output": "stale" } },
            { "id": "b", "data": { "nodeType": "utility:prompt_concat", "category": "mine", "inputs": [] } },
            { "id": "c", "data": { "nodeType": "generate:flux" } },
            { "id": "d", "type": "stickyNote", "data": { "text": "note" } },
            { "id": "e" },
            7,
        ] });
        show(&mut graph, |id| (id != "d").then(|| json!({ "of": id })));
        let data = |at: usize| graph["nodes"][at]["data"].clone();
        assert_eq!(data(0)["output"], json!({ "prompt": "Hi", "text": "Hi" }));
        assert_eq!(data(0)["result"], data(0)["output"]);
        assert_eq!(data(0)["category"], "input");
        assert_eq!(
            data(0)["outputs"][0],
            json!({ "id": "prompt", "type": "TEXT", "label": "prompt", "required": false })
        );
        assert_eq!(data(1)["category"], "mine");
        assert_eq!(data(1)["inputs"], json!([]));
        assert_eq!(data(1)["outputs"][0]["id"], "prompt");
        assert_eq!(data(1)["output"], json!({ "of": "b" }));
        assert_eq!(
            data(2),
            json!({ "nodeType": "generate:flux", "category": "generate", "output": { "of": "c" }, "result": { "of": "c" } })
        );
        assert_eq!(data(3), json!({ "text": "note", "category": "utility" }));
        assert_eq!(graph["nodes"][4], json!({ "id": "e" }));
        assert_eq!(graph["nodes"][5], 7);
    }
}
