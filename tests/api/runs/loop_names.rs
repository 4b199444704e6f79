//! What items and indexes of loops may be called: nothing under which a template would see something else.

use super::loops::{config, each};
use super::set;
use crate::support::{Answer, TestServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A type of loop with its names, the field at which it is refused, and a part of what is said; nothing where it is not.
const NAMES: &str = r#"
loop ⇒ {"itemVariable": "input"} ⇒ itemVariable ⇒ `input` is a word of templates
loop ⇒ {"itemVariable": "run"} ⇒ itemVariable ⇒ `run` is a word
loop ⇒ {"indexVariable": "now"} ⇒ indexVariable ⇒ `now` is a word
parallel ⇒ {"forEachAs": "null"} ⇒ forEachAs ⇒ `null` is a word
loop ⇒ {"itemVariable": "index"} ⇒ itemVariable ⇒ both `index`
parallel ⇒ {"indexVariable": "item"} ⇒ forEachAs ⇒ both `item`
loop ⇒ {"itemVariable": "a", "indexVariable": "a"} ⇒ itemVariable ⇒ both `a`
loop ⇒ {"itemVariable": "index", "indexVariable": "item"}
loop ⇒ {"itemVariable": "inputs"}
parallel ⇒ {"forEachAs": "step"}
"#;

async fn saved(server: &TestServer, kind: &str, names: Value) -> Answer {
    let head = match kind {
        "loop" => each("go", "{{input.all}}", &["body"]),
        kind => json!({ "id": "go", "type": kind,
            "config": { "forEachSource": "{{input.all}}", "steps": ["body"] } }),
    };
    let steps = json!([config(head, names), set("body", json!(1))]);
    let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": steps });
    server.admin().post("/api/v1/workflows", body).await
}

#[tokio::test]
async fn names_that_templates_take_otherwise_are_refused() {
    let server = TestServer::start().await;
    for line in NAMES.trim().lines() {
        let columns: Vec<&str> = line.split(" ⇒ ").collect();
        let names = serde_json::from_str(columns[1]).expect(line);
        let answer = saved(&server, columns[0], names).await;
        let [_, _, field, part] = columns[..] else {
            assert_eq!(answer.status, StatusCode::CREATED, "{line}");
            continue;
        };
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{line}");
        let details = answer.json()["error"]["details"].clone();
        assert_eq!(details.as_array().map(Vec::len), Some(1), "{details}");
        assert_eq!(details[0]["place"], format!("steps[0].config.{field}"));
        let message = details[0]["message"].to_string();
        assert!(message.contains(part), "{line}: {message}");
    }
}
