//! What a graph asks of whoever starts a run, and how what was given gets into its nodes.
//! May not know runs. Promise: the configuration of an input node beats whatever an earlier run left in it, and what is
//! given beats the configuration.
//!
//! A run's input is an object with a value for each node that is to have one, under the node's id, or under its label where
//! no node has that id.

use super::catalogue::{InputType, NodeType, Role};
use super::{Graph, GraphNode};
use crate::model::plan::problem::{hint, short, shown};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// One value that a run may be given.
#[derive(Debug, Clone, PartialEq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunInput {
    /// The node that it is for.
    pub node_id: String,
    /// What people call the node.
    pub label: String,
    /// What is asked for.
    #[serde(rename = "type")]
    pub input_type: InputType,
    /// Whether a run needs it: the node has no value of its own.
    pub required: bool,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The value that the node has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// Everything that a run of this graph may be given: what `exposedInputs` names, where the workflow has that, else every
/// input node that no edge leads to. In the order in which they are named, each node once.
pub fn describe(body: &Value) -> Vec<RunInput> {
    let graph = Graph::of(body);
    let exposed = body.get("exposedInputs").and_then(Value::as_array);
    match exposed.filter(|exposed| !exposed.is_empty()) {
        Some(exposed) => {
            let mut named = HashSet::new();
            let inputs = exposed.iter().filter_map(|one| {
                let id = one.as_str().or_else(|| one.get("nodeId")?.as_str())?;
                if !named.insert(id) {
                    return None;
                }
                let mut input = described(graph.node(id)?)?;
                let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
                input.label = text("label").unwrap_or(input.label);
                input.description = text("description").or(input.description);
                input.required = one
                    .get("required")
                    .and_then(Value::as_bool)
                    .unwrap_or(input.required);
                Some(input)
            });
            inputs.collect()
        }
        None => {
            let fed: HashSet<&str> = graph.edges.iter().filter_map(|edge| edge.target).collect();
            let free = graph.nodes.iter().filter(|node| {
                let is_input = node
                    .known
                    .is_some_and(|known| matches!(known.role, Role::Input(_)));
                is_input && node.id.is_some_and(|id| !fed.contains(id))
            });
            free.filter_map(described).collect()
        }
    }
}

fn described(node: &GraphNode<'_>) -> Option<RunInput> {
    let params = node.params();
    let is_set = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    let default = value(node.known, &params).filter(is_set).cloned();
    let description = node.data.and_then(|data| data.get("description"));
    Some(RunInput {
        node_id: node.id?.to_owned(),
        label: node.label().to_owned(),
        input_type: asked(node, &params),
        required: default.is_none(),
        description: description.and_then(Value::as_str).map(str::to_owned),
        default,
    })
}

fn asked(node: &GraphNode<'_>, params: &Map<String, Value>) -> InputType {
    match node.known.map(|known| known.role) {
        Some(Role::Input(InputType::Image)) => {
            let what = params.get("inputType").or_else(|| params.get("mediaType"));
            let what = what.and_then(Value::as_str).unwrap_or("image");
            if what.eq_ignore_ascii_case("image") {
                InputType::Image
            } else {
                InputType::Url
            }
        }
        Some(Role::Input(asked)) => asked,
        _ => InputType::Text,
    }
}

/// What a body for these inputs looks like: defaults as they are, `"<type>"` for what has none.
pub fn example(inputs: &[RunInput]) -> Value {
    let fields = inputs.iter().map(|input| {
        let shown = || json!(format!("<{}>", input.input_type.as_str()));
        (
            input.node_id.clone(),
            input.default.clone().unwrap_or_else(shown),
        )
    });
    json!({ "inputs": fields.collect::<Map<String, Value>>() })
}

/// What is wrong with the values that a run is to be given: unknown nodes, missing ones, wrong types. In words, each with
/// the node's id.
pub fn problems(inputs: &[RunInput], given: &Map<String, Value>) -> Vec<String> {
    let names = || {
        inputs
            .iter()
            .flat_map(|input| [input.node_id.as_str(), input.label.as_str()])
    };
    let mut found = Vec::new();
    for name in given
        .keys()
        .filter(|name| !names().any(|known| known == name.as_str()))
    {
        let hint = hint(name, names());
        found.push(format!("there is no input `{}`{hint}", short(name)));
    }
    for input in inputs {
        let id = short(&input.node_id);
        match given_for(inputs, input, given) {
            None if input.required => {
                found.push(format!("input `{id}` is missing and has no default"))
            }
            Some(value) if !fits(input.input_type, value) => {
                let wanted = match input.input_type {
                    InputType::Number => "a number",
                    InputType::Boolean => "true or false",
                    InputType::Image | InputType::Url => "a URL",
                    InputType::Text | InputType::Select => "a text, a number, or true or false",
                };
                found.push(format!(
                    "input `{id}` is {}; it must be {wanted}",
                    shown(value)
                ));
            }
            _ => {}
        }
    }
    found
}

