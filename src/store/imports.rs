//! What an import writes: keys, flows and chats that come with ids and dates of their own.
//! May not know where they come from. Promise: each job is whole or nothing, and none changes a row that is there.

use super::workflows::{self, WorkflowDraft};
use super::{Beside, Store, StoreError, audit, chats, keys};
use crate::model::audit::{AuditEntry, ChangedBy};
use crate::model::chatflow::Feedback;
use crate::model::flowise_import::{ImportedFlow, ImportedMessage};
use crate::model::key::KeyRecord;
use crate::model::workflow::WorkflowStatus;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::json;

impl Store {
    /// Adds keys, each with its audit row.
    pub async fn import_keys(&self, keys: Vec<(KeyRecord, AuditEntry)>) -> Result<(), StoreError> {
        self.write(move |connection| {
            for (record, entry) in &keys {
                keys::insert(connection, record)?;
                audit::append(connection, entry)?;
            }
            Ok(())
        })
        .await
    }

    /// Adds a flow, which is active at once, with its row in the audit log. Its row number.
    pub async fn import_flow(
        &self,
        flow: ImportedFlow,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<i64, StoreError> {
        self.write(move |connection| {
            let detail = json!({ "name": flow.name, "from": "flowise" });
            let entry = by.entry(now_ms, "workflow.imported", flow.id.as_str(), detail);
            let draft = WorkflowDraft {
                status: Some(WorkflowStatus::Active),
                beside: Some(Beside::Flow(Box::new(flow.details))),
                ..WorkflowDraft::new(flow.name, None, flow.definition)
            };
            // What follows from being active begins now; the dates are those that clients know.
            let made = workflows::create(connection, flow.id, draft, by, now_ms)?;
            connection
                .prepare_cached(
                    "UPDATE workflow SET created_at_ms = ?2, updated_at_ms = ?3 WHERE sequence = ?1",
                )?
                .execute((made.sequence, flow.created_at_ms, flow.updated_at_ms))?;
            audit::append(connection, &entry)?;
            Ok(made.sequence)
        })
        .await
    }

    /// Which of these ids are those of messages, in their order. A point read for each.
    pub fn known_messages(&self, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
        self.read(|connection| known(connection, MESSAGE, ids))
    }

    /// Which of these messages have an opinion about them, in their order. A point read for each.
    pub fn rated_messages(&self, ids: &[&str]) -> Result<Vec<bool>, StoreError> {
        self.read(|connection| known(connection, RATED, ids))
    }

    /// Adds messages in this order, each to the flow with the row number before it.
    pub async fn import_messages(
        &self,
        messages: Vec<(i64, ImportedMessage)>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            messages.iter().try_for_each(|(flow, imported)| {
                chats::insert(connection, *flow, &imported.message)
            })
        })
        .await
    }

    /// Adds what people thought of messages.
    pub async fn import_feedback(&self, feedback: Vec<Feedback>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO chat_feedback (message, id, rating, content, created_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?;
            for said in &feedback {
                insert.execute((
                    said.message.as_str(),
                    said.id.as_str(),
                    said.rating.as_str(),
                    &said.content,
                    said.created_at_ms,
                ))?;
            }
            Ok(())
        })
        .await
    }
}

pub(super) const MESSAGE: &str = "SELECT 1 FROM chat_message WHERE id = ?1";

/// A message has one opinion at most.
pub(super) const RATED: &str = "SELECT 1 FROM chat_feedback WHERE message = ?1";

fn known(
    connection: &Connection,
    sql: &'static str,
    ids: &[&str],
) -> Result<Vec<bool>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    ids.iter()
        .map(|id| {
            let found: Option<i64> = statement.query_row([id], |row| row.get(0)).optional()?;
            Ok(found.is_some())
        })
        .collect()
}
