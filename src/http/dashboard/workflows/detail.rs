//! One workflow: where it stands, the picture of its steps with their configurations, its last runs. May not know how a
//! picture is drawn. Promise: configurations take a bounded room; one that has none is shown when it is asked for.

use super::super::frame::Frame;
use super::super::picture::{Outline, Picture};
use super::super::written::fitting;
use super::super::{html_response, within_page};
use super::PART;
use super::address::{next_times, trigger_words, webhook_url};
use super::figures::{COUNTED_RUNS, Figures, RunLine, figures, line};
use crate::clock::iso_utc;
use crate::http::body::read_query;
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::model::plan::DefinitionProblem;
use crate::model::workflow::WorkflowStatus;
use askama::Template;
use serde::Deserialize;
use std::collections::HashMap;
use warp::http::StatusCode;
use warp::reply::Response;

/// So much of all configurations is shown, in bytes of HTML.
const MAX_CONFIGURATIONS_BYTES: usize = 12 << 10;
/// So many runs are shown.
const SHOWN_RUNS: usize = 5;
/// A description is cut after so many characters.
const MAX_DESCRIPTION_CHARS: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetailQuery {
    /// The step whose configuration is shown before all others.
    #[serde(default)]
    step: String,
}

#[derive(Template)]
#[template(
    path = "workflows/workflow.html",
    config = "src/http/dashboard/askama.toml"
)]
struct WorkflowPage {
    frame: Frame,
    /// What was asked for and could not be done, with its mistakes.
    refusal: Option<(String, Vec<DefinitionProblem>)>,
    id: String,
    name: String,
    description: String,
    status: WorkflowStatus,
    version: i64,
    trigger: String,
    updated: String,
    webhook: Option<String>,
    times: Vec<String>,
    counted: u32,
    figures: Figures,
    runs: Vec<RunLine>,
    /// None where the page has no room for it.
    picture: Option<Picture>,
    steps: Vec<StepView>,
}

struct StepView {
    anchor: String,
    id: String,
    /// Empty where the page has no room for it.
    configuration: String,
    is_cut: bool,
}

impl WorkflowPage {
    fn is(&self, status: &str) -> bool {
        self.status.as_str() == status
    }
}

pub(super) async fn look(ctx: Ctx) -> Result<Response, Problem> {
    workflow_page(&ctx, StatusCode::OK, None).await
}

/// The page, with what could not be done, if anything.
pub(super) async fn workflow_page(
    ctx: &Ctx,
    status: StatusCode,
    refusal: Option<(String, Vec<DefinitionProblem>)>,
) -> Result<Response, Problem> {
    let compiled = reachable(ctx)?;
    let DetailQuery { step } = read_query(&ctx.visit)?;
    let workflow = &compiled.workflow;
    let of_one = vec![workflow.id.clone()];
    let store = &ctx.api().store;
    let runs = store.newest_runs(of_one, COUNTED_RUNS).await?;
    let runs = runs.first().map_or(&[][..], Vec::as_slice);
    let outline = Outline::of(&workflow.definition);
    let description = workflow.description.as_deref().unwrap_or_default();
    let mut detail = WorkflowPage {
        frame: Frame::of(&ctx.visit, PART),
        refusal,
        id: workflow.id.to_string(),
        name: workflow.name.clone(),
        description: description.chars().take(MAX_DESCRIPTION_CHARS).collect(),
        status: workflow.status,
        version: workflow.version,
        trigger: trigger_words(&workflow.definition.body["trigger"]),
        updated: iso_utc(workflow.updated_at_ms),
        webhook: webhook_url(ctx, &compiled),
        times: next_times(ctx, &compiled)?,
        counted: COUNTED_RUNS,
        figures: figures(runs),
        runs: runs.iter().take(SHOWN_RUNS).map(line).collect(),
        picture: Some(Picture::draw(&outline, &HashMap::new())),
        steps: steps(&outline, &step),
    };
    let html = within_page(&mut detail, |detail| detail.picture = None)?;
    Ok(html_response(status, html))
}

/// The steps with as many of their configurations as there is room for, first that of the step that was asked for.
fn steps(outline: &Outline<'_>, asked: &str) -> Vec<StepView> {
    let mut left_bytes = MAX_CONFIGURATIONS_BYTES;
    let mut view = |place: usize| {
        let node = outline.nodes.get(place)?;
        let (configuration, is_cut) = if left_bytes > 0 {
            let text = serde_json::to_string_pretty(&*node.configuration).unwrap_or_default();
            let (shown, bytes) = fitting(&text, left_bytes);
            left_bytes -= bytes;
            let is_cut = shown.len() < text.len();
            if is_cut {
                left_bytes = 0;
            }
            (shown.to_owned(), is_cut)
        } else {
            (String::new(), true)
        };
        Some(StepView {
            anchor: node.anchor(place),
            id: node.id.to_string(),
            configuration,
            is_cut,
        })
    };
    let first = outline.nodes.iter().position(|node| node.id == asked);
    let first = first.and_then(|place| Some((place, view(place)?)));
    let others = 0..outline.nodes.len();
    let others = others.filter(|place| Some(*place) != first.as_ref().map(|(place, _)| *place));
    let mut all: Vec<StepView> = others.filter_map(view).collect();
    if let Some((place, step)) = first {
        all.insert(place.min(all.len()), step);
    }
    all
}
