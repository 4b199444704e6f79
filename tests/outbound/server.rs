//! The other side: a listener that records what it is asked and answers as it is told.
//! It writes its answers byte by byte itself, so that it can also answer wrongly, slowly or not at all.

// Several test binaries include this file, and each uses a part of it.
#![allow(dead_code)]

use flowlatch::engine::outbound::{Lookup, Outbound, OutboundOptions, OutboundRequest};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the other side was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and target: `GET /path?query`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the other side does.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing, with the connection open.
    Stall(Vec<u8>),
    /// These bytes for ever.
    Endless(Vec<u8>),
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
        bytes.extend_from_slice(body);
        Reply::Bytes(bytes)
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Reply {
        Reply::new(status, &[("location", location)], "")
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port of loopback.
    pub(crate) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Server::on(listener, answer)
    }

    /// Answers what comes to this listener.
    pub(crate) fn on(
        listener: TcpListener,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        let answer = Arc::new(answer);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                tokio::spawn(async move {
                    // The client may go away in the middle; that is what some tests are about.
                    drop(serve(stream, &record, &*answer).await);
                });
            }
        });
        Server {
            address,
            asked,
            accepting,
        }
    }

    /// Stops listening: who connects from now on is refused.
    pub(crate) async fn close(self) {
        self.accepting.abort();
        // It ends as a task that was told to.
        drop(self.accepting.await);
    }

    /// Always the same answer.
    pub(crate) async fn saying(reply: Reply) -> Server {
        Server::start(move |_| reply.clone()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panicked").clone()
    }

    /// The one thing that was asked.
    pub(crate) fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    record: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let asked = loop {
        if let Some(asked) = parse(&bytes) {
            break asked;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let reply = answer(&asked);
    record.lock().expect("no test panicked").push(asked);
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Reply::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            // Ends when the client goes away.
            stream.read_buf(&mut Vec::new()).await.map(|_| ())
        }
        Reply::Endless(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
    }
}

/// The request, once it is there as a whole.
fn parse(bytes: &[u8]) -> Option<Asked> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let asked = Asked {
        line,
        headers,
        body: body.to_owned(),
    };
    let length = asked.header("content-length").unwrap_or("0").parse().ok();
    (asked.body.len() >= length?).then_some(asked)
}

/// A client that may call `allow`.
pub(crate) fn outbound(allow: &[&str]) -> Outbound {
    outbound_asking(allow, Lookup::system())
}

/// A client that may call `allow`, and learns so where a host is.
pub(crate) fn outbound_asking(allow: &[&str], lookup: Lookup) -> Outbound {
    Outbound::new(OutboundOptions {
        allow: allow.iter().map(|entry| (*entry).to_owned()).collect(),
        max_response_bytes: 64 * 1024,
        timeout_ms: 10_000,
        lookup,
    })
    .expect("entries are well formed")
}

/// A plain GET.
pub(crate) fn get(url: &str) -> OutboundRequest {
    OutboundRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        timeout_ms: None,
        max_response_bytes: None,
        confined: None,
    }
}
