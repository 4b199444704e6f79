//! Table tests of transformations.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;

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
    assert_eq!(run(&config), Ok(expected));
}

#[test]
fn the_rules_say_what_is_done_and_the_action_only_names_it() {
    let rules = json!({
        "sourceData": {"name": " ada "},
        "normalizations": [{"field": "name", "transform": "trim"}],
        "mappingRules": [{"source": "name", "target": "who", "transform": "capitalize"}],
        "validationRules": [{"field": "who", "rule": "required"}],
    });
    for action in ACTIONS {
        let mut config = rules.clone();
        config["action"] = json!(action);
        assert_eq!(problems(&config), [], "{action}");
        assert_eq!(run(&config), Ok(json!({"who": "Ada"})), "{action}");
    }
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
        assert_eq!(run(&loose).expect("left out"), json!({}), "{rule}");
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
        assert_eq!(run(&json!({"sourceData": source})), Ok(source.clone()));
        let empty = json!({"sourceData": source, "mappingRules": []});
        assert_eq!(run(&empty), Ok(source));
    }
    let mapped =
        json!({"sourceData": "{\"a\": 1}", "mappingRules": [{"source": "a", "target": "b"}]});
    assert_eq!(run(&mapped), Ok(json!({"b": 1})));
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
{"script": "return 1 +"} ⇒ script ⇒ not JavaScript
{"code": "let a = ;", "input": {}} ⇒ code ⇒ line 1
{"code": ["return 1"]} ⇒ code ⇒ not JavaScript
{"script": "return 1", "code": "return 1"} ⇒ code ⇒ one or the other
{"script": "return 1", "sourceData": 1} ⇒ sourceData ⇒ not used
{"script": "return 1", "timeout": 30001} ⇒ timeout ⇒ 30000
{"script": "return 1", "sandbox": {"timeoutMs": 0}} ⇒ sandbox.timeoutMs ⇒ between
{"script": "return 1", "inputs": 1} ⇒ inputs ⇒ `input`?
{"sourceData": 1, "action": "mapp"} ⇒ action ⇒ none of
{"sourceData": 1, "strict": "maybe"} ⇒ strict ⇒ true
{"sourceData": 1, "mappingRule": []} ⇒ mappingRule ⇒ `mappingRules`?
{"sourceData": 1, "validationRules": 5} ⇒ validationRules ⇒ array
{"sourceData": 1, "validationRules": [5]} ⇒ validationRules[0] ⇒ not a rule
{"sourceData": 1, "validationRules": [{"rule": "email"}]} ⇒ validationRules[0].field ⇒ missing
{"sourceData": 1, "validationRules": [{"field": "a"}]} ⇒ validationRules[0].rule ⇒ required, string
{"sourceData": 1, "validationRules": [{"field": "a", "rule": "mail"}]} ⇒ validationRules[0].rule ⇒ `mail`
{"sourceData": 1, "validationRules": [{"field": "a", "rule": "min"}]} ⇒ validationRules[0].value ⇒ null is not a number
{"sourceData": 1, "validationRules": [{"field": "a", "rule": "enum", "value": "b"}]} ⇒ validationRules[0].value ⇒ array
{"sourceData": 1, "validationRules": [{"field": "a", "rule": "pattern", "value": "("}]} ⇒ validationRules[0].value ⇒ regular expression
{"sourceData": 1, "validationRules": [{"field": "a", "rule": "date", "mesage": "m"}]} ⇒ validationRules[0].mesage ⇒ `message`?
{"sourceData": 1, "normalizations": {}} ⇒ normalizations ⇒ array
{"sourceData": 1, "normalizations": [{"transform": "trim"}]} ⇒ normalizations[0].field ⇒ missing
{"sourceData": 1, "normalizations": [{"field": "a[*]", "transform": "trim"}]} ⇒ normalizations[0].field ⇒ not written
{"sourceData": 1, "normalizations": [{"field": "a", "transform": "trimm"}]} ⇒ normalizations[0].transform ⇒ `trim`
{"sourceData": 1, "targetSchema": {"type": 5}} ⇒ targetSchema ⇒ Schema
{"sourceData": 1, "targetSchema": {"$ref": "http://127.0.0.1:1/x"}} ⇒ targetSchema ⇒ Schema
{"sourceData": 1, "mappingRules": {}} ⇒ mappingRules ⇒ array
"#;