fn fits(asked: InputType, value: &Value) -> bool {
    match (asked, value) {
        (_, Value::Null) => true,
        (InputType::Number, Value::String(text)) => {
            text.trim().parse::<f64>().is_ok_and(f64::is_finite)
        }
        (InputType::Number, value) => value.is_number(),
        (InputType::Boolean, value) => value.is_boolean(),
        (InputType::Image | InputType::Url, value) => value.is_string(),
        (InputType::Text | InputType::Select, value) => !value.is_array() && !value.is_object(),
    }
}

/// The value that a run was given for a node.
pub fn given_to<'a>(
    given: &'a Map<String, Value>,
    node_id: &str,
    label: &str,
) -> Option<&'a Value> {
    given.get(node_id).or_else(|| given.get(label))
}

/// What of `given` is for these inputs, by their nodes' ids.
pub fn for_inputs(inputs: &[RunInput], given: &Map<String, Value>) -> Map<String, Value> {
    let value = |input: &RunInput| {
        let value = given_for(inputs, input, given)?;
        Some((input.node_id.clone(), value.clone()))
    };
    inputs.iter().filter_map(value).collect()
}

/// The value that was given for one of these inputs. A label that is the id of another one of them means that one.
fn given_for<'a>(
    inputs: &[RunInput],
    input: &RunInput,
    given: &'a Map<String, Value>,
) -> Option<&'a Value> {
    let is_id = inputs.iter().any(|other| other.node_id == input.label);
    let label = if is_id { &input.node_id } else { &input.label };
    given_to(given, &input.node_id, label)
}

/// The value of an input node among its parameters.
pub fn value<'a>(known: Option<&NodeType>, params: &'a Map<String, Value>) -> Option<&'a Value> {
    names(known)
        .iter()
        .find_map(|name| params.get(*name).filter(|value| !value.is_null()))
}

/// Sets the value of a node among its parameters, under every name of it that is there.
pub fn put(known: Option<&NodeType>, params: &mut Map<String, Value>, value: &Value) {
    for (at, name) in names(known).iter().enumerate() {
        if at == 0 || params.contains_key(*name) {
            params.insert((*name).to_owned(), value.clone());
        }
    }
}

/// The output of an input node: its value under the id of each of its ports, null where it has none.
pub fn output(known: &NodeType, params: &Map<String, Value>) -> Value {
    let value = value(Some(known), params).cloned().unwrap_or_default();
    let fields = known
        .outputs
        .iter()
        .map(|port| (port.id.to_owned(), value.clone()));
    Value::Object(fields.collect())
}

