//! Runs: their records, their states, and the events their journals are made of.
//! May not know how a plan decides what comes next (see `plan`).
//! Promise: a journal records decisions and what happened, never what comes next, and names steps by id, never by index.

use crate::id::{RunId, WorkflowId};
use crate::model::page::Cursor;
use crate::model::workflow::Reach;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use std::sync::Arc;

/// Where a run stands: pending → running → completed | failed | cancelled. The last three are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Accepted and recorded; nothing has been done yet.
    Pending,
    /// Under way, or waiting for a time.
    Running,
    /// Every step that had to run did.
    Completed,
    /// A step failed for good, or the output did not fit its schema.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [RunStatus; 5] = [
        RunStatus::Pending,
        RunStatus::Running,
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ];

    /// The status as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Pending => "pending",
            RunStatus::Running => "running",
            RunStatus::Completed => "completed",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }

    /// Reads a status as it is stored and sent.
    pub fn parse(text: &str) -> Option<RunStatus> {
        RunStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// Whether the run has ended.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled
        )
    }
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TriggerType {
    /// A request to the run endpoint, or a retry of such a run.
    Api,
    /// An event that another service sent.
    Webhook,
    /// The clock.
    Schedule,
    /// A step of another run.
    Subworkflow,
}

impl TriggerType {
    /// Every trigger.
    pub const ALL: [TriggerType; 4] = [
        TriggerType::Api,
        TriggerType::Webhook,
        TriggerType::Schedule,
        TriggerType::Subworkflow,
    ];

    /// The trigger as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            TriggerType::Api => "api",
            TriggerType::Webhook => "webhook",
            TriggerType::Schedule => "schedule",
            TriggerType::Subworkflow => "subworkflow",
        }
    }

    /// Reads a trigger as it is stored and sent.
    pub fn parse(text: &str) -> Option<TriggerType> {
        TriggerType::ALL
            .into_iter()
            .find(|trigger| trigger.as_str() == text)
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunError {
    /// `STEP_ERROR`, `OUTPUT_INVALID`, …
    pub code: String,
    /// One sentence with the value that was wrong.
    pub message: String,
    /// The step that failed, where one did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step_id: Option<String>,
}

/// What a list shows of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// Row number in the store.
    pub sequence: i64,
    /// The id that clients use.
    pub id: RunId,
    /// The workflow it ran.
    pub workflow_id: WorkflowId,
    /// The version it ran.
    pub workflow_version: i64,
    /// Where it stands.
    pub status: RunStatus,
    /// What started it.
    pub trigger: TriggerType,
    /// Why it failed, if it did.
    pub error: Option<RunError>,
    /// The run it is a retry of.
    pub retry_of: Option<RunId>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When the first step began.
    pub started_at_ms: Option<i64>,
    /// When it ended.
    pub finished_at_ms: Option<i64>,
}

impl RunSummary {
    /// Where a page goes on that ends with this run.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            ts: self.created_at_ms,
            id: self.id.as_str().to_owned(),
        }
    }
}

/// A run as a whole, without its journal.
#[derive(Debug, Clone)]
pub struct Run {
    /// What a list shows.
    pub summary: RunSummary,
    /// The workflow's name now (its key binding is checked against it).
    pub workflow_name: String,
    /// Row number of the pinned definition.
    pub definition_sequence: i64,
    /// Whether that was sent for this run alone, and is no version's.
    pub has_own_definition: bool,
    /// The first run in a chain of retries: the stable half of every `Idempotency-Key` that its steps send.
    pub root_id: RunId,
    /// The public id of the key that started it.
    pub started_by: Option<String>,
    /// Whom its usage is counted for: the id of that key, or a word like `schedule`; `None` is nobody.
    pub account: Option<String>,
    /// Row number of the run whose step started it and waits for it.
    pub parent_sequence: Option<i64>,
    /// How many runs stand above it.
    pub depth: u32,
    /// Row number of the uppermost of those, also where nobody waits for this one.
    pub top_sequence: Option<i64>,
    /// What the trigger handed over beside the input, as `{{trigger}}` shows it.
    pub trigger_data: Option<Box<RawValue>>,
    /// The input, as it was sent.
    pub input: Box<RawValue>,
    /// The output, once completed.
    pub output: Option<Box<RawValue>>,
}

/// Which runs a list should have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFilter {
    /// Only runs of this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Only runs in this status.
    pub status: Option<RunStatus>,
    /// Only runs of workflows within this reach.
    pub reach: Reach,
}

/// Why an attempt at a step failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepError {
    /// `HTTP_STATUS`, `TIMEOUT`, `CONNECTION`, `ADDRESS_REFUSED`, `TEMPLATE`, `CONFIG`, …
    pub code: String,
    /// One sentence with the value that was wrong and what to do.
    pub message: String,
    /// Whether trying again may help.
    pub retryable: bool,
    /// How long the other side asked to be left alone (`Retry-After`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<i64>,
}