/// The same of a mapping rule.
const MISTAKES_IN_A_RULE: &str = r#"
5 ⇒  ⇒ not a rule
{"target": "a"} ⇒ .source ⇒ missing
{"source": "a"} ⇒ .target ⇒ missing
{"source": "a[1:2]", "target": "a"} ⇒ .source ⇒ JavaScript
{"source": "a", "target": "b[*]"} ⇒ .target ⇒ not written
{"source": "a", "target": "$"} ⇒ .target ⇒ named
{"source": "a", "target": "b[10001]"} ⇒ .target ⇒ 10000
{"source": "a", "target": "b", "transform": "captalize"} ⇒ .transform ⇒ `capitalize`
{"source": "a", "target": "b", "transform": ["trim", "lowrcase"]} ⇒ .transform ⇒ `lowercase`
{"source": "a", "target": "b", "transform": {"name": "truncate"}} ⇒ .transform ⇒ needs its option `length`
{"source": "a", "target": "b", "transform": {"name": "truncate", "length": -1}} ⇒ .transform ⇒ a number from 0
{"source": "a", "target": "b", "transform": {"name": "split", "separator": 5}} ⇒ .transform ⇒ not a text
{"source": "a", "target": "b", "transform": {"name": "trim", "by": 1}} ⇒ .transform ⇒ has no options
{"source": "a", "target": "b", "transform": {"name": "sort", "desc": true}} ⇒ .transform ⇒ there is `by`, `descending`
{"source": "a", "target": "b", "transform": {"length": 5}} ⇒ .transform ⇒ no `name`
{"source": "a", "target": "b", "transform": 5} ⇒ .transform ⇒ not the name
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
    for templates in [
        json!({"source": "{{a}}", "target": "b.{{c}}", "transform": "{{d}}"}),
        json!({"source": "a", "target": "b", "transform": {"name": "truncate", "length": "{{n}}"}}),
    ] {
        assert_eq!(problems(&with_rule(templates)), []);
    }
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

#[test]
fn normalizations_change_fields_in_place_before_the_rules() {
    let config = json!({
        "sourceData": {"email": " Ada@Example.COM ", "tags": ["b", "a", "b"], "amount": "12.50", "note": null},
        "normalizations": [
            {"field": "email", "transform": ["trim", "lowercase"]},
            {"field": "tags", "transform": ["unique", "sort", {"name": "join", "separator": "|"}]},
            {"field": "amount", "transform": "number"},
            {"field": "note", "default": "-"},
            {"field": "phone", "transform": {"name": "default", "value": "none"}},
            {"field": "missing", "transform": "trim"},
        ],
    });
    assert_eq!(problems(&config), []);
    let normalized = json!({
        "email": "ada@example.com", "tags": "a|b", "amount": 12.5, "note": "-", "phone": "none"
    });
    assert_eq!(run(&config), Ok(normalized.clone()));
    let mut mapped = config.clone();
    mapped["mappingRules"] = json!([{"source": "$", "target": "all"}]);
    assert_eq!(run(&mapped), Ok(json!({"all": normalized})));
    let mut strict = config;
    strict["strict"] = json!(true);
    let error = run(&strict).expect_err("something is missing");
    assert!(
        error.message.contains("normalizations[5]"),
        "{}",
        error.message
    );
    let whole =
        json!({"sourceData": " x ", "normalizations": [{"field": "$", "transform": "trim"}]});
    assert_eq!(run(&whole), Ok(json!("x")));
}

