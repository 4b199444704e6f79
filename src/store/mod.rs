//! The one SQLite file: the only layer with SQL. Functions speak in `model` types and leak no rusqlite type.
//! May not know HTTP, keys' texts or how plans work. Promise: a write is answered after the commit that makes it true.

pub mod doctor;

use crate::id::{KeyId, RunId, WorkflowId};
use crate::model::audit::{AuditEntry, AuditFilter, AuditRow, ChainCheck};
use crate::model::key::{KeyRecord, LastUse};
use crate::model::page::{Page, PageRequest};
use crate::model::run::{Recorded, Run, RunError, RunFilter, RunStatus, RunSummary, TriggerType};
use crate::model::workflow::{
    Definition, Workflow, WorkflowFilter, WorkflowStatus, WorkflowSummary, WorkflowVersion,
};
use serde_json::value::RawValue;
use std::path::Path;

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

/// A run to be recorded.
#[derive(Debug)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Row number of its workflow.
    pub workflow_sequence: i64,
    /// The version it pins.
    pub workflow_version: i64,
    /// The definition it pins.
    pub definition_sequence: i64,
    /// What started it.
    pub trigger: TriggerType,
    /// The id of the key that did.
    pub started_by: Option<String>,
    /// The first run of a chain of retries; its own id otherwise.
    pub root_id: RunId,
    /// The run it is a retry of.
    pub retry_of: Option<RunId>,
    /// Its input.
    pub input: Box<RawValue>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// The caller's idempotency key with a digest of the request.
    pub idempotency: Option<Idempotency>,
    /// What is already known to have happened (a pure stretch), in the same commit.
    pub first: Option<Chunk>,
}

/// An idempotency key: per workflow, 24 h.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's key, 1 to 255 characters.
    pub key: String,
    /// A digest of the request's body: another body under the same key is a conflict.
    pub request_digest: [u8; 32],
    /// Until when it holds, in milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// What came of a start.
#[derive(Debug)]
pub enum Started {
    /// A new run, with its row number.
    New(i64),
    /// The idempotency key is known: this is its run, nothing was written.
    Replayed(Box<Run>),
    /// The idempotency key is known with another request.
    OtherRequest,
}

/// A piece of a journal, written as one row, and what it makes of the run's row.
#[derive(Debug)]
pub struct Chunk {
    /// The sequence number of the first event: one more than the last one that was recorded.
    pub from: u64,
    /// When it was made.
    pub at_ms: i64,
    /// How many events it holds.
    pub count: u32,
    /// The events as a JSON array.
    pub events: String,
    /// What the run's row becomes.
    pub row: RunRow,
}

/// The changing part of a run's row.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// Where the run stands.
    pub status: RunStatus,
    /// When the first step began.
    pub started_at_ms: Option<i64>,
    /// Until when nothing has to be done for it; `None` when it is under way or has ended.
    pub due_at_ms: Option<i64>,
    /// When it ended.
    pub finished_at_ms: Option<i64>,
    /// The output of a completed run.
    pub output: Option<Box<RawValue>>,
    /// The error of a failed one.
    pub error: Option<RunError>,
}

/// What came of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// Recorded.
    Done,
    /// Somebody else recorded something first (a cancel): nothing was written, the caller's view is out of date.
    Superseded,
}

/// An unfinished run, as recovery finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Row number.
    pub sequence: i64,
    /// Its id.
    pub id: RunId,
    /// Until when nothing has to be done for it.
    pub due_at_ms: Option<i64>,
}

/// A new workflow, or the new state of an edited one.
#[derive(Debug, Clone)]
pub struct WorkflowDraft {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub definition: Definition,
}

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store;

/// How the store is opened.
#[derive(Clone)]
pub struct StoreOptions {
    /// How many read connections there are.
    pub readers: u32,
    /// Called around every commit; `None` outside crash tests.
    pub commit_hook: Option<CommitHook>,
}

/// Called by the writer thread around every commit; how crash tests stop a process at a named point.
pub type CommitHook = std::sync::Arc<dyn Fn(CommitPoint) + Send + Sync>;

/// Where the writer thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitPoint {
    /// All jobs of the batch have run; COMMIT is next.
    BeforeCommit,
    /// COMMIT has returned; nobody has been told yet.
    AfterCommit,
}

