//! The list of workflows, newest first. May not know how they are found. Promise: a page costs the same with ten workflows
//! and with ten thousand.

use super::super::frame::Frame;
use super::super::page;
use super::PART;
use super::address::trigger_words;
use super::figures::{COUNTED_RUNS, Figures, figures};
use crate::http::body::read_query;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::workflow::{WorkflowFilter, WorkflowStatus, WorkflowSummary};
use askama::Template;
use serde::Deserialize;
use warp::http::StatusCode;
use warp::reply::Response;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
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
    counted: u32,
    workflows: Vec<WorkflowRow>,
    next: Option<String>,
}

struct WorkflowRow {
    id: String,
    name: String,
    status: &'static str,
    trigger: String,
    figures: Figures,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let ListQuery { status, cursor } = read_query(&ctx.visit)?;
    let status = WorkflowStatus::parse(&status);
    let filter = WorkflowFilter {
        status,
        search: None,
        reach: ctx.key().reach().clone(),
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
        counted: COUNTED_RUNS,
        workflows: rows
            .map(|(workflow, runs)| row(workflow, figures(runs)))
            .collect(),
        next: next.map(|cursor| cursor.encode()),
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
