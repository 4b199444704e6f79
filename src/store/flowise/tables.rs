//! The tables of a Flowise database that are imported: what they have to have, and how they are read. A row is read in two
//! steps: where it is and how long, then what stands in it, so that nothing over the bounds is ever read.

/// The longest row of most tables, in bytes.
const MAX_ROW_BYTES: u64 = 1 << 20;
/// The longest row with a drawing, in bytes. What a definition may have at most says the setting `max_definition_bytes`.
const MAX_FLOW_BYTES: u64 = 16 << 20;
/// How many keys, flows or variables are imported at most.
const MAX_ROWS: i64 = 10_000;
/// How many messages, and opinions about them.
const MAX_MESSAGES: i64 = 2_000_000;

/// A table of Flowise's.
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// The columns that it has to have.
    pub(super) columns: &'static [&'static str],
    /// Where its rows are, and how many bytes each has; `?1` at most.
    pub(super) list: &'static str,
    /// What stands in row `?1`.
    pub(super) one: &'static str,
    /// How many rows it may have.
    pub(super) max_rows: i64,
    /// How many bytes a row may have.
    pub(super) max_row_bytes: u64,
}

/// A table, whose columns are read in this order.
macro_rules! table {
    ($name:literal, $order:literal, $max_rows:expr, $max_row_bytes:expr, $first:literal $(, $column:literal)*) => {
        Table {
            name: $name,
            columns: &[$first $(, $column)*],
            list: concat!(
                "SELECT rowid, coalesce(octet_length(\"", $first, "\"), 0)",
                $(" + coalesce(octet_length(\"", $column, "\"), 0)",)*
                " FROM \"", $name, "\" ORDER BY ", $order, " LIMIT ?1"
            ),
            one: concat!(
                "SELECT \"", $first, "\"",
                $(", \"", $column, "\"",)*
                " FROM \"", $name, "\" WHERE rowid = ?1"
            ),
            max_rows: $max_rows,
            max_row_bytes: $max_row_bytes,
        }
    };
}

pub(super) const KEYS: Table = table!(
    "apikey",
    "rowid",
    MAX_ROWS,
    MAX_ROW_BYTES,
    "id",
    "apiKey",
    "keyName",
    "permissions",
    "updatedDate"
);

pub(super) const FLOWS: Table = table!(
    "chat_flow",
    "rowid",
    MAX_ROWS,
    MAX_FLOW_BYTES,
    "id",
    "name",
    "flowData",
    "type",
    "deployed",
    "isPublic",
    "apikeyid",
    "category",
    "chatbotConfig",
    "apiConfig",
    "analytic",
    "speechToText",
    "textToSpeech",
    "followUpPrompts",
    "mcpServerConfig",
    "createdDate",
    "updatedDate"
);

pub(super) const VARIABLES: Table = table!(
    "variable",
    "rowid",
    MAX_ROWS,
    MAX_ROW_BYTES,
    "id",
    "name",
    "value",
    "type",
    "createdDate",
    "updatedDate"
);

/// In the order in which they were said, since that is what flows remember by.
pub(super) const MESSAGES: Table = table!(
    "chat_message",
    "\"createdDate\", rowid",
    MAX_MESSAGES,
    MAX_ROW_BYTES,
    "id",
    "chatflowid",
    "role",
    "content",
    "chatType",
    "chatId",
    "sessionId",
    "leadEmail",
    "createdDate",
    "sourceDocuments",
    "usedTools",
    "fileAnnotations",
    "agentReasoning",
    "reasonContent",
    "fileUploads",
    "artifacts",
    "action",
    "followUpPrompts",
    "memoryType"
);

pub(super) const FEEDBACK: Table = table!(
    "chat_message_feedback",
    "rowid",
    MAX_MESSAGES,
    MAX_ROW_BYTES,
    "id",
    "chatflowid",
    "messageId",
    "chatId",
    "rating",
    "content",
    "createdDate"
);

/// All of them.
pub(super) const TABLES: [Table; 5] = [KEYS, FLOWS, VARIABLES, MESSAGES, FEEDBACK];

/// What is not imported, in words; the table, and how its rows are counted.
pub(super) const LEFT_BEHIND: &[(&str, &str, &str)] = &[
    (
        "credentials",
        "credential",
        "SELECT count(*) FROM \"credential\"",
    ),
    ("tools", "tool", "SELECT count(*) FROM \"tool\""),
    (
        "assistants",
        "assistant",
        "SELECT count(*) FROM \"assistant\"",
    ),
    (
        "document stores",
        "document_store",
        "SELECT count(*) FROM \"document_store\"",
    ),
    (
        "executions",
        "execution",
        "SELECT count(*) FROM \"execution\"",
    ),
    ("leads", "lead", "SELECT count(*) FROM \"lead\""),
];

/// The column that says to which of Flowise's workspaces a row belongs, where there are any.
pub(super) const WORKSPACE: &str = "workspaceId";

/// How many workspaces have keys or flows.
pub(super) const WORKSPACES: &str = r#"
    SELECT count(*) FROM (
        SELECT "workspaceId" FROM "apikey" WHERE "workspaceId" <> ''
        UNION SELECT "workspaceId" FROM "chat_flow" WHERE "workspaceId" <> '')"#;
