//! Bytes on a connection, for what no well-behaved client would send.

// Several test binaries include this file, and each uses a part of it.
#![allow(dead_code)]

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Far more than any answer takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection, and what came on it that was not looked at yet.
pub(crate) struct Wire<S = TcpStream> {
    pub(crate) stream: S,
    seen: Vec<u8>,
}

/// One answer: its head, and as much body as its length says.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) async fn to(address: std::net::SocketAddr) -> Wire {
        Wire::over(TcpStream::connect(address).await.expect("it listens"))
    }
}

impl<S: AsyncRead + tokio::io::AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn over(stream: S) -> Wire<S> {
        Wire {
            stream,
            seen: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("sent");
        self.stream.flush().await.expect("sent");
    }

    /// Sends as much as the other side takes.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// A GET of the health endpoint on this connection, answered.
    pub(crate) async fn is_served(&mut self) -> bool {
        let asked = self.try_send(b"GET /api/health HTTP/1.1\r\nhost: localhost\r\n\r\n");
        asked.await.is_ok()
            && matches!(self.next_answer().await, Some(answer) if answer.status == 200)
    }

    /// The next answer; `None` when the connection ends before one.
    pub(crate) async fn next_answer(&mut self) -> Option<RawAnswer> {
        let head_end = self.find(b"\r\n\r\n").await?;
        let head = String::from_utf8(self.seen.drain(..head_end).collect()).expect("UTF-8");
        let status = head.split(' ').nth(1)?.parse().expect("a status");
        let lower = head.to_ascii_lowercase();
        let length = lower
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |text| text.trim().parse().expect("a length"));
        while self.seen.len() < length {
            self.more().await?;
        }
        let body = String::from_utf8(self.seen.drain(..length).collect()).expect("UTF-8");
        Some(RawAnswer { status, head, body })
    }

    /// Reads until these bytes have come: where they end.
    pub(crate) async fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let found = self
                .seen
                .windows(bytes.len())
                .position(|part| part == bytes);
            match found {
                Some(at) => return Some(at + bytes.len()),
                None => self.more().await?,
            }
        }
    }

    /// Waits for the end of the connection: whether nothing more came before it.
    pub(crate) async fn ends(&mut self) -> bool {
        while self.more().await.is_some() {}
        self.seen.is_empty()
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.seen);
        let read = tokio::time::timeout(PATIENCE, read).await;
        match read.expect("the server neither answers nor closes") {
            Ok(1..) => Some(()),
            Ok(0) | Err(_) => None,
        }
    }
}

/// A POST whose body is announced but not sent.
pub(crate) fn post_head(path: &str, key: Option<&str>, length: usize, more: &str) -> String {
    let key = key.map_or(String::new(), |key| format!("x-api-key: {key}\r\n"));
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{key}{more}\r\n"
    )
}
