//! The first start of a data folder: a key, a workflow to try, and the mark that both were made, in one job.
//! May not know what they are for. Promise: all of it or nothing, wherever the process dies.

use super::{Store, StoreError, WorkflowDraft, audit, keys, set_meta, workflow_edit, workflows};
use crate::id::WorkflowId;
use crate::model::audit::{AuditEntry, ChangedBy};
use crate::model::key::KeyRecord;
use rusqlite::Connection;
use serde_json::json;

/// What a first start makes beside a key.
#[derive(Debug, Clone)]
pub struct FirstStart {
    /// The name of the mark in the `meta` table.
    pub mark: &'static str,
    /// Its value.
    pub value: String,
    /// The workflow, which is active at once.
    pub sample: WorkflowDraft,
    /// Who makes it.
    pub by: String,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Store {
    /// Makes all that a first start makes but for a key: there is one already.
    pub async fn first_start(&self, first: FirstStart) -> Result<(), StoreError> {
        self.write(move |connection| make(connection, first)).await
    }

    /// Makes all that a first start makes.
    pub async fn first_start_with_key(
        &self,
        first: FirstStart,
        record: KeyRecord,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            keys::insert(connection, &record)?;
            audit::append(connection, &audit)?;
            make(connection, first)
        })
        .await
    }
}

fn make(connection: &Connection, first: FirstStart) -> Result<(), StoreError> {
    let (id, by) = (WorkflowId::generate(), ChangedBy::local(&first.by));
    let detail = json!({ "name": first.sample.name });
    let entry = by.entry(first.now_ms, "workflow.created", id.as_str(), detail);
    let workflow = workflows::create(connection, id, first.sample, by, first.now_ms)?;
    workflow_edit::activate(connection, workflow, first.now_ms)?;
    audit::append(connection, &entry)?;
    set_meta(connection, first.mark, &first.value)
}
