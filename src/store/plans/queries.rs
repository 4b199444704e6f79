//! Every query of the store, with what its plan has to hold.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::tables::sql as tables;
use super::super::{
    agents, apps, audit, audit_search, awaiting, connections, graph_records, journal, keys, media,
    node_outputs, retention, run_list, runs, schedules, secrets, start, webhook_events,
    webhook_list, webhook_memory, webhook_routes, workflow_edit, workflow_list, workflow_runs,
    workflows,
};
use super::chats::CHAT_QUERIES;
use super::searches::SEARCH_QUERIES;
use super::usage::{ALERT_QUERIES, USAGE_QUERIES};
use super::uses::USE_QUERIES;

/// Queries with what their plan has to hold.
pub(super) fn point_queries() -> Vec<(&'static str, &'static str)> {
    [
        general_queries(),
        run_queries(),
        schedule_queries(),
        credential_queries(),
        table_queries(),
        webhook_queries(),
        AGENT_QUERIES.to_vec(),
        USAGE_QUERIES.to_vec(),
        ALERT_QUERIES.to_vec(),
        GRAPH_QUERIES.to_vec(),
        CHAT_QUERIES.to_vec(),
        SEARCH_QUERIES.to_vec(),
        MEDIA_QUERIES.to_vec(),
        USE_QUERIES.to_vec(),
    ]
    .concat()
}

fn general_queries() -> Vec<(&'static str, &'static str)> {
    vec![
        (keys::DELETE_SECRETS, "api_key_secret_by_key"),
        (audit::ROWS_OF_ACTOR, "audit_by_actor"),
        (audit::ROWS_OF_ACTION, "audit_by_action"),
        (
            workflows::WORKFLOW,
            "SEARCH w USING INDEX sqlite_autoindex_workflow_1 (id=?)",
        ),
        (
            workflows::VERSIONS,
            "SEARCH workflow_version USING PRIMARY KEY (workflow=? AND version<?)",
        ),
        (
            workflows::VERSION,
            "SEARCH v USING PRIMARY KEY (workflow=? AND version=?)",
        ),
        (
            workflows::FORGET_DEFINITION,
            "workflow_version_by_definition (definition=?)",
        ),
        (workflow_runs::NEWEST, "run_by_workflow (workflow=?)"),
        (
            workflow_list::UNARCHIVED,
            "workflow_unarchived (sequence<?)",
        ),
        (
            workflow_list::IN_STATUS,
            "workflow_by_status (status=? AND rowid<?)",
        ),
        (
            workflow_list::OF_ID,
            "SEARCH w USING INDEX sqlite_autoindex_workflow_1 (id=?",
        ),
        (
            workflow_list::OF_PREFIX,
            "workflow_by_name (name>? AND name<?)",
        ),
        (workflow_edit::UNFINISHED, "run_unfinished"),
        (
            workflow_edit::RUNS_OF_WORKFLOW,
            "run_by_workflow (workflow=?)",
        ),
    ]
}

fn run_queries() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            runs::RUN_BY_ID,
            "SEARCH r USING INDEX sqlite_autoindex_run_1 (id=?)",
        ),
        (runs::RUN_BY_SEQUENCE, "SEARCH r USING INTEGER PRIMARY KEY"),
        (runs::OPEN_RUNS, "run_unfinished"),
        (runs::OPEN_RUN, "SEARCH r USING INTEGER PRIMARY KEY"),
        (
            runs::WORKFLOW_AND_PARENT,
            "SEARCH run USING INTEGER PRIMARY KEY",
        ),
        (
            runs::FORGET_IDEMPOTENCY,
            "idempotency_by_expiry (expires_at_ms<?)",
        ),
        (
            retention::RUNS_AFTER,
            "SEARCH r USING INTEGER PRIMARY KEY (rowid>?)",
        ),
        (
            retention::RUNS_OF_WORKFLOW_AFTER,
            "run_by_workflow (workflow=? AND rowid>?)",
        ),
        (
            retention::FINISHED_RUNS_OF_WORKFLOW,
            "run_by_workflow (workflow=?)",
        ),
        (
            retention::RUNS_WITH_KEYS,
            "idempotency_by_expiry (expires_at_ms>?)",
        ),
        (
            retention::REMOVE_FINISHED,
            "SEARCH run USING INTEGER PRIMARY KEY",
        ),
        (start::KNOWN_KEY, "PRIMARY KEY (workflow=? AND key=?)"),
        (start::IS_UNFINISHED, "SEARCH run USING INTEGER PRIMARY KEY"),
        (journal::ADVANCE, "SEARCH run USING INTEGER PRIMARY KEY"),
        (
            journal::UNFINISHED_CHILDREN,
            "run_unfinished_by_parent (parent=?)",
        ),
        (awaiting::ALL, "run_awaiting (awaits_others=? AND rowid<?)"),
        (
            awaiting::OF_WORKFLOW,
            "run_awaiting (awaits_others=? AND rowid<?)",
        ),
        (
            awaiting::OF_PREFIX,
            "run_awaiting (awaits_others=? AND rowid<?)",
        ),
        (start::UNFINISHED_BELOW_TOP, "run_unfinished_by_top (top=?)"),
        (
            journal::CHUNKS,
            "SEARCH journal USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            journal::REMOVE,
            "SEARCH journal USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
    ]
}

