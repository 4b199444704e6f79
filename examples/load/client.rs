//! The load: plain sockets that send one request after the other and time each answer.

use crate::Result;
use crate::servers::Server;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// What has not been sent or answered after this long is an error.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Room for an answer; most are smaller.
const ANSWER_BYTES: usize = 64 << 10;

/// Requests to one server.
pub(crate) struct Load {
    address: String,
    requests: Requests,
    /// How many were sent.
    sent: Cell<u64>,
}

enum Requests {
    /// One, over and over.
    Same(Vec<u8>),
    /// Made by their number, from 0 on.
    Each(Box<dyn Fn(u64) -> Vec<u8>>),
}

/// What came of it.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Measured {
    /// The round in the middle, by rate.
    pub(crate) fn median(rounds: &[Measured]) -> Measured {
        let mut rounds = rounds.to_vec();
        rounds.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        rounds[rounds.len() / 2]
    }
}

/// When senders stop, whichever comes first.
#[derive(Clone, Copy)]
struct Until {
    moment: Instant,
    /// How many requests were sent, from the first on.
    sent: u64,
}

impl Load {
    pub(crate) fn get(server: &Server, path: &str) -> Load {
        Load::get_elsewhere(server, path, server)
    }

    /// What is sent to read from `server`, sent to another one.
    pub(crate) fn get_elsewhere(server: &Server, path: &str, other: &Server) -> Load {
        let head = server.head(&format!("GET {path}"));
        let request = format!("{head}\r\n").into_bytes();
        Load::new(other, Requests::Same(request))
    }

    /// Starts a run and waits for its end.
    pub(crate) fn run(server: &Server, workflow: &str, input: &str) -> Load {
        let request = with_body(&run_head(server, workflow), &run_body(input, "sync"));
        Load::new(server, Requests::Same(request))
    }

    /// Each request is made anew, by its number.
    pub(crate) fn each(server: &Server, make: impl Fn(u64) -> Vec<u8> + 'static) -> Load {
        Load::new(server, Requests::Each(Box::new(make)))
    }

    fn new(server: &Server, requests: Requests) -> Load {
        Load {
            address: server.address.clone(),
            requests,
            sent: Cell::new(0),
        }
    }

    fn next(&self) -> Cow<'_, [u8]> {
        let number = self.sent.replace(self.sent.get() + 1);
        match &self.requests {
            Requests::Same(request) => Cow::Borrowed(request),
            Requests::Each(make) => Cow::Owned(make(number)),
        }
    }

    /// Sends once; gives the body of the answer.
    pub(crate) fn body(&self) -> Result<String> {
        runtime()?.block_on(async {
            let mut connection = Connection::open(&self.address).await?;
            connection.ask(&self.next()).await
        })
    }

    /// Sends for so many seconds over so many connections at once; at least one request each.
    pub(crate) fn measure(&self, connections: usize, seconds: f64) -> Result<Measured> {
        let moment = Instant::now() + Duration::from_secs_f64(seconds);
        let sent = u64::MAX;
        let mut nanos = self.send(connections, Until { moment, sent })?;
        nanos.sort_unstable();
        let at = |part: f64| nanos[((nanos.len() - 1) as f64 * part) as usize] as f64 / 1e6;
        Ok(Measured {
            per_second: nanos.len() as f64 / seconds,
            median_ms: at(0.5),
            p99_ms: at(0.99),
        })
    }

    /// Sends so many requests over so many connections at once.
    pub(crate) fn send_all(&self, connections: usize, count: u64) -> Result<()> {
        let moment = Instant::now() + PATIENCE;
        let sent = self.sent.get() + count;
        self.send(connections, Until { moment, sent })?;
        let left = sent.saturating_sub(self.sent.get());
        if left > 0 {
            return Err(format!("{left} of {count} requests were not sent in {PATIENCE:?}").into());
        }
        Ok(())
    }

    /// How long each request took, in nanoseconds.
    fn send(&self, connections: usize, until: Until) -> Result<Vec<u64>> {
        runtime()?.block_on(async {
            let senders = (0..connections).map(|_| self.send_until(until));
            let done = futures_util::future::try_join_all(senders).await?;
            Ok(done.into_iter().flatten().collect())
        })
    }

    async fn send_until(&self, until: Until) -> Result<Vec<u64>> {
        let mut connection = Connection::open(&self.address).await?;
        let mut nanos = Vec::with_capacity(1 << 16);
        while self.sent.get() < until.sent {
            let request = self.next();
            let began = Instant::now();
            connection.send(&request).await?;
            nanos.push(u64::try_from(began.elapsed().as_nanos())?);
            if Instant::now() >= until.moment {
                break;
            }
        }
        Ok(nanos)
    }

    /// The next so many requests, made before anything is timed.
    pub(crate) fn made(&self, count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|_| self.next().into_owned()).collect()
    }
}

