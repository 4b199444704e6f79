//! Executions: how they stand, their history, and the end that somebody puts to one.
//! May not know how they are started. Promise: only executions of graphs are seen, and only those that the key reaches.

use super::execution_view::{ExecutionPageView, ExecutionStatus, ExecutionView, summary, view};
use super::{Answer, about, bare, graph};
use crate::http::body::query;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{RunId, WorkflowId};
use crate::model::limit::Category;
use crate::model::page::{Cursor, DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, PageRequest};
use crate::model::run::{Run, RunFilter};
use crate::model::scope::Permission;
use crate::model::workflow::DefinitionFormat;
use schemars::JsonSchema;
use serde::Deserialize;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ONE: &str = "/api/v1/workflows/executions/:id";
    const POLL: &str = "/api/v1/workflows/executions/:id/poll";
    const CANCEL: &str = "/api/v1/workflows/executions/:id/cancel";
    const HISTORY: &str = "/api/v1/workflows/:id/executions";
    let read = Access::Needs(Permission::RunsRead, Category::Read);
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    let door = Door::Wireflow;
    let one = |pattern, summary| {
        Endpoint::new(door, Method::GET, pattern, read, |guard| guard.then(get)).described(
            about("Executions", summary)
                .path::<RunId>()
                .gives_bare::<ExecutionView<'_>>(200),
        )
    };
    vec![
        one(POLL, "How an execution stands"),
        one(ONE, "Read an execution"),
        Endpoint::new(door, Method::POST, CANCEL, execute, |guard| {
            guard.then(cancel)
        })
        .described(
            about("Executions", "Cancel an execution")
                .says("An extension of this server. What it has recorded stays.")
                .path::<RunId>()
                .gives_bare::<ExecutionView<'_>>(200)
                .may(409, "The execution has ended."),
        ),
        Endpoint::new(door, Method::GET, HISTORY, read, |guard| {
            query(guard).then(history)
        })
        .described(
            about("Executions", "List the executions of a workflow")
                .says("An extension of this server. Newest first.")
                .path::<WorkflowId>()
                .query::<HistoryQuery>()
                .gives_bare::<ExecutionPageView<'_>>(200),
        ),
    ]
}

/// Which executions to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct HistoryQuery {
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

async fn get(ctx: Ctx) -> Answer {
    shown(&ctx, &reachable_execution(&ctx)?).await
}

async fn cancel(ctx: Ctx) -> Answer {
    let run = reachable_execution(&ctx)?;
    let cancelled = ctx.api().engine.cancel(&run, ctx.key().label()).await?;
    shown(&ctx, &cancelled).await
}

async fn history(ctx: Ctx, asked: HistoryQuery) -> Answer {
    let workflow = graph(&ctx)?;
    let limit = asked.limit.unwrap_or(DEFAULT_PAGE_LIMIT);
    if !(1..=MAX_PAGE_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!(
            "`limit` is {limit}; it goes from 1 to {MAX_PAGE_LIMIT}."
        )));
    }
    let after = asked.cursor.as_deref().map(|text| {
        Cursor::decode(text).ok_or_else(|| {
            Problem::invalid("`cursor` is not one that this server gave; leave it out to start at the first page.")
        })
    });
    let filter = RunFilter {
        workflow_id: Some(workflow.workflow.id.clone()),
        reach: ctx.key().reach().clone(),
        ..RunFilter::default()
    };
    let request = PageRequest {
        limit,
        after: after.transpose()?,
    };
    let found = ctx.api().store.list_runs(filter, request).await?;
    let page = ExecutionPageView {
        executions: found.items.iter().map(summary).collect(),
        next_cursor: found.next.as_ref().map(Cursor::encode),
    };
    bare(StatusCode::OK, &page)
}

async fn shown(ctx: &Ctx, run: &Run) -> Answer {
    let logs = ctx.api().engine.logs_of(run).await?;
    bare(StatusCode::OK, &view(run, &logs.steps()))
}

/// The execution that the path names, if it is one and the key reaches its workflow.
fn reachable_execution(ctx: &Ctx) -> Result<Run, Problem> {
    let id: RunId = ctx.id(0, "run")?;
    let run = ctx.api().store.run(&id)?.ok_or(Problem::NotFound("run"))?;
    let workflow_id = &run.summary.workflow_id;
    let is_reached = ctx.key().reach().covers(workflow_id, &run.workflow_name);
    let workflow = ctx.api().engine.workflows().get(workflow_id)?;
    let is_graph = workflow
        .is_some_and(|workflow| workflow.workflow.definition.format == DefinitionFormat::Graph);
    if is_reached && is_graph {
        Ok(run)
    } else {
        Err(Problem::NotFound("run"))
    }
}

/// What a queued run is told as; it has been accepted.
pub(super) const ACCEPTED: ExecutionStatus = ExecutionStatus::Running;
