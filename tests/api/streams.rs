//! Many event streams, large ones, and answers that nobody reads: what one client may hold of the server.

use crate::support::TestServer;
use crate::wire::Wire;
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const STREAMS: usize = 100;

async fn waiting_run(server: &TestServer, steps: Value, input: Value) -> String {
    let workflow = server.workflow("waits", steps).await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    let started = server.admin().post(&path, json!({ "input": input })).await;
    started.data()["runId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_key_has_a_hundred_streams_open_and_one_that_has_ended_makes_room() {
    let server = TestServer::start().await;
    let steps = json!([{"id": "rest", "type": "wait", "config": {"duration": 1, "unit": "hours"}}]);
    let run = waiting_run(&server, steps, json!({})).await;
    let path = format!("/api/v1/runs/{run}/events");
    let key = server.with(&["runs:read"]).await;
    let open = async || {
        let request = key.request(Method::GET, &path);
        request.send().await.expect("an answer")
    };
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let stream = open().await;
        assert_eq!(stream.status(), StatusCode::OK);
        streams.push(stream);
    }
    let refused = key.get(&path).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.error_code(), "RATE_LIMITED");
    assert!(
        refused.text.contains("100 event streams"),
        "{}",
        refused.text
    );
    let other = server.with(&["runs:read"]).await;
    let request = other.request(Method::GET, &path);
    assert_eq!(
        request.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    let cancel = format!("/api/v1/runs/{run}/cancel");
    assert_eq!(server.owner("POST", &cancel).await, 200);
    for stream in streams {
        let text = stream.text().await.expect("a whole stream");
        assert!(text.contains("event: run.cancelled"), "{text}");
    }
    assert_eq!(open().await.status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_journal_of_many_parts_arrives_whole_and_in_order() {
    let server = TestServer::start().await;
    let mut steps: Vec<Value> = (0..40)
        .map(|number| {
            json!({
                "id": format!("s{number}"), "type": "transform",
                "config": { "sourceData": "{{input.text}}" },
            })
        })
        .collect();
    steps.push(json!({"id": "rest", "type": "wait", "config": {"duration": 1, "unit": "hours"}}));
    let input = json!({ "text": "x".repeat(50_000) });
    let run = waiting_run(&server, json!(steps), input).await;
    let path = format!("/api/v1/runs/{run}/events");
    let request = server.admin().request(Method::GET, &path);
    let mut stream = request.send().await.expect("an answer");
    let mut seen = String::new();
    while !seen.contains("event: step.waiting") {
        let piece = stream.chunk().await.expect("a piece").expect("it goes on");
        seen.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
    }
    let ids: Vec<usize> = seen
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .map(|id| id.parse().expect("a number"))
        .collect();
    let in_order: Vec<usize> = (0..ids.len()).collect();
    assert_eq!(ids, in_order);
    assert!(ids.len() > 40, "{ids:?}");
    server.stop().await;
}

#[tokio::test]
async fn who_does_not_read_answers_is_given_no_more_of_them() {
    const REQUESTS: usize = 300;
    let server = TestServer::start().await;
    let large = json!([{
        "id": "large", "type": "transform", "config": { "sourceData": "x".repeat(900_000) },
    }]);
    let workflow = server.workflow("large", large).await;
    let (key, reader) = server
        .with_key(json!({ "name": "reader", "scopes": ["workflows:read"] }))
        .await;
    let text = key["key"].as_str().expect("a key");
    let request = format!(
        "GET /api/v1/workflows/{workflow} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {text}\r\n\r\n"
    );
    let mut deaf = Wire::to(server.address()).await;
    deaf.send(&request.repeat(REQUESTS)).await;
    // What is not found shows the limit and counts for nothing. It has settled when it stands still for a while.
    let remaining = async || {
        let answer = reader.get("/api/v1/nothing").await;
        let remaining = answer.header("x-ratelimit-remaining");
        remaining
            .expect("a limit")
            .parse::<usize>()
            .expect("a number")
    };
    let (mut now, mut still) = (remaining().await, 0);
    while now == 1_000 || still < 100 {
        let next = remaining().await;
        still = if next == now { still + 1 } else { 0 };
        now = next;
    }
    let answered = 1_000 - now;
    assert!(
        answered < REQUESTS / 3,
        "{answered} answers of 0.9 MB wait in memory"
    );
    // Once they are read, the rest follows.
    for _ in 0..REQUESTS {
        assert_eq!(deaf.next_answer().await.expect("an answer").status, 200);
    }
    server.stop().await;
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_loses_the_connection() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.write_timeout_ms = 500;
        config.max_connections = 1;
    })
    .await;
    let mut steps: Vec<Value> = (0..40)
        .map(|number| {
            json!({
                "id": format!("s{number}"), "type": "transform",
                "config": { "sourceData": "{{input.text}}" },
            })
        })
        .collect();
    steps.push(json!({"id": "rest", "type": "wait", "config": {"duration": 1, "unit": "hours"}}));
    let run = waiting_run(
        &server,
        json!(steps),
        json!({ "text": "x".repeat(500_000) }),
    )
    .await;
    let mut deaf = Wire::to(server.address()).await;
    let key = &server.admin_key;
    deaf.send(&format!(
        "GET /api/v1/runs/{run}/events HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\n\r\n"
    ))
    .await;
    // The only connection there may be is the deaf one's until it is closed.
    assert!(Wire::to(server.address()).await.is_served().await);
    drop(deaf);
    server.stop().await;
}

#[tokio::test]
async fn streams_of_clients_that_have_gone_make_room_soon() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.limit_read = Limit::Unlimited;
    })
    .await;
    let steps = json!([{"id": "rest", "type": "wait", "config": {"duration": 1, "unit": "hours"}}]);
    let run = waiting_run(&server, steps, json!({})).await;
    let path = format!("/api/v1/runs/{run}/events");
    let admin = server.admin();
    let open = async || {
        let request = admin.request(Method::GET, &path);
        request.send().await.expect("an answer")
    };
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(open().await);
    }
    assert_eq!(open().await.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(streams);
    // Long before the next heartbeat of each is due.
    let soon = async { while open().await.status() != StatusCode::OK {} };
    let patience = std::time::Duration::from_secs(12);
    tokio::time::timeout(patience, soon).await.expect("room");
    server.stop().await;
}
