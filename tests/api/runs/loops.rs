//! Loops: what they go over, what steps inside see, when they end, and what they come to.

use super::{call, ended, run_of, server_with_upstream, set, start, until, wait_ms, with};
use crate::support::TestServer;
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

pub(crate) fn each(id: &str, collection: &str, steps: &[&str]) -> Value {
    json!({"id": id, "type": "loop", "config": {"collection": collection, "steps": steps}})
}

pub(crate) fn config(mut step: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        step["config"][name] = value.clone();
    }
    step
}

async fn output_of(steps: Value, input: Value) -> Value {
    let server = TestServer::start().await;
    let workflow = server.workflow("loop", steps).await;
    let run = server.admin().run(&workflow, input).await;
    assert_eq!(run["status"], "completed", "{run}");
    run["output"].clone()
}

#[tokio::test]
async fn each_item_runs_the_steps_inside_in_order_and_their_outputs_are_the_results() {
    let steps = json!([
        each("go", "{{input.orders}}", &["double", "named"]),
        set("double", json!({"n": "{{item.n * 2}}"})),
        set(
            "named",
            json!({"at": "{{index}}", "n": "{{steps.double.n}}", "before": "{{loop.previous.n}}"})
        ),
        set(
            "end",
            json!({"all": "{{steps.go.results}}", "count": "{{steps.go.count}}"})
        ),
    ]);
    let output = output_of(steps.clone(), json!({"orders": [{"n": 1}, {"n": 5}]})).await;
    assert_eq!(
        output,
        json!({"count": 2, "all": [
            {"at": 0, "n": 2, "before": null}, {"at": 1, "n": 10, "before": 2}
        ]})
    );
    let none = output_of(steps, json!({"orders": []})).await;
    assert_eq!(none, json!({"count": 0, "all": []}));
}

#[tokio::test]
async fn items_and_indexes_have_names_and_inner_loops_see_outer_items() {
    let steps = json!([
        config(
            each("outer", "{{input.rows}}", &["inner"]),
            json!({"itemVariable": "row", "indexVariable": "y"})
        ),
        config(
            each("inner", "{{row}}", &["cell"]),
            json!({"itemVariable": "value", "indexVariable": "x"})
        ),
        set("cell", json!("{{y}}/{{x}}={{value}}")),
    ]);
    let output = output_of(steps, json!({"rows": [["a", "b"], ["c"]]})).await;
    let inner = |at: usize| output["results"][at]["results"].clone();
    assert_eq!(inner(0), json!(["0/0=a", "0/1=b"]));
    assert_eq!(inner(1), json!(["1/0=c"]));
}

#[tokio::test]
async fn counting_conditional_and_batched_loops_end_where_they_say() {
    for (fields, expected, reached) in [
        (json!({"iterations": 3}), json!([0, 1, 2]), Value::Null),
        (
            json!({"loopType": "for", "iterations": "2"}),
            json!([0, 1]),
            Value::Null,
        ),
        (json!({"iterations": 0}), json!([]), Value::Null),
        (
            json!({"whileCondition": "index < 4"}),
            json!([0, 1, 2, 3]),
            json!(false),
        ),
        (
            json!({"whileCondition": "{{false}}"}),
            json!([]),
            json!(false),
        ),
        (
            json!({"loopType": "while", "whileCondition": {"left": "{{index}}", "operator": "lt", "right": 2}}),
            json!([0, 1]),
            json!(false),
        ),
        (
            json!({"whileCondition": "true", "breakCondition": "steps.body == 2", "maxIterations": 50}),
            json!([0, 1, 2]),
            json!(false),
        ),
        (
            json!({"whileCondition": true, "maxIterations": 2}),
            json!([0, 1]),
            json!(true),
        ),
        (
            json!({"collection": [5, 6, 7], "breakCondition": "{{loop.item == 6}}"}),
            json!([0, 1]),
            json!(false),
        ),
    ] {
        let head = config(
            json!({"id": "go", "type": "loop", "config": {"steps": ["body"]}}),
            fields.clone(),
        );
        let output = output_of(json!([head, set("body", json!("{{index}}"))]), json!({})).await;
        assert_eq!(output["results"], expected, "{fields}: {output}");
        assert_eq!(output["limitReached"], reached, "{fields}: {output}");
    }
    let head = config(
        each("go", "{{input.all}}", &["body"]),
        json!({"batchSize": 2}),
    );
    let steps = json!([head, set("body", json!("{{item}}"))]);
    let output = output_of(steps, json!({"all": [1, 2, 3]})).await;
    assert_eq!(output["results"], json!([[1, 2], [3]]));
}

