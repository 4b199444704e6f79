//! The operations by their names, and what each of them needs.

use super::field;
use serde_json::Value;

/// The fields of a configuration that describe a table.
pub(super) const FORM_FIELDS: [&str; 8] = [
    "name",
    "description",
    "columns",
    "uniqueColumns",
    "indexedColumns",
    "maxRows",
    "folderId",
    "folderName",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Insert,
    Update,
    Upsert,
    UpsertMany,
    Delete,
    Find,
    GetById,
    CreateTable,
    ListTables,
    EnsureTable,
    ListFolders,
    EnsureFolder,
    CreateTableInFolder,
    AssignTableToFolder,
}

const TABLE: (&str, &str) = ("tableId", "the id or the name of a table");
const KEY: (&str, &str) = ("matchKey", "the column by which rows are known");
const DATA: (&str, &str) = ("data", "an object with the row's fields");
const ROWS: (&str, &str) = ("rows", "a list of rows");
const WHICH: (&str, &str) = (
    "rowId|matchKey|filter",
    "say which rows by their id, by a column's value, or by a filter",
);
const NAME: (&str, &str) = ("name", "what the table is called");
const FOLDER: (&str, &str) = ("folderName|folderId", "the folder, by name or id");

/// A field that an operation cannot do without, and what it is.
pub(super) type Need = (&'static str, &'static str);

/// Every operation: its name and what it needs. `a|b` is one of them.
const OPERATIONS: [(&str, Operation, &[Need]); 14] = [
    (
        "insert",
        Operation::Insert,
        &[TABLE, ("data|rows", "the row's fields, or a list of rows")],
    ),
    ("update", Operation::Update, &[TABLE, WHICH, DATA]),
    ("upsert", Operation::Upsert, &[TABLE, KEY, DATA]),
    ("upsertMany", Operation::UpsertMany, &[TABLE, KEY, ROWS]),
    ("delete", Operation::Delete, &[TABLE, WHICH]),
    ("find", Operation::Find, &[TABLE]),
    (
        "getById",
        Operation::GetById,
        &[TABLE, ("rowId", "the id of a row")],
    ),
    ("createTable", Operation::CreateTable, &[NAME]),
    ("listTables", Operation::ListTables, &[]),
    ("ensureTable", Operation::EnsureTable, &[NAME]),
    ("listFolders", Operation::ListFolders, &[]),
    (
        "ensureFolder",
        Operation::EnsureFolder,
        &[("folderName|name", "what the folder is called")],
    ),
    (
        "createTableInFolder",
        Operation::CreateTableInFolder,
        &[NAME, FOLDER],
    ),
    (
        "assignTableToFolder",
        Operation::AssignTableToFolder,
        &[TABLE],
    ),
];

impl Operation {
    /// Reads an operation by its name; the error names the nearest one.
    pub(super) fn parse(word: &Value) -> Result<Operation, String> {
        let name = word.as_str().unwrap_or_default();
        if let Some((_, operation, _)) = OPERATIONS.iter().find(|(known, ..)| *known == name) {
            return Ok(*operation);
        }
        let lower = name.to_lowercase();
        let near = OPERATIONS
            .iter()
            .map(|(known, ..)| (strsim::osa_distance(&known.to_lowercase(), &lower), *known))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map_or(String::new(), |(_, known)| {
                format!("; did you mean `{known}`?")
            });
        let shown = field::shown(word);
        Err(format!("{shown} is none of {}{near}", Operation::names()))
    }

    /// Every name, for messages.
    pub(super) fn names() -> String {
        OPERATIONS.map(|(name, ..)| name).join(", ")
    }

    /// The fields that it cannot do without.
    pub(super) fn needs(self) -> &'static [Need] {
        OPERATIONS
            .iter()
            .find(|(_, known, _)| *known == self)
            .map_or(&[], |(_, _, needs)| needs)
    }
}
