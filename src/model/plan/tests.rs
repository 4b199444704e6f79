//! The compiler, the fold, the planner and the retry rule, case by case.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::steps::{DefinitionLimits, compile};
use super::*;
use crate::model::run::{Event, StepError};
use serde_json::json;

fn rules() -> [StepRule; 4] {
    let rule = |name, kind, check| StepRule {
        name,
        description: "",
        kind,
        raw: &["code"],
        lists: &[],
        check,
        untimed: |_| None,
    };
    fn nothing(_: &Map<String, Value>, _: &mut Problems<'_>) {}
    fn url(config: &Map<String, Value>, problems: &mut Problems<'_>) {
        if !config.contains_key("url") {
            problems.add("url", "it is missing");
        }
    }
    [
        rule("api.request", Kind::Effect, url),
        rule("condition", Kind::Branch, nothing),
        rule("transform", Kind::Pure, nothing),
        rule("wait", Kind::Wait, nothing),
    ]
}

fn compiled(body: &Value) -> std::result::Result<Plan, String> {
    compile(body, &rules(), &DefinitionLimits::of_new(20)).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message))
            .collect();
        lines.join("\n")
    })
}

fn with_steps(steps: &Value) -> Value {
    json!({"trigger": {"type": "api"}, "steps": steps})
}

fn problems_of(steps: &Value) -> String {
    compiled(&with_steps(steps)).expect_err("the definition compiles")
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let body = json!({
        "trigger": {"type": "schedle"},
        "steps": [
            {"id": "a", "type": "conditon", "retryConfig": {"maxAttempts": 0, "atempts": 3, "jitter": "yes"}},
            {"id": "a", "type": "action", "action": "api.reqest", "config": {"url": "{{input.x"}},
            {"id": "if", "type": "condition", "config": {"then": ["z", "if", "a", "end", "gone"], "else": ["end", 5]}},
            {"type": "transform", "config": [], "timeoutMS": 5, "timeoutMs": "5s", "position": {"x": 1}},
            {"id": "sp ace", "type": "action", "action": "api.request", "config": {"retries": "3"}},
            "step",
            {"id": "end", "type": "transform", "name": 7, "config": {"v": ["{{steps.ennd.x}}", "{{steps.z.x}}"]},
             "errorHandling": {"strategy": "ignore", "fallback": {"a": ["{{input.b}}"]}}},
            {"id": "z", "onUnknown": "maybe"}
        ],
        "inputSchema": {"properties": {"p": {"$ref": "https://example.com/s.json"}, "q": {"$ref": "#/$defs/q"}}},
        "outputSchema": [],
        "settings": {"timeoutMs": 0},
        "variables": []
    });
    let expected = "\
trigger.type: there is no trigger type `schedle` (did you mean `schedule`?); use `api`, `webhook` or `schedule`
steps[1].id: `a` is the id of steps[0] too; ids must be unique
steps[3].id: the step has no id; templates and branches need one
steps[4].id: it is \"sp ace\"; an id has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`
steps[0].type: step `a` has the unknown type `conditon` (did you mean `condition`?); there are: action, condition, \
transform, wait
steps[0].retryConfig.atempts: there is no such field; there are: maxAttempts, \
initialDelayMs, backoffMultiplier, maxDelayMs, jitter
steps[0].retryConfig.jitter: it is \"yes\"; it must be true or false
steps[0].retryConfig.maxAttempts: it is 0; it must be a whole number from 1 to 100
steps[1].action: step `a` has the unknown action `api.reqest` (did you mean `api.request`?); there are: api.request
steps[1].config.url: the template `{{input.x` is not closed: add `}}`
steps[2].config.then[1]: step `if` cannot be a branch of itself
steps[2].config.then[2]: step `a` stands before this condition; steps of a branch must come later in `steps`
steps[2].config.then[4]: there is no step `gone`
steps[2].config.else[0]: step `end` is in `then` and in `else`; a step that always runs belongs in neither
steps[2].config.else[1]: it is 5; it must be the id of a step
steps[3].config: it is an array; it must be an object
steps[3].timeoutMS: a step has no field `timeoutMS`; did you mean `timeoutMs`?
steps[3].timeoutMs: it is \"5s\"; it must be a whole number from 1 to 86400000
steps[4].config.url: it is missing
steps[4].config.retries: it is \"3\"; it must be a whole number from 0 to 99
steps[5]: it is \"step\"; a step is an object
steps[6].config.v[0]: the template names step `ennd`, which does not exist (did you mean `end`?)
steps[6].config.v[1]: the template names step `z`, which comes later; its output is not there yet
steps[6].errorHandling.fallback.a[0]: a fallback is taken as it is and holds no templates; compute the value in a \
`transform` step after this one
steps[6].errorHandling.strategy: it is \"ignore\" (did you mean `continue`?); it must be `fail` or `continue`
steps[6].name: it is 7; it must be a text
steps[7].type: step `z` has no type; there are: action, condition, transform, wait
steps[7].onUnknown: it is \"maybe\"; it must be `retry`, `fail` or `ask`
inputSchema.properties.p.$ref: `https://example.com/s.json` refers outside the schema; only references that begin \
with `#` are followed: copy the definition into `$defs`
outputSchema: it is an array; it must be a JSON Schema, as an object
settings.timeoutMs: it is 0; it must be a whole number from 1 to 2592000000
variables: it is an array; it must be an object";
    assert_eq!(compiled(&body).expect_err("it compiles"), expected);
}