impl StepError {
    /// An error that trying again will not mend.
    pub fn fatal(code: &str, message: impl Into<String>) -> StepError {
        StepError {
            code: code.into(),
            message: message.into(),
            retryable: false,
            retry_after_ms: None,
        }
    }

    /// An error that may be gone the next time.
    pub fn transient(code: &str, message: impl Into<String>) -> StepError {
        StepError {
            retryable: true,
            ..StepError::fatal(code, message)
        }
    }
}

/// One thing that happened in a run. `step` is the activation's name: the step's id, and in loops its iterations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Event {
    /// The run left `pending`.
    #[serde(rename = "run.started")]
    RunStarted,
    /// An attempt with effects outside is about to begin; recorded before the call.
    #[serde(rename = "step.started")]
    StepStarted {
        /// The activation.
        step: String,
        /// From 1.
        attempt: u32,
    },
    /// A step ended well.
    #[serde(rename = "step.completed")]
    StepCompleted {
        /// The activation.
        step: String,
        /// What later steps see as `{{steps.<id>.output}}`; of a graph's node an object with a field for each port.
        output: Arc<Value>,
        /// The way a branch took (0 then, 1 else).
        #[serde(skip_serializing_if = "Option::is_none", default)]
        way: Option<u32>,
        /// What the step wrote beside its output: lines with `level` and `message`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        logs: Option<Arc<Value>>,
        /// Whether the step was not run, and this is what it came to in an earlier run of another definition.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        reused: bool,
    },
    /// An attempt failed. With `retry_at_ms` there will be another one; without, the step has failed.
    #[serde(rename = "step.failed")]
    StepFailed {
        /// The activation.
        step: String,
        /// From 1.
        attempt: u32,
        /// Why.
        error: StepError,
        /// When the next attempt is due, in milliseconds since the Unix epoch: decided once, jitter included.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        retry_at_ms: Option<i64>,
    },
    /// The server stopped between the call and its record: nobody knows how the attempt ended.
    #[serde(rename = "step.unknown")]
    StepUnknown {
        /// The activation.
        step: String,
        /// From 1.
        attempt: u32,
    },
    /// The step waits for a moment.
    #[serde(rename = "step.waiting")]
    StepWaiting {
        /// The activation.
        step: String,
        /// Milliseconds since the Unix epoch: absolute, so that a restart changes nothing.
        until_ms: i64,
    },
    /// A loop or a parallel step begins: what it goes over.
    #[serde(rename = "step.iterating")]
    StepIterating {
        /// The activation.
        step: String,
        /// How many iterations or branches there are, or at most are where conditions decide.
        count: u32,
        /// The items, one for each iteration.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        items: Option<Arc<Vec<Value>>>,
        /// When it has taken too long.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until_ms: Option<i64>,
    },
    /// The conditions of a loop were asked, and this iteration follows.
    #[serde(rename = "step.iteration")]
    StepIteration {
        /// The activation of the loop.
        step: String,
        /// From 0.
        index: u32,
    },
    /// The conditions of a loop were asked, and no further iteration follows.
    #[serde(rename = "step.enough")]
    StepEnough {
        /// The activation of the loop.
        step: String,
    },
    /// The step waits for somebody's answer.
    #[serde(rename = "step.asked")]
    StepAsked {
        /// The activation.
        step: String,
        /// When it has taken too long.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until_ms: Option<i64>,
        /// What is asked, as it is shown to whom it may concern.
        request: Arc<Value>,
    },
    /// Somebody said that a step whose outcome is unknown is to be tried again.
    #[serde(rename = "step.resumed")]
    StepResumed {
        /// The activation.
        step: String,
        /// By whom: a key's public id, or `control`.
        by: String,
    },
    /// The step waits for the end of another run, which it starts.
    #[serde(rename = "step.child")]
    StepChild {
        /// The activation.
        step: String,
        /// From 1.
        attempt: u32,
        /// The run.
        run: RunId,
        /// When it has taken too long.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until_ms: Option<i64>,
    },
    /// The run ended well.
    #[serde(rename = "run.completed")]
    RunCompleted {
        /// The output of the last step at the top that was not skipped; of a graph an object with those of its last nodes.
        output: Arc<Value>,
    },
    /// The run failed.
    #[serde(rename = "run.failed")]
    RunFailed {
        /// Why.
        error: RunError,
    },
    /// The run was cancelled.
    #[serde(rename = "run.cancelled")]
    RunCancelled {
        /// By whom: a key's public id, or `control`.
        by: String,
    },
}

/// An event with its place in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// From 0, without gaps; the `id` of server-sent events.
    pub sequence: u64,
    /// When its chunk was made, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What happened.
    pub event: Event,
}
