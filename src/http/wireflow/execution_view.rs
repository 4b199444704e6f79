//! What is told of an execution, and how a run and its steps look as one.
//! May not know how runs are read. Promise: every field that a client of Wireflow waits on is there, under its name and of its
//! type, in one flat object; a text is a text or null.

use super::told_output::{text, urls};
use crate::clock::iso_utc;
use crate::engine::{StepLog, Told};
use crate::id::{RunId, WorkflowId};
use crate::model::graph::target::StaleDependency;
use crate::model::plan::{StepStatus, left_out};
use crate::model::run::{Run, RunStatus, RunSummary};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ExecutionStatus {
    /// It has begun, or waits for its turn.
    Running,
    /// It ended well.
    Completed,
    /// A node failed.
    Failed,
    /// Somebody has cancelled it.
    Cancelled,
}

impl From<RunStatus> for ExecutionStatus {
    fn from(status: RunStatus) -> ExecutionStatus {
        match status {
            RunStatus::Pending | RunStatus::Running => ExecutionStatus::Running,
            RunStatus::Completed => ExecutionStatus::Completed,
            RunStatus::Failed => ExecutionStatus::Failed,
            RunStatus::Cancelled => ExecutionStatus::Cancelled,
        }
    }
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum NodeStatus {
    /// It waits for what it needs.
    Pending,
    /// It is under way.
    Running,
    /// It ended well, or its result of an earlier execution is used.
    Completed,
    /// It failed, or what it needs did.
    Failed,
    /// The execution ended before it did.
    Cancelled,
}

impl NodeStatus {
    /// Of a step in an execution that stands so: where that has ended, nothing is waited for any more.
    fn of(step: &StepLog<'_>, execution: ExecutionStatus) -> NodeStatus {
        match step.record.status {
            status if execution == ExecutionStatus::Running => status.into(),
            status if status.is_settled() => status.into(),
            _ => NodeStatus::Cancelled,
        }
    }
}

impl From<StepStatus> for NodeStatus {
    fn from(status: StepStatus) -> NodeStatus {
        match status {
            StepStatus::Pending => NodeStatus::Pending,
            StepStatus::Running
            | StepStatus::Waiting
            | StepStatus::Retrying
            | StepStatus::Unknown => NodeStatus::Running,
            StepStatus::Completed => NodeStatus::Completed,
            StepStatus::Failed | StepStatus::Skipped => NodeStatus::Failed,
            StepStatus::Cancelled => NodeStatus::Cancelled,
        }
    }
}

/// An execution with its nodes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Execution")]
pub(super) struct ExecutionView<'a> {
    /// The execution.
    id: &'a RunId,
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// Where it stands.
    status: ExecutionStatus,
    /// Why it failed.
    error: Option<&'a str>,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    start_time: String,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    end_time: Option<String>,
    /// The nodes with their outputs.
    node_results: NodeResults<'a>,
    /// The nodes as a list for people shows them.
    node_states: Vec<NodeState<'a>>,
    /// What it came to, once it has ended well.
    final_output: Option<FinalOutput>,
}

/// The nodes with their outputs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NodeResults<'a> {
    /// One of each node that has begun.
    node_runs: Vec<NodeRun<'a>>,
}

/// One node with its output.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NodeRun")]
pub(super) struct NodeRun<'a> {
    /// The node.
    node_id: &'a str,
    /// Where it stands.
    status: NodeStatus,
    /// What it came to: an object with a field for each port.
    output: Option<&'a Value>,
}

/// One node as a list for people shows it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NodeState")]
struct NodeState<'a> {
    /// The node.
    node_id: &'a str,
    /// What people call it.
    label: &'a str,
    /// Where it stands.
    status: NodeStatus,
    /// Why it failed.
    error: Option<&'a str>,
    /// The first URL in its output.
    output_url: Option<&'a str>,
    /// Every URL in its output.
    output_urls: Vec<&'a str>,
    /// Its output as a text, where it has one.
    text: Option<Cow<'a, str>>,
    /// Always `null`: no node tells how far it is.
    progress: Option<f64>,
    /// Always `null`: no node runs elsewhere under a name of its own.
    request_id: Option<String>,
}

/// What an execution came to.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FinalOutput")]
struct FinalOutput {
    /// The first URL among the results.
    url: Option<String>,
    /// The outputs of the nodes that nothing follows, by their ids. Where they have more than 4 MiB, a mark with their size:
    /// each stands with its node too.
    results: Value,
}

/// The longest results of an execution that are told beside those of its nodes, in bytes of JSON.
const MAX_RESULTS_BYTES: usize = 4 << 20;

impl FinalOutput {
    /// Of a run's output.
    fn of(output: &RawValue) -> Option<FinalOutput> {
        let bytes = output.get().len();
        let results = if bytes > MAX_RESULTS_BYTES {
            left_out(bytes)
        } else {
            serde_json::from_str(output.get()).ok()?
        };
        let url = urls(&results).first().map(|url| (*url).to_owned());
        Some(FinalOutput { url, results })
    }
}

