//! What all runs ask: in pages, for whom it concerns, and no longer than it is asked.

use super::{call, ended, server_with_upstream, start, until};
use crate::support::{Client, TestServer};
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/approvals";

fn approval(id: &str) -> Value {
    json!({"id": id, "type": "approval", "config": {"reason": "pay {{input.n}}", "timeout": "2h"}})
}

/// A run that asks, which is the newest.
async fn asking(server: &TestServer, workflow: &str, n: u32) -> String {
    server.clock.advance_ms(1_000);
    let run = start(server, workflow, json!({ "n": n })).await;
    until(server, &run, "step.asked", "ok").await;
    run
}

async fn listed(client: &Client, query: &str) -> (Vec<String>, Option<String>) {
    let answer = client.get(&format!("{PATH}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    let runs = body["data"].as_array().expect("a list").iter();
    let runs = runs.map(|step| step["runId"].as_str().expect("an id").to_owned());
    let cursor = body["meta"]["cursor"].as_str().map(str::to_owned);
    assert_eq!(body["meta"]["hasMore"], cursor.is_some());
    (runs.collect(), cursor)
}

#[tokio::test]
async fn what_all_runs_ask_is_listed_until_it_is_answered() {
    let server = TestServer::start_with_manual_clock().await;
    let one = server.workflow("one", json!([approval("ok")])).await;
    let other = server.workflow("other", json!([approval("ok")])).await;
    // It waits, and for nobody.
    let wait = json!({"id": "w", "type": "wait", "config": {"duration": 3_600_000}});
    let resting = server.workflow("resting", json!([wait])).await;
    start(&server, &resting, json!({})).await;
    let first = asking(&server, &one, 1).await;
    let second = asking(&server, &other, 2).await;
    let third = asking(&server, &one, 3).await;

    let answer = server.admin().get(PATH).await;
    assert_eq!(
        answer.data()[2],
        json!({
            "runId": first, "workflowId": one, "stepId": "ok", "activation": "ok", "kind": "approval", "message": "pay 1",
            "since": "2024-01-15T10:00:01.000Z", "waitingUntil": "2024-01-15T12:00:01.000Z",
        })
    );
    let admin = server.admin();
    let (page, cursor) = listed(&admin, "?limit=2").await;
    assert_eq!(page, [third.clone(), second.clone()]);
    let rest = format!("?limit=2&cursor={}", cursor.expect("a cursor"));
    assert_eq!(listed(&admin, &rest).await, (vec![first.clone()], None));
    let of_one = listed(&admin, &format!("?workflowId={one}")).await.0;
    assert_eq!(of_one, [third.clone(), first.clone()]);

    // Whom it does not concern.
    let bound = json!({"name": "bound", "scopes": ["workflows:execute"], "workflowId": other});
    let (_, bound) = server.with_key(bound).await;
    assert_eq!(listed(&bound, "").await.0, std::slice::from_ref(&second));
    let foreign = listed(&bound, &format!("?workflowId={one}")).await;
    assert_eq!(foreign, (Vec::new(), None));
    let prefixed =
        json!({"name": "prefixed", "scopes": ["workflows:execute"], "workflowPrefix": "oth"});
    let (_, prefixed) = server.with_key(prefixed).await;
    assert_eq!(listed(&prefixed, "").await.0, std::slice::from_ref(&second));
    let reader = server.with(&["runs:read"]).await;
    assert_eq!(reader.get(PATH).await.status, StatusCode::FORBIDDEN);

    let path = format!("/api/v1/runs/{second}/approvals/ok");
    let said = bound.post(&path, json!({"approved": true})).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    ended(&server, &second).await;
    let path = format!("/api/v1/runs/{third}/cancel");
    server.admin().post(&path, Value::Null).await;
    assert_eq!(listed(&admin, "").await.0, [first]);
}

#[tokio::test]
async fn a_run_that_is_busy_elsewhere_asks_all_the_same_and_several_things() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/x");
    upstream.answer("/x", |_, _| Reply::json(200, &json!({})));
    let both = json!({"id": "both", "type": "parallel", "config": {"branches": [["ok"], ["also"], ["call"]]}});
    let steps = json!([
        both,
        approval("ok"),
        approval("also"),
        call("call", &upstream.url("/x"))
    ]);
    let busy = server.workflow("busy", steps).await;
    let run = start(&server, &busy, json!({"n": 1})).await;
    until(&server, &run, "step.asked", "both[0].ok").await;
    until(&server, &run, "step.asked", "both[1].also").await;
    upstream.until_called("/x", 1).await;
    let admin = server.admin();
    // A page ends with a whole run.
    assert_eq!(
        listed(&admin, "?limit=1").await,
        (vec![run.clone(); 2], None)
    );
    gate.open();
    until(&server, &run, "step.completed", "both[2].call").await;
    assert_eq!(listed(&admin, "").await.0, [run.clone(), run]);
}
