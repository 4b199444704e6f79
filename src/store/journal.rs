//! Journals: appending to a run, cancelling it, reading what happened. May not know what events mean, but for the one that a
//! cancel writes. Promise: of two writers that saw the same journal exactly one wins, and the other one wrote nothing; no run outlives
//! the one that waits for it.

use super::{Appended, Chunk, Edit, RunRow, Store, StoreError, column, node_outputs, runs, usage};
use crate::id::RunId;
use crate::model::run::{Event, Recorded, Run, RunError, RunStatus};
use rusqlite::{Connection, OptionalExtension, Row};

/// How many events a journal holds at most: the room that `position` leaves.
const MAX_EVENTS: u64 = 1 << 24;
/// Who cancels a run because the one that waits for it has ended, as its journal names it.
const BY_PARENT: &str = "parent";

impl Store {
    /// Records a run's next chunk and its row. Where that ends the run, every unfinished run below it is cancelled in the same
    /// job: nobody waits for them any more. [`StoreError::Database`] when the journal would hold more than 16,777,216 events.
    pub async fn append(&self, run_sequence: i64, chunk: Chunk) -> Result<Appended, StoreError> {
        self.write(move |connection| append_with_children(connection, run_sequence, &chunk))
            .await
    }

    /// Cancels an unfinished run, and with it every unfinished run below it: appends `run.cancelled` after whatever is there.
    /// `Conflict` names the final status of one that has ended. Gives all that were cancelled, the one that was named first.
    pub async fn cancel_run(
        &self,
        id: RunId,
        by: String,
        now_ms: i64,
    ) -> Result<Edit<Vec<Run>>, StoreError> {
        self.write(move |connection| cancel_with_children(connection, &id, &by, now_ms))
            .await
    }

    /// Ends an unfinished run as failed, whatever its journal holds: appends `run.failed` after it, and cancels what is below.
    pub async fn fail_run(
        &self,
        run_sequence: i64,
        error: RunError,
        now_ms: i64,
    ) -> Result<Appended, StoreError> {
        self.write(move |connection| fail(connection, run_sequence, &error, now_ms))
            .await
    }

    /// A run's events from `from` on. A point read.
    pub fn journal(&self, run_sequence: i64, from: u64) -> Result<Vec<Recorded>, StoreError> {
        self.read(|connection| read(connection, run_sequence, from, usize::MAX))
    }

    /// Goes through all events of a run, one chunk in memory at a time. Ends with the first error of `each`. One read.
    pub fn walk_journal<E: From<StoreError>>(
        &self,
        run_sequence: i64,
        mut each: impl FnMut(&Recorded) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read(|connection| {
            Ok(walk(connection, run_sequence, 0, |chunk, _| {
                chunk.iter().try_for_each(&mut each)?;
                Ok(true)
            }))
        })?
    }

    /// A run's events from `from` on, as many whole chunks as reach `enough_bytes`; none when there are no more. A point read.
    pub fn journal_part(
        &self,
        run_sequence: i64,
        from: u64,
        enough_bytes: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read(|connection| read(connection, run_sequence, from, enough_bytes))
    }
}

/// Where the chunk that begins with this event stands.
fn position(run_sequence: i64, event: u64) -> Result<i64, StoreError> {
    i64::try_from(event)
        .ok()
        .filter(|_| event < MAX_EVENTS)
        .zip(run_sequence.checked_mul(MAX_EVENTS as i64))
        .and_then(|(event, run)| run.checked_add(event))
        .ok_or_else(|| {
            StoreError::Database(format!(
                "event {event} of run number {run_sequence}: a journal holds at most {MAX_EVENTS} events"
            ))
        })
}

pub(super) const ADVANCE: &str = "
    UPDATE run SET status = ?3, event_count = ?2 + ?4, started_at_ms = ?5, due_at_ms = ?6, awaits_others = ?7,
        finished_at_ms = ?8, output = ?9, error = ?10, step_count = step_count + ?11
    WHERE sequence = ?1 AND event_count = ?2 AND (status = 'pending' OR status = 'running')";

fn append_with_children(
    connection: &Connection,
    run_sequence: i64,
    chunk: &Chunk,
) -> Result<Appended, StoreError> {
    if !append(connection, run_sequence, chunk)? {
        return Ok(Appended::Superseded);
    }
    let cancelled = match chunk.row.finished_at_ms {
        Some(now_ms) => cancel_below(connection, run_sequence, BY_PARENT, now_ms)?,
        None => Vec::new(),
    };
    let cancelled = cancelled.into_iter().map(|run| run.summary);
    Ok(Appended::Done(cancelled.collect()))
}