fn table_queries() -> Vec<(&'static str, &'static str)> {
    vec![
        (tables::TABLE_BY_ID, "sqlite_autoindex_data_table_1 (id=?)"),
        (
            tables::TABLE_BY_NAME,
            "sqlite_autoindex_data_table_2 (name=?)",
        ),
        (tables::ROW_BY_ID, "sqlite_autoindex_data_row_1 (id=?)"),
        (
            tables::ROW_BY_SEQUENCE,
            "SEARCH r USING INTEGER PRIMARY KEY",
        ),
        (
            tables::NEWEST,
            "data_row_by_table (data_table=? AND rowid<?)",
        ),
        (
            tables::FROM_OLDEST,
            "data_row_by_table (data_table=? AND rowid>?)",
        ),
        (
            tables::ROWS_OF_KEY,
            "PRIMARY KEY (data_table=? AND column_name=? AND digest=?)",
        ),
        (
            tables::NEWEST_OF_KEY,
            "PRIMARY KEY (data_table=? AND column_name=? AND digest=? AND row<?)",
        ),
        (
            tables::OLDEST_OF_KEY,
            "PRIMARY KEY (data_table=? AND column_name=? AND digest=? AND row>?)",
        ),
        (
            tables::FORGET_KEY,
            "PRIMARY KEY (data_table=? AND column_name=?)",
        ),
        (tables::HIDDEN, "sqlite_autoindex_data_table_2 (name=?)"),
        (tables::REMOVE_ROWS, "data_row_by_table (data_table=?)"),
        (tables::REMOVE_KEYS, "PRIMARY KEY (data_table=?)"),
        (tables::KNOWN, "sqlite_autoindex_data_operation_1 (key=?)"),
        (tables::FORGET, "data_operation_by_time (at_ms<?)"),
    ]
}

fn schedule_queries() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            schedules::NEXT_FIRE,
            "SEARCH schedule USING COVERING INDEX schedule_by_next_fire (next_fire_ms>?)",
        ),
        (schedules::DUE, "schedule_by_next_fire (next_fire_ms<?)"),
        (schedules::LATER, "schedule_by_next_fire (next_fire_ms>?)"),
        (
            schedules::STATUS,
            "SEARCH schedule USING INTEGER PRIMARY KEY",
        ),
        (
            schedules::FIRINGS,
            "firing_by_workflow (workflow=? AND rowid<?)",
        ),
        (
            schedules::STARTED,
            "firing_started (workflow=? AND scheduled_at_ms=?)",
        ),
        (schedules::FORGET_OLD, "firing_by_age (fired_at_ms<?)"),
        (schedules::FORGET_MANY, "firing_by_workflow (workflow=?"),
    ]
}

/// The same, of connections and secrets.
fn credential_queries() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            connections::ONE,
            "SEARCH connection USING INDEX sqlite_autoindex_connection_1 (id=?)",
        ),
        (connections::ACTIVE, "connection_by_provider (provider=?)"),
        (
            connections::LIST_OF_PROVIDER,
            "connection_by_provider (provider=? AND rowid<?)",
        ),
        (
            connections::FORMER_DEFAULT,
            "connection_default (provider=?)",
        ),
        (
            secrets::ONE,
            "SEARCH s USING PRIMARY KEY (workflow=? AND name=?)",
        ),
        (
            secrets::OF_WORKFLOW,
            "SEARCH workflow_secret USING PRIMARY KEY (workflow=?)",
        ),
    ]
}

