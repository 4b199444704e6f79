//! Graphs by example: what each node is handed, what iterations come to, what a failure takes with it, what starts a run.

use super::fold;
use super::graphs::plan_of;
use super::net_driver::{NetDriver, World};
use flowlatch::model::plan::{Activation, Outcome, StepStatus, wired_config};
use flowlatch::model::run::{Event, RunStatus};
use flowlatch::model::trigger::Trigger;
use serde_json::{Value, json};

/// `id type` for each node, `from.out>to.in` for each edge.
fn graph(nodes: &[&str], edges: &[&str]) -> Value {
    let node = |text: &&str| {
        let (id, node_type) = text.split_once(' ').unwrap();
        json!({"id": id, "data": {"label": format!("L {id}"), "nodeType": node_type, "config": {"of": id}}})
    };
    let edge = |text: &&str| {
        let (from, to) = text.split_once('>').unwrap();
        let ((source, out), (target, into)) =
            (from.split_once('.').unwrap(), to.split_once('.').unwrap());
        json!({"id": text, "source": source, "target": target, "sourceHandle": format!("out-{out}"), "targetHandle": format!("in-{into}")})
    };
    json!({"nodes": nodes.iter().map(node).collect::<Vec<_>>(), "edges": edges.iter().map(edge).collect::<Vec<_>>()})
}

fn world(failing: &[&str]) -> World {
    World {
        failing: failing.iter().map(|id| (*id).to_owned()).collect(),
        items: 3,
        choices: vec![1, 0, 2],
        cancels_after: None,
    }
}

/// A list, a prompt for each item beside a common text, and what was collected.
fn listed() -> Value {
    graph(
        &[
            "list input:text",
            "common input:text",
            "i iterator:list",
            "join utility:prompt_concat",
            "mark logic:router",
            "all iterator:collect",
            "end output:preview",
        ],
        &[
            "list.text>i.list",
            "i.item>join.prompt1",
            "common.text>join.prompt2",
            "i.index>mark.value",
            "join.prompt>all.item",
            "all.list>end.value",
        ],
    )
}

#[test]
fn what_comes_after_an_iterator_runs_once_for_each_item() {
    let plan = plan_of(&listed()).unwrap();
    let world = world(&[]);
    let done = NetDriver::new(&plan, &world, &[]).run();
    let inputs = |name: &str| done.handed[name]["inputs"].clone();
    assert_eq!(inputs("i"), json!({"list": "list.text"}));
    assert_eq!(
        inputs("i[1].join"),
        json!({"prompt1": "1", "prompt2": "common.text"})
    );
    assert_eq!(inputs("i[2].mark"), json!({"value": 2}));
    let collected = json!(["i[0].join.prompt", "i[1].join.prompt", "i[2].join.prompt"]);
    assert_eq!(inputs("all"), json!({ "item": collected }));
    assert_eq!(inputs("end"), json!({"value": "all.list"}));
    let handed = json!({
        "nodeId": "all", "nodeType": "iterator:collect", "label": "L all", "config": {"of": "all"},
        "inputs": {"item": collected}, "outputs": ["list"],
    });
    assert_eq!(done.handed["all"], handed);
    // The list and the common text are waited for before the first item; the collector waits for the last.
    let position = |name: &str| {
        let mut events = done.journal.iter();
        events
            .position(
                |(_, event)| matches!(event, Event::StepCompleted { step, .. } if step == name),
            )
            .unwrap()
    };
    assert!(position("common") < position("i[0].join") && position("i[2].mark") < position("all"));
    let Some(Outcome::Completed(output)) = done.state.outcome() else {
        panic!()
    };
    assert_eq!(**output, json!({"end": {}}));
}

#[test]
fn an_iteration_that_fails_leaves_the_others_and_fails_the_iterator_at_the_end() {
    let plan = plan_of(&listed()).unwrap();
    let world = world(&["join"]);
    let done = NetDriver::new(&plan, &world, &[]).run();
    assert!(done.handed.contains_key("i[1].join") && done.handed.contains_key("i[2].mark"));
    let records = done.state.top_records(&plan);
    let found: Vec<Value> = records
        .map(|(node, record)| {
            json!([
                plan.nodes[node].id,
                record.status,
                record.error.as_ref().map(|error| &error.message)
            ])
        })
        .collect();
    // `join` fails for the items 0 and 2; which of them is told first is a matter of what happened first.
    let first = found[2][2].as_str().unwrap().to_owned();
    assert!(
        first.starts_with("2 of 3 iterations failed; the first, number ")
            && first.ends_with(" at step `join`: it fails"),
        "{first}"
    );
    let lost = "it needs step `i`, which failed";
    assert_eq!(
        Value::from(found),
        json!([
            ["list", "completed", null],
            ["common", "completed", null],
            ["i", "failed", first],
            ["all", "skipped", lost],
            ["end", "skipped", lost],
        ])
    );
    let Some(Outcome::Failed(error)) = done.state.outcome() else {
        panic!()
    };
    assert_eq!(
        (error.code.as_str(), error.step_id.as_deref()),
        ("STEP_ERROR", Some("i"))
    );
}

