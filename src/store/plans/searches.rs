//! The queries of runs and variables that somebody looks for, with what their plans have to hold.

use super::super::{run_search, variables};

pub(super) const SEARCH_QUERIES: &[(&str, &str)] = &[
    (
        run_search::KEY_OF_RUN,
        "idempotency_by_expiry (expires_at_ms=?)",
    ),
    (
        run_search::WORKFLOW_BY_ID,
        "sqlite_autoindex_workflow_1 (id=?)",
    ),
    (
        run_search::NEWEST_WORKFLOW_NAMED,
        "workflow_by_name (name=?)",
    ),
    (
        run_search::OLDER_OF_MOMENT,
        "SEARCH run USING INTEGER PRIMARY KEY (rowid>?)",
    ),
    (
        run_search::NEXT_MADE,
        "SEARCH run USING INTEGER PRIMARY KEY (rowid>?)",
    ),
    (
        variables::AFTER,
        "sqlite_autoindex_flow_variable_2 (name>?)",
    ),
    (
        variables::OF_ID,
        "SEARCH flow_variable USING PRIMARY KEY (id=?)",
    ),
    (
        variables::WHOLE_OF_ID,
        "SEARCH flow_variable USING PRIMARY KEY (id=?)",
    ),
];
