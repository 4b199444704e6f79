//! Every query of flows and of chats with them, with what its plan has to hold.

use super::super::{
    chat_replies, chat_use, chatflows, chats, executions, flow_use, imports, variables,
};

/// The queries. The lists of all flows and of all executions sort, and so have no place
/// here.
pub(super) const CHAT_QUERIES: &[(&str, &str)] = &[
    (
        chatflows::DETAILS,
        "SEARCH f USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (chatflows::LIST_OF_KEY, "chatflow_by_api_key (api_key=?)"),
    (
        chats::OF_SESSION,
        "chat_message_by_session (workflow=? AND session_id=?)",
    ),
    (
        chats::LAST_EXECUTION,
        "chat_message_by_session (workflow=? AND session_id=?)",
    ),
    (chats::OLDEST_FIRST, "chat_message_by_workflow (workflow=?)"),
    (chats::NEWEST_FIRST, "chat_message_by_workflow (workflow=?)"),
    (
        chats::FILE,
        "chat_file_by_chat (workflow=? AND chat_id=? AND name=?)",
    ),
    (
        variables::NAMED,
        "sqlite_autoindex_flow_variable_2 (name=?)",
    ),
    (
        flow_use::COUNT,
        "SEARCH r USING COVERING INDEX sqlite_autoindex_run_1 (id=?)",
    ),
    (flow_use::ROOT, "SEARCH flow_use USING INTEGER PRIMARY KEY"),
    (chat_use::COUNT, "chat_file_by_message (message=?)"),
    (chat_use::USED, "SEARCH chat_use USING INTEGER PRIMARY KEY"),
    (chat_use::OLDEST, "chat_message_by_workflow (workflow=?)"),
    (
        chat_use::REMOVE_UP_TO,
        "chat_message_by_workflow (workflow=? AND rowid<?)",
    ),
    (chat_use::TAKEN, "(workflow=?)"),
    (chat_use::REMOVE, "(workflow=?)"),
    (
        chat_use::GIVE_BACK,
        "SEARCH chat_use USING INTEGER PRIMARY KEY",
    ),
    (
        executions::ONE,
        "SEARCH r USING INDEX sqlite_autoindex_run_1 (id=?)",
    ),
    (
        executions::REMOVABLE,
        "SEARCH r USING INDEX sqlite_autoindex_run_1 (id=?)",
    ),
    (executions::NAMED_BY_KEY, "USING PRIMARY KEY (workflow=?)"),
    (chat_replies::LEFT, "chat_lead_by_workflow (workflow=?)"),
    (
        chat_replies::CHANGE,
        "sqlite_autoindex_chat_feedback_2 (id=?)",
    ),
    (
        chat_replies::MESSAGE,
        "sqlite_autoindex_chat_message_1 (id=?)",
    ),
    (chat_replies::ONE, "sqlite_autoindex_chat_feedback_2 (id=?)"),
    (imports::MESSAGE, "sqlite_autoindex_chat_message_1 (id=?)"),
    (
        imports::RATED,
        "SEARCH chat_feedback USING PRIMARY KEY (message=?)",
    ),
    (chat_replies::LEADS, "chat_lead_by_workflow (workflow=?)"),
];

/// The tables of flows and of chats with them.
pub(super) const CHAT_TABLES: &[&str] = &[
    "chatflow",
    "chat_message",
    "chat_feedback",
    "chat_lead",
    "chat_file",
    "chat_use",
    "public_execution",
    "flow_variable",
    "flow_use",
];