#[tokio::test]
async fn what_cannot_be_looped_over_is_an_error_that_says_so() {
    let server = TestServer::start().await;
    for (fields, input, code, message) in [
        (
            json!({"collection": "{{input.x}}"}),
            json!({"x": 5}),
            "NOT_A_LIST",
            "5 is not a list",
        ),
        (
            json!({"collection": "{{input.x}}"}),
            json!({"x": {"a": 1}}),
            "NOT_A_LIST",
            "is not a list",
        ),
        (
            json!({"collection": "{{input.x}}", "maxIterations": 2}),
            json!({"x": [1, 2, 3]}),
            "LOOP_TOO_LONG",
            "asks for 3 iterations; `maxIterations` is 2",
        ),
        (
            json!({"iterations": "{{input.n}}"}),
            json!({"n": 101}),
            "LOOP_TOO_LONG",
            "asks for 101 iterations; `maxIterations` is 100",
        ),
        (
            json!({"iterations": 20_000, "maxIterations": 20_000}),
            json!({}),
            "LOOP_TOO_LONG",
            "at most 10000 are allowed (setting `max_iterations`)",
        ),
    ] {
        let head = config(
            json!({"id": "go", "type": "loop", "config": {"steps": ["body"]}}),
            fields,
        );
        let workflow = server
            .workflow("wrong", json!([head, set("body", json!(1))]))
            .await;
        let run = server.admin().run(&workflow, input).await;
        let run = run_of(&server, run["runId"].as_str().unwrap()).await;
        assert_eq!(run["status"], "failed");
        let said = run["error"]["message"].as_str().unwrap();
        assert!(said.contains(message), "{said}");
        let logs = super::logs_of(&server, run["id"].as_str().unwrap()).await;
        assert_eq!(logs[0]["error"]["code"], code);
    }
}

#[tokio::test]
async fn a_failure_inside_fails_the_loop_unless_it_is_let_go() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/x", |call, at| {
        let is_refused = call.key().ends_with("go[1].get") && at == 1;
        Reply::json(if is_refused { 404 } else { 200 }, &json!({"at": at}))
    });
    let body = |step: Value| {
        json!([
            each("go", "{{input.all}}", &["get"]),
            step,
            set("end", json!("{{steps.go.results}}")),
        ])
    };
    let strict = server
        .workflow("strict", body(call("get", &upstream.url("/x"))))
        .await;
    let run = start(&server, &strict, json!({"all": [1, 2, 3]})).await;
    let run = ended(&server, &run).await;
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["stepId"], "go");
    let said = run["error"]["message"].as_str().unwrap();
    assert!(said.contains("iteration 1: step `get` failed"), "{said}");
    assert_eq!(upstream.calls("/x").len(), 2, "the third item is not begun");

    let retried = server
        .admin()
        .post(
            &format!("/api/v1/runs/{}/retry", run["id"].as_str().unwrap()),
            Value::Null,
        )
        .await;
    let retry = retried.data()["runId"].as_str().unwrap().to_owned();
    let retry = ended(&server, &retry).await;
    assert_eq!(retry["status"], "completed");
    // The first iteration's result was copied; the second and third were called, under stable keys.
    let calls = upstream.calls("/x");
    assert_eq!(calls.len(), 4);
    assert_eq!(calls[1].key(), calls[2].key());
    assert!(calls[0].key().ends_with(":go[0].get"), "{}", calls[0].key());
    assert!(calls[3].key().ends_with(":go[2].get"));

    let fallback = with(
        call("get", &upstream.url("/gone")),
        json!({"errorHandling": {"strategy": "continue", "fallback": "none"}}),
    );
    upstream.answer("/gone", |_, _| Reply::json(500, &json!({})));
    let lenient = server.workflow("lenient", body(fallback)).await;
    let run = start(&server, &lenient, json!({"all": [1, 2]})).await;
    assert_eq!(
        ended(&server, &run).await["output"],
        json!(["none", "none"])
    );
}

