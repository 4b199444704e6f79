//! Table tests of conditions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn decide(conditions: &Value) -> Result<bool, StepError> {
    let done = run(&json!({"conditions": conditions}))?;
    let result = done.output["result"].as_bool().expect("a result");
    assert_eq!(done.output["true"], json!(result));
    assert_eq!(done.output["false"], json!(!result));
    assert_eq!(done.way, Some(if result { 0 } else { 1 }));
    Ok(result)
}

fn problems(config: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut problems = Problems {
        place: "config".into(),
        found: &mut found,
    };
    check(config.as_object().expect("an object"), &mut problems);
    found
        .into_iter()
        .map(|problem| (problem.place, problem.message))
        .collect()
}

#[test]
fn values_compare_as_documented() {
    let big = json!(9_007_199_254_740_993_i64);
    for (left, operator, right, expected) in [
        (json!(10), "eq", json!("10"), true),
        (json!("10.0"), "eq", json!(10), true),
        (json!(" 10 "), "equals", json!(10), true),
        (json!("10"), "eq", json!("10.0"), false),
        (json!("ten"), "eq", json!(10), false),
        (json!(""), "eq", json!(0), false),
        (json!(1), "eq", json!(1.0), true),
        (big.clone(), "eq", json!("9007199254740992"), false),
        (big.clone(), "eq", json!("9007199254740993"), true),
        (big, "gt", json!("9007199254740992"), true),
        (json!(true), "eq", json!("True"), true),
        (json!(true), "eq", json!("false"), false),
        (json!(true), "eq", json!(1), false),
        (Value::Null, "eq", json!(""), true),
        (Value::Null, "eq", json!("x"), false),
        (Value::Null, "eq", Value::Null, true),
        (json!([1, {"a": 2}]), "eq", json!([1.0, {"a": 2.0}]), true),
        (json!([1]), "eq", json!([1, 2]), false),
        (json!("a"), "ne", json!("b"), true),
        (json!("a"), "not_equals", json!("a"), false),
        (json!("A"), "eq", json!("a"), false),
        (json!("9"), "lt", json!("10000"), true),
        (json!("9"), "gt", json!("10000"), false),
        (json!(1.5), "gte", json!("1.5"), true),
        (json!(1.5), "Greater Than Or Equal", json!(1.6), false),
        (json!(-1), "<=", json!(0), true),
        (Value::Null, "gt", json!(-1), false),
        (Value::Null, "lte", json!(1), false),
        (json!(""), "lt", json!(1), false),
        (
            json!("2024-01-15T10:00:00Z"),
            "lt",
            json!("2024-01-15T10:00:00-01:00"),
            true,
        ),
        (json!("hello"), "contains", json!("ell"), true),
        (json!("hello"), "contains", json!("ELL"), false),
        (json!(["a", 5]), "contains", json!("5"), true),
        (json!(["a", 5]), "notContains", json!("5"), false),
        (json!({"a": 1}), "contains", json!("a"), true),
        (json!({"a": 1}), "contains", json!(1), false),
        (Value::Null, "contains", json!("a"), false),
        (json!(1234), "contains", json!(23), true),
        (json!("hello"), "startsWith", json!("he"), true),
        (json!("hello"), "starts_with", json!("lo"), false),
        (json!("hello"), "endsWith", json!("lo"), true),
        (Value::Null, "endsWith", json!(""), false),
        (json!(0), "exists", Value::Null, true),
        (json!(""), "exists", Value::Null, true),
        (Value::Null, "exists", Value::Null, false),
        (Value::Null, "notExists", Value::Null, true),
        (json!(""), "isEmpty", Value::Null, true),
        (json!([]), "isEmpty", Value::Null, true),
        (json!({}), "isEmpty", Value::Null, true),
        (Value::Null, "isEmpty", Value::Null, true),
        (json!(0), "isEmpty", Value::Null, false),
        (json!(false), "isEmpty", Value::Null, false),
        (json!(" "), "isNotEmpty", Value::Null, true),
        (json!("order-17"), "matches", json!("^order-\\d+$"), true),
        (json!("an order-17"), "matches", json!("^order"), false),
        (json!(17), "matches", json!("^1"), true),
        (Value::Null, "matches", json!(".*"), false),
    ] {
        let condition = json!({"left": left, "operator": operator, "right": right});
        assert_eq!(decide(&condition), Ok(expected), "{condition}");
        let studio = json!([{"field": left, "operator": operator, "value": right}]);
        assert_eq!(decide(&studio), Ok(expected), "{studio}");
    }
}

#[test]
fn what_cannot_be_compared_fails_the_step_and_names_the_values() {
    for (left, operator, right) in [
        (json!("abc"), "gt", json!(1)),
        (json!(true), "lt", json!(1)),
        (json!([1]), "gte", json!(1)),
        (json!("nan"), "gt", json!(1)),
        (json!([1]), "startsWith", json!("1")),
        (json!({"a": 1}), "matches", json!("a")),
    ] {
        let condition = json!({"left": left, "operator": operator, "right": right});
        let error = decide(&condition).expect_err("cannot be compared");
        assert_eq!(error.code, "CONDITION", "{condition}");
        assert!(!error.retryable);
        assert!(
            error.message.contains(&left.to_string()),
            "{}",
            error.message
        );
    }
}

