//! The bound on the unfinished runs below one run: what its steps have started, waited for or not.

use super::{MONDAY_MS, loops, set, start, until, with};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use serde_json::{Value, json};

const MOST: usize = 3;

async fn bounded() -> TestServer {
    TestServer::start_with(Clock::manual(MONDAY_MS), |config| config.max_runs_below = 3).await
}

/// A workflow whose runs stay unfinished until they are cancelled.
async fn open_ended(server: &TestServer) -> String {
    let ask = json!({"id": "ask", "type": "approval", "config": {}});
    server.workflow("open-ended", json!([ask])).await
}

/// Steps that start so many runs, and wait for none.
fn fan_out(workflow: &str, count: Value) -> [Value; 2] {
    let each = json!({"id": "each", "type": "loop"});
    let each = loops::config(
        each,
        json!({"loopType": "for", "iterations": count, "steps": ["sub"]}),
    );
    let sub = json!({"id": "sub", "type": "subworkflow"});
    let sub = loops::config(
        sub,
        json!({"workflowId": workflow, "waitForCompletion": false}),
    );
    [each, sub]
}

async fn unfinished(server: &TestServer, workflow: &str) -> Vec<String> {
    let path = format!("/api/v1/runs?workflowId={workflow}");
    let answer = server.admin().get(&path).await;
    let runs = answer.data().as_array().unwrap().clone();
    let is_open = |run: &&Value| run["status"] == "pending" || run["status"] == "running";
    let open = runs.iter().filter(is_open);
    open.map(|run| run["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_step_that_would_start_one_run_too_many_fails_and_names_the_setting() {
    let server = bounded().await;
    let slow = open_ended(&server).await;
    // What starts them stands below the run at the top too, until it has ended.
    let middle = json!(fan_out(&slow, json!("{{input.n}}")));
    let middle = server.workflow("middle", middle).await;
    let sub = json!({"id": "sub", "type": "subworkflow"});
    let sub = loops::config(
        sub,
        json!({"workflowId": middle, "inputMapping": {"n": "{{input.n}}"}}),
    );
    let top = server.workflow("top", json!([sub])).await;

    let run = server.admin().run(&top, json!({"n": 5})).await;
    let said = run["error"]["message"].as_str().unwrap_or_default();
    for part in ["3 unfinished runs below it", "setting `max_runs_below`"] {
        assert!(said.contains(part), "{run}");
    }
    assert_eq!(unfinished(&server, &slow).await.len(), MOST - 1);
    // Those are not the next one's.
    let run = server.admin().run(&top, json!({"n": 2})).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(unfinished(&server, &slow).await.len(), 2 * (MOST - 1));
}

#[tokio::test]
async fn a_later_attempt_finds_room_when_some_have_ended() {
    let server = bounded().await;
    let slow = open_ended(&server).await;
    let [each, sub] = fan_out(&slow, json!(4));
    let retry = json!({"retryConfig": {"maxAttempts": 2, "initialDelayMs": 1_000}});
    let steps = json!([each, with(sub, retry), set("end", json!("all"))]);
    let top = server.workflow("top", steps).await;
    let run = start(&server, &top, json!({})).await;
    let failed = until(&server, &run, "step.failed", "each[3].sub").await;
    assert_eq!(failed.data["error"]["code"], "TOO_MANY_RUNS");
    let open = unfinished(&server, &slow).await;
    assert_eq!(open.len(), MOST);
    let path = format!("/api/v1/runs/{}/cancel", open[0]);
    server.admin().post(&path, Value::Null).await;
    server.clock.advance_ms(1_000);
    assert_eq!(super::ended(&server, &run).await["output"], "all");
    assert_eq!(unfinished(&server, &slow).await.len(), MOST);
}
