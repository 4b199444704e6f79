//! The list of runs, newest first, by workflow, status, trigger and time.
//! May not know how runs are found. Promise: the address of a page is its filter, so that it can be kept and sent on.

use super::super::frame::Frame;
use super::super::moment;
use super::super::page;
use super::{PART, shown};
use crate::clock::iso_utc;
use crate::http::body::read_query;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::run::{RunStatus, TriggerType};
use crate::model::run_search::{FoundRun, RunSearch};
use askama::Template;
use serde::Deserialize;
use warp::http::StatusCode;
use warp::reply::Response;

/// What is asked for; an empty field is none.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ListQuery {
    workflow: String,
    status: String,
    trigger: String,
    from: String,
    until: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "runs/runs.html", config = "src/http/dashboard/askama.toml")]
struct RunsPage {
    frame: Frame,
    asked: ListQuery,
    is_filtered: bool,
    statuses: [RunStatus; 5],
    triggers: [TriggerType; 4],
    runs: Vec<RunRow>,
    /// The query string of the page that goes on.
    older: Option<String>,
}

/// A run in the list.
struct RunRow {
    id: String,
    workflow_id: String,
    workflow: String,
    version: i64,
    status: &'static str,
    trigger: &'static str,
    created: String,
    duration: Option<String>,
    error: Option<String>,
    is_retry: bool,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let asked: ListQuery = read_query(&ctx.visit)?;
    let search = search(&asked)?;
    let request = PageRequest {
        after: Cursor::decode(&asked.cursor),
        ..PageRequest::default()
    };
    let is_filtered = search != RunSearch::default();
    let Page { items, next } = ctx.api().store.search_runs(search, request).await?;
    let found = RunsPage {
        frame: Frame::of(&ctx.visit, PART),
        older: next.map(|cursor| query(&asked, &cursor)),
        asked,
        is_filtered,
        statuses: RunStatus::ALL,
        triggers: TriggerType::ALL,
        runs: items.iter().map(row).collect(),
    };
    page(StatusCode::OK, &found)
}

fn search(asked: &ListQuery) -> Result<RunSearch, Problem> {
    let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let unknown = |name: &str, word: &str| {
        let word: String = word.chars().take(40).collect();
        Problem::invalid(format!("`{name}` cannot be `{word}`."))
    };
    let status = filled(&asked.status);
    let status = status.map(|word| RunStatus::parse(&word).ok_or_else(|| unknown("status", &word)));
    let trigger = filled(&asked.trigger);
    let trigger =
        trigger.map(|word| TriggerType::parse(&word).ok_or_else(|| unknown("trigger", &word)));
    let time = |name: &str, text: &str| {
        filled(text)
            .map(|text| moment::read(name, &text))
            .transpose()
    };
    Ok(RunSearch {
        workflow: filled(&asked.workflow),
        status: status.transpose()?,
        trigger: trigger.transpose()?,
        from_ms: time("from", &asked.from)?,
        until_ms: time("until", &asked.until)?,
    })
}

/// The same filter, from another run on.
fn query(asked: &ListQuery, cursor: &Cursor) -> String {
    let cursor = cursor.encode();
    let fields = [
        ("workflow", &asked.workflow),
        ("status", &asked.status),
        ("trigger", &asked.trigger),
        ("from", &asked.from),
        ("until", &asked.until),
        ("cursor", &cursor),
    ];
    let fields: Vec<_> = fields
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect();
    // Texts alone always become a query string.
    serde_urlencoded::to_string(fields).unwrap_or_default()
}

fn row(found: &FoundRun) -> RunRow {
    let run = &found.summary;
    let took = run.started_at_ms.zip(run.finished_at_ms);
    RunRow {
        id: run.id.to_string(),
        workflow_id: run.workflow_id.to_string(),
        workflow: shown::name(&found.workflow_name),
        version: run.workflow_version,
        status: run.status.as_str(),
        trigger: run.trigger.as_str(),
        created: iso_utc(run.created_at_ms),
        duration: took.map(|(from, to)| moment::duration(to.saturating_sub(from))),
        error: run
            .error
            .as_ref()
            .map(|error| format!("{}: {}", error.code, shown::name(&error.message))),
        is_retry: run.retry_of.is_some(),
    }
}
