//! What the credential of each type of connection is like, for documents.
//! May not know how credentials are checked (`engine::connections` does). Promise: what the document calls a credential is
//! taken, and nothing secret is shown in an example.

use crate::model::connection::{ConnectionKind, MAX_HOSTS};
use schemars::Schema;
use serde_json::{Map, Value, json};

/// Text without control characters.
pub(super) const ONE_LINE: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// What can be the name of a header.
const HEADER_NAME: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
/// A number from 1 to 65535.
const PORT: &str =
    "^(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$";
const USER_NAME: &str = r"^[^:\x00-\x1f\x7f-\x9f]+$";
/// The longest value of a field.
const MAX_VALUE_BYTES: usize = 16 << 10;

/// Says what a new connection of each type is like, in place of what all of them have in common.
pub(super) fn by_kind(schema: &mut Schema) {
    let (Some(Value::Object(fields)), is_closed) = (
        schema.remove("properties"),
        schema
            .remove("additionalProperties")
            .unwrap_or(Value::Bool(true)),
    ) else {
        return;
    };
    let ways = ConnectionKind::ALL.iter().map(|kind| {
        let mut fields = fields.clone();
        fields.insert("type".to_owned(), json!({ "const": kind }));
        fields.insert("credentials".to_owned(), credential(*kind));
        let required = restrict_hosts(*kind, &mut fields);
        json!({
            "title": kind,
            "type": "object",
            "properties": fields,
            "required": required,
            "additionalProperties": is_closed,
        })
    });
    let ways: Vec<Value> = ways.collect();
    schema.insert("oneOf".to_owned(), Value::Array(ways));
}

/// Where the credential may be sent has to be said, but for a mail server. Gives the fields that have to be there.
fn restrict_hosts(kind: ConnectionKind, fields: &mut Map<String, Value>) -> Value {
    if kind == ConnectionKind::Smtp {
        return json!(["name", "provider", "type", "credentials"]);
    }
    let hosts = json!({
        "description": "Where it may be sent: `host` (every port) or `host:port`.",
        "type": "array",
        "items": { "type": "string" },
        "minItems": 1,
        "maxItems": MAX_HOSTS,
    });
    fields.insert("hosts".to_owned(), hosts);
    json!(["name", "provider", "type", "credentials", "hosts"])
}

fn credential(kind: ConnectionKind) -> Value {
    match kind {
        ConnectionKind::ApiKey => {
            let sent_as = |place: Value, name: Value| {
                object(
                    &json!({ "key": secret(), "in": place, "name": name }),
                    &["key", "name"],
                )
            };
            let mut in_query = sent_as(json!({ "const": "query" }), text(1, ONE_LINE));
            in_query["required"] = json!(["key", "in", "name"]);
            let in_header = sent_as(json!({ "const": "header" }), text(1, HEADER_NAME));
            json!({ "oneOf": [in_header, in_query], "writeOnly": true })
        }
        ConnectionKind::Bearer => object(&json!({ "token": secret() }), &["token"]),
        ConnectionKind::Basic => object(
            &json!({ "username": text(1, USER_NAME), "password": password() }),
            &["username"],
        ),
        ConnectionKind::Smtp => object(
            &json!({
                "host": text(1, ONE_LINE),
                "port": { "type": ["integer", "string"], "minimum": 1, "maximum": 65_535, "pattern": PORT },
                "security": { "enum": ["starttls", "tls", "none"] },
                "username": text(0, ONE_LINE),
                "password": password(),
                "from": text(0, ONE_LINE),
            }),
            &["host"],
        ),
    }
}

fn object(fields: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": false,
        "writeOnly": true,
    })
}

/// A text, or a whole number as its digits.
fn text(min_chars: usize, pattern: &str) -> Value {
    json!({
        "type": ["string", "integer"],
        "minLength": min_chars,
        "maxLength": MAX_VALUE_BYTES,
        "pattern": pattern,
        "minimum": 0,
        "maximum": u64::MAX,
    })
}

fn secret() -> Value {
    let mut secret = text(4, ONE_LINE);
    secret["minimum"] = json!(1_000);
    secret
}

fn password() -> Value {
    json!({ "anyOf": [{ "const": "" }, secret()] })
}