#[tokio::test]
async fn waits_and_retries_inside_a_loop_are_parked_and_go_on() {
    let (server, upstream) = server_with_upstream().await;
    upstream.answer("/x", |call, at| {
        let is_refused = call.key().ends_with("go[0].get") && at == 1;
        Reply::json(if is_refused { 503 } else { 200 }, &json!({"at": at}))
    });
    let steps = json!([
        each("go", "{{input.all}}", &["rest", "get"]),
        wait_ms("rest", 1_000),
        with(
            call("get", &upstream.url("/x")),
            json!({"retryConfig": {"maxAttempts": 2, "initialDelayMs": 500, "jitter": false}})
        ),
    ]);
    let workflow = server.workflow("resting", steps).await;
    let run = start(&server, &workflow, json!({"all": ["a", "b"]})).await;
    until(&server, &run, "step.waiting", "go[0].rest").await;
    server.clock.advance_ms(1_000);
    until(&server, &run, "step.failed", "go[0].get").await;
    server.clock.advance_ms(500);
    until(&server, &run, "step.waiting", "go[1].rest").await;
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &run).await["status"], "completed");
    let steps: Vec<(String, u64)> = super::logs_of(&server, &run)
        .await
        .iter()
        .map(|step| {
            (
                step["activation"].as_str().unwrap().to_owned(),
                step["attempts"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("go", 1),
        ("go[0].rest", 1),
        ("go[0].get", 2),
        ("go[1].rest", 1),
        ("go[1].get", 1),
    ];
    assert_eq!(
        steps,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
}

#[tokio::test]
async fn branches_inside_a_loop_take_their_steps_along() {
    let steps = json!([
        each("go", "{{input.all}}", &["big"]),
        {"id": "big", "type": "condition", "config": {
            "conditions": {"left": "{{item}}", "operator": "gt", "right": 10}, "then": ["yes"], "else": ["no"]}},
        set("yes", json!("big {{item}}")),
        set("no", json!("small {{item}}")),
    ]);
    let output = output_of(steps, json!({"all": [5, 50]})).await;
    assert_eq!(output["results"], json!(["small 5", "big 50"]));
}

#[tokio::test]
async fn wrong_loops_are_refused_with_every_place() {
    let server = TestServer::start().await;
    let steps = json!([
        set("early", json!(1)),
        {"id": "a", "type": "loop", "config": {"steps": ["early", "b", "gone", "x"], "collection": "nothing"}},
        {"id": "b", "type": "loop", "config": {"steps": ["x"], "itemVariable": "a b"}},
        set("x", json!("{{steps.late}}")),
        {"id": "p", "type": "parallel", "config": {"branches": [["y"], []], "strategy": "some", "concurrency": 0}},
        set("y", json!(1)),
        set("late", json!("{{steps.x}} {{steps.y}}")),
        {"id": "w", "type": "loop", "config": {"loopType": "while"}, "retryConfig": {"maxAttempts": 2}},
    ]);
    let body = json!({"name": "wrong", "trigger": {"type": "api"}, "steps": steps});
    let answer = server.admin().post("/api/v1/workflows", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let details = answer.json()["error"]["details"].clone();
    let lines: Vec<String> = details
        .as_array()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .iter()
        .map(|detail| {
            format!(
                "{}: {}",
                detail["place"].as_str().unwrap(),
                detail["message"].as_str().unwrap()
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    steps[1].config.collection: "nothing" is not a list; write a template such as `{{steps.fetch.data}}`, or an array
    steps[1].config.steps[0]: step `early` does not come after this step; steps inside it must come later in `steps`
    steps[1].config.steps[2]: there is no step `gone`
    steps[2].config.collection: it is missing: a loop of type `forEach` needs `collection`
    steps[2].config.steps[0]: step `x` runs inside `a` already; a step has one place
    steps[2].config.itemVariable: it is "a b"; it must be a name of letters, digits and `_`
    steps[3].config.sourceData: the template names step `late`, which comes later; its output is not there yet
    steps[4].config.strategy: "some" is neither wait-all nor fail-fast
    steps[4].config.branches[1]: it is missing: the ids of the steps inside, as an array with at least one
    steps[4].config.concurrency: it is 0; it must be a whole number from 1 to 100
    steps[6].config.sourceData: the template names step `x`, which runs inside `a`; outside of it its results are in `steps.a.results`
    steps[6].config.sourceData: the template names step `y`, which runs inside `p`; outside of it its results are in `steps.p.results`
    steps[7].config.whileCondition: it is missing: a loop of type `while` needs `whileCondition`
    steps[7].config.steps: it is missing: the ids of the steps inside, as an array with at least one
    steps[7].retryConfig: a loop or parallel step is not tried again as a whole; give the steps inside it a `retryConfig`
    "#);
}
