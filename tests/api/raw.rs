//! Requests as bytes, for what a well-behaved client would never send: odd paths, two `Host` headers, broken bodies.

use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;

/// An answer, taken apart by hand.
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A request's head and body. `target` is sent as it stands; nothing is added.
pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// A connection that is used again and again.
pub(crate) struct Connection(BufStream<TcpStream>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).await.expect("a connection");
        Connection(BufStream::new(stream))
    }

    /// Sends all of `bytes` before reading anything, as a plain client does, then reads the answer to its end.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> RawAnswer {
        self.0.write_all(bytes).await.expect("everything is taken");
        self.0.flush().await.expect("everything is sent");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.0.read_line(&mut head).await.expect("a line");
            assert!(read > 0, "the connection ended within {head:?}");
        }
        let mut answer = RawAnswer::parse(&head);
        let length = answer
            .header("content-length")
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![
            0;
            if bytes.starts_with(b"HEAD ") {
                0
            } else {
                length
            }
        ];
        self.0.read_exact(&mut body).await.expect("a whole body");
        answer.body = String::from_utf8(body).expect("text");
        answer
    }
}

/// The same on a connection of its own.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> RawAnswer {
    Connection::open(address).await.send(bytes).await
}

/// A `GET` of `target` with these headers beside `Host`.
pub(crate) async fn get(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> RawAnswer {
    let host = address.to_string();
    let all: Vec<(&str, &str)> = [("Host", host.as_str())]
        .into_iter()
        .chain(headers.iter().copied())
        .collect();
    send(address, &request("GET", target, &all, b"")).await
}

impl RawAnswer {
    fn parse(head: &str) -> RawAnswer {
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no status: {head:?}"));
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        RawAnswer {
            status,
            headers,
            body: String::new(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}
