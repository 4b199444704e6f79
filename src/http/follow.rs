//! A run's journal as a stream of server-sent events, for who was let in to see the run. May not know how an event is worded.
//! Promise: a comment every 15 s keeps the connection; the stream ends with the run, within 5 s of the end of its key or of the
//! dashboard's session, and when the server stops; to the dashboard it also ends when the browser leaves.

use super::Api;
use super::dashboard::session_text;
use super::door::Door;
use super::problem::Problem;
use super::visit::{Ctx, Visit};
use crate::auth::{KeyEntry, MAX_STREAMS, StreamSeat};
use crate::engine::Subscription;
use crate::id::RunId;
use crate::model::run::{Recorded, Run};
use bytes::Bytes;
use futures_util::stream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use sync_wrapper::SyncStream;
use tokio::sync::watch;
use warp::Reply as _;
use warp::http::{HeaderValue, header};
use warp::reply::Response;

const HEARTBEAT_MS: u64 = 15_000;
const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");
/// How often it is asked whether the key or the session is still in force.
const STANDING_CHECK: Duration = Duration::from_secs(2);
/// So much of a journal is read at once, in bytes: a client that reads slowly holds little more.
const ENOUGH_BYTES: usize = 64 << 10;

/// How an event is put on the wire; `None` ends the stream.
type Wording = fn(&Recorded) -> Option<Bytes>;

/// The first event that a client lacks that was here before: the one after its `Last-Event-ID`.
pub(super) fn first_wanted(ctx: &Ctx) -> Result<Option<u64>, Problem> {
    match ctx.header("last-event-id")? {
        // An empty one is none: so HTML has it.
        None | Some("") => Ok(None),
        Some(text) => match text.trim().parse::<u64>() {
            Ok(last) => Ok(Some(last.saturating_add(1))),
            Err(_) => Err(Problem::invalid(
                "`Last-Event-ID` is not the id of an event of this stream; leave it out to start at 0.",
            )),
        },
    }
}

/// The journal of a run from this event on, until the run ends.
pub(super) fn follow(
    ctx: &Ctx,
    run: &Run,
    from: u64,
    wording: Wording,
) -> Result<Response, Problem> {
    let seat = ctx.key().take_stream_seat();
    let follower = Follower {
        _seat: seat.ok_or(Problem::TooManyStreams(MAX_STREAMS))?,
        subscription: ctx.api().engine.subscribe(run.summary.sequence),
        stopping: ctx.api().stopping.clone(),
        visit: ctx.visit.clone(),
        key: ctx.key().clone(),
        id: run.summary.id.clone(),
        run_sequence: run.summary.sequence,
        from,
        wording,
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
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
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
    wording: Wording,
    ready: VecDeque<Bytes>,
    over: bool,
}

impl Follower {
    fn api(&self) -> &Api {
        &self.visit.api
    }

    /// Whether who was let in still is.
    fn is_let_in(&self) -> bool {
        match self.visit.door {
            Door::Dashboard => {
                session_text(&self.visit).is_some_and(|session| self.api().sign_in.goes_on(session))
            }
            _ => self.api().keyring.in_force(&self.key),
        }
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
            if !self.is_let_in() || self.read().is_none() {
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
                () = browser_gone(&self.visit) => return None,
                () = tokio::time::sleep(STANDING_CHECK) => {
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
            self.ready.push_back((self.wording)(&event)?);
        }
        Some(())
    }
}

/// Returns when the browser has left the page. Clients of the doors may close their half and listen on.
async fn browser_gone(visit: &Visit) {
    match visit.door {
        Door::Dashboard => visit.client_gone().await,
        _ => std::future::pending().await,
    }
}
