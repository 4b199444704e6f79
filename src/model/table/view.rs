//! Tables and rows as steps give them and clients see them.

use super::{Column, Fields, Row, Table};
use crate::clock::iso_utc;
use crate::id::{FolderId, RowId, TableId};
use schemars::JsonSchema;
use serde::Serialize;

/// A table as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Table")]
pub struct TableView<'a> {
    /// Its id.
    pub id: &'a TableId,
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub description: Option<&'a str>,
    /// The folder that it lies in.
    pub folder_id: Option<&'a FolderId>,
    /// That folder's name.
    pub folder_name: Option<&'a str>,
    /// Its columns; without any, rows take any fields.
    pub columns: &'a [Column],
    /// Columns in which no two rows hold the same value.
    pub unique_columns: &'a [String],
    /// Further columns by whose values rows are found at once.
    pub indexed_columns: &'a [String],
    /// How many rows it may have, if less than the configuration allows.
    pub max_rows: Option<u64>,
    /// How many rows it has.
    pub row_count: u64,
    /// When it was made, ISO 8601.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When the table, not its rows, last changed, ISO 8601.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
}

impl<'a> From<&'a Table> for TableView<'a> {
    fn from(table: &'a Table) -> TableView<'a> {
        let folder = table.folder.as_ref();
        TableView {
            id: &table.id,
            name: &table.name,
            description: table.description.as_deref(),
            folder_id: folder.map(|folder| &folder.id),
            folder_name: folder.map(|folder| folder.name.as_str()),
            columns: &table.columns,
            unique_columns: &table.unique,
            indexed_columns: &table.indexed,
            max_rows: table.max_rows,
            row_count: table.row_count,
            created_at: iso_utc(table.created_at_ms),
            updated_at: iso_utc(table.updated_at_ms),
        }
    }
}

/// A row as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Row")]
pub struct RowView<'a> {
    /// Its id.
    pub id: &'a RowId,
    /// Its fields; none is null.
    pub data: &'a Fields,
    /// When it was made, ISO 8601.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it last changed, ISO 8601.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
}

impl<'a> From<&'a Row> for RowView<'a> {
    fn from(row: &'a Row) -> RowView<'a> {
        RowView {
            id: &row.id,
            data: &row.data,
            created_at: iso_utc(row.created_at_ms),
            updated_at: iso_utc(row.updated_at_ms),
        }
    }
}
