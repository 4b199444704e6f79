//! What is sent and told about rows.

use super::table_body::NAME_PATTERN;
use crate::http::body::sent;
use crate::id::RowId;
use crate::model::table::{MAX_NAME_CHARS, RowView};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Which rows to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListQuery {
    /// A column: only rows that have `matchValue` there.
    pub(super) match_key: Option<String>,
    /// The value; text that means a number, true or false counts as one where the column holds such.
    pub(super) match_value: Option<String>,
    /// A filter in JSON, as `POST …/rows/query` takes it.
    pub(super) filter: Option<String>,
    /// `newest` (the default), `oldest`, a column's name, or the same with a `-` before it for the largest first.
    pub(super) sort: Option<String>,
    /// How many, 1 to 1000; 50 by default.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) limit: Option<u32>,
    /// So many are passed over.
    #[schemars(range(max = u64::MAX))]
    pub(super) offset: Option<u64>,
    /// Where the former page ended; not where rows are ordered by a column.
    pub(super) cursor: Option<String>,
}

/// Which rows to find.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RowQuery")]
pub(super) struct QueryBody {
    /// `{"column": value}` (all equal), or a list of `{"field", "operator", "value"}` (all hold).
    #[serde(default)]
    #[schemars(schema_with = "filter")]
    pub(super) filter: Value,
    /// As in the query string, or `{"column", "direction": "asc"|"desc"}`.
    #[serde(default)]
    #[schemars(schema_with = "sort")]
    pub(super) sort: Value,
    /// How many, 1 to 1000; 50 by default.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) limit: Option<u32>,
    /// So many are passed over.
    #[schemars(range(max = u64::MAX))]
    pub(super) offset: Option<u64>,
    /// Where the former page ended; not where rows are ordered by a column.
    pub(super) cursor: Option<String>,
}

fn filter(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [
        { "type": "object", "maxProperties": 50 },
        { "type": "array", "maxItems": 50, "items": {
            "type": "object",
            "properties": {
                "field": { "type": "string", "minLength": 1, "maxLength": 2 * MAX_NAME_CHARS },
                "operator": { "type": "string", "description": "As in a `condition`; default `eq`." },
            },
            "required": ["field"],
        } },
        { "type": "string", "pattern": r"^\s*$", "description": "No filter, as null." },
        { "type": "null" },
    ] })
}

fn sort(_: &mut SchemaGenerator) -> Schema {
    let column = json!({ "type": "string" });
    json_schema!({ "anyOf": [
        { "type": ["string", "null"] },
        {
            "type": "object",
            "properties": { "column": column, "field": column, "direction": { "enum": ["asc", "desc", null] } },
            "anyOf": [{ "required": ["column"] }, { "required": ["field"] }],
        },
    ] })
}

/// One row to add, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RowsToAdd", transform = one_or_many)]
pub(super) struct InsertBody {
    /// The fields of one row.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "RowFields")]
    pub(super) data: Option<Value>,
    /// The fields of at most 1000 rows, all or none of which are added.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Vec<RowFields>", length(max = 1000))]
    pub(super) rows: Option<Value>,
}

/// Rows that are changed where they are, and added where they are not.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RowsToWrite", transform = one_or_many)]
pub(super) struct UpsertBody {
    /// The column by which rows are known; it is indexed from now on.
    #[schemars(length(min = 1, max = 100), regex(pattern = NAME_PATTERN))]
    pub(super) match_key: String,
    /// For one row: its value there, if `data` does not have it.
    pub(super) match_value: Option<Value>,
    /// The fields of one row; fields that are not sent stay.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "RowFields")]
    pub(super) data: Option<Value>,
    /// The fields of at most 1000 rows, all or none of which are written.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Vec<RowFields>", length(max = 1000))]
    pub(super) rows: Option<Value>,
}

/// One row in `data`, or several in `rows`.
fn one_or_many(schema: &mut Schema) {
    let ways = json!([{ "required": ["data"] }, { "required": ["rows"] }]);
    schema.insert("oneOf".to_owned(), ways);
    // What is left out is not null.
    for name in ["data", "rows"] {
        if let Some(Value::Object(field)) = schema.pointer_mut(&format!("/properties/{name}")) {
            field.remove("default");
        }
    }
}

/// How the document shows the fields of a row.
enum RowFields {}

impl JsonSchema for RowFields {
    fn schema_name() -> Cow<'static, str> {
        "RowFields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The fields of a row: the table's columns, or any where it has none.",
            "type": "object",
            "propertyNames": { "maxLength": MAX_NAME_CHARS, "pattern": NAME_PATTERN },
        })
    }
}

/// What is to change in a row.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RowChange")]
pub(super) struct UpdateBody {
    /// The row's new fields; fields that are not sent stay, null takes one away.
    #[schemars(with = "RowFields")]
    pub(super) data: Value,
}

/// What was written: the row, where one was sent in `data`.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Written")]
pub(super) enum WrittenView<'a> {
    /// One row.
    One(RowView<'a>),
    /// Several rows.
    Many(WrittenRows<'a>),
}

/// Several rows were written.
#[derive(Serialize, JsonSchema)]
pub(super) struct WrittenRows<'a> {
    /// New ones.
    pub(super) inserted: u64,
    /// Changed ones.
    pub(super) updated: u64,
    /// All of them, in the order in which they were sent.
    pub(super) ids: &'a [RowId],
}

/// A row was removed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RemovedRow")]
pub(super) struct RemovedView<'a> {
    /// The row that was.
    pub(super) id: &'a RowId,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(super) deleted: bool,
}
