//! `/executions`: the runs of flows, listed, read, shown to everybody or not, and deleted.
//! Promises: an execution is its run, and nothing of that is kept a second time; who may not view executions sees one that is
//! public alone, and of that what was said, not what was asked.

use super::execution_view::{
    ExecutionBody, ExecutionPage, ExecutionView, ExecutionsBody, ListQuery, RemovedExecutions,
};
use super::flows::is_anonymous;
use super::paging::Paging;
use super::told::nodes;
use super::{Answer, about, ok, worded};
use crate::http::Api;
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::body::{json, query};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::guard::admit;
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::id::RunId;
use crate::model::chatflow::{Execution, ExecutionRemoval};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde_json::json as example;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const TAG: &str = "Flowise: executions";
/// A list has so many executions where nobody says how many.
const USUALLY_LISTED: usize = 12;
/// A list has so many executions at most.
const MAX_LISTED: usize = 100;
/// So many are deleted in a request at most.
const MAX_REMOVED: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Permission::{ExecutionsDelete, ExecutionsUpdate, ExecutionsView};
    const ALL: &str = "/api/v1/executions";
    const ONE: &str = "/api/v1/executions/:id";
    const PUBLIC: &str = "/api/v1/public-executions/:id";
    let door = Door::Flowise;
    let view = Access::Needs(ExecutionsView, Category::Read);
    let update = Access::Needs(ExecutionsUpdate, Category::Write);
    let remove = Access::Needs(ExecutionsDelete, Category::Write);
    vec![
        Endpoint::new(door, Method::GET, ALL, view, |guard| query(guard).then(list)).described(
            about(TAG, "List executions")
                .says("Those that were made last first, without what their nodes came to.")
                .query::<ListQuery>()
                .gives_bare::<ExecutionPage>(200)
                .may(412, "`page` or `limit` is negative."),
        ),
        Endpoint::new(door, Method::GET, ONE, view, |guard| guard.then(get)).described(
            about(TAG, "Read an execution").path::<RunId>().gives_bare::<ExecutionView>(200),
        ),
        Endpoint::new(door, Method::PUT, ONE, update, |guard| json(guard).then(update_one)).described(
            about(TAG, "Show an execution to everybody, or not")
                .says("`isPublic` is all that may be changed; other fields are let be.")
                .path::<RunId>()
                .body::<ExecutionBody>(example!({ "isPublic": true }))
                .gives_bare::<ExecutionView>(200),
        ),
        Endpoint::new(door, Method::DELETE, ONE, remove, |guard| guard.then(remove_one)).described(
            about(TAG, "Delete an execution")
                .path::<RunId>()
                .gives_bare::<RemovedExecutions>(200)
                .may(409, "It goes on, or something needs it still."),
        ),
        Endpoint::new(door, Method::DELETE, ALL, remove, |guard| json(guard).then(remove_many)).described(
            about(TAG, "Delete executions")
                .says("Of those that the ids name, those that have ended; `deletedCount` says how many.")
                .body::<ExecutionsBody>(example!({ "executionIds": ["run_0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5"] }))
                .gives_bare::<RemovedExecutions>(200),
        ),
        Endpoint::unless_open(door, Method::GET, PUBLIC, (ExecutionsView, Category::Read), public).described(
            about(TAG, "Look at a public execution")
                .says("What its nodes have said, and not what they were told. One that is not public is as if it were not there.")
                .path::<RunId>()
                .gives_bare::<ExecutionView>(200),
        ),
    ]
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let paging = Paging::read_or_first(asked.page, asked.limit, USUALLY_LISTED)?;
    let paging = paging.at_most(MAX_LISTED)?;
    let filter = asked.filter(ctx.key().reach().clone())?;
    let store = &ctx.api().store;
    let found = store.list_executions(filter, paging.skipped, paging.limit);
    let (found, total) = found.await?;
    ok(&ExecutionPage {
        data: found
            .iter()
            .map(|one| ExecutionView::of(one, None))
            .collect(),
        total,
    })
}

