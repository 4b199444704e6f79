//! `/workflow/:webhookId/trigger`: a request that starts a graph by its webhook id.
//! May not know who sends. Promises: without a key only a graph whose owner has opened its webhook is started, and nobody
//! without one learns which webhook ids there are; strangers obey the limits of their address.

use super::run::{require_active, start};
use super::{Answer, about, bare};
use crate::auth::Refusal;
use crate::engine::{CompiledWorkflow, StartTrigger, StartedBy};
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::body;
use crate::http::describe::Word;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::guard::admit;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::id::{RunId, WorkflowId};
use crate::model::graph::inputs;
use crate::model::limit::Category;
use crate::model::run::TriggerType;
use crate::model::scope::Permission;
use crate::model::workflow::{DefinitionFormat, Reach, WorkflowStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};
use std::sync::Arc;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const TRIGGER: &str = "/api/v1/workflow/:webhookId/trigger";
    let door = Door::Wireflow;
    let (looks, starts) = (
        (Permission::WorkflowsExecute, Category::Read),
        (Permission::WorkflowsExecute, Category::Execute),
    );
    vec![
        Endpoint::unless_open(door, Method::GET, TRIGGER, looks, look).described(
            about("Triggers", "What a webhook id starts")
                .path::<Word>()
                .gives_bare::<HookView<'_>>(200),
        ),
        Endpoint::unless_open(door, Method::POST, TRIGGER, starts, trigger).described(
            about("Triggers", "Start a graph by its webhook id")
                .says(
                    "The body's fields are the values of input nodes, by id or label. A workflow's own id serves too, where it \
                     has a webhook id. Needs no key where the workflow says so.",
                )
                .path::<Word>()
                .body::<Map<String, Value>>(Value::Object(Map::new()))
                .gives_bare::<TriggeredView<'_>>(202)
                .may(402, "The credits are not enough."),
        ),
    ]
}

/// What a webhook id starts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Trigger")]
struct HookView<'a> {
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// For people.
    name: &'a str,
    /// Whether it is started.
    is_active: bool,
    /// How it is started.
    message: &'static str,
}

/// The execution that was started.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Triggered")]
struct TriggeredView<'a> {
    /// The execution.
    execution_id: &'a RunId,
    /// Always `queued`.
    status: &'static str,
    /// That it is queued.
    message: &'static str,
}

async fn look(visit: Arc<Visit>, access: Access) -> Answer {
    let (compiled, _) = let_in(&visit, access, AddressCategory::Read).await?;
    let workflow = &compiled.workflow;
    let view = HookView {
        workflow_id: &workflow.id,
        name: &workflow.name,
        is_active: workflow.status == WorkflowStatus::Active,
        message: "Webhook is configured. Use POST to trigger execution.",
    };
    bare(StatusCode::OK, &view)
}

async fn trigger(visit: Arc<Visit>, access: Access) -> Answer {
    let (workflow, by) = let_in(&visit, access, AddressCategory::Execute).await?;
    require_active(&workflow)?;
    let sent: Map<String, Value> = body::read_json(&visit, usize::MAX).await?;
    // Who sends may be a stranger: nothing but inputs is theirs to set.
    let given = inputs::for_inputs(&inputs::describe(&workflow.workflow.definition.body), &sent);
    let trigger = StartTrigger {
        kind: TriggerType::Webhook,
        data: Some(to_raw_value(&sent).map_err(|error| Problem::internal(&error))?),
    };
    let accepted = start(&visit.api, by, workflow, given, trigger, None).await?;
    let view = TriggeredView {
        execution_id: &accepted.run.summary.id,
        status: "queued",
        message: "Workflow execution queued successfully",
    };
    bare(StatusCode::ACCEPTED, &view)
}

/// The graph behind the webhook id, and who starts it.
async fn let_in(
    visit: &Arc<Visit>,
    access: Access,
    category: AddressCategory,
) -> Result<(Arc<CompiledWorkflow>, StartedBy), Problem> {
    if visit.credential.is_some() || visit.peer.control {
        let ctx = admit(visit, access).await?;
        let (compiled, _) = behind(visit, ctx.key().reach())?;
        return Ok((compiled, ctx.started_by()));
    }
    within_address_limit(visit, category)?;
    match behind(visit, &Reach::All) {
        Ok((compiled, true)) => Ok((compiled, StartedBy::webhook())),
        Ok((_, false)) | Err(Problem::NotFound(_)) => Err(Problem::Unauthorized(Refusal::Missing)),
        Err(problem) => Err(problem),
    }
}

/// The graph with this webhook id, or with this id and any webhook id, within reach; and whether its webhook is open.
fn behind(visit: &Visit, reach: &Reach) -> Result<(Arc<CompiledWorkflow>, bool), Problem> {
    let named = visit.parameter(0);
    let store = &visit.api.store;
    let found = match store.graph_behind_webhook(named)? {
        Some(found) => Some(found),
        None => match named.parse::<WorkflowId>() {
            Ok(id) => store.webhook_of_graph(&id)?.map(|is_open| (id, is_open)),
            Err(_) => None,
        },
    };
    let (id, is_open) = found.ok_or(Problem::NotFound("workflow"))?;
    let compiled = visit.api.engine.workflows().get(&id)?;
    let compiled = compiled.filter(|compiled| {
        let workflow = &compiled.workflow;
        workflow.definition.format == DefinitionFormat::Graph
            && workflow.status != WorkflowStatus::Archived
            && reach.covers(&id, &workflow.name)
    });
    Ok((compiled.ok_or(Problem::NotFound("workflow"))?, is_open))
}
