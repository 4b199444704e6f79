//! `/workflows/:id/firings`: what became of the times of a schedule.

use super::{Answer, numbered, page, page_request};
use crate::clock::iso_utc;
use crate::http::body::query;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::id::{RunId, WorkflowId};
use crate::model::limit::Category;
use crate::model::page::Cursor;
use crate::model::scope::Permission;
use crate::model::trigger::{Firing, FiringOutcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/workflows/:id/firings";
    let read = Access::Needs(Permission::RunsRead, Category::Read);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Runs", "What became of a schedule's times")
                .says("Newest first. The log is kept apart from the runs.")
                .path::<WorkflowId>()
                .query::<ListQuery>()
                .lists::<FiringView<'_>>(),
        ),
    ]
}

/// Which rows to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// How many rows: 1 to 100, 50 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before this one ended.
    cursor: Option<String>,
}

/// A row of the firing log.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Firing")]
struct FiringView<'a> {
    /// The time of the schedule; of several that were missed, the last.
    #[schemars(extend("format" = "date-time"))]
    scheduled_at: String,
    /// When the server came to it.
    #[schemars(extend("format" = "date-time"))]
    fired_at: String,
    /// What became of it: `started`, `skipped_missed` or `failed`.
    outcome: FiringOutcome,
    /// How many times of the schedule had passed unserved by then; counted up to 1000.
    missed: u32,
    /// The run that it started. The log is kept apart from the runs, so the run may be gone.
    run_id: Option<&'a RunId>,
    /// Why no run could be started.
    error: Option<&'a str>,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let workflow = reachable(&ctx)?;
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let before = numbered(request.after.as_ref())?;
    let limit = request.limit as usize;
    let store = &ctx.api().store;
    let mut firings = store
        .firings(&workflow.workflow.id, before, request.limit + 1)
        .await?;
    let more = firings.len() > limit;
    firings.truncate(limit);
    let last = firings.last().filter(|_| more);
    let next = last.map(|firing| Cursor {
        ts: firing.fired_at_ms,
        id: firing.sequence.to_string(),
    });
    let views: Vec<FiringView<'_>> = firings.iter().map(view).collect();
    page(&views, next.as_ref())
}

fn view(firing: &Firing) -> FiringView<'_> {
    FiringView {
        scheduled_at: iso_utc(firing.scheduled_at_ms),
        fired_at: iso_utc(firing.fired_at_ms),
        outcome: firing.outcome,
        missed: firing.missed,
        run_id: firing.run_id.as_ref(),
        error: firing.error.as_deref(),
    }
}
