//! A model server: streams, calls functions and answers schemas, always in the same way; or as the test has told it.
//! A request that is not of OpenAI's shape is a 400, and the test that sent it fails.

use crate::shape;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a test waits for what must happen before it fails.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// A text; in a stream in pieces of three letters.
    Text(String),
    /// Calls of functions: names and arguments.
    Calls(Vec<(&'static str, Value)>),
    /// Thinks first.
    Thinks(&'static str, &'static str),
    /// No success.
    Status(u16, &'static str),
    /// A stream that breaks off after this text.
    Half(&'static str),
    /// This text, and then nothing for as long as the caller waits.
    Hold(&'static str),
    /// Bytes that are no completion.
    Raw(&'static str),
    /// Bytes without an end.
    Endless,
}

impl Say {
    pub(crate) fn text(text: &str) -> Say {
        Say::Text(text.to_owned())
    }
}

/// A running server; ends when it is dropped.
pub(crate) struct Model {
    address: SocketAddr,
    book: Arc<Book>,
    _accepting: JoinSet<()>,
}

#[derive(Default)]
struct Book {
    notes: Mutex<Notes>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Notes {
    calls: Vec<Value>,
    authorizations: Vec<Option<String>>,
    misfits: Vec<String>,
    queued: VecDeque<Say>,
    dropped: usize,
}

impl Model {
    pub(crate) async fn start() -> Model {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let book = Arc::new(Book::default());
        let mut accepting = JoinSet::new();
        let of_server = book.clone();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let book = of_server.clone();
                // Who goes away in the middle is what some tests are about.
                connections.spawn(async move { drop(serve(stream, &book).await) });
            }
        });
        Model {
            address,
            book,
            _accepting: accepting,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The next call gets this. Without one: what [`by_itself`] says.
    pub(crate) fn says(&self, say: Say) {
        self.book
            .notes
            .lock()
            .expect("a note")
            .queued
            .push_back(say);
    }

    /// Every request so far. Fails where one was not of OpenAI's shape.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let notes = self.book.notes.lock().expect("a note");
        assert!(notes.misfits.is_empty(), "{:#?}", notes.misfits);
        notes.calls.clone()
    }

    /// The messages of the last request, each as `role: content`.
    pub(crate) fn last_messages(&self) -> Vec<String> {
        let calls = self.calls();
        messages_of(calls.last().expect("a call"))
    }

    /// The `Authorization` of every call.
    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.book
            .notes
            .lock()
            .expect("a note")
            .authorizations
            .clone()
    }

    pub(crate) async fn until_called(&self, times: usize) {
        self.until(|notes| notes.calls.len() >= times).await;
    }

    /// Returns when so many callers have gone away before they were answered.
    pub(crate) async fn until_dropped(&self, times: usize) {
        self.until(|notes| notes.dropped >= times).await;
    }

    async fn until(&self, holds: impl Fn(&Notes) -> bool) {
        let mut changed = self.book.changed.subscribe();
        let waiting = async {
            while !holds(&self.book.notes.lock().expect("a note")) {
                changed.changed().await.expect("the book is here");
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("it happens");
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(self.calls());
        }
    }
}

pub(crate) fn messages_of(call: &Value) -> Vec<String> {
    let messages = call["messages"].as_array().expect("messages").iter();
    messages
        .map(|message| {
            let content = match &message["content"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("{}: {content}", message["role"].as_str().expect("a role"))
        })
        .collect()
}

async fn serve(mut stream: TcpStream, book: &Book) -> std::io::Result<()> {
    let (head, body) = read(&mut stream).await?;
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let misfits = shape::misfits(&request);
    let authorization = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization")
            .then(|| value.trim().to_owned())
    });
    let say = {
        let mut notes = book.notes.lock().expect("a note");
        let is_wrong = !misfits.is_empty();
        notes.misfits.extend(misfits);
        notes.calls.push(request.clone());
        notes.authorizations.push(authorization);
        let queued = notes.queued.pop_front();
        match is_wrong {
            true => Say::Status(
                400,
                "{\"error\":{\"message\":\"not of the published shape\"}}",
            ),
            false => queued.unwrap_or_else(|| by_itself(&request)),
        }
    };
    book.changed.send_replace(());
    let streams = request["stream"] == true;
    answer(&mut stream, say, streams, book).await?;
    stream.shutdown().await
}

/// What it says that was not told what to say: a value of the schema, else what the user has said last.
fn by_itself(request: &Value) -> Say {
    if let Some(schema) = request.pointer("/response_format/json_schema/schema") {
        return Say::Text(value_of(schema).to_string());
    }
    let messages = messages_of(request);
    let said = messages
        .iter()
        .rev()
        .find_map(|said| said.strip_prefix("user: "));
    Say::Text(format!("You said: {}", said.unwrap_or("nothing")))
}

/// The first value that fits a schema.
fn value_of(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            fields
                .iter()
                .map(|(name, field)| (name.clone(), value_of(field)))
                .collect()
        }
        Some("array") => json!([value_of(&schema["items"])]),
        Some("number" | "integer") => json!(1),
        Some("boolean") => json!(true),
        _ => json!("text"),
    }
}

async fn answer(
    stream: &mut TcpStream,
    say: Say,
    streams: bool,
    book: &Book,
) -> std::io::Result<()> {
    let kind = if streams {
        "text/event-stream"
    } else {
        "application/json"
    };
    match say {
        Say::Status(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(format!("{head}{body}").as_bytes()).await
        }
        Say::Raw(body) => {
            head(stream, kind).await?;
            stream.write_all(body.as_bytes()).await
        }
        Say::Endless => {
            head(stream, kind).await?;
            loop {
                stream.write_all(&[b' '; 1 << 16]).await?;
            }
        }
        Say::Half(text) => {
            head(stream, kind).await?;
            pieces(stream, "content", text).await
        }
        Say::Hold(text) => {
            head(stream, kind).await?;
            pieces(stream, "content", text).await?;
            let gone = stream.read(&mut [0; 16]).await;
            if matches!(gone, Ok(0) | Err(_)) {
                book.notes.lock().expect("a note").dropped += 1;
                book.changed.send_replace(());
            }
            Ok(())
        }
        whole if streams => streamed(stream, whole).await,
        Say::Text(text) => whole(stream, json!({ "content": text }), "stop").await,
        Say::Thinks(thought, text) => {
            let message = json!({ "content": text, "reasoning_content": thought });
            whole(stream, message, "stop").await
        }
        Say::Calls(calls) => {
            let calls: Vec<Value> = calls
                .iter()
                .enumerate()
                .map(|(index, (name, arguments))| {
                    json!({ "id": format!("call_{index}"), "type": "function",
                        "function": { "name": name, "arguments": arguments.to_string() } })
                })
                .collect();
            let message = json!({ "content": null, "tool_calls": calls });
            whole(stream, message, "tool_calls").await
        }
    }
}

/// What is said, piece by piece.
async fn streamed(stream: &mut TcpStream, say: Say) -> std::io::Result<()> {
    head(stream, "text/event-stream").await?;
    let reason = match say {
        Say::Calls(calls) => {
            for (index, (name, arguments)) in calls.iter().enumerate() {
                let arguments = arguments.to_string();
                let (one, other) = arguments.split_at(arguments.len() / 2);
                let first = json!({ "index": index, "id": format!("call_{index}"), "type": "function",
                    "function": { "name": name, "arguments": one } });
                let second = json!({ "index": index, "function": { "arguments": other } });
                for call in [first, second] {
                    piece(stream, json!({ "tool_calls": [call] }), None).await?;
                }
            }
            "tool_calls"
        }
        Say::Thinks(thought, text) => {
            pieces(stream, "reasoning_content", thought).await?;
            pieces(stream, "content", text).await?;
            "stop"
        }
        Say::Text(text) => {
            pieces(stream, "content", &text).await?;
            "stop"
        }
        _ => "stop",
    };
    finish(stream, reason).await
}

async fn head(stream: &mut TcpStream, kind: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await
}

async fn whole(stream: &mut TcpStream, mut message: Value, reason: &str) -> std::io::Result<()> {
    message["role"] = json!("assistant");
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [{ "index": 0, "message": message, "finish_reason": reason }],
        "usage": usage(),
    });
    head(stream, "application/json").await?;
    stream.write_all(body.to_string().as_bytes()).await
}

fn usage() -> Value {
    json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 })
}

async fn pieces(stream: &mut TcpStream, field: &str, text: &str) -> std::io::Result<()> {
    let letters: Vec<char> = text.chars().collect();
    for part in letters.chunks(3) {
        let part: String = part.iter().collect();
        piece(stream, json!({ field: part }), None).await?;
    }
    Ok(())
}

async fn piece(stream: &mut TcpStream, delta: Value, reason: Option<&str>) -> std::io::Result<()> {
    let piece = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }],
    });
    stream
        .write_all(format!("data: {piece}\n\n").as_bytes())
        .await
}

async fn finish(stream: &mut TcpStream, reason: &str) -> std::io::Result<()> {
    piece(stream, json!({}), Some(reason)).await?;
    let last = json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage() });
    stream
        .write_all(format!("data: {last}\n\ndata: [DONE]\n\n").as_bytes())
        .await
}

/// The head of a request, and its body.
async fn read(stream: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            let body = bytes.split_off(end + 4);
            let mut body = body;
            while body.len() < length.unwrap_or_default() {
                if stream.read_buf(&mut body).await? == 0 {
                    break;
                }
            }
            return Ok((head, body));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
