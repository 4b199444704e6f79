//! `GET /runs/:id/events`: ids, resuming, live following, and every way in which a stream ends.

use crate::runs::{call, server_with_upstream, wait_ms};
use crate::support::{Client, TestServer};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a test waits for what must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is being read.
pub(crate) struct Events {
    response: Response,
    read: String,
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Event {
    /// A date of the event, in milliseconds since the Unix epoch.
    pub(crate) fn moment(&self, name: &str) -> i64 {
        let date = self.data[name].as_str().expect("a date");
        flowlatch::clock::parse_iso(date).expect("an ISO 8601 date")
    }
}

impl Events {
    pub(crate) async fn open(client: &Client, run: &str, last_event_id: Option<&str>) -> Events {
        let mut request = client.request(Method::GET, &format!("/api/v1/runs/{run}/events"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            response,
            read: String::new(),
        }
    }

    /// The next event; `None` at the end of the stream. Comments are passed over.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let event = parse(block);
                self.read = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = self.chunk().await?;
            self.read.push_str(&chunk);
        }
    }

    async fn chunk(&mut self) -> Option<String> {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
        let chunk = chunk.expect("something within 20 s");
        let chunk = chunk.expect("the stream ends well")?;
        Some(String::from_utf8(chunk.to_vec()).expect("UTF-8"))
    }

    /// Reads until the event of this name, and gives it.
    pub(crate) async fn until(&mut self, name: &str) -> Event {
        let mut seen = Vec::new();
        while let Some(event) = self.next().await {
            if event.name == name {
                return event;
            }
            seen.push(event.name);
        }
        panic!("the stream ended without {name}; it had {seen:?}");
    }

    pub(crate) async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{name}: ")))
    };
    Some(Event {
        id: field("id")?.parse().expect("a number"),
        name: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).expect("JSON"),
    })
}

async fn start(server: &TestServer, workflow: &str) -> String {
    let answer = server
        .admin()
        .post(&format!("/api/v1/workflows/{workflow}/run"), json!({}))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_stream_follows_a_run_to_its_end_and_can_be_resumed_anywhere() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = server
        .workflow(
            "followed",
            json!([
                call("first", &upstream.url("/held")),
                wait_ms("rest", 60_000)
            ]),
        )
        .await;
    let run = start(&server, &workflow).await;
    let admin = server.admin();
    let mut live = Events::open(&admin, &run, None).await;

    // Live while a call is under way, and while the run waits.
    assert_eq!(live.next().await.expect("an event").name, "run.started");
    let started = live.next().await.expect("an event");
    assert_eq!(started.name, "step.started");
    assert_eq!(started.data["step"], "first");
    assert_eq!(started.data["attempt"], 1);
    assert_eq!(started.data["sequence"], started.id);
    assert_eq!(started.data["at"], "2024-01-15T10:00:00.000Z");
    gate.open();
    let waiting = live.until("step.waiting").await;
    assert_eq!(waiting.data["step"], "rest");
    server.clock.advance_ms(60_000);
    let rest = live.rest().await;
    assert_eq!(rest.last().expect("an end").name, "run.completed");

    let whole = Events::open(&admin, &run, None).await.rest().await;
    let ids: Vec<u64> = whole.iter().map(|event| event.id).collect();
    assert_eq!(ids, (0..whole.len() as u64).collect::<Vec<_>>());
    let names: Vec<&str> = whole.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "run.started",
            "step.started",
            "step.completed",
            "step.waiting",
            "step.completed",
            "run.completed"
        ]
    );
    for from in 0..whole.len() {
        let resumed = Events::open(&admin, &run, Some(&from.to_string())).await;
        assert_eq!(resumed.rest().await, whole[from + 1..], "after {from}");
    }
    let beyond = Events::open(&admin, &run, Some("18446744073709551615")).await;
    assert_eq!(beyond.rest().await, []);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_is_kept_alive_by_comments() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server
        .workflow("long", json!([wait_ms("w", 300 * 86_400_000)]))
        .await;
    let run = start(&server, &workflow).await;
    let mut stream = Events::open(&server.admin(), &run, None).await;
    stream.until("step.waiting").await;
    for _ in 0..2 {
        // The stream may begin its wait after one of the steps, but not after all of them.
        let time = async {
            loop {
                server.clock.advance_ms(15_000);
                tokio::task::yield_now().await;
            }
        };
        let heard = tokio::select! {
            chunk = stream.chunk() => chunk,
            () = time => None,
        };
        assert_eq!(heard.as_deref(), Some(": heartbeat\n\n"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stream_needs_the_scope_the_reach_and_a_sensible_last_event_id() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server.workflow("guarded", json!([wait_ms("w", 1)])).await;
    let other = server.workflow("other", json!([wait_ms("w", 1)])).await;
    let run = start(&server, &workflow).await;
    let path = format!("/api/v1/runs/{run}/events");
    let without = server.with(&["workflows:execute", "workflows:read"]).await;
    let refused = without.get(&path).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.json()["error"]["required"], json!(["runs:read"]));
    let (_, elsewhere) = server
        .with_key(json!({ "name": "bound", "scopes": ["runs:read"], "workflowId": other }))
        .await;
    assert_eq!(elsewhere.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        server.anonymous().get(&path).await.status,
        StatusCode::UNAUTHORIZED
    );
    for wrong in ["x", "-1", "1.5", "18446744073709551616"] {
        let request = server.admin().request(Method::GET, &path);
        let response = request.header("last-event-id", wrong).send().await;
        let status = response.expect("an answer").status();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    server.stop().await;
}

/// Every change after which a key may not read the run any more ends its streams within 5 s, and harms neither the run nor
/// the streams of other keys.
#[tokio::test]
async fn a_stream_ends_soon_after_its_key_does() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server.workflow("long", json!([wait_ms("w", 60_000)])).await;
    let run = start(&server, &workflow).await;
    let admin = server.admin();
    let changes = [
        (Method::DELETE, Value::Null),
        (Method::PATCH, json!({ "disabled": true })),
        (Method::PATCH, json!({ "scopes": ["workflows:read"] })),
    ];
    let mut streams = Vec::new();
    for (method, body) in changes {
        let (record, client) = server
            .with_key(json!({ "name": "short", "scopes": ["runs:read"] }))
            .await;
        let mut stream = Events::open(&client, &run, None).await;
        stream.until("step.waiting").await;
        let id = record["id"].as_str().expect("an id");
        let path = format!("/api/v1/auth/api-keys/{id}");
        let answer = admin.send(method, &path, body).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        streams.push(stream);
    }
    let mut kept = Events::open(&admin, &run, None).await;
    let since = Instant::now();
    for stream in streams {
        assert_eq!(stream.rest().await, []);
    }
    assert!(since.elapsed() < Duration::from_secs(5));
    kept.until("step.waiting").await;
    server.clock.advance_ms(60_000);
    kept.until("run.completed").await;
    server.stop().await;
}

#[tokio::test]
async fn streams_end_when_the_server_stops_and_do_not_hold_it_up() {
    let (server, _upstream) = server_with_upstream().await;
    let workflow = server.workflow("long", json!([wait_ms("w", 60_000)])).await;
    let run = start(&server, &workflow).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = Events::open(&server.admin(), &run, None).await;
        stream.until("step.waiting").await;
        streams.push(stream);
    }
    let since = Instant::now();
    let stopped = tokio::spawn(server.stop());
    for stream in streams {
        assert_eq!(stream.rest().await, []);
    }
    stopped.await.expect("a clean stop");
    assert!(since.elapsed() < Duration::from_secs(5));
}
