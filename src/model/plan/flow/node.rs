//! One node of a flow as a step: its inputs ready to be filled in, and how it is tried again.
//! May not know which block it stands in.

use crate::model::flow::structure::Structure;
use crate::model::flow::text::Text;
use crate::model::flow::{Drawing, FlowNode, FlowStep, text_of};
use crate::model::plan::{
    Composite, DefinitionProblem, Node, OnUnknown, RetryPolicy, fields, problem,
};
use crate::model::template::Template;
use serde_json::{Value, json};
use std::sync::Arc;

/// A model that is busy is asked again, as long as nothing of its answer was told.
const MODEL_RETRY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    initial_delay_ms: 500,
    backoff_multiplier: 3.0,
    max_delay_ms: 10_000,
    jitter: true,
};
/// Inputs that are never read for variables.
const TAKEN_AS_THEY_ARE: [&str; 2] = ["customFunctionJavascriptFunction", "loopBackToNode"];

pub(super) fn flow_step(
    drawing: &Drawing,
    structure: &Structure<'_>,
    index: usize,
) -> Option<FlowStep> {
    let node = drawing.nodes.get(index)?;
    let known = *structure.known.get(index)?;
    let update = format!("{}UpdateState", known.prefix);
    let inputs = node.inputs.iter().filter(|(name, _)| **name != update);
    let inputs = inputs.map(|(name, value)| {
        let is_read = !TAKEN_AS_THEY_ARE.contains(&name.as_str())
            && (name.ends_with("Config")
                || name == "agentTools"
                || node
                    .variables
                    .as_ref()
                    .is_none_or(|names| names.contains(name)));
        let text = match is_read {
            // Read before anything is put into it, so that no quote in a value breaks it.
            true if is_json(node, name) => Text::compile(&read_json(value)),
            true => Text::compile(value),
            false => Text::Plain(value.clone()),
        };
        (name.clone(), text)
    });
    let into = structure.edges.iter().filter(|(_, to, _)| *to == index);
    let leads_on = structure.edges.iter().any(|(from, _, _)| *from == index);
    Some(FlowStep {
        known,
        inputs: inputs.collect(),
        updates: node
            .inputs
            .get(&update)
            .filter(|value| value.is_array())
            .map(Text::compile),
        is_last: !leads_on && structure.around.get(index).copied().flatten().is_none(),
        before: into.map(|(_, _, edge)| edge.source.clone()).collect(),
    })
}

/// Whether an input is written as JSON text.
fn is_json(node: &FlowNode, name: &str) -> bool {
    let body_type = text_of(&node.inputs, "bodyType");
    name == "iterationInput" || (name == "body" && matches!(body_type, "json" | ""))
}

/// A list or an object, where a text is the JSON of one; else the value as it is.
fn read_json(value: &Value) -> Value {
    let read = value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok());
    read.filter(|read: &Value| read.is_array() || read.is_object())
        .unwrap_or_else(|| value.clone())
}

pub(super) fn plan_node(
    node: &FlowNode,
    step: FlowStep,
    composite: Option<Composite>,
    found: &mut Vec<DefinitionProblem>,
) -> Option<Node> {
    let config = json!({ "label": node.label, "name": node.name, "inputs": node.inputs });
    let config = match Template::compile(&config, &["label", "name", "inputs"]) {
        Ok(config) => config,
        Err(_) => {
            problem::add(found, format!("nodes.{}", node.id), "it is nested too deep");
            return None;
        }
    };
    let known = step.known;
    Some(Node {
        id: node.id.clone(),
        name: Some(node.label.clone()),
        step_type: known.step_type,
        kind: known.plan_kind,
        config,
        retry: if known.kind.asks_model() {
            MODEL_RETRY
        } else {
            fields::ONE_ATTEMPT
        },
        timeout_ms: None,
        fallback: None,
        on_unknown: OnUnknown::Retry,
        composite,
        wiring: None,
        flow: Some(Arc::new(step)),
    })
}
