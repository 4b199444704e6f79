//! The text of a key stands in the answer that made it and nowhere else: in no file, no log line and no other answer. The
//! credentials of connections, the secrets of workflows and the links of approvals that were sent stand nowhere at all.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "secrecy/answers.rs"]
mod answers;
#[path = "secrecy/forms.rs"]
mod forms;
#[path = "secrecy/links.rs"]
mod links;
#[path = "secrecy/planted.rs"]
mod planted;
#[path = "secrecy/services.rs"]
mod services;
#[path = "messages/smtp.rs"]
mod smtp;
#[path = "api/support.rs"]
mod support;
#[path = "api/upstream.rs"]
mod upstream;

use answers::every_answer;
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use flowlatch::secret::SecretText;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use support::{Client, TestServer};
use upstream::{Reply, Upstream};

/// Where alerts are told, and what they are signed with.
const ALERTS: &str = "/canary-of-the-path-of-alerts-0123456789";
const ALERT_SECRET: &str = "canary-of-the-secret-of-alerts-0123456789";

/// Keeps every log line of this process, at every level.
struct Lines(Mutex<String>);

static LINES: Lines = Lines(Mutex::new(String::new()));

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}\n", record.level(), record.target(), record.args());
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_str(&line);
    }

    fn flush(&self) {}
}

/// A text that must be nowhere, and the part of it that is secret.
struct Secret {
    text: String,
    middle: String,
}

impl Secret {
    fn of(text: &str) -> Secret {
        // The public part is in front, a checksum at most at the end.
        let from = text.len() - 30;
        Secret {
            text: text.to_owned(),
            middle: text[from..from + 20].to_owned(),
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        contains(bytes, self.text.as_bytes()) || contains(bytes, self.middle.as_bytes())
    }
}

pub(crate) fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// Texts that are nearly the key: none of them lets anybody in, and none of them may be kept either, since most of a
/// mistyped key is a key.
fn near_copies(text: &str) -> Vec<String> {
    let swapped = |from: char| if from == 'a' { 'b' } else { 'a' };
    let mut wrong_end = text.to_owned();
    let last = wrong_end.pop().expect("a character");
    wrong_end.push(swapped(last));
    vec![
        wrong_end,
        format!("{text}x"),
        text[..text.len() - 1].to_owned(),
        text.to_uppercase(),
        format!("Bearer {text}"),
        format!("{text}, {text}"),
    ]
}

/// Presents a text in every place where clients put keys.
async fn present_everywhere(nobody: &Client, text: &str) {
    for (name, value) in [
        ("x-api-key", text.to_owned()),
        ("authorization", format!("Bearer {text}")),
        ("authorization", format!("Basic {text}")),
        ("cookie", format!("key={text}")),
        ("idempotency-key", text.to_owned()),
        ("last-event-id", text.to_owned()),
    ] {
        let request = nobody.request(Method::GET, "/api/v1/runs");
        drop(request.header(name, value).send().await.expect("an answer"));
    }
    for path in [
        format!("/api/v1/runs?apikey={text}"),
        format!("/api/v1/runs?cursor={text}"),
        format!("/api/v1/workflows/{text}"),
        format!("/api/v1/{text}"),
        format!("/{text}/api/v1/runs"),
    ] {
        let answer = nobody.get(&path).await;
        assert!(answer.status.is_client_error(), "{path}");
        assert!(
            !contains(answer.text.as_bytes(), text.as_bytes()),
            "{path} is echoed"
        );
    }
    // Flowise's clients have it in a path, or in the query; a good one is let in there.
    for (method, path) in [
        (Method::GET, format!("/api/v1/verify/apikey/{text}")),
        (Method::GET, format!("/api/v1/chatflows/apikey/{text}")),
        (Method::POST, format!("/api/v1/prediction/x?apikey={text}")),
    ] {
        let request = nobody.request(method, &path).json(&json!({}));
        let answer = support::Answer::read(request.send().await.expect("an answer")).await;
        assert!(
            !contains(answer.text.as_bytes(), text.as_bytes()),
            "{path} is echoed"
        );
    }
}

/// Uses a key as it is meant, and so that requests fail after it was let in.
async fn use_it(client: &Client, workflows: &[String]) {
    for workflow in workflows {
        let path = format!("/api/v1/workflows/{workflow}/run");
        let sync = client
            .post(&path, json!({ "mode": "sync", "input": {} }))
            .await;
        assert_eq!(sync.status, StatusCode::OK, "{}", sync.text);
        assert_eq!(
            client.post(&path, json!({ "mode": 5 })).await.status,
            StatusCode::BAD_REQUEST
        );
        let run = sync.data()["runId"].as_str().expect("an id").to_owned();
        if sync.data()["status"] == "failed" {
            let retry = format!("/api/v1/runs/{run}/retry");
            client.post(&retry, Value::Null).await;
        }
    }
    let forbidden = client.get("/api/v1/audit").await;
    assert_eq!(forbidden.status, StatusCode::FORBIDDEN);
    let broken = client
        .request(
            Method::POST,
            &format!("/api/v1/workflows/{}/run", workflows[0]),
        )
        .header("content-type", "application/json")
        .body("{")
        .send();
    assert_eq!(
        broken.await.expect("an answer").status(),
        StatusCode::BAD_REQUEST
    );
}

/// Every file of the data folder, whole.
pub(crate) fn files(data: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(data).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            files.push((name, std::fs::read(&path).expect("a file")));
        }
    }
    files
}

fn found_nowhere(secrets: &[Secret], place: &str, bytes: &[u8]) {
    for secret in secrets {
        assert!(!secret.is_in(bytes), "a key's text is in {place}");
    }
}

