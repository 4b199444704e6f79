//! What is told about workflows.

use super::{Answer, bare};
use crate::clock::iso_utc;
use crate::engine::CompiledWorkflow;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::record::{GraphRecord, GraphSummary, LinkPermission};
use crate::model::graph::{Finding, shown};
use crate::model::trigger::Trigger;
use crate::model::workflow::WorkflowStatus;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use warp::http::StatusCode;

/// What a list shows of a workflow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowSummary")]
pub(super) struct SummaryView<'a> {
    /// A UUID.
    id: &'a WorkflowId,
    /// For people.
    name: &'a str,
    /// What people should know.
    description: Option<&'a str>,
    /// The id by which a request starts it, where it has one.
    webhook_id: Option<&'a str>,
    /// Where such a request is sent.
    webhook_url: Option<String>,
    /// Whether such a request needs no key.
    is_webhook_open: bool,
    /// Whether it can be run.
    is_active: bool,
    /// Whether its link is for others than its owner, or it is an app.
    is_published: bool,
    /// The name under which it is published as an app.
    app_slug: Option<&'a str>,
    /// Who may follow its link; the server itself serves no page there.
    link_permission: LinkPermission,
    /// The project that the client counts it to.
    media_id: Option<&'a str>,
    /// The team that the client counts it to.
    team_id: Option<&'a str>,
    /// How many executions have ended.
    execution_count: i64,
    /// When the last of them ended.
    #[schemars(extend("format" = "date-time"))]
    last_executed_at: Option<String>,
    /// For finding it again.
    tags: &'a [String],
    /// When it was created.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it was changed last: later with every change. `baseUpdatedAt` of the next one.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

/// A workflow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowWorkflow")]
pub(super) struct WorkflowView<'a> {
    #[serde(flatten)]
    summary: SummaryView<'a>,
    /// The nodes as they were sent, each with the `output` of the last run that it was in, and with the ports and the
    /// category of its type where it names none.
    nodes: &'a Value,
    /// The edges as they were sent.
    edges: &'a Value,
    /// The nodes whose values a run may be given, where the workflow says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    exposed_inputs: Option<&'a Value>,
}

/// A workflow that was saved: its fields, the same once more in `data`, and what is to be said of it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowSaved")]
pub(super) struct SavedView<'a> {
    #[serde(flatten)]
    workflow: &'a WorkflowView<'a>,
    /// The same once more.
    data: &'a WorkflowView<'a>,
    /// What is to be said of the graph.
    meta: MetaView<'a>,
}

/// What is to be said of a saved graph.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowMeta")]
struct MetaView<'a> {
    /// What the server has mended by itself.
    migrations: &'a [Finding],
    /// What should be looked at; of a graph that was saved with `strict=false` also its violations.
    warnings: &'a [Finding],
}

/// A workflow, put together of what is kept of it.
pub(super) struct Gathered<'a> {
    compiled: &'a CompiledWorkflow,
    summary: GraphSummary,
    /// An object with `nodes`.
    graph: Value,
    base_url: &'a str,
}

impl<'a> Gathered<'a> {
    pub(super) async fn new(ctx: &'a Ctx, compiled: &'a CompiledWorkflow) -> Result<Self, Problem> {
        let workflow = &compiled.workflow;
        let store = &ctx.api().store;
        let outputs = store.node_outputs(workflow.sequence).await?;
        let outputs: HashMap<String, Value> = outputs
            .into_iter()
            .map(|output| (output.node_id, output.output))
            .collect();
        let mut graph = json!({ "nodes": workflow.definition.body["nodes"] });
        shown::show(&mut graph, |node| outputs.get(node).cloned());
        Ok(Gathered {
            compiled,
            summary: summary_of(compiled, store.graph_record(workflow.sequence)?),
            graph,
            base_url: ctx.api().engine.base_url(),
        })
    }

    pub(super) fn view(&self) -> WorkflowView<'_> {
        let body = &self.compiled.workflow.definition.body;
        WorkflowView {
            summary: summary(&self.summary, self.base_url),
            nodes: &self.graph["nodes"],
            edges: &body["edges"],
            exposed_inputs: body.get("exposedInputs"),
        }
    }

    /// The answer to a save.
    pub(super) fn saved(&self, status: StatusCode, warnings: &[Finding]) -> Answer {
        let view = self.view();
        let meta = MetaView {
            migrations: &[],
            warnings,
        };
        let saved = SavedView {
            workflow: &view,
            data: &view,
            meta,
        };
        bare(status, &saved)
    }
}

fn summary_of(compiled: &CompiledWorkflow, record: Option<GraphRecord>) -> GraphSummary {
    let workflow = &compiled.workflow;
    GraphSummary {
        id: workflow.id.clone(),
        name: workflow.name.clone(),
        description: workflow.description.clone(),
        status: workflow.status,
        hook: match &compiled.definition.plan.trigger {
            Trigger::Hook(hook) => Some(hook.clone()),
            _ => None,
        },
        record: record.unwrap_or_default(),
        created_at_ms: workflow.created_at_ms,
        updated_at_ms: workflow.updated_at_ms,
    }
}

/// What a list shows of a workflow.
pub(super) fn summary<'a>(workflow: &'a GraphSummary, base_url: &str) -> SummaryView<'a> {
    let (record, hook) = (&workflow.record, workflow.hook.as_ref());
    SummaryView {
        id: &workflow.id,
        name: &workflow.name,
        description: workflow.description.as_deref(),
        webhook_id: hook.map(|hook| hook.id.as_str()),
        webhook_url: hook.map(|hook| format!("{base_url}/api/v1/workflow/{}/trigger", hook.id)),
        is_webhook_open: hook.is_some_and(|hook| hook.is_open),
        is_active: workflow.status == WorkflowStatus::Active,
        is_published: record.link_permission != LinkPermission::Private
            || record.app_slug.is_some(),
        app_slug: record.app_slug.as_deref(),
        link_permission: record.link_permission,
        media_id: record.details.media_id.as_deref(),
        team_id: record.details.team_id.as_deref(),
        execution_count: record.execution_count,
        last_executed_at: record.last_executed_at_ms.map(iso_utc),
        tags: &record.details.tags,
        created_at: iso_utc(workflow.created_at_ms),
        updated_at: iso_utc(workflow.updated_at_ms),
    }
}
