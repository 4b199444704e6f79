//! draft → active ⇄ paused → archived, and gone.

use super::{WORKFLOWS, draft, empty_server, get, post, put};
use crate::support::{Answer, Client};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn delete(client: &Client, id: &str, query: &str) -> Answer {
    let path = format!("{WORKFLOWS}/{id}{query}");
    client.send(Method::DELETE, &path, Value::Null).await
}

async fn act(client: &Client, id: &str, action: &str) -> Answer {
    match action {
        "archive" => delete(client, id, "").await,
        "edit" => put(client, id, json!({ "description": "edited" })).await,
        "run" => {
            let path = format!("{WORKFLOWS}/{id}/run");
            client.post(&path, json!({ "mode": "sync" })).await
        }
        action => post(client, id, action).await,
    }
}

/// A workflow in this state.
async fn in_state(client: &Client, status: &str) -> String {
    let id = draft(client, status).await;
    let actions: &[&str] = match status {
        "draft" => &[],
        "active" => &["activate"],
        "paused" => &["activate", "pause"],
        _ => &["archive"],
    };
    for action in actions {
        assert_eq!(act(client, &id, action).await.status, StatusCode::OK);
    }
    assert_eq!(get(client, &id).await["status"], json!(status));
    id
}

#[tokio::test]
async fn every_action_in_every_state() {
    let server = empty_server().await;
    let admin = server.admin();
    let mut told = Vec::new();
    for status in ["draft", "active", "paused", "archived"] {
        for action in ["activate", "pause", "archive", "edit", "run"] {
            let id = in_state(&admin, status).await;
            let answer = act(&admin, &id, action).await;
            let now = get(&admin, &id).await;
            let outcome = if answer.status == StatusCode::OK {
                format!("{} v{}", now["status"], now["version"])
            } else {
                assert_eq!(now["status"], json!(status), "a conflict changes nothing");
                assert_eq!(answer.error_code(), "CONFLICT");
                format!(
                    "{} {}",
                    answer.status.as_u16(),
                    answer.json()["error"]["message"]
                )
            };
            told.push(format!(
                "{status:8} {action:8} {}",
                outcome.replace(&id, "{id}")
            ));
        }
        server.clock.advance_ms(60_000);
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    draft    activate "active" v1
    draft    pause    409 "the workflow is `draft` and cannot become `paused`"
    draft    archive  "archived" v1
    draft    edit     "draft" v1
    draft    run      409 "the workflow is draft; only an active workflow can be run: activate it first"
    active   activate "active" v1
    active   pause    "paused" v1
    active   archive  "archived" v1
    active   edit     "active" v2
    active   run      "active" v1
    paused   activate "active" v1
    paused   pause    "paused" v1
    paused   archive  "archived" v1
    paused   edit     "paused" v1
    paused   run      409 "the workflow is paused; only an active workflow can be run: activate it first"
    archived activate 409 "the workflow is `archived` and cannot become `active`"
    archived pause    409 "the workflow is `archived` and cannot become `paused`"
    archived archive  "archived" v1
    archived edit     409 "the workflow is `archived` and cannot be edited"
    archived run      409 "the workflow is archived; only an active workflow can be run: activate it first"
    "#);
}

#[tokio::test]
async fn a_purge_takes_everything_but_waits_for_unfinished_runs() {
    let server = empty_server().await;
    let admin = server.admin();
    let rest =
        json!([{ "id": "rest", "type": "wait", "config": { "duration": 1, "unit": "days" } }]);
    let id = server.workflow("resting", rest).await;
    let started = admin
        .post(&format!("{WORKFLOWS}/{id}/run"), json!({}))
        .await
        .data();
    let run = format!("/api/v1/runs/{}", super::text(&started["runId"]));
    let refused = delete(&admin, &id, "?purge=true").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert_eq!(admin.get(&run).await.data()["status"], json!("running"));
    let cancelled = admin.post(&format!("{run}/cancel"), Value::Null).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    let purged = delete(&admin, &id, "?purge=true").await;
    assert_eq!(
        purged.data(),
        json!({ "id": id, "purged": true }),
        "{}",
        purged.text
    );
    for path in [
        format!("{WORKFLOWS}/{id}"),
        format!("{WORKFLOWS}/{id}/versions"),
        run,
    ] {
        assert_eq!(
            admin.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        delete(&admin, &id, "?purge=true").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn an_unfinished_run_goes_on_when_its_workflow_is_paused_or_archived() {
    let server = empty_server().await;
    let admin = server.admin();
    for action in ["pause", "archive"] {
        let rest = json!([{ "id": "rest", "type": "wait", "config": { "duration": 1_000 } }]);
        let id = server.workflow("resting", rest).await;
        let started = admin
            .post(&format!("{WORKFLOWS}/{id}/run"), json!({}))
            .await
            .data();
        let run = super::text(&started["runId"]);
        assert_eq!(act(&admin, &id, action).await.status, StatusCode::OK);
        server.clock.advance_ms(1_000);
        // The stream ends with the run.
        let events = admin.get(&format!("/api/v1/runs/{run}/events")).await;
        assert_eq!(events.status, StatusCode::OK);
        let ended = admin.get(&format!("/api/v1/runs/{run}")).await.data();
        assert_eq!(ended["status"], json!("completed"), "{action}");
    }
}
