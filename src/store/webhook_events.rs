//! Recording events: the event, what became of it at each workflow, and the runs that it starts, in one job. May not know
//! signatures or what a definition says. Promises: all of it or nothing is written; the same event at the same workflow is
//! the same run for as long as it is remembered.

use super::webhook_memory::{self, First};
use super::{NewRun, Started, Store, StoreError, start};
use crate::id::{EventId, RunId};
use crate::model::event::DeliveryOutcome;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};
use serde_json::value::RawValue;

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
    /// Selected headers, an object.
    pub headers: Box<RawValue>,
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
            let nothing_known: Vec<Option<First>> = deliveries.iter().map(|_| None).collect();
            let Some(outcome) = start_all(connection, &deliveries, &nothing_known)? else {
                return Ok(RecordedEvent::VersionChanged);
            };
            let place = Place {
                event_sequence,
                first,
                at_ms: now_ms,
            };
            write_deliveries(connection, &place, &outcome.settled)?;
            Ok(RecordedEvent::New(outcome.started))
        })
        .await
    }
}

pub(super) const USED: &str = "SELECT max(position) FROM webhook_delivery WHERE event = ?1";

/// What becomes of an event at one workflow, once that is settled.
struct Settled<'a> {
    workflow: i64,
    outcome: DeliveryOutcome,
    run: Option<RunId>,
    detail: Option<&'a str>,
}

/// The runs that an event has started, with their row numbers, and what became of it at each workflow.
#[derive(Default)]
struct Outcome<'a> {
    started: Vec<(RunId, i64)>,
    settled: Vec<Settled<'a>>,
}

fn record(
    connection: &Connection,
    event: &NewEvent,
    deliveries: &[NewDelivery],
) -> Result<RecordedEvent, StoreError> {
    let known = remember_all(connection, event, deliveries)?;
    if let Some(duplicate) = duplicate(deliveries, &known) {
        return Ok(duplicate);
    }
    let Some(outcome) = start_all(connection, deliveries, &known)? else {
        forget_all(connection, deliveries, &known)?;
        return Ok(RecordedEvent::VersionChanged);
    };
    let event_sequence = insert(connection, event)?;
    let place = Place {
        event_sequence,
        first: 0,
        at_ms: event.received_at_ms,
    };
    write_deliveries(connection, &place, &outcome.settled)?;
    Ok(RecordedEvent::New(outcome.started))
}

/// Remembers the event at each workflow where it starts a run; for each delivery, what came before it.
fn remember_all(
    connection: &Connection,
    event: &NewEvent,
    deliveries: &[NewDelivery],
) -> Result<Vec<Option<First>>, StoreError> {
    let known = deliveries.iter().map(|delivery| match &delivery.fate {
        Fate::Start {
            memory: Some(memory),
            run,
        } => {
            let first = First {
                event: event.id.clone(),
                run: run.id.clone(),
            };
            let (workflow, now_ms) = (delivery.workflow_sequence, event.received_at_ms);
            webhook_memory::remember(connection, workflow, memory, &first, now_ms)
        }
        Fate::Start { memory: None, .. } | Fate::Drop(..) => Ok(None),
    });
    known.collect()
}

/// Takes back what was remembered of an event that starts nothing after all.
fn forget_all(
    connection: &Connection,
    deliveries: &[NewDelivery],
    known: &[Option<First>],
) -> Result<(), StoreError> {
    for (delivery, _) in deliveries
        .iter()
        .zip(known)
        .filter(|(_, known)| known.is_none())
    {
        if let Fate::Start {
            memory: Some((external_id, _)),
            ..
        } = &delivery.fate
        {
            webhook_memory::forget(connection, delivery.workflow_sequence, external_id)?;
        }
    }
    Ok(())
}

/// Every workflow at which the event would start a run has had it.
fn duplicate(deliveries: &[NewDelivery], known: &[Option<First>]) -> Option<RecordedEvent> {
    let starts = deliveries
        .iter()
        .filter(|delivery| matches!(delivery.fate, Fate::Start { .. }));
    let first = known.iter().flatten().next()?;
    let runs: Vec<RunId> = known.iter().flatten().map(|had| had.run.clone()).collect();
    (runs.len() == starts.count()).then(|| RecordedEvent::Duplicate(first.event.clone(), runs))
}

fn exists(connection: &Connection, event_sequence: i64) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM webhook_event WHERE sequence = ?1")?
        .exists([event_sequence])?)
}

/// Starts the runs. `None`: a workflow was edited meanwhile, and nothing was written.
fn start_all<'a>(
    connection: &Connection,
    deliveries: &'a [NewDelivery],
    known: &[Option<First>],
) -> Result<Option<Outcome<'a>>, StoreError> {
    let mut runs = deliveries.iter().zip(known).filter_map(to_start);
    // The first start that is refused has written nothing; the others must be sure before it.
    runs.next();
    for run in runs {
        if !start::may_start(connection, run)? {
            return Ok(None);
        }
    }
    let mut outcome = Outcome::default();
    for (delivery, known) in deliveries.iter().zip(known) {
        let (word, run, detail) = match (&delivery.fate, known) {
            (Fate::Drop(word, detail), _) => (*word, None, detail.as_deref()),
            (Fate::Start { .. }, Some(first)) => {
                (DeliveryOutcome::Duplicate, Some(first.run.clone()), None)
            }
            (Fate::Start { run, .. }, None) => {
                let sequence = match start::start(connection, run)? {
                    Started::New(sequence) => sequence,
                    Started::VersionChanged if outcome.started.is_empty() => return Ok(None),
                    _ => {
                        return Err(StoreError::Database(
                            "a run that may start was not new".into(),
                        ));
                    }
                };
                outcome.started.push((run.id.clone(), sequence));
                (DeliveryOutcome::Started, Some(run.id.clone()), None)
            }
        };
        outcome.settled.push(Settled {
            workflow: delivery.workflow_sequence,
            outcome: word,
            run,
            detail,
        });
    }
    Ok(Some(outcome))
}

/// The run of a delivery that is to be started.
fn to_start<'a>((delivery, known): (&'a NewDelivery, &Option<First>)) -> Option<&'a NewRun> {
    match (&delivery.fate, known) {
        (Fate::Start { run, .. }, None) => Some(run),
        _ => None,
    }
}

fn insert(connection: &Connection, event: &NewEvent) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO webhook_event (id, provider, path, received_at_ms, event_type, external_id, verified, headers,
                body_bytes, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            event.id.as_str(),
            &event.provider,
            &event.path,
            event.received_at_ms,
            &event.event_type,
            &event.external_id,
            event.verified,
            event.headers.get(),
            i64::try_from(event.body.len()).unwrap_or(i64::MAX),
            event.body.as_ref(),
        ))?;
    Ok(connection.last_insert_rowid())
}

/// Where deliveries are written.
struct Place {
    event_sequence: i64,
    first: i64,
    at_ms: i64,
}

fn write_deliveries(
    connection: &Connection,
    place: &Place,
    settled: &[Settled<'_>],
) -> Result<(), StoreError> {
    for (position, settled) in (place.first..).zip(settled) {
        connection
            .prepare_cached(
                "INSERT INTO webhook_delivery (event, position, workflow, at_ms, outcome, run_id, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                place.event_sequence,
                position,
                settled.workflow,
                place.at_ms,
                settled.outcome.as_str(),
                settled.run.as_ref().map(RunId::as_str),
                settled.detail,
            ))?;
    }
    Ok(())
}
