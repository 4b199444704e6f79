//! Runs: start, list, read, logs, cancel, retry.

use super::run_view::{
    ListQuery, LogView, LogsMeta, Mode, RunView, StartBody, StartedView, SummaryView, log_view,
    started_view, summary, view,
};
use super::{Answer, Meta, ok, page, page_request, respond};
use crate::engine::{Accepted, RunRequest, StartTrigger, Wait};
use crate::http::body::{json, query};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::id::{ConnectionId, RunId, WorkflowId};
use crate::model::limit::Category;
use crate::model::run::{Run, RunFilter};
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde_json::json as example;
use serde_json::value::RawValue;
use warp::Filter as _;
use warp::http::{HeaderName, HeaderValue, Method, StatusCode};

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const START: &str = "/api/v1/workflows/:id/run";
    const LIST: &str = "/api/v1/runs";
    const ONE: &str = "/api/v1/runs/:id";
    const LOGS: &str = "/api/v1/runs/:id/logs";
    const CANCEL: &str = "/api/v1/runs/:id/cancel";
    const RETRY: &str = "/api/v1/runs/:id/retry";
    let read = Access::Needs(Permission::RunsRead, Category::Read);
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    vec![
        Endpoint::new(Door::Native, Method::POST, START, execute, |guard| {
            json(guard).then(start)
        })
        .described(
            about("Runs", "Start a run")
                .says("With `mode: sync` the answer waits for the end; 202 says that it was not awaited.")
                .path::<WorkflowId>()
                .heeds("Idempotency-Key", "As `idempotencyKey` in the body.", Some("^[!-~]{1,255}$"))
                .body::<StartBody>(example!({ "input": { "name": "Ada" }, "mode": "sync" }))
                .gives::<StartedView<'_>>(200)
                .gives::<StartedView<'_>>(202)
                .with_header("Idempotency-Replayed", "`true`: the run was there already.")
                .may(402, "The credits are not enough.")
                .may(409, "The workflow is not active, or the idempotency key was used with another request."),
        ),
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Runs", "List runs").says("Newest first.").query::<ListQuery>().lists::<SummaryView<'_>>(),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(about("Runs", "Read a run").path::<RunId>().gives::<RunView<'_>>(200)),
        Endpoint::new(Door::Native, Method::GET, LOGS, read, |guard| guard.then(logs)).described(
            about("Runs", "What became of each step")
                .path::<RunId>()
                .gives_with::<Vec<LogView<'_>>, LogsMeta>(200),
        ),
        Endpoint::new(Door::Native, Method::POST, CANCEL, execute, |guard| guard.then(cancel)).described(
            about("Runs", "Cancel a run")
                .path::<RunId>()
                .gives::<RunView<'_>>(200)
                .may(409, "The run has ended."),
        ),
        Endpoint::new(Door::Native, Method::POST, RETRY, execute, |guard| guard.then(retry)).described(
            about("Runs", "Retry a run")
                .says("A new run with the same version and input, in which what was finished is not done again.")
                .path::<RunId>()
                .gives::<StartedView<'_>>(200)
                .gives::<StartedView<'_>>(202)
                .may(409, "The run has not failed, or its workflow is not active."),
        ),
    ]
}

async fn start(ctx: Ctx, body: StartBody) -> Answer {
    let workflow = reachable(&ctx)?;
    let trigger = match &body.connection_id {
        None => StartTrigger::API,
        Some(id) => StartTrigger::api_with(&chosen_connection(&ctx, id)?),
    };
    let options = &ctx.api().options;
    let wait = match (body.mode, body.max_execution_time_ms) {
        (Some(Mode::Sync), None) => Wait::UpToMs(options.sync_wait_ms),
        (Some(Mode::Sync), Some(ms)) if (1..=options.max_sync_wait_ms).contains(&ms) => {
            Wait::UpToMs(ms)
        }
        (Some(Mode::Sync), Some(ms)) => {
            let max = options.max_sync_wait_ms;
            return Err(Problem::invalid(format!(
                "`maxExecutionTimeMs` is {ms}; it goes from 1 to {max}."
            )));
        }
        (None | Some(Mode::Async), _) => Wait::No,
    };
    let input = match body.input {
        None => {
            RawValue::from_string("{}".to_owned()).map_err(|error| Problem::internal(&error))?
        }
        Some(input) if input.get().trim_start().starts_with('{') => input,
        Some(_) => {
            return Err(Problem::invalid(
                "`input` is not an object; send {\"input\":{…}}.",
            ));
        }
    };
    let request = RunRequest {
        workflow,
        input,
        idempotency_key: idempotency_key(body.idempotency_key, ctx.header("idempotency-key")?)?,
        by: ctx.started_by(),
        trigger,
        sent: None,
    };
    started(&ctx.api().engine.start(request, wait).await?)
}

