//! A workflow as JSON text for people: what the API takes as the body of an edit, a field after another as they are read.
//! May not know who reads it. Promise: what is read back is the same workflow.

use crate::model::workflow::{Definition, DefinitionFormat};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The order in which the fields of definitions are told; others follow.
const ORDER: [&str; 11] = [
    "trigger",
    "inputSchema",
    "variables",
    "steps",
    "nodes",
    "edges",
    "exposedInputs",
    "flowType",
    "flowData",
    "outputSchema",
    "settings",
];

/// The text.
pub(super) fn definition_text(
    name: &str,
    description: Option<&str>,
    definition: &Definition,
) -> String {
    let mut fields = vec![("name", Value::from(name))];
    if let Some(description) = description {
        fields.push(("description", Value::from(description)));
    }
    let empty = Map::new();
    let body = definition.body.as_object().unwrap_or(&empty);
    let known = ORDER.iter().filter_map(|field| body.get_key_value(*field));
    let others = body
        .iter()
        .filter(|(field, _)| !ORDER.contains(&field.as_str()));
    for (field, value) in known.chain(others) {
        fields.push((field, readable(definition.format, field, value)));
    }
    // Values of JSON always become JSON.
    serde_json::to_string_pretty(&Ordered(fields)).unwrap_or_default()
}

/// The text of a flow is JSON itself: as such it can be read and edited. The trigger of a flow is made of it.
fn readable(format: DefinitionFormat, field: &str, value: &Value) -> Value {
    let text = value
        .as_str()
        .filter(|_| format == DefinitionFormat::Flow && field == "flowData");
    let read = text.and_then(|text| serde_json::from_str(text).ok());
    read.unwrap_or_else(|| value.clone())
}

/// What stands in a text must stand whole: a field of the workflow that does not is taken away.
pub(super) fn without_absent(mut sent: Map<String, Value>, now: &Definition) -> Map<String, Value> {
    let known = now.body.as_object().into_iter().flatten();
    let names = known.map(|(field, _)| field.as_str());
    for field in names.chain(["description"]) {
        sent.entry(field).or_insert(Value::Null);
    }
    sent
}

struct Ordered<'a>(Vec<(&'a str, Value)>);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, value)| (field, value)))
    }
}
