//! The outputs of a run: how much of them it holds together, and how much its logs tell.

use super::loops::{config, each};
use super::{logs_of, set, start, until, wait_ms, with};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use serde_json::{Value, json};
use std::path::Path;

/// What a run may hold in most of these tests, in bytes.
const BOUND: usize = 10_000;

async fn bounded() -> TestServer {
    TestServer::start_with(Clock::system(), |config| {
        config.max_run_output_bytes = BOUND
    })
    .await
}

/// A step whose output is so many bytes long, as JSON: the quotes count.
fn large(id: &str, bytes: usize) -> Value {
    set(id, json!("x".repeat(bytes - 2)))
}

/// Runs the steps: how the run ended, its error, and what became of each step.
async fn ran(server: &TestServer, steps: Value, input: Value) -> (Value, Vec<Value>) {
    let workflow = server.workflow("outputs", steps).await;
    let run = server.admin().run(&workflow, input).await;
    let logs = logs_of(server, run["runId"].as_str().expect("an id")).await;
    (run, logs)
}

fn code(step: &Value) -> &Value {
    &step["error"]["code"]
}

#[tokio::test]
async fn the_step_that_would_go_over_the_bound_fails_and_the_one_that_reaches_it_does_not() {
    let server = bounded().await;
    for (last, status) in [(2_000, "completed"), (2_001, "failed")] {
        let steps = json!([large("a", 4_000), large("b", 4_000), large("c", last)]);
        let (run, logs) = ran(&server, steps, json!({})).await;
        assert_eq!(run["status"], status, "{last}: {run}");
        assert_eq!(logs[1]["status"], "completed", "{last}");
        assert_eq!(logs[2]["status"], status, "{last}");
    }
    let retried = json!({"retryConfig": {"maxAttempts": 3, "initialDelayMs": 0}});
    let steps = json!([large("a", 9_000), with(large("b", 1_001), retried)]);
    let (run, logs) = ran(&server, steps, json!({})).await;
    assert_eq!(code(&logs[1]), "OUTPUT_LIMIT");
    assert_eq!(
        logs[1]["attempts"], 1,
        "another attempt would not fit either"
    );
    assert_eq!(
        run["error"]["message"],
        "step `b` failed: with step `b` the run would hold 10001 bytes of outputs; at most 10000 are allowed \
         (setting `max_run_output_bytes`)"
    );
}

#[tokio::test]
async fn a_step_that_may_fail_leaves_the_run_its_room() {
    let server = bounded().await;
    let instead = json!({"errorHandling": {"strategy": "continue", "fallback": "none"}});
    let steps = json!([
        large("a", 9_000),
        with(large("b", 2_000), instead),
        set("c", json!("{{steps.b}}")),
    ]);
    let (run, logs) = ran(&server, steps, json!({})).await;
    assert_eq!(
        (&run["status"], &run["output"]),
        (&json!("completed"), &json!("none"))
    );
    assert_eq!(code(&logs[1]), "OUTPUT_LIMIT");
}

#[tokio::test]
async fn what_a_loop_lets_go_does_not_count_and_what_it_keeps_does() {
    let server = bounded().await;
    let items: Vec<u32> = (0..20).collect();
    let over = |inside: &[&str]| each("go", "{{input.items}}", inside);
    let let_go = json!([over(&["a", "b"]), large("a", 4_000), set("b", json!(1))]);
    let kept = json!([over(&["a"]), large("a", 600)]);
    for (steps, failed) in [(let_go, None), (kept, Some("go[16].a"))] {
        let (run, logs) = ran(&server, steps, json!({ "items": items })).await;
        let over_bound = logs.iter().find(|step| code(step) == "OUTPUT_LIMIT");
        let first = over_bound.map(|step| step["activation"].as_str().expect("a name"));
        // The loop has failed with the same code; what is inside of it is listed after it.
        let inside = logs.iter().rfind(|step| code(step) == "OUTPUT_LIMIT");
        let inside = inside.map(|step| step["activation"].as_str().expect("a name"));
        assert_eq!(inside, failed, "{run}");
        assert_eq!(first, failed.map(|_| "go"), "{run}");
    }
}

#[tokio::test]
async fn the_items_of_a_loop_and_what_is_asked_count_too() {
    let server = bounded().await;
    let text = "x".repeat(10_000);
    let input = json!({ "items": [text], "text": text });
    let over_items = json!([each("go", "{{input.items}}", &["a"]), set("a", json!(1))]);
    let parallel = json!([
        {"id": "go", "type": "parallel", "config": {"forEachSource": "{{input.items}}", "steps": ["a"]}},
        set("a", json!(1)),
    ]);
    let asks = json!([{"id": "go", "type": "approval", "config": {"reason": "{{input.text}}"}}]);
    for steps in [over_items, parallel, asks] {
        let (run, logs) = ran(&server, steps, input.clone()).await;
        assert_eq!(run["status"], "failed", "{run}");
        assert_eq!(code(&logs[0]), "OUTPUT_LIMIT", "{run}");
    }
}

