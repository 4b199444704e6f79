//! Plans: what a definition compiles to, and the one pure answer to "what now?".
//! May not know stores, clocks, HTTP or how a step type does its work (only what shape it has: [`StepRule`]).
//! Promise: `RunState` is the fold of a journal, and [`next`] is a function of plan and state, so a restart is the fold of
//! the journal that was found and then the same function.

use crate::model::run::{Event, RunError};
use crate::model::template::Template;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A step by its place in [`Plan::nodes`]. Only in memory; journals name steps by id.
pub type NodeIndex = usize;

/// What a step type looks like from outside: all that a compiler has to know of it.
#[derive(Debug, Clone, Copy)]
pub struct StepRule {
    /// `condition`, or connector and action: `api.request`.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// How the planner treats it.
    pub kind: Kind,
    /// Checks the step's `config` (templates unresolved) and adds every problem that it finds.
    pub check: fn(&Map<String, Value>, &mut Problems<'_>),
}

/// How the planner treats a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No effect outside: run at once, shares the next commit.
    Pure,
    /// Its start is committed before the call, its result after it.
    Effect,
    /// Done when its moment has come.
    Wait,
    /// Pure; its way decides which steps are skipped.
    Branch,
}

/// Collects the problems of one step, each with its place.
pub struct Problems<'a> {
    /// The place of the step's configuration: `steps[2].config`.
    pub place: String,
    /// All problems of the definition so far.
    pub found: &'a mut Vec<DefinitionProblem>,
}

impl Problems<'_> {
    /// Adds a problem at `field` (a path below the configuration; empty for the configuration as a whole).
    pub fn add(&mut self, field: &str, message: impl Into<String>) {
        let place = if field.is_empty() {
            self.place.clone()
        } else {
            format!("{}.{field}", self.place)
        };
        self.found.push(DefinitionProblem {
            place,
            message: message.into(),
        });
    }
}

/// One mistake in a definition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DefinitionProblem {
    /// `steps[2].config.url`, `inputSchema`, …
    pub place: String,
    /// What is wrong, with the value, and what to do.
    pub message: String,
}

/// What to do when an attempt's outcome is unknown after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnknown {
    /// Start another attempt with the same `Idempotency-Key`.
    Retry,
    /// The step has failed.
    Fail,
}

/// `retryConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// 1 to 100; 1 means no retry.
    pub max_attempts: u32,
    /// Delay before the second attempt.
    pub initial_delay_ms: u64,
    /// Each further delay is the former one times this.
    pub backoff_multiplier: f64,
    /// No delay is longer.
    pub max_delay_ms: u64,
    /// Whether delays are drawn from half to all of their length.
    pub jitter: bool,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Node {
    /// Unique in the plan.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// The name of its [`StepRule`].
    pub step_type: &'static str,
    /// How the planner treats it.
    pub kind: Kind,
    /// Its configuration.
    pub config: Template,
    /// When to try again.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout_ms: Option<u64>,
    /// `errorHandling: continue`: what the step's output is when it has failed. Without it the run fails.
    pub fallback: Option<Arc<Value>>,
    /// What a crash in the middle of an attempt means.
    pub on_unknown: OnUnknown,
}

/// A compiled definition.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Every step, in array order.
    pub nodes: Vec<Node>,
    /// `variables` of the definition.
    pub variables: Value,
}

/// What to do with one step now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Start this attempt, not before its moment.
    Attempt {
        /// The step.
        node: NodeIndex,
        /// From 1.
        attempt: u32,
        /// `None`: now.
        not_before_ms: Option<i64>,
    },
    /// The step waits; when the moment has come, it is done.
    Wake {
        /// The step.
        node: NodeIndex,
        /// Milliseconds since the Unix epoch.
        due_ms: i64,
    },
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With this output.
    Completed(Arc<Value>),
    /// For this reason.
    Failed(RunError),
}

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// These tasks; never empty.
    Do(Vec<Task>),
    /// Nothing: attempts are under way.
    Wait,
    /// Append the event that ends the run.
    Finish(Outcome),
    /// The run has ended.
    Ended,
}

/// The fold of a run's journal.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState;

impl RunState {
    /// The state of an empty journal.
    pub fn new(_plan: &Plan) -> RunState {
        unimplemented!()
    }

    /// Folds one event in.
    pub fn apply(&mut self, _plan: &Plan, _at_ms: i64, _event: &Event) {
        unimplemented!()
    }
}

/// What to do now: a function of plan and state.
pub fn next(_plan: &Plan, _state: &RunState) -> Next {
    unimplemented!()
}
