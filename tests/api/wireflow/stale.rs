//! Saves at the same time, and from an old state.

use super::{created, editor, greeting, greeting_with, one, put, read};
use crate::support::TestServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_save_from_an_old_state_writes_nothing() {
    let server = TestServer::start_with_manual_clock().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let node = format!("{}/nodes/name", one(&made));
    let first = made["updatedAt"].as_str().expect("a moment").to_owned();
    let fresh = greeting_with(json!({ "description": "1", "baseUpdatedAt": first }));
    let answer = put(&client, &made, fresh).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let second = answer.json()["updatedAt"]
        .as_str()
        .expect("a moment")
        .to_owned();
    assert_eq!(
        second, "2024-01-15T10:00:00.001Z",
        "later, although the clock stands"
    );
    let before = read(&client, &made).await;
    // As exact texts: the same moment in other words is another state.
    for base in [
        first.as_str(),
        "2024-01-15T10:00:00.001+00:00",
        "2024-01-15T10:00:00.002Z",
        "",
    ] {
        let save = greeting_with(json!({ "description": "2", "baseUpdatedAt": base }));
        let by_id =
            greeting_with(json!({ "description": "2", "baseUpdatedAt": base, "id": made["id"] }));
        let patch = json!({ "label": "2", "baseUpdatedAt": base });
        for (method, path, body) in [
            (Method::PUT, one(&made), save),
            (Method::POST, super::WORKFLOWS.to_owned(), by_id),
            (Method::PATCH, node.clone(), patch),
        ] {
            let answer = client.send(method, &path, body).await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{path} {base}");
            let told = answer.json();
            let beside = json!([
                told["code"],
                told["type"],
                told["currentUpdatedAt"],
                told["yourBaseUpdatedAt"]
            ]);
            assert_eq!(
                beside,
                json!(["stale_write", "conflict_error", second, base])
            );
            assert!(told["error"].is_string(), "{told}");
        }
    }
    assert_eq!(read(&client, &made).await, before);
    let patch = json!({ "label": "3", "baseUpdatedAt": second });
    let answer = client.send(Method::PATCH, &node, patch).await;
    assert_eq!(
        answer.json()["data"]["updatedAt"],
        "2024-01-15T10:00:00.002Z"
    );
    // Who sends null for it asks for no comparison, whatever is saved.
    let none = || greeting_with(json!({ "baseUpdatedAt": null, "id": made["id"] }));
    let patch = json!({ "label": "4", "baseUpdatedAt": null });
    for (method, path, body) in [
        (Method::PUT, one(&made), none()),
        (Method::POST, super::WORKFLOWS.to_owned(), none()),
        (Method::PATCH, node, patch),
    ] {
        let answer = client.send(method, &path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    }
}

/// Clients that read, change and save again until they are let: nothing that one has written is lost.
#[tokio::test]
async fn of_saves_at_the_same_time_one_is_let_in() {
    const CLIENTS: usize = 8;
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting_with(json!({ "tags": [] }))).await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let (client, made) = (client.clone(), made.clone());
        writers.spawn(async move {
            let mut refused = 0;
            loop {
                let now = read(&client, &made).await;
                let mut tags = now["tags"].as_array().expect("tags").clone();
                tags.push(json!(number.to_string()));
                let body =
                    greeting_with(json!({ "tags": tags, "baseUpdatedAt": now["updatedAt"] }));
                let answer = put(&client, &made, body).await;
                match answer.status {
                    StatusCode::OK => return (refused, answer.json()["updatedAt"].clone()),
                    StatusCode::CONFLICT => refused += 1,
                    other => panic!("{other} {}", answer.text),
                }
            }
        });
    }
    let done = writers.join_all().await;
    let moments: BTreeSet<&str> = done.iter().filter_map(|(_, at)| at.as_str()).collect();
    assert_eq!(moments.len(), CLIENTS, "every save has its moment");
    let tags = read(&client, &made).await["tags"].take();
    assert_eq!(tags.as_array().map(Vec::len), Some(CLIENTS), "{tags}");
    assert!(
        done.iter().any(|(refused, _)| *refused > 0),
        "they have not met"
    );
}

/// Patches without a base are made one after another, each of what the one before it left.
#[tokio::test]
async fn patches_at_the_same_time_do_not_undo_each_other() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (client, path) = (client.clone(), format!("{}/nodes/name", one(&made)));
        writers.spawn(async move {
            let patch = json!({ "config": { number.to_string(): number } });
            let answer = client.send(Method::PATCH, &path, patch).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        });
    }
    writers.join_all().await;
    let now = read(&client, &made).await;
    let config = now["nodes"][0]["data"]["config"]
        .as_object()
        .expect("a config");
    assert_eq!(config.len(), 21, "{config:?}");
    let params: Vec<&Value> = config.values().collect();
    assert!(params.contains(&&json!("Ada")));
}

/// Who starts a workflow that is being deleted finds it, and then it stays, or is told that it is not there.
#[tokio::test]
async fn a_start_and_a_deletion_at_the_same_time_are_one_after_the_other() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    for _ in 0..20 {
        let made = created(&client, greeting()).await;
        let (run, path) = (format!("{}/run", one(&made)), one(&made));
        let (started, deleted) = tokio::join!(
            client.post(&run, json!({})),
            client.send(Method::DELETE, &path, Value::Null)
        );
        if started.status != StatusCode::ACCEPTED {
            assert_eq!(
                super::told(&started),
                r#"404 {"error":"Workflow not found"}"#
            );
            assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
        }
        let expected = match deleted.status {
            StatusCode::CONFLICT => StatusCode::OK,
            _ => StatusCode::NOT_FOUND,
        };
        assert_eq!(client.get(&path).await.status, expected);
    }
}
