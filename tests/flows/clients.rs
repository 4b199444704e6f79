//! Flowise's own clients against a running server: both SDKs, and the chat widget in a browser. `tests/flowise/install` fetches
//! them. Where they are not installed, these tests say what they skip, unless `FLOWISE_CLIENTS=required`: then they fail.

use crate::door::Door;
use crate::needed::{self, chromium};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long a client may take, with a browser's start.
const LONGEST: Duration = Duration::from_secs(90);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn clients() -> PathBuf {
    root().join("target/flowise")
}

/// Node.js, where it is on the path.
fn node() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join("node"));
    places
        .find(|node| node.exists())
        .unwrap_or_else(|| "node".into())
}

fn is_there(test: &str, parts: &[PathBuf]) -> bool {
    let how =
        "tests/flowise/install fetches the clients; CHROMIUM names a browser that stands elsewhere";
    needed::is_there(test, parts, "FLOWISE_CLIENTS", how)
}

/// What a client wrote, as JSON.
async fn play(program: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    command.env("NO_PROXY", "127.0.0.1");
    let output = tokio::time::timeout(LONGEST, command.output());
    let output = output
        .await
        .expect("in time")
        .expect("a client that starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// An SDK, and what it is started with.
struct Sdk {
    program: PathBuf,
    first: Vec<String>,
}

impl Sdk {
    fn javascript() -> Sdk {
        let script = root().join("tests/flowise/sdk.mjs");
        let first = [script, clients()].map(|path| path.display().to_string());
        Sdk {
            program: node(),
            first: first.to_vec(),
        }
    }

    fn python() -> Sdk {
        let script = root().join("tests/flowise/sdk.py");
        Sdk {
            program: clients().join("venv/bin/python"),
            first: vec![script.display().to_string()],
        }
    }

    async fn ask(&self, door: &Door, flow: &str, key: &str, streaming: bool) -> Value {
        let (base, streaming) = (base(door), streaming.to_string());
        let mut arguments: Vec<&str> = self.first.iter().map(String::as_str).collect();
        arguments.extend([
            base.as_str(),
            flow,
            key,
            &streaming,
            "is data:image/png kept?",
        ]);
        play(&self.program, &arguments).await
    }
}

fn base(door: &Door) -> String {
    format!("http://{}", door.server.address())
}

/// The text that the tokens of a stream make up.
fn streamed(told: &Value) -> String {
    let events = told["events"].as_array().expect("events");
    let tokens = events.iter().filter(|event| event["event"] == "token");
    tokens.filter_map(|event| event["data"].as_str()).collect()
}

async fn an_sdk_is_answered(sdk: &Sdk, refused: impl Fn(bool, &Value) -> bool) {
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let (key, said) = (
        door.server.admin_key.clone(),
        "You said: is data:image/png kept?",
    );
    let whole = sdk.ask(&door, &id, &key, false).await;
    assert_eq!(whole["answer"]["text"], said, "{whole}");
    let told = sdk.ask(&door, &id, &key, true).await;
    assert_eq!(streamed(&told), said, "{told}");
    let last = told["events"].as_array().and_then(|events| events.last());
    assert_eq!(last, Some(&json!({ "event": "end", "data": "[DONE]" })));
    let asked = door.model.calls().len();
    for (key, streaming) in [("wrong", false), ("wrong", true), ("", false), ("", true)] {
        let told = sdk.ask(&door, &id, key, streaming).await;
        assert!(refused(streaming, &told), "{key:?} {streaming}: {told}");
    }
    assert_eq!(
        door.model.calls().len(),
        asked,
        "who is refused reaches no model"
    );
    door.server.stop().await;
}

#[tokio::test]
async fn the_javascript_sdk_is_answered_and_refused() {
    if !is_there(
        "flowise-sdk",
        &[node(), clients().join("node_modules/flowise-sdk")],
    ) {
        return;
    }
    // It throws for a stream, and hands over the body of a refusal otherwise.
    an_sdk_is_answered(&Sdk::javascript(), |streaming, told| {
        if streaming {
            told["thrown"] == "HTTP error! status: 401"
        } else {
            told["answer"]["error"] == "Unauthorized Access"
        }
    })
    .await;
}

#[tokio::test]
async fn the_python_sdk_is_answered_and_refused() {
    if !is_there(
        "the Python package flowise",
        &[clients().join("venv/bin/python")],
    ) {
        return;
    }
    an_sdk_is_answered(&Sdk::python(), |_, told| told["thrown"] == "401").await;
}

async fn widget(door: &Door, flow: &str, key: &str, expected: &str) -> Value {
    let script = root()
        .join("tests/flowise/widget.mjs")
        .display()
        .to_string();
    let (place, base) = (clients().display().to_string(), base(door));
    play(
        &node(),
        &[&script, &place, &base, flow, key, "good morning", expected],
    )
    .await
}

fn has_browser() -> bool {
    let parts = [
        clients().join("node_modules/flowise-embed"),
        clients().join("node_modules/puppeteer-core"),
        node(),
        chromium(),
    ];
    is_there("flowise-embed in Chromium", &parts)
}

#[tokio::test]
async fn the_widget_shows_a_streamed_answer_of_a_public_flow() {
    if !has_browser() {
        return;
    }
    let door = Door::open().await;
    let id = door.talk(json!({ "isPublic": true })).await;
    let shown = widget(&door, &id, "", "You said: good morning").await;
    assert_eq!(shown["isSeen"], true, "{shown}");
    let streamed = json!([{ "status": 200, "type": "text/event-stream" }]);
    assert_eq!(shown["predictions"], streamed);
    assert_eq!(door.model.calls().len(), 1);
    door.server.stop().await;
}

#[tokio::test]
async fn the_widget_is_refused_without_the_key_that_a_flow_needs_and_answered_with_it() {
    if !has_browser() {
        return;
    }
    let door = Door::open().await;
    let id = door.talk(json!({})).await;
    let refused = widget(&door, &id, "", "Unauthorized").await;
    assert_eq!(refused["predictions"][0]["status"], 401, "{refused}");
    assert_eq!(refused["isSeen"], true, "{refused}");
    assert_eq!(door.model.calls().len(), 0);
    let key = door.server.admin_key.clone();
    let shown = widget(&door, &id, &key, "You said: good morning").await;
    assert_eq!(shown["isSeen"], true, "{shown}");
    door.server.stop().await;
}

/// This very program, without a `node` on its path.
#[test]
fn without_the_clients_these_tests_fail_where_they_are_required_and_say_what_they_skip_elsewhere() {
    let this = std::env::current_exe().expect("this program");
    for (required, passes) in [("required", false), ("", true)] {
        let test = "clients::the_javascript_sdk_is_answered_and_refused";
        let output = std::process::Command::new(&this)
            .args(["--exact", test])
            .env("PATH", "")
            .env("FLOWISE_CLIENTS", required)
            .output()
            .expect("it starts");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told).into_owned();
        assert_eq!(output.status.success(), passes, "{told}");
        assert!(told.contains("tests/flowise/install fetches"), "{told}");
        assert_eq!(told.contains("SKIPPED flowise-sdk"), passes, "{told}");
    }
}
