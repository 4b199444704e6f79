//! Plans: what a definition compiles to, and the one pure answer to "what now?".
//! May not know stores, clocks, HTTP or how a step type does its work (only what shape it has: [`StepRule`]).
//! Promise: `RunState` is the fold of a journal, and [`next`] is a function of plan and state, so a restart is the fold of
//! the journal that was found and then the same function.

mod branch;
mod fields;
mod next;
pub(in crate::model) mod problem;
pub mod retry;
mod schema;
mod state;
mod step_fold;
pub mod steps;
#[cfg(test)]
mod tests;

pub use next::next;
pub use problem::{DefinitionProblem, MAX_PROBLEMS, Problems, in_words};
pub use retry::after_failure;
pub use state::{JournalError, RunState, StepRecord, StepStatus};
pub use steps::{DefinitionLimits, compile};

use crate::model::run::RunError;
use crate::model::template::Template;
use crate::model::trigger::Trigger;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
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
    /// What starts runs.
    pub trigger: Trigger,
    /// Every step, in array order.
    pub nodes: Vec<Node>,
    /// `variables` of the definition.
    pub variables: Value,
    by_id: HashMap<String, NodeIndex>,
    /// For each step the branches that own it, with the way that each must have taken. Empty: the step always runs;
    /// several: one of them is enough.
    owned_by: Vec<Vec<(NodeIndex, u32)>>,
}

impl Plan {
    /// The step with this id.
    pub fn index_of(&self, id: &str) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// The secrets of the workflow that steps name, each once.
    pub fn secret_names(&self) -> BTreeSet<&str> {
        let references = self
            .nodes
            .iter()
            .flat_map(|node| node.config.secret_references());
        references
            .map(|reference| reference.name.as_str())
            .collect()
    }

    fn owners_of(&self, node: NodeIndex) -> &[(NodeIndex, u32)] {
        self.owned_by.get(node).map_or(&[], Vec::as_slice)
    }
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
