//! The queries of what the dashboard lists beside workflows, with what their plans have to hold.

use super::super::{connection_uses, schedule_list};

/// Queries with what their plan has to hold.
pub(super) const USE_QUERIES: &[(&str, &str)] = &[
    (
        connection_uses::NAMING,
        "SEARCH u USING PRIMARY KEY (reference=?)",
    ),
    (
        connection_uses::REMOVE,
        "connection_use_by_workflow (workflow=?)",
    ),
    (
        schedule_list::LIST,
        "SEARCH s USING INTEGER PRIMARY KEY (rowid<?)",
    ),
    (
        schedule_list::ONE,
        "SEARCH w USING INDEX sqlite_autoindex_workflow_1 (id=?)",
    ),
];

/// Their tables that no other list of tables has.
pub(super) const USE_TABLES: &[&str] = &["connection_use"];
