//! The step types: one file a type, and the registry that lists them.
//! May not know journals or plans beyond the shape of a step. Promise: a step type is added by one file and one line here.

use crate::engine::outbound::Outbound;
use crate::model::plan::StepRule;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::Value;

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
    /// How long the attempt may take, in milliseconds.
    pub timeout_ms: Option<u64>,
}
