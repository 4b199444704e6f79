//! `/workflows/:id/run`: what a run of the saved graph may be given, and the start of one.
//! May not know what nodes do. Promise: every input that is unknown, missing or of the wrong type is named, each with its node.

use super::execution_view::AcceptedView;
use super::{Answer, Data, about, data, executions, graph};
use crate::engine::{
    Accepted, CompiledWorkflow, RunRequest, SentDefinition, StartTrigger, StartedBy, Wait,
};
use crate::http::Api;
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::inputs::{self, RunInput};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::{Workflow, WorkflowStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json as example};
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const RUN: &str = "/api/v1/workflows/:id/run";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    vec![
        Endpoint::new(Door::Wireflow, Method::GET, RUN, read, |guard| {
            guard.then(describe)
        })
        .described(
            about("Executions", "What a run may be given")
                .path::<WorkflowId>()
                .gives_bare::<Data<DescribedRun<'_>>>(200),
        ),
        Endpoint::new(Door::Wireflow, Method::POST, RUN, execute, |guard| {
            json(guard).then(run)
        })
        .described(
            about("Executions", "Run the saved graph")
                .says("Every node runs afresh. The answer does not wait for the end.")
                .path::<WorkflowId>()
                .body::<RunBody>(example!({ "inputs": { "prompt": "A lighthouse at dusk" } }))
                .gives_bare::<Data<AcceptedView<'_>>>(202)
                .may(402, "The credits are not enough."),
        ),
    ]
}

/// What the input nodes of a graph are given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GraphRun")]
pub(super) struct RunBody {
    /// By a node's id or label.
    inputs: Option<Map<String, Value>>,
}

impl RunBody {
    pub(super) fn into_inputs(self) -> Map<String, Value> {
        self.inputs.unwrap_or_default()
    }
}

/// The inputs, and where to send them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DescribedRun")]
pub(super) struct DescribedRun<'a> {
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// For people.
    workflow_name: &'a str,
    /// The nodes whose values a run may be given.
    inputs: Vec<RunInput>,
    /// The path to send them to.
    endpoint: String,
    /// `POST`.
    method: &'static str,
    /// A body: defaults as they are, `"<type>"` for what has none.
    example: Value,
}

impl DescribedRun<'_> {
    /// Of this graph, which is started there.
    pub(super) fn of(workflow: &Workflow, endpoint: String) -> DescribedRun<'_> {
        let inputs = inputs::describe(&workflow.definition.body);
        DescribedRun {
            workflow_id: &workflow.id,
            workflow_name: &workflow.name,
            endpoint,
            method: "POST",
            example: inputs::example(&inputs),
            inputs,
        }
    }
}

async fn describe(ctx: Ctx) -> Answer {
    let compiled = graph(&ctx)?;
    let workflow = &compiled.workflow;
    let base_path = &ctx.api().options.base_path;
    let endpoint = format!("{base_path}/api/v1/workflows/{}/run", workflow.id);
    data(StatusCode::OK, &DescribedRun::of(workflow, endpoint))
}

async fn run(ctx: Ctx, body: RunBody) -> Answer {
    let workflow = graph(&ctx)?;
    accepted_answer(&start_saved(&ctx, workflow, body.into_inputs()).await?)
}

/// 202 with the execution.
pub(super) fn accepted_answer(accepted: &Accepted) -> Answer {
    let view = AcceptedView {
        execution_id: &accepted.run.summary.id,
        status: executions::ACCEPTED,
    };
    data(StatusCode::ACCEPTED, &view)
}

/// Starts the saved graph with these inputs, each of which must be one of its own.
pub(super) async fn start_saved(
    ctx: &Ctx,
    workflow: Arc<CompiledWorkflow>,
    given: Map<String, Value>,
) -> Result<Accepted, Problem> {
    let known = inputs::describe(&workflow.workflow.definition.body);
    let problems = inputs::problems(&known, &given);
    if !problems.is_empty() {
        return Err(Problem::invalid(format!(
            "The inputs do not fit: {}.",
            problems.join("; ")
        )));
    }
    let (api, by) = (ctx.api(), ctx.started_by());
    let given = inputs::for_inputs(&known, &given);
    start(api, by, workflow, given, StartTrigger::API, None).await
}

/// Starts a graph: the saved one, or one that was sent for this execution alone.
pub(super) async fn start(
    api: &Api,
    by: StartedBy,
    workflow: Arc<CompiledWorkflow>,
    given: Map<String, Value>,
    trigger: StartTrigger,
    sent: Option<SentDefinition>,
) -> Result<Accepted, Problem> {
    require_active(&workflow)?;
    let request = RunRequest {
        input: to_raw_value(&given).map_err(|error| Problem::internal(&error))?,
        workflow,
        idempotency_key: None,
        by,
        trigger,
        sent,
    };
    Ok(api.engine.start(request, Wait::No).await?)
}

pub(super) fn require_active(workflow: &CompiledWorkflow) -> Result<(), Problem> {
    if workflow.workflow.status == WorkflowStatus::Active {
        Ok(())
    } else {
        Err(Problem::invalid("Workflow is not active"))
    }
}
