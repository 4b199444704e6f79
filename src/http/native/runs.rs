//! Runs: start, list, read, logs, cancel, retry.

use super::workflows::reachable;
use super::{Answer, ok, page, page_request, respond};
use crate::clock::iso_utc;
use crate::engine::{Accepted, RunRequest, StartTrigger, StepLog, Wait};
use crate::http::body::{json, query};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{ConnectionId, RunId, WorkflowId};
use crate::model::limit::Category;
use crate::model::run::{Run, RunError, RunFilter, RunStatus, RunSummary, StepError, TriggerType};
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use warp::Filter as _;
use warp::http::{HeaderName, HeaderValue, Method, StatusCode};

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const START: &str = "/api/v1/workflows/:id/run";
    const LIST: &str = "/api/v1/runs";
    const ONE: &str = "/api/v1/runs/:id";
    let read = Access::Needs(Permission::RunsRead, Category::Read);
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    vec![
        Endpoint::new(Door::Native, Method::POST, START, execute, |guard| {
            json(guard).then(start)
        }),
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        }),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        }),
        Endpoint::new(
            Door::Native,
            Method::GET,
            "/api/v1/runs/:id/logs",
            read,
            |guard| guard.then(logs),
        ),
        Endpoint::new(
            Door::Native,
            Method::POST,
            "/api/v1/runs/:id/cancel",
            execute,
            |guard| guard.then(cancel),
        ),
        Endpoint::new(
            Door::Native,
            Method::POST,
            "/api/v1/runs/:id/retry",
            execute,
            |guard| guard.then(retry),
        ),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Sync,
    Async,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StartBody {
    input: Option<Box<RawValue>>,
    idempotency_key: Option<String>,
    mode: Option<Mode>,
    max_execution_time_ms: Option<u64>,
    connection_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListQuery {
    workflow_id: Option<WorkflowId>,
    status: Option<RunStatus>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// What starting a run answers. Both spellings of the run's id, since both are read by clients that exist.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StartedView<'a> {
    run_id: &'a RunId,
    #[serde(rename = "run_id")]
    run_id_snake: &'a RunId,
    status: RunStatus,
    workflow_id: &'a WorkflowId,
    workflow_version: i64,
    retry_of: Option<&'a RunId>,
    output: Option<&'a RawValue>,
    error: Option<&'a RunError>,
    created_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryView<'a> {
    id: &'a RunId,
    workflow_id: &'a WorkflowId,
    workflow_version: i64,
    status: RunStatus,
    trigger_type: TriggerType,
    started_at: Option<String>,
    completed_at: Option<String>,
    duration_ms: Option<i64>,
    error: Option<&'a RunError>,
    retry_of: Option<&'a RunId>,
    created_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunView<'a> {
    #[serde(flatten)]
    summary: SummaryView<'a>,
    started_by: Option<&'a str>,
    input: &'a RawValue,
    output: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogView<'a> {
    step_id: &'a str,
    activation: &'a str,
    step_name: Option<&'a str>,
    step_type: &'a str,
    status: &'static str,
    attempts: u32,
    started_at: Option<String>,
    completed_at: Option<String>,
    duration_ms: Option<i64>,
    waiting_until: Option<String>,
    input: &'a Value,
    output: Option<&'a Value>,
    error: Option<&'a StepError>,
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
        by: ctx.key().label().to_owned(),
        trigger,
    };
    started(&ctx.api().engine.start(request, wait).await?)
}

async fn retry(ctx: Ctx) -> Answer {
    let run = reachable_run(&ctx)?;
    started(&ctx.api().engine.retry(&run, ctx.key().label()).await?)
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
    let steps = ctx.api().engine.steps_of(&run)?;
    let views: Vec<LogView<'_>> = steps.iter().map(log_view).collect();
    ok(&views)
}

/// The run that the path names, if the key reaches its workflow.
pub(super) fn reachable_run(ctx: &Ctx) -> Result<Run, Problem> {
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
    let Run {
        summary, output, ..
    } = &accepted.run;
    let data = StartedView {
        run_id: &summary.id,
        run_id_snake: &summary.id,
        status: summary.status,
        workflow_id: &summary.workflow_id,
        workflow_version: summary.workflow_version,
        retry_of: summary.retry_of.as_ref(),
        output: output.as_deref(),
        error: summary.error.as_ref(),
        created_at: iso_utc(summary.created_at_ms),
    };
    let over = summary.status.is_final() || accepted.replayed;
    let mut response = respond(
        if over {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        },
        &data,
        None,
    )?;
    if accepted.replayed {
        response
            .headers_mut()
            .insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn view(run: &Run) -> RunView<'_> {
    RunView {
        summary: summary(&run.summary),
        started_by: run.started_by.as_deref(),
        input: &run.input,
        output: run.output.as_deref(),
    }
}

fn summary(run: &RunSummary) -> SummaryView<'_> {
    SummaryView {
        id: &run.id,
        workflow_id: &run.workflow_id,
        workflow_version: run.workflow_version,
        status: run.status,
        trigger_type: run.trigger,
        started_at: run.started_at_ms.map(iso_utc),
        completed_at: run.finished_at_ms.map(iso_utc),
        duration_ms: between(run.started_at_ms, run.finished_at_ms),
        error: run.error.as_ref(),
        retry_of: run.retry_of.as_ref(),
        created_at: iso_utc(run.created_at_ms),
    }
}

fn log_view(step: &StepLog) -> LogView<'_> {
    let record = &step.record;
    LogView {
        step_id: &step.id,
        activation: &step.activation,
        step_name: step.name.as_deref(),
        step_type: step.step_type,
        status: record.status.as_str(),
        attempts: record.attempts,
        started_at: record.started_at_ms.map(iso_utc),
        completed_at: record.finished_at_ms.map(iso_utc),
        duration_ms: between(record.started_at_ms, record.finished_at_ms),
        waiting_until: record.due_at_ms.map(iso_utc),
        input: &step.config,
        output: record.output.as_deref(),
        error: record.error.as_deref(),
    }
}

fn between(from_ms: Option<i64>, to_ms: Option<i64>) -> Option<i64> {
    // The wall clock may have been set back meanwhile.
    Some(to_ms?.saturating_sub(from_ms?).max(0))
}
