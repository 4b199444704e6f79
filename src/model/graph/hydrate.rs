//! What an editor wants to see of nodes that were written by hand: their ports and their category, from the catalogue.
//! May not know edges. Promise: what a node says by itself stays as it was sent, and nothing here changes what a run does.

use super::catalogue::Port;
use super::{Graph, GraphNode};
use serde_json::{Map, Value, json};

/// Fills in `data.inputs`, `data.outputs` and `data.category` where a node of a listed type has none; an empty array of ports
/// counts as none. Gives the ids of the nodes that were filled in, in the order of the JSON.
pub fn hydrate(graph: &mut Value) -> Vec<String> {
    let read = Graph::of(graph);
    let additions: Vec<Map<String, Value>> = read.nodes.iter().map(additions).collect();
    let mut filled = Vec::new();
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    for (node, additions) in nodes.into_iter().flatten().zip(additions) {
        let id = node.get("id").and_then(Value::as_str).map(str::to_owned);
        let data = node.get_mut("data").and_then(Value::as_object_mut);
        if let Some(data) = data.filter(|_| !additions.is_empty()) {
            data.extend(additions);
            filled.extend(id);
        }
    }
    filled
}

fn additions(node: &GraphNode<'_>) -> Map<String, Value> {
    let mut additions = Map::new();
    let (Some(known), Some(data)) = (node.known, node.data) else {
        return additions;
    };
    for (place, ports) in [("inputs", known.inputs), ("outputs", known.outputs)] {
        let has_ports = data
            .get(place)
            .is_some_and(|sent| sent.as_array().is_none_or(|sent| !sent.is_empty()));
        if !has_ports && !ports.is_empty() {
            additions.insert(place.to_owned(), ports.iter().map(port).collect());
        }
    }
    if data.get("category").is_none_or(Value::is_null) {
        additions.insert("category".to_owned(), json!(known.category));
    }
    additions
}

fn port(port: &Port) -> Value {
    json!({
        "id": port.id,
        "type": port.port_type.as_str(),
        "label": port.id,
        "required": port.is_required,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_filled_in() {
        let mut graph = json!({"nodes": [
            {"id": "a", "data": {"nodeType": "iterator:collect", "inputs": []}},
            {"id": "b", "data": {"nodeType": "input:text", "category": "own", "outputs": [{"id": "own"}]}},
            {"id": "c", "data": {"nodeType": "generate:flux"}},
            {"id": "d"},
        ]});
        assert_eq!(hydrate(&mut graph), ["a"]);
        assert_eq!(
            graph["nodes"][0]["data"],
            json!({
                "nodeType": "iterator:collect", "category": "iterator",
                "inputs": [{"id": "item", "type": "ANY", "label": "item", "required": true}],
                "outputs": [{"id": "list", "type": "JSON", "label": "list", "required": false}],
            })
        );
        assert_eq!(
            graph["nodes"][1]["data"],
            json!({"nodeType": "input:text", "category": "own", "outputs": [{"id": "own"}]})
        );
        assert_eq!(hydrate(&mut graph), [""; 0]);
    }
}
