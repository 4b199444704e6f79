//! `GET /runs/:id/events`: a run's journal as server-sent events. `id` is the journal's sequence number and
//! `Last-Event-ID` is honoured; a comment every 15 s keeps the connection; the stream ends with the run, within 5 s of its
//! key's end, and when the server stops.

use super::Answer;
use super::runs::reachable_run;
use crate::auth::{KeyEntry, MAX_STREAMS, StreamSeat};
use crate::clock::iso_utc;
use crate::engine::Subscription;
use crate::http::Api;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::id::RunId;
use crate::model::limit::Category;
use crate::model::run::Recorded;
use crate::model::scope::Permission;
use bytes::Bytes;
use futures_util::stream;
use serde_json::json;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use sync_wrapper::SyncStream;
use tokio::sync::watch;
use warp::http::{HeaderValue, Method, header};
use warp::{Filter as _, Reply as _};

const HEARTBEAT_MS: u64 = 15_000;
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");
/// How often it is asked whether the key is still in force.
const KEY_CHECK: Duration = Duration::from_secs(2);
/// So much of a journal is read at once, in bytes: a client that reads slowly holds little more.
const ENOUGH_BYTES: usize = 64 << 10;

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
    let from = match ctx.header("last-event-id")? {
        // An empty one is none: so HTML has it.
        None | Some("") => 0,
        Some(text) => text.trim().parse::<u64>().map(|last| last.saturating_add(1)).map_err(|_| {
            Problem::invalid("`Last-Event-ID` is not the id of an event of this stream; leave it out to start at 0.")
        })?,
    };
    let seat = ctx.key().take_stream_seat();
    let follower = Follower {
        _seat: seat.ok_or(Problem::TooManyStreams(MAX_STREAMS))?,
        subscription: ctx.api().engine.subscribe(run.summary.sequence),
        stopping: ctx.api().stopping.clone(),
        visit: ctx.visit.clone(),
        key: ctx.key().clone(),
        id: run.summary.id,
        run_sequence: run.summary.sequence,
        from,
        ready: VecDeque::new(),
        over: false,
    };
    let body = stream::unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), follower))
    });
    let mut response = warp::reply::stream(SyncStream::new(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Follows one run's journal for one client.
struct Follower {
    _seat: StreamSeat,
    subscription: Subscription,
    stopping: watch::Receiver<bool>,
    visit: Arc<Visit>,
    key: Arc<KeyEntry>,
    id: RunId,
    run_sequence: i64,
    from: u64,
    ready: VecDeque<Bytes>,
    over: bool,
}

impl Follower {
    fn api(&self) -> &Api {
        &self.visit.api
    }

    /// The next piece of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        let clock = self.api().clock.clone();
        let heartbeat = clock.sleep_ms(HEARTBEAT_MS);
        let mut heartbeat = std::pin::pin!(heartbeat);
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Some(chunk);
            }
            if !self.api().keyring.in_force(&self.key) || self.read().is_none() {
                return None;
            }
            if self.over {
                return None;
            }
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = self.subscription.grown() => {}
                () = tokio::time::sleep(KEY_CHECK) => {
                    // Only who is sent something is found to be gone.
                    if self.key.seats_are_scarce() {
                        return Some(HEARTBEAT);
                    }
                }
                () = heartbeat.as_mut() => return Some(HEARTBEAT),
            }
        }
    }

    /// Reads the next of what was recorded since the last time. It is over when nothing is left of a run that has ended;
    /// whether it has is asked first, so that nothing is missed.
    fn read(&mut self) -> Option<()> {
        let run = self.api().store.run(&self.id).ok().flatten()?;
        let recorded = self
            .api()
            .store
            .journal_part(self.run_sequence, self.from, ENOUGH_BYTES)
            .ok()?;
        self.over = run.summary.status.is_final() && recorded.is_empty();
        for event in recorded {
            self.from = event.sequence + 1;
            self.ready.push_back(render(&event)?);
        }
        Some(())
    }
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
