//! Answers that are told as they come: how long after the model's first token a client has it, and what open streams cost in
//! memory. The model runs in this process, so that its moments and the client's are of one clock; it says one token and then
//! nothing more until it is let go.
//!
//! Memory is measured on a server of its own, first when it has told a few streams one after the other, then with all of them
//! open at once, each at its first token. So what every server has after its first streams is none of theirs, and nothing that
//! earlier streams have left behind is taken off: all memory that is resident more counts, used or kept by the allocator.

use crate::client::{PATIENCE, runtime, with_body};
use crate::servers::Server;
use crate::table::Table;
use crate::{Result, Size, workflows};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// What the model says first, and what tells that a client has heard it.
const TOKEN: &str = "Hello";
const HEARD: &[u8] = br#""event":"token""#;
/// Streams before those that are counted.
const WARM_UP: usize = 20;

pub(crate) fn measure(size: Size, folder: &Path, table: &mut Table) -> Result<()> {
    let model = Model::start()?;
    let late_ms = late_ms(size, &model, &Streams::of(&folder.join("tokens"), &model)?)?;
    let at = |part: f64| late_ms[((late_ms.len() - 1) as f64 * part) as usize];
    table.row(
        "a streamed answer's first token after the model's, median and 99th percentile",
        &format!("{:.2} and {:.2} ms", at(0.5), at(0.99)),
        "≤ 2 ms",
    );
    let grown_mb = grown_mb(size, &Streams::of(&folder.join("streams"), &model)?)?;
    table.row(
        &format!(
            "memory of {} open streams, over a server without any",
            size.streams
        ),
        &format!("{grown_mb:.1} MB"),
        "≤ 40 MB",
    );
    model.let_go();
    Ok(())
}

/// How long each stream's first token took from the model to the client, sorted.
fn late_ms(size: Size, model: &Model, streams: &Streams) -> Result<Vec<f64>> {
    let mut late_ms = runtime()?.block_on(async {
        let mut late_ms = Vec::new();
        for _ in 0..WARM_UP + size.streams {
            let (_stream, heard) = streams.first_token().await?;
            late_ms.push((heard - model.said()?).as_secs_f64() * 1e3);
        }
        Ok::<_, Box<dyn std::error::Error>>(late_ms.split_off(WARM_UP))
    })?;
    late_ms.sort_by(f64::total_cmp);
    Ok(late_ms)
}

/// What a server takes with all streams open, over what it took before them.
fn grown_mb(size: Size, streams: &Streams) -> Result<f64> {
    runtime()?.block_on(async {
        for _ in 0..WARM_UP {
            streams.first_token().await?;
        }
        let idle_mb = streams.server.resident_mb()?;
        let mut open = Vec::new();
        for _ in 0..size.streams {
            open.push(streams.first_token().await?);
        }
        Ok(streams.server.resident_mb()? - idle_mb)
    })
}

/// A server whose flow asks the model, and a question to it.
struct Streams {
    server: Server,
    request: Vec<u8>,
}

impl Streams {
    fn of(folder: &Path, model: &Model) -> Result<Streams> {
        let server = Server::flowlatch_with_model(folder, &[workflows::TALK], &model.url)?;
        let id = server.workflow(workflows::TALK);
        let head = server.bearer_head(&format!("POST /flowise/api/v1/prediction/{id}"));
        let request = with_body(&head, r#"{"question":"Who is there?","streaming":true}"#);
        Ok(Streams { server, request })
    }

    /// Asks, and waits for the first token: the stream, which is open still, and when it was heard.
    async fn first_token(&self) -> Result<(TcpStream, Instant)> {
        let mut stream = TcpStream::connect(&self.server.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&self.request).await?;
        let mut seen = Vec::new();
        while !seen.windows(HEARD.len()).any(|part| part == HEARD) {
            let read = timeout(PATIENCE, stream.read_buf(&mut seen)).await;
            if !matches!(read, Ok(Ok(1..))) {
                let seen = String::from_utf8_lossy(&seen);
                return Err(format!("a stream without a token ({read:?}): {seen}").into());
            }
        }
        Ok((stream, Instant::now()))
    }
}

/// A model that speaks as OpenAI's do, on a thread of its own.
struct Model {
    url: String,
    said: Arc<Mutex<Option<Instant>>>,
    held: watch::Sender<bool>,
}

impl Model {
    fn start() -> Result<Model> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let (said, held) = (Arc::default(), watch::Sender::new(true));
        let (saying, holding) = (Arc::clone(&said), held.subscribe());
        let runtime = runtime()?;
        std::thread::spawn(move || {
            let served = runtime.block_on(serve(listener, saying, holding));
            if let Err(error) = served {
                eprintln!("the model has stopped: {error}");
            }
        });
        Ok(Model { url, said, held })
    }

    /// When the model has said its last first token.
    fn said(&self) -> Result<Instant> {
        let said = *self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.ok_or_else(|| "the model has said nothing".into())
    }

    fn let_go(&self) {
        self.held.send_replace(false);
    }
}

async fn serve(
    listener: std::net::TcpListener,
    said: Arc<Mutex<Option<Instant>>>,
    held: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (said, held) = (said.clone(), held.clone());
        tokio::spawn(async move {
            // A caller that goes away is answered no more.
            drop(speak(stream, &said, held).await);
        });
    }
}

/// Answers one call: one token, and the end when it is let go.
async fn speak(
    mut stream: TcpStream,
    said: &Mutex<Option<Instant>>,
    mut held: watch::Receiver<bool>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    if !timeout(PATIENCE, is_asked(&mut stream)).await?? {
        return Ok(());
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let token = format!(
        r#"data: {{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,"delta":{{"role":"assistant","content":"{TOKEN}"}},"finish_reason":null}}]}}"#
    );
    *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    stream
        .write_all(format!("{head}{token}\n\n").as_bytes())
        .await?;
    let mut byte = [0];
    tokio::select! {
        _ = held.wait_for(|held| !held) => {}
        _ = stream.read(&mut byte) => return Ok(()),
    }
    stream.write_all(b"data: [DONE]\n\n").await
}

/// Reads one call, head and body; whether it came whole.
async fn is_asked(stream: &mut TcpStream) -> std::io::Result<bool> {
    let mut asked = Vec::new();
    while !is_whole(&asked) {
        if stream.read_buf(&mut asked).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a message has come whole: its head, and as many bytes after it as that says.
fn is_whole(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lines = head.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| length.parse() == Ok(body.len()))
}
