//! Wiring: where the inputs of a graph's node come from, and what its step is handed.
//! May not know edges or handles (the compiler has resolved them), or what a step does. Promises: an output is recorded once
//! and read from there by all who use it; what an iteration made is seen inside of that iteration only, and by its collector
//! as one list; the inputs of a step are measured before they are copied, and never larger than a rendered configuration.

use super::{Activation, FrameId, NodeIndex, Plan, RunState};
use crate::model::graph::catalogue::{self, PortType};
use crate::model::graph::inputs;
use crate::model::template::{Budget, MAX_RENDERED_BYTES, TemplateError, json};
use serde_json::{Map, Value};

/// Where the inputs of one node come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wiring {
    /// Its inputs that edges lead to.
    pub inputs: Vec<Wire>,
    /// Of what a run may give a value to: the name under which it may, beside the node's id. Nothing else of a graph is the
    /// starter's to set.
    pub asked_as: Option<String>,
}

/// The inputs of a step would be larger than [`MAX_RENDERED_BYTES`], text and 16 bytes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its inputs would be larger than {MAX_RENDERED_BYTES} bytes; lead less to it")]
pub struct InputsTooLarge;

impl From<TemplateError> for InputsTooLarge {
    fn from(_: TemplateError) -> InputsTooLarge {
        InputsTooLarge
    }
}

/// One input of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire {
    /// The id of the port.
    pub port: String,
    /// What it takes.
    pub port_type: PortType,
    /// Where its value comes from, in the order of the edges. Several make an array; what brings nothing is left out.
    pub from: Vec<Source>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A port of the output of a node in the same block, or in one around it.
    Output {
        /// The node.
        node: NodeIndex,
        /// The port.
        port: String,
    },
    /// The item of an iterator around the node.
    Item {
        /// The iterator.
        head: NodeIndex,
    },
    /// The index of that item, from 0.
    Index {
        /// The iterator.
        head: NodeIndex,
    },
    /// What a port of a node came to in each iteration, null where that iteration failed: an array in the order of the items.
    Each {
        /// The iterator, which has ended.
        head: NodeIndex,
        /// The node inside of it.
        node: NodeIndex,
        /// The port.
        port: String,
    },
}

/// What the step of a graph's node is handed: `{"nodeId", "nodeType", "label", "config", "inputs", "outputs"}`. `config` are
/// the node's parameters, with what the run was given for it; `inputs` has a value for each port that edges feed and for
/// which there is one; `outputs` names the ports that edges take. `None` for a step that is no node of a graph, whose
/// configuration is a template. `given` is the run's input.
pub fn wired_config(
    plan: &Plan,
    state: &RunState,
    step: Activation,
    given: &Value,
) -> Result<Option<Value>, InputsTooLarge> {
    let node = plan.nodes.get(step.node);
    let Some((node, wiring)) = node.and_then(|node| Some((node, node.wiring.as_ref()?))) else {
        return Ok(None);
    };
    let mut config = node.config.source().clone();
    let Some(fields) = config.as_object_mut() else {
        return Ok(None);
    };
    let mut room = Budget::new(MAX_RENDERED_BYTES);
    let mut inputs = Map::new();
    for wire in &wiring.inputs {
        if let Some(value) = wire.value(plan, state, step.frame, &mut room)? {
            inputs.insert(wire.port.clone(), value);
        }
    }
    fields.insert("inputs".to_owned(), Value::Object(inputs));
    if let (Some(given), Some(params)) = (
        given_to(plan, step.node, given),
        fields.get_mut("config").and_then(Value::as_object_mut),
    ) {
        inputs::put(catalogue::find(node.step_type), params, given);
    }
    Ok(Some(config))
}

/// What the run was given for a node that may be given something.
fn given_to<'a>(plan: &Plan, node: NodeIndex, given: &'a Value) -> Option<&'a Value> {
    let node = plan.nodes.get(node)?;
    let name = node.wiring.as_ref()?.asked_as.as_deref()?;
    // A name counts where no node has that id.
    let is_id = plan.nodes.iter().any(|other| other.id == name);
    let name = if is_id { &node.id } else { name };
    inputs::given_to(given.as_object()?, &node.id, name)
}

impl Wire {
    fn value(
        &self,
        plan: &Plan,
        state: &RunState,
        frame: FrameId,
        room: &mut Budget,
    ) -> Result<Option<Value>, InputsTooLarge> {
        let mut values = Vec::new();
        for source in &self.from {
            let value = source.value(plan, state, frame, room)?;
            values.extend(value.filter(|value| !value.is_null()));
        }
        let value = match values.len() {
            0 | 1 => values.pop(),
            _ => Some(Value::Array(values)),
        };
        Ok(match value {
            Some(value) if self.port_type == PortType::Text => Some(as_text(value, room)?),
            value => value,
        })
    }
}

/// A text port is handed a text: of any other value its JSON.
fn as_text(value: Value, room: &mut Budget) -> Result<Value, InputsTooLarge> {
    match value {
        Value::String(_) => Ok(value),
        other => Ok(Value::String(json(&other, room)?)),
    }
}

/// A copy of a value for which there is room.
fn copied(value: &Value, room: &mut Budget) -> Result<Value, InputsTooLarge> {
    room.measure(value)?;
    Ok(value.clone())
}

impl Source {
    fn value(
        &self,
        plan: &Plan,
        state: &RunState,
        frame: FrameId,
        room: &mut Budget,
    ) -> Result<Option<Value>, InputsTooLarge> {
        let found = match self {
            Source::Output { node, port } => {
                let output = state.output_at(plan, frame, *node);
                output.and_then(|output| of_port(output, port))
            }
            Source::Item { head } => {
                let iteration = state.iteration_of(frame, *head);
                iteration.and_then(|(head, index)| state.record(plan, head)?.item(index))
            }
            Source::Index { head } => {
                let iteration = state.iteration_of(frame, *head);
                return Ok(iteration.map(|(_, index)| Value::from(index)));
            }
            Source::Each { head, node, port } => {
                let ended = state.output_at(plan, frame, *head);
                let results = ended.and_then(|output| output.get("results")?.as_array());
                let Some((results, node)) = results.zip(plan.nodes.get(*node)) else {
                    return Ok(None);
                };
                let each = results.iter().map(|result| {
                    let output = result.get(&node.id);
                    let found = output.and_then(|output| of_port(output, port));
                    copied(found.unwrap_or(&Value::Null), room)
                });
                return each.collect::<Result<_, _>>().map(Some);
            }
        };
        found.map(|value| copied(value, room)).transpose()
    }
}

/// The value of one port: outputs are objects with a field for each port; one that is no object is the value of every port.
fn of_port<'a>(output: &'a Value, port: &str) -> Option<&'a Value> {
    match output {
        Value::Object(fields) => fields.get(port),
        other => Some(other),
    }
}
