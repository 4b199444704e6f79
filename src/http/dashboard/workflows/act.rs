//! What may be done to a workflow: activate, pause and archive it. May not know what that takes.
//! Promise: what cannot be done now is told on the workflow's page.

use super::super::frame::Frame;
use super::super::{go_to, page};
use super::PART;
use super::detail::workflow_page;
use crate::http::native::{message, status_and_code};
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::model::workflow::WorkflowStatus;
use askama::Template;
use warp::http::StatusCode;
use warp::reply::Response;

#[derive(Template)]
#[template(
    path = "workflows/archive.html",
    config = "src/http/dashboard/askama.toml"
)]
struct ArchivePage {
    frame: Frame,
    id: String,
    name: String,
}

pub(super) async fn activate(ctx: Ctx) -> Result<Response, Problem> {
    become_status(&ctx, WorkflowStatus::Active).await
}

pub(super) async fn pause(ctx: Ctx) -> Result<Response, Problem> {
    become_status(&ctx, WorkflowStatus::Paused).await
}

pub(super) async fn archive(ctx: Ctx) -> Result<Response, Problem> {
    become_status(&ctx, WorkflowStatus::Archived).await
}

async fn become_status(ctx: &Ctx, status: WorkflowStatus) -> Result<Response, Problem> {
    let id = reachable(ctx)?.workflow.id.clone();
    let workflows = ctx.api().engine.workflows();
    let moved = workflows.set_status(&id, status, ctx.editor()).await;
    match moved.map_err(Problem::from) {
        Ok(_) => Ok(go_to(&ctx.visit, &format!("workflows/{id}"))),
        Err(problem @ (Problem::Conflict(_) | Problem::Invalid(..))) => {
            let (status, _) = status_and_code(&problem);
            let sentence = message(&problem, &ctx.visit);
            let details = match problem {
                Problem::Invalid(_, details) => details,
                _ => Vec::new(),
            };
            workflow_page(ctx, status, Some((sentence, details))).await
        }
        Err(problem) => Err(problem),
    }
}

pub(super) async fn ask_to_archive(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let question = ArchivePage {
        frame: Frame::of(&ctx.visit, PART),
        id: compiled.workflow.id.to_string(),
        name: compiled.workflow.name.clone(),
    };
    page(StatusCode::OK, &question)
}