#[test]
fn wildcards_collect_what_they_find() {
    let config = json!({
        "sourceData": {"items": [{"price": 2, "tags": ["a"]}, {"price": 3.5}, {"tags": ["b", "c"]}]},
        "mappingRules": [
            {"source": "items[*].price", "target": "total", "transform": "sum"},
            {"source": "$.items[*].tags[*]", "target": "tags", "transform": {"name": "join", "separator": ""}},
            {"source": "items[*].nothing", "target": "count", "transform": "count"},
        ],
    });
    assert_eq!(problems(&config), []);
    assert_eq!(
        run(&config),
        Ok(json!({"total": 5.5, "tags": "abc", "count": 0}))
    );
}

/// A rule, what fits it, and what does not.
const RULES: &str = r#"
{"rule": "required"} ⇒ [0, false, "x", [], {}] ⇒ [null, "", "  "]
{"rule": "string"} ⇒ ["", "x", null] ⇒ [5, [], true]
{"rule": "number"} ⇒ [0, 1.5, null] ⇒ ["5", true]
{"rule": "integer"} ⇒ [0, -3, 2.0] ⇒ [1.5, "1"]
{"rule": "boolean"} ⇒ [true, false] ⇒ ["true", 0]
{"rule": "array"} ⇒ [[]] ⇒ [{}, "a"]
{"rule": "object"} ⇒ [{}] ⇒ [[], "a"]
{"rule": "email"} ⇒ ["a@b.co", "a+x@b-c.d.e"] ⇒ ["", "a", "a@b", "a@b.", "@b.c", "a @b.c", "a@b@c.d", "a@.c", "a@b.c,d@e.f", 5]
{"rule": "url"} ⇒ ["http://a", "https://a.b/c?d"] ⇒ ["a.b", "ftp://a", "javascript:1", 5]
{"rule": "date"} ⇒ ["2024-02-29", "2024-01-15T10:00:00Z"] ⇒ ["2023-02-29", "15.1.2024", 5]
{"rule": "pattern", "value": "^[A-Z]{2}[0-9]+$"} ⇒ ["AB1"] ⇒ ["ab1", "AB", [], true]
{"rule": "min", "value": 5} ⇒ [5, "6", 1e9] ⇒ [4, "4.9", "x", []]
{"rule": "max", "value": "5"} ⇒ [5, -1] ⇒ [5.1, "x"]
{"rule": "minLength", "value": 2} ⇒ ["äö", [1, 2]] ⇒ ["ä", [1], 5]
{"rule": "max_length", "value": 2} ⇒ ["", [1, 2]] ⇒ ["abc", [1, 2, 3], 5]
{"rule": "enum", "value": ["a", 1]} ⇒ ["a", 1] ⇒ ["b", "1", true]
"#;

#[test]
fn validation_rules_name_every_misfit() {
    for line in RULES.trim().lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let mut rule: Value = serde_json::from_str(columns[0]).expect(line);
        rule["field"] = json!("a.b");
        let values = |at: usize| -> Vec<Value> { serde_json::from_str(columns[at]).expect(line) };
        let validated = |value: &Value| {
            let config = json!({"action": "validate", "sourceData": {"a": {"b": value}}, "validationRules": [rule]});
            assert_eq!(problems(&config), [], "{line}");
            run(&config)
        };
        for value in values(1) {
            assert!(validated(&value).is_ok(), "{line} {value}");
        }
        for value in values(2) {
            let error = validated(&value).expect_err(line);
            assert_eq!(error.code, "VALIDATION");
            assert!(
                error.message.starts_with("\"a.b\" is") || rule["rule"] == "pattern",
                "{}",
                error.message
            );
        }
    }
    let rules: Vec<Value> = (0..30)
        .map(|n| json!({"field": format!("f{n}"), "rule": "required"}))
        .collect();
    let error = run(&json!({"sourceData": {}, "validationRules": rules})).expect_err("empty");
    assert!(
        error
            .message
            .starts_with("\"f0\" is missing; \"f1\" is missing")
    );
    assert!(error.message.ends_with("and 10 more"), "{}", error.message);
    let own = json!({"field": "a", "rule": "required", "message": "Give a name."});
    let error = run(&json!({"sourceData": {}, "validationRules": [own]})).expect_err("empty");
    assert_eq!(error.message, "Give a name.");
}