#[test]
fn groups_nest_and_stop_at_what_decides_them() {
    let yes = json!({"left": 1, "operator": "eq", "right": 1});
    let no = json!({"left": 1, "operator": "eq", "right": 2});
    let wrong = json!({"left": "abc", "operator": "gt", "right": 2});
    for (condition, expected) in [
        (json!({"operator": "and", "conditions": [yes, yes]}), true),
        (json!({"operator": "AND", "conditions": [yes, no]}), false),
        (json!({"operator": "or", "conditions": [no, yes]}), true),
        (json!({"operator": "or", "conditions": [no, no]}), false),
        (json!({"operator": "not", "conditions": [no]}), true),
        (json!({"operator": "not", "condition": yes}), false),
        (json!({"operator": "not", "conditions": yes}), false),
        (json!({"operator": "and", "conditions": [no, wrong]}), false),
        (json!({"operator": "or", "conditions": [yes, wrong]}), true),
        (
            json!({"operator": "or", "conditions": [no, {"operator": "not", "conditions": [
            {"operator": "and", "conditions": [yes, no]}]}]}),
            true,
        ),
        (
            json!([yes, {"combineOperator": "OR", "conditions": [no, yes]}]),
            true,
        ),
    ] {
        assert_eq!(decide(&condition), Ok(expected), "{condition}");
        assert!(
            problems(&json!({"conditions": condition})).is_empty(),
            "{condition}"
        );
    }
    for (word, expected) in [("AND", 1), ("or", 0)] {
        let done = run(&json!({"conditions": [yes, no], "combineOperator": word}));
        assert_eq!(done.expect("a decision").way, Some(expected), "{word}");
    }
}

#[test]
fn mistakes_are_found_before_the_run_and_in_it() {
    let yes = json!({"left": 1, "operator": "eq", "right": 1});
    for (config, place) in [
        (json!({}), "config.conditions"),
        (
            json!({"conditions": "{{input.conditions}}"}),
            "config.conditions",
        ),
        (json!({"conditions": []}), "config.conditions"),
        (json!({"conditions": {}}), "config.conditions.operator"),
        (
            json!({"conditions": [yes], "combineOperator": "XOR"}),
            "config.combineOperator",
        ),
        (
            json!({"conditions": {"left": 1, "operator": "eq"}}),
            "config.conditions.right",
        ),
        (
            json!({"conditions": {"operator": "eq", "right": 1}}),
            "config.conditions.left",
        ),
        (
            json!({"conditions": {"left": 1, "operator": "equls", "right": 1}}),
            "config.conditions.operator",
        ),
        (
            json!({"conditions": {"left": 1, "operator": 5, "right": 1}}),
            "config.conditions.operator",
        ),
        (
            json!({"conditions": {"left": 1, "operator": "matches", "right": "("}}),
            "config.conditions.right",
        ),
        (
            json!({"conditions": {"left": 1, "operator": "matches", "right": "(a{1000}){1000}"}}),
            "config.conditions.right",
        ),
        (
            json!({"conditions": {"left": 1, "operator": "matches", "right": "a".repeat(1_001)}}),
            "config.conditions.right",
        ),
        (
            json!({"conditions": {"operator": "and", "conditions": [yes, 7]}}),
            "config.conditions.conditions[1]",
        ),
        (
            json!({"conditions": {"operator": "not", "conditions": [yes, yes]}}),
            "config.conditions.conditions",
        ),
        (
            json!({"conditions": {"operator": "and", "conditions": yes}}),
            "config.conditions.conditions",
        ),
        (
            json!({"conditions": {"operator": "nand", "conditions": [yes]}}),
            "config.conditions.operator",
        ),
        (
            json!({"conditions": vec![yes.clone(); 101]}),
            "config.conditions[100]",
        ),
        (
            json!({"conditions": vec![yes.clone(); 150]}),
            "config.conditions[100]",
        ),
    ] {
        let found = problems(&config);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, place, "{found:?}");
        assert_eq!(
            run(&config).expect_err("a mistake").code,
            "CONFIG",
            "{config}"
        );
    }
    let mut deep = yes;
    for _ in 0..16 {
        deep = json!({"operator": "not", "condition": deep});
    }
    assert!(decide(&deep).is_ok());
    let deeper = json!({"operator": "not", "condition": deep});
    assert!(
        decide(&deeper)
            .expect_err("too deep")
            .message
            .contains("deeper than 16")
    );
}

#[test]
fn messages_name_the_nearest_operator_and_templates_pass() {
    let near = json!({"conditions": {"left": 1, "operator": "startWith", "right": 1}});
    assert!(problems(&near)[0].1.contains("did you mean `startsWith`"));
    let pattern =
        json!({"conditions": {"left": "{{a}}", "operator": "matches", "right": "({{b}}"}});
    assert!(problems(&pattern).is_empty());
    assert!(
        problems(&json!({"conditons": {}}))
            .iter()
            .any(|(_, message)| message.contains("`conditions`?"))
    );
}
