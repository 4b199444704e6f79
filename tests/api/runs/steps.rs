//! What steps do: wait, decide, transform, fill templates; and what a stretch of pure ones costs.

use super::{
    call, ended, logs_of, run_of, server_with_upstream, set, start, steps_of, until, wait_ms,
};
use crate::support::{MONDAY_MS, TestServer};
use crate::upstream::Reply;
use flowlatch::app::Options;
use flowlatch::clock::Clock;
use flowlatch::store::CommitPoint;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const DAY_MS: i64 = 86_400_000;

#[tokio::test]
async fn a_wait_ends_at_its_moment_however_the_wall_clock_jumps() {
    let (server, upstream) = server_with_upstream().await;
    let steps = json!([
        { "id": "rest", "type": "wait", "config": { "duration": 2, "unit": "hours" } },
        call("after", &upstream.url("/after")),
    ]);
    let workflow = server.workflow("resting", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    let waiting = until(&server, &run, "step.waiting", "rest").await;
    assert_eq!(waiting.moment("waitingUntil"), MONDAY_MS + 7_200_000);
    assert_eq!(run_of(&server, &run).await["status"], "running");
    assert_eq!(logs_of(&server, &run).await[0]["status"], "waiting");

    // Back by a day: the moment is as far away as the clock says. Forward by a day: it is over.
    server.clock.jump_ms(-DAY_MS);
    let short = server.workflow("short", json!([wait_ms("w", 5)])).await;
    let other = start(&server, &short, json!({})).await;
    until(&server, &other, "step.waiting", "w").await;
    server.clock.advance_ms(7_200_000);
    assert_eq!(ended(&server, &other).await["status"], "completed");
    assert_eq!(run_of(&server, &run).await["status"], "running");
    assert_eq!(upstream.calls("/after").len(), 0);
    server.clock.jump_ms(DAY_MS);
    let done = ended(&server, &run).await;
    assert_eq!(done["status"], "completed");
    let log = &logs_of(&server, &run).await[0];
    assert_eq!(log["output"]["waited"], 7_200_000);
    assert_eq!(log["durationMs"], 7_200_000);
    server.stop().await;
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_makes_no_negative_durations() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/held");
    let workflow = server
        .workflow("w", json!([call("c", &upstream.url("/held"))]))
        .await;
    let run = start(&server, &workflow, json!({})).await;
    upstream.until_called("/held", 1).await;
    server.clock.jump_ms(-DAY_MS);
    gate.open();
    let run_data = ended(&server, &run).await;
    assert_eq!(run_data["status"], "completed");
    assert_eq!(run_data["durationMs"], 0);
    assert_eq!(logs_of(&server, &run).await[0]["durationMs"], 0);
    server.stop().await;
}

/// A condition with a step on either way.
fn branch(conditions: Value, further: Value) -> Value {
    let mut config = json!({ "conditions": conditions, "then": ["yes"], "else": ["no"] });
    if let Value::Object(further) = further {
        for (name, value) in further {
            config[name] = value;
        }
    }
    json!([
        { "id": "check", "type": "condition", "config": config },
        set("yes", json!("yes")),
        set("no", json!("no")),
    ])
}

#[tokio::test]
async fn conditions_of_both_forms_take_their_way_and_skip_the_other() {
    let server = TestServer::start().await;
    let compare = |operator: &str, right: Value| json!({ "left": "{{input.amount}}", "operator": operator, "right": right });
    let table = [
        (branch(compare("gt", json!("100")), json!({})), 150, "yes"),
        (branch(compare("gt", json!("100")), json!({})), 100, "no"),
        (
            branch(
                json!({ "operator": "and", "conditions": [
                    compare("gte", json!(10)),
                    { "operator": "not", "conditions": [compare("eq", json!(13))] },
                ] }),
                json!({}),
            ),
            13,
            "no",
        ),
        (
            branch(
                json!([
                    { "field": "{{input.amount}}", "operator": "equals", "value": "1" },
                    { "field": "{{input.amount}}", "operator": "equals", "value": "2" },
                ]),
                json!({ "combineOperator": "OR" }),
            ),
            2,
            "yes",
        ),
        (
            branch(
                json!([
                    { "field": "{{input.amount}}", "operator": "equals", "value": "1" },
                    { "field": "{{input.amount}}", "operator": "equals", "value": "2" },
                ]),
                json!({ "combineOperator": "AND" }),
            ),
            2,
            "no",
        ),
    ];
    for (steps, amount, taken) in table {
        let workflow = server.workflow("branching", steps.clone()).await;
        let data = server
            .admin()
            .run(&workflow, json!({ "amount": amount }))
            .await;
        assert_eq!(data["output"], taken, "{steps}");
        let run = data["runId"].as_str().expect("an id");
        for (step, status, _) in &steps_of(&server, run).await[1..] {
            let expected = if step == taken {
                "completed"
            } else {
                "skipped"
            };
            assert_eq!(status, expected, "{steps}: {step}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_skipped_condition_skips_its_ways_too_and_steps_after_both_run() {
    let server = TestServer::start().await;
    let condition = |id: &str, left: &str, then: Value, otherwise: Value| {
        let conditions = json!({ "left": left, "operator": "eq", "right": true });
        let config = json!({ "conditions": conditions, "then": then, "else": otherwise });
        json!({ "id": id, "type": "condition", "config": config })
    };
    let steps = json!([
        condition(
            "outer",
            "{{input.outer}}",
            json!(["inner", "deep"]),
            json!(["flat"])
        ),
        condition("inner", "{{input.inner}}", json!(["deep"]), json!([])),
        set("deep", json!("deep")),
        set("flat", json!("flat")),
        set(
            "after",
            json!("{{steps.deep.output}}|{{steps.flat.output}}")
        ),
    ]);
    let workflow = server.workflow("nested", steps).await;
    let output = async |input: Value| server.admin().run(&workflow, input).await["output"].clone();
    assert_eq!(
        output(json!({ "outer": false, "inner": true })).await,
        "|flat"
    );
    assert_eq!(
        output(json!({ "outer": true, "inner": true })).await,
        "deep|"
    );
    server.stop().await;
}

#[tokio::test]
async fn mapping_rules_make_one_value_out_of_others() {
    let server = TestServer::start().await;
    let steps = json!([{
        "id": "map", "type": "transform",
        "config": {
            "sourceData": "{{input}}",
            "mappingRules": [
                { "source": "customer.name", "target": "name", "transform": "capitalize" },
                { "source": "items.0.price", "target": "first.price" },
                { "source": "missing", "target": "kind", "default": "none" },
            ],
        },
    }]);
    let workflow = server.workflow("mapping", steps).await;
    let input = json!({ "customer": { "name": "ada" }, "items": [{ "price": 2.5 }] });
    let data = server.admin().run(&workflow, input).await;
    assert_eq!(
        data["output"],
        json!({ "name": "Ada", "first": { "price": 2.5 }, "kind": "none" })
    );
    server.stop().await;
}

#[tokio::test]
async fn templates_keep_types_and_what_is_unknown_is_empty() {
    let (server, upstream) = server_with_upstream().await;
    upstream.reply(
        "/a",
        Reply::json(200, &json!({ "rows": [{ "id": 9 }], "none": null })),
    );
    let steps = json!([
        call("fetch-a", &upstream.url("/a")),
        set(
            "out",
            json!({
                "number": "{{input.n}}", "flag": "{{ input.flag }}", "list": "{{input.list}}",
                "item": "{{input.list.1}}", "mixed": "n={{input.n}}!", "step": "{{steps.fetch-a.data.rows.0.id}}",
                "same": "{{steps.fetch-a.output.data.rows.0.id}}", "unknown": "{{input.nothing.there}}",
                "within": "[{{input.nothing}}]", "count": "{{input.list | length}}", "json": "{{input.list | json}}",
                "variable": "{{variables.rate}}", "bare": "{{rate}}", "now": "{{now}}", "run": "{{run.id}}",
                "env": "{{env.HOME}}", "literal": "{{ \"{{\" }}",
            })
        ),
    ]);
    let body = json!({
        "name": "templates", "trigger": { "type": "api" }, "variables": { "rate": 1.5 }, "steps": steps,
    });
    let workflow = server.workflow_with(body).await;
    let input = json!({ "n": 7, "flag": true, "list": [1, "two"], "text": "{{input.n}}" });
    let data = server.admin().run(&workflow, input).await;
    assert_eq!(data["status"], "completed", "{data}");
    let expected = json!({
        "number": 7, "flag": true, "list": [1, "two"], "item": "two", "mixed": "n=7!", "step": 9, "same": 9,
        "unknown": null, "within": "[]", "count": 2, "json": "[1,\"two\"]", "variable": 1.5, "bare": 1.5,
        "now": "2024-01-15T10:00:00.000Z", "run": data["runId"], "env": null, "literal": "{{",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&data["output"][name], value, "{name}");
    }
    server.stop().await;
}

/// An answer as deep as JSON is read at all is kept in a form that the journal gives back.
#[tokio::test]
async fn an_answer_nested_very_deep_harms_no_run() {
    let (server, upstream) = server_with_upstream().await;
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    upstream.reply(
        "/deep",
        Reply::text(200, &deep).with("content-type", "application/json"),
    );
    let steps = json!([
        call("c", &upstream.url("/deep")),
        wait_ms("rest", 5),
        set("out", json!(1))
    ]);
    let workflow = server.workflow("deep", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.waiting", "rest").await;
    server.clock.advance_ms(5);
    assert_eq!(ended(&server, &run).await["status"], "completed");
    assert_eq!(logs_of(&server, &run).await[0]["output"]["truncated"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_large_answer_is_cut_with_a_mark() {
    let (server, upstream) = server_with_upstream().await;
    let large = json!({ "text": "x".repeat(1_200_000) });
    upstream.reply("/large", Reply::json(200, &large));
    let steps = json!([
        call("c", &upstream.url("/large")),
        set("out", json!("{{steps.c.truncated}}"))
    ]);
    let workflow = server.workflow("large", steps).await;
    let data = server.admin().run(&workflow, json!({})).await;
    assert_eq!(data["output"], true);
    server.stop().await;
}

#[tokio::test]
async fn forty_pure_steps_are_one_commit() {
    let folder = tempfile::tempdir().expect("a folder");
    let commits = Arc::new(AtomicUsize::new(0));
    let counter = commits.clone();
    let options = Options {
        clock: Clock::manual(MONDAY_MS),
        commit_hook: Some(Arc::new(move |point| {
            if point == CommitPoint::AfterCommit {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        })),
    };
    let server = TestServer::open_with(folder.path(), options, |_| {}).await;
    let step = |number: usize| match number {
        0 => set("s0", json!(1)),
        _ => set(
            &format!("s{number}"),
            json!(format!("{{{{steps.s{}}}}}", number - 1)),
        ),
    };
    let workflow = server.workflow("forty", (0..40).map(step).collect()).await;
    // The first run also marks the version as used.
    server.admin().run(&workflow, json!({})).await;
    let before = commits.load(Ordering::SeqCst);
    let data = server.admin().run(&workflow, json!({})).await;
    assert_eq!(data["output"], 1);
    assert_eq!(
        commits.load(Ordering::SeqCst) - before,
        1,
        "commits of a synchronous run"
    );
    let before = commits.load(Ordering::SeqCst);
    let run = start(&server, &workflow, json!({})).await;
    assert_eq!(ended(&server, &run).await["output"], 1);
    assert_eq!(
        commits.load(Ordering::SeqCst) - before,
        2,
        "accepted, and done"
    );
    assert_eq!(steps_of(&server, &run).await.len(), 40);
    server.stop().await;
}
