//! The patch of one node: parameters, label and position, and nothing else.
//! May not know HTTP or who else has written meanwhile. Promise: the other nodes, the edges and what a patch may not touch
//! stay as they were; a patch that is refused changes nothing.
//!
//! `config` and `params` are merged by key, and null deletes a key; `label` and `position` replace what was there. What is
//! written to `config` is written to `params` too. What is written to `params` alone also replaces what `config` has under
//! that key, since `config` is read first. The output of an input node follows its parameters.

use super::catalogue::Role;
use super::{Graph, inputs};
use crate::model::plan::problem::{hint, short, shown};
use serde_json::{Map, Value};

/// The largest patch, in bytes of JSON: 256 KiB.
pub const MAX_PATCH_BYTES: usize = 256 << 10;
/// The longest label, in characters.
const MAX_LABEL_CHARS: usize = 255;

const PATCHED: [&str; 4] = ["config", "params", "label", "position"];
/// What compare-and-swap needs stands beside the patch.
const BESIDE: &str = "baseUpdatedAt";

/// Why a patch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The graph has no such node.
    #[error("Node not found")]
    UnknownNode,
    /// More than [`MAX_PATCH_BYTES`].
    #[error("the patch has {bytes} bytes; at most {MAX_PATCH_BYTES} are allowed")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// A field that may not be written, or not with this value.
    #[error("{message}")]
    InvalidField {
        /// The field; empty for the patch as a whole.
        field: String,
        /// What is wrong.
        message: String,
    },
}

fn invalid(field: &str, message: impl Into<String>) -> PatchError {
    PatchError::InvalidField {
        field: short(field),
        message: message.into(),
    }
}

/// The graph (an object with `nodes`) with one node patched, and the node.
pub fn apply(graph: &Value, node_id: &str, patch: &Value) -> Result<(Value, Value), PatchError> {
    let patch = checked(patch)?;
    let at = Graph::of(graph)
        .nodes
        .iter()
        .position(|node| node.id == Some(node_id))
        .ok_or(PatchError::UnknownNode)?;
    let mut graph = graph.clone();
    let node = graph.get_mut("nodes").and_then(|nodes| nodes.get_mut(at));
    let Some(Value::Object(node)) = node else {
        return Err(PatchError::UnknownNode);
    };
    if let Some(position) = patch.get("position") {
        node.insert("position".to_owned(), position.clone());
    }
    let data = node
        .entry("data")
        .or_insert_with(|| Value::Object(Map::new()));
    if !data.is_object() {
        *data = Value::Object(Map::new());
    }
    if let Value::Object(data) = data {
        write(data, patch);
    }
    refresh(&mut graph, at);
    let node = graph["nodes"][at].clone();
    Ok((graph, node))
}

/// The patch as an object whose fields may be written as they are.
fn checked(patch: &Value) -> Result<&Map<String, Value>, PatchError> {
    let Some(fields) = patch.as_object() else {
        return Err(invalid(
            "",
            format!("the patch is {}; it must be an object", shown(patch)),
        ));
    };
    let bytes = patch.to_string().len();
    if bytes > MAX_PATCH_BYTES {
        return Err(PatchError::TooLarge { bytes });
    }
    for (field, value) in fields {
        let is_fit = match field.as_str() {
            "config" | "params" => value.is_object(),
            "label" => value
                .as_str()
                .is_some_and(|label| label.chars().count() <= MAX_LABEL_CHARS),
            "position" => ["x", "y"]
                .iter()
                .all(|axis| value.get(axis).is_some_and(Value::is_number)),
            BESIDE => value.is_string() || value.is_null(),
            other => {
                let hint = hint(other, PATCHED.into_iter());
                let message = format!(
                    "`{}` cannot be patched{hint}; a patch has `config`, `params`, `label` and `position`",
                    short(other)
                );
                return Err(invalid(other, message));
            }
        };
        if !is_fit {
            let wanted = match field.as_str() {
                "label" => format!("a text of at most {MAX_LABEL_CHARS} characters"),
                "position" => "an object with the numbers `x` and `y`".to_owned(),
                BESIDE => "a text or null".to_owned(),
                _ => "an object".to_owned(),
            };
            return Err(invalid(
                field,
                format!("`{field}` is {}; it must be {wanted}", shown(value)),
            ));
        }
    }
    if !PATCHED.iter().any(|field| fields.contains_key(*field)) {
        let message = "the patch is empty; it needs at least one of `config`, `params`, `label` and `position`";
        return Err(invalid("", message));
    }
    Ok(fields)
}