async fn get(ctx: Ctx) -> Answer {
    let execution = reached(&ctx)?;
    whole(ctx.api(), &execution, true).await
}

/// An execution with what its nodes came to.
async fn whole(api: &Api, execution: &Execution, shows_all: bool) -> Answer {
    let run = api.store.run(&execution.id)?;
    let run = run.ok_or_else(|| not_found(execution.id.as_str()))?;
    let executed = api.engine.executed(&run).await?;
    let nodes = nodes(&executed, shows_all);
    ok(&ExecutionView::of(execution, Some(&nodes)))
}

async fn update_one(ctx: Ctx, body: ExecutionBody) -> Answer {
    let mut execution = reached(&ctx)?;
    if let Some(is_public) = body.is_public {
        execution.is_public = is_public.unwrap_or(false);
        let store = &ctx.api().store;
        store
            .set_execution_public(execution.sequence, execution.is_public)
            .await?;
    }
    whole(ctx.api(), &execution, true).await
}

async fn remove_one(ctx: Ctx) -> Answer {
    let named = ctx.text(0);
    let id: RunId = named.parse().map_err(|_| not_found(named))?;
    match removed(&ctx, vec![id]).await?.first() {
        Some(ExecutionRemoval::Removed) => ok(&RemovedExecutions::of(1)),
        Some(ExecutionRemoval::Needed) => Err(worded(
            StatusCode::CONFLICT,
            format!(
                "Execution {named} goes on, or another run or an idempotency key needs it still."
            ),
        )),
        Some(ExecutionRemoval::NotFound) | None => Err(not_found(named)),
    }
}

async fn remove_many(ctx: Ctx, body: ExecutionsBody) -> Answer {
    let ids = body.execution_ids.unwrap_or_default();
    if ids.is_empty() {
        return Err(worded(StatusCode::BAD_REQUEST, "No execution IDs provided"));
    }
    if ids.len() > MAX_REMOVED {
        return Err(Problem::invalid(format!(
            "`executionIds` has {} entries; it may have {MAX_REMOVED}.",
            ids.len()
        )));
    }
    let known = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let removed = removed(&ctx, known).await?;
    let gone = removed
        .iter()
        .filter(|one| **one == ExecutionRemoval::Removed);
    ok(&RemovedExecutions::of(gone.count()))
}

async fn removed(ctx: &Ctx, ids: Vec<RunId>) -> Result<Vec<ExecutionRemoval>, Problem> {
    let (api, reach) = (ctx.api(), ctx.key().reach().clone());
    let now_ms = api.clock.now_ms();
    Ok(api.store.remove_executions(ids, reach, now_ms).await?)
}

/// What is public is shown to everybody; anything else to who may view it.
async fn public(visit: Arc<Visit>, access: Access) -> Answer {
    if is_anonymous(&visit) {
        within_address_limit(&visit, AddressCategory::Read)?;
    }
    let named = visit.parameter(0);
    match found(&visit.api, named, &Reach::All)? {
        Some(execution) if execution.is_public => {
            if !is_anonymous(&visit) {
                within_address_limit(&visit, AddressCategory::Read)?;
            }
            whole(&visit.api, &execution, false).await
        }
        _ => {
            let ctx = admit(&visit, access).await?;
            whole(&visit.api, &reached(&ctx)?, true).await
        }
    }
}

/// The execution that the path names, if the key reaches its flow.
fn reached(ctx: &Ctx) -> Result<Execution, Problem> {
    let named = ctx.text(0);
    let found = found(ctx.api(), named, ctx.key().reach())?;
    found.ok_or_else(|| not_found(named))
}

fn found(api: &Api, named: &str, reach: &Reach) -> Result<Option<Execution>, Problem> {
    let Ok(id) = named.parse() else {
        return Ok(None);
    };
    let found = api.store.execution(&id)?;
    Ok(found.filter(|one| reach.covers(&one.flow_id, &one.flow_name)))
}

fn not_found(named: &str) -> Problem {
    worded(
        StatusCode::NOT_FOUND,
        format!("Execution {named} not found"),
    )
}