/// Connections to one server that stay open, for one load after the other.
pub(crate) struct Connections {
    runtime: Runtime,
    open: Vec<Connection>,
}

impl Connections {
    pub(crate) fn open(server: &Server, count: usize) -> Result<Connections> {
        let runtime = runtime()?;
        let opening = (0..count).map(|_| Connection::open(&server.address));
        let open = runtime.block_on(futures_util::future::try_join_all(opening))?;
        Ok(Connections { runtime, open })
    }

    /// Sends each request over the next connection that is free; how many were answered a second, up to the last answer.
    pub(crate) fn per_second(&mut self, requests: &[Vec<u8>]) -> Result<f64> {
        let left = RefCell::new(requests.iter());
        let began = Instant::now();
        let senders = self.open.iter_mut().map(|connection| async {
            loop {
                let Some(request) = left.borrow_mut().next() else {
                    return Ok::<_, Box<dyn std::error::Error>>(());
                };
                connection.send(request).await?;
            }
        });
        self.runtime
            .block_on(futures_util::future::try_join_all(senders))?;
        Ok(requests.len() as f64 / began.elapsed().as_secs_f64())
    }
}

/// One connection whose answers are read.
pub(crate) struct Connection {
    stream: TcpStream,
    /// What was read of the last answer.
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            answer: Vec::with_capacity(ANSWER_BYTES),
        })
    }

    /// Sends a request; gives the body of the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<String> {
        self.send(request).await?;
        let text = std::str::from_utf8(&self.answer)?;
        let (_, body) = text.split_once("\r\n\r\n").ok_or("no body")?;
        Ok(body.to_owned())
    }

    /// Sends a request and reads the whole answer.
    async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        while !is_whole(&self.answer)? {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
        Ok(())
    }
}

/// The head of requests that start runs.
pub(crate) fn run_head(server: &Server, workflow: &str) -> String {
    let id = server.workflow(workflow);
    server.head(&format!("POST /api/v1/workflows/{id}/run"))
}

/// The body of a request that starts a run; `mode` is `sync` or `async`.
pub(crate) fn run_body(input: &str, mode: &str) -> String {
    format!(r#"{{"input":{input},"mode":"{mode}"}}"#)
}

/// A head that lacks its end, and a JSON body.
pub(crate) fn with_body(head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

pub(crate) fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    Ok(builder.enable_all().build()?)
}

/// Whether the answer has come whole; any status but 200 and 202 is an error.
fn is_whole(answer: &[u8]) -> Result<bool> {
    let Some(head_end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = std::str::from_utf8(&answer[..head_end])?;
    if !head.starts_with("HTTP/1.1 200") && !head.starts_with("HTTP/1.1 202") {
        return Err(format!("unexpected answer: {}", String::from_utf8_lossy(answer)).into());
    }
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.ok_or("no content-length")?.parse()?;
    Ok(answer.len() >= head_end + 4 + length)
}
