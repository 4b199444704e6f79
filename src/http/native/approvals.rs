//! Steps that wait for somebody: what a run asks now, what all runs ask, and the answer.
//! May not know how an answer reaches the run. Promise: 200 means that the answer is recorded; a second one is a 409.

use super::runs::reachable_run;
use super::{Answer, ok, page, page_request};
use crate::clock::iso_utc;
use crate::engine::{Asked, MAX_COMMENT_CHARS, Pending, Reply};
use crate::http::body::{json, query};
use crate::http::describe::{Word, about};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{RunId, WorkflowId};
use crate::model::limit::Category;
use crate::model::run::RunFilter;
use crate::model::scope::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as example};
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ALL: &str = "/api/v1/approvals";
    const LIST: &str = "/api/v1/runs/:id/approvals";
    const ONE: &str = "/api/v1/runs/:id/approvals/:stepId";
    let read = Access::Needs(Permission::WorkflowsExecute, Category::Read);
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    vec![
        Endpoint::new(Door::Native, Method::GET, ALL, read, |guard| {
            query(guard).then(list_all)
        })
        .described(
            about("Runs", "What all runs ask now")
                .says(
                    "Those of the newest runs first. A page ends with a whole run: it may hold more than `limit` where that run \
                     asks several things, and fewer where runs wait for other runs alone.",
                )
                .query::<ListQuery>()
                .lists::<WaitingView<'_>>(),
        ),
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            guard.then(list)
        })
        .described(
            about("Runs", "What a run asks now")
                .says("Steps that wait for somebody: approvals, and attempts of which nobody knows how they ended.")
                .path::<RunId>()
                .gives::<Vec<PendingView<'_>>>(200),
        ),
        Endpoint::new(Door::Native, Method::POST, ONE, execute, |guard| {
            json(guard).then(answer)
        })
        .described(
            about("Runs", "Answer a step that waits")
                .says("200 means that the answer is recorded. One that comes before the step waits is kept.")
                .path::<RunId>()
                .path::<Word>()
                .body::<AnswerBody>(example!({ "approved": true, "comment": "Looks right." }))
                .gives::<AnsweredView<'_>>(200)
                .may(409, "It was answered before, its time is over, or the run has ended."),
        ),
    ]
}

/// An answer to a step that waits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "StepAnswer")]
struct AnswerBody {
    /// Of an approval: yes or no. Of a step whose outcome is unknown: try again, or it has failed.
    approved: bool,
    /// In the answerer's own words.
    #[schemars(length(max = 10_000))]
    comment: Option<String>,
    /// Which iteration is meant, where several wait: the step's name in the journal, as in `loop[17].approve`.
    step: Option<String>,
    /// Of a step whose outcome is unknown: the attempt took effect, and this is its output.
    output: Option<Value>,
}

/// A step that waits for somebody.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PendingStep")]
struct PendingView<'a> {
    /// The step's id.
    step_id: &'a str,
    /// Its name in the journal.
    activation: &'a str,
    /// `approval`, or `outcome` of an attempt of which nobody knows how it ended.
    kind: &'static str,
    /// What is asked.
    request: &'a Value,
    /// When it is too late.
    #[schemars(extend("format" = "date-time"))]
    waiting_until: Option<String>,
    /// The link that answers it once, without a key.
    url: Option<&'a str>,
}

/// Which steps to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListQuery {
    /// Only those of this workflow's runs.
    workflow_id: Option<WorkflowId>,
    /// How many steps: 1 to 100, 50 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the page before this one ended.
    cursor: Option<String>,
}

/// A step of some run that waits for somebody.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WaitingStep")]
struct WaitingView<'a> {
    /// Its run: `POST /runs/:id/approvals/:stepId` answers it.
    run_id: &'a RunId,
    /// The run's workflow.
    workflow_id: &'a WorkflowId,
    /// The step's id.
    step_id: &'a str,
    /// Its name in the journal.
    activation: &'a str,
    /// `approval`, or `outcome` of an attempt of which nobody knows how it ended.
    kind: &'static str,
    /// Its `reason`; the whole of what is asked is in `GET /runs/:id/approvals`.
    message: Option<&'a str>,
    /// When its first attempt began.
    #[schemars(extend("format" = "date-time"))]
    since: Option<String>,
    /// When it is too late.
    #[schemars(extend("format" = "date-time"))]
    waiting_until: Option<String>,
}

/// What was recorded.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AnsweredStep")]
struct AnsweredView<'a> {
    /// The step's id.
    step_id: &'a str,
    /// Its name in the journal.
    activation: &'a str,
    /// What was answered.
    approved: bool,
    /// In the answerer's own words.
    comment: Option<&'a str>,
}

async fn list_all(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let filter = RunFilter {
        workflow_id: asked.workflow_id,
        status: None,
        reach: ctx.key().reach().clone(),
    };
    let found = ctx.api().engine.asked(filter, request).await?;
    let views: Vec<WaitingView<'_>> = found.items.iter().map(waiting_view).collect();
    page(&views, found.next.as_ref())
}

async fn list(ctx: Ctx) -> Answer {
    let run = reachable_run(&ctx)?;
    let pending = ctx.api().engine.pending_answers(&run).await?;
    let views: Vec<PendingView<'_>> = pending.iter().map(view).collect();
    ok(&views)
}

async fn answer(ctx: Ctx, body: AnswerBody) -> Answer {
    let run = reachable_run(&ctx)?;
    let comment = checked(body.comment)?;
    let id = ctx.text(1);
    let step = match &body.step {
        Some(step) if step.rsplit('.').next() != Some(id) => {
            return Err(Problem::invalid(format!(
                "`step` is `{step}`, which is no iteration of step `{id}`."
            )));
        }
        Some(step) => step.as_str(),
        None => id,
    };
    let reply = Reply {
        approved: body.approved,
        comment,
        output: body.output,
    };
    let engine = &ctx.api().engine;
    let answered = engine
        .answer(&run, step, reply.clone(), ctx.key().label())
        .await?;
    ok(&AnsweredView {
        step_id: &answered.step_id,
        activation: &answered.step,
        approved: reply.approved,
        comment: reply.comment.as_deref(),
    })
}

fn checked(comment: Option<String>) -> Result<Option<String>, Problem> {
    match comment {
        Some(comment) if comment.chars().count() > MAX_COMMENT_CHARS => Err(Problem::invalid(
            format!("`comment` is longer than {MAX_COMMENT_CHARS} characters."),
        )),
        comment => Ok(comment),
    }
}

fn view(pending: &Pending) -> PendingView<'_> {
    PendingView {
        step_id: &pending.step_id,
        activation: &pending.step,
        kind: kind(pending),
        request: &pending.request,
        waiting_until: pending.until_ms.map(iso_utc),
        url: pending.url.as_deref(),
    }
}

fn waiting_view(asked: &Asked) -> WaitingView<'_> {
    let pending = &asked.pending;
    WaitingView {
        run_id: &asked.run.id,
        workflow_id: &asked.run.workflow_id,
        step_id: &pending.step_id,
        activation: &pending.step,
        kind: kind(pending),
        message: pending.request["reason"].as_str(),
        since: pending.since_ms.map(iso_utc),
        waiting_until: pending.until_ms.map(iso_utc),
    }
}

fn kind(pending: &Pending) -> &'static str {
    if pending.is_approval {
        "approval"
    } else {
        "outcome"
    }
}
