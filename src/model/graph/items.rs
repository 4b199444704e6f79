//! Lists that one execution is given for its iterators.
//! May not know runs. Promise: what is given beats whatever would come in at the iterator.

use super::catalogue::{Role, find};
use serde_json::{Map, Value};

/// Gives the iterator with this id the list to go over; `false` where the graph (an object with `nodes` and `edges`) has no
/// such iterator.
pub fn give(graph: &mut Value, node_id: &str, items: Vec<Value>) -> bool {
    let nodes = graph.get_mut("nodes").and_then(Value::as_array_mut);
    let mut nodes = nodes.into_iter().flatten();
    let node = nodes.find(|node| node["id"] == node_id);
    let data = node.and_then(|node| node.get_mut("data")?.as_object_mut());
    let Some(data) = data.filter(|data| is_iterator(data)) else {
        return false;
    };
    let config = data.entry("config").or_insert_with(|| Map::new().into());
    let Some(config) = config.as_object_mut() else {
        return false;
    };
    config.insert("list".to_owned(), Value::Array(items));
    // Its one input is the list.
    if let Some(edges) = graph.get_mut("edges").and_then(Value::as_array_mut) {
        edges.retain(|edge| edge["target"] != node_id);
    }
    true
}

fn is_iterator(data: &Map<String, Value>) -> bool {
    let node_type = data.get("nodeType").and_then(Value::as_str);
    node_type
        .and_then(find)
        .is_some_and(|known| known.role == Role::Iterator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_iterator_gets_the_list_in_place_of_what_comes_in() {
        let graph = json!({
            "nodes": [
                { "id": "text", "data": { "nodeType": "input:text" } },
                { "id": "each", "data": { "nodeType": "iterator:list", "config": { "items": [0], "kept": 1 } } },
                { "id": "bare", "data": { "nodeType": "iterator:list" } },
                { "id": "odd", "data": { "nodeType": "iterator:list", "config": 7 } },
                { "id": "none" },
            ],
            "edges": [
                { "source": "text", "target": "each" },
                { "source": "each", "target": "text" },
            ],
        });
        let mut given = graph.clone();
        assert!(give(&mut given, "each", vec![json!(1), json!(2)]));
        assert_eq!(
            given["nodes"][1]["data"]["config"],
            json!({ "items": [0], "kept": 1, "list": [1, 2] })
        );
        assert_eq!(
            given["edges"],
            json!([{ "source": "each", "target": "text" }])
        );
        assert!(give(&mut given, "bare", Vec::new()));
        assert_eq!(given["nodes"][2]["data"]["config"], json!({ "list": [] }));
        for other in ["text", "odd", "none", "nobody", ""] {
            let mut same = graph.clone();
            assert!(!give(&mut same, other, Vec::new()), "{other}");
            assert_eq!(same, graph, "{other}");
        }
        assert!(!give(&mut json!(7), "each", Vec::new()));
    }
}
