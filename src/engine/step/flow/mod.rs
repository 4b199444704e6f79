//! What the nodes of flows do: one file a node, and what several of them share.
//! May not know edges, journals or who hears a run but for telling a model's words. Promises: every node that the catalogue
//! lists has a behaviour; what a node comes to is a [`NodeResult`], as it is recorded.

mod agent;
mod calculator;
mod chain;
mod condition;
mod condition_agent;
mod execute;
mod function;
mod go_back;
mod http;
mod human;
mod iteration;
mod llm;
mod memory;
mod model;
mod prompt;
mod reply;
mod start;
mod structured;
#[cfg(test)]
mod tests;
mod tool;

pub(in crate::engine) use execute::executed;
pub(in crate::engine) use human::answered;
pub(in crate::engine) use iteration::collected;

use super::field::Fields;
use super::{Behaviour, Done};
use crate::model::flow::passed::NodeResult;
use crate::model::flow::{NodeKind, catalogue};
use crate::model::run::StepError;
use serde_json::Value;

/// What a node of this step type does.
pub(super) fn behaviour(step_type: &str) -> Option<Behaviour> {
    let known = catalogue::of_step_type(step_type)?;
    Some(match known.kind {
        NodeKind::Start => Behaviour::Pure(start::run),
        NodeKind::Llm => Behaviour::Converse(llm::run),
        NodeKind::Agent => Behaviour::Converse(agent::run),
        NodeKind::ConditionAgent => Behaviour::Converse(condition_agent::run),
        NodeKind::Condition => Behaviour::Pure(condition::run),
        NodeKind::Http => Behaviour::Effect(http::run),
        NodeKind::DirectReply => Behaviour::Pure(reply::run),
        NodeKind::Loop => Behaviour::Pure(go_back::run),
        NodeKind::Iteration => Behaviour::Iterate(iteration::round),
        NodeKind::CustomFunction => Behaviour::Compute(function::run),
        NodeKind::ExecuteFlow => Behaviour::Child(execute::request),
        NodeKind::HumanInput => Behaviour::Ask(human::question),
        NodeKind::Chain => Behaviour::Converse(chain::run),
    })
}

/// Whether a node of this kind has begun and ended in one, so that its begin is told with its end.
pub(in crate::engine) fn is_done_at_once(kind: NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::Start
            | NodeKind::Condition
            | NodeKind::DirectReply
            | NodeKind::Loop
            | NodeKind::CustomFunction
    )
}

/// What a node is handed.
#[derive(Clone, Copy)]
struct Handed<'a> {
    id: &'a str,
    label: &'a str,
    /// What its inputs begin with: `llm` of `llmModel`.
    prefix: &'static str,
    inputs: &'a Fields,
    /// What it is told of the run.
    told: &'a Fields,
}

impl<'a> Handed<'a> {
    fn read(config: &'a Value) -> Result<Handed<'a>, StepError> {
        let told = super::field::fields(config)?;
        let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default();
        let inputs = told.get("inputs").and_then(Value::as_object);
        let inputs = inputs
            .ok_or_else(|| StepError::fatal("INTERNAL", "a node of a flow is handed no inputs"))?;
        let known = catalogue::agentflow(text("name"));
        Ok(Handed {
            id: text("id"),
            label: text("label"),
            prefix: known.map_or("", |known| known.prefix),
            inputs,
            told,
        })
    }

    /// An input by its name.
    fn input(&self, name: &str) -> Option<&'a Value> {
        self.inputs.get(name).filter(|value| !value.is_null())
    }

    /// An input by the end of its name: `Model` of `llmModel`.
    fn own(&self, name: &str) -> Option<&'a Value> {
        self.input(&format!("{}{name}", self.prefix))
    }

    /// A text among the inputs; empty where there is none.
    fn text(&self, name: &str) -> &'a str {
        self.input(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// A list among the inputs; empty where there is none. The editor saves lists that were never touched as `""`.
    fn list(&self, name: &str) -> &'a [Value] {
        let list = self.input(name).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// What it is told of the run.
    fn told(&self, name: &str) -> &'a Value {
        static NULL: Value = Value::Null;
        self.told.get(name).unwrap_or(&NULL)
    }

    fn told_text(&self, name: &str) -> &'a str {
        self.told(name).as_str().unwrap_or_default()
    }

    fn told_list(&self, name: &str) -> &'a [Value] {
        self.told(name).as_array().map_or(&[], Vec::as_slice)
    }

    /// The name under which what it says is known to other nodes.
    fn speaker(&self) -> String {
        self.label.to_lowercase().replace(char::is_whitespace, "_")
    }
}

/// Whether an input is switched on: the editor saves `true`, `"true"` and `""`.
fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| super::field::as_flag(value) == Some(true))
}

/// A number among inputs, also as a text; `None` where there is none.
fn number(value: Option<&Value>) -> Option<f64> {
    match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn error(message: impl Into<String>) -> StepError {
    StepError::fatal("CONFIG", message)
}

fn done(result: NodeResult) -> Done {
    took(result, None)
}

fn took(result: NodeResult, way: Option<u32>) -> Done {
    Done {
        output: result.into_value(),
        way,
    }
}
