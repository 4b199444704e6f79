//! Which run an event has started at a workflow, so that the same event again is that run. May not know events' bodies or
//! signatures. Promise: forgetting is work in slices, and holds the writer for no longer than one of them takes.

use super::{Store, StoreError, column};
use crate::id::{EventId, RunId};
use rusqlite::Connection;

/// How many rows one look passes over at most, and so how many one job removes: what it would go back to is held in memory.
const WALKED_AT_ONCE: i64 = 2_000;

/// The event that came first, and the run that it started.
#[derive(Debug, Clone)]
pub(super) struct First {
    pub(super) event: EventId,
    pub(super) run: RunId,
}

/// A row's place in the table.
type Key = (i64, String);

impl Store {
    /// Forgets the ids of events that are older than they have to be remembered. Walks the whole table, in slices.
    pub async fn forget_event_memory_before(&self, unix_ms: i64) -> Result<(), StoreError> {
        let mut after: Key = (i64::MIN, String::new());
        loop {
            let slice = self
                .scan(move |connection| expired_after(connection, &after, unix_ms))
                .await?;
            if !slice.expired.is_empty() {
                let forget = move |connection: &Connection| {
                    let mut statement = connection.prepare_cached(FORGET)?;
                    for (workflow, external_id) in &slice.expired {
                        statement.execute((workflow, external_id, unix_ms))?;
                    }
                    Ok(())
                };
                self.write(forget).await?;
            }
            match slice.last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }
}

/// What a part of the walk has found.
struct Slice {
    expired: Vec<Key>,
    /// Where the next part goes on; `None` at the end.
    last: Option<Key>,
}

fn expired_after(connection: &Connection, after: &Key, unix_ms: i64) -> Result<Slice, StoreError> {
    let mut statement = connection.prepare_cached(WALK)?;
    let mut rows = statement.query((after.0, &after.1, WALKED_AT_ONCE))?;
    let (mut walked, mut expired, mut last) = (0, Vec::new(), None);
    while let Some(row) = rows.next()? {
        walked += 1;
        let expires_at_ms: i64 = row.get(2)?;
        if expires_at_ms < unix_ms {
            expired.push((row.get(0)?, row.get(1)?));
        }
        if walked == WALKED_AT_ONCE {
            last = Some((row.get(0)?, row.get(1)?));
        }
    }
    Ok(Slice { expired, last })
}

pub(super) const WALK: &str = "
    SELECT workflow, external_id, expires_at_ms FROM webhook_memory
    WHERE (workflow, external_id) > (?1, ?2) ORDER BY workflow, external_id LIMIT ?3";

/// An id that was remembered anew meanwhile stays.
pub(super) const FORGET: &str = "
    DELETE FROM webhook_memory WHERE workflow = ?1 AND external_id = ?2 AND expires_at_ms < ?3";

pub(super) const REMEMBERED: &str = "
    SELECT event_id, run_id FROM webhook_memory
    WHERE workflow = ?1 AND external_id = ?2";

/// What comes first is remembered, in place of what has expired.
pub(super) const REMEMBER: &str = "
    INSERT INTO webhook_memory (workflow, external_id, event_id, run_id, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET event_id = excluded.event_id, run_id = excluded.run_id, expires_at_ms = excluded.expires_at_ms
    WHERE expires_at_ms <= ?6";

/// Remembers `first` under this id until then, unless another is remembered: that came first, and is given back.
pub(super) fn remember(
    connection: &Connection,
    workflow: i64,
    (external_id, until_ms): &(String, i64),
    first: &First,
    now_ms: i64,
) -> Result<Option<First>, StoreError> {
    let written = connection.prepare_cached(REMEMBER)?.execute((
        workflow,
        external_id,
        first.event.as_str(),
        first.run.as_str(),
        until_ms,
        now_ms,
    ))?;
    if written > 0 {
        return Ok(None);
    }
    connection
        .prepare_cached(REMEMBERED)?
        .query_and_then((workflow, external_id), |row| {
            Ok(First {
                event: column::id(row, 0)?,
                run: column::id(row, 1)?,
            })
        })?
        .next()
        .transpose()
}

/// Forgets what was just remembered: it did not come to it.
pub(super) fn forget(
    connection: &Connection,
    workflow: i64,
    external_id: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM webhook_memory WHERE workflow = ?1 AND external_id = ?2")?
        .execute((workflow, external_id))?;
    Ok(())
}