async fn on(folder: &Path, clock: &Clock, max_bytes: usize) -> TestServer {
    TestServer::open(folder, clock.clone(), |config| {
        config.max_run_output_bytes = max_bytes;
    })
    .await
}

#[tokio::test]
async fn what_was_recorded_stays_whatever_the_bound_is_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(1_705_312_800_000);
    let server = on(folder.path(), &clock, BOUND).await;
    let steps = json!([
        large("a", 9_000),
        wait_ms("rest", 60_000),
        set("small", json!(1)),
        set("end", json!("{{steps.a | length}}")),
    ]);
    let workflow = server.workflow("outputs", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.waiting", "rest").await;
    let key = server.admin_key.clone();
    server.stop().await;
    let mut server = on(folder.path(), &clock, 1_024).await;
    server.admin_key = key;
    clock.advance_ms(60_000);
    let run = super::ended(&server, &run).await;
    assert_eq!(run["status"], "failed", "{run}");
    let logs = logs_of(&server, run["id"].as_str().expect("an id")).await;
    let statuses: Vec<&Value> = logs.iter().map(|step| &step["status"]).collect();
    assert_eq!(statuses, ["completed", "completed", "failed", "pending"]);
    assert_eq!(logs[0]["output"].as_str().map(str::len), Some(8_998));
    assert_eq!(code(&logs[2]), "OUTPUT_LIMIT");
    server.stop().await;
}

#[tokio::test]
async fn logs_list_so_many_steps_inside_loops_and_say_that_there_were_more() {
    let server = TestServer::start().await;
    for (iterations, listed, has_more) in [(2_000, 2_000, false), (2_001, 2_000, true)] {
        let fields = json!({"loopType": "for", "iterations": iterations, "maxIterations": 5_000});
        let repeats = config(
            json!({"id": "go", "type": "loop", "config": {"steps": ["a"]}}),
            fields,
        );
        let workflow = server
            .workflow("many", json!([repeats, set("a", json!(1))]))
            .await;
        let run = server.admin().run(&workflow, json!({})).await;
        let path = format!(
            "/api/v1/runs/{}/logs",
            run["runId"].as_str().expect("an id")
        );
        let logs = server.admin().get(&path).await;
        assert_eq!(
            logs.data().as_array().map(Vec::len),
            Some(1 + listed),
            "{run}"
        );
        assert_eq!(logs.json()["meta"], json!({ "hasMore": has_more }));
    }
}

#[tokio::test]
async fn logs_mark_what_is_too_much_to_be_told() {
    const LENGTH: usize = 1_000_000;
    let server = TestServer::start().await;
    let items: Vec<u32> = (0..10).collect();
    let input = json!({ "items": items, "text": "x".repeat(LENGTH - 2) });
    let mut steps = vec![
        each("go", "{{input.items}}", &["in"]),
        set("in", json!("{{input.text}}")),
    ];
    steps.extend((0..10).map(|number| set(&format!("top{number}"), json!("{{input.text}}"))));
    let workflow = server.workflow("large", json!(steps)).await;
    let run = server.admin().run(&workflow, input).await;
    assert_eq!(run["status"], "completed", "{}", run["error"]);
    let path = format!(
        "/api/v1/runs/{}/logs",
        run["runId"].as_str().expect("an id")
    );
    let logs = server.admin().get(&path).await;
    assert!(logs.text.len() < 17 << 20, "{} bytes", logs.text.len());
    let whole = |prefix: &str| {
        let logs = logs.data();
        let of = logs.as_array().expect("a list").iter();
        let of = of.filter(|step| {
            step["activation"]
                .as_str()
                .is_some_and(|name| name.starts_with(prefix))
        });
        let outputs: Vec<Value> = of.map(|step| step["output"].clone()).collect();
        assert_eq!(outputs.len(), 10, "{prefix}");
        let mark = json!({ "truncated": true, "sizeBytes": LENGTH });
        let whole = outputs
            .iter()
            .take_while(|output| output.is_string())
            .count();
        assert!(
            outputs[whole..].iter().all(|output| *output == mark),
            "{prefix}"
        );
        whole
    };
    // 8 MiB inside of loops, and 16 MiB in all; the loop's own output was cut when it was recorded.
    assert_eq!((whole("go["), whole("top")), (8, 8));
}
