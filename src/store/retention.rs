//! Removing finished runs, and giving the room that they took back to the disk, in slices between other writes.
//! May not know which runs are to go. Promises: an unfinished run is never removed, whatever was asked for; the file
//! shrinks while reads and writes go on.

use super::workflows::forget_definition;
use super::{Store, StoreError, journal};
use rusqlite::{Connection, OptionalExtension as _, Row};
use std::collections::HashSet;

/// Which runs are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunScope {
    /// All.
    All,
    /// Those of one workflow, by its row number.
    Workflow(i64),
}

/// A run as retention looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// Row number: older runs have lower ones.
    pub sequence: i64,
    /// Row number of its workflow.
    pub workflow_sequence: i64,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it ended; `None` while it is unfinished.
    pub finished_at_ms: Option<i64>,
    /// How many events its journal has.
    pub event_count: u32,
    /// What it and its journal hold, in bytes; pages take somewhat more.
    pub bytes: u64,
    /// Whether the run whose step started it is unfinished, and may still ask for its result.
    pub is_needed: bool,
}

/// How the pages of the database are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Space {
    /// Bytes of all pages: the size of the file, once everything is in it.
    pub total_bytes: u64,
    /// Bytes of pages that hold nothing.
    pub free_bytes: u64,
}

impl Space {
    /// Bytes of pages that hold something.
    pub fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.free_bytes)
    }
}

impl Store {
    /// The runs after this row number, oldest first, at most `limit`, unfinished ones included.
    pub async fn stored_runs(
        &self,
        scope: RunScope,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredRun>, StoreError> {
        self.scan(move |connection| match scope {
            RunScope::All => connection
                .prepare_cached(RUNS_AFTER)?
                .query_and_then((after, limit), stored_run)?
                .collect(),
            RunScope::Workflow(workflow) => connection
                .prepare_cached(RUNS_OF_WORKFLOW_AFTER)?
                .query_and_then((workflow, after, limit), stored_run)?
                .collect(),
        })
        .await
    }

    /// How many finished runs there are.
    pub async fn finished_runs(&self, scope: RunScope) -> Result<u64, StoreError> {
        self.scan(move |connection| {
            let count: i64 = match scope {
                RunScope::All => connection
                    .prepare_cached(FINISHED_RUNS)?
                    .query_row([], |row| row.get(0))?,
                RunScope::Workflow(workflow) => connection
                    .prepare_cached(FINISHED_RUNS_OF_WORKFLOW)?
                    .query_row([workflow], |row| row.get(0))?,
            };
            Ok(u64::try_from(count).unwrap_or_default())
        })
        .await
    }

    /// The row numbers of runs that an idempotency key names which holds at the moment.
    pub async fn runs_with_keys(&self, now_ms: i64) -> Result<HashSet<i64>, StoreError> {
        self.scan(move |connection| {
            let mut statement = connection.prepare_cached(RUNS_WITH_KEYS)?;
            let runs = statement.query_map([now_ms], |row| row.get(0))?;
            Ok(runs.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Every workflow with the definition of its current version, both by row number.
    pub async fn current_definitions(&self) -> Result<Vec<(i64, i64)>, StoreError> {
        self.scan(|connection| {
            let mut statement = connection.prepare_cached(CURRENT_DEFINITIONS)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Removes finished runs with their journals; unfinished ones stay. One job: a few hundred runs are enough for one.
    pub async fn remove_runs(&self, runs: Vec<i64>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut delete = connection.prepare_cached(REMOVE_FINISHED)?;
            for run in runs {
                let own = delete.query_row([run], |row| row.get(0)).optional()?;
                if let Some(own) = own {
                    forget(connection, run, own)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// How the pages are used now. A point read.
    pub fn space(&self) -> Result<Space, StoreError> {
        self.read(space)
    }

    /// Takes some empty pages out of the database, at most 256. The file itself shrinks with the next checkpoint.
    pub async fn vacuum(&self) -> Result<Space, StoreError> {
        self.write(|connection| {
            // Each step of the statement frees one page.
            let mut statement = connection.prepare_cached("PRAGMA incremental_vacuum(256)")?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            drop(rows);
            space(connection)
        })
        .await
    }

    /// Copies what is written into the database file soon, and cuts off what was taken out of it.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.0.writer.ask_for_checkpoint();
        // The writer looks after each batch.
        self.write(|_| Ok(())).await
    }
}

macro_rules! stored_run_sql {
    ($condition:literal) => {
        concat!(
            "SELECT r.sequence, r.workflow, r.created_at_ms, r.finished_at_ms, r.event_count,
                octet_length(r.input) + coalesce(octet_length(r.output), 0) + coalesce(octet_length(r.trigger_data), 0)
                    + coalesce((SELECT sum(octet_length(j.events)) FROM journal j
                        WHERE j.position >= r.sequence << 24 AND j.position < (r.sequence + 1) << 24), 0),
                r.parent IS NOT NULL AND EXISTS (SELECT 1 FROM run p
                    WHERE p.sequence = r.parent AND p.finished_at_ms IS NULL)
             FROM run r WHERE ",
            $condition
        )
    };
}

pub(super) const RUNS_AFTER: &str = stored_run_sql!("r.sequence > ?1 ORDER BY r.sequence LIMIT ?2");

pub(super) const RUNS_OF_WORKFLOW_AFTER: &str =
    stored_run_sql!("r.workflow = ?1 AND r.sequence > ?2 ORDER BY r.sequence LIMIT ?3");

const FINISHED_RUNS: &str = "
    SELECT (SELECT count(*) FROM run)
        - (SELECT count(*) FROM run INDEXED BY run_unfinished WHERE status = 'pending' OR status = 'running')";

pub(super) const FINISHED_RUNS_OF_WORKFLOW: &str = "
    SELECT count(*) - (SELECT count(*) FROM run INDEXED BY run_unfinished
        WHERE (status = 'pending' OR status = 'running') AND workflow = ?1)
    FROM run WHERE workflow = ?1";

pub(super) const RUNS_WITH_KEYS: &str = "SELECT run FROM idempotency WHERE expires_at_ms > ?1";

const CURRENT_DEFINITIONS: &str = "
    SELECT w.sequence, v.definition FROM workflow w
    JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version";

pub(super) const REMOVE_FINISHED: &str = "
    DELETE FROM run WHERE sequence = ?1 AND finished_at_ms IS NOT NULL
    RETURNING CASE WHEN has_own_definition = 1 THEN definition END";

/// Removes what belonged to a run that was removed: its journal, and the definition that it had of its own.
pub(super) fn forget(
    connection: &Connection,
    run: i64,
    own_definition: Option<i64>,
) -> Result<(), StoreError> {
    journal::remove(connection, run)?;
    match own_definition {
        Some(definition) => forget_definition(connection, definition),
        None => Ok(()),
    }
}

fn stored_run(row: &Row<'_>) -> Result<StoredRun, StoreError> {
    Ok(StoredRun {
        sequence: row.get(0)?,
        workflow_sequence: row.get(1)?,
        created_at_ms: row.get(2)?,
        finished_at_ms: row.get(3)?,
        event_count: row.get(4)?,
        bytes: super::column::unsigned(row, 5)?,
        is_needed: row.get(6)?,
    })
}

fn space(connection: &Connection) -> Result<Space, StoreError> {
    let value = |name: &str| -> Result<u64, StoreError> {
        let number: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or_default())
    };
    let page_bytes = value("page_size")?;
    Ok(Space {
        total_bytes: value("page_count")?.saturating_mul(page_bytes),
        free_bytes: value("freelist_count")?.saturating_mul(page_bytes),
    })
}
