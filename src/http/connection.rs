//! Connections: how many there are, what each is doing, and which are closed: one whose request head takes too long, one
//! that takes nothing of its answer, and, when another wants in and there is no room, the one that has been idle longest, or
//! silent. And whether the client at the other end has gone, for an answer that nobody else should wait for.
//! May not know requests. Promise: a request costs no clock read and no lock here, only a mark in its connection; one
//! that is being answered, and takes what it is sent, is never closed.

mod leaving;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use leaving::{Ahead, Leaving};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How often connections are looked through.
const TICK: Duration = Duration::from_millis(250);

/// Where there is no room, a head that takes longer than so many ticks makes way for another connection: who has something
/// to say has said it by then, and silent connections cost nothing to open.
const UNTOUCHABLE_TICKS: u32 = 4;

/// A request's head is being waited for (on a fresh connection) or read.
const HEAD: u8 = 0;
/// A request is being answered, or an answer streams.
const BUSY: u8 = 1;
/// Between two requests.
const IDLE: u8 = 2;

/// What one connection is doing.
pub(super) struct Progress {
    phase: AtomicU8,
    since_tick: AtomicU32,
    /// Whether bytes wait that the client does not take, and since when.
    is_stuck: AtomicBool,
    stuck_since_tick: AtomicU32,
    /// Not to be waited for any more, whatever it is doing.
    is_given_up: AtomicBool,
    told: Notify,
    drains: AtomicBool,
    leaving: Leaving,
    registry: Arc<Shared>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

/// What a connection is told.
pub(super) enum Told {
    /// The server stops: no further request, but the one under way is answered.
    Drain,
    /// To end now.
    Close,
}

/// All connections.
#[derive(Clone)]
pub(super) struct Registry(Arc<Shared>);

struct Shared {
    tick: AtomicU32,
    numbers: AtomicU64,
    draining: AtomicBool,
    open: Mutex<HashMap<u64, std::sync::Weak<Progress>>>,
    permits: Arc<Semaphore>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, std::sync::Weak<Progress>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    pub(super) fn new(max_connections: u32) -> Registry {
        Registry(Arc::new(Shared {
            tick: AtomicU32::new(0),
            numbers: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            open: Mutex::default(),
            permits: Arc::new(Semaphore::new(max_connections as usize)),
        }))
    }

    /// Lets in a connection that was accepted. Where there is no room, the longest idle one is closed for it, or else the
    /// one whose head is late; while there is neither, this waits. `None` once there will never be room again.
    pub(super) async fn enter(&self) -> Option<Arc<Progress>> {
        let permits = &self.0.permits;
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Some(self.admit(permit));
        }
        loop {
            self.close_longest_idle();
            if let Ok(permit) = tokio::time::timeout(TICK, permits.clone().acquire_owned()).await {
                return permit.ok().map(|permit| self.admit(permit));
            }
        }
    }

    fn admit(&self, permit: OwnedSemaphorePermit) -> Arc<Progress> {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        let progress = Arc::new(Progress {
            phase: AtomicU8::new(HEAD),
            since_tick: AtomicU32::new(self.0.tick.load(Ordering::Relaxed)),
            is_stuck: AtomicBool::new(false),
            stuck_since_tick: AtomicU32::new(0),
            is_given_up: AtomicBool::new(false),
            told: Notify::new(),
            drains: AtomicBool::new(false),
            leaving: Leaving::default(),
            registry: self.0.clone(),
            number,
            _permit: permit,
        });
        self.0.open().insert(number, Arc::downgrade(&progress));
        if self.0.draining.load(Ordering::SeqCst) {
            progress.told.notify_one();
        }
        progress
    }

    /// Tells every connection, also those that come later, that the server stops.
    pub(super) fn drain(&self) {
        self.0.draining.store(true, Ordering::SeqCst);
        for connection in self.connections() {
            connection.told.notify_one();
        }
    }