/// False when somebody else recorded something first.
fn append(connection: &Connection, run_sequence: i64, chunk: &Chunk) -> Result<bool, StoreError> {
    let row = &chunk.row;
    let advanced = connection.prepare_cached(ADVANCE)?.execute((
        run_sequence,
        i64::try_from(chunk.from).unwrap_or(i64::MAX),
        row.status.as_str(),
        chunk.count,
        row.started_at_ms,
        row.due_at_ms,
        row.awaits_others,
        row.finished_at_ms,
        row.output.as_ref().map(|output| output.get()),
        row.error.as_ref().map(column::to_json).transpose()?,
        chunk.steps_ended,
    ))?;
    if advanced > 0 {
        insert_chunk(connection, run_sequence, chunk)?;
    }
    if advanced > 0
        && let Some(finished_at_ms) = row.finished_at_ms
    {
        usage::run_ended(connection, run_sequence, row.status, finished_at_ms)?;
    }
    if advanced > 0
        && let Some(outputs) = &chunk.node_outputs
    {
        let workflow = connection
            .prepare_cached("SELECT workflow FROM run WHERE sequence = ?1")?
            .query_row([run_sequence], |row| row.get(0))?;
        node_outputs::record_execution(connection, workflow, outputs, chunk.at_ms)?;
    }
    Ok(advanced > 0)
}

/// Writes a chunk's events; the run's row is the caller's work.
pub(super) fn insert_chunk(
    connection: &Connection,
    run_sequence: i64,
    chunk: &Chunk,
) -> Result<(), StoreError> {
    if chunk.count > 0 {
        connection
            .prepare_cached(
                "INSERT INTO journal (position, event_count, at_ms, events) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((
                position(run_sequence, chunk.from)?,
                chunk.count,
                chunk.at_ms,
                &chunk.events,
            ))?;
    }
    Ok(())
}

pub(super) const UNFINISHED_CHILDREN: &str = "
    SELECT id FROM run WHERE parent = ?1 AND (status = 'pending' OR status = 'running') ORDER BY sequence";

fn unfinished_children(
    connection: &Connection,
    run_sequence: i64,
) -> Result<Vec<RunId>, StoreError> {
    connection
        .prepare_cached(UNFINISHED_CHILDREN)?
        .query_and_then([run_sequence], |row| column::id(row, 0))?
        .collect()
}

fn cancel_with_children(
    connection: &Connection,
    id: &RunId,
    by: &str,
    now_ms: i64,
) -> Result<Edit<Vec<Run>>, StoreError> {
    let run = match cancel(connection, id, by, now_ms)? {
        Edit::Done(run) => run,
        Edit::NotFound => return Ok(Edit::NotFound),
        Edit::Conflict(reason) => return Ok(Edit::Conflict(reason)),
    };
    let below = cancel_below(connection, run.summary.sequence, by, now_ms)?;
    Ok(Edit::Done(std::iter::once(run).chain(below).collect()))
}

/// Cancels the unfinished runs that this one has waited for, and theirs.
fn cancel_below(
    connection: &Connection,
    run_sequence: i64,
    by: &str,
    now_ms: i64,
) -> Result<Vec<Run>, StoreError> {
    let mut cancelled: Vec<Run> = Vec::new();
    let mut parent = Some(run_sequence);
    let mut parents_done = 0;
    while let Some(sequence) = parent {
        for child in unfinished_children(connection, sequence)? {
            if let Edit::Done(run) = cancel(connection, &child, by, now_ms)? {
                cancelled.push(run);
            }
        }
        parent = cancelled.get(parents_done).map(|run| run.summary.sequence);
        parents_done += 1;
    }
    Ok(cancelled)
}

fn cancel(
    connection: &Connection,
    id: &RunId,
    by: &str,
    now_ms: i64,
) -> Result<Edit<Run>, StoreError> {
    let Some(run) = runs::find_by_id(connection, id)? else {
        return Ok(Edit::NotFound);
    };
    if run.summary.status.is_final() {
        return Ok(Edit::Conflict(format!(
            "the run is already `{}`",
            run.summary.status.as_str()
        )));
    }
    let from = connection
        .prepare_cached("SELECT event_count FROM run WHERE sequence = ?1")?
        .query_row([run.summary.sequence], |row| row.get::<_, u32>(0))?;
    let chunk = Chunk {
        from: u64::from(from),
        at_ms: now_ms,
        count: 1,
        steps_ended: 0,
        events: column::to_json(&[Event::RunCancelled { by: by.to_owned() }])?,
        node_outputs: None,
        row: RunRow {
            status: RunStatus::Cancelled,
            started_at_ms: run.summary.started_at_ms,
            due_at_ms: None,
            awaits_others: false,
            finished_at_ms: Some(now_ms),
            output: None,
            error: None,
        },
    };
    if !append(connection, run.summary.sequence, &chunk)? {
        return Err(StoreError::Database(format!(
            "run {id} changed within the job that cancels it"
        )));
    }
    Ok(
        runs::find_by_sequence(connection, run.summary.sequence)?
            .map_or(Edit::NotFound, Edit::Done),
    )
}

