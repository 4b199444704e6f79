//! What is known of one step.
//! May not know the order of steps, nor how events change a record (see `step_fold`).

use super::iterations::Iterations;
use crate::id::RunId;
use crate::model::json::json_bytes;
use crate::model::run::StepError;
use serde_json::Value;
use std::sync::Arc;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// Its turn has not come.
    Pending,
    /// An attempt was started and has no record yet.
    Running,
    /// It waits for its moment, an answer or another run.
    Waiting,
    /// An attempt failed; another one is due.
    Retrying,
    /// Nobody knows how the last attempt ended; another one follows.
    Unknown,
    /// It ended well.
    Completed,
    /// It failed; where the run goes on all the same, its output is the fallback.
    Failed,
    /// No branch that names it took its way, or what it needs has failed; then its error says what.
    Skipped,
    /// The run ended while the step was under way.
    Cancelled,
}

impl StepStatus {
    /// The status as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            StepStatus::Pending => "pending",
            StepStatus::Running => "running",
            StepStatus::Waiting => "waiting",
            StepStatus::Retrying => "retrying",
            StepStatus::Unknown => "unknown",
            StepStatus::Completed => "completed",
            StepStatus::Failed => "failed",
            StepStatus::Skipped => "skipped",
            StepStatus::Cancelled => "cancelled",
        }
    }

    /// Whether the step will not be touched again.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled
        )
    }
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Where it stands.
    pub status: StepStatus,
    /// How many attempts there were, those with unknown outcome included.
    pub attempts: u32,
    /// How many of them failed.
    pub failures: u32,
    /// When the first attempt began, in milliseconds since the Unix epoch.
    pub started_at_ms: Option<i64>,
    /// When the step ended.
    pub finished_at_ms: Option<i64>,
    /// When the next attempt, or the end of the wait, is due.
    pub due_at_ms: Option<i64>,
    /// What later steps see; the fallback of a step that failed without failing the run.
    pub output: Option<Arc<Value>>,
    /// What it wrote beside its output.
    pub logs: Option<Arc<Value>>,
    /// Whether the output is that of an earlier run of another definition.
    pub is_reused: bool,
    /// Why the last attempt failed.
    pub error: Option<Box<StepError>>,
    /// The way a branch took.
    pub way: Option<u32>,
    /// What a waiting step waits for.
    pub waits_for: Option<WaitsFor>,
    /// What was asked.
    pub request: Option<Arc<Value>>,
    /// The run that the step has started.
    pub child: Option<RunId>,
    /// How large its output, its logs and what was asked are together, as JSON.
    own_bytes: usize,
    /// Where a loop or a parallel step stands, while it goes on.
    pub(super) iterations: Option<Box<Iterations>>,
}

/// What a waiting step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitsFor {
    /// A moment.
    Time,
    /// Somebody's answer to the step.
    Answer,
    /// Somebody's word on how an attempt ended whose outcome is unknown.
    Outcome,
    /// The end of another run.
    Run,
}

impl StepRecord {
    /// Of a step whose turn has not come.
    pub(super) const UNTOUCHED: StepRecord = StepRecord {
        status: StepStatus::Pending,
        attempts: 0,
        failures: 0,
        started_at_ms: None,
        finished_at_ms: None,
        due_at_ms: None,
        output: None,
        logs: None,
        is_reused: false,
        error: None,
        way: None,
        waits_for: None,
        request: None,
        child: None,
        own_bytes: 0,
        iterations: None,
    };

    /// The step is called for again. Its output is seen until there is another one; what it holds counts for what it came
    /// to before.
    pub(super) fn begin_again(&mut self) {
        let output = self.output.take();
        *self = StepRecord {
            output,
            own_bytes: self.own_bytes,
            ..StepRecord::UNTOUCHED
        };
    }

    /// Whether an attempt is recorded that has not ended.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.status, StepStatus::Waiting | StepStatus::Running)
            || self.iterations.is_some()
    }

    /// The number of the attempt that ends next.
    pub fn ending_attempt(&self) -> u32 {
        self.attempts
            .saturating_add(u32::from(!self.is_under_way()))
    }

    /// Its output, its logs or what was asked is another one now.
    pub(super) fn measure(&mut self) {
        let own = [&self.output, &self.logs, &self.request]
            .into_iter()
            .flatten();
        self.own_bytes = own.map(|value| json_bytes(value)).sum();
    }

    /// How many bytes, as JSON, it holds; of a loop also what that has kept of its iterations.
    pub(super) fn held_bytes(&self) -> usize {
        let iterations = self.iterations.as_ref();
        self.own_bytes + iterations.map_or(0, |iterations| iterations.held_bytes())
    }

    /// The items that a loop or a parallel step goes over, while it does.
    pub(super) fn item(&self, index: u32) -> Option<&Value> {
        self.iterations.as_ref()?.item(index)
    }
}
