//! What is kept of a graph beside its definition, and their list. May not know what a graph does. Promise: every workflow
//! whose definition is a graph has exactly one record, and no two that are not archived have one webhook id.

use super::workflow_list::end_of_prefix;
use super::{BesideGraph, Store, StoreError, column, node_outputs};
use crate::id::WorkflowId;
use crate::model::graph::record::{
    GraphDetails, GraphFilter, GraphRecord, GraphSummary, LinkPermission,
};
use crate::model::trigger::{HookTrigger, Trigger};
use crate::model::workflow::{DefinitionFormat, Reach, Workflow, WorkflowStatus};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::Value;

impl Store {
    /// What is kept of a workflow; nothing of one that is no graph. A point read.
    pub fn graph_record(&self, workflow: i64) -> Result<Option<GraphRecord>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(RECORD)?
                .query_and_then([workflow], |row| record(row, 0))?
                .next()
                .transpose()
        })
    }

    /// The workflow behind a webhook id, and whether it takes requests without a key. A point read.
    pub fn graph_behind_webhook(
        &self,
        webhook_id: &str,
    ) -> Result<Option<(WorkflowId, bool)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(BEHIND)?
                .query_and_then([webhook_id], |row| Ok((column::id(row, 0)?, row.get(1)?)))?
                .next()
                .transpose()
        })
    }

    /// Whether the webhook of a graph that has one takes requests without a key; `None` without one. A point read.
    pub fn webhook_of_graph(&self, workflow: &WorkflowId) -> Result<Option<bool>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(WEBHOOK_OF)?
                .query_row([workflow.as_str()], |row| row.get(0))
                .optional()?)
        })
    }

    /// Graphs that are not archived, those that were changed last first, at most so many.
    pub async fn list_graphs(
        &self,
        filter: GraphFilter,
        limit: usize,
    ) -> Result<Vec<GraphSummary>, StoreError> {
        self.scan(move |connection| list(connection, &filter, limit))
            .await
    }
}

macro_rules! record_columns {
    () => {
        "g.tags, g.media_id, g.team_id, g.link_permission, g.app_slug, g.execution_count, g.last_executed_at_ms"
    };
}

pub(super) const RECORD: &str = concat!(
    "SELECT ",
    record_columns!(),
    " FROM graph_record g WHERE g.workflow = ?1"
);

pub(super) const WEBHOOK_OF: &str = "
    SELECT g.is_webhook_open FROM workflow w CROSS JOIN graph_record g ON g.workflow = w.sequence
    WHERE w.id = ?1 AND g.webhook_id IS NOT NULL";

pub(super) const BEHIND: &str = "
    SELECT w.id, g.is_webhook_open FROM graph_record g CROSS JOIN workflow w ON w.sequence = g.workflow
    WHERE g.webhook_id = ?1";

/// Sorts: that graphs are read in the order of their changes would want an index that every save of every workflow pays for.
const LIST: &str = concat!(
    "SELECT w.id, w.name, w.description, w.status, d.trigger, w.created_at_ms, w.updated_at_ms, ",
    record_columns!(),
    " FROM graph_record g
     CROSS JOIN workflow w ON w.sequence = g.workflow
     CROSS JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version
     CROSS JOIN definition d ON d.sequence = v.definition
     WHERE w.status <> 'archived'
        AND (?1 IS NULL OR (w.status = 'active') = ?1)
        AND (?2 IS NULL OR g.media_id = ?2)
        AND (?3 IS NULL OR g.team_id = ?3)
        AND (?4 IS NULL OR w.id = ?4)
        AND (?5 IS NULL OR w.name >= ?5 AND w.name < ?6)
     ORDER BY w.updated_at_ms DESC, w.sequence DESC LIMIT ?7"
);

