//! Wiring: where the inputs of a graph's node come from, and what its step is handed.
//! May not know edges or handles (the compiler has resolved them), or what a step does. Promise: an output is recorded once
//! and read from there by all who use it; what an iteration made is seen inside of that iteration only, and by its collector
//! as one list.

use super::{Activation, FrameId, NodeIndex, Plan, RunState};
use crate::model::graph::catalogue::{self, PortType};
use crate::model::graph::inputs;
use serde_json::{Map, Value};

/// Where the inputs of one node come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wiring {
    /// Its inputs that edges lead to.
    pub inputs: Vec<Wire>,
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
) -> Option<Value> {
    let node = plan.nodes.get(step.node)?;
    let wiring = node.wiring.as_ref()?;
    let mut config = node.config.source().clone();
    let fields = config.as_object_mut()?;
    let inputs: Map<String, Value> = wiring
        .inputs
        .iter()
        .filter_map(|wire| Some((wire.port.clone(), wire.value(plan, state, step.frame)?)))
        .collect();
    fields.insert("inputs".to_owned(), Value::Object(inputs));
    // A label counts where no node has that id.
    let label = node.name.as_deref().unwrap_or(&node.id);
    let is_id = plan.nodes.iter().any(|other| other.id == label);
    let label = if is_id { &node.id } else { label };
    let given = given
        .as_object()
        .and_then(|given| inputs::given_to(given, &node.id, label));
    if let (Some(given), Some(params)) = (
        given,
        fields.get_mut("config").and_then(Value::as_object_mut),
    ) {
        inputs::put(catalogue::find(node.step_type), params, given);
    }
    Some(config)
}

impl Wire {
    fn value(&self, plan: &Plan, state: &RunState, frame: FrameId) -> Option<Value> {
        let mut values: Vec<Value> = self
            .from
            .iter()
            .filter_map(|source| source.value(plan, state, frame))
            .filter(|value| !value.is_null())
            .collect();
        let value = match values.len() {
            0 => return None,
            1 => values.pop()?,
            _ => Value::Array(values),
        };
        Some(if self.port_type == PortType::Text {
            as_text(value)
        } else {
            value
        })
    }
}

/// A text port is handed a text: of any other value its JSON.
fn as_text(value: Value) -> Value {
    match value {
        Value::String(_) => value,
        other => Value::String(other.to_string()),
    }
}

impl Source {
    fn value(&self, plan: &Plan, state: &RunState, frame: FrameId) -> Option<Value> {
        match self {
            Source::Output { node, port } => {
                of_port(state.output_at(plan, frame, *node)?, port).cloned()
            }
            Source::Item { head } => {
                let (head, index) = state.iteration_of(frame, *head)?;
                state.record(plan, head)?.item(index).cloned()
            }
            Source::Index { head } => state
                .iteration_of(frame, *head)
                .map(|(_, index)| Value::from(index)),
            Source::Each { head, node, port } => {
                let results = state
                    .output_at(plan, frame, *head)?
                    .get("results")?
                    .as_array()?;
                let id = plan.nodes.get(*node)?.id.as_str();
                let each = |result: &Value| {
                    let output = result.get(id)?;
                    of_port(output, port).cloned()
                };
                Some(
                    results
                        .iter()
                        .map(|result| each(result).unwrap_or_default())
                        .collect(),
                )
            }
        }
    }
}

/// The value of one port: outputs are objects with a field for each port; one that is no object is the value of every port.
fn of_port<'a>(output: &'a Value, port: &str) -> Option<&'a Value> {
    match output {
        Value::Object(fields) => fields.get(port),
        other => Some(other),
    }
}
