//! Runs: what the engine hands over and gets back, and reading single runs. Starting one is in `start`, going on in
//! `journal`, lists in `run_list`. May not know what events mean. Promise: a run's row and its journal change together.

use super::{Charge, Fire, Store, StoreError, column};
use crate::id::{RunId, WorkflowId};
use crate::model::credit::Shortfall;
use crate::model::graph::record::NodeOutput;
use crate::model::run::{Run, RunError, RunStatus, RunSummary, TriggerType};
use crate::model::workflow::Definition;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::value::RawValue;

/// A run to be recorded.
#[derive(Debug)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Row number of its workflow.
    pub workflow_sequence: i64,
    /// The version it pins.
    pub workflow_version: i64,
    /// The definition it pins: that of the version, or one that another run has of its own.
    pub definition_sequence: i64,
    /// Whether the definition is no version's.
    pub has_own_definition: bool,
    /// A definition that was sent for this run alone, pinned in place of the version's.
    pub own_definition: Option<Definition>,
    /// What started it.
    pub trigger: TriggerType,
    /// The public id of the key that did, or a word like `schedule`.
    pub started_by: Option<String>,
    /// Whom its usage is counted for: a key's id, or a word like `schedule`; `None` is nobody.
    pub account: Option<String>,
    /// The first run of a chain of retries; its own id otherwise.
    pub root_id: RunId,
    /// The run it is a retry of.
    pub retry_of: Option<RunId>,
    /// Row number of the run whose step starts it and waits for it.
    pub parent_sequence: Option<i64>,
    /// How many runs stand above it.
    pub depth: u32,
    /// Row number of the uppermost of those, also where nobody waits for this one.
    pub top_sequence: Option<i64>,
    /// Below the run of a flow: the run where calls of models and flows count.
    pub flow_root: Option<i64>,
    /// How many unfinished runs there may be below that one.
    pub max_below_top: u32,
    /// What the trigger hands over beside the input.
    pub trigger_data: Option<Box<RawValue>>,
    /// Its input.
    pub input: Box<RawValue>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// The caller's idempotency key with a digest of the request.
    pub idempotency: Option<Idempotency>,
    /// The time of a schedule that starts it, logged in the same commit.
    pub fire: Option<Fire>,
    /// What it costs, spent in the same commit.
    pub charge: Option<Charge>,
    /// What is already known to have happened (a pure stretch), in the same commit.
    pub first: Option<Chunk>,
}

/// An idempotency key: per workflow, 24 h.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's key, 1 to 255 characters.
    pub key: String,
    /// A digest of what was asked for: something else under the same key is a conflict.
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
    /// The version has another definition by now (it was edited before anybody had used it), or is gone: nothing was written.
    VersionChanged,
    /// The run whose step starts it has ended: nothing was written.
    ParentEnded,
    /// As many unfinished runs as there may be stand below the uppermost run above it: nothing was written.
    TooManyBelowTop,
    /// The schedule does not fire at this time (any more), or has done so: nothing was written.
    NotDue,
    /// The balance is not enough for its charge: nothing was written.
    InsufficientCredits(Shortfall),
}

/// A piece of a journal, written as one row, and what it makes of the run's row.
#[derive(Debug)]
pub struct Chunk {
    /// The sequence number of the first event: one more than the last one that was recorded.
    pub from: u64,
    /// When it was made.
    pub at_ms: i64,
    /// How many events it holds. None at all changes only the run's row.
    pub count: u32,
    /// How many attempts at steps end in it.
    pub steps_ended: u32,
    /// The events as a JSON array.
    pub events: String,
    /// What the run's row becomes.
    pub row: RunRow,
    /// With the end of a graph's run: what its nodes came to.
    pub node_outputs: Option<Vec<NodeOutput>>,
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
    /// Whether one of its steps waits for an answer or the end of another run.
    pub awaits_others: bool,
    /// When it ended: there is a moment exactly when the status is final.
    pub finished_at_ms: Option<i64>,
    /// The output of a completed run.
    pub output: Option<Box<RawValue>>,
    /// The error of a failed one.
    pub error: Option<RunError>,
}

/// What came of an append.
#[derive(Debug, Clone, PartialEq)]
pub enum Appended {
    /// Recorded. Where it ended the run: with all the unfinished runs below it, which were cancelled.
    Done(Vec<RunSummary>),
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
    /// Its workflow.
    pub workflow_id: WorkflowId,
    /// What started it.
    pub trigger: TriggerType,
    /// Who did.
    pub started_by: Option<String>,
    /// Row number of the run whose step started it.
    pub parent_sequence: Option<i64>,
    /// Whether it has left `pending`.
    pub has_begun: bool,
    /// Until when nothing has to be done for it.
    pub due_at_ms: Option<i64>,
    /// Whether one of its steps waits for an answer or the end of another run.
    pub awaits_others: bool,
}

