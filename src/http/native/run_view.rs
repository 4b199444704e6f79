//! What is sent and told about runs.

use crate::clock::iso_utc;
use crate::engine::{StepLog, parent_of};
use crate::id::{RunId, WorkflowId};
use crate::model::run::{Run, RunError, RunStatus, RunSummary, StepError, TriggerType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Whether a start waits for the run's end.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "StartMode")]
pub(super) enum Mode {
    /// Answers when the run has ended or the time is over.
    Sync,
    /// Answers at once.
    Async,
}

/// How to start a run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "RunStart")]
pub(super) struct StartBody {
    /// What `{{input}}` is, checked against the workflow's `inputSchema`; default `{}`.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(super) input: Option<Box<RawValue>>,
    /// The same key within 24 hours gives the first run again. The header `Idempotency-Key` does the same.
    #[schemars(length(min = 1, max = 255))]
    pub(super) idempotency_key: Option<String>,
    /// Default `async`.
    pub(super) mode: Option<Mode>,
    /// For how long `sync` waits, in milliseconds; default and most are the settings `sync_wait_ms` and `max_sync_wait_ms`.
    #[schemars(range(min = 1))]
    pub(super) max_execution_time_ms: Option<u64>,
    /// The connection to use where several would do.
    pub(super) connection_id: Option<String>,
}

/// Which runs to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ListQuery {
    /// Only runs of this workflow.
    pub(super) workflow_id: Option<WorkflowId>,
    /// Only runs in this status.
    pub(super) status: Option<RunStatus>,
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// `meta.cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// What starting a run answers. Both spellings of the run's id, since both are read by clients that exist.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StartedRun")]
pub(super) struct StartedView<'a> {
    /// The run.
    run_id: &'a RunId,
    /// The run.
    #[serde(rename = "run_id")]
    run_id_snake: &'a RunId,
    /// Where it stands.
    status: RunStatus,
    /// The workflow that it runs.
    workflow_id: &'a WorkflowId,
    /// The version that it runs, whatever is edited meanwhile.
    workflow_version: i64,
    /// The run that it is a retry of.
    retry_of: Option<&'a RunId>,
    /// The output, once it has completed.
    #[schemars(with = "Value")]
    output: Option<&'a RawValue>,
    /// Why it failed.
    error: Option<&'a RunError>,
    /// When it was accepted.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
}

/// What a list shows of a run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RunSummary")]
pub(super) struct SummaryView<'a> {
    /// `run_` and a UUID.
    id: &'a RunId,
    /// The workflow that it runs.
    workflow_id: &'a WorkflowId,
    /// The version that it runs.
    workflow_version: i64,
    /// Where it stands.
    status: RunStatus,
    /// What started it.
    trigger_type: TriggerType,
    /// When its first step began.
    #[schemars(extend("format" = "date-time"))]
    started_at: Option<String>,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    completed_at: Option<String>,
    /// From begin to end, in milliseconds.
    duration_ms: Option<i64>,
    /// Why it failed.
    error: Option<&'a RunError>,
    /// The run that it is a retry of.
    retry_of: Option<&'a RunId>,
    /// When it was accepted.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
}

/// A run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Run")]
pub(super) struct RunView<'a> {
    #[serde(flatten)]
    summary: SummaryView<'a>,
    /// The id of the key that started it.
    started_by: Option<&'a str>,
    /// The run whose step started it.
    parent_run_id: Option<RunId>,
    /// What it was started with.
    #[schemars(with = "Value")]
    input: &'a RawValue,
    /// The output, once it has completed.
    #[schemars(with = "Value")]
    output: Option<&'a RawValue>,
}

/// What became of one step of a run.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "StepLog")]
pub(super) struct LogView<'a> {
    /// The step's id in the definition.
    step_id: &'a str,
    /// The id with the iterations and branches that it stands in: `each[2].charge`.
    activation: &'a str,
    /// Its name.
    step_name: Option<&'a str>,
    /// Its type.
    step_type: &'a str,
    /// Where it stands.
    status: &'static str,
    /// How many attempts were begun.
    attempts: u32,
    /// When the first attempt began.
    #[schemars(extend("format" = "date-time"))]
    started_at: Option<String>,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    completed_at: Option<String>,
    /// From begin to end, in milliseconds.
    duration_ms: Option<i64>,
    /// Until when it waits.
    #[schemars(extend("format" = "date-time"))]
    waiting_until: Option<String>,
    /// Its configuration, with its templates.
    input: &'a Value,
    /// What later steps see.
    output: Option<&'a Value>,
    /// The console of a `transform` with `script`: lines with `level` and `message`. That of `code` is in its output.
    logs: Option<&'a Value>,
    /// Why it failed.
    error: Option<&'a StepError>,
}

/// What starting or retrying a run answers.
pub(super) fn started_view(run: &Run) -> StartedView<'_> {
    let Run {
        summary, output, ..
    } = run;
    StartedView {
        run_id: &summary.id,
        run_id_snake: &summary.id,
        status: summary.status,
        workflow_id: &summary.workflow_id,
        workflow_version: summary.workflow_version,
        retry_of: summary.retry_of.as_ref(),
        output: output.as_deref(),
        error: summary.error.as_ref(),
        created_at: iso_utc(summary.created_at_ms),
    }
}

/// A run as a whole.
pub(super) fn view(run: &Run) -> RunView<'_> {
    RunView {
        summary: summary(&run.summary),
        started_by: run.started_by.as_deref(),
        parent_run_id: parent_of(run),
        input: &run.input,
        output: run.output.as_deref(),
    }
}

/// What a list shows of a run.
pub(super) fn summary(run: &RunSummary) -> SummaryView<'_> {
    SummaryView {
        id: &run.id,
        workflow_id: &run.workflow_id,
        workflow_version: run.workflow_version,
        status: run.status,
        trigger_type: run.trigger,
        started_at: run.started_at_ms.map(iso_utc),
        completed_at: run.finished_at_ms.map(iso_utc),
        duration_ms: between(run.started_at_ms, run.finished_at_ms),
        error: run.error.as_ref(),
        retry_of: run.retry_of.as_ref(),
        created_at: iso_utc(run.created_at_ms),
    }
}

/// What became of one step.
pub(super) fn log_view(step: &StepLog) -> LogView<'_> {
    let record = &step.record;
    LogView {
        step_id: &step.id,
        activation: &step.activation,
        step_name: step.name.as_deref(),
        step_type: step.step_type,
        status: record.status.as_str(),
        attempts: record.attempts,
        started_at: record.started_at_ms.map(iso_utc),
        completed_at: record.finished_at_ms.map(iso_utc),
        duration_ms: between(record.started_at_ms, record.finished_at_ms),
        waiting_until: record.due_at_ms.map(iso_utc),
        input: &step.config,
        output: record.output.as_deref(),
        logs: record.logs.as_deref(),
        error: record.error.as_deref(),
    }
}

fn between(from_ms: Option<i64>, to_ms: Option<i64>) -> Option<i64> {
    // The wall clock may have been set back meanwhile.
    Some(to_ms?.saturating_sub(from_ms?).max(0))
}
