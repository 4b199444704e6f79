//! What may be done to a run: cancel it, retry it, answer what it asks. May not know how runs take it.
//! Promise: what cannot be done now is told on the run's page, which shows how the run stands.

use super::super::form::Form;
use super::super::go_to;
use super::detail::run_page;
use crate::engine::{MAX_COMMENT_CHARS, Reply};
use crate::http::native::{message, reachable_run, status_and_code};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::RunId;
use serde_json::Value;
use warp::reply::Response;

pub(super) async fn cancel(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let engine = &ctx.api().engine;
    match engine.cancel(&run, ctx.key().label()).await {
        Ok(cancelled) => Ok(to_run(&ctx, &cancelled.summary.id)),
        Err(error) => refused(&ctx, error.into()).await,
    }
}

pub(super) async fn retry(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let once = Form::read_of(&ctx).await?.once();
    let engine = &ctx.api().engine;
    match engine.retry(&run, &ctx.started_by(), once).await {
        Ok(accepted) => Ok(to_run(&ctx, &accepted.run.summary.id)),
        Err(error) => refused(&ctx, error.into()).await,
    }
}

pub(super) async fn answer(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let form = Form::read_of(&ctx).await?;
    let step = form.text("step").unwrap_or_default();
    let reply = match reply(&form) {
        Ok(reply) => reply,
        Err(problem) => return refused(&ctx, problem).await,
    };
    let engine = &ctx.api().engine;
    match engine.answer(&run, step, reply, ctx.key().label()).await {
        Ok(_) => Ok(to_run(&ctx, &run.summary.id)),
        Err(error) => refused(&ctx, error.into()).await,
    }
}

fn to_run(ctx: &Ctx, id: &RunId) -> Response {
    go_to(&ctx.visit, &format!("runs/{id}"))
}

/// The answer that a form gives.
fn reply(form: &Form) -> Result<Reply, Problem> {
    let (approved, output) = match form.text("decision") {
        Some("yes") => (true, None),
        Some("no") => (false, None),
        Some("done") => (true, Some(output(form)?)),
        _ => {
            return Err(Problem::invalid(
                "The answer says neither yes nor no; use one of the buttons.",
            ));
        }
    };
    let comment = form.text("comment").map(str::to_owned);
    if let Some(comment) = &comment
        && comment.chars().count() > MAX_COMMENT_CHARS
    {
        return Err(Problem::invalid(format!(
            "The comment is longer than {MAX_COMMENT_CHARS} characters."
        )));
    }
    Ok(Reply {
        approved,
        comment,
        output,
    })
}

/// What an attempt came to of which only the answerer knows.
fn output(form: &Form) -> Result<Value, Problem> {
    let text = form.text("output").unwrap_or("null");
    serde_json::from_str(text)
        .map_err(|error| Problem::invalid(format!("The output is not JSON: {error}.")))
}

/// What was sent changed nothing: the run's page says why.
async fn refused(ctx: &Ctx, problem: Problem) -> Result<Response, Problem> {
    let is_told = matches!(
        problem,
        Problem::Conflict(_) | Problem::Invalid(..) | Problem::InsufficientCredits(_)
    );
    if !is_told {
        return Err(problem);
    }
    let (status, _) = status_and_code(&problem);
    let sentence = message(&problem, &ctx.visit);
    run_page(ctx, status, Some(sentence)).await
}
