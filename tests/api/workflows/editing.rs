//! Creating, partial edits, versions and what is expected of them.

use super::{WORKFLOWS, definition, draft, empty_server, get, post, put, say, text};
use crate::support::{Answer, Client};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_new_workflow_is_a_draft_and_reads_back_as_it_was_sent() {
    let server = empty_server().await;
    let admin = server.admin();
    let sent = json!({
        "name": "[builder] probe (safe to delete)",
        "description": "What it is for",
        "trigger": { "type": "api" },
        "steps": say("hello"),
        "inputSchema": { "type": "object" },
        "outputSchema": { "type": "object" },
        "variables": { "a-b": 1 },
    });
    let answer = admin.post(WORKFLOWS, sent.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let created = answer.data();
    let mut expected = sent;
    let more = json!({
        "id": created["id"], "status": "draft", "version": 1, "settings": null, "canvasState": null,
        "createdAt": "2024-01-15T10:00:00.000Z", "updatedAt": "2024-01-15T10:00:00.000Z",
    });
    expected
        .as_object_mut()
        .expect("an object")
        .extend(more.as_object().expect("an object").clone());
    assert_eq!(created, expected);
    assert_eq!(get(&admin, &text(&created["id"])).await, created);
    // What GET gave can be sent back, as a new one and as an edit.
    let again = admin.post(WORKFLOWS, created.clone()).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text);
    assert_ne!(again.data()["id"], created["id"]);
    let same = put(&admin, &text(&created["id"]), created.clone()).await;
    assert_eq!(
        same.data(),
        created,
        "an edit that changes nothing changes nothing"
    );
}

#[tokio::test]
async fn an_edit_touches_what_was_sent() {
    let server = empty_server().await;
    let admin = server.admin();
    let id = draft(&admin, "one").await;
    let mut expected = get(&admin, &id).await;
    for (change, field, value) in [
        (json!({ "name": "two" }), "name", json!("two")),
        (
            json!({ "description": "words" }),
            "description",
            json!("words"),
        ),
        (json!({ "steps": say("bye") }), "steps", say("bye")),
        (
            json!({ "inputSchema": { "type": "object" } }),
            "inputSchema",
            json!({ "type": "object" }),
        ),
        (json!({ "inputSchema": null }), "inputSchema", Value::Null),
        (json!({ "description": null }), "description", Value::Null),
    ] {
        server.clock.advance_ms(1_000);
        let answer = put(&admin, &id, change.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{change}: {}", answer.text);
        expected[field] = value;
        expected["updatedAt"] = answer.data()["updatedAt"].clone();
        assert_eq!(answer.data(), expected, "{change}");
        assert_eq!(get(&admin, &id).await, expected, "{change}");
    }
    assert_eq!(
        expected["version"],
        json!(1),
        "a draft that nobody used is replaced"
    );
}

#[tokio::test]
async fn an_active_or_used_version_is_kept_and_can_be_restored() {
    let server = empty_server().await;
    let admin = server.admin();
    let id = draft(&admin, "kept").await;
    post(&admin, &id, "activate").await;
    let change = json!({ "steps": say("second"), "changeSummary": "Says more" });
    assert_eq!(put(&admin, &id, change).await.data()["version"], json!(2));
    // Paused, and used by a run: a further edit makes a further version.
    assert_eq!(admin.run(&id, json!({})).await["workflowVersion"], json!(2));
    post(&admin, &id, "pause").await;
    let change = json!({ "name": "renamed", "steps": say("third") });
    assert_eq!(put(&admin, &id, change).await.data()["version"], json!(3));
    let versions = format!("{WORKFLOWS}/{id}/versions");
    let list = admin.get(&versions).await;
    assert_eq!(list.json()["meta"], json!({ "hasMore": false }));
    let rows: Vec<Value> = list
        .data()
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            json!([
                row["version"],
                row["name"],
                row["changeSummary"],
                row.get("steps")
            ])
        })
        .collect();
    assert_eq!(
        rows,
        [
            json!([3, "renamed", null, null]),
            json!([2, "kept", "Says more", null]),
            json!([1, "kept", null, null]),
        ]
    );
    let first = admin.get(&format!("{versions}/1")).await.data();
    assert_eq!(first["steps"], say("hello"));
    post(&admin, &id, "activate").await;
    let restored = admin
        .post(&format!("{versions}/1/restore"), Value::Null)
        .await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.text);
    let restored = restored.data();
    assert_eq!(
        (&restored["version"], &restored["steps"]),
        (&json!(4), &say("hello"))
    );
    assert_eq!(
        restored["name"],
        json!("renamed"),
        "the name is the workflow's, not the version's"
    );
    let newest = admin.get(&format!("{versions}/4")).await.data();
    assert_eq!(newest["changeSummary"], json!("Restored version 1"));
    assert_eq!(
        admin.run(&id, json!({})).await["output"],
        json!({ "said": "hello" })
    );
}

