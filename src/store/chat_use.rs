//! What the messages of a flow take: counted as they come and go, and kept within bounds. May not know what is said.
//! Promise: what is counted is what is there, since both change in one commit.

use super::{Store, StoreError};
use crate::id::ChatMessageId;
use crate::model::chatflow::ChatBounds;
use rusqlite::{Connection, OptionalExtension as _, params};

/// So many messages go at once at most: a bound that was lowered is reached message by message.
const MAX_PRUNED: i64 = 1_000;

macro_rules! size_sql {
    () => {
        "octet_length(m.content) + octet_length(m.more)
            + coalesce((SELECT sum(octet_length(f.bytes)) FROM chat_file f WHERE f.message = m.id), 0)"
    };
}

pub(super) const COUNT: &str = concat!(
    "INSERT INTO chat_use (workflow, messages, bytes) SELECT ?1, 1, ",
    size_sql!(),
    " FROM chat_message m WHERE m.id = ?2
     ON CONFLICT DO UPDATE SET messages = messages + 1, bytes = bytes + excluded.bytes"
);

pub(super) const USED: &str = "SELECT messages, bytes FROM chat_use WHERE workflow = ?1";

pub(super) const OLDEST: &str = concat!(
    "SELECT m.sequence, ",
    size_sql!(),
    " FROM chat_message m INDEXED BY chat_message_by_workflow WHERE m.workflow = ?1 ORDER BY m.sequence LIMIT ?2"
);

pub(super) const REMOVE_UP_TO: &str = "DELETE FROM chat_message INDEXED BY chat_message_by_workflow WHERE workflow = ?1 AND sequence <= ?2";

pub(super) const TAKEN: &str = concat!(
    "SELECT count(*), coalesce(sum(",
    size_sql!(),
    "), 0) FROM chat_message m
     WHERE m.workflow = ?1 AND (?2 IS NULL OR m.session_id = ?2) AND (?3 IS NULL OR m.chat_id = ?3)"
);

pub(super) const REMOVE: &str = "
    DELETE FROM chat_message
    WHERE workflow = ?1 AND (?2 IS NULL OR session_id = ?2) AND (?3 IS NULL OR chat_id = ?3)";

pub(super) const GIVE_BACK: &str = "
    UPDATE chat_use SET messages = max(messages - ?2, 0), bytes = max(bytes - ?3, 0) WHERE workflow = ?1";

impl Store {
    /// How many messages are kept of the chats with this flow, and how many bytes they have. A point read.
    pub fn chat_use(&self, workflow: i64) -> Result<(u64, u64), StoreError> {
        let (messages, bytes) = self.read(|connection| used(connection, workflow))?;
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok((positive(messages), positive(bytes)))
    }
}

fn used(connection: &Connection, workflow: i64) -> Result<(i64, i64), StoreError> {
    let used = connection
        .prepare_cached(USED)?
        .query_row([workflow], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(used.unwrap_or_default())
}

/// Counts a message that has just come.
pub(super) fn count(
    connection: &Connection,
    workflow: i64,
    message: &ChatMessageId,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(COUNT)?
        .execute((workflow, message.as_str()))?;
    Ok(())
}

/// Removes the oldest messages of a flow, as far as its bounds want.
pub(super) fn prune(
    connection: &Connection,
    workflow: i64,
    bounds: ChatBounds,
) -> Result<(), StoreError> {
    let (messages, bytes) = used(connection, workflow)?;
    let over =
        |number: i64, bound: u64| number.saturating_sub(i64::try_from(bound).unwrap_or(i64::MAX));
    let (mut messages_over, mut bytes_over) = (
        over(messages, bounds.max_messages),
        over(bytes, bounds.max_bytes),
    );
    if messages_over <= 0 && bytes_over <= 0 {
        return Ok(());
    }
    let (mut last, mut gone, mut freed) = (0_i64, 0_i64, 0_i64);
    let mut statement = connection.prepare_cached(OLDEST)?;
    let mut oldest = statement.query((workflow, MAX_PRUNED))?;
    while messages_over > 0 || bytes_over > 0 {
        let Some(row) = oldest.next()? else { break };
        let size: i64 = row.get(1)?;
        last = row.get(0)?;
        (gone, freed) = (gone + 1, freed + size);
        (messages_over, bytes_over) = (messages_over - 1, bytes_over - size);
    }
    drop(oldest);
    connection
        .prepare_cached(REMOVE_UP_TO)?
        .execute((workflow, last))?;
    connection
        .prepare_cached(GIVE_BACK)?
        .execute((workflow, gone, freed))?;
    Ok(())
}

/// Removes the messages of a flow, or of one session or conversation. Gives how many there were.
pub(super) fn remove(
    connection: &Connection,
    workflow: i64,
    session_id: Option<&str>,
    chat_id: Option<&str>,
) -> Result<u64, StoreError> {
    let of = params![workflow, session_id, chat_id];
    let (messages, bytes): (i64, i64) = connection
        .prepare_cached(TAKEN)?
        .query_row(of, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let removed = connection.prepare_cached(REMOVE)?.execute(of)?;
    connection
        .prepare_cached(GIVE_BACK)?
        .execute((workflow, messages, bytes))?;
    Ok(u64::try_from(removed).unwrap_or(u64::MAX))
}
