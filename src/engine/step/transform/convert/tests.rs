//! Table tests of conversions: what each makes of what, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;

fn converted(transform: &Value, value: &Value) -> Result<Value, String> {
    Chain::read(Some(transform), &Fields::new())
        .unwrap_or_else(|message| panic!("{transform}: {message}"))
        .apply(value)
}

/// A transform, a value, and what it becomes; `refused` where it has no answer.
const CASES: &str = r#"
"direct" ⇒ [1] ⇒ [1]
"direct" ⇒ null ⇒ null
"capitalize" ⇒ "ärger groß" ⇒ "Ärger groß"
"capitalize" ⇒ "" ⇒ ""
"Upper_Case" ⇒ "aß" ⇒ "ASS"
"uppercase" ⇒ 5 ⇒ "5"
"uppercase" ⇒ [5] ⇒ refused
"toLowerCase" ⇒ "ÄB" ⇒ "äb"
"trim" ⇒ "  a " ⇒ "a"
"trim" ⇒ null ⇒ refused
"title case" ⇒ "the QUICK  brown-fox" ⇒ "The Quick  Brown-fox"
"camelCase" ⇒ "Order ID_number 2x" ⇒ "orderIdNumber2x"
"camel" ⇒ "HTTPServerError" ⇒ "httpServerError"
"snake_case" ⇒ "orderId" ⇒ "order_id"
"snake-case" ⇒ " --Äußere  Größe! " ⇒ "äußere_größe"
"kebab" ⇒ "parseHTML5Document" ⇒ "parse-html5-document"
"kebab" ⇒ "" ⇒ ""
"kebab" ⇒ {} ⇒ refused
{"name": "truncate", "length": 3} ⇒ "äöüß" ⇒ "äöü…"
{"name": "truncate", "length": 4} ⇒ "äöüß" ⇒ "äöüß"
{"name": "truncate", "length": "2", "ellipsis": ""} ⇒ "abc" ⇒ "ab"
{"name": "truncate", "length": 0} ⇒ [] ⇒ refused
{"name": "replace", "search": ".", "with": "$1"} ⇒ "a.b.c" ⇒ "a$1b$1c"
{"name": "replace", "search": "A", "ignoreCase": true} ⇒ "bAaab" ⇒ "bb"
{"name": "replace", "pattern": "(\\d+)-(\\d+)", "with": "$2/$1"} ⇒ "1-2, 30-40" ⇒ "2/1, 40/30"
{"name": "replace", "pattern": "x*", "with": "-"} ⇒ "ab" ⇒ "-a-b-"
{"name": "replace", "pattern": "("} ⇒ "a" ⇒ refused
{"name": "replace"} ⇒ "a" ⇒ refused
{"name": "replace", "search": "a"} ⇒ null ⇒ refused
"split" ⇒ "a,b,,c" ⇒ ["a", "b", "", "c"]
{"name": "split", "separator": ", "} ⇒ "a, b" ⇒ ["a", "b"]
{"name": "split", "separator": ""} ⇒ "äb" ⇒ ["ä", "b"]
"split" ⇒ ["a"] ⇒ refused
"join" ⇒ ["a", 1, true, null] ⇒ "a,1,true,"
{"name": "join", "separator": ""} ⇒ [] ⇒ ""
"join" ⇒ [["a"]] ⇒ refused
"join" ⇒ "a" ⇒ refused
{"name": "concat", "with": " EUR"} ⇒ 5 ⇒ "5 EUR"
{"name": "concat", "with": [2, 3]} ⇒ [1] ⇒ [1, 2, 3]
{"name": "append", "with": {"a": 1}} ⇒ [] ⇒ [{"a": 1}]
{"name": "concat", "with": ["a"]} ⇒ "b" ⇒ refused
"mask" ⇒ "4111111111111111" ⇒ "************1111"
{"name": "mask", "keep": 0, "with": "+"} ⇒ "äö" ⇒ "++"
"mask" ⇒ "abc" ⇒ "abc"
"mask" ⇒ [] ⇒ refused
"string" ⇒ {"a": 1} ⇒ "{\"a\":1}"
"string" ⇒ 1.5 ⇒ "1.5"
"string" ⇒ null ⇒ refused
"number" ⇒ " 42 " ⇒ 42
"number" ⇒ "18446744073709551615" ⇒ 18446744073709551615
"float" ⇒ "-1.5e3" ⇒ -1500.0
"number" ⇒ true ⇒ 1
"number" ⇒ "inf" ⇒ refused
"number" ⇒ "1e999" ⇒ refused
"number" ⇒ "12 apples" ⇒ refused
"integer" ⇒ "12.9" ⇒ 12
"integer" ⇒ -12.9 ⇒ -12
"int" ⇒ 9223372036854775807 ⇒ 9223372036854775807
"integer" ⇒ "" ⇒ refused
"round" ⇒ 2.5 ⇒ 3
"round" ⇒ "-2.5" ⇒ -3
{"name": "round", "digits": 2} ⇒ 1.005 ⇒ 1.01
{"name": "round", "digits": 2} ⇒ 2.344 ⇒ 2.34
{"name": "round", "digits": 2} ⇒ 1e300 ⇒ 1e300
{"name": "round", "digits": 2} ⇒ 7 ⇒ 7
"round" ⇒ [] ⇒ refused
{"name": "floor", "digits": 1} ⇒ 2.3 ⇒ 2.3
"floor" ⇒ -1.2 ⇒ -2
{"name": "floor", "digits": 2} ⇒ 1.239 ⇒ 1.23
"ceil" ⇒ 1.2 ⇒ 2
{"name": "ceil", "digits": 1} ⇒ 1.1 ⇒ 1.1
"ceil" ⇒ {} ⇒ refused
"abs" ⇒ -5 ⇒ 5
"abs" ⇒ "-1.5" ⇒ 1.5
"abs" ⇒ -9223372036854775808 ⇒ 9223372036854775808
"abs" ⇒ "x" ⇒ refused
"boolean" ⇒ "Yes" ⇒ true
"boolean" ⇒ 0 ⇒ false
"boolean" ⇒ "perhaps" ⇒ refused
"json" ⇒ "[1]" ⇒ [1]
"json" ⇒ [1] ⇒ "[1]"
"json" ⇒ "{" ⇒ refused
"json parse" ⇒ "{\"a\": 1}" ⇒ {"a": 1}
"json parse" ⇒ {"a": 1} ⇒ refused
"stringify" ⇒ "a" ⇒ "\"a\""
"date" ⇒ "2024-01-15" ⇒ "2024-01-15T00:00:00.000Z"
"iso" ⇒ "2024-01-15T11:00:00+01:00" ⇒ "2024-01-15T10:00:00.000Z"
"date" ⇒ 1705312800 ⇒ "2024-01-15T10:00:00.000Z"
"date" ⇒ 1705312800000 ⇒ "2024-01-15T10:00:00.000Z"
"date" ⇒ "15.1.2024" ⇒ refused
"date" ⇒ "2023-02-29" ⇒ refused
"date" ⇒ 1e300 ⇒ refused
"date only" ⇒ "2024-01-15T23:30:00Z" ⇒ "2024-01-15"
{"name": "dateOnly", "timezone": "Europe/Berlin"} ⇒ "2024-01-15T23:30:00Z" ⇒ "2024-01-16"
{"name": "dateOnly", "timezone": "Berlin"} ⇒ "2024-01-15" ⇒ refused
"unix" ⇒ "2024-01-15T10:00:00.999Z" ⇒ 1705312800
"unix" ⇒ "1969-12-31T23:59:59.500Z" ⇒ -1
"unix ms" ⇒ "2024-01-15T10:00:00.999Z" ⇒ 1705312800999
"unix" ⇒ "soon" ⇒ refused
{"name": "format", "pattern": "DD.MM.YYYY HH:mm:ss.SSS"} ⇒ "2024-01-05T10:02:03.004Z" ⇒ "05.01.2024 10:02:03.004"
{"name": "format", "pattern": "dddd, MMM YY hh:mm A Z", "timezone": "America/New_York"} ⇒ "2024-07-05T22:02:03Z" ⇒ "Friday, Jul 24 06:02 PM -04:00"
{"name": "date format", "pattern": "%Y/%j"} ⇒ "2024-12-31" ⇒ "2024/366"
{"name": "format", "pattern": "%Q"} ⇒ "2024-12-31" ⇒ refused
{"name": "format", "pattern": "%"} ⇒ "2024-12-31" ⇒ refused
{"name": "date add", "amount": 1} ⇒ "2024-02-28" ⇒ "2024-02-29T00:00:00.000Z"
{"name": "dateAdd", "amount": -1.5, "unit": "hours"} ⇒ "2024-01-01" ⇒ "2023-12-31T22:30:00.000Z"
{"name": "dateAdd", "amount": 1, "unit": "month"} ⇒ "2024-01-31" ⇒ "2024-02-29T00:00:00.000Z"
{"name": "dateAdd", "amount": -1, "unit": "Years"} ⇒ "2024-02-29" ⇒ "2023-02-28T00:00:00.000Z"
{"name": "dateAdd", "amount": 0.5, "unit": "months"} ⇒ "2024-01-31" ⇒ refused
{"name": "dateAdd", "amount": 1e9, "unit": "years"} ⇒ "2024-01-31" ⇒ refused
{"name": "dateAdd", "amount": 1, "unit": "fortnight"} ⇒ "2024-01-31" ⇒ refused
{"name": "dateAdd", "amount": 1} ⇒ "x" ⇒ refused
"length" ⇒ "äöü" ⇒ 3
"count" ⇒ {"a": 1} ⇒ 1
"length" ⇒ 5 ⇒ refused
"first" ⇒ [1, 2] ⇒ 1
"last" ⇒ [1, 2] ⇒ 2
"first" ⇒ "äb" ⇒ "ä"
"last" ⇒ [] ⇒ null
"first" ⇒ 5 ⇒ refused
"unique" ⇒ [1, "1", 1.0, {"a": 1}, {"a": 1}, null, null] ⇒ [1, "1", {"a": 1}, null]
"unique" ⇒ {} ⇒ refused
"sort" ⇒ ["b", 10, 9, null, "a", true, 9.5] ⇒ [null, true, 9, 9.5, 10, "a", "b"]
{"name": "sort", "descending": true} ⇒ [1, 3, 2] ⇒ [3, 2, 1]
{"name": "sort", "by": "n"} ⇒ [{"n": 2}, {"n": 1, "x": 1}, {}, {"n": 1}] ⇒ [{}, {"n": 1, "x": 1}, {"n": 1}, {"n": 2}]
"sort" ⇒ [{"n": 2}] ⇒ refused
"sort" ⇒ "ba" ⇒ refused
"reverse" ⇒ [1, 2] ⇒ [2, 1]
"reverse" ⇒ "äb" ⇒ "bä"
"reverse" ⇒ {} ⇒ refused
"flatten" ⇒ [1, [2, [3]], []] ⇒ [1, 2, [3]]
{"name": "flatten", "depth": 9} ⇒ [1, [2, [3]]] ⇒ [1, 2, 3]
"flatten" ⇒ {} ⇒ refused
"keys" ⇒ {"b": 1, "a": 2} ⇒ ["a", "b"]
"values" ⇒ {"b": 1, "a": 2} ⇒ [2, 1]
"keys" ⇒ [1] ⇒ refused
"sum" ⇒ [1, "2.5", null, true] ⇒ 4.5
"sum" ⇒ [9223372036854775807, 1] ⇒ 9.223372036854775807e18
"sum" ⇒ [] ⇒ 0
"sum" ⇒ [1e308, 1e308] ⇒ refused
"sum" ⇒ ["x"] ⇒ refused
"avg" ⇒ [1, 2] ⇒ 1.5
"average" ⇒ [] ⇒ null
"avg" ⇒ 5 ⇒ refused
"min" ⇒ [3, "1.5", 2] ⇒ 1.5
"max" ⇒ [9007199254740993, 9007199254740992] ⇒ 9007199254740993
"max" ⇒ [] ⇒ null
"min" ⇒ [[]] ⇒ refused
"base64" ⇒ "ä?>" ⇒ "w6Q/Pg=="
"base64 decode" ⇒ "w6Q_Pg" ⇒ "ä?>"
"base64 decode" ⇒ "w6Q/\nPg==" ⇒ "ä?>"
"base64 decode" ⇒ "/w==" ⇒ refused
"base64 decode" ⇒ "%" ⇒ refused
"url encode" ⇒ "a b/ü~&" ⇒ "a%20b%2F%C3%BC~%26"
"url decode" ⇒ "a+b%2f%C3%BC" ⇒ "a b/ü"
"url decode" ⇒ "%zz" ⇒ refused
"url decode" ⇒ "%f" ⇒ refused
"url decode" ⇒ "%ff" ⇒ refused
"sha256" ⇒ "abc" ⇒ "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"hash" ⇒ {} ⇒ refused
{"name": "default", "value": 5} ⇒ null ⇒ 5
{"name": "default", "value": 5} ⇒ "" ⇒ 5
{"name": "default", "value": 5} ⇒ 0 ⇒ 0
["trim", "capitalize"] ⇒ " ada " ⇒ "Ada"
["split", {"name": "default", "value": []}, "sort", "first", "number"] ⇒ "3,1,2" ⇒ 1
["number", "trim", "json parse"] ⇒ "5" ⇒ 5
[] ⇒ 5 ⇒ 5
"#;

