//! The shape of a chat completion request, as OpenAI publishes it: every field that there is, and of what is sent here every
//! part.

use jsonschema::Validator;
use serde_json::{Value, json};

/// Whether a request is one; every misfit with its place.
pub(crate) fn misfits(request: &Value) -> Vec<String> {
    let validator = validator();
    let errors = validator.iter_errors(request);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn validator() -> Validator {
    let schema = include_str!("chat_completion.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

#[test]
fn the_shape_tells_requests_from_what_only_looks_like_one() {
    let good = json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }] });
    assert_eq!(misfits(&good), [""; 0]);
    for (field, value) in [
        ("messages", json!([])),
        ("messages", json!([{ "role": "human", "content": "hi" }])),
        ("messages", json!([{ "role": "user", "content": null }])),
        (
            "messages",
            json!([{ "role": "user", "content": "hi", "id": 5 }]),
        ),
        ("messages", json!([{ "role": "tool", "content": "hi" }])),
        ("temperature", json!("0.5")),
        ("tools", json!([])),
        (
            "tools",
            json!([{ "type": "function", "function": { "name": "two words" } }]),
        ),
        ("stream_options", json!({ "include_usage": true })),
        ("topP", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!misfits(&bad).is_empty(), "{bad}");
    }
}