async fn retry(ctx: Ctx) -> Answer {
    let run = reachable_run(&ctx)?;
    started(
        &ctx.api()
            .engine
            .retry(&run, &ctx.started_by(), None)
            .await?,
    )
}

async fn cancel(ctx: Ctx) -> Answer {
    let run = reachable_run(&ctx)?;
    let cancelled = ctx.api().engine.cancel(&run, ctx.key().label()).await?;
    ok(&view(&cancelled))
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let filter = RunFilter {
        workflow_id: asked.workflow_id,
        status: asked.status,
        reach: ctx.key().reach().clone(),
    };
    let found = ctx.api().store.list_runs(filter, request).await?;
    let views: Vec<SummaryView<'_>> = found.items.iter().map(summary).collect();
    page(&views, found.next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    ok(&view(&reachable_run(&ctx)?))
}

async fn logs(ctx: Ctx) -> Answer {
    let run = reachable_run(&ctx)?;
    let logs = ctx.api().engine.logs_of(&run).await?;
    let steps = logs.steps();
    let views: Vec<LogView<'_>> = steps.iter().map(log_view).collect();
    let meta = LogsMeta {
        has_more: logs.has_more,
    };
    respond(StatusCode::OK, &views, Some(meta))
}

/// The run that the path names, if the key reaches its workflow.
pub(in crate::http) fn reachable_run(ctx: &Ctx) -> Result<Run, Problem> {
    let id: RunId = ctx.id(0, "run")?;
    let run = ctx.api().store.run(&id)?;
    run.filter(|run| {
        ctx.key()
            .reach()
            .covers(&run.summary.workflow_id, &run.workflow_name)
    })
    .ok_or(Problem::NotFound("run"))
}

/// The connection that a caller chooses. A key that is bound to workflows sees no connections, and so chooses none.
fn chosen_connection(ctx: &Ctx, id: &str) -> Result<ConnectionId, Problem> {
    let known = match id.parse::<ConnectionId>() {
        Ok(known) if *ctx.key().reach() == Reach::All => {
            let found = ctx.api().engine.connections().get(&known)?;
            found.map(|connection| connection.id)
        }
        _ => None,
    };
    known.ok_or_else(|| {
        let shown: String = id.chars().take(80).collect();
        Problem::invalid(format!(
            "`connectionId`: there is no connection `{shown}` that this key reaches."
        ))
    })
}

fn idempotency_key(body: Option<String>, header: Option<&str>) -> Result<Option<String>, Problem> {
    let key = match (body, header) {
        (Some(body), Some(header)) if body != header => {
            return Err(Problem::invalid(
                "`idempotencyKey` and the `Idempotency-Key` header differ; send one of them.",
            ));
        }
        (body, header) => body.or(header.map(str::to_owned)),
    };
    match key {
        Some(key) if key.is_empty() || key.chars().count() > MAX_IDEMPOTENCY_KEY_CHARS => {
            Err(Problem::invalid(format!(
                "The idempotency key has 1 to {MAX_IDEMPOTENCY_KEY_CHARS} characters."
            )))
        }
        key => Ok(key),
    }
}

/// 200 for a run that has ended or was there already, 202 for one that goes on.
fn started(accepted: &Accepted) -> Answer {
    let summary = &accepted.run.summary;
    let data = started_view(&accepted.run);
    let over = summary.status.is_final() || accepted.replayed;
    let mut response = respond(
        if over {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        },
        &data,
        None::<Meta>,
    )?;
    if accepted.replayed {
        response
            .headers_mut()
            .insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}
