//! Whether a client leaves while it is answered.
//! May not know what it has asked. Promise: it costs a connection nothing while nobody wants to know, and no byte of a client's
//! next request is lost.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::Notify;

/// Who wants to know whether the client leaves, and whether it has.
#[derive(Default)]
pub(super) struct Leaving {
    is_looked_for: AtomicBool,
    has_left: AtomicBool,
    told: Notify,
}

impl Leaving {
    /// Returns when the client has left.
    pub(super) async fn seen(&self) {
        self.is_looked_for.store(true, Ordering::Relaxed);
        while !self.has_left.load(Ordering::Relaxed) {
            self.told.notified().await;
        }
    }

    /// Nobody wants to know any more.
    pub(super) fn look_away(&self) {
        self.is_looked_for.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_looked_for(&self) -> bool {
        self.is_looked_for.load(Ordering::Relaxed) && !self.has_left.load(Ordering::Relaxed)
    }

    /// The client has left.
    pub(super) fn tell(&self) {
        self.has_left.store(true, Ordering::Relaxed);
        self.told.notify_one();
    }
}

/// At most one byte that was read before anybody has asked for it: only who reads finds the end.
#[derive(Default)]
pub(super) struct Ahead(Option<u8>);

impl Ahead {
    /// Whether a stream has come to its end, or broke. If not, it is looked at again when there is something to read.
    pub(super) fn finds_end(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> bool {
        if self.0.is_some() {
            return false;
        }
        let mut byte = [0];
        let mut buf = ReadBuf::new(&mut byte);
        match Pin::new(stream).poll_read(cx, &mut buf) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => return true,
            Poll::Ready(Ok(())) => self.0 = buf.filled().first().copied(),
        }
        self.0.is_none()
    }

    /// Gives back what was read ahead. False: nothing was.
    pub(super) fn give(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        if buf.remaining() == 0 {
            return false;
        }
        let byte = self.0.take();
        buf.put_slice(byte.as_slice());
        byte.is_some()
    }
}
