//! Lists, pages, single runs and their logs.

use super::{call, ended, logs_of, run_of, server_with_upstream, set, start};
use crate::support::TestServer;
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn listed(server: &TestServer, query: &str) -> Vec<String> {
    let answer = server.admin().get(&format!("/api/v1/runs{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    ids(&answer.data())
}

fn ids(data: &Value) -> Vec<String> {
    let items = data.as_array().expect("a list");
    let id = |item: &Value| item["id"].as_str().expect("an id").to_owned();
    items.iter().map(id).collect()
}

#[tokio::test]
async fn runs_are_listed_newest_first_by_workflow_and_status_in_pages() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/fails", |_, _| Reply::text(400, "no"));
    let good = server.workflow("good", json!([set("s", json!(1))])).await;
    let bad = server
        .workflow("bad", json!([call("c", &upstream.url("/fails"))]))
        .await;
    let mut newest_first = Vec::new();
    for number in 0..7 {
        let workflow = if number % 3 == 0 { &bad } else { &good };
        let run = start(&server, workflow, json!({ "number": number })).await;
        ended(&server, &run).await;
        newest_first.insert(0, run);
        server.clock.advance_ms(1);
    }
    assert_eq!(listed(&server, "").await, newest_first);
    let of = |rest: usize| -> Vec<String> {
        let numbered = newest_first.iter().rev().enumerate();
        let mut chosen: Vec<String> = numbered
            .filter(|(number, _)| (number % 3 == 0) == (rest == 0))
            .map(|(_, run)| run.clone())
            .collect();
        chosen.reverse();
        chosen
    };
    let by_workflow = format!("?workflowId={bad}");
    assert_eq!(listed(&server, &by_workflow).await, of(0));
    assert_eq!(listed(&server, "?status=failed").await, of(0));
    assert_eq!(listed(&server, "?status=completed").await, of(1));
    let both = format!("?workflowId={good}&status=failed");
    assert_eq!(listed(&server, &both).await, [] as [String; 0]);

    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/runs?limit=3{cursor}");
        let page = server.admin().get(&path).await.json();
        pages.push(ids(&page["data"]));
        let Some(next) = page["meta"]["cursor"].as_str() else {
            assert_eq!(page["meta"]["hasMore"], false);
            break;
        };
        assert_eq!(page["meta"]["hasMore"], true);
        // A run that is started meanwhile moves no page.
        start(&server, &good, json!({})).await;
        cursor = format!("&cursor={next}");
    }
    let lengths: Vec<usize> = pages.iter().map(Vec::len).collect();
    assert_eq!(lengths, [3, 3, 1]);
    assert_eq!(pages.concat(), newest_first);
    for wrong in [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?cursor=xyz",
        "?status=done",
        "?state=failed",
    ] {
        let answer = server.admin().get(&format!("/api/v1/runs{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_bound_key_sees_the_runs_of_its_workflow_only() {
    let server = TestServer::start().await;
    let own = server.workflow("own", json!([set("s", json!(1))])).await;
    let other = server.workflow("other", json!([set("s", json!(1))])).await;
    let of_own = server.admin().run(&own, json!({})).await["runId"].clone();
    let of_other = server.admin().run(&other, json!({})).await["runId"].clone();
    let body = json!({
        "name": "bound", "workflowId": own, "scopes": ["runs:read", "workflows:execute"],
    });
    let (_, bound) = server.with_key(body).await;
    assert_eq!(
        ids(&bound.get("/api/v1/runs").await.data()),
        [of_own.as_str().expect("an id")]
    );
    let run = of_other.as_str().expect("an id");
    for path in [
        format!("/api/v1/runs/{run}"),
        format!("/api/v1/runs/{run}/logs"),
        format!("/api/v1/runs/{run}/events"),
    ] {
        assert_eq!(
            bound.get(&path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for action in ["cancel", "retry"] {
        let path = format!("/api/v1/runs/{run}/{action}");
        let answer = bound.post(&path, Value::Null).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let path = format!("/api/v1/workflows/{other}/run");
    assert_eq!(
        bound.post(&path, json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    server.stop().await;
}

#[tokio::test]
async fn logs_tell_every_step_with_its_status_before_anything_nested() {
    let (server, upstream) = server_with_upstream().await;
    upstream.reply("/made", Reply::json(201, &json!({ "id": 7 })));
    let condition = json!({
        "id": "big", "type": "condition", "name": "Is it big?",
        "config": {
            "conditions": { "left": "{{steps.make.data.id}}", "operator": "gt", "right": "100" },
            "then": ["yes"], "else": ["no"],
        },
    });
    let steps = json!([
        call("make", &upstream.url("/made")),
        condition,
        set("yes", json!("big")),
        set("no", json!("small")),
    ]);
    let workflow = server.workflow("logged", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    assert_eq!(ended(&server, &run).await["output"], "small");
    let path = format!("/api/v1/runs/{run}/logs");
    let text = server.admin().get(&path).await.text;
    // Clients look for the status behind a step's id without reading JSON.
    for (step, status) in [
        ("make", "completed"),
        ("yes", "skipped"),
        ("no", "completed"),
    ] {
        let id = format!("\"stepId\":\"{step}\"");
        let rest = text.split(&id).nth(1).expect("the step");
        let until_nested = rest.split(['{', '}']).next().expect("a piece");
        assert!(until_nested.contains(status), "{step}: {until_nested}");
    }
    let logs = logs_of(&server, &run).await;
    assert_eq!(logs.len(), 4);
    assert_eq!(logs[0]["stepType"], "api.request");
    assert_eq!(logs[0]["attempts"], 1);
    assert_eq!(logs[0]["output"]["data"], json!({ "id": 7 }));
    assert_eq!(logs[0]["output"]["status"], 201);
    assert_eq!(logs[1]["stepName"], "Is it big?");
    assert_eq!(logs[1]["output"]["result"], false);
    assert_eq!(
        logs[1]["input"]["conditions"]["left"], "{{steps.make.data.id}}",
        "templates stay as they were written"
    );
    assert_eq!(logs[2]["attempts"], 0);
    assert_eq!(logs[2]["output"], Value::Null);
    assert_eq!(logs[2]["startedAt"], Value::Null);
    assert_eq!(logs[3]["completedAt"], "2024-01-15T10:00:00.000Z");
    let run = run_of(&server, &run).await;
    assert_eq!(run["completedAt"], "2024-01-15T10:00:00.000Z");
    assert_eq!(run["durationMs"], 0);
    let missing = server.admin().get("/api/v1/runs/run_unknown").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    server.stop().await;
}
