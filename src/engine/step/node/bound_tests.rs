//! What would be multiplied beyond the bound is never made.
#![allow(clippy::unwrap_used)]

use super::blueprint_output;
use super::tests::{handed, run_config};
use crate::model::json::json_bytes;
use serde_json::{Map, Value, json};

const MAX_BYTES: usize = 100_000;
const EXTRACT: &str = "utility:json_multi_extract";
const BUILD: &str = "utility:build_data";

fn names() -> Vec<String> {
    (0..200).map(|at| format!("p{at}")).collect()
}

#[test]
fn one_large_value_does_not_become_many() {
    let large = "x".repeat(60_000);
    let paths: Map<String, Value> = names().into_iter().map(|name| (name, json!("$"))).collect();
    let once = json!({ "paths": { "a": "$" } });
    let twice = json!({ "paths": { "a": "$", "b": "[0]" } });
    let around = json!({ "keys": vec!["a"; 10_000], "prefix": large, "suffix": large });
    let wrapped = json!({ "paths": { "a": "a" }, "wrap": around });
    let (json, value) = (json!({ "json": [large] }), json!({ "value": large }));
    let many = json!({ "records": vec![1; 1_000], "images": vec![1; 1_000] });
    let key = json!({ "imageKey": large });
    let none = json!([]);
    for (node_type, params, inputs, ports, fits) in [
        (EXTRACT, json!({ "paths": paths }), &json, &none, false),
        (EXTRACT, twice, &json, &none, false),
        (EXTRACT, once, &json, &none, true),
        (EXTRACT, wrapped, &json, &none, false),
        ("logic:router", json!({}), &value, &json!(names()), false),
        ("logic:router", json!({}), &value, &json!(["value"]), true),
        (BUILD, key, &many, &none, false),
        (BUILD, json!({}), &many, &none, true),
    ] {
        let config = handed(node_type, params, inputs.clone(), ports.clone());
        match run_config(&config, MAX_BYTES) {
            Ok(output) => assert!(fits && json_bytes(&output) <= MAX_BYTES, "{node_type}"),
            Err(error) => assert!(!fits && error.starts_with("OUTPUT_LIMIT"), "{error}"),
        }
    }
    assert!(blueprint_output(&names(), &json!(large), MAX_BYTES).is_err());
    assert!(blueprint_output(&[], &json!(large), MAX_BYTES).is_ok());
}
