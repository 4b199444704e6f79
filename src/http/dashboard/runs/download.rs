//! What a run has recorded, whole, as files. May not know pages. Promises: a file is never opened within the dashboard: it is
//! an attachment of no known type that may run nothing; what is given of a step's configuration is what was written.

use super::super::HEADERS;
use crate::http::body::read_query;
use crate::http::native::reachable_run;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::run::Event;
use serde::{Deserialize, Serialize};
use warp::http::{HeaderValue, header};
use warp::reply::Response;

/// What is told where there is no such file.
const NONE: Problem = Problem::NotFound("file");
/// A journal is read chunk by chunk; the first one has the event.
const ONE_CHUNK: usize = 1;

/// The run's input, output or error, or what its trigger handed over.
pub(super) async fn data(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let part = ctx.text(1);
    let json = match part {
        "input" => Some(run.input.get().to_owned()),
        "output" => run.output.as_ref().map(|output| output.get().to_owned()),
        "trigger" => run.trigger_data.as_ref().map(|data| data.get().to_owned()),
        "error" => run.summary.error.as_ref().map(json).transpose()?,
        _ => None,
    };
    Ok(file(&ctx, part, json.ok_or(NONE)?))
}

/// What one event of the journal says of its step.
pub(super) async fn recorded(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let number: u64 = ctx.text(1).parse().map_err(|_| NONE)?;
    let part = ctx.text(2);
    let store = &ctx.api().store;
    let events = store.journal_part(run.summary.sequence, number, ONE_CHUNK)?;
    let found = events.iter().find(|event| event.sequence == number);
    let json = match (found.map(|found| &found.event), part) {
        (Some(Event::StepCompleted { output, .. }), "output") => json(output)?,
        (
            Some(Event::StepCompleted {
                logs: Some(logs), ..
            }),
            "logs",
        ) => json(logs)?,
        (Some(Event::StepFailed { error, .. }), "error") => json(error)?,
        (Some(Event::StepAsked { request, .. }), "request") => json(request)?,
        _ => return Err(NONE),
    };
    Ok(file(&ctx, &format!("{number}-{part}"), json))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigQuery {
    step: String,
}

/// A step's configuration, its templates unresolved.
pub(super) async fn config(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let ConfigQuery { step } = read_query(&ctx.visit)?;
    let config = ctx.api().engine.config_of(&run, &step)?;
    let config = config.ok_or(NONE)?;
    Ok(file(&ctx, "config", json(&config)?))
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| Problem::internal(&error))
}

/// `name` consists of words and numbers of our own.
fn file(ctx: &Ctx, name: &str, content: String) -> Response {
    let mut response = Response::new(content.into());
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    let disposition = format!("attachment; filename=\"{}-{name}.json\"", ctx.text(0));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}
