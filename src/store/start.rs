//! Starting a run: one job that looks at the idempotency key, pins the version and records the run with its first events.
//! May not know what the events mean. Promises: one idempotency key, one run; no run is started for one that has ended, nor
//! below one that has as many unfinished runs below it as it may.

use super::{
    Idempotency, NewRun, RunRow, Started, Store, StoreError, column, flow_use, journal,
    node_outputs, runs, schedules, usage, workflows,
};
use crate::model::run::RunStatus;
use rusqlite::{Connection, OptionalExtension};

impl Store {
    /// Records a run, or finds the one that its idempotency key names. One job.
    pub async fn start_run(&self, run: impl Into<Box<NewRun>>) -> Result<Started, StoreError> {
        let run = run.into();
        self.write(move |connection| start(connection, &run)).await
    }

    /// What a start with this idempotency key would find at the moment, if the key is known. A point read.
    pub fn known_start(
        &self,
        workflow_sequence: i64,
        idempotency: &Idempotency,
        now_ms: i64,
    ) -> Result<Option<Started>, StoreError> {
        self.read(|connection| known_run(connection, workflow_sequence, idempotency, now_ms))
    }
}

/// Records a run in a job of its own or with what started it.
pub(super) fn start(connection: &Connection, run: &NewRun) -> Result<Started, StoreError> {
    if let Some(idempotency) = &run.idempotency
        && let Some(known) = known_run(
            connection,
            run.workflow_sequence,
            idempotency,
            run.created_at_ms,
        )?
    {
        return Ok(known);
    }
    if let Some(refusal) = refusal(connection, run)? {
        return Ok(refusal);
    }
    if !pin_version(connection, run)? {
        return Ok(Started::VersionChanged);
    }
    let definition = match &run.own_definition {
        Some(own) => workflows::intern(connection, own)?,
        None => run.definition_sequence,
    };
    let sequence = insert(connection, run, definition)?;
    if let Some(chunk) = &run.first {
        journal::insert_chunk(connection, sequence, chunk)?;
        if let Some(outputs) = &chunk.node_outputs {
            node_outputs::record_execution(
                connection,
                run.workflow_sequence,
                outputs,
                chunk.at_ms,
            )?;
        }
    }
    if let Some(root) = run.flow_root {
        flow_use::count_at(connection, sequence, root)?;
    }
    usage::run_started(connection, run)?;
    if let Some(charge) = &run.charge {
        usage::spend(connection, charge)?;
    }
    if let Some(fire) = &run.fire {
        schedules::record(connection, fire, Some(&run.id))?;
    }
    if let Some(idempotency) = &run.idempotency {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO idempotency (workflow, key, run, request_digest, expires_at_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                run.workflow_sequence,
                &idempotency.key,
                sequence,
                idempotency.request_digest,
                idempotency.expires_at_ms,
            ))?;
    }
    Ok(Started::New(sequence))
}

/// Why the run may not start now, if it may not.
fn refusal(connection: &Connection, run: &NewRun) -> Result<Option<Started>, StoreError> {
    if let Some(fire) = &run.fire
        && !schedules::is_due(connection, fire)?
    {
        return Ok(Some(Started::NotDue));
    }
    if let Some(parent) = run.parent_sequence
        && !is_unfinished(connection, parent)?
    {
        return Ok(Some(Started::ParentEnded));
    }
    if let Some(charge) = &run.charge
        && let Some(shortfall) = usage::shortfall(connection, charge)?
    {
        return Ok(Some(Started::InsufficientCredits(shortfall)));
    }
    if let Some(top) = run.top_sequence
        && has_unfinished_below(connection, top, run.max_below_top)?
    {
        return Ok(Some(Started::TooManyBelowTop));
    }
    Ok(None)
}

pub(super) const KNOWN_KEY: &str = "
    SELECT request_digest, run FROM idempotency
    WHERE workflow = ?1 AND key = ?2 AND expires_at_ms > ?3";

