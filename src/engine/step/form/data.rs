//! The forms of the steps that run JavaScript or work on data tables.

use super::FieldKind::{Json, Number, Text};
use super::{Form, FormField, choice, field, required};

pub(super) const CODE: Form = Form {
    name: "code",
    title: "Code",
    category: "Data",
    is_integration: false,
    fields: &[
        required(
            "code",
            Text,
            "JavaScript: the body of a function of `input`, which ends with `return`. Never a template.",
        ),
        field("input", Json, "What the code knows as `input`."),
        choice("language", &["javascript"], "Default `javascript`."),
        field("timeout", Number, "For one run of it, in milliseconds."),
        field(
            "sandbox",
            Json,
            "`{timeoutMs, maxOutputSize}`: its limits, in milliseconds and bytes.",
        ),
    ],
    outputs: &["result", "logs"],
};

pub(super) const DATA_TABLE: Form = Form {
    name: "data_table",
    title: "Data table",
    category: "Data",
    is_integration: false,
    fields: &[
        FormField {
            is_required: true,
            ..choice(
                "operation",
                &[
                    "insert",
                    "update",
                    "upsert",
                    "upsertMany",
                    "delete",
                    "find",
                    "getById",
                    "createTable",
                    "listTables",
                    "ensureTable",
                    "listFolders",
                    "ensureFolder",
                    "createTableInFolder",
                    "assignTableToFolder",
                ],
                "What to do.",
            )
        },
        field("tableId", Text, "The table, by id or name."),
        field("rowId", Text, "The row, by id."),
        field("data", Json, "An object with the row's fields."),
        field("rows", Json, "A list of rows."),
        field("matchKey", Text, "The column by which rows are known."),
        field("matchValue", Json, "The value of that column."),
        field("filter", Json, "Which rows."),
        field("sort", Json, "Their order."),
        field("limit", Number, "How many at most; default 100."),
        field("offset", Number, "How many to leave out first; default 0."),
        field(
            "search",
            Text,
            "Of `listTables`: only tables with this in the name.",
        ),
        field("name", Text, "What a new table or folder is called."),
        field("description", Text, "Of a new table: what it is for."),
        field("columns", Json, "Of a new table: its columns."),
        field(
            "uniqueColumns",
            Json,
            "Of a new table: columns in which no value is twice.",
        ),
        field(
            "indexedColumns",
            Json,
            "Of a new table: columns by which rows are looked up.",
        ),
        field("maxRows", Number, "Of a new table: the most rows."),
        field("folderId", Text, "The folder, by id."),
        field("folderName", Text, "The folder, by name."),
    ],
    outputs: &[
        "result", "success", "count", "hasMore", "created", "rowId", "tableId", "tables",
        "folderId", "folders",
    ],
};
