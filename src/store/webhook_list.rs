//! Reading events, a page or one, and forgetting old ones. May not know who asks. Promises: a page holds only what its reach
//! covers; what is forgotten goes in slices, oldest first.

use super::workflow_list::end_of_prefix;
use super::{Store, StoreError, column, cursor};
use crate::id::EventId;
use crate::model::event::{
    DeliveryOutcome, EventDelivery, EventFilter, EventRetention, EventSummary,
};
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::workflow::Reach;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

/// How many events one job removes.
const REMOVED_AT_ONCE: i64 = 50;

impl Store {
    /// A page of events, newest first; of each only the deliveries within the filter's reach.
    pub async fn list_events(
        &self,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<EventSummary>, StoreError> {
        self.scan(move |connection| list(connection, &filter, &page))
            .await
    }

    /// One event, with every delivery. A point read.
    pub fn event(&self, id: &EventId) -> Result<Option<EventSummary>, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(EVENT)?
                .query_and_then([id.as_str()], summary)?
                .next()
                .transpose()?;
            found
                .map(|event| with_deliveries(connection, event, &Reach::All))
                .transpose()
        })
    }

    /// The body of an event. A point read.
    pub fn event_body(&self, event_sequence: i64) -> Result<Option<Bytes>, StoreError> {
        self.read(|connection| {
            let body: Option<Vec<u8>> = connection
                .prepare_cached(BODY)?
                .query_row([event_sequence], |row| row.get(0))
                .optional()?;
            Ok(body.map(Bytes::from))
        })
    }

    /// Removes the events that are not kept any more. Gives how many.
    pub async fn forget_events(
        &self,
        kept: EventRetention,
        now_ms: i64,
    ) -> Result<usize, StoreError> {
        let newest_gone = self
            .scan(move |connection| newest_gone(connection, &kept, now_ms))
            .await?;
        let Some(newest_gone) = newest_gone else {
            return Ok(0);
        };
        let mut removed = 0;
        loop {
            let slice = self
                .write(move |connection| {
                    let slice = connection
                        .prepare_cached(REMOVE_OLDEST)?
                        .execute((newest_gone, REMOVED_AT_ONCE))?;
                    Ok(slice)
                })
                .await?;
            removed += slice;
            if slice == 0 {
                return Ok(removed);
            }
        }
    }
}

macro_rules! event_columns {
    () => {
        "e.sequence, e.id, e.provider, e.path, e.received_at_ms, e.event_type, e.external_id, e.verified, e.headers,
            e.body_bytes"
    };
}

/// Of these the provider (`?3`) and the path (`?4`), where they are asked for.
macro_rules! narrowed {
    () => {
        " AND (?3 IS NULL OR e.provider = ?3) AND (?4 IS NULL OR e.path = ?4)"
    };
}

pub(super) const EVENT: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM webhook_event e WHERE e.id = ?1"
);

pub(super) const BODY: &str = "SELECT body FROM webhook_event WHERE sequence = ?1";

/// Walks the table in the order of its rows: of a provider or a path too, since there are no more events than are kept.
pub(super) const ALL: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM webhook_event e NOT INDEXED WHERE e.sequence < ?1",
    narrowed!(),
    " ORDER BY e.sequence DESC LIMIT ?2"
);

/// An event that was replayed is there several times: one group.
pub(super) const OF_WORKFLOW: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM webhook_delivery d INDEXED BY webhook_delivery_by_workflow
     CROSS JOIN webhook_event e ON e.sequence = d.event
     WHERE d.workflow = ?5 AND d.event < ?1",
    narrowed!(),
    " GROUP BY d.event ORDER BY d.event DESC LIMIT ?2"
);

/// Gathers the events of each workflow whose name begins so; there are no more than are kept.
pub(super) const OF_PREFIX: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM webhook_event e WHERE e.sequence IN (
        SELECT d.event FROM workflow w INDEXED BY workflow_by_name
        CROSS JOIN webhook_delivery d INDEXED BY webhook_delivery_by_workflow ON d.workflow = w.sequence
        WHERE w.name >= ?5 AND w.name < ?6 AND d.event < ?1)",
    narrowed!(),
    " ORDER BY e.sequence DESC LIMIT ?2"
);

pub(super) const DELIVERIES: &str = "
    SELECT w.id, w.name, d.at_ms, d.outcome, d.run_id, d.detail
    FROM webhook_delivery d CROSS JOIN workflow w ON w.sequence = d.workflow
    WHERE d.event = ?1 ORDER BY d.position";