/// Two workflows to run: one that ends well, one whose other side fails.
async fn workflows(server: &TestServer, upstream: &Upstream) -> Vec<String> {
    upstream.answer("/fails", |_, _| Reply::text(400, "no"));
    let good = json!([{ "id": "s", "type": "transform", "config": { "sourceData": 1 } }]);
    let config = json!({ "url": upstream.url("/fails") });
    let bad = json!([{ "id": "c", "type": "action", "action": "api.request", "config": config }]);
    vec![
        server.workflow("good", good).await,
        server.workflow("bad", bad).await,
    ]
}

/// A key of each format, used rightly and wrongly, rotated, one of them revoked: every text there ever was.
async fn keys_made_and_used(server: &TestServer, workflows: &[String]) -> Vec<Secret> {
    let mut secrets = vec![Secret::of(&server.admin_key)];
    for format in ["wfk", "sk", "flowise"] {
        let scopes = ["workflows:execute", "workflows:read", "runs:read"];
        let body = json!({ "name": format, "format": format, "scopes": scopes });
        let (record, client) = server.with_key(body).await;
        let text = client.key.clone().expect("a key");
        use_it(&client, workflows).await;
        present_everywhere(&server.anonymous(), &text).await;
        for copy in near_copies(&text) {
            present_everywhere(&server.anonymous(), &copy).await;
        }
        let path = format!(
            "/api/v1/auth/api-keys/{}",
            record["id"].as_str().expect("an id")
        );
        let admin = server.admin();
        let rotated = admin
            .post(&format!("{path}/rotate"), json!({ "graceSeconds": 60 }))
            .await;
        let successor = rotated.data()["key"].as_str().expect("a key").to_owned();
        let new = server.client(Some(successor.clone()));
        use_it(&new, workflows).await;
        secrets.extend([Secret::of(&text), Secret::of(&successor)]);
    }
    for key in server
        .admin()
        .get("/api/v1/auth/api-keys")
        .await
        .data()
        .as_array()
        .expect("a list")
    {
        if key["name"] == "sk" {
            let path = format!(
                "/api/v1/auth/api-keys/{}",
                key["id"].as_str().expect("an id")
            );
            server
                .admin()
                .send(Method::DELETE, &path, Value::Null)
                .await;
        }
    }
    secrets
}

/// A key is used from a second address, which is told.
async fn alert_told(server: &TestServer, upstream: &Upstream) {
    let client = server.with(&["runs:read"]).await;
    for address in ["203.0.113.1", "203.0.113.2"] {
        let request = client.request(Method::GET, "/api/v1/runs");
        let request = request.header("x-forwarded-for", address);
        assert!(
            request
                .send()
                .await
                .expect("an answer")
                .status()
                .is_success()
        );
    }
    upstream.until_called(ALERTS, 1).await;
    let told = upstream.calls(ALERTS);
    let header = format!("{:?}", told[0].headers);
    assert!(header.contains("v1=") && !header.contains(ALERT_SECRET));
}

/// To be asked last: the files are read behind the server's back.
fn no_file_has_any(secrets: &[Secret], server: &TestServer) {
    let data = server.data();
    let names: Vec<String> = files(data).into_iter().map(|(name, _)| name).collect();
    for wanted in [
        "flowlatch.db",
        "flowlatch.db-wal",
        "flowlatch.db-shm",
        "server.json",
    ] {
        assert!(
            names.iter().any(|name| name == wanted),
            "{wanted}: {names:?}"
        );
    }
    for (name, bytes) in files(data) {
        found_nowhere(secrets, &name, &bytes);
    }
    // The search itself finds what is there: the public part of a key, and what a request said.
    let public = &server.admin_key[4..12];
    assert!(
        files(data)
            .iter()
            .any(|(_, bytes)| contains(bytes, public.as_bytes()))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keys_text_is_only_in_the_answer_that_made_it() {
    log::set_logger(&LINES).expect("the first logger");
    log::set_max_level(log::LevelFilter::Trace);
    let upstream = Upstream::start().await;
    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        config.llm_base_url = Some(upstream.url("/v1"));
        config.limit_read = Limit::Unlimited;
        config.limit_write = Limit::Unlimited;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        config.alerts.url = Some(SecretText::new(upstream.url(ALERTS)));
        config.alerts.secret = Some(SecretText::new(ALERT_SECRET.to_owned()));
    })
    .await;
    planted::something_of_everything(&server).await;
    planted::credentials_used(&server, &upstream).await;
    services::used(&server, &upstream).await;
    let links = links::sent_and_answered(&server, &upstream).await;
    let workflows = workflows(&server, &upstream).await;
    let mut secrets = keys_made_and_used(&server, &workflows).await;
    assert_eq!(secrets.len(), 7);
    alert_told(&server, &upstream).await;
    secrets.extend([Secret::of(ALERT_SECRET), Secret::of(ALERTS)]);
    for answer in every_answer(&server.admin()).await {
        found_nowhere(&secrets, "an answer", answer.text.as_bytes());
        let headers = format!("{:?}", answer.headers);
        found_nowhere(&secrets, "a header", headers.as_bytes());
    }
    for call in upstream.calls("/fails") {
        found_nowhere(
            &secrets,
            "an outgoing call",
            format!("{:?}", call.headers).as_bytes(),
        );
    }
    let lines = LINES
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    assert!(lines.contains("hyper"), "the log was kept");
    found_nowhere(&secrets, "the log", lines.as_bytes());
    no_file_has_any(&secrets, &server);
    planted::nothing_has_what_was_planted(&server, &lines, &links).await;
    server.begin_stop();
}
