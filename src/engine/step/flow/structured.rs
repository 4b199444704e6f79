//! Structured output: the fields that a node asks of its model, as a JSON Schema, and reading the answer.
//! May not know how a model is asked.

use crate::engine::llm::{Chat, ChatAnswer, fitting_value};
use crate::engine::schema::Schema;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

/// The schema of an object with these fields; `None`: none is asked for.
pub(super) fn schema(fields: &[Value]) -> Option<Value> {
    let mut properties = Map::new();
    for field in fields {
        let text = |name: &str| field.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = text("key");
        if key.is_empty() {
            continue;
        }
        let mut schema = match text("type") {
            "stringArray" => json!({ "type": "array", "items": { "type": "string" } }),
            "number" => json!({ "type": "number" }),
            "boolean" => json!({ "type": "boolean" }),
            "enum" => {
                let values = text("enumValues").split(',').map(str::trim);
                json!({ "type": "string", "enum": values.filter(|value| !value.is_empty()).collect::<Vec<_>>() })
            }
            "jsonArray" => json!({ "type": "array", "items": item(field.get("jsonSchema")) }),
            _ => json!({ "type": "string" }),
        };
        if let (false, Some(schema)) = (text("description").is_empty(), schema.as_object_mut()) {
            schema.insert("description".to_owned(), json!(text("description")));
        }
        properties.insert(key.to_owned(), schema);
    }
    (!properties.is_empty()).then(|| object(&properties))
}

fn object(properties: &Map<String, Value>) -> Value {
    let required: Vec<String> = properties.keys().cloned().collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// The schema of an item: written as JSON text, its fields by name with `type` and `description`.
fn item(written: Option<&Value>) -> Value {
    let fields: Map<String, Value> = match written {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(Value::Object(fields)) => fields.clone(),
        _ => Map::new(),
    };
    let known = ["string", "number", "boolean", "integer", "array", "object"];
    let properties = fields.into_iter().map(|(name, field)| {
        let kind = field
            .get("type")
            .and_then(Value::as_str)
            .filter(|kind| known.contains(kind));
        let mut schema = json!({ "type": kind.unwrap_or("string") });
        if let (Some(text), Some(schema)) = (
            field.get("description").and_then(Value::as_str),
            schema.as_object_mut(),
        ) {
            schema.insert("description".to_owned(), json!(text));
        }
        (name, schema)
    });
    object(&properties.collect())
}

/// Asks for what fits the schema: in the form that has a place for it, and in words for those who do not know that.
pub(super) fn want(chat: &mut Chat, schema: Value) {
    let wanted = format!(
        "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{schema}"
    );
    chat.messages
        .push(json!({ "role": "system", "content": wanted }));
    chat.schema = Some(schema);
}

/// The object in the answer.
pub(super) fn read(answer: &ChatAnswer, schema: &Value) -> Result<Map<String, Value>, StepError> {
    let schema = Schema::compile(schema).map_err(super::error)?;
    let value = fitting_value(&answer.content, answer.finish_reason.as_deref(), &schema)?;
    Ok(value.as_object().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_a_schema_in_which_all_are_required() {
        let fields = json!([
            { "key": "name", "type": "string", "description": "Whose" },
            { "key": "kind", "type": "enum", "enumValues": "a, b,," },
            { "key": "rows", "type": "jsonArray", "jsonSchema": "{\"n\": {\"type\": \"number\"}}" },
            { "key": "", "type": "number" },
        ]);
        let schema = schema(fields.as_array().map_or(&[], Vec::as_slice));
        assert_eq!(
            schema,
            Some(json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string", "description": "Whose" },
                    "kind": { "type": "string", "enum": ["a", "b"] },
                    "rows": { "type": "array", "items": {
                        "type": "object", "properties": { "n": { "type": "number" } },
                        "required": ["n"], "additionalProperties": false } },
                },
                "required": ["kind", "name", "rows"],
                "additionalProperties": false,
            }))
        );
        assert_eq!(super::schema(&[]), None);
    }
}
