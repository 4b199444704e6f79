//! The versions of a workflow, and what two of them differ in. May not know how versions are kept.

use super::super::frame::Frame;
use super::super::{go_to, page};
use super::PART;
use super::definition_text::definition_text;
use super::difference::{Difference, difference};
use crate::clock::iso_utc;
use crate::http::body::read_query;
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::model::page::DEFAULT_PAGE_LIMIT;
use crate::model::workflow::WorkflowVersion;
use askama::Template;
use serde::Deserialize;
use warp::http::StatusCode;
use warp::reply::Response;

/// A text is cut after so many characters.
const MAX_SUMMARY_CHARS: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only versions before this one.
    before: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DifferenceQuery {
    from: Option<i64>,
    to: Option<i64>,
}

#[derive(Template)]
#[template(
    path = "workflows/versions.html",
    config = "src/http/dashboard/askama.toml"
)]
struct VersionsPage {
    frame: Frame,
    id: String,
    name: String,
    current: i64,
    versions: Vec<VersionRow>,
    /// Where older ones begin.
    next: Option<i64>,
}

struct VersionRow {
    version: i64,
    summary: String,
    by: String,
    at: String,
}

#[derive(Template)]
#[template(
    path = "workflows/difference.html",
    config = "src/http/dashboard/askama.toml"
)]
struct DifferencePage {
    frame: Frame,
    id: String,
    name: String,
    from: i64,
    to: i64,
    difference: Difference,
}

pub(super) async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let workflow = &compiled.workflow;
    let ListQuery { before } = read_query(&ctx.visit)?;
    let store = &ctx.api().store;
    let limit = DEFAULT_PAGE_LIMIT + 1;
    let mut versions = store.workflow_versions(&workflow.id, before, limit).await?;
    let has_more = versions.len() > DEFAULT_PAGE_LIMIT as usize;
    versions.truncate(DEFAULT_PAGE_LIMIT as usize);
    let last = versions.last().map(|version| version.version);
    let found = VersionsPage {
        frame: Frame::of(&ctx.visit, PART),
        id: workflow.id.to_string(),
        name: workflow.name.clone(),
        current: workflow.version,
        versions: versions.iter().map(row).collect(),
        next: last.filter(|_| has_more),
    };
    page(StatusCode::OK, &found)
}

fn row(version: &WorkflowVersion) -> VersionRow {
    let summary = version.change_summary.as_deref().unwrap_or_default();
    VersionRow {
        version: version.version,
        summary: summary.chars().take(MAX_SUMMARY_CHARS).collect(),
        by: version.created_by.clone(),
        at: iso_utc(version.created_at_ms),
    }
}

pub(super) async fn compare(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let workflow = &compiled.workflow;
    let DifferenceQuery {
        from: Some(from),
        to: Some(to),
    } = read_query(&ctx.visit)?
    else {
        let versions = format!("workflows/{}/versions", workflow.id);
        return Ok(go_to(&ctx.visit, &versions));
    };
    let text_of = |number: i64| {
        let version = ctx.api().store.workflow_version(&workflow.id, number)?;
        let version = version.ok_or(Problem::NotFound("version"))?;
        let definition = version.definition.ok_or(Problem::NotFound("version"))?;
        let (name, description) = (&version.name, version.description.as_deref());
        Ok::<String, Problem>(definition_text(name, description, &definition))
    };
    let found = DifferencePage {
        frame: Frame::of(&ctx.visit, PART),
        id: workflow.id.to_string(),
        name: workflow.name.clone(),
        from,
        to,
        difference: difference(&text_of(from)?, &text_of(to)?),
    };
    page(StatusCode::OK, &found)
}
