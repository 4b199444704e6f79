//! The one SQLite file: the only layer with SQL. Functions speak in `model` types and leak no rusqlite type.
//! May not know HTTP, keys' texts or how plans work. Promise: a write is answered after the commit that makes it true.
//!
//! One thread writes (`writer`), a pool of connections reads (`readers`). Point reads are plain functions and may be called
//! on an async worker; lists and scans are `async` and run on the blocking pool.

mod agents;
mod alerts;
mod answers;
mod apps;
mod audit;
mod audit_search;
#[cfg(test)]
mod audit_tests;
mod awaiting;
mod chat_replies;
mod chat_use;
mod chatflows;
mod chats;
mod column;
mod connection_uses;
mod connections;
mod cursor;
mod dashboard;
mod doctor;
mod executions;
#[cfg(test)]
mod executions_tests;
mod first_start;
#[cfg(test)]
mod fixture;
mod flow_use;
mod flowise;
mod graph_records;
#[cfg(test)]
mod graphs_tests;
mod imports;
mod journal;
mod keys;
#[cfg(test)]
mod keys_tests;
mod media;
mod node_outputs;
#[cfg(test)]
mod pages_tests;
#[cfg(test)]
mod plans;
mod readers;
mod retention;
#[cfg(test)]
mod retention_tests;
mod run_list;
mod run_search;
mod runs;
#[cfg(test)]
mod runs_tests;
mod schedule_list;
mod schedules;
#[cfg(test)]
mod schedules_tests;
mod schema;
mod sealed;
#[cfg(test)]
mod search_tests;
mod secrets;
mod start;
mod tables;
mod triggers;
mod usage;
mod usage_hours;
#[cfg(test)]
mod usage_tests;
mod variables;
mod webhook_events;
mod webhook_list;
mod webhook_memory;
mod webhook_routes;
#[cfg(test)]
mod webhook_tests;
mod workflow_edit;
mod workflow_list;
mod workflow_runs;
mod workflows;
#[cfg(test)]
mod workflows_tests;
mod writer;
#[cfg(test)]
mod writer_tests;

pub use agents::MAX_AGENTS;
pub use alerts::{DueAlert, Noticed};
pub use answers::Answer;
pub use awaiting::AwaitingRun;
pub use connection_uses::ConnectionUse;
pub use connections::{StoredConnection, TestRecord};
pub use dashboard::{SessionHash, StoredSession};
pub use doctor::{Finding, inspect};
pub use first_start::FirstStart;
pub use flowise::{BrokenRow, FlowiseFile, FlowiseFileError, FlowiseKey, RowPlace};
pub use media::{MediaUse, inspect_media};
pub use node_outputs::MAX_KEPT_OUTPUT_BYTES;
pub use retention::{RunScope, Space, StoredRun};
pub use runs::{Appended, Chunk, Idempotency, NewRun, OpenRun, RunRow, Started};
pub use schedule_list::KnownSchedule;
pub use schedules::{DueSchedule, Fire};
pub use schema::NEWEST_VERSION;
pub use sealed::{KeyState, inspect_key, undecryptable};
pub use secrets::SealedSecret;
pub use tables::{
    Changed, RowChoice, RowQuery, RowTest, RowsFound, TableChange, TableFilter, TableWrite,
};
pub use usage::Charge;
pub use variables::VariableChange;
pub use webhook_events::{Fate, NewDelivery, NewEvent, RecordedEvent};
pub use workflow_runs::RunGlance;
pub use workflows::{Beside, BesideGraph, WorkflowDraft, WorkflowEdit};

use crate::clock::Clock;
use readers::Readers;
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use std::{path::Path, sync::Arc};
use writer::Writer;

/// Why the store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The queue of writes is full, the disk is, or SQLite gave the transaction up: nothing was written.
    #[error("the change was not written: {0}")]
    NotCommitted(String),
    /// The server is stopping.
    #[error("the store is closed")]
    Closed,
    /// SQLite, or a row that is not what the schema promises.
    #[error("database error: {0}")]
    Database(String),
    /// What is stored is not what was written: reading it again will not help.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// The file cannot be opened: damaged, of another program, or made by a newer version. Only from [`Store::open`] and [`inspect`].
    #[error("{0}")]
    Unusable(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::NotCommitted(format!(
                "the disk is full ({error}); reading still works, free some space"
            )),
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly,
            ) => StoreError::NotCommitted(error.to_string()),
            _ => StoreError::Database(error.to_string()),
        }
    }
}

/// What a write found in place of what the caller expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit<T> {
    /// Done.
    Done(T),
    /// No such row.
    NotFound,
    /// The row is at this version, or in this state, already.
    Conflict(String),
}

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: Writer,
    readers: Readers,
    instance_id: String,
}

/// How the store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// How many read connections there are; at least two are opened.
    pub readers: u32,
    /// Called around every commit; `None` outside crash tests.
    pub commit_hook: Option<CommitHook>,
}

/// Called by the writer thread around every commit; how crash tests stop a process at a named point.
pub type CommitHook = Arc<dyn Fn(CommitPoint) + Send + Sync>;

/// Where the writer thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitPoint {
    /// All jobs of the batch have run; COMMIT is next.
    BeforeCommit,
    /// COMMIT has returned; nobody has been told yet.
    AfterCommit,
}

impl Store {
    /// Opens (and where needed creates or upgrades) the database at `path`. Blocks for some milliseconds.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Store, StoreError> {
        let connection = schema::open(path)?;
        let instance_id = ensure_instance_id(&connection)?;
        let readers = Readers::open(path, options.readers)?;
        let writer = Writer::start(connection, options.commit_hook, Clock::system())?;
        Ok(Store(Arc::new(Inner {
            writer,
            readers,
            instance_id,
        })))
    }

    /// Commits what is queued, checkpoints, stops the writer thread. Writes answer [`StoreError::Closed`] afterwards.
    pub async fn close(&self) {
        let inner = self.0.clone();
        let stopped = tokio::task::spawn_blocking(move || inner.writer.stop()).await;
        if let Err(error) = stopped {
            log::error!("closing the store: {error}");
        }
    }

    /// Random, made with the database; tells servers apart. 32 hexadecimal digits.
    pub fn instance_id(&self) -> &str {
        &self.0.instance_id
    }

    /// A value of the `meta` table. A point read.
    pub fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| meta(connection, name))
    }

    /// Sets a value of the `meta` table.
    pub async fn set_meta(&self, name: &'static str, value: String) -> Result<(), StoreError> {
        self.write(move |connection| set_meta(connection, name, &value))
            .await
    }

    fn write<T, F>(&self, work: F) -> impl Future<Output = Result<T, StoreError>> + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.writer.write(work)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.readers.read(work)
    }

    async fn scan<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.readers.scan(work).await
    }
}

fn meta(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?)
}

fn set_meta(connection: &Connection, name: &str, value: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )?
        .execute([name, value])?;
    Ok(())
}

/// The id that the database was given when it was made.
fn ensure_instance_id(connection: &Connection) -> Result<String, StoreError> {
    const NAME: &str = "instance_id";
    if let Some(known) = meta(connection, NAME)? {
        return Ok(known);
    }
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)
        .map_err(|error| StoreError::Unusable(format!("no random numbers: {error}")))?;
    let fresh = format!("{:032x}", u128::from_be_bytes(random));
    set_meta(connection, NAME, &fresh)?;
    Ok(fresh)
}
