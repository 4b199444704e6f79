//! What is looked at after a crash: the file, the runs, and how often the other side was called.

use crate::server::{OneRun, Server, Setting};
use crate::support::{Answer, Client};
use crate::upstream::{Reply, Upstream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// A folder for the data, the other side, and the admin key.
pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) upstream: Upstream,
    pub(crate) key: String,
    pub(crate) setting: Setting,
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        let upstream = Upstream::start().await;
        // The first call with a key is turned away, later ones are not.
        upstream.answer("/flaky", |_, call| match call {
            1 => Reply::text(503, "later"),
            _ => Reply::json(200, &json!({ "fine": true })),
        });
        upstream.answer("/broken", |_, call| match call {
            1 => Reply::text(400, "no"),
            _ => Reply::json(200, &json!({ "mended": true })),
        });
        for path in ["/charge", "/yes"] {
            upstream.answer(path, |call, _| {
                Reply::json(200, &json!({ "receipt": call.path() }))
            });
        }
        Scene {
            folder: tempfile::tempdir().expect("a folder"),
            upstream,
            key: String::new(),
            setting: Setting::default(),
        }
    }

    /// Whose servers let one run go on at a time.
    pub(crate) async fn with_one_run(limit: Option<OneRun>) -> Scene {
        let mut scene = Scene::new().await;
        scene.setting.one_run = limit;
        scene
    }

    pub(crate) async fn server(&mut self) -> Server {
        Server::start(self.folder.path(), &mut self.key, self.setting).await
    }

    /// Looks at the file as it was left, then starts a server on it.
    pub(crate) async fn restarted(&mut self) -> Server {
        file_is_sound(self.folder.path());
        self.server().await
    }
}

/// Every finding about the database is good.
fn file_is_sound(data: &Path) {
    let findings = flowlatch::store::inspect(&data.join("flowlatch.db")).expect("it opens");
    assert!(!findings.is_empty());
    for finding in findings {
        assert!(finding.ok, "{}: {}", finding.name, finding.sentence);
    }
}

/// A new active workflow: its id.
pub(crate) async fn workflow(client: &Client, steps: Value) -> String {
    let body = json!({ "name": "crashing", "trigger": { "type": "api" }, "steps": steps });
    let created = client.post("/api/v1/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}/activate");
    let activated = client.post(&path, Value::Null).await;
    assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
    id
}

/// A request that may find its server dead.
pub(crate) async fn attempt(client: &Client, path: &str, body: Value) -> Option<Answer> {
    let request = client.request(Method::POST, path).json(&body);
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.ok()?;
    Some(Answer {
        status,
        headers,
        text,
    })
}

/// Starts a run under an idempotency key; with `sync` waits for its end.
pub(crate) async fn start(
    client: &Client,
    workflow: &str,
    key: &str,
    mode: &str,
) -> Option<Answer> {
    let body = json!({ "input": { "key": key }, "idempotencyKey": key, "mode": mode });
    attempt(client, &format!("/api/v1/workflows/{workflow}/run"), body).await
}

/// The run when it has ended.
pub(crate) async fn ended(client: &Client, run: &str) -> Value {
    let path = format!("/api/v1/runs/{run}/events");
    // The stream of a run ends with it.
    let stream = client.get(&path).await;
    assert_eq!(stream.status, StatusCode::OK, "{}", stream.text);
    let run = client.get(&format!("/api/v1/runs/{run}")).await.data();
    let status = run["status"].as_str().expect("a status");
    assert!(
        ["completed", "failed", "cancelled"].contains(&status),
        "{run}"
    );
    run
}

/// Returns when the step has this status.
pub(crate) async fn until_step(client: &Client, run: &str, step: &str, status: &str) {
    let path = format!("/api/v1/runs/{run}/logs");
    loop {
        let logs = client.get(&path).await.data();
        let mut steps = logs.as_array().expect("a list").iter();
        if steps.any(|log| log["stepId"] == step && log["status"] == status) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// What an ended run says of its steps, compared with the calls that the other side has counted.
///
/// Nothing that is recorded was done again: a step ends once, and every call beyond the attempts that it needed belongs to
/// an attempt that is marked unknown. `needed` is how many attempts a step needs undisturbed. Gives how many attempts were
/// unknown.
pub(crate) async fn effects_fit(
    client: &Client,
    upstream: &Upstream,
    run: &str,
    root: &str,
    needed: &[(&str, u64)],
) -> u64 {
    let logs = client.get(&format!("/api/v1/runs/{run}/logs")).await.data();
    let stream = client.get(&format!("/api/v1/runs/{run}/events")).await.text;
    let mut events: HashMap<(String, String), u64> = HashMap::new();
    for line in stream.lines() {
        if let Some(data) = line.strip_prefix("data: ") {
            let data: Value = serde_json::from_str(data).expect("JSON");
            let word = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
            *events.entry((word("type"), word("step"))).or_default() += 1;
        }
    }
    let count = |event: &str, step: &str| {
        let key = (event.to_owned(), step.to_owned());
        events.get(&key).copied().unwrap_or_default()
    };
    let calls = upstream.calls_by_key();
    let mut unknown_attempts = 0;
    for log in logs.as_array().expect("a list") {
        let step = log["stepId"].as_str().expect("an id");
        let ends = u64::from(log["status"] != "skipped");
        assert_eq!(
            count("step.completed", step),
            ends,
            "{run} {step} ends once"
        );
        let Some((_, needed)) = needed.iter().find(|(known, _)| *known == step) else {
            continue;
        };
        let attempts = log["attempts"].as_u64().expect("a number");
        let unknown = count("step.unknown", step);
        let called = calls.get(&format!("{root}:{step}")).copied();
        let called = called.unwrap_or_default() as u64;
        let story = format!("{run} {step}: {attempts} attempts, {unknown} unknown, {called} calls");
        // An unknown attempt may have been the answer that another one would have been needed for.
        let known = attempts - unknown;
        assert!(known <= *needed && known >= 1, "{story}");
        assert!(known == *needed || unknown > 0, "{story}");
        assert!(
            called <= attempts && called + unknown >= attempts,
            "{story}"
        );
        unknown_attempts += unknown;
    }
    unknown_attempts
}

/// No run is left unfinished.
pub(crate) async fn nothing_is_stuck(client: &Client) {
    for status in ["pending", "running"] {
        let answer = client.get(&format!("/api/v1/runs?status={status}")).await;
        assert_eq!(answer.data(), json!([]), "{status}");
    }
}
