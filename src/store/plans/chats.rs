//! Every query of flows and of chats with them, with what its plan has to hold.

use super::super::{chat_replies, chatflows, chats, imports};

/// The queries. The list of all flows sorts, and so has no place here.
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
    (chats::OF_WORKFLOW, "chat_message_by_session (workflow=?)"),
    (chats::REMOVE, "chat_message_by_session (workflow=?)"),
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