#[test]
fn single_problems_of_a_step() {
    let step = |extra: Value| {
        let mut step = json!({"id": "s", "type": "transform"});
        if let (Some(step), Some(extra)) = (step.as_object_mut(), extra.as_object()) {
            step.extend(extra.clone());
        }
        json!([step])
    };
    for (steps, expected) in [
        (json!(null), "steps: it is null; it must be an array"),
        (
            json!([{"id": "s", "type": "loop"}]),
            "steps[0].type: step `s` has the unknown type `loop`; there are: action, condition, transform, wait",
        ),
        (
            json!([{"id": "s", "type": "action"}]),
            "steps[0].action: step `s` has no action; there are: api.request",
        ),
        (
            json!([{"id": "s", "type": "api.request"}]),
            "steps[0].type: step `s`: `api.request` is an action: write `\"type\": \"action\", \"action\": \"api.request\"`",
        ),
        (
            json!([{"id": "s", "type": "action", "action": "transform"}]),
            "steps[0].action: step `s`: `transform` is a type of its own: write `\"type\": \"transform\"`",
        ),
        (
            json!([{"id": "s", "type": "condition"}]),
            "steps[0].config.then: it is missing: the ids of the steps that run when the condition holds, as an array",
        ),
        (
            step(json!({"retryconfig": {}})),
            "steps[0].retryconfig: a step has no field `retryconfig`; did you mean `retryConfig`?",
        ),
        (
            step(json!({"on_error": "x"})),
            "steps[0].on_error: a step has no field `on_error`; did you mean `errorHandling`?",
        ),
        (
            step(json!({"retryConfig": {"backoffMultiplier": 0.5}})),
            "steps[0].retryConfig.backoffMultiplier: it is 0.5; it must be a number from 1 to 100",
        ),
        (
            step(json!({"retryConfig": {"maxDelayMs": 86_400_001}})),
            "steps[0].retryConfig.maxDelayMs: it is 86400001; it must be a whole number from 0 to 86400000",
        ),
        (
            step(json!({"config": {"a": "{{steps.s.x}}"}})),
            "steps[0].config.a: the template names its own step `s`, which has no output yet",
        ),
        (
            step(json!({"config": {"a": "{{secrets.KEY}}"}})),
            "steps[0].config.a: `{{secrets.KEY}}` is only for steps that call outside; use it in the step that makes the call",
        ),
    ] {
        assert_eq!(problems_of(&steps), expected, "{steps}");
    }
}

#[test]
fn single_problems_of_the_whole() {
    for (body, expected) in [
        (
            json!([]),
            "definition: it is an array; it must be an object",
        ),
        (
            json!({"steps": []}),
            "trigger: there is no trigger; add `\"trigger\": {\"type\": \"api\"}`",
        ),
        (
            json!({"trigger": {"type": "webhook", "provider": "gitlab"}, "steps": []}),
            "trigger.provider: it is \"gitlab\" (did you mean `github`?); use custom, stripe, github, hubspot, slack, shopify, \
             quickbooks, pandadoc, docusign, netsuite, salesforce, gmail",
        ),
        (
            json!({"trigger": {"type": "api"}}),
            "steps: there are no steps; add an array of steps",
        ),
    ] {
        assert_eq!(compiled(&body).expect_err("it compiles"), expected);
    }
}

#[test]
fn what_other_tools_keep_in_a_step_is_tolerated() {
    let plan = compiled(&with_steps(&json!([
        {"id": "a-1", "type": "condition", "action": "condition.evaluate", "provider": "core", "note": "x",
         "position": {"x": 1}, "config": {"then": ["b", "b"], "else": null}},
        {"id": "b", "type": "action", "action": "api.request", "name": "Call", "config":
         {"url": "https://example.com/{{steps.a-1.result}}", "retries": 2, "retryDelayMs": 50, "retryMaxDelayMs": 70},
         "errorHandling": {"strategy": "continue"}},
        {"id": "c", "type": "wait", "retryConfig": {}}
    ])))
    .expect("it compiles");
    let b = &plan.nodes[1];
    assert_eq!(
        (b.step_type, b.kind, b.name.as_deref()),
        ("api.request", Kind::Effect, Some("Call"))
    );
    assert_eq!(
        (
            b.retry.max_attempts,
            b.retry.initial_delay_ms,
            b.retry.max_delay_ms
        ),
        (3, 50, 70)
    );
    assert_eq!(b.fallback.as_deref(), Some(&Value::Null));
    assert_eq!(plan.nodes[0].retry.max_attempts, 1);
    assert_eq!(plan.nodes[2].retry.max_attempts, 3);
    assert_eq!(plan.index_of("c"), Some(2));
    let empty = compiled(&with_steps(&json!([]))).expect("a draft may be empty");
    assert_eq!(
        next(&empty, &RunState::new(&empty)),
        Next::Finish(Outcome::Completed(Arc::new(Value::Null)))
    );
}