impl Store {
    /// One run. A point read.
    pub fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.read(|connection| find_by_id(connection, id))
    }

    /// One run by its row number. A point read.
    pub fn run_by_sequence(&self, sequence: i64) -> Result<Option<Run>, StoreError> {
        self.read(|connection| find_by_sequence(connection, sequence))
    }

    /// Every unfinished run, oldest first.
    pub async fn open_runs(&self) -> Result<Vec<OpenRun>, StoreError> {
        self.scan(|connection| {
            connection
                .prepare_cached(OPEN_RUNS)?
                .query_and_then([], open)?
                .collect()
        })
        .await
    }

    /// One run, if it is unfinished. A point read.
    pub fn open_run(&self, sequence: i64) -> Result<Option<OpenRun>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(OPEN_RUN)?
                .query_and_then([sequence], open)?
                .next()
                .transpose()
        })
    }

    /// Whether this run, or one above it, is an unfinished run of the workflow (row numbers). A read of as many rows as it is deep.
    pub fn is_at_or_below(
        &self,
        sequence: i64,
        workflow_sequence: i64,
    ) -> Result<bool, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(WORKFLOW_AND_PARENT)?;
            let mut next = Some(sequence);
            while let Some(sequence) = next {
                let row: Option<(Option<i64>, Option<i64>)> = statement
                    .query_row([sequence], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                match row {
                    Some((Some(workflow), _)) if workflow == workflow_sequence => return Ok(true),
                    // A parent stands before its children, so this ends.
                    Some((_, parent)) => next = parent.filter(|parent| *parent < sequence),
                    None => next = None,
                }
            }
            Ok(false)
        })
    }

    /// Forgets idempotency keys that have expired before the moment, in slices.
    pub async fn forget_idempotency_before(&self, unix_ms: i64) -> Result<(), StoreError> {
        loop {
            let forget = move |connection: &Connection| {
                let mut statement = connection.prepare_cached(FORGET_IDEMPOTENCY)?;
                Ok(statement.execute((unix_ms, FORGET_KEYS as i64))?)
            };
            if self.write(forget).await? < FORGET_KEYS {
                return Ok(());
            }
        }
    }
}

macro_rules! open_sql {
    ($from:literal) => {
        concat!(
            "SELECT r.sequence, r.id, w.id, r.trigger_type, r.started_by, r.parent, r.status = 'running', r.due_at_ms,
                r.awaits_others
             FROM ",
            $from
        )
    };
}

pub(super) const OPEN_RUNS: &str = open_sql!(
    "run r INDEXED BY run_unfinished JOIN workflow w ON w.sequence = r.workflow
     WHERE r.status = 'pending' OR r.status = 'running' ORDER BY r.sequence"
);

pub(super) const OPEN_RUN: &str = open_sql!(
    "run r JOIN workflow w ON w.sequence = r.workflow
     WHERE r.sequence = ?1 AND (r.status = 'pending' OR r.status = 'running')"
);

pub(super) const WORKFLOW_AND_PARENT: &str = "SELECT CASE WHEN finished_at_ms IS NULL THEN workflow END, parent FROM run WHERE sequence = ?1";

/// How many idempotency keys one job forgets.
const FORGET_KEYS: usize = 2_000;

pub(super) const FORGET_IDEMPOTENCY: &str = "
    DELETE FROM idempotency WHERE (workflow, key) IN
        (SELECT workflow, key FROM idempotency WHERE expires_at_ms < ?1 LIMIT ?2)";

/// The columns of [`summary`].
macro_rules! summary_columns {
    () => {
        "r.sequence, r.id, w.id, r.workflow_version, r.status, r.trigger_type, r.error, r.retry_of,
            r.created_at_ms, r.started_at_ms, r.finished_at_ms"
    };
}
pub(super) use summary_columns;

macro_rules! run_sql {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            summary_columns!(),
            ", w.name, r.definition, r.root_id, r.started_by, r.parent, r.depth, r.top, r.trigger_data, r.input, r.output,
                r.account, r.has_own_definition
             FROM run r JOIN workflow w ON w.sequence = r.workflow WHERE ",
            $condition
        )
    };
}

pub(super) const RUN_BY_ID: &str = run_sql!("r.id = ?1");
pub(super) const RUN_BY_SEQUENCE: &str = run_sql!("r.sequence = ?1");

/// Reads one run, also within a job.
pub(super) fn find_by_id(connection: &Connection, id: &RunId) -> Result<Option<Run>, StoreError> {
    connection
        .prepare_cached(RUN_BY_ID)?
        .query_and_then([id.as_str()], whole)?
        .next()
        .transpose()
}

/// Reads one run by its row number, also within a job.
pub(super) fn find_by_sequence(
    connection: &Connection,
    sequence: i64,
) -> Result<Option<Run>, StoreError> {
    connection
        .prepare_cached(RUN_BY_SEQUENCE)?
        .query_and_then([sequence], whole)?
        .next()
        .transpose()
}

/// Reads the columns that a list shows.
pub(super) fn summary(row: &Row<'_>) -> Result<RunSummary, StoreError> {
    Ok(RunSummary {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        workflow_id: column::id(row, 2)?,
        workflow_version: row.get(3)?,
        status: column::word(row, 4, RunStatus::parse)?,
        trigger: column::word(row, 5, TriggerType::parse)?,
        error: column::optional_json(row, 6)?,
        retry_of: column::optional_id(row, 7)?,
        created_at_ms: row.get(8)?,
        started_at_ms: row.get(9)?,
        finished_at_ms: row.get(10)?,
    })
}

fn open(row: &Row<'_>) -> Result<OpenRun, StoreError> {
    Ok(OpenRun {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        workflow_id: column::id(row, 2)?,
        trigger: column::word(row, 3, TriggerType::parse)?,
        started_by: row.get(4)?,
        parent_sequence: row.get(5)?,
        has_begun: row.get(6)?,
        due_at_ms: row.get(7)?,
        awaits_others: row.get(8)?,
    })
}

fn whole(row: &Row<'_>) -> Result<Run, StoreError> {
    Ok(Run {
        summary: summary(row)?,
        workflow_name: row.get(11)?,
        definition_sequence: row.get(12)?,
        root_id: column::id(row, 13)?,
        started_by: row.get(14)?,
        parent_sequence: row.get(15)?,
        depth: row.get(16)?,
        top_sequence: row.get(17)?,
        trigger_data: column::optional_json(row, 18)?,
        input: column::json(row, 19)?,
        output: column::optional_json(row, 20)?,
        account: row.get(21)?,
        has_own_definition: row.get(22)?,
    })
}