/// An edit of a workflow.
#[derive(Debug, Clone)]
pub struct WorkflowEdit {
    /// The whole new state.
    pub draft: WorkflowDraft,
    /// Kept in the version history.
    pub change_summary: Option<String>,
    /// The version that the editor saw; another one is a conflict.
    pub expected_version: Option<i64>,
    /// Who: a key's id, or `control`.
    pub by: String,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Store {
    /// Opens (and where needed creates or upgrades) the database at `path`.
    pub fn open(_path: &Path, _options: StoreOptions) -> Result<Store, StoreError> {
        unimplemented!()
    }
    /// Commits what is queued, checkpoints, stops the writer thread.
    pub async fn close(&self) {
        unimplemented!()
    }
    /// Random, made with the database; tells servers apart.
    pub fn instance_id(&self) -> &str {
        unimplemented!()
    }
    /// A value of the `meta` table.
    pub fn meta(&self, _name: &str) -> Result<Option<String>, StoreError> {
        unimplemented!()
    }
    /// Sets a value of the `meta` table.
    pub async fn set_meta(&self, _name: &'static str, _value: String) -> Result<(), StoreError> {
        unimplemented!()
    }

    // keys.rs
    /// Every key.
    pub fn all_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        unimplemented!()
    }
    /// Adds a key and its audit row.
    pub async fn insert_key(
        &self,
        _record: KeyRecord,
        _audit: AuditEntry,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Replaces a key and adds the audit row. `last_use` is not touched.
    pub async fn update_key(
        &self,
        _record: KeyRecord,
        _audit: AuditEntry,
    ) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Removes keys revoked before the moment; gives their ids.
    pub async fn delete_keys_revoked_before(
        &self,
        _unix_ms: i64,
    ) -> Result<Vec<KeyId>, StoreError> {
        unimplemented!()
    }
    /// Writes last uses in one job.
    pub async fn record_last_uses(&self, _uses: Vec<(KeyId, LastUse)>) -> Result<(), StoreError> {
        unimplemented!()
    }

    // audit.rs
    /// Appends rows to the chain.
    pub async fn append_audit(&self, _entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Rows, newest first.
    pub async fn audit_rows(
        &self,
        _filter: AuditFilter,
        _limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        unimplemented!()
    }
    /// Recomputes the whole chain.
    pub async fn check_audit_chain(&self) -> Result<ChainCheck, StoreError> {
        unimplemented!()
    }
    /// Removes rows older than the moment, leaving an anchor that keeps the chain checkable; gives their number.
    pub async fn prune_audit(&self, _before_ms: i64) -> Result<u64, StoreError> {
        unimplemented!()
    }

    // workflows.rs
    /// Adds a draft, version 1.
    pub async fn create_workflow(
        &self,
        _id: WorkflowId,
        _draft: WorkflowDraft,
        _by: String,
        _now_ms: i64,
    ) -> Result<Workflow, StoreError> {
        unimplemented!()
    }
    /// One workflow with its current definition. A point read: may be called on an async worker.
    pub fn workflow(&self, _id: &WorkflowId) -> Result<Option<Workflow>, StoreError> {
        unimplemented!()
    }
    /// A page of workflows, newest first.
    pub async fn list_workflows(
        &self,
        _filter: WorkflowFilter,
        _page: PageRequest,
    ) -> Result<Page<WorkflowSummary>, StoreError> {
        unimplemented!()
    }
    /// Saves an edit: a new version when the current one is active or was used by a run, else in place.
    pub async fn edit_workflow(
        &self,
        _id: WorkflowId,
        _edit: WorkflowEdit,
    ) -> Result<Edit<Workflow>, StoreError> {
        unimplemented!()
    }
    /// Moves a workflow along its life cycle.
    pub async fn set_workflow_status(
        &self,
        _id: WorkflowId,
        _to: WorkflowStatus,
        _now_ms: i64,
    ) -> Result<Edit<Workflow>, StoreError> {
        unimplemented!()
    }
    /// Removes a workflow with its versions and finished runs; a conflict while a run is unfinished.
    pub async fn purge_workflow(&self, _id: WorkflowId) -> Result<Edit<()>, StoreError> {
        unimplemented!()
    }
    /// Versions, newest first, without definitions; at most `limit`, smaller than `before`.
    pub async fn workflow_versions(
        &self,
        _id: &WorkflowId,
        _before: Option<i64>,
        _limit: u32,
    ) -> Result<Vec<WorkflowVersion>, StoreError> {
        unimplemented!()
    }
    /// One version with its definition.
    pub fn workflow_version(
        &self,
        _id: &WorkflowId,
        _version: i64,
    ) -> Result<Option<WorkflowVersion>, StoreError> {
        unimplemented!()
    }
    /// A definition by its row number.
    pub fn definition(&self, _sequence: i64) -> Result<Option<Definition>, StoreError> {
        unimplemented!()
    }

    // runs.rs
    /// Records a run, or finds the one that its idempotency key names. One job.
    pub async fn start_run(&self, _run: NewRun) -> Result<Started, StoreError> {
        unimplemented!()
    }
    /// Records a run's next chunk and its row.
    pub async fn append(&self, _run_sequence: i64, _chunk: Chunk) -> Result<Appended, StoreError> {
        unimplemented!()
    }
    /// Cancels an unfinished run: appends `run.cancelled` after whatever is there. `Conflict` names the final status of one that has ended.
    pub async fn cancel_run(
        &self,
        _id: RunId,
        _by: String,
        _now_ms: i64,
    ) -> Result<Edit<Run>, StoreError> {
        unimplemented!()
    }
    /// One run. A point read.
    pub fn run(&self, _id: &RunId) -> Result<Option<Run>, StoreError> {
        unimplemented!()
    }
    /// A page of runs, newest first.
    pub async fn list_runs(
        &self,
        _filter: RunFilter,
        _page: PageRequest,
    ) -> Result<Page<RunSummary>, StoreError> {
        unimplemented!()
    }
    /// A run's events from `from` on.
    pub fn journal(&self, _run_sequence: i64, _from: u64) -> Result<Vec<Recorded>, StoreError> {
        unimplemented!()
    }
    /// Every unfinished run, oldest first.
    pub async fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        unimplemented!()
    }
    /// Forgets idempotency keys that have expired.
    pub async fn forget_idempotency_before(&self, _unix_ms: i64) -> Result<(), StoreError> {
        unimplemented!()
    }
}