#[test]
fn conversions_answer_for_every_value() {
    for line in CASES.trim().lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let json = |at: usize| serde_json::from_str::<Value>(columns[at]).expect(line);
        let made = converted(&json(0), &json(1));
        if columns[2] == "refused" {
            let message = made.expect_err(line);
            assert!(
                !message.is_empty() && message.len() < 400,
                "{line}: {message}"
            );
        } else {
            assert_eq!(made, Ok(json(2)), "{line}");
        }
    }
}

#[test]
fn every_conversion_stands_in_the_table_and_has_a_name_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for conversion in all() {
        for name in conversion.names {
            assert!(seen.insert(*name), "{name} is there twice");
            assert_eq!(*name, name.to_lowercase().replace(['_', '-', ' '], ""));
        }
        let tried = CASES.lines().filter_map(|line| line.split(" ⇒ ").next());
        let tried = tried.filter_map(|written| serde_json::from_str::<Value>(written).ok());
        let is_tried = tried.into_iter().any(|written| {
            let links = written.as_array().cloned().unwrap_or(vec![written]);
            links.iter().any(|link| {
                let name = link.as_str().or_else(|| link["name"].as_str());
                let name = name.unwrap_or_default().to_lowercase();
                let name = name.replace(['_', '-', ' '], "");
                conversion.names.contains(&name.as_str())
            })
        });
        assert!(is_tried, "{:?} has no case", conversion.names);
    }
}

