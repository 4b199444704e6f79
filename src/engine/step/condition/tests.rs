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
        is_new: true,
        found: &mut found,
    };
    check(config.as_object().expect("an object"), &mut problems);
    found
        .into_iter()
        .map(|problem| (problem.place, problem.message))
        .collect()
}

/// Left side, operator, right side, result.
const COMPARISONS: &str = r#"
10 ⇒ eq ⇒ "10" ⇒ true
"10.0" ⇒ eq ⇒ 10 ⇒ true
" 10 " ⇒ equals ⇒ 10 ⇒ true
"10" ⇒ eq ⇒ "10.0" ⇒ false
"ten" ⇒ eq ⇒ 10 ⇒ false
"" ⇒ eq ⇒ 0 ⇒ false
1 ⇒ eq ⇒ 1.0 ⇒ true
9007199254740993 ⇒ eq ⇒ "9007199254740992" ⇒ false
9007199254740993 ⇒ eq ⇒ "9007199254740993" ⇒ true
9007199254740993 ⇒ gt ⇒ "9007199254740992" ⇒ true
18446744073709551615 ⇒ == ⇒ "18446744073709551615" ⇒ true
true ⇒ eq ⇒ "True" ⇒ true
true ⇒ eq ⇒ "false" ⇒ false
true ⇒ eq ⇒ 1 ⇒ false
null ⇒ eq ⇒ "" ⇒ true
null ⇒ eq ⇒ "x" ⇒ false
null ⇒ eq ⇒ null ⇒ true
[1, {"a": 2}] ⇒ eq ⇒ [1.0, {"a": 2.0}] ⇒ true
[1] ⇒ eq ⇒ [1, 2] ⇒ false
"a" ⇒ ne ⇒ "b" ⇒ true
"a" ⇒ not_equals ⇒ "a" ⇒ false
"A" ⇒ eq ⇒ "a" ⇒ false
"9" ⇒ lt ⇒ "10000" ⇒ true
"9" ⇒ gt ⇒ "10000" ⇒ false
1.5 ⇒ gte ⇒ "1.5" ⇒ true
1.5 ⇒ Greater Than Or Equal ⇒ 1.6 ⇒ false
-1 ⇒ <= ⇒ 0 ⇒ true
null ⇒ gt ⇒ -1 ⇒ false
null ⇒ lte ⇒ 1 ⇒ false
"" ⇒ lt ⇒ 1 ⇒ false
"2024-01-15T10:00:00Z" ⇒ lt ⇒ "2024-01-15T10:00:00-01:00" ⇒ true
"hello" ⇒ contains ⇒ "ell" ⇒ true
"hello" ⇒ contains ⇒ "ELL" ⇒ false
["a", 5] ⇒ contains ⇒ "5" ⇒ true
["a", 5] ⇒ notContains ⇒ "5" ⇒ false
{"a": 1} ⇒ contains ⇒ "a" ⇒ true
{"a": 1} ⇒ contains ⇒ 1 ⇒ false
null ⇒ contains ⇒ "a" ⇒ false
1234 ⇒ contains ⇒ 23 ⇒ true
"hello" ⇒ startsWith ⇒ "he" ⇒ true
"hello" ⇒ starts_with ⇒ "lo" ⇒ false
"hello" ⇒ endsWith ⇒ "lo" ⇒ true
null ⇒ endsWith ⇒ "" ⇒ false
0 ⇒ exists ⇒ null ⇒ true
"" ⇒ exists ⇒ null ⇒ true
null ⇒ exists ⇒ null ⇒ false
null ⇒ notExists ⇒ null ⇒ true
"" ⇒ isEmpty ⇒ null ⇒ true
[] ⇒ isEmpty ⇒ null ⇒ true
{} ⇒ isEmpty ⇒ null ⇒ true
null ⇒ isEmpty ⇒ null ⇒ true
0 ⇒ isEmpty ⇒ null ⇒ false
false ⇒ isEmpty ⇒ null ⇒ false
" " ⇒ isNotEmpty ⇒ null ⇒ true
"order-17" ⇒ matches ⇒ "^order-\\d+$" ⇒ true
"an order-17" ⇒ matches ⇒ "^order" ⇒ false
17 ⇒ matches ⇒ "^1" ⇒ true
null ⇒ matches ⇒ ".*" ⇒ false
"#;