#[test]
fn a_failed_node_takes_its_dependants_and_nothing_else() {
    let body = graph(
        &[
            "a input:text",
            "b input:text",
            "c llm:x",
            "d output:preview",
            "e llm:x",
        ],
        &[
            "a.text>c.prompt",
            "b.text>e.prompt",
            "c.text>d.value",
            "e.text>d.other",
        ],
    );
    let plan = plan_of(&body).unwrap();
    let world = world(&["a"]);
    let done = NetDriver::new(&plan, &world, &[]).run();
    let statuses: Vec<StepStatus> = done
        .state
        .top_records(&plan)
        .map(|(_, record)| record.status)
        .collect();
    use StepStatus::{Completed, Failed, Skipped};
    assert_eq!(statuses, [Failed, Completed, Skipped, Skipped, Completed]);
    assert_eq!(done.state.status(), RunStatus::Failed);
    assert!(
        done.journal
            .iter()
            .rev()
            .skip(1)
            .all(|(_, event)| !matches!(event, Event::RunFailed { .. }))
    );
}

#[test]
fn an_empty_list_and_an_iterator_with_nothing_after_it_end() {
    let none = World {
        items: 0,
        ..world(&[])
    };
    let plan = plan_of(&listed()).unwrap();
    let done = NetDriver::new(&plan, &none, &[]).run();
    assert_eq!(done.handed["all"]["inputs"], json!({"item": []}));
    let alone = plan_of(&graph(&["i iterator:list"], &[])).unwrap();
    let many = World {
        items: 10_000,
        ..world(&[])
    };
    let done = NetDriver::new(&alone, &many, &[]).run();
    let Some(Outcome::Completed(output)) = done.state.outcome() else {
        panic!()
    };
    assert_eq!(output["i"]["completedCount"], json!(10_000));
}

#[test]
fn what_a_run_is_given_beats_the_configuration() {
    let mut body = graph(&["a input:text", "b input:number"], &[]);
    body["nodes"][0]["data"]["config"] = json!({"prompt": "own", "text": "own"});
    body["nodes"][0]["data"]["output"] = json!({"prompt": "stale"});
    let plan = plan_of(&body).unwrap();
    let state = fold(&plan, &[(0, Event::RunStarted)]);
    let config = |node: usize, given: Value| {
        let step = Activation { frame: 0, node };
        let wired = wired_config(&plan, &state, step, &given);
        wired.unwrap().unwrap()["config"].clone()
    };
    assert_eq!(
        config(0, Value::Null),
        json!({"prompt": "own", "text": "own"})
    );
    assert_eq!(
        config(0, json!({"a": "given", "L a": "label"})),
        json!({"prompt": "given", "text": "given"})
    );
    assert_eq!(config(1, json!({"L b": 7})), json!({"of": "b", "value": 7}));
    // No other node takes anything, and where inputs are exposed, no other input node.
    let mut body = graph(
        &["a input:text", "b input:text", "c llm:openrouter_router"],
        &[],
    );
    let all = json!({"a": "x", "L a": "x", "L b": "y", "name": "z", "c": "w", "L c": "w"});
    let prompts = |body: &Value| -> Vec<Value> {
        let plan = plan_of(body).unwrap();
        let state = fold(&plan, &[(0, Event::RunStarted)]);
        let prompt = |node: usize| {
            let step = Activation { frame: 0, node };
            let wired = wired_config(&plan, &state, step, &all).unwrap();
            wired.unwrap()["config"]["prompt"].clone()
        };
        (0..3).map(prompt).collect()
    };
    assert_eq!(prompts(&body), [json!("x"), json!("y"), Value::Null]);
    body["exposedInputs"] = json!([{"nodeId": "b", "label": "name"}]);
    assert_eq!(prompts(&body), [Value::Null, json!("z"), Value::Null]);
}

#[test]
fn a_graph_says_what_starts_it_and_what_is_wrong_with_that() {
    let mut body = graph(&["a input:text"], &[]);
    assert_eq!(plan_of(&body).unwrap().trigger, Trigger::Api);
    body["trigger"] = json!({"type": "hook", "id": "whk_1", "isOpen": true});
    let Trigger::Hook(hook) = plan_of(&body).unwrap().trigger else {
        panic!()
    };
    assert_eq!((hook.id.as_str(), hook.is_open), ("whk_1", true));
    body["trigger"] = json!({"type": "hook", "id": "no id"});
    body["settings"] = json!({"timeoutMs": 0});
    body["nodes"][0]["id"] = json!("a[0]");
    let problems = plan_of(&body).unwrap_err();
    assert_eq!(
        problems,
        [
            "`a[0]` cannot be the id of a node; use 1 to 128 characters out of A-Z, a-z, 0-9 and `_-.:@~+`",
            "a webhook id has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`",
            "it is 0; it must be a whole number from 1 to 2592000000",
        ]
    );
    assert_eq!(
        plan_of(&json!(7)).unwrap_err(),
        ["it is 7; it must be an object"]
    );
}

#[test]
fn results_that_are_used_again_stand_at_the_beginning_of_a_run() {
    let mut body = graph(
        &["a input:text", "b llm:x", "c output:preview"],
        &["a.text>b.prompt", "b.text>c.value"],
    );
    body["nodes"][1]["data"]["output"] = json!({"text": "kept"});
    let selected = flowlatch::model::graph::target::select(&body, "c", false, None).unwrap();
    let plan = plan_of(&selected.graph).unwrap();
    let mut journal = vec![(0, Event::RunStarted)];
    journal.extend(selected.events().into_iter().map(|event| (0, event)));
    let world = world(&[]);
    let done = NetDriver::new(&plan, &world, &journal).run();
    assert_eq!(done.handed.keys().collect::<Vec<_>>(), ["c"]);
    assert_eq!(done.handed["c"]["inputs"], json!({"value": "kept"}));
}
