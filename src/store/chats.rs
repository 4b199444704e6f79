//! Chats with flows: their messages and the files in them. May not know who may see them. Promises: all of it goes with its
//! flow; the messages of a flow are never more than their bounds.

use super::{Store, StoreError, chat_use, column};
use crate::id::RunId;
use crate::model::chatflow::{
    ChatBounds, ChatFile, ChatMessage, ChatRole, ChatStats, ChatType, MessageFilter, Rating,
};
use rusqlite::{Connection, Row, ToSql, params};

impl Store {
    /// Keeps messages of the flow with this row number, in this order; the oldest ones of the flow go, as far as its bounds want.
    pub async fn add_chat_messages(
        &self,
        workflow: i64,
        messages: Vec<ChatMessage>,
        bounds: ChatBounds,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            for message in &messages {
                insert(connection, workflow, message)?;
            }
            chat_use::prune(connection, workflow, bounds)
        })
        .await
    }

    /// The newest file of this name in a conversation. A point read.
    pub fn chat_file(
        &self,
        workflow: i64,
        chat_id: &str,
        name: &str,
    ) -> Result<Option<ChatFile>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(FILE)?
                .query_and_then((workflow, chat_id, name), |row| {
                    Ok(ChatFile {
                        name: row.get(0)?,
                        content_type: row.get(1)?,
                        bytes: row.get(2)?,
                    })
                })?
                .next()
                .transpose()
        })
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

    /// So many messages of a flow after the first so many, in the order that the filter says.
    pub async fn chat_messages(
        &self,
        workflow: i64,
        filter: MessageFilter,
        skipped: usize,
        limit: usize,
    ) -> Result<Vec<ChatMessage>, StoreError> {
        self.scan(move |connection| {
            let [skipped, limit] = column::place(skipped, limit);
            let sql = if filter.is_descending {
                NEWEST_FIRST
            } else {
                OLDEST_FIRST
            };
            let asked = Asked::of(workflow, &filter);
            let [a, b, c, d, e, f, g, h] = asked.values();
            connection
                .prepare_cached(sql)?
                .query_and_then([a, b, c, d, e, f, g, h, &limit, &skipped], message)?
                .collect()
        })
        .await
    }

    /// How much was said to a flow, of what the filter leaves.
    pub async fn chat_stats(
        &self,
        workflow: i64,
        filter: MessageFilter,
    ) -> Result<ChatStats, StoreError> {
        self.scan(move |connection| {
            let asked = Asked::of(workflow, &filter);
            connection
                .prepare_cached(STATS)?
                .query_row(asked.values(), |row| Ok(stats(row)))?
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
            chat_use::remove(
                connection,
                workflow,
                session_id.as_deref(),
                chat_id.as_deref(),
            )
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

pub(super) const FILE: &str = "
    SELECT name, content_type, bytes FROM chat_file
    WHERE workflow = ?1 AND chat_id = ?2 AND name = ?3 ORDER BY sequence DESC LIMIT 1";

macro_rules! matching {
    ($select:expr, $end:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM chat_message m INDEXED BY chat_message_by_workflow LEFT JOIN chat_feedback b ON b.message = m.id
             WHERE m.workflow = ?1
                AND (?2 IS NULL OR m.session_id = ?2)
                AND (?3 IS NULL OR m.chat_id = ?3)
                AND (?4 IS NULL OR m.id = ?4)
                AND (?5 IS NULL OR m.created_at_ms >= ?5)
                AND (?6 IS NULL OR m.created_at_ms <= ?6)
                AND (?7 IS NULL OR b.rating = ?7)
                AND (?8 IS NULL OR instr(?8, m.chat_type) > 0)",
            $end
        )
    };
}

pub(super) const OLDEST_FIRST: &str = matching!(
    message_columns!(),
    " ORDER BY m.sequence LIMIT ?9 OFFSET ?10"
);
pub(super) const NEWEST_FIRST: &str = matching!(
    message_columns!(),
    " ORDER BY m.sequence DESC LIMIT ?9 OFFSET ?10"
);
const STATS: &str = matching!(
    "count(*), count(DISTINCT m.session_id), count(b.id), count(CASE b.rating WHEN 'THUMBS_UP' THEN 1 END)",
    ""
);

/// A filter as queries take it.
struct Asked<'a> {
    workflow: i64,
    session: Option<&'a str>,
    chat: Option<&'a str>,
    message: Option<&'a str>,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
    rating: Option<&'static str>,
    /// The types one after another: none of their words stands in another.
    types: Option<String>,
}

impl<'a> Asked<'a> {
    fn of(workflow: i64, filter: &'a MessageFilter) -> Asked<'a> {
        let types: Vec<&str> = filter.chat_types.iter().map(|kind| kind.as_str()).collect();
        Asked {
            workflow,
            session: filter.session_id.as_deref(),
            chat: filter.chat_id.as_deref(),
            message: filter.message.as_deref(),
            from_ms: filter.from_ms,
            until_ms: filter.until_ms,
            rating: filter.rating.map(Rating::as_str),
            types: (!types.is_empty()).then(|| types.join(" ")),
        }
    }

    /// In the order of the parameters.
    fn values(&self) -> [&dyn ToSql; 8] {
        [
            &self.workflow,
            &self.session,
            &self.chat,
            &self.message,
            &self.from_ms,
            &self.until_ms,
            &self.rating,
            &self.types,
        ]
    }
}

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
    for file in &message.files {
        connection
            .prepare_cached(
                "INSERT INTO chat_file (message, workflow, chat_id, name, content_type, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((
                message.id.as_str(),
                workflow,
                &message.chat_id,
                &file.name,
                &file.content_type,
                &file.bytes,
            ))?;
    }
    chat_use::count(connection, workflow, &message.id)
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
        files: Vec::new(),
        created_at_ms: row.get(9)?,
    })
}

fn stats(row: &Row<'_>) -> Result<ChatStats, StoreError> {
    Ok(ChatStats {
        messages: column::unsigned(row, 0)?,
        sessions: column::unsigned(row, 1)?,
        rated: column::unsigned(row, 2)?,
        rated_well: column::unsigned(row, 3)?,
    })
}