/// The same, of graphs. Their list sorts, and so has no place here.
const GRAPH_QUERIES: &[(&str, &str)] = &[
    (
        graph_records::RECORD,
        "SEARCH g USING INTEGER PRIMARY KEY (rowid=?)",
    ),
    (
        graph_records::BEHIND,
        "SEARCH g USING INDEX sqlite_autoindex_graph_record_1 (webhook_id=?)",
    ),
    (
        apps::BEHIND,
        "SEARCH g USING COVERING INDEX sqlite_autoindex_graph_record_2 (app_slug=?)",
    ),
    (
        node_outputs::OF_WORKFLOW,
        "sqlite_autoindex_node_output_1 (workflow=?)",
    ),
    (
        node_outputs::KEPT,
        "sqlite_autoindex_node_output_1 (workflow=?)",
    ),
];

pub(super) const TABLES: &[&str] = &[
    "api_key",
    "api_key_secret",
    "definition",
    "workflow",
    "workflow_version",
    "workflow_canvas",
    "graph_record",
    "node_output",
    "run",
    "journal",
    "idempotency",
    "schedule",
    "firing",
    "audit",
    "connection",
    "workflow_secret",
    "webhook_route",
    "webhook_event",
    "webhook_delivery",
    "webhook_memory",
    "agent",
    "data_folder",
    "data_table",
    "data_row",
    "data_key",
    "data_operation",
    "usage",
    "refusal",
    "key_network",
    "alert",
    "credit",
];

/// The same, of webhooks.
fn webhook_queries() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            webhook_routes::BEHIND,
            "SEARCH r USING PRIMARY KEY (provider=? AND path=?)",
        ),
        (
            webhook_routes::REMOVE,
            "webhook_route_by_workflow (workflow=?)",
        ),
        (webhook_events::USED, "PRIMARY KEY (event=?)"),
        (
            webhook_memory::REMEMBERED,
            "SEARCH webhook_memory USING PRIMARY KEY (workflow=? AND external_id=?)",
        ),
        (
            webhook_memory::FORGET,
            "SEARCH webhook_memory USING PRIMARY KEY (workflow=? AND external_id=?)",
        ),
        (
            webhook_memory::WALK,
            "SEARCH webhook_memory USING PRIMARY KEY ((workflow,external_id)>(?,?))",
        ),
        (
            webhook_list::EVENT,
            "SEARCH e USING INDEX sqlite_autoindex_webhook_event_1 (id=?)",
        ),
        (
            webhook_list::BODY,
            "SEARCH webhook_event USING INTEGER PRIMARY KEY",
        ),
        (
            webhook_list::ALL,
            "SEARCH e USING INTEGER PRIMARY KEY (rowid<?)",
        ),
        (
            webhook_list::OF_WORKFLOW,
            "webhook_delivery_by_workflow (workflow=? AND event<?)",
        ),
        (
            webhook_list::OF_PREFIX,
            "webhook_delivery_by_workflow (workflow=? AND event<?)",
        ),
        (
            webhook_list::DELIVERIES,
            "SEARCH d USING PRIMARY KEY (event=?)",
        ),
        (
            webhook_list::REMOVE_OLDEST,
            "SEARCH webhook_event USING INTEGER PRIMARY KEY",
        ),
    ]
}

/// Those of agents.
const AGENT_QUERIES: [(&str, &str); 2] = [
    (
        agents::BY_ID,
        "SEARCH agent USING INDEX sqlite_autoindex_agent_1 (id=?)",
    ),
    (
        agents::NEWEST,
        "SEARCH agent USING INTEGER PRIMARY KEY (rowid<?)",
    ),
];

/// Those of uploaded files.
const MEDIA_QUERIES: [(&str, &str); 3] = [
    (media::ONE, "SEARCH media USING PRIMARY KEY (id=?)"),
    (media::PAGE, "SEARCH media USING PRIMARY KEY (id<?)"),
    (media::DELETE, "SEARCH media USING PRIMARY KEY (id=?)"),
];

/// Queries that walk a table in the order of its rows on purpose, newest first.
pub(super) const WALKS: &[&str] = &[
    agents::OLDER,
    audit::ROWS,
    audit_search::ALL,
    audit_search::OF_TIME,
    audit_search::OF_KEY,
    workflow_list::OLDER,
    run_list::OLDER,
    tables::TABLES,
    tables::FOLDERS,
    connections::EVERY,
    connections::LIST,
    webhook_list::AGES,
    webhook_list::OLDER,
];
