//! The step types: one file a type, and the registry that lists them.
//! May not know journals or plans beyond the shape of a step. Promise: a step type is added by one file and one line here.

mod agent;
mod api_request;
pub(super) mod approval;
mod code;
pub(super) mod condition;
mod data_table;
mod email;
mod field;
pub(super) mod flow;
pub mod form;
mod loop_step;
mod node;
pub(super) mod outside;
mod parallel;
mod path;
mod slack;
mod subworkflow;
mod transform;
pub mod wait;

pub(super) use condition::condition_holds;
pub(super) use node::blueprint_output;
pub use node::{BackendOptions, Backends};

use crate::engine::agents::Agents;
use crate::engine::connections::Connections;
use crate::engine::mail::Mailer;
use crate::engine::outbound::{Outbound, OutboundRequest, OutboundResponse};
use crate::engine::prediction::{Flows, Hearing};
use crate::engine::redact::Redactor;
use crate::engine::script::Scripts;
use crate::engine::tables::Tables;
use crate::id::WorkflowId;
use crate::model::plan::StepRule;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Every step type.
const STEP_TYPES: [StepType; 15] = [
    agent::STEP_TYPE,
    api_request::STEP_TYPE,
    approval::STEP_TYPE,
    code::STEP_TYPE,
    condition::STEP_TYPE,
    data_table::STEP_TYPE,
    email::STEP_TYPE,
    email::ACTION,
    loop_step::STEP_TYPE,
    parallel::STEP_TYPE,
    slack::STEP_TYPE,
    slack::ACTION,
    subworkflow::STEP_TYPE,
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

/// What a step of a plan does: one of a step type, or of a node of a graph or a flow.
pub(super) fn behaviour(name: &str) -> Option<Behaviour> {
    let step_type = find(name).map(|known| known.behaviour);
    step_type
        .or_else(|| node::behaviour(name))
        .or_else(|| flow::behaviour(name))
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
    /// The fields of its configuration, in one or several lists.
    pub known: &'static [&'static [&'static str]],
    /// What it does.
    pub behaviour: Behaviour,
    /// What its configuration names outside of its workflow.
    pub names: fn(&Map<String, Value>) -> Vec<outside::Named>,
}

/// What a step type does with its rendered configuration.
#[derive(Clone, Copy)]
pub enum Behaviour {
    /// A function of its configuration.
    Pure(fn(&Value) -> Result<Done, StepError>),
    /// A function of its configuration whose output may have so many bytes as JSON: one that multiplies what it is handed.
    Bounded(fn(&Value, usize) -> Result<Done, StepError>),
    /// A function of its configuration that takes too long for an async worker; it does its work elsewhere.
    Compute(for<'a> fn(&'a Effects, Value) -> BoxFuture<'a, Result<Given, StepError>>),
    /// Calls outside.
    Effect(for<'a> fn(&'a Effects, Value) -> BoxFuture<'a, Result<Value, StepError>>),
    /// Calls outside, and may choose a way.
    Converse(for<'a> fn(&'a Effects, Value) -> BoxFuture<'a, Result<Given, StepError>>),
    /// How long to wait, in milliseconds.
    Wait(fn(&Value) -> Result<i64, StepError>),
    /// What to ask.
    Ask(fn(&Value) -> Result<Question, StepError>),
    /// What to go over.
    Iterate(fn(&Value) -> Result<Round, StepError>),
    /// Which run to start.
    Child(fn(&Value) -> Result<ChildRequest, StepError>),
}

/// What an approval asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What is shown to whom it may concern.
    pub request: Value,
    /// How long to wait for the answer, in milliseconds.
    pub timeout_ms: Option<i64>,
}

/// What a loop or a parallel step goes over.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// One item for each iteration.
    pub items: Option<Vec<Value>>,
    /// How many iterations or branches there are, or at most are where conditions decide.
    pub count: u32,
    /// How long all of it may take, in milliseconds.
    pub timeout_ms: Option<i64>,
}

/// Another run that a step starts.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildRequest {
    /// Which workflow.
    pub workflow_id: WorkflowId,
    /// The run's input.
    pub input: Value,
    /// Whether the step ends with the run, and not with its start.
    pub waits: bool,
    /// How long the run may take, in milliseconds.
    pub timeout_ms: Option<i64>,
    /// The same key within 24 hours is the same run.
    pub idempotency_key: Option<String>,
    /// Of a node of a graph: the ports that what the run came to goes out of.
    pub ports: Option<Vec<String>>,
    /// Of a node of a flow: what it was handed.
    pub flow: Option<Value>,
}

/// What a step gives that takes its time.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// What later steps see.
    pub output: Value,
    /// What it wrote beside that: lines with `level` and `message`. None where there are no lines.
    pub logs: Option<Value>,
    /// The way of one that chooses.
    pub way: Option<u32>,
}

impl From<Value> for Given {
    fn from(output: Value) -> Given {
        Given {
            output,
            logs: None,
            way: None,
        }
    }
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
    /// The one HTTP client; [`Effects::send`] calls it.
    pub outbound: Outbound,
    /// The data tables.
    pub tables: Tables,
    /// Credentials of outside services.
    pub connections: Connections,
    /// Knows the secrets that the attempt has used. What a step gives goes through it anyway; a step that cuts or encodes what
    /// it was answered asks it before.
    pub redactor: Redactor,
    /// The processes that run scripts.
    pub scripts: Scripts,
    /// What sends mail.
    pub mailer: Mailer,
    /// Stored agents, and asking models.
    pub agents: Agents,
    /// What runs the nodes of graphs that the server does not run itself.
    pub backends: Backends,
    /// Other flows, as a run of a flow may ask them.
    pub flows: Option<Flows>,
    /// Who hears the run.
    pub hearing: Option<Arc<Hearing>>,
    /// Stable over attempts: `<root run id>:<step path>`.
    pub idempotency_key: String,
    /// How long the attempt may take, in milliseconds; the step type keeps to it, since it knows what a late answer means.
    pub timeout_ms: Option<u64>,
    /// When the attempt began, in milliseconds since the Unix epoch: a `Retry-After` that names a date counts from here.
    pub now_ms: i64,
}

impl Effects {
    /// Makes a call. The answer and the error have no secret of this attempt in them.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, StepError> {
        match self.outbound.send(request).await {
            Ok(response) => Ok(self.redactor.response(response).await),
            Err(error) => Err(self.redactor.error(error)),
        }
    }
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
                Behaviour::Bounded(_) | Behaviour::Compute(_) => rule.kind == Kind::Pure,
                Behaviour::Effect(_) | Behaviour::Converse(_) => rule.kind == Kind::Effect,
                Behaviour::Wait(_) => rule.kind == Kind::Wait,
                Behaviour::Ask(_) => rule.kind == Kind::Ask,
                Behaviour::Iterate(_) => rule.kind.is_composite(),
                Behaviour::Child(_) => rule.kind == Kind::Child,
            };
            assert!(fits, "{}", rule.name);
        }
        let names: Vec<_> = rules().iter().map(|rule| rule.name).collect();
        assert_eq!(
            names,
            [
                "agent",
                "api.request",
                "approval",
                "code",
                "condition",
                "data_table",
                "email",
                "email.send",
                "loop",
                "parallel",
                "slack",
                "slack.send_message",
                "subworkflow",
                "transform",
                "wait"
            ]
        );
        assert!(find("Condition").is_none() && find("").is_none());
    }
}