fn write(data: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(label) = patch.get("label") {
        data.insert("label".to_owned(), label.clone());
    }
    let part = |name: &str| patch.get(name).and_then(Value::as_object);
    if let Some(params) = part("params") {
        let has_config = |name: &String| {
            let config = data.get("config").and_then(Value::as_object);
            config.is_some_and(|config| config.contains_key(name))
        };
        let shadowed: Map<String, Value> = params
            .iter()
            .filter(|(name, _)| has_config(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        merge(data, "params", params);
        if !shadowed.is_empty() {
            merge(data, "config", &shadowed);
        }
    }
    if let Some(config) = part("config") {
        merge(data, "config", config);
        merge(data, "params", config);
    }
}

/// Merges by key; null deletes.
fn merge(data: &mut Map<String, Value>, place: &str, changes: &Map<String, Value>) {
    let fields = data
        .entry(place)
        .or_insert_with(|| Value::Object(Map::new()));
    if !fields.is_object() {
        *fields = Value::Object(Map::new());
    }
    let Value::Object(fields) = fields else {
        return;
    };
    for (name, value) in changes {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}

/// An input node's output is what its parameters say.
fn refresh(graph: &mut Value, at: usize) {
    let read = Graph::of(graph);
    let Some(node) = read.nodes.get(at) else {
        return;
    };
    let Some(known) = node
        .known
        .filter(|known| matches!(known.role, Role::Input(_)))
    else {
        return;
    };
    let output = inputs::output(known, &node.params());
    if let Some(data) = graph["nodes"][at]
        .get_mut("data")
        .and_then(Value::as_object_mut)
    {
        data.insert("output".to_owned(), output);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use serde_json::json;

    fn graph() -> Value {
        json!({
            "name": "kept",
            "nodes": [
                {"id": "a", "type": "basedNode", "position": {"x": 1, "y": 2}, "width": 200, "data": {
                    "label": "A", "nodeType": "llm:openrouter_router", "category": "llm",
                    "config": {"model": "m", "temperature": 1}, "params": {"model": "m", "max_tokens": 5}, "output": {"text": "t"}}},
                {"id": "b", "data": {"nodeType": "input:text", "output": {"prompt": "old", "text": "old"}}},
            ],
            "edges": [{"id": "e", "source": "b", "target": "a"}],
        })
    }

    fn patched(node: &str, patch: &Value) -> Value {
        let (graph, node) = apply(&graph(), node, patch).unwrap();
        let whole = graph["nodes"].as_array().unwrap();
        assert!(whole.contains(&node));
        assert_eq!((&graph["name"], whole.len()), (&json!("kept"), 2));
        node["data"].clone()
    }

    #[test]
    fn parameters_are_merged_by_key_and_mirrored() {
        let data = patched(
            "a",
            &json!({"config": {"temperature": null, "model": "n", "system_prompt": {"a": 1}}}),
        );
        assert_eq!(
            data["config"],
            json!({"model": "n", "system_prompt": {"a": 1}})
        );
        assert_eq!(
            data["params"],
            json!({"model": "n", "max_tokens": 5, "system_prompt": {"a": 1}})
        );
        assert_eq!(data["output"], json!({"text": "t"}));
        let data = patched(
            "a",
            &json!({"params": {"temperature": 2, "max_tokens": null, "new": 1}}),
        );
        assert_eq!(
            data["params"],
            json!({"model": "m", "temperature": 2, "new": 1})
        );
        assert_eq!(data["config"], json!({"model": "m", "temperature": 2}));
    }

    #[test]
    fn label_and_position_replace_and_nothing_else_moves() {
        let (after, node) = apply(
            &graph(),
            "a",
            &json!({"label": "B", "position": {"x": 5, "y": 6}, "baseUpdatedAt": "t"}),
        )
        .unwrap();
        let mut expected = graph();
        expected["nodes"][0]["data"]["label"] = json!("B");
        expected["nodes"][0]["position"] = json!({"x": 5, "y": 6});
        assert_eq!(after, expected);
        assert_eq!(node, expected["nodes"][0]);
    }

    #[test]
    fn the_output_of_an_input_node_follows_its_parameters() {
        let data = patched("b", &json!({"config": {"prompt": "new"}}));
        assert_eq!(data["output"], json!({"prompt": "new", "text": "new"}));
        let data = patched("b", &json!({"config": {"prompt": null}}));
        assert_eq!(data["output"], json!({"prompt": null, "text": null}));
    }

    #[test]
    fn what_may_not_be_patched_is_refused_by_name() {
        let cases = [
            (json!([]), "", "the patch is an array; it must be an object"),
            (
                json!({}),
                "",
                "the patch is empty; it needs at least one of `config`, `params`, `label` and `position`",
            ),
            (
                json!({"baseUpdatedAt": "t"}),
                "",
                "the patch is empty; it needs at least one of `config`, `params`, `label` and `position`",
            ),
            (
                json!({"config": null}),
                "config",
                "`config` is null; it must be an object",
            ),
            (
                json!({"label": 1}),
                "label",
                "`label` is 1; it must be a text of at most 255 characters",
            ),
            (
                json!({"position": {"x": 1}}),
                "position",
                "`position` is an object; it must be an object with the numbers `x` and `y`",
            ),
            (
                json!({"confg": {}}),
                "confg",
                "`confg` cannot be patched (did you mean `config`?); a patch has `config`, `params`, `label` and `position`",
            ),
        ];
        for (patch, expected_field, expected) in cases {
            let PatchError::InvalidField { field, message } =
                apply(&graph(), "a", &patch).unwrap_err()
            else {
                panic!("{patch}");
            };
            assert_eq!(
                (field.as_str(), message.as_str()),
                (expected_field, expected)
            );
        }
        for field in [
            "output",
            "result",
            "nodeType",
            "isExecuting",
            "id",
            "data",
            "type",
        ] {
            let error = apply(&graph(), "a", &json!({"config": {}, field: {}})).unwrap_err();
            assert!(
                matches!(error, PatchError::InvalidField { field: named, .. } if named == field)
            );
        }
        assert_eq!(
            apply(&graph(), "c", &json!({"label": ""})),
            Err(PatchError::UnknownNode)
        );
    }

    #[test]
    fn a_patch_has_at_most_256_kib() {
        let patch = |bytes: usize| json!({ "config": { "x": "y".repeat(bytes) } });
        let frame = patch(0).to_string().len();
        assert!(apply(&graph(), "a", &patch(MAX_PATCH_BYTES - frame)).is_ok());
        let error = apply(&graph(), "a", &patch(MAX_PATCH_BYTES - frame + 1)).unwrap_err();
        assert_eq!(
            error,
            PatchError::TooLarge {
                bytes: MAX_PATCH_BYTES + 1
            }
        );
    }
}
