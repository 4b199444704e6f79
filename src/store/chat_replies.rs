//! What people leave with a chat: what they thought of a message, and how they are reached. May not know who may leave it.
//! Promise: of one message there is one opinion at most.

use super::{Edit, Store, StoreError, column};
use crate::model::chatflow::{Feedback, Lead, Rating};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

impl Store {
    /// Keeps what somebody thought of a message of the flow with this row number, in place of what was thought before.
    /// `NotFound`: the flow has no such message. `Conflict`: the message is of another conversation.
    pub async fn save_feedback(
        &self,
        workflow: i64,
        feedback: Feedback,
    ) -> Result<Edit<Feedback>, StoreError> {
        self.write(move |connection| save(connection, workflow, &feedback))
            .await
    }

    /// Keeps how somebody is reached.
    pub async fn add_lead(&self, workflow: i64, lead: Lead) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO chat_lead (id, workflow, chat_id, name, email, phone, created_at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    lead.id.as_str(),
                    workflow,
                    lead.chat_id,
                    lead.name,
                    lead.email,
                    lead.phone,
                    lead.created_at_ms,
                ])?;
            Ok(())
        })
        .await
    }

    /// Who has left a name or an address with a flow, oldest first.
    pub async fn leads(&self, workflow: i64) -> Result<Vec<Lead>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(LEADS)?
                .query_and_then([workflow], lead)?
                .collect()
        })
        .await
    }
}

pub(super) const LEADS: &str = "
    SELECT id, chat_id, name, email, phone, created_at_ms FROM chat_lead WHERE workflow = ?1 ORDER BY sequence";

pub(super) const MESSAGE: &str = "SELECT chat_id FROM chat_message WHERE id = ?1 AND workflow = ?2";

pub(super) const ONE: &str = "
    SELECT b.id, b.message, m.chat_id, b.rating, b.content, b.created_at_ms
    FROM chat_feedback b CROSS JOIN chat_message m ON m.id = b.message WHERE b.id = ?1";

fn save(
    connection: &Connection,
    workflow: i64,
    feedback: &Feedback,
) -> Result<Edit<Feedback>, StoreError> {
    let chat: Option<String> = connection
        .prepare_cached(MESSAGE)?
        .query_row((feedback.message.as_str(), workflow), |row| row.get(0))
        .optional()?;
    match chat {
        None => return Ok(Edit::NotFound),
        Some(chat) if chat != feedback.chat_id => return Ok(Edit::Conflict(chat)),
        Some(_) => {}
    }
    let id: String = connection
        .prepare_cached(
            "INSERT INTO chat_feedback (message, id, rating, content, created_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (message) DO UPDATE SET rating = excluded.rating, content = excluded.content
             RETURNING id",
        )?
        .query_row(
            (
                feedback.message.as_str(),
                feedback.id.as_str(),
                feedback.rating.as_str(),
                &feedback.content,
                feedback.created_at_ms,
            ),
            |row| row.get(0),
        )?;
    Ok(one(connection, &id)?.map_or(Edit::NotFound, Edit::Done))
}

fn one(connection: &Connection, id: &str) -> Result<Option<Feedback>, StoreError> {
    connection
        .prepare_cached(ONE)?
        .query_and_then([id], |row| {
            Ok(Feedback {
                id: column::id(row, 0)?,
                message: column::id(row, 1)?,
                chat_id: row.get(2)?,
                rating: column::word(row, 3, Rating::parse)?,
                content: row.get(4)?,
                created_at_ms: row.get(5)?,
            })
        })?
        .next()
        .transpose()
}

fn lead(row: &Row<'_>) -> Result<Lead, StoreError> {
    Ok(Lead {
        id: column::id(row, 0)?,
        chat_id: row.get(1)?,
        name: row.get(2)?,
        email: row.get(3)?,
        phone: row.get(4)?,
        created_at_ms: row.get(5)?,
    })
}
