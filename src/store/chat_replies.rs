//! What people leave with a chat: what they thought of a message, and how they are reached. May not know who may leave it.
//! Promise: of one message there is one opinion at most.

use super::{Edit, Store, StoreError, column};
use crate::id::{FeedbackId, WorkflowId};
use crate::model::chatflow::{ChatBounds, Feedback, Lead, Rating};
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

    /// What somebody thought, with the flow that it is of. A point read.
    pub fn feedback(&self, id: &FeedbackId) -> Result<Option<(WorkflowId, Feedback)>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(ONE)?
                .query_and_then([id.as_str()], |row| {
                    Ok((column::id(row, 6)?, feedback(row)?))
                })?
                .next()
                .transpose()
        })
    }

    /// Changes what somebody thought; what is `None` stays. `NotFound`: there is none with this id.
    pub async fn change_feedback(
        &self,
        id: FeedbackId,
        rating: Option<Rating>,
        content: Option<String>,
    ) -> Result<Edit<Feedback>, StoreError> {
        self.write(move |connection| {
            connection.prepare_cached(CHANGE)?.execute((
                id.as_str(),
                rating.map(Rating::as_str),
                content,
            ))?;
            Ok(one(connection, id.as_str())?.map_or(Edit::NotFound, Edit::Done))
        })
        .await
    }

    /// Keeps how somebody is reached. `Conflict`: as many people as there may be have left an address with this flow.
    pub async fn add_lead(
        &self,
        workflow: i64,
        lead: Lead,
        bounds: ChatBounds,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |connection| {
            let left: i64 = connection
                .prepare_cached(LEFT)?
                .query_row([workflow], |row| row.get(0))?;
            if u64::try_from(left).unwrap_or_default() >= bounds.max_leads {
                return Ok(Edit::Conflict(format!("{left} have left an address")));
            }
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
            Ok(Edit::Done(()))
        })
        .await
    }

    /// So many of those who have left a name or an address with a flow, after the newest so many; newest first.
    pub async fn leads(
        &self,
        workflow: i64,
        skipped: usize,
        limit: usize,
    ) -> Result<Vec<Lead>, StoreError> {
        self.scan(move |connection| {
            let [skipped, limit] = column::place(skipped, limit);
            connection
                .prepare_cached(LEADS)?
                .query_and_then((workflow, limit, skipped), lead)?
                .collect()
        })
        .await
    }
}

pub(super) const LEADS: &str = "
    SELECT id, chat_id, name, email, phone, created_at_ms FROM chat_lead WHERE workflow = ?1
    ORDER BY sequence DESC LIMIT ?2 OFFSET ?3";

pub(super) const LEFT: &str = "SELECT count(*) FROM chat_lead WHERE workflow = ?1";

pub(super) const CHANGE: &str = "
    UPDATE chat_feedback SET rating = coalesce(?2, rating), content = coalesce(?3, content) WHERE id = ?1";

pub(super) const MESSAGE: &str = "SELECT chat_id FROM chat_message WHERE id = ?1 AND workflow = ?2";

pub(super) const ONE: &str = "
    SELECT b.id, b.message, m.chat_id, b.rating, b.content, b.created_at_ms, w.id
    FROM chat_feedback b CROSS JOIN chat_message m ON m.id = b.message CROSS JOIN workflow w ON w.sequence = m.workflow
    WHERE b.id = ?1";

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
        .query_and_then([id], feedback)?
        .next()
        .transpose()
}

fn feedback(row: &Row<'_>) -> Result<Feedback, StoreError> {
    Ok(Feedback {
        id: column::id(row, 0)?,
        message: column::id(row, 1)?,
        chat_id: row.get(2)?,
        rating: column::word(row, 3, Rating::parse)?,
        content: row.get(4)?,
        created_at_ms: row.get(5)?,
    })
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
