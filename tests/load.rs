//! Many at once: no write is refused for want of a lock, and a change of a key is in force when it was answered, however
//! many of its requests are under way.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "api/support.rs"]
mod support;

use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use support::{Answer, Client, MONDAY_MS, TestServer};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// A server without limits on what a key may ask.
async fn server(clock: Clock) -> TestServer {
    TestServer::start_with(clock, |config| {
        config.limit_read = Limit::Unlimited;
        config.limit_write = Limit::Unlimited;
        config.limit_execute = Limit::Unlimited;
    })
    .await
}

fn steps() -> Value {
    json!([
        { "id": "a", "type": "transform", "config": { "sourceData": "{{input.n}}" } },
        { "id": "b", "type": "transform", "config": { "sourceData": "{{steps.a}}" } },
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_writers_at_once_are_all_served() {
    const WRITERS: usize = 500;
    let server = server(Clock::system()).await;
    let workflow = server.workflow("busy", steps()).await;
    let barrier = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let (admin, barrier, workflow) = (server.admin(), barrier.clone(), workflow.clone());
        writers.spawn(async move {
            barrier.wait().await;
            let answer = match n % 5 {
                0 => {
                    let body = json!({ "name": format!("w{n}"), "trigger": { "type": "api" }, "steps": steps() });
                    admin.post("/api/v1/workflows", body).await
                }
                1 => {
                    let path = format!("/api/v1/workflows/{workflow}");
                    let body = json!({ "description": format!("by {n}") });
                    admin.send(Method::PUT, &path, body).await
                }
                kind => {
                    let mode = if kind == 2 { "async" } else { "sync" };
                    let path = format!("/api/v1/workflows/{workflow}/run");
                    admin.post(&path, json!({ "input": { "n": n }, "mode": mode })).await
                }
            };
            (n, answer)
        });
    }
    let mut runs = HashSet::new();
    for (n, answer) in writers.join_all().await {
        assert!(
            answer.status.is_success(),
            "{n}: {} {}",
            answer.status,
            answer.text
        );
        assert!(!answer.text.contains("locked"), "{n}: {}", answer.text);
        if n % 5 > 2 {
            assert_eq!(answer.data()["output"], n, "its own output");
        }
        if n % 5 >= 2 {
            runs.insert(answer.data()["runId"].as_str().expect("an id").to_owned());
        }
    }
    assert_eq!(runs.len(), WRITERS / 5 * 3);
    for run in runs {
        // The stream of a run ends with it, so this waits for those that nobody has waited for.
        server
            .admin()
            .get(&format!("/api/v1/runs/{run}/events"))
            .await;
        let run = server
            .admin()
            .get(&format!("/api/v1/runs/{run}"))
            .await
            .data();
        assert_eq!(run["status"], "completed");
    }
    server.stop().await;
}

/// Requests of one key, without a pause, from many tasks. Each notes whether it began after the change was answered.
struct Flood {
    changed: Arc<AtomicBool>,
    let_in_before: Arc<AtomicUsize>,
    tasks: JoinSet<Vec<(bool, StatusCode)>>,
}

impl Flood {
    fn start(client: &Client, paths: &[String]) -> Flood {
        let changed = Arc::new(AtomicBool::new(false));
        let let_in_before = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for path in paths.iter().cycle().take(24) {
            let (client, changed) = (client.clone(), changed.clone());
            let path = path.clone();
            let let_in_before = let_in_before.clone();
            tasks.spawn(async move {
                let mut seen = Vec::new();
                let mut further = 20;
                while further > 0 {
                    let began_after = changed.load(Ordering::SeqCst);
                    let answer = if path.ends_with("/run") {
                        client.post(&path, json!({ "mode": "sync" })).await
                    } else {
                        client.get(&path).await
                    };
                    if answer.status == StatusCode::OK && !began_after {
                        let_in_before.fetch_add(1, Ordering::SeqCst);
                    }
                    seen.push((began_after, answer.status));
                    further -= usize::from(began_after);
                }
                seen
            });
        }
        Flood {
            changed,
            let_in_before,
            tasks,
        }
    }

    /// Returns when the key's requests are well under way.
    async fn is_under_way(&self) {
        while self.let_in_before.load(Ordering::SeqCst) < 100 {
            tokio::task::yield_now().await;
        }
    }

    /// No request that began after the change was answered got in; those get this status.
    async fn after_the_change(self, what: &str, refused: StatusCode) {
        let seen = self.tasks.join_all().await.concat();
        let before: Vec<_> = seen.iter().filter(|(after, _)| !after).collect();
        assert!(before.iter().any(|(_, status)| *status == StatusCode::OK));
        for (_, status) in before {
            assert!(
                [StatusCode::OK, refused].contains(status),
                "{what}: {status}"
            );
        }
        let after: Vec<_> = seen.iter().filter(|(after, _)| *after).collect();
        assert_eq!(after.len(), 24 * 20);
        for (_, status) in after {
            assert_eq!(*status, refused, "{what}: began after the answer");
        }
    }
}

/// A key, a flood of its requests, a change, and how requests are refused from then on.
async fn change_under_load(
    server: &TestServer,
    workflow: &str,
    what: &str,
    refused: StatusCode,
    change: impl AsyncFnOnce(Client, String, Client) -> Answer,
) {
    let scopes = ["workflows:read", "runs:read", "workflows:execute"];
    let (record, client) = server
        .with_key(json!({ "name": what, "scopes": scopes }))
        .await;
    let paths = [
        format!("/api/v1/workflows/{workflow}"),
        "/api/v1/runs".to_owned(),
        format!("/api/v1/workflows/{workflow}/run"),
    ];
    let flood = Flood::start(&client, &paths);
    flood.is_under_way().await;
    let path = format!(
        "/api/v1/auth/api-keys/{}",
        record["id"].as_str().expect("an id")
    );
    let answer = change(server.admin(), path, client).await;
    flood.changed.store(true, Ordering::SeqCst);
    assert!(answer.status.is_success(), "{what}: {}", answer.text);
    flood.after_the_change(what, refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_that_began_after_a_keys_end_was_answered_gets_in() {
    let server = server(Clock::manual(MONDAY_MS)).await;
    let clock = server.clock.clone();
    let workflow = server.workflow("guarded", steps()).await;
    let gone = StatusCode::UNAUTHORIZED;
    change_under_load(
        &server,
        &workflow,
        "revoked",
        gone,
        async |admin, path, _| admin.send(Method::DELETE, &path, Value::Null).await,
    )
    .await;
    change_under_load(
        &server,
        &workflow,
        "disabled",
        gone,
        async |admin, path, _| {
            admin
                .send(Method::PATCH, &path, json!({ "disabled": true }))
                .await
        },
    )
    .await;
    change_under_load(
        &server,
        &workflow,
        "expired",
        gone,
        async |admin, path, _| {
            let moment = flowlatch::clock::iso_utc(MONDAY_MS + 1_000);
            let body = json!({ "expiresAt": moment });
            let answer = admin.send(Method::PATCH, &path, body).await;
            clock.advance_ms(1_000);
            answer
        },
    )
    .await;
    change_under_load(
        &server,
        &workflow,
        "without scopes",
        StatusCode::FORBIDDEN,
        async |admin, path, _| {
            admin
                .send(Method::PATCH, &path, json!({ "scopes": ["usage:read"] }))
                .await
        },
    )
    .await;
    server.stop().await;
}

/// A rotation without grace ends the old text with the first use of the new one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_with_the_old_text_gets_in_once_the_new_one_was_used() {
    let server = server(Clock::manual(MONDAY_MS)).await;
    let workflow = server.workflow("guarded", steps()).await;
    let gone = StatusCode::UNAUTHORIZED;
    change_under_load(
        &server,
        &workflow,
        "rotated",
        gone,
        async |admin, path, old| {
            let body = json!({ "graceSeconds": 0 });
            let answer = admin.post(&format!("{path}/rotate"), body).await;
            assert!(answer.status.is_success(), "{}", answer.text);
            let unused = old.get("/api/v1/auth/api-keys/self").await;
            assert_eq!(unused.status, StatusCode::OK, "not used yet");
            let new = answer.data()["key"].as_str().expect("a key").to_owned();
            let mut client = old;
            client.key = Some(new);
            client.get("/api/v1/auth/api-keys/self").await
        },
    )
    .await;
    server.stop().await;
}
