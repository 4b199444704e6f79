//! Where webhooks lead: rows that follow their workflow. May not know requests. Promise: a row is there exactly as long as its
//! workflow is active and its trigger is a webhook.

use super::{Store, StoreError, column};
use crate::id::WorkflowId;
use crate::model::trigger::webhook::WebhookTrigger;
use crate::model::workflow::{Workflow, WorkflowStatus};
use rusqlite::Connection;

impl Store {
    /// The active workflows behind a provider and the last segment of a URL, oldest first, at most so many. A point read.
    pub fn webhook_workflows(
        &self,
        provider: &str,
        path: &str,
        limit: usize,
    ) -> Result<Vec<WorkflowId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            connection
                .prepare_cached(BEHIND)?
                .query_and_then((provider, path, limit), |row| column::id(row, 0))?
                .collect()
        })
    }
}

pub(super) const BEHIND: &str = "
    SELECT w.id FROM webhook_route r CROSS JOIN workflow w ON w.sequence = r.workflow
    WHERE r.provider = ?1 AND r.path = ?2 ORDER BY r.workflow LIMIT ?3";

pub(super) const REMOVE: &str = "DELETE FROM webhook_route WHERE workflow = ?1";

/// Brings the routes of a workflow to what the workflow is now: one by its id, and one by its path where it has one.
pub(super) fn follow(connection: &Connection, workflow: &Workflow) -> Result<(), StoreError> {
    connection
        .prepare_cached(REMOVE)?
        .execute([workflow.sequence])?;
    if workflow.status != WorkflowStatus::Active {
        return Ok(());
    }
    let Some(trigger) = WebhookTrigger::of(&workflow.definition.body) else {
        return Ok(());
    };
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO webhook_route (provider, path, workflow) VALUES (?1, ?2, ?3)",
    )?;
    let paths = [Some(workflow.id.as_str()), trigger.path.as_deref()];
    for path in paths.into_iter().flatten() {
        insert.execute((trigger.provider.name, path, workflow.sequence))?;
    }
    Ok(())
}
