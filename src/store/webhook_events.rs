//! Recording events: the event, what became of it at each workflow, and the runs that it starts, in one job. May not know
//! signatures or what a definition says. Promises: all of it or nothing is written; the same event at the same workflow is
//! the same run for as long as it is remembered.

use super::{NewRun, Started, Store, StoreError, column, start};
use crate::id::{EventId, RunId};
use crate::model::event::DeliveryOutcome;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// How many deliveries an event may have, replays included.
const MAX_DELIVERIES: i64 = 1_000;

/// An event that came in.
#[derive(Debug)]
pub struct NewEvent {
    /// Its id.
    pub id: EventId,
    /// Who sent it.
    pub provider: String,
    /// The last segment of the URL.
    pub path: String,
    /// Milliseconds since the Unix epoch.
    pub received_at_ms: i64,
    /// The sender's word for its type.
    pub event_type: Option<String>,
    /// The sender's id of it.
    pub external_id: Option<String>,
    /// Whether a signature was checked.
    pub verified: bool,
    /// Selected headers.
    pub headers: BTreeMap<String, String>,
    /// The body, byte by byte.
    pub body: Bytes,
}

/// An event on its way to one workflow.
#[derive(Debug)]
pub struct NewDelivery {
    /// Row number of the workflow.
    pub workflow_sequence: i64,
    /// What becomes of it there.
    pub fate: Fate,
}

/// What becomes of an event at one workflow.
#[derive(Debug)]
pub enum Fate {
    /// It starts this run, unless it is remembered.
    Start {
        /// The run.
        run: Box<NewRun>,
        /// Under what it is remembered, and until when (milliseconds since the Unix epoch).
        memory: Option<(String, i64)>,
    },
    /// It starts none: why, and a sentence.
    Drop(DeliveryOutcome, Option<String>),
}

/// What came of recording.
#[derive(Debug, PartialEq, Eq)]
pub enum RecordedEvent {
    /// Recorded, with these new runs and their row numbers.
    New(Vec<(RunId, i64)>),
    /// Every workflow that it was meant for has had it before: the first event, and the runs that it started. Nothing was
    /// written.
    Duplicate(EventId, Vec<RunId>),
    /// A workflow was edited meanwhile. Nothing was written.
    VersionChanged,
    /// The event is gone, or was replayed too often. Nothing was written.
    Refused,
}

impl Store {
    /// Records an event with what becomes of it. One job.
    pub async fn record_event(
        &self,
        event: NewEvent,
        deliveries: Vec<NewDelivery>,
    ) -> Result<RecordedEvent, StoreError> {
        self.write(move |connection| record(connection, &event, &deliveries))
            .await
    }

    /// Records what becomes of an event when it is replayed: nothing is remembered of before. One job.
    pub async fn replay_event(
        &self,
        event_sequence: i64,
        deliveries: Vec<NewDelivery>,
        now_ms: i64,
    ) -> Result<RecordedEvent, StoreError> {
        self.write(move |connection| {
            let used: Option<i64> = connection
                .prepare_cached(USED)?
                .query_row([event_sequence], |row| row.get(0))
                .optional()?
                .flatten();
            let first = used.map_or(0, |position| position + 1);
            let wanted = i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
            if !exists(connection, event_sequence)? || first.saturating_add(wanted) > MAX_DELIVERIES
            {
                return Ok(RecordedEvent::Refused);
            }
            if !all_may_start(connection, &deliveries)? {
                return Ok(RecordedEvent::VersionChanged);
            }
            let place = Place {
                event_sequence,
                first,
                at_ms: now_ms,
            };
            deliver(connection, &place, None, &deliveries)
        })
        .await
    }

    /// Forgets the ids of events that are older than they have to be remembered, in slices.
    pub async fn forget_event_memory_before(&self, unix_ms: i64) -> Result<(), StoreError> {
        loop {
            let forget = move |connection: &Connection| {
                let mut statement = connection.prepare_cached(FORGET_MEMORY)?;
                Ok(statement.execute((unix_ms, FORGET_IDS as i64))?)
            };
            if self.write(forget).await? < FORGET_IDS {
                return Ok(());
            }
        }
    }
}

pub(super) const USED: &str = "SELECT max(position) FROM webhook_delivery WHERE event = ?1";

/// How many ids of events one job forgets: what it would go back to is held in memory.
const FORGET_IDS: usize = 2_000;

pub(super) const FORGET_MEMORY: &str = "
    DELETE FROM webhook_memory WHERE (workflow, external_id) IN
        (SELECT workflow, external_id FROM webhook_memory WHERE expires_at_ms < ?1 LIMIT ?2)";

pub(super) const REMEMBERED: &str = "
    SELECT event_id, run_id FROM webhook_memory
    WHERE workflow = ?1 AND external_id = ?2 AND expires_at_ms > ?3";

