//! The other side of outgoing calls: a local HTTP server that answers what the test tells it to, when the test tells it to,
//! and remembers every call. Nothing here waits for a time.

// Several test binaries include this file, and each uses a part of it.
#![allow(dead_code)]

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a test waits for what must happen before it fails.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// A running server; ends when it is dropped.
pub(crate) struct Upstream {
    address: SocketAddr,
    book: Arc<Book>,
    _tasks: JoinSet<()>,
}

/// One call, as it came in.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    gate: Option<watch::Receiver<bool>>,
}

/// Holds replies back until it is opened. Dropping it never opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(watch::Sender<bool>);

type Answers = Box<dyn Fn(&Call, usize) -> Reply + Send + Sync>;

#[derive(Default)]
struct Book {
    notes: Mutex<Notes>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Notes {
    calls: Vec<Call>,
    dropped: usize,
    open: HashMap<String, Open>,
    queued: HashMap<String, VecDeque<Reply>>,
    answers: HashMap<String, Answers>,
}

/// How many calls of a path wait for their answer.
#[derive(Default)]
struct Open {
    now: usize,
    most: usize,
}

impl Book {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("no test panicked while it wrote")
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::text(status, &body.to_string()).with("content-type", "application/json")
    }

    pub(crate) fn text(status: u16, body: &str) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            gate: None,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    /// Holds the reply back.
    pub(crate) fn gated(self) -> (Reply, Gate) {
        let gate = Gate::default();
        (self.behind(&gate), gate)
    }

    /// The same, held back by this gate.
    pub(crate) fn behind(mut self, gate: &Gate) -> Reply {
        self.gate = Some(gate.0.subscribe());
        self
    }
}

impl Gate {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }
}

impl Call {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn key(&self) -> &str {
        let value = self.headers.get("idempotency-key");
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

impl Upstream {
    pub(crate) async fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let book = Arc::new(Book::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, book.clone()));
        Upstream {
            address,
            book,
            _tasks: tasks,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next call of this path gets this reply. Without one: 200 with `{"path": …, "call": <number of calls>}`.
    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        let mut notes = self.book.notes();
        notes
            .queued
            .entry(path.to_owned())
            .or_default()
            .push_back(reply);
    }

    /// The next call of this path gets a plain 200, once the gate is opened.
    pub(crate) fn hold(&self, path: &str) -> Gate {
        let (reply, gate) = Reply::json(200, &json!({ "held": true })).gated();
        self.reply(path, reply);
        gate
    }

    /// Every call of this path is answered by `answer`, which also gets how many calls there were with the same
    /// `Idempotency-Key`, this one included.
    pub(crate) fn answer(
        &self,
        path: &str,
        answer: impl Fn(&Call, usize) -> Reply + Send + Sync + 'static,
    ) {
        let mut notes = self.book.notes();
        notes.answers.insert(path.to_owned(), Box::new(answer));
    }

    /// The calls of this path, in order.
    pub(crate) fn calls(&self, path: &str) -> Vec<Call> {
        let notes = self.book.notes();
        let of_path = notes.calls.iter().filter(|call| call.path() == path);
        of_path.cloned().collect()
    }

    /// The most calls of this path that waited for their answer at the same moment.
    pub(crate) fn most_open(&self, path: &str) -> usize {
        let notes = self.book.notes();
        notes.open.get(path).map_or(0, |open| open.most)
    }

    /// How often each `Idempotency-Key` was seen.
    pub(crate) fn calls_by_key(&self) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for call in &self.book.notes().calls {
            *counts.entry(call.key().to_owned()).or_default() += 1;
        }
        counts
    }

    /// Returns when this path has been called so often.
    pub(crate) async fn until_called(&self, path: &str, times: usize) {
        let enough = |notes: &Notes| {
            let of_path = notes.calls.iter().filter(|call| call.path() == path);
            of_path.count() >= times
        };
        self.until(&format!("{times} calls of {path}"), enough)
            .await;
    }

    /// Returns when so many callers have gone away before they were answered.
    pub(crate) async fn until_dropped(&self, times: usize) {
        self.until("a dropped call", |notes| notes.dropped >= times)
            .await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&Notes) -> bool) {
        let mut changed = self.book.changed.subscribe();
        let waiting = async {
            while !holds(&self.book.notes()) {
                changed.changed().await.expect("the book is here");
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "waited too long for {what}");
    }
}

async fn serve(listener: TcpListener, book: Arc<Book>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let book = book.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, book.clone()));
            let server = hyper::server::conn::http1::Builder::new();
            // A caller that goes away is what some tests are about.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// A call that waits for its answer. Notes its end, and whether it was dropped before.
struct Waiting {
    book: Arc<Book>,
    path: String,
    is_answered: bool,
}

impl Waiting {
    fn new(book: &Arc<Book>, path: &str) -> Waiting {
        let mut notes = book.notes();
        let open = notes.open.entry(path.to_owned()).or_default();
        open.now += 1;
        open.most = open.most.max(open.now);
        Waiting {
            book: book.clone(),
            path: path.to_owned(),
            is_answered: false,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut notes = self.book.notes();
        notes.dropped += usize::from(!self.is_answered);
        if let Some(open) = notes.open.get_mut(&self.path) {
            open.now -= 1;
        }
        drop(notes);
        self.book.changed.send_replace(());
    }
}

async fn answer(
    request: Request<Incoming>,
    book: Arc<Book>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes());
    let call = Call {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        body: body.unwrap_or_default().to_vec(),
    };
    let mut waiting = Waiting::new(&book, call.path());
    let reply = {
        let mut notes = book.notes();
        notes.calls.push(call.clone());
        let (mut of_path, mut of_key) = (0, 0);
        for known in &notes.calls {
            of_path += usize::from(known.path() == call.path());
            of_key += usize::from(known.key() == call.key());
        }
        let queued = notes
            .queued
            .get_mut(call.path())
            .and_then(VecDeque::pop_front);
        queued.unwrap_or_else(|| match notes.answers.get(call.path()) {
            Some(answer) => answer(&call, of_key),
            None => Reply::json(200, &json!({ "path": call.path(), "call": of_path })),
        })
    };
    book.changed.send_replace(());
    if let Some(mut gate) = reply.gate
        && gate.wait_for(|open| *open).await.is_err()
    {
        std::future::pending::<()>().await;
    }
    waiting.is_answered = true;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response
        .body(Full::new(reply.body.into()))
        .expect("a response"))
}
