//! The load: plain sockets that send one prepared request after the other and time each answer.

use crate::Result;
use crate::servers::Server;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One prepared request, sent over and over.
pub(crate) struct Load {
    address: String,
    request: Vec<u8>,
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

impl Load {
    pub(crate) fn get(server: &Server, path: &str) -> Load {
        Load::new(server, &format!("GET {path}"), "")
    }

    /// Starts a run and waits for its end.
    pub(crate) fn run_workflow(server: &Server, workflow: &str) -> Load {
        let body = r#"{"input":{"amount":42,"name":"Ada"},"mode":"sync"}"#;
        Load::new(
            server,
            &format!("POST /api/v1/workflows/{workflow}/run"),
            body,
        )
    }

    fn new(server: &Server, line: &str, body: &str) -> Load {
        let length = if body.is_empty() {
            String::new()
        } else {
            format!(
                "content-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            )
        };
        let request = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\n{length}\r\n{body}",
            server.key
        );
        Load {
            address: server.address.clone(),
            request: request.into_bytes(),
        }
    }

    /// The body of one answer.
    pub(crate) fn body(&self) -> Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut stream = TcpStream::connect(&self.address).await?;
            stream.write_all(&self.request).await?;
            let mut answer = Vec::new();
            while !is_whole(&answer)? {
                if stream.read_buf(&mut answer).await? == 0 {
                    return Err("the server closed the connection".into());
                }
            }
            let text = String::from_utf8(answer)?;
            let (_, body) = text.split_once("\r\n\r\n").ok_or("no body")?;
            Ok(body.to_owned())
        })
    }

    /// Sends for so many seconds over so many connections at once; at least one request each.
    pub(crate) fn run(&self, connections: usize, seconds: f64) -> Result<Measured> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut nanos: Vec<u64> = runtime.block_on(async {
            let senders = (0..connections).map(|_| send_until(end, &self.address, &self.request));
            let done = futures_util::future::try_join_all(senders).await?;
            Ok::<_, Box<dyn std::error::Error>>(done.into_iter().flatten().collect())
        })?;
        nanos.sort_unstable();
        let at = |part: f64| nanos[((nanos.len() - 1) as f64 * part) as usize] as f64 / 1e6;
        Ok(Measured {
            per_second: nanos.len() as f64 / seconds,
            median_ms: at(0.5),
            p99_ms: at(0.99),
        })
    }
}

async fn send_until(end: Instant, address: &str, request: &[u8]) -> Result<Vec<u64>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut nanos = Vec::with_capacity(1 << 16);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let began = Instant::now();
        stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            filled += match stream.read(&mut buffer[filled..]).await? {
                0 => return Err("the server closed the connection".into()),
                read => read,
            };
            if is_whole(&buffer[..filled])? {
                break;
            }
        }
        nanos.push(u64::try_from(began.elapsed().as_nanos())?);
        if Instant::now() >= end {
            return Ok(nanos);
        }
    }
}

/// Whether the answer has come whole; any status but 200 is an error.
fn is_whole(answer: &[u8]) -> Result<bool> {
    let Some(head_end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = std::str::from_utf8(&answer[..head_end])?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(format!("unexpected answer: {}", String::from_utf8_lossy(answer)).into());
    }
    let length = head
        .split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.ok_or("no content-length")?.parse()?;
    Ok(answer.len() >= head_end + 4 + length)
}