#[test]
fn no_conversion_makes_much_out_of_little() {
    let long = json!("a".repeat(1_000_000));
    let many = Value::Array(vec![json!("a"); 100_000]);
    for (transform, value) in [
        (
            json!({"name": "replace", "search": "a", "with": "b".repeat(1_000)}),
            &long,
        ),
        (
            json!({"name": "replace", "pattern": "()", "with": "b".repeat(1_000)}),
            &long,
        ),
        (
            json!({"name": "replace", "pattern": "(?s)(.*)", "with": "$1".repeat(100)}),
            &long,
        ),
        (json!({"name": "mask", "with": "*".repeat(1_000)}), &long),
        (
            json!({"name": "join", "separator": "-".repeat(1_000)}),
            &many,
        ),
        (
            json!([
                "base64",
                "base64",
                "base64",
                "base64",
                "url encode",
                "url encode",
                "url encode",
                "url encode",
                "url encode"
            ]),
            &long,
        ),
    ] {
        match converted(&transform, value) {
            Err(message) => assert!(message.contains("more than"), "{message}"),
            Ok(made) => assert!(made.to_string().len() < 8_000_000),
        }
    }
    for name in [
        "base64",
        "stringify",
        "url encode",
        "uppercase",
        "title case",
    ] {
        let chain = Value::Array(vec![json!(name); 20]);
        match converted(&chain, &json!("\"ŉ".repeat(100_000))) {
            Err(message) => assert!(message.contains("more than"), "{name}: {message}"),
            Ok(made) => assert!(made.to_string().len() < 8_000_000, "{name}"),
        }
    }
    for separator in ["", "a"] {
        let split = json!({"name": "split", "separator": separator});
        assert!(converted(&split, &long).is_err());
    }
    let chain = Value::Array(vec![json!("trim"); 21]);
    assert!(Chain::read(Some(&chain), &Fields::new()).is_err());
}

#[test]
fn an_unknown_transform_names_the_nearest() {
    for (name, near) in [
        ("capitalise", "capitalize"),
        ("lowrcase", "lowercase"),
        ("base64encod", "base64encode"),
    ] {
        let written = json!(name);
        let Err(message) = Chain::read(Some(&written), &Fields::new()) else {
            panic!("{name} is known");
        };
        assert!(
            message.contains(&format!("nearest is `{near}`")),
            "{message}"
        );
    }
    let long = json!("x".repeat(1_000_000));
    assert!(Chain::read(Some(&long), &Fields::new()).is_err());
}
