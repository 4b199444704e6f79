//! Data tables: their columns, what a row may hold, when two values are one key, how rows are ordered.
//! May not know how rows are stored or who asks. Promise: what a table does not allow is told with every mistake and its
//! place; a table without columns takes any fields.

mod check;
mod key;
mod read;
mod sort;
#[cfg(test)]
mod tests;
mod view;

pub use check::{
    MAX_NAME_CHARS, check_fields, check_name, check_row, check_shape, date_ms, without_nulls,
};
pub use key::{canonical, index_value, key_value, require_same_key};
pub use read::{FolderChoice, TableForm, read_fields, read_form, read_rows};
pub use sort::{RowOrder, SortValue, read_order, value_at};
pub use view::{RowView, TableView};

use crate::id::{FolderId, RowId, TableId};
use crate::model::plan::{DefinitionProblem, capped, hint, in_words};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The fields of a row.
pub type Fields = Map<String, Value>;

/// How many columns of a table are unique or indexed at most.
pub const MAX_KEY_COLUMNS: usize = 8;
/// How many rows one request or step adds, changes or gives at most.
pub const MAX_ROWS_AT_ONCE: u32 = 1_000;
/// How many rows one request or step removes at most.
pub const MAX_REMOVED_AT_ONCE: u32 = 10_000;

/// What the configuration allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLimits {
    /// Tables, and as many folders.
    pub max_tables: u64,
    /// Columns of a table; without columns, fields of a row.
    pub max_columns: usize,
    /// Rows of a table.
    pub max_rows: u64,
    /// Bytes of a row's JSON.
    pub max_row_bytes: usize,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// A string.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A string: `2024-01-15`, or an ISO 8601 date and time with a zone.
    Date,
    /// Any JSON.
    Json,
}

impl ColumnType {
    /// Every type.
    pub const ALL: [ColumnType; 5] = [
        ColumnType::Text,
        ColumnType::Number,
        ColumnType::Boolean,
        ColumnType::Date,
        ColumnType::Json,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::Number => "number",
            ColumnType::Boolean => "boolean",
            ColumnType::Date => "date",
            ColumnType::Json => "json",
        }
    }

    /// Reads a type by its word, or by another usual one.
    pub fn parse(word: &str) -> Option<ColumnType> {
        match word.to_ascii_lowercase().as_str() {
            "text" | "string" => Some(ColumnType::Text),
            "number" => Some(ColumnType::Number),
            "boolean" | "bool" => Some(ColumnType::Boolean),
            "date" | "datetime" => Some(ColumnType::Date),
            "json" => Some(ColumnType::Json),
            _ => None,
        }
    }
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Column {
    /// Its name: the field of a row.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether every row has it.
    pub required: bool,
}

/// A folder of tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// Its name; no two folders share one.
    pub name: String,
}

/// A table, without its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Row number.
    pub sequence: i64,
    /// Its id.
    pub id: TableId,
    /// Its name; no two tables share one.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it lies.
    pub folder: Option<Folder>,
    /// Its columns; without any, rows take any fields.
    pub columns: Vec<Column>,
    /// Columns in which no two rows hold the same value.
    pub unique: Vec<String>,
    /// Further columns by whose values rows are found without looking at all of them.
    pub indexed: Vec<String>,
    /// How many rows it may have, if less than the configuration allows.
    pub max_rows: Option<u64>,
    /// How many rows it has.
    pub row_count: u64,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When the table, not its rows, last changed; milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

impl Table {
    /// The column with this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What the field `name` holds; `None` where it may hold anything.
    pub fn kind(&self, name: &str) -> Option<ColumnType> {
        self.column(name).map(|column| column.kind)
    }

    /// The sentence for a name that is no column, where the table has columns.
    pub fn unknown_column(&self, name: &str) -> Option<String> {
        if self.columns.is_empty() || self.column(name).is_some() {
            return None;
        }
        let near = hint(name, self.columns.iter().map(|column| column.name.as_str()));
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        Some(format!("the table has no column `{name}`{near}"))
    }

    /// The columns by whose values rows are found at once, each with whether it is unique.
    pub fn keys(&self) -> impl Iterator<Item = (&str, bool)> {
        let unique = self.unique.iter().map(|name| (name.as_str(), true));
        let indexed = self.indexed.iter().map(|name| (name.as_str(), false));
        unique.chain(indexed.filter(|(name, _)| !self.unique.iter().any(|known| known == name)))
    }

    /// Whether rows are found by this column's values at once.
    pub fn has_key(&self, name: &str) -> bool {
        self.keys().any(|(known, _)| known == name)
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Row number, in the order of creation.
    pub sequence: i64,
    /// Its id.
    pub id: RowId,
    /// Its fields; none is null.
    pub data: Fields,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// Why a table was not read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// There is no such table, folder or row: which kind, and what was looked for.
    #[error("there is no {what} `{which}`")]
    NotFound {
        /// `table`, `folder` or `row`.
        what: &'static str,
        /// What was looked for.
        which: String,
    },
    /// Every mistake with its place.
    #[error("{}", in_words(.0))]
    Invalid(Vec<DefinitionProblem>),
    /// What the table holds does not allow it.
    #[error("{0}")]
    Conflict(String),
}

impl TableProblem {
    /// These mistakes; of very many the first ones.
    pub fn invalid(found: Vec<DefinitionProblem>) -> TableProblem {
        TableProblem::Invalid(capped(found))
    }

    /// One mistake.
    pub fn at(place: impl Into<String>, message: impl Into<String>) -> TableProblem {
        TableProblem::Invalid(vec![DefinitionProblem {
            place: place.into(),
            message: message.into(),
        }])
    }

    /// There is no such thing.
    pub fn not_found(what: &'static str, which: &str) -> TableProblem {
        TableProblem::NotFound {
            what,
            which: which.chars().take(100).collect(),
        }
    }
}