#[tokio::test]
async fn versions_come_in_pages() {
    let server = empty_server().await;
    let admin = server.admin();
    let id = draft(&admin, "many").await;
    post(&admin, &id, "activate").await;
    for number in 2..=5 {
        put(&admin, &id, json!({ "description": format!("{number}") })).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin
            .get(&format!("{WORKFLOWS}/{id}/versions?limit=2{cursor}"))
            .await
            .json();
        let items = page["data"].as_array().expect("a list").clone();
        seen.extend(
            items
                .iter()
                .map(|item| item["version"].as_i64().expect("a number")),
        );
        if page["meta"]["hasMore"] == json!(false) {
            break;
        }
        let next = text(&page["meta"]["cursor"])
            .replace('+', "%2B")
            .replace('=', "%3D");
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn an_edit_on_a_false_assumption_is_409_and_changes_nothing() {
    let server = empty_server().await;
    let admin = server.admin();
    let id = draft(&admin, "guarded").await;
    post(&admin, &id, "activate").await;
    put(&admin, &id, json!({ "description": "second" })).await;
    let path = format!("{WORKFLOWS}/{id}");
    let read = admin.get(&path).await;
    let tag = read.header("etag").expect("a tag").to_owned();
    for (version, if_match) in [
        (Some(1), None),
        (Some(3), Some(tag.as_str())),
        (None, Some("\"1\"")),
        (None, Some("2")),
        (None, Some("W/\"2\"")),
        (Some(2), Some("\"2-0\"")),
    ] {
        let mut change = json!({ "description": "never" });
        if let Some(version) = version {
            change["expectedVersion"] = json!(version);
        }
        let answer = put_if(&admin, &path, if_match.unwrap_or("*"), change).await;
        assert_eq!(
            answer.status,
            StatusCode::CONFLICT,
            "{version:?} {if_match:?}"
        );
        assert_eq!(get(&admin, &id).await, read.data());
    }
    server.clock.advance_ms(1);
    for if_match in [tag.as_str(), "*"] {
        let answer = put_if(&admin, &path, if_match, json!({ "description": if_match })).await;
        assert_eq!(answer.status, StatusCode::OK, "{if_match}: {}", answer.text);
    }
    let answer = put(
        &admin,
        &id,
        json!({ "expectedVersion": 4, "description": "last" }),
    )
    .await;
    assert_eq!(answer.data()["version"], json!(5), "{}", answer.text);
}

async fn put_if(client: &Client, path: &str, if_match: &str, change: Value) -> Answer {
    let request = client
        .request(Method::PUT, path)
        .header("if-match", if_match);
    Answer::read(request.json(&change).send().await.expect("an answer")).await
}

#[tokio::test]
async fn an_etag_also_tells_two_states_of_a_draft_apart() {
    let server = empty_server().await;
    let admin = server.admin();
    let path = format!("{WORKFLOWS}/{}", draft(&admin, "draft").await);
    let tag = |answer: Answer| answer.header("etag").expect("a tag").to_owned();
    let seen_by_both = tag(admin.get(&path).await);
    server.clock.advance_ms(1);
    let first = put_if(
        &admin,
        &path,
        &seen_by_both,
        json!({ "description": "first" }),
    )
    .await;
    assert_eq!(
        first.data()["version"],
        json!(1),
        "a draft keeps its version"
    );
    let second = put_if(
        &admin,
        &path,
        &seen_by_both,
        json!({ "description": "second" }),
    )
    .await;
    assert_eq!(second.status, StatusCode::CONFLICT, "{}", second.text);
    assert_eq!(admin.get(&path).await.data()["description"], json!("first"));
    let now = tag(admin.get(&path).await);
    let third = put_if(&admin, &path, &now, json!({ "description": "third" })).await;
    assert_eq!(third.status, StatusCode::OK, "{}", third.text);
}

#[tokio::test]
async fn edits_at_the_same_time_lose_nothing() {
    let server = empty_server().await;
    let admin = server.admin();
    let id = draft(&admin, "shared").await;
    for round in 0..20 {
        let name = put(&admin, &id, json!({ "name": format!("name {round}") }));
        let description = put(
            &admin,
            &id,
            json!({ "description": format!("text {round}") }),
        );
        let (name, description) = tokio::join!(name, description);
        assert_eq!([name.status, description.status], [StatusCode::OK; 2]);
        let now = get(&admin, &id).await;
        assert_eq!(now["name"], json!(format!("name {round}")));
        assert_eq!(now["description"], json!(format!("text {round}")));
    }
}

#[tokio::test]
async fn a_bad_edit_changes_nothing() {
    let server = empty_server().await;
    let admin = server.admin();
    let id = draft(&admin, "good").await;
    let before = get(&admin, &id).await;
    for change in [
        json!({ "steps": [{ "id": "a", "type": "nothing", "config": {} }] }),
        json!({ "name": "x", "steps": "none" }),
        json!({ "name": "x", "trigger": null }),
        json!({ "name": "x", "inputSchema": { "type": "nothing" } }),
    ] {
        let answer = put(&admin, &id, change.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{change}: {}",
            answer.text
        );
        assert_eq!(get(&admin, &id).await, before);
    }
    let mut unnamed = definition("x");
    unnamed.as_object_mut().expect("an object").remove("name");
    assert_eq!(
        admin.post(WORKFLOWS, unnamed).await.status,
        StatusCode::BAD_REQUEST
    );
}