/// An execution without its nodes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionSummary")]
pub(super) struct ExecutionSummaryView<'a> {
    /// The execution.
    id: &'a RunId,
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// Where it stands.
    status: ExecutionStatus,
    /// Why it failed.
    error: Option<&'a str>,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    start_time: String,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    end_time: Option<String>,
}

/// Executions of one workflow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionPage")]
pub(super) struct ExecutionPageView<'a> {
    /// Newest first.
    pub(super) executions: Vec<ExecutionSummaryView<'a>>,
    /// Where the next page starts: send it as `cursor`. `null` on the last page.
    pub(super) next_cursor: Option<String>,
}

/// The execution that was started.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AcceptedExecution")]
pub(super) struct AcceptedView<'a> {
    /// The execution.
    pub(super) execution_id: &'a RunId,
    /// Where it stands.
    pub(super) status: ExecutionStatus,
}

/// What the start of a graph that was sent answers.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionBatch")]
pub(super) struct BatchView<'a> {
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// The batch; it holds this one execution.
    batch_id: &'a str,
    /// The execution.
    execution_id: &'a RunId,
    /// Where it stands.
    status: ExecutionStatus,
    /// The executions of the batch: one.
    execution_runs: [BatchRunView<'a>; 1],
    /// Nodes that were changed since their results were made, which this execution uses all the same.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stale_dependencies: &'a [StaleDependency],
}

/// One execution of a batch.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "BatchExecution")]
struct BatchRunView<'a> {
    /// The execution.
    id: &'a RunId,
    /// When it began.
    #[schemars(extend("format" = "date-time"))]
    start_time: String,
    /// When it ended.
    #[schemars(extend("format" = "date-time"))]
    end_time: Option<String>,
    /// Where it stands.
    status: ExecutionStatus,
    /// Why it failed.
    error: Option<&'a str>,
    /// The nodes with their outputs.
    node_runs: Vec<NodeRun<'a>>,
    /// The batch.
    batch_id: &'a str,
    /// Always 0: a batch has one execution.
    run_index_in_batch: u32,
    /// Always 0: a batch has one set of inputs.
    input_index: u32,
}

/// An execution with its nodes; those inside of iterations stand in the output of their iterator.
pub(super) fn view<'a>(run: &'a Run, steps: &'a [StepLog<'a>]) -> ExecutionView<'a> {
    let nodes = || steps.iter().filter(|step| step.activation == step.node.id);
    let summary = summary(&run.summary);
    ExecutionView {
        id: summary.id,
        workflow_id: summary.workflow_id,
        status: summary.status,
        error: summary.error,
        start_time: summary.start_time,
        end_time: summary.end_time,
        node_results: NodeResults {
            node_runs: nodes().map(|step| node_run(step, summary.status)).collect(),
        },
        node_states: nodes()
            .map(|step| node_state(step, summary.status))
            .collect(),
        final_output: run.output.as_deref().and_then(FinalOutput::of),
    }
}

/// An execution without its nodes.
pub(super) fn summary(run: &RunSummary) -> ExecutionSummaryView<'_> {
    ExecutionSummaryView {
        id: &run.id,
        workflow_id: &run.workflow_id,
        status: run.status.into(),
        error: run.error.as_ref().map(|error| error.message.as_str()),
        start_time: iso_utc(run.started_at_ms.unwrap_or(run.created_at_ms)),
        end_time: run.finished_at_ms.map(iso_utc),
    }
}

/// The batch that one execution is.
pub(super) fn batch<'a>(
    run: &'a Run,
    steps: &'a [StepLog<'a>],
    stale_dependencies: &'a [StaleDependency],
) -> BatchView<'a> {
    let ExecutionSummaryView {
        id,
        workflow_id,
        status,
        error,
        start_time,
        end_time,
    } = summary(&run.summary);
    // The id of a run is `run_` and a UUID, which is as good a name for the batch of this one run.
    let batch_id = id.as_str().strip_prefix("run_").unwrap_or(id.as_str());
    BatchView {
        workflow_id,
        batch_id,
        execution_id: id,
        status,
        execution_runs: [BatchRunView {
            id,
            start_time,
            end_time,
            status,
            error,
            node_runs: steps.iter().map(|step| node_run(step, status)).collect(),
            batch_id,
            run_index_in_batch: 0,
            input_index: 0,
        }],
        stale_dependencies,
    }
}

fn node_run<'a>(step: &'a StepLog<'a>, execution: ExecutionStatus) -> NodeRun<'a> {
    NodeRun {
        node_id: &step.node.id,
        status: NodeStatus::of(step, execution),
        output: step.output.as_ref().map(Told::value),
    }
}

fn node_state<'a>(step: &'a StepLog<'a>, execution: ExecutionStatus) -> NodeState<'a> {
    let output = step.output.as_ref().map(Told::value);
    let output_urls = output.map(urls).unwrap_or_default();
    NodeState {
        node_id: &step.node.id,
        label: step.node.name.as_deref().unwrap_or(&step.node.id),
        status: NodeStatus::of(step, execution),
        error: step
            .record
            .error
            .as_ref()
            .map(|error| error.message.as_str()),
        output_url: output_urls.first().copied(),
        output_urls,
        text: output.and_then(text),
        progress: None,
        request_id: None,
    }
}
