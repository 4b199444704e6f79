//! Parallel steps: several calls at once, failures kept or ending the others, limits on time and number.

use super::loops::config;
use super::{call, ended, logs_of, server_with_upstream, set, start, until, with};
use crate::support::TestServer;
use crate::upstream::Reply;
use serde_json::{Value, json};

fn parallel(fields: Value) -> Value {
    config(
        json!({"id": "go", "type": "parallel", "config": {}}),
        fields,
    )
}

#[tokio::test]
async fn branches_run_at_the_same_time_and_their_results_keep_their_order() {
    let (server, upstream) = server_with_upstream().await;
    let (first, second) = (upstream.hold("/a"), upstream.hold("/b"));
    let steps = json!([
        parallel(json!({"branches": [["a", "after"], {"steps": ["b"]}, "c"]})),
        call("a", &upstream.url("/a")),
        set("after", json!("a is {{steps.a.status}}")),
        call("b", &upstream.url("/b")),
        set("c", json!("c")),
        set(
            "end",
            json!({"results": "{{steps.go.results}}", "errors": "{{steps.go.errors}}", "n": "{{steps.go.completedCount}}"})
        ),
    ]);
    let workflow = server.workflow("side by side", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    // Neither has been answered when both are called.
    upstream.until_called("/a", 1).await;
    upstream.until_called("/b", 1).await;
    second.open();
    until(&server, &run, "step.completed", "go[1].b").await;
    first.open();
    let run = ended(&server, &run).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["output"]["n"], 3);
    assert_eq!(run["output"]["errors"], json!([]));
    assert_eq!(run["output"]["results"][0], "a is 200");
    assert_eq!(run["output"]["results"][1]["status"], 200);
    assert_eq!(run["output"]["results"][2], "c");
}

#[tokio::test]
async fn no_more_items_are_under_way_than_the_concurrency_allows() {
    let (server, upstream) = server_with_upstream().await;
    let gates: Vec<_> = (0..5).map(|_| upstream.hold("/x")).collect();
    let steps = json!([
        parallel(
            json!({"forEachSource": "{{input.all}}", "forEachAs": "n", "steps": ["get"], "concurrency": 2})
        ),
        call("get", &upstream.url("/x?n={{n}}")),
    ]);
    let workflow = server.workflow("fan out", steps).await;
    let run = start(&server, &workflow, json!({"all": [1, 2, 3, 4, 5]})).await;
    // Whoever has come is held until another one has to come, so that too many would be seen together.
    for (answered, gate) in gates.iter().enumerate() {
        upstream.until_called("/x", (answered + 2).min(5)).await;
        gate.open();
    }
    let run = ended(&server, &run).await;
    assert_eq!(run["output"]["completedCount"], 5);
    assert_eq!(upstream.most_open("/x"), 2);
    let mut targets: Vec<String> = upstream
        .calls("/x")
        .iter()
        .map(|call| call.target.clone())
        .collect();
    targets.sort();
    assert_eq!(targets, ["/x?n=1", "/x?n=2", "/x?n=3", "/x?n=4", "/x?n=5"]);
    let keys: std::collections::BTreeSet<String> = upstream
        .calls("/x")
        .iter()
        .map(|call| call.key().to_owned())
        .collect();
    assert_eq!(keys.len(), 5, "every iteration has a key of its own");
}

#[tokio::test]
async fn errors_are_kept_while_the_others_go_on() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/bad", |_, _| Reply::json(404, &json!({})));
    let steps = json!([
        parallel(json!({"branches": [["bad", "never"], ["good"]]})),
        call("bad", &upstream.url("/bad")),
        set("never", json!(1)),
        set("good", json!("good")),
        set("end", json!("{{steps.go}}")),
    ]);
    let workflow = server.workflow("kept", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    let run = ended(&server, &run).await;
    assert_eq!(run["status"], "completed");
    assert_eq!(run["output"]["results"], json!([null, "good"]));
    assert_eq!(run["output"]["completedCount"], 1);
    let error = &run["output"]["errors"][0];
    assert_eq!(
        (&error["index"], &error["step"], &error["code"]),
        (&json!(0), &json!("bad"), &json!("HTTP_STATUS"))
    );
    let names: Vec<String> = logs_of(&server, run["id"].as_str().unwrap())
        .await
        .iter()
        .map(|step| step["activation"].as_str().unwrap().to_owned())
        .collect();
    assert!(!names.contains(&"go[0].never".to_owned()), "{names:?}");
}

#[tokio::test]
async fn fail_fast_ends_the_others_and_fails_the_step() {
    for fields in [
        json!({"strategy": "fail-fast"}),
        json!({"waitForAll": false}),
    ] {
        let (server, upstream) = server_with_upstream().await;
        let gate = upstream.hold("/slow");
        upstream.answer("/bad", |_, _| Reply::json(404, &json!({})));
        let steps = json!([
            config(parallel(json!({"branches": [["slow"], ["bad"]]})), fields),
            call("slow", &upstream.url("/slow")),
            call("bad", &upstream.url("/bad")),
        ]);
        let workflow = server.workflow("fast", steps).await;
        let run = start(&server, &workflow, json!({})).await;
        let run = ended(&server, &run).await;
        assert_eq!(
            (&run["status"], &run["error"]["stepId"]),
            (&json!("failed"), &json!("go"))
        );
        upstream.until_dropped(1).await;
        gate.open();
        let logs = logs_of(&server, run["id"].as_str().unwrap()).await;
        let slow = logs.iter().find(|step| step["stepId"] == "slow").unwrap();
        assert_eq!(slow["status"], "cancelled");
    }
}

