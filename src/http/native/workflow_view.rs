//! What is told about workflows.

use crate::clock::iso_utc;
use crate::engine::CompiledWorkflow;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::plan::DefinitionProblem;
use crate::model::trigger::{FiringOutcome, ScheduleStatus, Trigger};
use crate::model::workflow::{WorkflowStatus, WorkflowSummary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which workflows to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only workflows in this status.
    pub(super) status: Option<WorkflowStatus>,
    /// Only workflows whose name holds this, whatever its letter case.
    pub(super) search: Option<String>,
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// `meta.cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// How to remove a workflow.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteQuery {
    /// Removes it with its versions and finished runs, instead of archiving it.
    #[serde(default)]
    pub(super) purge: bool,
}

/// What a list shows of a workflow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WorkflowSummary")]
pub(super) struct SummaryView<'a> {
    /// A UUID.
    id: &'a WorkflowId,
    /// For people.
    name: &'a str,
    /// What people should know.
    description: Option<&'a str>,
    /// Where it stands.
    status: WorkflowStatus,
    /// Counts up from 1.
    version: i64,
    /// What starts its runs.
    trigger: &'a Value,
    /// Of a schedule: where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleView>,
    /// When it was created.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

/// A workflow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Workflow")]
pub(super) struct WorkflowView<'a> {
    /// A UUID.
    id: &'a WorkflowId,
    /// For people.
    name: &'a str,
    /// What people should know.
    description: Option<&'a str>,
    /// Where it stands.
    status: WorkflowStatus,
    /// Counts up from 1.
    version: i64,
    #[serde(flatten)]
    definition: DefinitionView<'a>,
    /// How an editor draws it; `null` where nobody has said it.
    canvas_state: Option<&'a Value>,
    /// Of a schedule: where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleView>,
    /// When it was created.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

/// The fields of a definition; those that it does not have are `null`, and those of other formats are absent.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Definition")]
pub(super) struct DefinitionView<'a> {
    /// What starts runs.
    trigger: &'a Value,
    /// The steps, in the order in which they run. Graphs and flows have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<&'a Value>,
    /// The nodes of a graph, as they were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<&'a Value>,
    /// The edges of a graph.
    #[serde(skip_serializing_if = "Option::is_none")]
    edges: Option<&'a Value>,
    /// The nodes of a graph whose values a run may be given, where the workflow says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    exposed_inputs: Option<&'a Value>,
    /// The text of a flow, as it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_data: Option<&'a Value>,
    /// Whether a flow is a chatflow or an agentflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_type: Option<&'a Value>,
    /// JSON Schema of the input.
    input_schema: &'a Value,
    /// JSON Schema of the output.
    output_schema: &'a Value,
    /// How it is run.
    settings: &'a Value,
    /// What `{{variables}}` is.
    variables: &'a Value,
}

impl WorkflowView<'_> {
    /// Whether it tells where a schedule stands, which changes without the workflow.
    pub(super) fn has_schedule(&self) -> bool {
        self.schedule.is_some()
    }
}

impl<'a> DefinitionView<'a> {
    pub(super) fn of(body: &'a Value) -> DefinitionView<'a> {
        DefinitionView {
            trigger: &body["trigger"],
            steps: body.get("steps"),
            nodes: body.get("nodes"),
            edges: body.get("edges"),
            exposed_inputs: body.get("exposedInputs"),
            flow_data: body.get("flowData"),
            flow_type: body.get("flowType"),
            input_schema: &body["inputSchema"],
            output_schema: &body["outputSchema"],
            settings: &body["settings"],
            variables: &body["variables"],
        }
    }
}

/// Where a schedule stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Schedule")]
pub(super) struct ScheduleView {
    /// When it fires next; `null` while it does not.
    #[schemars(extend("format" = "date-time"))]
    next_run_at: Option<String>,
    /// When it last started a run.
    #[schemars(extend("format" = "date-time"))]
    last_run_at: Option<String>,
    /// What became of the last of its times: `started`, `skipped_missed` or `failed`.
    last_outcome: Option<FiringOutcome>,
}

impl ScheduleView {
    fn of(status: &ScheduleStatus) -> ScheduleView {
        ScheduleView {
            next_run_at: status.next_fire_ms.map(iso_utc),
            last_run_at: status.last_run_at_ms.map(iso_utc),
            last_outcome: status.last_outcome,
        }
    }
}

/// What became of a workflow that was to be removed.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "RemovedWorkflow")]
pub(super) enum ArchivedView<'a> {
    /// It is archived.
    Archived(Box<WorkflowView<'a>>),
    /// It is gone.
    Purged {
        /// Its id.
        id: &'a WorkflowId,
        /// Always `true`.
        purged: bool,
    },
}

/// Whether a definition would be accepted.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Validity")]
pub(super) struct ValidityView {
    /// Whether there is no problem.
    pub(super) valid: bool,
    /// Every mistake with its place.
    pub(super) problems: Vec<DefinitionProblem>,
}

/// A workflow as it is answered; with a schedule, also where that stands.
pub(super) fn view<'a>(
    ctx: &Ctx,
    compiled: &'a CompiledWorkflow,
) -> Result<WorkflowView<'a>, Problem> {
    let workflow = &compiled.workflow;
    let schedule = match &compiled.definition.plan.trigger {
        Trigger::Schedule(_) => Some(ctx.api().store.schedule_status(workflow.sequence)?),
        _ => None,
    };
    Ok(WorkflowView {
        id: &workflow.id,
        name: &workflow.name,
        description: workflow.description.as_deref(),
        status: workflow.status,
        version: workflow.version,
        definition: DefinitionView::of(&workflow.definition.body),
        canvas_state: workflow.canvas.as_deref(),
        schedule: schedule.as_ref().map(ScheduleView::of),
        created_at: iso_utc(workflow.created_at_ms),
        updated_at: iso_utc(workflow.updated_at_ms),
    })
}

/// What a list shows of a workflow.
pub(super) fn summary(workflow: &WorkflowSummary) -> SummaryView<'_> {
    SummaryView {
        id: &workflow.id,
        name: &workflow.name,
        description: workflow.description.as_deref(),
        status: workflow.status,
        version: workflow.version,
        trigger: &workflow.trigger,
        schedule: workflow.schedule.as_ref().map(ScheduleView::of),
        created_at: iso_utc(workflow.created_at_ms),
        updated_at: iso_utc(workflow.updated_at_ms),
    }
}
