//! Chats with flows: messages, what people thought of them, who has left an address; and the variables that flows share.
//! May not know who may see them. Promise: all of it goes with its flow.

use super::{Store, StoreError, column};
use crate::id::{ChatMessageId, RunId};
use crate::model::chatflow::{
    ChatMessage, ChatRole, ChatType, Feedback, FlowVariable, MessageFilter, Rating, VariableKind,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// A message, and what somebody thought of it.
pub type RatedMessage = (ChatMessage, Option<Feedback>);

impl Store {
    /// Keeps messages of the flow with this row number, in this order.
    pub async fn add_chat_messages(
        &self,
        workflow: i64,
        messages: Vec<ChatMessage>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            messages
                .iter()
                .try_for_each(|message| insert(connection, workflow, message))
        })
        .await
    }

    /// The last so many messages of a session, oldest first. A point read.
    pub fn session_messages(
        &self,
        workflow: i64,
        session_id: &str,
        limit: u32,
    ) -> Result<Vec<ChatMessage>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_SESSION)?;
            let found = statement.query_and_then((workflow, session_id, limit), message)?;
            let mut newest_first = found.collect::<Result<Vec<_>, _>>()?;
            newest_first.reverse();
            Ok(newest_first)
        })
    }

    /// The run behind the newest message of a session that has one. A point read.
    pub fn last_execution(
        &self,
        workflow: i64,
        session_id: &str,
    ) -> Result<Option<RunId>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(LAST_EXECUTION)?
                .query_and_then((workflow, session_id), |row| column::id(row, 0))?
                .next()
                .transpose()
        })
    }

    /// The messages of a flow, oldest first unless the filter says otherwise, each with what was thought of it.
    pub async fn chat_messages(
        &self,
        workflow: i64,
        filter: MessageFilter,
    ) -> Result<Vec<RatedMessage>, StoreError> {
        self.scan(move |connection| {
            let mut statement = connection.prepare_cached(OF_WORKFLOW)?;
            let found = statement.query_and_then(
                params![
                    workflow,
                    filter.session_id,
                    filter.chat_id,
                    filter.message,
                    filter.from_ms,
                    filter.until_ms,
                    filter.rating.map(Rating::as_str),
                ],
                |row| Ok((message(row)?, feedback(row)?)),
            )?;
            let mut found: Vec<RatedMessage> = found.collect::<Result<_, StoreError>>()?;
            let types = &filter.chat_types;
            found.retain(|(message, _)| types.is_empty() || types.contains(&message.chat_type));
            if filter.is_descending {
                found.reverse();
            }
            Ok(found)
        })
        .await
    }

    /// Removes the messages of a flow, or of one conversation with it. Gives how many there were.
    pub async fn remove_chat_messages(
        &self,
        workflow: i64,
        chat_id: Option<String>,
        session_id: Option<String>,
    ) -> Result<u64, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached(REMOVE)?
                .execute((workflow, session_id, chat_id))?;
            Ok(u64::try_from(removed).unwrap_or(u64::MAX))
        })
        .await
    }

    /// Every variable, in the order of their names.
    pub fn flow_variables(&self) -> Result<Vec<FlowVariable>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, kind, value, created_at_ms, updated_at_ms FROM flow_variable ORDER BY name",
                )?
                .query_and_then([], variable)?
                .collect()
        })
    }

    /// Saves a variable under its id. `false`: another has its name.
    pub async fn save_flow_variable(&self, variable: FlowVariable) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let taken: Option<i64> = connection
                .prepare_cached("SELECT 1 FROM flow_variable WHERE name = ?1 AND id <> ?2")?
                .query_row((&variable.name, variable.id.as_str()), |row| row.get(0))
                .optional()?;
            if taken.is_some() {
                return Ok(false);
            }
            connection
                .prepare_cached(
                    "INSERT INTO flow_variable (id, name, kind, value, created_at_ms, updated_at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (id) DO UPDATE
                     SET name = excluded.name, kind = excluded.kind, value = excluded.value,
                        updated_at_ms = excluded.updated_at_ms",
                )?
                .execute((
                    variable.id.as_str(),
                    &variable.name,
                    variable.kind.as_str(),
                    &variable.value,
                    variable.created_at_ms,
                    variable.updated_at_ms,
                ))?;
            Ok(true)
        })
        .await
    }

    /// Removes a variable. `false`: there is none with this id.
    pub async fn remove_flow_variable(&self, id: String) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached("DELETE FROM flow_variable WHERE id = ?1")?
                .execute([id])?;
            Ok(removed > 0)
        })
        .await
    }
}