#[test]
fn values_compare_as_documented() {
    for line in COMPARISONS.trim().lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let value = |index: usize| serde_json::from_str::<Value>(columns[index]).expect(line);
        let (left, operator, right) = (value(0), columns[1], value(2));
        let expected = Ok(value(3) == json!(true));
        let condition = json!({"left": left, "operator": operator, "right": right});
        assert_eq!(decide(&condition), expected, "{line}");
        let studio = json!([{"field": left, "operator": operator, "value": right}]);
        assert_eq!(decide(&studio), expected, "{line}");
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

/// A configuration and the place of its one mistake; YES stands for a condition that holds.
const MISTAKES: &str = r#"
{} ⇒ conditions
{"conditions": "{{input.conditions}}"} ⇒ conditions
{"conditions": []} ⇒ conditions
{"conditions": {}} ⇒ conditions.operator
{"conditions": [YES], "combineOperator": "XOR"} ⇒ combineOperator
{"conditions": {"left": 1, "operator": "eq"}} ⇒ conditions.right
{"conditions": {"operator": "eq", "right": 1}} ⇒ conditions.left
{"conditions": {"left": 1, "operator": "equls", "right": 1}} ⇒ conditions.operator
{"conditions": {"left": 1, "operator": 5, "right": 1}} ⇒ conditions.operator
{"conditions": {"left": 1, "operator": "matches", "right": "("}} ⇒ conditions.right
{"conditions": {"left": 1, "operator": "matches", "right": "(a{1000}){1000}"}} ⇒ conditions.right
{"conditions": {"left": 1, "operator": "matches", "right": 5}} ⇒ conditions.right
{"conditions": {"operator": "and", "conditions": [YES, 7]}} ⇒ conditions.conditions[1]
{"conditions": {"operator": "not", "conditions": [YES, YES]}} ⇒ conditions.conditions
{"conditions": {"operator": "and", "conditions": YES}} ⇒ conditions.conditions
{"conditions": {"operator": "nand", "conditions": [YES]}} ⇒ conditions.operator
"#;

#[test]
fn mistakes_are_found_before_the_run_and_in_it() {
    let yes = json!({"left": 1, "operator": "eq", "right": 1});
    let mut cases: Vec<(Value, &str)> = MISTAKES
        .trim()
        .lines()
        .map(|line| {
            let (config, place) = line.split_once(" ⇒ ").expect(line);
            let config = config.replace("YES", &yes.to_string());
            (serde_json::from_str(&config).expect(line), place)
        })
        .collect();
    for count in [101, 150] {
        let many = json!({"conditions": vec![yes.clone(); count]});
        cases.push((many, "conditions[100]"));
    }
    let long = json!({"left": 1, "operator": "matches", "right": "a".repeat(1_001)});
    cases.push((json!({"conditions": long}), "conditions.right"));
    for (config, place) in cases {
        let found = problems(&config);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, format!("config.{place}"), "{found:?}");
        let error = run(&config).expect_err("a mistake");
        assert_eq!(error.code, "CONFIG", "{config}");
    }
}

#[test]
fn nesting_ends_at_sixteen() {
    let mut deep = json!({"left": 1, "operator": "eq", "right": 1});
    for _ in 0..16 {
        deep = json!({"operator": "not", "condition": deep});
    }
    assert_eq!(decide(&deep), Ok(true));
    let deeper = json!({"operator": "not", "condition": deep});
    let error = decide(&deeper).expect_err("too deep");
    assert!(error.message.contains("deeper than 16"), "{error:?}");
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