fn list(
    connection: &Connection,
    filter: &GraphFilter,
    limit: usize,
) -> Result<Vec<GraphSummary>, StoreError> {
    let (id, prefix) = match &filter.reach {
        Reach::All => (None, None),
        Reach::Workflow(id) => (Some(id.as_str()), None),
        Reach::Prefix(prefix) => (None, Some(prefix.as_str())),
    };
    connection
        .prepare_cached(LIST)?
        .query_and_then(
            (
                filter.is_active,
                &filter.media_id,
                &filter.team_id,
                id,
                prefix,
                prefix.map(end_of_prefix),
                i64::try_from(limit).unwrap_or(i64::MAX),
            ),
            summary,
        )?
        .collect()
}

fn summary(row: &Row<'_>) -> Result<GraphSummary, StoreError> {
    let trigger: Value = column::json(row, 4)?;
    Ok(GraphSummary {
        id: column::id(row, 0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        status: column::word(row, 3, WorkflowStatus::parse)?,
        hook: hook(&trigger),
        created_at_ms: row.get(5)?,
        updated_at_ms: row.get(6)?,
        record: record(row, 7)?,
    })
}

fn record(row: &Row<'_>, index: usize) -> Result<GraphRecord, StoreError> {
    Ok(GraphRecord {
        details: GraphDetails {
            tags: column::json(row, index)?,
            media_id: row.get(index + 1)?,
            team_id: row.get(index + 2)?,
        },
        link_permission: column::word(row, index + 3, LinkPermission::parse)?,
        app_slug: row.get(index + 4)?,
        execution_count: row.get(index + 5)?,
        last_executed_at_ms: row.get(index + 6)?,
    })
}

fn hook(trigger: &Value) -> Option<HookTrigger> {
    match Trigger::of_graph(Some(trigger), &mut Vec::new()) {
        Some(Trigger::Hook(hook)) => Some(hook),
        _ => None,
    }
}

/// Brings the record of a workflow, where it is a graph, to what the workflow is now: the webhook id of its trigger, and no
/// outputs of nodes that are gone. What is archived is no app any more.
pub(super) fn follow(connection: &Connection, workflow: &Workflow) -> Result<(), StoreError> {
    if workflow.definition.format != DefinitionFormat::Graph {
        return Ok(());
    }
    let hook = hook(&workflow.definition.body["trigger"])
        .filter(|_| workflow.status != WorkflowStatus::Archived);
    connection
        .prepare_cached(
            "INSERT INTO graph_record (workflow, tags, webhook_id, is_webhook_open, link_permission)
             VALUES (?1, '[]', ?2, ?3, 'PRIVATE')
             ON CONFLICT (workflow) DO UPDATE
             SET webhook_id = excluded.webhook_id, is_webhook_open = excluded.is_webhook_open,
                app_slug = CASE WHEN ?4 THEN NULL ELSE app_slug END",
        )?
        .execute((
            workflow.sequence,
            hook.as_ref().map(|hook| &hook.id),
            hook.as_ref().is_some_and(|hook| hook.is_open),
            workflow.status == WorkflowStatus::Archived,
        ))?;
    node_outputs::forget_gone(connection, workflow)
}

/// Writes what an editor has said, and who may follow the link; the record is there.
pub(super) fn write(
    connection: &Connection,
    workflow: i64,
    beside: &BesideGraph,
) -> Result<bool, StoreError> {
    let details = &beside.details;
    let written = connection
        .prepare_cached(
            "UPDATE graph_record SET tags = ?2, media_id = ?3, team_id = ?4, link_permission = ?5
             WHERE workflow = ?1 AND (tags, media_id, team_id, link_permission) IS NOT (?2, ?3, ?4, ?5)",
        )?
        .execute((
            workflow,
            column::to_json(&details.tags)?,
            &details.media_id,
            &details.team_id,
            beside.link_permission.as_str(),
        ))?;
    Ok(written > 0)
}

/// Counts an execution that has ended.
pub(super) fn count_execution(
    connection: &Connection,
    workflow: i64,
    at_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE graph_record
             SET execution_count = execution_count + 1, last_executed_at_ms = max(coalesce(last_executed_at_ms, 0), ?2)
             WHERE workflow = ?1",
        )?
        .execute((workflow, at_ms))?;
    Ok(())
}
