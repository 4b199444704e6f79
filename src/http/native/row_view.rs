//! What is sent and told about rows.

use super::tables::sent;
use crate::id::RowId;
use crate::model::table::RowView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    pub(super) filter: Value,
    /// As in the query string, or `{"column", "direction": "asc"|"desc"}`.
    #[serde(default)]
    pub(super) sort: Value,
    /// How many, 1 to 1000; 50 by default.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) limit: Option<u32>,
    /// So many are passed over.
    pub(super) offset: Option<u64>,
    /// Where the former page ended; not where rows are ordered by a column.
    pub(super) cursor: Option<String>,
}

/// One row to add, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RowsToAdd")]
pub(super) struct InsertBody {
    /// The fields of one row.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(super) data: Option<Value>,
    /// The fields of at most 1000 rows, all or none of which are added.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>", length(min = 1, max = 1000))]
    pub(super) rows: Option<Value>,
}

/// Rows that are changed where they are, and added where they are not.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RowsToWrite")]
pub(super) struct UpsertBody {
    /// The column by which rows are known; it is indexed from now on.
    pub(super) match_key: String,
    /// For one row: its value there, if `data` does not have it.
    pub(super) match_value: Option<Value>,
    /// The fields of one row; fields that are not sent stay.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub(super) data: Option<Value>,
    /// The fields of at most 1000 rows, all or none of which are written.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<Vec<Map<String, Value>>>", length(min = 1, max = 1000))]
    pub(super) rows: Option<Value>,
}

/// What is to change in a row.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RowChange")]
pub(super) struct UpdateBody {
    /// The row's new fields; fields that are not sent stay, null takes one away.
    #[schemars(with = "Map<String, Value>")]
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
