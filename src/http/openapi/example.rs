//! Examples of answers, made from their schemas so that they always fit. What a schema says of itself (`examples`, `const`,
//! `enum`, `format`) comes first.

use serde_json::{Map, Value, json};

/// So deep an example goes where a schema contains itself.
const MAX_DEPTH: usize = 12;

/// Gives every JSON content of the document an example that has none yet.
pub(super) fn fill(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let operations = paths
        .values_mut()
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.values_mut());
    for operation in operations {
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        for response in responses.values_mut() {
            let content = response.pointer_mut("/content/application~1json");
            if let Some(content) = content.filter(|content| content.get("example").is_none()) {
                content["example"] = example(&content["schema"], &schemas, 0);
            }
        }
    }
}

fn example(schema: &Value, schemas: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    if let Some(given) = schema["examples"].get(0).or_else(|| schema.get("example")) {
        return given.clone();
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return example(&schemas[name], schemas, depth + 1);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(first) = schema[several].get(0) {
            return example(first, schemas, depth + 1);
        }
    }
    if let Some(value) = schema["enum"].get(0) {
        return value.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("string") if schema["format"] == "date-time" => json!("2024-01-15T10:00:00.000Z"),
        Some("string") if schema["format"] == "date" => json!("2024-01-15"),
        Some("string") => json!("text"),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") if schema["maxItems"] == 0 => json!([]),
        Some("array") => json!([example(&schema["items"], schemas, depth + 1)]),
        Some("object") => object(schema, schemas, depth),
        // Any JSON: an object with nothing in it is some.
        _ => json!({}),
    }
}

fn object(schema: &Value, schemas: &Value, depth: usize) -> Value {
    let fields = schema["properties"].as_object().into_iter().flatten();
    let fields: Map<String, Value> = fields
        .map(|(name, field)| (name.clone(), example(field, schemas, depth + 1)))
        .collect();
    Value::Object(fields)
}
