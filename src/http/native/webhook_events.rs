//! `/webhooks/events`: what other services sent, and what became of it; an event can be replayed.

use super::{Answer, ok, page, page_request};
use crate::clock::iso_utc;
use crate::http::body::query;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{EventId, RunId, WorkflowId};
use crate::model::event::{DeliveryOutcome, EventDelivery, EventFilter, EventSummary};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/webhooks/events";
    const ONE: &str = "/api/v1/webhooks/events/:id";
    const REPLAY: &str = "/api/v1/webhooks/events/:id/replay";
    let read = Access::Needs(Permission::RunsRead, Category::Read);
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Webhooks", "List what other services sent")
                .says(
                    "Newest first. A key that is bound to workflows sees what was meant for them.",
                )
                .query::<ListQuery>()
                .lists::<EventView<'_>>(),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Webhooks", "Read an event with its body")
                .path::<EventId>()
                .gives::<WholeEventView<'_>>(200),
        ),
        Endpoint::new(Door::Native, Method::POST, REPLAY, execute, |guard| {
            guard.then(replay)
        })
        .described(
            about("Webhooks", "Start runs anew for an event")
                .says("At the workflows that are behind its path now, of those that check signatures at those that believed it when it \
                     came.",
                )
                .path::<EventId>()
                .gives::<ReplayedView<'_>>(200)
                .may(409, "No active workflow that the key reaches and that may have the event is behind the path now, or the event is gone."),
        ),
    ]
}

/// Which events to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListQuery {
    /// Only of this provider.
    provider: Option<String>,
    /// Only those that were meant for this workflow.
    workflow_id: Option<WorkflowId>,
    /// Only of this path: the last segment of the URL.
    path: Option<String>,
    /// How many, 1 to 100; 50 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where to go on.
    cursor: Option<String>,
}

/// An event without its body.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookEvent")]
struct EventView<'a> {
    /// `evt_` and a UUID.
    id: &'a EventId,
    /// Who sent it, as the URL said.
    provider: &'a str,
    /// The last segment of the URL.
    path: &'a str,
    /// The sender's word for its type.
    event: Option<&'a str>,
    /// The sender's id of it.
    external_id: Option<&'a str>,
    /// Whether a signature was checked.
    verified: bool,
    /// ISO 8601, UTC.
    #[schemars(extend("format" = "date-time"))]
    received_at: String,
    /// How long the body is.
    body_bytes: i64,
    /// What became of it at the workflows that the key reaches, oldest first.
    deliveries: Vec<DeliveryView<'a>>,
}

/// What became of an event at one workflow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookDelivery")]
struct DeliveryView<'a> {
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// `started`, `duplicate`, `filtered`, `input_invalid`, `secret_missing`.
    outcome: DeliveryOutcome,
    /// The run that it started, now or the first time.
    run_id: Option<&'a RunId>,
    /// Why it started none.
    detail: Option<&'a str>,
    /// When; later than `receivedAt` for a replay.
    #[schemars(extend("format" = "date-time"))]
    at: String,
}

/// An event with its body.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WholeWebhookEvent")]
struct WholeEventView<'a> {
    #[serde(flatten)]
    event: EventView<'a>,
    /// Selected headers, names in lower case.
    headers: &'a BTreeMap<String, String>,
    /// The body: as text where it is UTF-8, else in base64.
    body: String,
    /// `utf8` or `base64`.
    #[schemars(extend("enum" = ["utf8", "base64"]))]
    body_encoding: &'static str,
}

/// What a replay has started.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReplayedWebhookEvent")]
struct ReplayedView<'a> {
    /// The event.
    event_id: &'a EventId,
    /// How many runs were started.
    workflows_triggered: usize,
    /// The runs.
    run_ids: &'a [RunId],
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let filter = EventFilter {
        provider: asked.provider,
        path: asked.path,
        workflow_id: asked.workflow_id,
        reach: ctx.key().reach().clone(),
    };
    let found = ctx.api().store.list_events(filter, request).await?;
    let views: Vec<EventView<'_>> = found.items.iter().map(view).collect();
    page(&views, found.next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    let event = reachable_event(&ctx)?;
    let body = ctx.api().store.event_body(event.sequence)?;
    let body = body.ok_or(Problem::NotFound("event"))?;
    let (body, body_encoding) = match std::str::from_utf8(&body) {
        Ok(text) => (text.to_owned(), "utf8"),
        Err(_) => (BASE64_STANDARD.encode(&body), "base64"),
    };
    ok(&WholeEventView {
        event: view(&event),
        headers: &event.headers,
        body,
        body_encoding,
    })
}

async fn replay(ctx: Ctx) -> Answer {
    let event = reachable_event(&ctx)?;
    let reach = ctx.key().reach();
    let runs = ctx
        .api()
        .engine
        .replay_event(&event, &ctx.started_by(), |workflow| {
            reach.covers(&workflow.id, &workflow.name)
        })
        .await?;
    ok(&ReplayedView {
        event_id: &event.id,
        workflows_triggered: runs.len(),
        run_ids: &runs,
    })
}

/// The event that the path names, with what became of it at workflows that the key reaches. A bound key reaches an event that
/// was meant for such a workflow.
fn reachable_event(ctx: &Ctx) -> Result<EventSummary, Problem> {
    let id: EventId = ctx.id(0, "event")?;
    let event = ctx.api().store.event(&id)?;
    let mut event = event.ok_or(Problem::NotFound("event"))?;
    let reach = ctx.key().reach();
    event
        .deliveries
        .retain(|delivery| reach.covers(&delivery.workflow_id, &delivery.workflow_name));
    if *reach != Reach::All && event.deliveries.is_empty() {
        return Err(Problem::NotFound("event"));
    }
    Ok(event)
}

fn view(event: &EventSummary) -> EventView<'_> {
    EventView {
        id: &event.id,
        provider: &event.provider,
        path: &event.path,
        event: event.event_type.as_deref(),
        external_id: event.external_id.as_deref(),
        verified: event.verified,
        received_at: iso_utc(event.received_at_ms),
        body_bytes: event.body_bytes,
        deliveries: event.deliveries.iter().map(delivery).collect(),
    }
}

fn delivery(delivery: &EventDelivery) -> DeliveryView<'_> {
    DeliveryView {
        workflow_id: &delivery.workflow_id,
        outcome: delivery.outcome,
        run_id: delivery.run_id.as_ref(),
        detail: delivery.detail.as_deref(),
        at: iso_utc(delivery.at_ms),
    }
}
