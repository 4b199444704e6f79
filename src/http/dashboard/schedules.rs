//! Schedules: what the clock starts, when, and what became of it. May not know how a schedule is served.
//! Promise: a schedule is paused and resumed as its workflow is, by the same function as at the doors.

use super::frame::Frame;
use super::{go_to, page, signed_in};
use crate::clock::iso_utc;
use crate::engine::redact::cut;
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::plan::in_words;
use crate::model::trigger::{Firing, FiringOutcome, MissedFires, Trigger};
use crate::model::workflow::WorkflowStatus;
use crate::store::KnownSchedule;
use askama::Template;
use serde::Deserialize;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "schedules";
/// How many schedules, and how many of the times of one, a page has.
const ROWS: u32 = 50;
/// A workflow's name is cut after so many characters.
const MAX_NAME_CHARS: usize = 60;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        signed_in(Method::GET, "/dashboard/schedules", list),
        signed_in(Method::GET, "/dashboard/schedules/:id", look),
        signed_in(Method::POST, "/dashboard/schedules/:id/pause", |ctx| {
            switch(ctx, WorkflowStatus::Paused)
        }),
        signed_in(Method::POST, "/dashboard/schedules/:id/resume", |ctx| {
            switch(ctx, WorkflowStatus::Active)
        }),
    ]
}

/// One schedule.
struct ScheduleRow {
    workflow_id: String,
    workflow_name: String,
    /// The workflow's status, or `disabled`.
    status: &'static str,
    may_pause: bool,
    may_resume: bool,
    /// The cron expression or the interval; what is wrong with it where this version does not accept it.
    text: String,
    words: Option<String>,
    zone: Option<String>,
    missed: &'static str,
    next_fire: Option<String>,
    last_fire: Option<String>,
    last_outcome: Option<&'static str>,
    last_run: Option<String>,
    run_count: i64,
}

/// One of its times.
struct FiringRow {
    scheduled: String,
    fired: String,
    outcome: &'static str,
    missed: u32,
    run: Option<String>,
    error: Option<String>,
}

#[derive(Template)]
#[template(
    path = "schedules/schedules.html",
    config = "src/http/dashboard/askama.toml"
)]
struct SchedulesPage {
    frame: Frame,
    schedules: Vec<ScheduleRow>,
    next: Option<i64>,
}

#[derive(Template)]
#[template(
    path = "schedules/schedule.html",
    config = "src/http/dashboard/askama.toml"
)]
struct SchedulePage {
    frame: Frame,
    schedule: ScheduleRow,
    firings: Vec<FiringRow>,
    next: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The number of the row with which the page before ended.
    before: Option<i64>,
}

async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let ListQuery { before } = read_query(&ctx.visit)?;
    let store = &ctx.api().store;
    let found = store.list_schedules(before, ROWS + 1).await?;
    let (found, next) = one_page(found, |one| one.workflow_sequence);
    let list = SchedulesPage {
        frame: Frame::of(&ctx.visit, PART),
        schedules: found.into_iter().map(row).collect(),
        next,
    };
    page(StatusCode::OK, &list)
}

async fn look(ctx: Ctx) -> Result<Response, Problem> {
    let ListQuery { before } = read_query(&ctx.visit)?;
    let id: WorkflowId = ctx.id(0, "schedule")?;
    let store = &ctx.api().store;
    let schedule = store
        .schedule_of(&id)?
        .ok_or(Problem::NotFound("schedule"))?;
    let found = store.firings(&id, before, ROWS + 1).await?;
    let (found, next) = one_page(found, |one| one.sequence);
    let detail = SchedulePage {
        frame: Frame::of(&ctx.visit, PART),
        schedule: row(schedule),
        firings: found.into_iter().map(firing_row).collect(),
        next,
    };
    page(StatusCode::OK, &detail)
}

/// What a page has of one row more than that, and the number of its last row where there are more.
fn one_page<T>(mut found: Vec<T>, number: impl Fn(&T) -> i64) -> (Vec<T>, Option<i64>) {
    let rows = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let has_more = found.len() > rows;
    found.truncate(rows);
    let next = found.last().filter(|_| has_more).map(number);
    (found, next)
}

async fn switch(ctx: Ctx, to: WorkflowStatus) -> Result<Response, Problem> {
    let id: WorkflowId = ctx.id(0, "schedule")?;
    let workflows = ctx.api().engine.workflows();
    workflows.set_status(&id, to, ctx.editor()).await?;
    Ok(go_to(&ctx.visit, &format!("schedules/{id}")))
}

fn row(known: KnownSchedule) -> ScheduleRow {
    let mut mistakes = Vec::new();
    let schedule = match Trigger::read(Some(&known.trigger), &mut mistakes) {
        Some(Trigger::Schedule(schedule)) => Some(schedule),
        _ => None,
    };
    let words = schedule.as_ref().map(|schedule| schedule.in_words());
    let status = known.workflow_status;
    let is_enabled = schedule.as_ref().is_none_or(|schedule| schedule.enabled);
    let missed_fires = schedule.as_ref().map(|schedule| schedule.missed_fires);
    ScheduleRow {
        workflow_id: known.workflow_id.to_string(),
        workflow_name: cut(&known.workflow_name, MAX_NAME_CHARS),
        status: if is_enabled {
            status.as_str()
        } else {
            "disabled"
        },
        may_pause: status == WorkflowStatus::Active,
        may_resume: status == WorkflowStatus::Paused,
        missed: match missed_fires {
            Some(MissedFires::Once) => "made up for by one run",
            Some(MissedFires::Skip) | None => "skipped",
        },
        zone: words.as_ref().and_then(|words| words.zone.clone()),
        text: words.as_ref().map_or_else(
            || format!("not accepted any more: {}", in_words(&mistakes)),
            |words| words.text.clone(),
        ),
        words: words.and_then(|words| words.words),
        next_fire: known.status.next_fire_ms.map(iso_utc),
        last_fire: known.last_fired_at_ms.map(iso_utc),
        last_outcome: known.status.last_outcome.map(outcome_in_words),
        last_run: known.last_run.map(|run| run.to_string()),
        run_count: known.run_count,
    }
}

fn firing_row(firing: Firing) -> FiringRow {
    FiringRow {
        scheduled: iso_utc(firing.scheduled_at_ms),
        fired: iso_utc(firing.fired_at_ms),
        outcome: outcome_in_words(firing.outcome),
        missed: firing.missed,
        run: firing.run_id.map(|run| run.to_string()),
        error: firing.error,
    }
}

fn outcome_in_words(outcome: FiringOutcome) -> &'static str {
    match outcome {
        FiringOutcome::Started => "started a run",
        FiringOutcome::SkippedMissed => "missed, and skipped",
        FiringOutcome::Failed => "failed to start",
    }
}