#[test]
fn a_hostile_definition_is_answered_with_a_bounded_list() {
    let ids: Vec<String> = (0..50_000).map(|at| format!("no-such-step-{at}")).collect();
    let steps = json!([{"id": "if", "type": "condition", "config": {"then": ids}}]);
    let answer = problems_of(&steps);
    assert_eq!(answer.lines().count(), MAX_PROBLEMS + 1);
    assert!(answer.ends_with("definition: there are more problems: at least 1"));
    let steps = json!(vec![json!({"id": "s", "type": "transform"}); 21]);
    assert!(problems_of(&steps).starts_with("steps: there are 21 steps; at most 20 are allowed"));
    let step = |at: usize| json!({"id": at.to_string(), "type": "transform", "config": {"a": vec!["{{1 + 1}}"; 900]}});
    assert_eq!(
        problems_of(&(0..20).map(step).collect()),
        "steps[2].config: the definition holds more than 2000 templates with operators; plain paths are not limited so"
    );
    let deep = (0..200).fold(json!({}), |inner, _| json!({ "not": inner }));
    let body = json!({"trigger": {"type": "api"}, "steps": [], "inputSchema": deep});
    assert!(
        compiled(&body)
            .expect_err("it compiles")
            .ends_with("it is nested more than 64 levels deep")
    );
}

fn retrying(retry: &Value) -> Node {
    let steps = json!([{"id": "s", "type": "transform", "retryConfig": retry}]);
    let mut plan = compiled(&with_steps(&steps)).expect("it compiles");
    plan.nodes.remove(0)
}

/// The delay that a failure leads to, if it leads to another attempt.
fn delay(node: &Node, failed_before: u32, error: StepError, random: f64) -> Option<i64> {
    match retry::after_failure(
        node,
        "step".into(),
        1,
        failed_before,
        error,
        1_000_000,
        random,
    ) {
        Event::StepFailed { retry_at_ms, .. } => retry_at_ms.map(|at_ms| at_ms - 1_000_000),
        other => panic!("{other:?}"),
    }
}

#[test]
fn delays_grow_to_their_cap_and_never_overflow() {
    let steady = json!({"maxAttempts": 100, "initialDelayMs": 100, "backoffMultiplier": 2, "maxDelayMs": 1_000, "jitter": false});
    let jittery = json!({"maxAttempts": 100, "initialDelayMs": 100, "backoffMultiplier": 2, "maxDelayMs": 1_000});
    let steep = json!({"maxAttempts": 100, "initialDelayMs": 86_400_000, "backoffMultiplier": 100, "maxDelayMs": 86_400_000});
    let none = json!({"maxAttempts": 100, "initialDelayMs": 0, "backoffMultiplier": 100});
    for (policy, failed_before, random, expected) in [
        (&steady, 0, 0.9, 100),
        (&steady, 1, 0.0, 200),
        (&steady, 3, 0.0, 800),
        (&steady, 4, 0.0, 1_000),
        (&steady, 98, 0.0, 1_000),
        (&jittery, 0, 0.0, 50),
        (&jittery, 0, 0.5, 75),
        (&jittery, 9, 0.0, 500),
        (&jittery, 9, 0.999_999, 999),
        (&steep, 98, 0.0, 43_200_000),
        (&steep, 98, f64::NAN, 0),
        (&none, 98, 0.5, 0),
    ] {
        let error = StepError::transient("TIMEOUT", "");
        let found = delay(&retrying(policy), failed_before, error, random);
        assert_eq!(found, Some(expected), "{policy} {failed_before} {random}");
    }
}

#[test]
fn what_is_not_retried_and_what_the_other_side_asks_for() {
    let asked = |ms: i64| StepError {
        retry_after_ms: Some(ms),
        ..StepError::transient("HTTP_STATUS", "429")
    };
    let node = retrying(&json!({"maxAttempts": 3, "initialDelayMs": 100, "jitter": false}));
    let transient = || StepError::transient("TIMEOUT", "");
    assert_eq!(delay(&node, 1, transient(), 0.0), Some(200));
    assert_eq!(delay(&node, 2, transient(), 0.0), None);
    assert_eq!(delay(&node, u32::MAX, transient(), 0.0), None);
    assert_eq!(delay(&node, 0, StepError::fatal("CONFIG", ""), 0.0), None);
    assert_eq!(delay(&node, 0, asked(5_000), 0.0), Some(5_000));
    assert_eq!(delay(&node, 0, asked(20), 0.0), Some(100));
    assert_eq!(delay(&node, 0, asked(-5), 0.0), Some(100));
    assert_eq!(delay(&node, 0, asked(i64::MAX), 0.0), Some(86_400_000));
}
