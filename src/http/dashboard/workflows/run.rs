//! Running a workflow: a form for its input. May not know how runs begin. Promise: what was typed comes back with what is
//! wrong, and a run that was started is shown.

use super::super::form::{Form, once};
use super::super::frame::Frame;
use super::super::{go_to, page};
use super::PART;
use super::input_form::{InputField, Kind, fields, filled_in, told};
use crate::engine::{EngineError, RunRequest, StartTrigger, Wait};
use crate::http::native::{message, status_and_code};
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::model::plan::DefinitionProblem;
use crate::model::workflow::{Workflow, WorkflowStatus};
use askama::Template;
use serde_json::value::to_raw_value;
use warp::http::StatusCode;
use warp::reply::Response;

#[derive(Template)]
#[template(path = "workflows/run.html", config = "src/http/dashboard/askama.toml")]
struct RunPage {
    frame: Frame,
    id: String,
    name: String,
    /// Sent along with the form: sent twice, it starts one run.
    once: String,
    /// Whether it can be run now; else where it stands.
    is_active: bool,
    status: &'static str,
    refusal: Option<String>,
    /// What is wrong beside single fields.
    problems: Vec<DefinitionProblem>,
    fields: Vec<InputField>,
}

pub(super) async fn ask(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let workflow = &compiled.workflow;
    page(
        StatusCode::OK,
        &run_page(&ctx, workflow, fields_of(workflow)),
    )
}

pub(super) async fn start(ctx: Ctx) -> Result<Response, Problem> {
    let workflow = reachable(&ctx)?;
    let form = Form::read_of(&ctx).await?;
    let mut fields = fields_of(&workflow.workflow);
    let Some(input) = filled_in(&mut fields, &form) else {
        let asked = RunPage {
            refusal: Some("The run was not started: see the fields below.".to_owned()),
            ..run_page(&ctx, &workflow.workflow, fields)
        };
        return page(StatusCode::BAD_REQUEST, &asked);
    };
    let request = RunRequest {
        workflow: workflow.clone(),
        input: to_raw_value(&input).map_err(|error| Problem::internal(&error))?,
        idempotency_key: form.once(),
        by: ctx.started_by(),
        trigger: StartTrigger::API,
        sent: None,
    };
    match ctx.api().engine.start(request, Wait::No).await {
        Ok(accepted) => Ok(go_to(
            &ctx.visit,
            &format!("runs/{}", accepted.run.summary.id),
        )),
        Err(error) => refused(&ctx, &workflow.workflow, fields, error),
    }
}

/// The form again, with why nothing was started.
fn refused(
    ctx: &Ctx,
    workflow: &Workflow,
    mut fields: Vec<InputField>,
    error: EngineError,
) -> Result<Response, Problem> {
    let problem = Problem::from(error);
    let (status, _) = status_and_code(&problem);
    let sentence = message(&problem, &ctx.visit);
    let (sentence, problems) = match problem {
        Problem::Invalid(_, details) => (
            "The run was not started: the input does not fit.".to_owned(),
            told(&mut fields, details),
        ),
        Problem::Conflict(_) | Problem::InsufficientCredits(_) => (sentence, Vec::new()),
        other => return Err(other),
    };
    let asked = RunPage {
        refusal: Some(sentence),
        problems,
        ..run_page(ctx, workflow, fields)
    };
    page(status, &asked)
}

fn fields_of(workflow: &Workflow) -> Vec<InputField> {
    fields(&workflow.definition.body["inputSchema"])
}

fn run_page(ctx: &Ctx, workflow: &Workflow, fields: Vec<InputField>) -> RunPage {
    RunPage {
        frame: Frame::of(&ctx.visit, PART),
        id: workflow.id.to_string(),
        name: workflow.name.clone(),
        once: once(),
        is_active: workflow.status == WorkflowStatus::Active,
        status: workflow.status.as_str(),
        refusal: None,
        problems: Vec::new(),
        fields,
    }
}