/// The names under which a node keeps its value; the first is the one that is written.
fn names(known: Option<&NodeType>) -> &'static [&'static str] {
    match known {
        Some(known) if !known.value_names.is_empty() => known.value_names,
        _ => &["prompt"],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::model::graph::catalogue::find;

    fn body() -> Value {
        let node = |id: &str, node_type: &str, config: Value| json!({"id": id, "data": {"label": format!("L {id}"), "nodeType": node_type, "config": config}});
        json!({
            "nodes": [
                node("text", "input:text", json!({"prompt": "hi"})),
                node("image", "input:image", json!({"image": ""})),
                node("film", "input:image", json!({"inputType": "video", "imageUrl": "https://x/v.mp4"})),
                node("seed", "input:seed", json!({"seed": 7})),
                node("on", "input:toggle", json!({"value": false})),
                node("pick", "input:select", json!({"options": ["a", "b"]})),
                node("fed", "input:text", json!({})),
                node("llm", "llm:openrouter_router", json!({"prompt": "p"})),
            ],
            "edges": [{"id": "e", "source": "text", "target": "fed"}],
        })
    }

    #[test]
    fn inputs_are_the_input_nodes_that_no_edge_leads_to() {
        let inputs = describe(&body());
        let rows: Vec<Value> = inputs
            .iter()
            .map(|input| {
                json!([
                    input.node_id,
                    input.input_type.as_str(),
                    input.required,
                    input.default
                ])
            })
            .collect();
        assert_eq!(
            Value::from(rows),
            json!([
                ["text", "text", false, "hi"],
                ["image", "image", true, null],
                ["film", "url", false, "https://x/v.mp4"],
                ["seed", "number", false, 7],
                ["on", "boolean", false, false],
                ["pick", "select", true, null],
            ])
        );
        assert_eq!(
            example(&inputs),
            json!({"inputs": {
                "text": "hi", "image": "<image>", "film": "https://x/v.mp4", "seed": 7, "on": false, "pick": "<select>"
            }})
        );
        let first = serde_json::to_value(&inputs[0]).unwrap();
        assert_eq!(
            first,
            json!({"nodeId": "text", "label": "L text", "type": "text", "required": false, "default": "hi"})
        );
    }

    #[test]
    fn what_is_exposed_is_asked_for_instead() {
        let mut body = body();
        body["exposedInputs"] = json!([{"nodeId": "llm", "label": "Ask", "description": "d", "required": true}, "text", "nobody", 7]);
        let inputs = describe(&body);
        assert_eq!(
            serde_json::to_value(&inputs).unwrap(),
            json!([
                {"nodeId": "llm", "label": "Ask", "type": "text", "required": true, "description": "d", "default": "p"},
                {"nodeId": "text", "label": "L text", "type": "text", "required": false, "default": "hi"},
            ])
        );
        body["exposedInputs"] = json!([]);
        assert_eq!(describe(&body).len(), 6);
    }

    #[test]
    fn what_is_given_is_checked_by_type() {
        let inputs = describe(&body());
        let told = |given: Value| problems(&inputs, given.as_object().unwrap());
        assert_eq!(
            told(json!({"image": "https://x/i.png", "pick": "a", "seed": "12", "L on": true})),
            [""; 0]
        );
        assert_eq!(
            told(json!({"txt": 1, "image": 1, "pick": [], "seed": "x", "on": "yes"})),
            [
                "there is no input `txt` (did you mean `text`?)",
                "input `image` is 1; it must be a URL",
                "input `seed` is \"x\"; it must be a number",
                "input `on` is \"yes\"; it must be true or false",
                "input `pick` is an array; it must be a text, a number, or true or false",
            ]
        );
        assert_eq!(
            told(json!({})),
            [
                "input `image` is missing and has no default",
                "input `pick` is missing and has no default"
            ]
        );
    }

    #[test]
    fn a_label_that_is_the_id_of_another_node_means_that_node() {
        let node = |id: &str, label: &str| json!({"id": id, "data": {"label": label, "nodeType": "input:text", "config": {}}});
        let inputs = describe(&json!({"nodes": [node("a", "b"), node("b", "c")], "edges": []}));
        let given = json!({"b": 1, "c": 2});
        let given = given.as_object().unwrap();
        assert_eq!(
            problems(&inputs, given),
            ["input `a` is missing and has no default"]
        );
        assert_eq!(Value::Object(for_inputs(&inputs, given)), json!({"b": 1}));
    }

    #[test]
    fn a_value_is_put_under_every_name_that_is_there() {
        let cases = [
            ("input:text", json!({}), json!({"prompt": 1})),
            (
                "input:text",
                json!({"text": 0}),
                json!({"prompt": 1, "text": 1}),
            ),
            (
                "input:image",
                json!({"imageUrl": 0, "inputType": "video"}),
                json!({"image": 1, "imageUrl": 1, "inputType": "video"}),
            ),
            (
                "input:select",
                json!({"options": [1]}),
                json!({"value": 1, "options": [1]}),
            ),
            ("llm:openrouter_router", json!({}), json!({"prompt": 1})),
        ];
        for (node_type, params, expected) in cases {
            let mut params = params.as_object().unwrap().clone();
            put(find(node_type), &mut params, &json!(1));
            assert_eq!(Value::Object(params.clone()), expected, "{node_type}");
            assert_eq!(
                value(find(node_type), &params),
                Some(&json!(1)),
                "{node_type}"
            );
        }
        let seed = json!({"seed": 4});
        assert_eq!(
            output(find("input:seed").unwrap(), seed.as_object().unwrap()),
            json!({"seed": 4, "value": 4})
        );
    }
}
