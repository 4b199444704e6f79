//! `examples/workflows/*.json`, each of their ways.

use crate::other_side::{Reply, Server};
use crate::support::TestServer;
use flowlatch::clock::{Clock, parse_iso};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// 2024-01-15T10:00:00Z.
const START_MS: i64 = 1_705_312_800_000;

pub(crate) fn text(name: &str) -> String {
    let path = format!(
        "{}/examples/workflows/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).expect("the workflow's file")
}

pub(crate) fn file(name: &str) -> Value {
    serde_json::from_str(&text(name)).expect("JSON")
}

/// A server that may call the other side, and whose time is moved by [`follow`].
async fn server_that_calls(other: &Server) -> TestServer {
    let allowed = other.address.to_string();
    TestServer::start_with(Clock::manual(START_MS), |config| {
        config.outbound_allow = vec![allowed];
    })
    .await
}

/// Starts a run: its id.
pub(crate) async fn start(server: &TestServer, workflow: &str, input: Value) -> String {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let started = server.admin().post(&path, json!({ "input": input })).await;
    started.data()["runId"].as_str().expect("an id").to_owned()
}

pub(crate) async fn follow(server: &TestServer, workflow: &str, input: Value) -> (Value, Value) {
    let run = start(server, workflow, input).await;
    follow_run(server, &run).await
}

/// Follows a run's events to the end; whenever it waits for a moment, moves the time there. Gives the run, and the state of
/// each of its steps.
pub(crate) async fn follow_run(server: &TestServer, run: &str) -> (Value, Value) {
    let admin = server.admin();
    let run = format!("/api/v1/runs/{run}");
    let request = admin.request(Method::GET, &format!("{run}/events"));
    let mut events = request.send().await.expect("a stream");
    let mut unread = String::new();
    while let Some(chunk) = events.chunk().await.expect("events") {
        unread.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        while let Some((event, rest)) = unread.split_once("\n\n") {
            for data in event.lines().filter_map(|line| line.strip_prefix("data: ")) {
                let event: Value = serde_json::from_str(data).expect("JSON");
                let due = ["waitingUntil", "retryAt"]
                    .iter()
                    .find_map(|field| event[*field].as_str());
                if let Some(due) = due {
                    let due_ms = parse_iso(due).expect("a date");
                    let left_ms = u64::try_from(due_ms - server.clock.now_ms()).unwrap_or(0);
                    server.clock.advance_ms(left_ms);
                }
            }
            unread = rest.to_owned();
        }
    }
    let logs = admin.get(&format!("{run}/logs")).await.data();
    let steps = logs.as_array().expect("steps").iter().map(|step| {
        let id = step["stepId"].as_str().expect("an id").to_owned();
        (id, step["status"].clone())
    });
    let steps = steps.collect();
    (admin.get(&run).await.data(), steps)
}

/// Answers each health check with the next of these, the last one for ever; counts those that came to the chat.
async fn service(statuses: &'static [u16]) -> Server {
    let asked = Arc::new(AtomicUsize::new(0));
    Server::start(move |call| {
        if call.line == "POST /chat" {
            return Reply::new(200, &[], "");
        }
        assert_eq!(call.line, "GET /health");
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let status = statuses.get(number).or(statuses.last());
        Reply::new(*status.expect("a status"), &[], "")
    })
    .await
}

#[test]
fn every_workflow_has_a_row_in_the_readme() {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = std::fs::read_dir(format!("{root}/examples/workflows")).expect("the folder");
    let mut files: Vec<String> = folder
        .map(|file| file.expect("a file").file_name())
        .map(|name| format!("examples/workflows/{}", name.to_str().expect("UTF-8")))
        .collect();
    files.sort();
    let readme = std::fs::read_to_string(format!("{root}/README.md")).expect("the README");
    let mut rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `examples/workflows/")?.split_once('`'))
        .map(|(name, _)| name)
        .collect();
    rows.sort_unstable();
    let rows: Vec<String> = rows
        .iter()
        .map(|name| format!("examples/workflows/{name}"))
        .collect();
    assert_eq!(rows, files);
}

#[tokio::test]
async fn hello_greets_friends_and_strangers() {
    let server = TestServer::start().await;
    let id = server.workflow_with(file("hello")).await;
    for (input, greeting) in [
        (json!({ "name": "Ada" }), "Hello, Ada!"),
        (json!({}), "Hello, stranger!"),
        (json!({ "name": "" }), "Hello, stranger!"),
    ] {
        let run = server.admin().run(&id, input).await;
        assert_eq!(run["output"], json!({ "greeting": greeting }));
    }
    server.stop().await;
}

/// Orders by number, a chat with this status, and an API that is down for its first calls.
async fn shop(chat_status: u16, down_for: usize) -> Server {
    let asked = AtomicUsize::new(0);
    Server::start(move |call| match call.line.as_str() {
        "POST /chat" => Reply::new(chat_status, &[], ""),
        _ if asked.fetch_add(1, Ordering::SeqCst) < down_for => Reply::new(503, &[], ""),
        "GET /orders/1" => Reply::new(200, &[], r#"{"customer":"Ada","amount":1000}"#),
        "GET /orders/2" => Reply::new(200, &[], r#"{"customer":"Grace","amount":999.99}"#),
        _ => Reply::new(404, &[], "no such order"),
    })
    .await
}

async fn review(shop: &Server, order: u32) -> (Value, Value) {
    let server = server_that_calls(shop).await;
    let mut workflow = file("order-review");
    workflow["variables"]["ordersUrl"] = json!(shop.url("/orders"));
    workflow["variables"]["chatUrl"] = json!(shop.url("/chat"));
    let id = server.workflow_with(workflow).await;
    let followed = follow(&server, &id, json!({ "order": order })).await;
    server.stop().await;
    followed
}

#[tokio::test]
async fn a_large_order_is_held_and_the_chat_is_told() {
    let shop = shop(200, 0).await;
    let (run, steps) = review(&shop, 1).await;
    assert_eq!(
        run["output"],
        json!({ "decision": "hold", "amount": 1000, "chatWasTold": true })
    );
    assert_eq!(steps["release"], "skipped");
    let asked = shop.asked();
    let told = asked.last().expect("the chat was told");
    assert_eq!(told.line, "POST /chat");
    let text = "Order 1 of Ada costs 1000: please review it.";
    let body: Value = serde_json::from_str(&told.body).expect("JSON");
    assert_eq!(body, json!({ "text": text }));
    let key = format!("{}:notify", run["id"].as_str().expect("an id"));
    assert_eq!(told.header("idempotency-key"), Some(key.as_str()));
}

#[tokio::test]
async fn a_small_order_is_released_and_nobody_is_told() {
    let shop = shop(200, 0).await;
    let (run, steps) = review(&shop, 2).await;
    assert_eq!(
        run["output"],
        json!({ "decision": "release", "amount": 999.99 })
    );
    assert_eq!(
        (&steps["notify"], &steps["hold"]),
        (&json!("skipped"), &json!("skipped"))
    );
    assert_eq!(shop.only().line, "GET /orders/2");
}

#[tokio::test]
async fn with_the_chat_down_a_large_order_is_held_all_the_same() {
    let shop = shop(500, 0).await;
    let (run, steps) = review(&shop, 1).await;
    assert_eq!(run["status"], "completed");
    assert_eq!(run["output"]["decision"], "hold");
    assert_eq!(run["output"]["chatWasTold"], false);
    assert_eq!(steps["notify"], "failed");
}

#[tokio::test]
async fn orders_are_asked_for_three_times_and_an_unknown_one_once() {
    let slow = shop(200, 2).await;
    let (run, _) = review(&slow, 2).await;
    assert_eq!(run["output"]["decision"], "release");
    assert_eq!(slow.asked().len(), 3);

    let down = shop(200, 3).await;
    let (run, steps) = review(&down, 2).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("failed"), &Value::Null)
    );
    assert_eq!(steps["fetch"], "failed");
    assert_eq!(down.asked().len(), 3);

    let shop = shop(200, 0).await;
    let (run, _) = review(&shop, 3).await;
    assert_eq!(run["error"]["stepId"], "fetch");
    assert_eq!(shop.asked().len(), 1);
}

async fn deploy(service: &Server) -> (Value, Value, i64) {
    let server = server_that_calls(service).await;
    let id = server.workflow_with(file("deploy-check")).await;
    let input = json!({
        "service": "shop",
        "healthUrl": service.url("/health"),
        "chatUrl": service.url("/chat"),
    });
    let (run, steps) = follow(&server, &id, input).await;
    let took_ms = server.clock.now_ms() - START_MS;
    server.stop().await;
    (run, steps, took_ms)
}

fn lines(service: &Server) -> Vec<String> {
    service
        .asked()
        .into_iter()
        .map(|asked| asked.line)
        .collect()
}

#[tokio::test]
async fn a_service_that_comes_up_late_and_stays_up_is_healthy() {
    let service = service(&[503, 503, 200]).await;
    let (run, steps, took_ms) = deploy(&service).await;
    let report = json!({ "service": "shop", "answered": true, "healthy": true });
    assert_eq!(run["output"], report);
    assert_eq!(steps["alarm"], "skipped");
    assert_eq!(lines(&service), ["GET /health"; 4]);
    // Two delays of half to all of 2 s and 4 s, and 30 s to settle.
    assert!((33_000..=36_000).contains(&took_ms), "{took_ms}");
}

#[tokio::test]
async fn a_service_that_falls_over_while_it_settles_is_reported() {
    let service = service(&[200, 500]).await;
    let (run, steps, took_ms) = deploy(&service).await;
    let report = json!({ "service": "shop", "answered": true, "healthy": false });
    assert_eq!(run["output"], report);
    assert_eq!(
        (&steps["second"], &steps["alarm"]),
        (&json!("failed"), &json!("completed"))
    );
    assert_eq!(
        lines(&service),
        ["GET /health", "GET /health", "POST /chat"]
    );
    assert_eq!(took_ms, 30_000);
    let asked = service.asked();
    let body: Value = serde_json::from_str(&asked[2].body).expect("JSON");
    let text = "shop is not healthy after its deployment.";
    assert_eq!(body, json!({ "text": text }));
}

#[tokio::test]
async fn a_service_that_never_answers_is_reported_without_settling() {
    let service = service(&[503]).await;
    let (run, steps, _) = deploy(&service).await;
    let report = json!({ "service": "shop", "answered": false, "healthy": false });
    assert_eq!(run["output"], report);
    assert_eq!(
        (&steps["settle"], &steps["second"]),
        (&json!("skipped"), &json!("skipped"))
    );
    let mut expected = vec!["GET /health"; 5];
    expected.push("POST /chat");
    assert_eq!(lines(&service), expected);
}