fn record(
    connection: &Connection,
    event: &NewEvent,
    deliveries: &[NewDelivery],
) -> Result<RecordedEvent, StoreError> {
    let mut known = Vec::new();
    let mut starts = 0;
    for delivery in deliveries {
        if let Fate::Start { memory, .. } = &delivery.fate {
            starts += 1;
            if let Some((id, _)) = memory {
                let workflow = delivery.workflow_sequence;
                known.extend(remembered(connection, workflow, id, event.received_at_ms)?);
            }
        }
    }
    if starts > 0
        && known.len() == starts
        && let Some((first, _)) = known.first()
    {
        let runs = known.iter().map(|(_, run)| run.clone()).collect();
        return Ok(RecordedEvent::Duplicate(first.clone(), runs));
    }
    if !all_may_start(connection, deliveries)? {
        return Ok(RecordedEvent::VersionChanged);
    }
    let event_sequence = insert(connection, event)?;
    let place = Place {
        event_sequence,
        first: 0,
        at_ms: event.received_at_ms,
    };
    deliver(connection, &place, Some(&event.id), deliveries)
}

fn exists(connection: &Connection, event_sequence: i64) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM webhook_event WHERE sequence = ?1")?
        .exists([event_sequence])?)
}

fn all_may_start(connection: &Connection, deliveries: &[NewDelivery]) -> Result<bool, StoreError> {
    for delivery in deliveries {
        if let Fate::Start { run, .. } = &delivery.fate
            && !start::may_start(connection, run)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn remembered(
    connection: &Connection,
    workflow: i64,
    external_id: &str,
    now_ms: i64,
) -> Result<Option<(EventId, RunId)>, StoreError> {
    connection
        .prepare_cached(REMEMBERED)?
        .query_and_then((workflow, external_id, now_ms), |row| {
            Ok((column::id(row, 0)?, column::id(row, 1)?))
        })?
        .next()
        .transpose()
}

fn insert(connection: &Connection, event: &NewEvent) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO webhook_event (id, provider, path, received_at_ms, event_type, external_id, verified, headers,
                body_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            event.id.as_str(),
            &event.provider,
            &event.path,
            event.received_at_ms,
            &event.event_type,
            &event.external_id,
            event.verified,
            column::to_json(&event.headers)?,
            i64::try_from(event.body.len()).unwrap_or(i64::MAX),
        ))?;
    let sequence = connection.last_insert_rowid();
    connection
        .prepare_cached("INSERT INTO webhook_body (event, body) VALUES (?1, ?2)")?
        .execute((sequence, event.body.as_ref()))?;
    Ok(sequence)
}

/// Where deliveries are written.
struct Place {
    event_sequence: i64,
    first: i64,
    at_ms: i64,
}

/// Starts the runs and writes the deliveries. `remember_as` is the id of a new event; a replay remembers nothing.
fn deliver(
    connection: &Connection,
    place: &Place,
    remember_as: Option<&EventId>,
    deliveries: &[NewDelivery],
) -> Result<RecordedEvent, StoreError> {
    let mut started = Vec::new();
    for (position, delivery) in (place.first..).zip(deliveries) {
        let workflow = delivery.workflow_sequence;
        let (outcome, run, detail) = match &delivery.fate {
            Fate::Drop(outcome, detail) => (*outcome, None, detail.as_deref()),
            Fate::Start { run, memory } => {
                let memory = memory.as_ref().zip(remember_as);
                let known = match memory {
                    Some(((id, _), _)) => remembered(connection, workflow, id, place.at_ms)?,
                    None => None,
                };
                if let Some((_, first)) = known {
                    (DeliveryOutcome::Duplicate, Some(first), None)
                } else {
                    let Started::New(sequence) = start::start(connection, run)? else {
                        return Err(StoreError::Database(
                            "a run without an idempotency key was not new".into(),
                        ));
                    };
                    if let Some(((id, until_ms), event)) = memory {
                        remember(connection, workflow, id, event, &run.id, *until_ms)?;
                    }
                    started.push((run.id.clone(), sequence));
                    (DeliveryOutcome::Started, Some(run.id.clone()), None)
                }
            }
        };
        connection
            .prepare_cached(
                "INSERT INTO webhook_delivery (event, position, workflow, at_ms, outcome, run_id, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                place.event_sequence,
                position,
                workflow,
                place.at_ms,
                outcome.as_str(),
                run.as_ref().map(RunId::as_str),
                detail,
            ))?;
    }
    Ok(RecordedEvent::New(started))
}

fn remember(
    connection: &Connection,
    workflow: i64,
    external_id: &str,
    event: &EventId,
    run: &RunId,
    until_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO webhook_memory (workflow, external_id, event_id, run_id, expires_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((workflow, external_id, event.as_str(), run.as_str(), until_ms))?;
    Ok(())
}