macro_rules! message_columns {
    () => {
        "m.id, m.role, m.content, m.chat_type, m.chat_id, m.session_id, m.execution, m.lead_email, m.more, m.created_at_ms"
    };
}

pub(super) const OF_SESSION: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_message m WHERE m.workflow = ?1 AND m.session_id = ?2 ORDER BY m.sequence DESC LIMIT ?3"
);

pub(super) const LAST_EXECUTION: &str = "
    SELECT execution FROM chat_message
    WHERE workflow = ?1 AND session_id = ?2 AND execution IS NOT NULL ORDER BY sequence DESC LIMIT 1";

/// Sorts the messages of one flow.
pub(super) const OF_WORKFLOW: &str = concat!(
    "SELECT ",
    message_columns!(),
    ", b.id, b.rating, b.content, b.created_at_ms
     FROM chat_message m LEFT JOIN chat_feedback b ON b.message = m.id
     WHERE m.workflow = ?1
        AND (?2 IS NULL OR m.session_id = ?2)
        AND (?3 IS NULL OR m.chat_id = ?3)
        AND (?4 IS NULL OR m.id = ?4)
        AND (?5 IS NULL OR m.created_at_ms >= ?5)
        AND (?6 IS NULL OR m.created_at_ms <= ?6)
        AND (?7 IS NULL OR b.rating = ?7)
     ORDER BY m.sequence"
);

pub(super) const REMOVE: &str = "
    DELETE FROM chat_message
    WHERE workflow = ?1 AND (?2 IS NULL OR session_id = ?2) AND (?3 IS NULL OR chat_id = ?3)";

/// Keeps a message, within a job.
pub(super) fn insert(
    connection: &Connection,
    workflow: i64,
    message: &ChatMessage,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO chat_message
                (id, workflow, session_id, chat_id, role, chat_type, created_at_ms, execution, lead_email, content, more)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            message.id.as_str(),
            workflow,
            message.session_id,
            message.chat_id,
            message.role.as_str(),
            message.chat_type.as_str(),
            message.created_at_ms,
            message.execution.as_ref().map(|run| run.as_str()),
            message.lead_email,
            message.content,
            column::to_json(&message.more)?,
        ])?;
    Ok(())
}

fn message(row: &Row<'_>) -> Result<ChatMessage, StoreError> {
    Ok(ChatMessage {
        id: column::id(row, 0)?,
        role: column::word(row, 1, ChatRole::parse)?,
        content: row.get(2)?,
        chat_type: column::word(row, 3, ChatType::parse)?,
        chat_id: row.get(4)?,
        session_id: row.get(5)?,
        execution: column::optional_id(row, 6)?,
        lead_email: row.get(7)?,
        more: column::json(row, 8)?,
        created_at_ms: row.get(9)?,
    })
}

/// What stands behind a message's columns.
fn feedback(row: &Row<'_>) -> Result<Option<Feedback>, StoreError> {
    let Some(id) = column::optional_id(row, 10)? else {
        return Ok(None);
    };
    let message: ChatMessageId = column::id(row, 0)?;
    Ok(Some(Feedback {
        id,
        message,
        chat_id: row.get(4)?,
        rating: column::word(row, 11, Rating::parse)?,
        content: row.get(12)?,
        created_at_ms: row.get(13)?,
    }))
}

fn variable(row: &Row<'_>) -> Result<FlowVariable, StoreError> {
    Ok(FlowVariable {
        id: column::id(row, 0)?,
        name: row.get(1)?,
        kind: column::word(row, 2, VariableKind::parse)?,
        value: row.get(3)?,
        created_at_ms: row.get(4)?,
        updated_at_ms: row.get(5)?,
    })
}
