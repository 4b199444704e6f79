//! The list of workflows, newest first. May not know how they are found. Promise: a page costs the same with ten workflows
//! and with ten thousand.

use super::super::frame::Frame;
use super::super::page;
use super::PART;
use super::address::trigger_words;
use super::figures::{COUNTED_RUNS, Figures, figures};
use crate::http::body::read_query;
use crate::http::native::MAX_NAME_CHARS;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::workflow::{WorkflowFilter, WorkflowStatus, WorkflowSummary};
use askama::Template;
use serde::Deserialize;
use warp::http::StatusCode;
use warp::reply::Response;

/// So many workflows are looked at for a page.
const MAX_LOOKED_AT: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    cursor: String,
}

#[derive(Template)]
#[template(
    path = "workflows/workflows.html",
    config = "src/http/dashboard/askama.toml"
)]
struct WorkflowsPage {
    frame: Frame,
    statuses: [&'static str; 4],
    /// Empty: all but the archive.
    status: &'static str,
    /// What names have to contain; empty for any.
    q: String,
    counted: u32,
    workflows: Vec<WorkflowRow>,
    /// Where the list goes on.
    older: Option<String>,
}

struct WorkflowRow {
    id: String,
    name: String,
    status: &'static str,
    trigger: String,
    figures: Figures,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let ListQuery { q, status, cursor } = read_query(&ctx.visit)?;
    let q = q.trim().to_owned();
    if q.chars().count() > MAX_NAME_CHARS {
        return Err(Problem::invalid(format!(
            "`q` has more than {MAX_NAME_CHARS} characters, the most that a name may have."
        )));
    }
    let status = WorkflowStatus::parse(&status);
    let filter = WorkflowFilter {
        status,
        search: (!q.is_empty()).then(|| q.clone()),
        reach: ctx.key().reach().clone(),
        max_looked_at: Some(MAX_LOOKED_AT),
    };
    let request = PageRequest {
        after: Cursor::decode(&cursor),
        ..PageRequest::default()
    };
    let store = &ctx.api().store;
    let Page { items, next } = store.list_workflows(filter, request).await?;
    let ids = items.iter().map(|workflow| workflow.id.clone()).collect();
    let runs = store.newest_runs(ids, COUNTED_RUNS).await?;
    let rows = items.iter().zip(&runs);
    let found = WorkflowsPage {
        frame: Frame::of(&ctx.visit, PART),
        statuses: WorkflowStatus::ALL.map(WorkflowStatus::as_str),
        status: status.map_or("", WorkflowStatus::as_str),
        q,
        counted: COUNTED_RUNS,
        workflows: rows
            .map(|(workflow, runs)| row(workflow, figures(runs)))
            .collect(),
        older: next.map(|cursor| cursor.encode()),
    };
    page(StatusCode::OK, &found)
}

fn row(workflow: &WorkflowSummary, figures: Figures) -> WorkflowRow {
    WorkflowRow {
        id: workflow.id.to_string(),
        name: workflow.name.clone(),
        status: workflow.status.as_str(),
        trigger: trigger_words(&workflow.trigger),
        figures,
    }
}
