//! One run: what it is, what it asks, its timeline, and what its steps were given and came to.
//! May not know how a journal is folded. Promises: a page shows a bounded number of steps and a bounded part of their values,
//! and says where the rest is; what it shows is at least as new as the event from which it goes on to listen.

use super::super::form::once;
use super::super::frame::Frame;
use super::super::moment;
use super::super::picture::Picture;
use super::super::{html_response, within_page};
use super::PART;
use super::asked::{self, AskedView};
use super::drawn::drawn;
use super::shown::{self, Room, Shown};
use super::step_view::{self, StepView};
use super::timeline::Scale;
use crate::clock::iso_utc;
use crate::engine::{StepLog, parent_of};
use crate::http::body::read_query;
use crate::http::native::reachable_run;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::plan::StepStatus;
use crate::model::run::{Run, RunStatus};
use askama::Template;
use serde::Deserialize;
use warp::http::StatusCode;
use warp::reply::Response;

/// How many steps a page shows.
const STEPS_PER_PAGE: usize = 25;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RunQuery {
    /// Which page of the steps, from 1.
    steps: Option<usize>,
}

#[derive(Template)]
#[template(path = "runs/run.html", config = "src/http/dashboard/askama.toml")]
struct RunPage {
    frame: Frame,
    /// Why what was sent changed nothing.
    refusal: Option<String>,
    /// Sent along with a retry: sent twice, it is one.
    once: String,
    facts: Facts,
    asked: Vec<AskedView>,
    /// How many more things it asks.
    asked_more: usize,
    /// None where the page has no room for it, or the definition is gone.
    picture: Option<Picture>,
    values: Vec<Shown>,
    steps: Vec<StepView>,
    part: StepsPart,
    /// The first event that is not on the page, while more may come.
    live_from: Option<u64>,
}

/// What a run is.
struct Facts {
    id: String,
    workflow_id: String,
    workflow: String,
    version: i64,
    status: &'static str,
    is_final: bool,
    may_be_retried: bool,
    started_by: Option<String>,
    trigger: &'static str,
    created: String,
    started: Option<String>,
    finished: Option<String>,
    duration: Option<String>,
    parent: Option<String>,
    retry_of: Option<String>,
    idempotency_key: Option<String>,
}

/// Which of the steps are on the page.
struct StepsPart {
    page: usize,
    first: usize,
    last: usize,
    total: usize,
    /// Whether the run has more inside of its loops than is told of at all.
    has_more: bool,
    before: Option<usize>,
    after: Option<usize>,
}

pub(super) async fn look(ctx: Ctx) -> Result<Response, Problem> {
    run_page(&ctx, StatusCode::OK, None).await
}

/// The page of the run that the path names; `refusal` is why what was sent to it changed nothing.
pub(super) async fn run_page(
    ctx: &Ctx,
    status: StatusCode,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    // A form's address has the page's query string as little as its answer needs it.
    let RunQuery { steps: wanted } = match refusal {
        None => read_query(&ctx.visit)?,
        Some(_) => RunQuery::default(),
    };
    let engine = &ctx.api().engine;
    let logs = engine.logs_of(&reachable_run(ctx)?).await?;
    // After the journal: where that has an end, the run has ended.
    let run = reachable_run(ctx)?;
    let is_final = run.summary.status.is_final();
    let all = logs.steps();
    let may_wait = logs.has_more
        || all.iter().any(|step| {
            let status = step.record.status;
            matches!(status, StepStatus::Waiting | StepStatus::Unknown)
        });
    let pending = if is_final || !may_wait {
        Vec::new()
    } else {
        engine.pending_answers(&run).await?
    };
    let mut room = Room::new();
    let (asked, asked_more) = asked::views(&pending, &mut room);
    let values = values(&run, &mut room);
    let definition = ctx.api().store.definition(run.definition_sequence)?;
    let (steps, part) = steps(ctx, &run, &all, wanted.unwrap_or(1), &mut room);
    let mut run_page = RunPage {
        frame: Frame::of(&ctx.visit, PART),
        refusal,
        once: once(),
        facts: facts(ctx, &run)?,
        asked,
        asked_more,
        picture: definition.map(|definition| drawn(&definition, &all)),
        values,
        steps,
        part: StepsPart {
            has_more: logs.has_more,
            ..part
        },
        live_from: (!is_final).then_some(logs.events),
    };
    let html = within_page(&mut run_page, |run_page| run_page.picture = None)?;
    Ok(html_response(status, html))
}

fn facts(ctx: &Ctx, run: &Run) -> Result<Facts, Problem> {
    let api = ctx.api();
    let summary = &run.summary;
    let until_ms = summary.finished_at_ms.unwrap_or_else(|| api.clock.now_ms());
    let took = summary
        .started_at_ms
        .map(|from| until_ms.saturating_sub(from));
    let idempotency_key = api.engine.idempotency_key_of(summary)?;
    Ok(Facts {
        id: summary.id.to_string(),
        workflow_id: summary.workflow_id.to_string(),
        workflow: shown::name(&run.workflow_name),
        version: summary.workflow_version,
        status: summary.status.as_str(),
        is_final: summary.status.is_final(),
        may_be_retried: matches!(summary.status, RunStatus::Failed | RunStatus::Cancelled),
        started_by: run.started_by.as_deref().map(shown::name),
        trigger: summary.trigger.as_str(),
        created: iso_utc(summary.created_at_ms),
        started: summary.started_at_ms.map(iso_utc),
        finished: summary.finished_at_ms.map(iso_utc),
        duration: took.map(moment::duration),
        parent: parent_of(run).map(|id| id.to_string()),
        retry_of: summary.retry_of.as_ref().map(ToString::to_string),
        idempotency_key,
    })
}

/// What the run was given and came to as a whole.
fn values(run: &Run, room: &mut Room) -> Vec<Shown> {
    let whole = |part: &str| format!("runs/{}/data/{part}", run.summary.id);
    let mut values = Vec::new();
    if let Some(error) = &run.summary.error {
        let text = format!("{}: {}", error.code, error.message);
        values.push(room.text("Error", &text, Some(whole("error"))));
    }
    values.push(room.raw("Input", &run.input, whole("input")));
    if let Some(data) = &run.trigger_data {
        values.push(room.raw("Trigger", data, whole("trigger")));
    }
    if let Some(output) = &run.output {
        values.push(room.raw("Output", output, whole("output")));
    }
    values
}

fn steps(
    ctx: &Ctx,
    run: &Run,
    all: &[StepLog<'_>],
    page: usize,
    room: &mut Room,
) -> (Vec<StepView>, StepsPart) {
    let summary = &run.summary;
    let now_ms = ctx.api().clock.now_ms();
    let scale = Scale {
        from_ms: summary.created_at_ms,
        until_ms: summary.finished_at_ms.unwrap_or(now_ms),
    };
    let run_page = format!("runs/{}", summary.id);
    let total = all.len();
    let pages = total.div_ceil(STEPS_PER_PAGE).max(1);
    let page = page.clamp(1, pages);
    let skipped = (page - 1) * STEPS_PER_PAGE;
    let steps: Vec<StepView> = all
        .iter()
        .enumerate()
        .skip(skipped)
        .take(STEPS_PER_PAGE)
        .map(|(place, step)| step_view::view(step, place, &run_page, scale, room))
        .collect();
    let part = StepsPart {
        page,
        first: skipped + 1,
        last: skipped + steps.len(),
        total,
        has_more: false,
        before: (page > 1).then(|| page - 1),
        after: (page < pages).then_some(page + 1),
    };
    (steps, part)
}
