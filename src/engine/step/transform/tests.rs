//! Table tests of transformations.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;

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
fn rules_map_one_object_to_another() {
    let config = json!({
        "action": "map",
        "sourceData": {"customer": {"name": "ada", "tags": ["x", "y"]}, "amount": "12.50", "note": null},
        "mappingRules": [
            {"id": "1", "source": "customer.name", "target": "name", "transform": "capitalize"},
            {"source": "$.customer.tags[1]", "target": "$.tags[0]"},
            {"source": "amount", "target": "invoice.amount", "transform": "number"},
            {"source": "missing", "target": "currency", "default": "EUR"},
            {"source": "missing", "target": "left.out"},
            {"source": "note", "target": "note"},
            {"source": "note", "target": "remark", "default": "none"},
            {"source": "customer.name", "target": "age", "transform": "number"},
            {"source": "customer.name", "target": "age2", "transform": "number", "default": 0},
            {"source": "$", "target": "__proto__.all"},
        ],
    });
    assert_eq!(problems(&config), []);
    let mut expected = json!({
        "name": "Ada", "tags": ["y"], "invoice": {"amount": 12.5}, "currency": "EUR",
        "note": null, "remark": "none", "age2": 0,
    });
    expected["__proto__"] = json!({"all": config["sourceData"]});
    assert_eq!(
        run(&config),
        Ok(Done {
            output: expected,
            way: None
        })
    );
}

#[test]
fn strict_fails_where_a_value_is_missing_or_cannot_be_converted() {
    for (rule, part) in [
        (json!({"source": "a.c", "target": "x"}), "leads to nothing"),
        (
            json!({"source": "a.b", "target": "x", "transform": "number"}),
            "not a number",
        ),
        (
            json!({"source": "a.n", "target": "x", "transform": "trim"}),
            "null",
        ),
    ] {
        let source = json!({"a": {"b": "text", "n": null}});
        let loose = json!({"sourceData": source, "mappingRules": [rule]});
        assert_eq!(run(&loose).expect("left out").output, json!({}), "{rule}");
        let strict = json!({"sourceData": source, "mappingRules": [rule], "strict": true});
        let error = run(&strict).expect_err("strict");
        assert_eq!(error.code, "TRANSFORM");
        assert!(
            error.message.contains(part) && error.message.contains("mappingRules[0]"),
            "{}",
            error.message
        );
    }
}

#[test]
fn without_rules_the_source_is_the_output_and_a_schema_is_enforced() {
    for source in [json!("{\"a\": 1}"), json!([1]), json!(5)] {
        assert_eq!(
            run(&json!({"sourceData": source})).expect("done").output,
            source
        );
        let empty = json!({"sourceData": source, "mappingRules": []});
        assert_eq!(run(&empty).expect("done").output, source);
    }
    let mapped =
        json!({"sourceData": "{\"a\": 1}", "mappingRules": [{"source": "a", "target": "b"}]});
    assert_eq!(run(&mapped).expect("done").output, json!({"b": 1}));
    let schema = json!({"type": "object", "required": ["id"]});
    let fits = json!({"sourceData": {"id": 1}, "targetSchema": schema});
    assert!(run(&fits).is_ok());
    let other = json!({"sourceData": {}, "targetSchema": schema});
    assert!(
        run(&other)
            .expect_err("no id")
            .message
            .contains("targetSchema")
    );
}

/// A configuration, the place of its one mistake, and a part of what is said of it.
const MISTAKES: &str = r#"
{} ⇒ sourceData ⇒ missing
{"script": "return 1"} ⇒ script ⇒ JavaScript
{"code": "return 1", "input": {}} ⇒ code ⇒ JavaScript
{"sourceData": 1, "action": "mapp"} ⇒ action ⇒ none of
{"sourceData": 1, "strict": "maybe"} ⇒ strict ⇒ true
{"sourceData": 1, "mappingRule": []} ⇒ mappingRule ⇒ `mappingRules`?
{"sourceData": 1, "validationRules": [{}]} ⇒ validationRules ⇒ not available
{"sourceData": 1, "targetSchema": {"type": 5}} ⇒ targetSchema ⇒ Schema
{"sourceData": 1, "targetSchema": {"$ref": "http://127.0.0.1:1/x"}} ⇒ targetSchema ⇒ Schema
{"sourceData": 1, "mappingRules": {}} ⇒ mappingRules ⇒ array
"#;

/// The same of a mapping rule.
const MISTAKES_IN_A_RULE: &str = r#"
5 ⇒  ⇒ not a rule
{"target": "a"} ⇒ .source ⇒ missing
{"source": "a"} ⇒ .target ⇒ missing
{"source": "a[*]", "target": "a"} ⇒ .source ⇒ wildcards
{"source": "a", "target": "$"} ⇒ .target ⇒ named
{"source": "a", "target": "b[10001]"} ⇒ .target ⇒ 10000
{"source": "a", "target": "b", "transform": "captalize"} ⇒ .transform ⇒ `capitalize`
{"source": "a", "target": "b", "defualt": 1} ⇒ .defualt ⇒ `default`?
{"source": "a", "target": "b", "customTransform": "make it nice"} ⇒ .customTransform ⇒ plain language
"#;

#[test]
fn mistakes_are_found_before_the_run() {
    let with_rule = |rule: Value| json!({"sourceData": 1, "mappingRules": [rule]});
    let mut cases = Vec::new();
    for line in MISTAKES.trim().lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let config: Value = serde_json::from_str(columns[0]).expect(line);
        cases.push((config, format!("config.{}", columns[1]), columns[2]));
    }
    for line in MISTAKES_IN_A_RULE.trim().lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let rule = serde_json::from_str(columns[0]).expect(line);
        let place = format!("config.mappingRules[0]{}", columns[1]);
        cases.push((with_rule(rule), place, columns[2]));
    }
    let rules = vec![json!({"source": "a", "target": "b"}); 501];
    let many = json!({"sourceData": 1, "mappingRules": rules});
    cases.push((many, "config.mappingRules".into(), "501"));
    for (config, place, part) in cases {
        let found = problems(&config);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, place);
        assert!(found[0].1.contains(part), "{found:?}");
    }
    let templates = json!({"source": "{{a}}", "target": "b.{{c}}", "transform": "{{d}}"});
    assert_eq!(problems(&with_rule(templates)), []);
}

#[test]
fn what_templates_made_is_checked_again_and_the_output_is_bounded() {
    let bad = json!({"sourceData": 1, "mappingRules": [{"source": "a", "target": ""}]});
    assert_eq!(run(&bad).expect_err("no target").code, "CONFIG");
    let rules: Vec<_> = (0..20)
        .map(|n| json!({"source": "$", "target": format!("a{n}[10000]")}))
        .collect();
    let error = run(&json!({"sourceData": 1, "mappingRules": rules})).expect_err("too large");
    assert!(error.message.contains("100000"), "{}", error.message);
    let rules: Vec<_> = (0..40)
        .map(|n| json!({"source": "$", "target": format!("a{n}")}))
        .collect();
    let large = json!({"sourceData": "x".repeat(1024 * 1024), "mappingRules": rules});
    let error = run(&large).expect_err("too much");
    assert!(error.message.contains("bytes"), "{}", error.message);
}