/// What retention needs to know of each event, newest first.
pub(super) const AGES: &str =
    "SELECT sequence, received_at_ms, body_bytes FROM webhook_event ORDER BY sequence DESC";

pub(super) const REMOVE_OLDEST: &str = "
    DELETE FROM webhook_event WHERE sequence IN (
        SELECT sequence FROM webhook_event WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2)";

pub(super) const OLDER: &str = "SELECT max(sequence) FROM webhook_event
     WHERE received_at_ms < ?1 OR received_at_ms = ?1 AND id < ?2";

const KNOWN: &str = "SELECT sequence FROM webhook_event WHERE id = ?1";

fn list(
    connection: &Connection,
    filter: &EventFilter,
    page: &PageRequest,
) -> Result<Page<EventSummary>, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let before = cursor::before(&snapshot, KNOWN, OLDER, page.after.as_ref())?;
    // One more than the page has, to know whether there is another page.
    let rows = i64::from(page.limit) + 1;
    let (provider, path) = (filter.provider.as_deref(), filter.path.as_deref());
    let only = match (&filter.workflow_id, &filter.reach) {
        (Some(id), _) | (None, Reach::Workflow(id)) => Some(id),
        (None, _) => None,
    };
    let found = match (only, &filter.reach) {
        (Some(id), reach) => {
            let workflow = super::run_list::find_workflow(&snapshot, id)?;
            let Some((sequence, _)) = workflow.filter(|(_, name)| reach.covers(id, name)) else {
                return Ok(Page {
                    items: Vec::new(),
                    next: None,
                });
            };
            read(
                &snapshot,
                OF_WORKFLOW,
                (before, rows, provider, path, sequence),
            )?
        }
        (None, Reach::Prefix(prefix)) => {
            let end = end_of_prefix(prefix);
            read(
                &snapshot,
                OF_PREFIX,
                (before, rows, provider, path, prefix, end),
            )?
        }
        (None, _) => read(&snapshot, ALL, (before, rows, provider, path))?,
    };
    let mut items = found
        .into_iter()
        .map(|event| with_deliveries(&snapshot, event, &filter.reach))
        .collect::<Result<Vec<EventSummary>, StoreError>>()?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| Cursor {
        ts: last.received_at_ms,
        id: last.id.as_str().to_owned(),
    });
    Ok(Page { items, next })
}

fn read(
    connection: &Connection,
    sql: &'static str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<EventSummary>, StoreError> {
    connection
        .prepare_cached(sql)?
        .query_and_then(parameters, summary)?
        .collect()
}

fn summary(row: &Row<'_>) -> Result<EventSummary, StoreError> {
    Ok(EventSummary {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        provider: row.get(2)?,
        path: row.get(3)?,
        received_at_ms: row.get(4)?,
        event_type: row.get(5)?,
        external_id: row.get(6)?,
        verified: row.get(7)?,
        headers: column::json(row, 8)?,
        body_bytes: row.get(9)?,
        deliveries: Vec::new(),
    })
}

fn with_deliveries(
    connection: &Connection,
    mut event: EventSummary,
    reach: &Reach,
) -> Result<EventSummary, StoreError> {
    let all = connection
        .prepare_cached(DELIVERIES)?
        .query_and_then([event.sequence], delivery)?
        .collect::<Result<Vec<EventDelivery>, StoreError>>()?;
    event.deliveries = all
        .into_iter()
        .filter(|delivery| reach.covers(&delivery.workflow_id, &delivery.workflow_name))
        .collect();
    Ok(event)
}

fn delivery(row: &Row<'_>) -> Result<EventDelivery, StoreError> {
    Ok(EventDelivery {
        workflow_id: column::id(row, 0)?,
        workflow_name: row.get(1)?,
        at_ms: row.get(2)?,
        outcome: column::word(row, 3, DeliveryOutcome::parse)?,
        run_id: column::optional_id(row, 4)?,
        detail: row.get(5)?,
    })
}

/// The newest event that is over one of the bounds: it goes, with all that are older.
fn newest_gone(
    connection: &Connection,
    kept: &EventRetention,
    now_ms: i64,
) -> Result<Option<i64>, StoreError> {
    let mut statement = connection.prepare_cached(AGES)?;
    let mut rows = statement.query([])?;
    let (mut count, mut bytes) = (0_u64, 0_u64);
    while let Some(row) = rows.next()? {
        count += 1;
        bytes = bytes.saturating_add(column::unsigned(row, 2)?);
        let age_ms = now_ms.saturating_sub(row.get(1)?);
        if count > kept.count || bytes > kept.bytes || age_ms > kept.age_ms {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}
