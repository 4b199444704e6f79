//! Operation keys: what was changed under a key is remembered with its result, in the same transaction. A key begins with the
//! id of the run that its run goes back to, and a colon; it is remembered at least as long as such a run is unfinished.

use super::Changed;
use crate::store::{Store, StoreError, column};
use rusqlite::Connection;

/// How many are forgotten in one job.
const SLICE: i64 = 1_000;

impl Store {
    /// Forgets the operations of finished runs that were made before this moment (milliseconds since the Unix epoch).
    pub(super) async fn forget_operations_before(&self, before_ms: i64) -> Result<(), StoreError> {
        loop {
            let forgotten = self
                .write(move |connection| {
                    let mut statement = connection.prepare_cached(FORGET)?;
                    Ok(statement.execute((before_ms, SLICE))? as i64)
                })
                .await?;
            if forgotten < SLICE {
                return Ok(());
            }
        }
    }
}

pub(in crate::store) const KNOWN: &str = "SELECT result FROM data_operation WHERE key = ?1";

pub(in crate::store) const FORGET: &str = "
    DELETE FROM data_operation WHERE sequence IN
        (SELECT sequence FROM data_operation
         WHERE at_ms < ?1 AND run_root NOT IN
            (SELECT root_id FROM run INDEXED BY run_unfinished WHERE status = 'pending' OR status = 'running')
         ORDER BY at_ms LIMIT ?2)";

/// The result of the operation with this key, if it was made.
pub(super) fn known(connection: &Connection, key: &str) -> Result<Option<Changed>, StoreError> {
    connection
        .prepare_cached(KNOWN)?
        .query_and_then([key], |row| column::json(row, 0))?
        .next()
        .transpose()
}

pub(super) fn record(
    connection: &Connection,
    key: &str,
    result: &Changed,
    now_ms: i64,
) -> Result<(), StoreError> {
    let root = key.split(':').next().unwrap_or(key);
    connection
        .prepare_cached(
            "INSERT INTO data_operation (key, run_root, at_ms, result) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((key, root, now_ms, column::to_json(result)?))?;
    Ok(())
}
