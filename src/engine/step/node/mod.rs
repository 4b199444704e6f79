//! What the nodes of graphs do. One file a group of node types; which types there are, and their ports, is in the catalogue.
//! May not know edges or journals: a node is handed its parameters and the values at its inputs. Promises: every listed node
//! type that runs has a behaviour; an output is an object with a field for each port.

mod backend;
mod blueprint;
mod build_data;
mod extract;
mod iterate;
mod llm;
mod output;
mod plain;

pub use backend::{BackendOptions, Backends};
pub(in crate::engine) use blueprint::output as blueprint_output;

use super::Behaviour;
use super::field::{self, Fields};
use crate::model::graph::catalogue::{self, BACKEND_STEP, Role};
use crate::model::run::StepError;
use serde_json::Value;

/// What a node of this step type does.
pub(super) fn behaviour(step_type: &str) -> Option<Behaviour> {
    if step_type == BACKEND_STEP {
        return Some(Behaviour::Effect(backend::run));
    }
    let known = catalogue::find(step_type)?;
    Some(match known.role {
        Role::Note => return None,
        Role::Input(_) => Behaviour::Pure(plain::input),
        Role::Iterator => Behaviour::Iterate(iterate::round),
        Role::Collector => Behaviour::Pure(iterate::collect),
        Role::Step(_) if known.category == "llm" => Behaviour::Effect(llm::run),
        Role::Step(_) => match known.node_type {
            "utility:prompt_concat" => Behaviour::Pure(plain::join_prompts),
            "utility:json_multi_extract" => Behaviour::Bounded(extract::run),
            "utility:build_data" => Behaviour::Bounded(build_data::run),
            "logic:router" => Behaviour::Bounded(plain::route),
            "output:preview" => Behaviour::Pure(plain::preview),
            "blueprint:invoke" => Behaviour::Child(blueprint::request),
            _ => return None,
        },
    })
}

/// What a node is handed.
struct Handed<'a> {
    node_type: &'a str,
    label: &'a str,
    /// Its parameters.
    params: &'a Fields,
    /// The values at its inputs, by port.
    inputs: &'a Fields,
    /// The ports that edges take from.
    outputs: &'a [Value],
}

impl<'a> Handed<'a> {
    fn read(config: &'a Value) -> Result<Handed<'a>, StepError> {
        let fields = field::fields(config)?;
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        let object = |name: &str| match fields.get(name) {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(StepError::fatal(
                "INTERNAL",
                format!("a node is handed no `{name}`"),
            )),
        };
        Ok(Handed {
            node_type: text("nodeType"),
            label: text("label"),
            params: object("config")?,
            inputs: object("inputs")?,
            outputs: fields
                .get("outputs")
                .and_then(Value::as_array)
                .map_or(&[], Vec::as_slice),
        })
    }

    /// The value at an input, else the parameter of the same name.
    fn value(&self, name: &str) -> Option<&'a Value> {
        let input = self.inputs.get(name);
        input.or_else(|| field::present(self.params, name))
    }

    /// The first of these names at which there is a text that is not empty.
    fn text(&self, names: &[&str]) -> Option<String> {
        let mut texts = names.iter().filter_map(|name| {
            let value = self.value(name)?;
            Some(field::scalar_text(value).unwrap_or_else(|| value.to_string()))
        });
        texts.find(|text| !text.is_empty())
    }

    /// The names of the ports that edges take from.
    fn ports(&self) -> impl Iterator<Item = &'a str> {
        self.outputs.iter().filter_map(Value::as_str)
    }

    /// An error that names the node.
    fn error(&self, code: &str, message: &str) -> StepError {
        let (label, node_type) = (field::cut(self.label, 60), field::cut(self.node_type, 60));
        StepError::fatal(code, format!("{label} (`{node_type}`): {message}"))
    }
}

#[cfg(test)]
mod bound_tests;
#[cfg(test)]
mod tests;
