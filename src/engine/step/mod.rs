//! The step types: one file a type, and the registry that lists them.
//! May not know journals or plans beyond the shape of a step. Promise: a step type is added by one file and one line here.

mod api_request;
mod condition;
mod field;
pub mod form;
mod transform;
pub mod wait;

use crate::engine::outbound::Outbound;
use crate::model::plan::StepRule;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::Value;

/// Every step type.
const STEP_TYPES: [StepType; 4] = [
    api_request::STEP_TYPE,
    condition::STEP_TYPE,
    transform::STEP_TYPE,
    wait::STEP_TYPE,
];

static REGISTRY: [StepType; STEP_TYPES.len()] = STEP_TYPES;

static RULES: [StepRule; STEP_TYPES.len()] = {
    let mut rules = [STEP_TYPES[0].rule; STEP_TYPES.len()];
    let mut index = 1;
    while index < rules.len() {
        rules[index] = STEP_TYPES[index].rule;
        index += 1;
    }
    rules
};

/// The step type called `name` (`condition`, `api.request`).
pub fn find(name: &str) -> Option<&'static StepType> {
    REGISTRY.iter().find(|known| known.rule.name == name)
}

/// The shapes of every step type: what compilers need.
pub fn rules() -> &'static [StepRule] {
    &RULES
}

/// A step type: what planners and compilers see, and what it does.
#[derive(Clone, Copy)]
pub struct StepType {
    /// Its shape.
    pub rule: StepRule,
    /// What it does.
    pub behaviour: Behaviour,
}

/// What a step type does with its rendered configuration.
#[derive(Clone, Copy)]
pub enum Behaviour {
    /// A function of its configuration.
    Pure(fn(&Value) -> Result<Done, StepError>),
    /// A function of its configuration that takes too long for an async worker; it does its work elsewhere.
    Compute(for<'a> fn(&'a Effects, Value) -> BoxFuture<'a, Result<Value, StepError>>),
    /// Calls outside.
    Effect(for<'a> fn(&'a Effects, Value) -> BoxFuture<'a, Result<Value, StepError>>),
    /// How long to wait, in milliseconds.
    Wait(fn(&Value) -> Result<i64, StepError>),
}

/// The result of a pure step.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// What later steps see.
    pub output: Value,
    /// The way a branch took: 0 then, 1 else.
    pub way: Option<u32>,
}

/// What an attempt with effects may use.
pub struct Effects {
    /// The one HTTP client.
    pub outbound: Outbound,
    /// Stable over attempts: `<root run id>:<step path>`.
    pub idempotency_key: String,
    /// How long the attempt may take, in milliseconds; the step type keeps to it, since it knows what a late answer means.
    pub timeout_ms: Option<u64>,
    /// When the attempt began, in milliseconds since the Unix epoch: a `Retry-After` that names a date counts from here.
    pub now_ms: i64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::model::plan::Kind;

    #[test]
    fn every_step_type_is_found_by_its_name_and_behaves_as_its_kind_says() {
        for rule in rules() {
            let found = find(rule.name).expect("a rule belongs to a step type");
            let fits = match found.behaviour {
                Behaviour::Pure(_) => matches!(rule.kind, Kind::Pure | Kind::Branch),
                Behaviour::Compute(_) => rule.kind == Kind::Pure,
                Behaviour::Effect(_) => rule.kind == Kind::Effect,
                Behaviour::Wait(_) => rule.kind == Kind::Wait,
            };
            assert!(fits, "{}", rule.name);
        }
        let names: Vec<_> = rules().iter().map(|rule| rule.name).collect();
        assert_eq!(names, ["api.request", "condition", "transform", "wait"]);
        assert!(find("Condition").is_none() && find("").is_none());
    }
}
