//! What is sent of a table. May not know what becomes of it. Promise: whatever is sent is read, and every mistake told at once.

use crate::engine::TableError;
use crate::http::body::sent;
use crate::http::problem::Problem;
use crate::model::table::{ColumnType, MAX_NAME_CHARS, TableForm, TableProblem, read_form};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;

/// What the names of folders and columns are like: one line, not only white space, and no `$` in front. Names of tables and
/// of a row's fields are the same.
pub(super) const NAME_PATTERN: &str = concat!(
    r"^(?:[^$\s\x00-\x1f\x7f-\x9f]",
    r"|[^$\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])",
    r"[^\x00-\x1f\x7f-\x9f]*$"
);

/// A table as it shall be. What is not sent stays as it is; null takes an optional field away. What only the server writes is
/// ignored, so that what GET gave can be sent back.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "TableForm")]
pub(super) struct TableBody {
    /// A string of 1 to 100 characters; no two tables share one.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<TableName>")]
    name: Option<Value>,
    /// A string: what the table is for.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>", length(max = 10_000))]
    description: Option<Value>,
    /// Without any, rows take any fields.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Vec<ColumnForm>>")]
    columns: Option<Value>,
    /// A list of names: columns in which no two rows hold the same value.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Vec<ColumnName>>")]
    unique_columns: Option<Value>,
    /// A list of names: further columns by whose values rows are found at once.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Vec<ColumnName>>")]
    indexed_columns: Option<Value>,
    /// A number: how many rows the table may have, if less than the configuration allows.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<u64>", range(min = 1, max = 1_000_000))]
    max_rows: Option<Value>,
    /// A string: the folder to lie in.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    folder_id: Option<Value>,
    /// A string: the folder to lie in by its name, made where there is none.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<ColumnName>")]
    folder_name: Option<Value>,
    /// Ignored.
    #[serde(rename = "id", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _id: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "rowCount", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _row_count: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "createdAt", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _created_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "updatedAt", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _updated_at: Option<IgnoredAny>,
}

/// A new table.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct NewTable(pub(super) TableBody);

impl JsonSchema for NewTable {
    fn schema_name() -> Cow<'static, str> {
        "NewTable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = TableBody::json_schema(generator);
        schema.insert("required".to_owned(), json!(["name"]));
        if let Some(Value::Object(fields)) = schema.get_mut("properties") {
            let mut name = TableName::json_schema(generator);
            name.insert("description".to_owned(), json!("No two tables share one."));
            fields.insert("name".to_owned(), name.to_value());
        }
        schema
    }
}

/// How the document shows the name of a table.
enum TableName {}

impl JsonSchema for TableName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TableName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ColumnName::json_schema(generator);
        // As ids do.
        schema.insert(
            "not".to_owned(),
            json!({ "type": "string", "pattern": "^tbl_" }),
        );
        schema
    }
}

/// How the document shows the name of a column or a folder.
enum ColumnName {}

impl JsonSchema for ColumnName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ColumnName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS, "pattern": NAME_PATTERN })
    }
}

/// How the document shows a column that is sent.
enum ColumnForm {}

impl JsonSchema for ColumnForm {
    fn schema_name() -> Cow<'static, str> {
        "ColumnForm".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut name = ColumnName::json_schema(generator);
        name.insert(
            "description".to_owned(),
            json!("No two columns of a table share one."),
        );
        let words: Vec<Value> = ColumnType::ALL
            .iter()
            .map(|kind| json!(kind.as_str()))
            .chain([Value::Null])
            .collect();
        json_schema!({
            "description": "A column.",
            "type": "object",
            "properties": {
                "name": name,
                "type": { "enum": words, "description": "Default `text`." },
                "required": { "type": ["boolean", "null"], "description": "Whether every row has it." },
            },
            "required": ["name"],
        })
    }
}

impl TableBody {
    /// What it says of the table; every mistake with its place.
    pub(super) fn read(&self) -> Result<TableForm, Problem> {
        let value = serde_json::to_value(self).map_err(|error| Problem::internal(&error))?;
        let mut found = Vec::new();
        let form = read_form(&value.as_object().cloned().unwrap_or_default(), &mut found);
        if found.is_empty() {
            Ok(form)
        } else {
            Err(TableError::from(TableProblem::invalid(found)).into())
        }
    }
}
