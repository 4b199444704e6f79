//! The connection below the conversation: hands on one line at a time, and no more than a bounded number of bytes.
//! May not know commands or answers. Promise: what a server sends behind a line is not yet read when the line is: so nothing
//! that was sent in clear counts as said after `STARTTLS`.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that a server may say before it is spoken to again, in bytes. A TLS handshake is a few thousand of them; reading an
/// answer of many lines takes time that grows with the square of its length.
const MAX_ANSWER_BYTES: usize = 16 << 10;
const READ_AHEAD_BYTES: usize = 4 << 10;

/// A connection, line by line. TLS records cut at a byte that looks like a line's end are put together again above.
pub(super) struct LineStream<S> {
    inner: S,
    peer: SocketAddr,
    buffer: Box<[u8; READ_AHEAD_BYTES]>,
    from: usize,
    to: usize,
    left_bytes: usize,
}

impl<S> LineStream<S> {
    pub(super) fn new(inner: S, peer: SocketAddr) -> LineStream<S> {
        LineStream {
            inner,
            peer,
            buffer: Box::new([0; READ_AHEAD_BYTES]),
            from: 0,
            to: 0,
            left_bytes: MAX_ANSWER_BYTES,
        }
    }

    /// Hands on what is buffered, up to the end of the first line.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) {
        let buffered = self.buffer.get(self.from..self.to).unwrap_or_default();
        let line = buffered
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(buffered.len(), |end| end + 1);
        let count = line.min(out.remaining());
        out.put_slice(buffered.get(..count).unwrap_or_default());
        self.from += count;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LineStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.from == this.to {
            let mut ahead = ReadBuf::new(this.buffer.as_mut_slice());
            match Pin::new(&mut this.inner).poll_read(context, &mut ahead) {
                Poll::Ready(Ok(())) => {}
                unfinished => return unfinished,
            }
            let count = ahead.filled().len();
            (this.from, this.to) = (0, count);
            this.left_bytes = match this.left_bytes.checked_sub(count) {
                Some(left) => left,
                None => {
                    let message =
                        format!("the server sent more than {MAX_ANSWER_BYTES} bytes at once");
                    return Poll::Ready(Err(io::Error::other(message)));
                }
            };
        }
        this.hand_on(out);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LineStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.left_bytes = MAX_ANSWER_BYTES;
        Pin::new(&mut this.inner).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

impl<S> fmt::Debug for LineStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a connection to {}", self.peer)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> AsyncTokioStream for LineStream<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
