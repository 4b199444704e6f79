//! `GET /runs/:id/events`: a run's journal as server-sent events. `id` is the journal's sequence number and
//! `Last-Event-ID` is honoured. May not know how a journal is followed.

use super::Answer;
use super::runs::reachable_run;
use crate::clock::iso_utc;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::follow::{first_wanted, follow};
use crate::http::visit::Ctx;
use crate::id::RunId;
use crate::model::limit::Category;
use crate::model::run::Recorded;
use crate::model::scope::Permission;
use bytes::Bytes;
use serde_json::json;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let access = Access::Needs(Permission::RunsRead, Category::Read);
    vec![
        Endpoint::new(
            Door::Native,
            Method::GET,
            "/api/v1/runs/:id/events",
            access,
            |guard| guard.then(events),
        )
        .described(
            about("Runs", "Follow a run")
                .says(
                    "Server-sent events: the run's journal from its beginning, until the run ends.",
                )
                .path::<RunId>()
                .heeds(
                    "Last-Event-ID",
                    "The `id` of the last event that the client has.",
                    Some("^[0-9]{0,18}$"),
                )
                .gives_events(),
        ),
    ]
}

async fn events(ctx: Ctx) -> Answer {
    let run = reachable_run(&ctx)?;
    let from = first_wanted(&ctx)?.unwrap_or(0);
    follow(&ctx, &run, from, render)
}

fn render(recorded: &Recorded) -> Option<Bytes> {
    let mut data = serde_json::to_value(&recorded.event).ok()?;
    let name = data["type"].as_str()?.to_owned();
    data["sequence"] = json!(recorded.sequence);
    data["at"] = json!(iso_utc(recorded.at_ms));
    // The journal counts milliseconds; what is told has the API's names and dates.
    let fields = data.as_object_mut()?;
    for (stored, told) in [("until_ms", "waitingUntil"), ("retry_at_ms", "retryAt")] {
        if let Some(at_ms) = fields.remove(stored).and_then(|at| at.as_i64()) {
            fields.insert(told.to_owned(), json!(iso_utc(at_ms)));
        }
    }
    Some(format!("id: {}\nevent: {name}\ndata: {data}\n\n", recorded.sequence).into())
}