#[tokio::test]
async fn a_parallel_step_that_takes_too_long_fails_and_drops_what_it_was_doing() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/slow");
    let steps = json!([
        parallel(json!({"branches": [["slow"]], "timeoutMs": 1_000})),
        call("slow", &upstream.url("/slow")),
    ]);
    let workflow = server.workflow("late", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    upstream.until_called("/slow", 1).await;
    server.clock.advance_ms(1_000);
    let run = ended(&server, &run).await;
    assert_eq!(
        run["error"]["message"],
        "step `go` failed: step `go` took longer than it may"
    );
    upstream.until_dropped(1).await;
}

#[tokio::test]
async fn a_run_that_takes_too_long_fails() {
    let (server, upstream) = server_with_upstream().await;
    let _gate = upstream.hold("/slow");
    let workflow = server
        .workflow_with(json!({
            "name": "late", "trigger": {"type": "api"}, "settings": {"timeoutMs": 5_000},
            "steps": [{"id": "w", "type": "wait", "config": {"duration": 4_000}}, call("slow", &upstream.url("/slow"))]
        }))
        .await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.waiting", "w").await;
    server.clock.advance_ms(4_000);
    upstream.until_called("/slow", 1).await;
    server.clock.advance_ms(1_000);
    let run = ended(&server, &run).await;
    assert_eq!(
        (&run["status"], &run["error"]["code"]),
        (&json!("failed"), &json!("TIMEOUT"))
    );
}

#[tokio::test]
async fn a_thousand_items_within_items_end() {
    let server = TestServer::start().await;
    let steps = json!([
        parallel(json!({"forEachSource": "{{input.all}}", "steps": ["in"], "concurrency": 100})),
        {"id": "in", "type": "parallel", "config":
            {"forEachSource": "{{input.all}}", "forEachAs": "x", "steps": ["leaf"], "concurrency": 100}},
        set("leaf", json!("{{item}}{{x}}")),
    ]);
    let workflow = server.workflow("many", steps).await;
    let all: Vec<u32> = (0..40).collect();
    let run = server.admin().run(&workflow, json!({"all": all})).await;
    assert_eq!(run["output"]["completedCount"], 40);
    assert_eq!(run["output"]["results"][7]["results"][9], "79");
}

/// A step that fails without leaving the server.
fn wrong(id: &str) -> Value {
    json!({"id": id, "type": "loop", "config": {"collection": "{{input.number}}", "steps": [format!("in_{id}")]}})
}

#[tokio::test]
async fn what_is_given_up_is_not_called_and_what_is_called_is_dropped_at_once() {
    let (server, upstream) = server_with_upstream().await;
    let (_slow, last) = (upstream.hold("/slow"), upstream.hold("/last"));
    let go = with(
        parallel(
            json!({"branches": [["slow"], ["quick", "bad"], ["other", "never"]], "strategy": "fail-fast"}),
        ),
        json!({"errorHandling": {"strategy": "continue", "fallback": "given up"}}),
    );
    // The failure is a pure step's, so that nothing comes back from outside when it happens.
    let steps = json!([
        go,
        call("slow", &upstream.url("/slow")),
        call("quick", &upstream.url("/quick")),
        wrong("bad"),
        set("in_bad", json!(1)),
        set("other", json!(1)),
        {"id": "never", "type": "wait", "config": {"duration": 3_600_000}},
        call("last", &upstream.url("/last")),
        set("end", json!("{{steps.go}}")),
    ]);
    let workflow = server.workflow("given up", steps).await;
    let run = start(&server, &workflow, json!({"number": 5})).await;
    upstream.until_called("/last", 1).await;
    upstream.until_dropped(1).await;
    last.open();
    assert_eq!(ended(&server, &run).await["output"], "given up");

    // Another branch fails in the same breath in which the call is about to be made.
    let _last = upstream.hold("/end");
    let go = with(
        parallel(json!({"branches": [["called"], ["bad"]], "strategy": "fail-fast"})),
        json!({"errorHandling": {"strategy": "continue", "fallback": "given up"}}),
    );
    let steps = json!([
        go,
        call("called", &upstream.url("/called")),
        wrong("bad"),
        set("in_bad", json!(1)),
        call("last", &upstream.url("/end")),
    ]);
    let workflow = server.workflow("not called", steps).await;
    let run = start(&server, &workflow, json!({"number": 5})).await;
    upstream.until_called("/end", 1).await;
    let logs = logs_of(&server, &run).await;
    let status =
        |id: &str| logs.iter().find(|log| log["stepId"] == id).expect("a log")["status"].clone();
    assert_eq!(
        (status("go"), status("called")),
        (json!("failed"), json!("cancelled"))
    );
    assert_eq!(upstream.calls("/called").len(), 0);
}
