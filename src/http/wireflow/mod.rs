//! Wireflow's door: `Authorization: Bearer sk-…`, graphs of nodes and edges, answers without an envelope.
//! May not know other doors. Promise: what clients written for Wireflow read from an answer is there under its name.
//!
//! Some of Wireflow's answers stand bare, some in `data`; what each has is what its clients read. Fields that are not
//! known are let be, since clients send back what they were given.

mod apps;
mod copies;
mod execute;
mod execution_view;
mod executions;
mod layout;
mod lint;
mod media;
mod nodes;
mod refusal;
mod run;
mod told_output;
mod triggers;
mod usage;
mod workflow_body;
mod workflow_view;
mod workflows;

pub(super) use refusal::{own_word, render};

use super::describe::{Description, about as about_any};
use super::endpoint::Endpoint;
use super::front::json_type;
use super::problem::Problem;
use super::reach::{reachable, reachable_by};
use super::visit::Ctx;
use crate::engine::CompiledWorkflow;
use crate::id::WorkflowId;
use crate::model::workflow::{DefinitionFormat, WorkflowStatus};
use bytes::Bytes;
use refusal::ErrorView;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json as example;
use std::sync::Arc;
use warp::http::{StatusCode, header};
use warp::reply::Response;

/// What a handler of this door gives.
type Answer = Result<Response, Problem>;

/// Every endpoint of this door.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        workflows::endpoints(),
        copies::endpoints(),
        layout::endpoints(),
        lint::endpoints(),
        nodes::endpoints(),
        run::endpoints(),
        execute::endpoints(),
        executions::endpoints(),
        triggers::endpoints(),
        usage::endpoints(),
        apps::endpoints(),
        media::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Begins the description of an endpoint of this door.
fn about(tag: &'static str, summary: &'static str) -> Description {
    about_any(tag, summary)
        .refuses_with::<ErrorView<'_>>(|code, message| example!({ "error": message, "code": code }))
}

/// What stands in `data`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "{T}Answer")]
struct Data<T> {
    /// The answer.
    data: T,
}

/// The resource itself, with this status.
fn bare(status: StatusCode, view: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(view).map_err(|error| Problem::internal(&error))?;
    Ok(json(status, body.into()))
}

/// The resource in `data`, with this status.
fn data(status: StatusCode, view: &impl Serialize) -> Answer {
    bare(status, &Data { data: view })
}

fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, json_type());
    response
}

/// The graph that the path names, if the key reaches it.
fn graph(ctx: &Ctx) -> Result<Arc<CompiledWorkflow>, Problem> {
    reachable(ctx).and_then(shown)
}

/// The graph with this id, if the key reaches it.
fn graph_by(ctx: &Ctx, id: &WorkflowId) -> Result<Arc<CompiledWorkflow>, Problem> {
    reachable_by(ctx, id).and_then(shown)
}

/// Workflows of other formats are other doors' business, and what is archived is gone here.
fn shown(compiled: Arc<CompiledWorkflow>) -> Result<Arc<CompiledWorkflow>, Problem> {
    let workflow = &compiled.workflow;
    let is_shown = workflow.definition.format == DefinitionFormat::Graph
        && workflow.status != WorkflowStatus::Archived;
    is_shown
        .then_some(compiled)
        .ok_or(Problem::NotFound("workflow"))
}

/// Where a workflow is read.
fn url_of(ctx: &Ctx, id: &WorkflowId) -> String {
    format!(
        "{}/wireflow/api/v1/workflows/{id}",
        ctx.api().engine.base_url()
    )
}