    /// Closes connections whose head takes longer than `header_timeout`, and those that take nothing of what they are sent
    /// for longer than `write_timeout`. Runs until it is dropped.
    pub(super) async fn sweep(self, header_timeout: Duration, write_timeout: Duration) {
        let (head_ticks, write_ticks) = (in_ticks(header_timeout), in_ticks(write_timeout));
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let now = self.0.tick.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            for connection in self.connections() {
                let late = |since: &AtomicU32, allowed: u32| {
                    now.wrapping_sub(since.load(Ordering::Relaxed)) > allowed
                };
                if connection.is_stuck.load(Ordering::Relaxed)
                    && late(&connection.stuck_since_tick, write_ticks)
                {
                    connection.is_given_up.store(true, Ordering::Relaxed);
                    connection.told.notify_one();
                } else if connection.is_in(HEAD) && late(&connection.since_tick, head_ticks) {
                    connection.told.notify_one();
                }
            }
        }
    }

    /// Makes room: for another connection, or where the process has no file descriptors left.
    pub(super) fn close_longest_idle(&self) {
        let now = self.0.tick.load(Ordering::Relaxed);
        let ticks = |connection: &Arc<Progress>| {
            now.wrapping_sub(connection.since_tick.load(Ordering::Relaxed))
        };
        // Of those of one tick, the one that came first.
        let age = |connection: &Arc<Progress>| (ticks(connection), Reverse(connection.number));
        let connections = self.connections();
        let of = |phase| {
            let connections = connections.iter();
            connections.filter(move |connection| connection.is_in(phase))
        };
        let longest = of(IDLE)
            .max_by_key(|connection| age(connection))
            .or_else(|| {
                of(HEAD)
                    .filter(|connection| ticks(connection) >= UNTOUCHABLE_TICKS)
                    .max_by_key(|connection| age(connection))
            });
        if let Some(connection) = longest {
            connection.told.notify_one();
        }
    }

    /// All of them. None is let go while the list is locked: whoever has the last hold of one takes it off the list.
    fn connections(&self) -> Vec<Arc<Progress>> {
        let open = self.0.open();
        open.values().filter_map(std::sync::Weak::upgrade).collect()
    }
}

fn in_ticks(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u32::MAX)
}

impl Progress {
    fn is_in(&self, phase: u8) -> bool {
        self.phase.load(Ordering::Relaxed) == phase
    }

    /// Bytes were offered to the client: did it take any?
    fn offered(&self, is_stuck: bool) {
        if is_stuck == self.is_stuck.load(Ordering::Relaxed) {
            return;
        }
        let now = self.registry.tick.load(Ordering::Relaxed);
        self.stuck_since_tick.store(now, Ordering::Relaxed);
        self.is_stuck.store(is_stuck, Ordering::Relaxed);
    }

    fn mark(&self, phase: u8) {
        self.since_tick.store(
            self.registry.tick.load(Ordering::Relaxed),
            Ordering::Relaxed,
        );
        self.phase.store(phase, Ordering::Relaxed);
    }

    /// A request's head has been read.
    pub(super) fn request_began(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// An answer has been handed over whole; its last bytes may still be on their way out.
    fn request_ended(&self) {
        self.leaving.look_away();
        self.mark(IDLE);
    }

    fn bytes_went(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.mark(IDLE);
        }
    }

    fn bytes_came(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.mark(HEAD);
        }
    }

    /// Returns when the client has closed its sending half, or all of the connection, while a request of it that came whole is
    /// answered. One that has sent a further request meanwhile is not found to leave.
    pub(super) async fn client_gone(&self) {
        self.leaving.seen().await;
    }

    /// Returns when the connection should drain (once) or end. A request that began meanwhile is answered first.
    pub(super) async fn told(&self) -> Told {
        loop {
            self.told.notified().await;
            if self.registry.draining.load(Ordering::SeqCst)
                && !self.drains.swap(true, Ordering::Relaxed)
            {
                return Told::Drain;
            }
            if !self.is_in(BUSY) || self.is_given_up.load(Ordering::Relaxed) {
                return Told::Close;
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.registry.open().remove(&self.number);
    }
}

/// A response's body: the connection is busy until the last of it has been handed over, or nobody wants it any more.
pub(super) struct Answering<B> {
    pub(super) body: B,
    pub(super) progress: Arc<Progress>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answering<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.progress.request_ended();
    }
}

/// A stream that marks in its connection when bytes come in and go out.
pub(super) struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
    /// What was read to see whether the client is there still.
    ahead: Ahead,
}

impl<S: AsyncRead + Unpin> Watched<S> {
    pub(super) fn new(stream: S, progress: Arc<Progress>) -> Watched<S> {
        Watched {
            stream,
            progress,
            ahead: Ahead::default(),
        }
    }

    /// Looks whether the client has gone, where somebody wants to know.
    fn look(&mut self, cx: &mut Context<'_>) {
        let leaving = &self.progress.leaving;
        if leaving.is_looked_for() && self.ahead.finds_end(&mut self.stream, cx) {
            leaving.tell();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = match self.ahead.give(buf) {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            self.progress.bytes_came();
        }
        poll
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.progress.bytes_went();
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.progress.offered(poll.is_pending());
        poll
    }

    // hyper flushes each time after it has asked for an answer, also where there is none yet.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.look(cx);
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.progress.offered(poll.is_pending());
        poll
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.progress.bytes_went();
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.progress.offered(poll.is_pending());
        poll
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