fn fail(
    connection: &Connection,
    run_sequence: i64,
    error: &RunError,
    now_ms: i64,
) -> Result<Appended, StoreError> {
    let found: Option<(u32, Option<i64>)> = connection
        .prepare_cached("SELECT event_count, started_at_ms FROM run WHERE sequence = ?1")?
        .query_row([run_sequence], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((from, started_at_ms)) = found else {
        return Ok(Appended::Superseded);
    };
    let event = Event::RunFailed {
        error: error.clone(),
    };
    let chunk = Chunk {
        from: u64::from(from),
        at_ms: now_ms,
        count: 1,
        steps_ended: 0,
        events: column::to_json(&[event])?,
        node_outputs: None,
        row: RunRow {
            status: RunStatus::Failed,
            started_at_ms,
            due_at_ms: None,
            awaits_others: false,
            finished_at_ms: Some(now_ms),
            output: None,
            error: Some(error.clone()),
        },
    };
    append_with_children(connection, run_sequence, &chunk)
}

/// From the chunk that holds event `?2` of the run that begins at `?1`, up to (without) the next run.
pub(super) const CHUNKS: &str = "
    SELECT position, event_count, at_ms, events FROM journal
    WHERE position >= (SELECT coalesce(max(position), ?1) FROM journal WHERE position BETWEEN ?1 AND ?2)
        AND position < ?3
    ORDER BY position";

fn read(
    connection: &Connection,
    run_sequence: i64,
    from: u64,
    enough_bytes: usize,
) -> Result<Vec<Recorded>, StoreError> {
    let mut recorded = Vec::new();
    let mut bytes = 0;
    walk(connection, run_sequence, from, |chunk, chunk_bytes| {
        recorded.extend(chunk);
        bytes += chunk_bytes;
        Ok::<_, StoreError>(bytes < enough_bytes || recorded.is_empty())
    })?;
    Ok(recorded)
}

/// Hands over the events of each chunk, from `from` on, with the chunk's length, for as long as `each` wants more.
fn walk<E: From<StoreError>>(
    connection: &Connection,
    run_sequence: i64,
    from: u64,
    mut each: impl FnMut(Vec<Recorded>, usize) -> Result<bool, E>,
) -> Result<(), E> {
    let begin = position(run_sequence, 0)?;
    let end = position(run_sequence.saturating_add(1), 0)?;
    let Ok(first) = position(run_sequence, from) else {
        return Ok(());
    };
    let mut statement = connection
        .prepare_cached(CHUNKS)
        .map_err(StoreError::from)?;
    let chunks = statement
        .query_and_then((begin, first, end), |row| chunk(row, begin, run_sequence))
        .map_err(StoreError::from)?;
    for found in chunks {
        let (mut events, bytes) = found?;
        events.retain(|event| event.sequence >= from);
        if !each(events, bytes)? {
            break;
        }
    }
    Ok(())
}

/// The events of a chunk, and how long their text is.
fn chunk(
    row: &Row<'_>,
    begin: i64,
    run_sequence: i64,
) -> Result<(Vec<Recorded>, usize), StoreError> {
    let first = u64::try_from(row.get::<_, i64>(0)? - begin).unwrap_or_default();
    let at_ms = row.get(2)?;
    let bytes = row.get_ref(3)?.as_bytes().map_or(0, <[u8]>::len);
    let events: Vec<Event> = column::json(row, 3)?;
    if events.len() as u64 != column::unsigned::<u64>(row, 1)? {
        return Err(StoreError::Damaged(format!(
            "the chunk at event {first} of run number {run_sequence} does not hold what it says"
        )));
    }
    let numbered = (first..).zip(events);
    let recorded = numbered.map(|(sequence, event)| Recorded {
        sequence,
        at_ms,
        event,
    });
    Ok((recorded.collect(), bytes))
}

pub(super) const REMOVE: &str = "DELETE FROM journal WHERE position >= ?1 AND position < ?2";

/// Removes a run's journal.
pub(super) fn remove(connection: &Connection, run_sequence: i64) -> Result<(), StoreError> {
    connection.prepare_cached(REMOVE)?.execute((
        position(run_sequence, 0)?,
        position(run_sequence.saturating_add(1), 0)?,
    ))?;
    Ok(())
}