/// The run that the key names. An expired key, or one whose run is gone, counts as absent.
fn known_run(
    connection: &Connection,
    workflow_sequence: i64,
    idempotency: &Idempotency,
    now_ms: i64,
) -> Result<Option<Started>, StoreError> {
    let found: Option<([u8; 32], i64)> = connection
        .prepare_cached(KNOWN_KEY)?
        .query_row((workflow_sequence, &idempotency.key, now_ms), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((digest, sequence)) = found else {
        return Ok(None);
    };
    let run = runs::find_by_sequence(connection, sequence)?;
    Ok(run.map(|run| {
        if digest == idempotency.request_digest {
            Started::Replayed(Box::new(run))
        } else {
            Started::OtherRequest
        }
    }))
}

pub(super) const IS_UNFINISHED: &str =
    "SELECT 1 FROM run WHERE sequence = ?1 AND finished_at_ms IS NULL";

fn is_unfinished(connection: &Connection, sequence: i64) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(IS_UNFINISHED)?;
    Ok(statement.exists([sequence])?)
}

/// Whether there is one more where so many are passed over: a walk over no more entries of the index than that.
pub(super) const UNFINISHED_BELOW_TOP: &str = "
    SELECT 1 FROM run WHERE top = ?1 AND (status = 'pending' OR status = 'running') LIMIT 1 OFFSET ?2";

/// Whether so many unfinished runs stand below this one.
fn has_unfinished_below(
    connection: &Connection,
    top_sequence: i64,
    count: u32,
) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(UNFINISHED_BELOW_TOP)?;
    Ok(statement.exists((top_sequence, count.saturating_sub(1)))?)
}

/// Whether the version that the run wants to pin still has the run's definition.
pub(super) fn may_start(connection: &Connection, run: &NewRun) -> Result<bool, StoreError> {
    Ok(version_used(connection, run)?.is_some())
}

/// Whether a run has used the version; `None` when it has another definition, or is gone.
fn version_used(connection: &Connection, run: &NewRun) -> Result<Option<bool>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT used FROM workflow_version WHERE workflow = ?1 AND version = ?2 AND (?4 OR definition = ?3)",
        )?
        .query_row(
            (
                run.workflow_sequence,
                run.workflow_version,
                run.definition_sequence,
                run.has_own_definition,
            ),
            |row| row.get(0),
        )
        .optional()?)
}

/// Marks the version as used: from now on it never changes. False when it has another definition, or is gone.
fn pin_version(connection: &Connection, run: &NewRun) -> Result<bool, StoreError> {
    match version_used(connection, run)? {
        Some(true) => {}
        Some(false) => {
            connection
                .prepare_cached(
                    "UPDATE workflow_version SET used = 1 WHERE workflow = ?1 AND version = ?2",
                )?
                .execute((run.workflow_sequence, run.workflow_version))?;
        }
        None => return Ok(false),
    }
    Ok(true)
}

fn insert(connection: &Connection, run: &NewRun, definition: i64) -> Result<i64, StoreError> {
    let pending = RunRow {
        status: RunStatus::Pending,
        started_at_ms: None,
        due_at_ms: None,
        awaits_others: false,
        finished_at_ms: None,
        output: None,
        error: None,
    };
    let (row, event_count, step_count) = match &run.first {
        Some(chunk) => (&chunk.row, chunk.count, chunk.steps_ended),
        None => (&pending, 0, 0),
    };
    let mut statement = connection.prepare_cached(
        "INSERT INTO run (id, workflow, workflow_version, definition, status, event_count, trigger_type,
            created_at_ms, started_at_ms, due_at_ms, awaits_others, finished_at_ms, started_by, root_id, retry_of, parent, depth, top,
            error, trigger_data, input, output, account, step_count, has_own_definition)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)",
    )?;
    statement.execute(rusqlite::params![
        run.id.as_str(),
        run.workflow_sequence,
        run.workflow_version,
        definition,
        row.status.as_str(),
        event_count,
        run.trigger.as_str(),
        run.created_at_ms,
        row.started_at_ms,
        row.due_at_ms,
        row.awaits_others,
        row.finished_at_ms,
        run.started_by,
        run.root_id.as_str(),
        run.retry_of.as_ref().map(|id| id.as_str()),
        run.parent_sequence,
        run.depth,
        run.top_sequence,
        row.error.as_ref().map(column::to_json).transpose()?,
        run.trigger_data.as_ref().map(|data| data.get()),
        run.input.get(),
        row.output.as_ref().map(|output| output.get()),
        run.account,
        step_count,
        run.has_own_definition,
    ])?;
    Ok(connection.last_insert_rowid())
}
