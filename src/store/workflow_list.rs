//! Pages of workflows, newest first. May not know who asks. Promise: a page holds only what its reach covers, and rows that
//! are added meanwhile neither repeat nor hide a row.

use super::{Store, StoreError, column, cursor, schedules};
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::workflow::{Reach, WorkflowFilter, WorkflowStatus, WorkflowSummary};
use rusqlite::{Connection, Row};

impl Store {
    /// A page of workflows, newest first.
    pub async fn list_workflows(
        &self,
        filter: WorkflowFilter,
        page: PageRequest,
    ) -> Result<Page<WorkflowSummary>, StoreError> {
        self.scan(move |connection| list(connection, &filter, &page))
            .await
    }
}

macro_rules! list_sql {
    ($index:literal, $narrowing:literal) => {
        concat!(
            "SELECT w.id, w.name, w.description, w.status, w.version, d.trigger, w.created_at_ms, w.updated_at_ms,
                s.workflow, s.next_fire_ms, s.last_run_at_ms, s.last_outcome
             FROM workflow w ",
            $index,
            " CROSS JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version
             CROSS JOIN definition d ON d.sequence = v.definition
             LEFT JOIN schedule s ON s.workflow = w.sequence
             WHERE w.sequence < ?1 AND ",
            $narrowing,
            " ORDER BY w.sequence DESC"
        )
    };
}

pub(super) const UNARCHIVED: &str =
    list_sql!("INDEXED BY workflow_unarchived", "w.status <> 'archived'");
pub(super) const IN_STATUS: &str = list_sql!("INDEXED BY workflow_by_status", "w.status = ?2");
pub(super) const OF_ID: &str = list_sql!(
    "",
    "(w.status = ?2 OR ?2 IS NULL AND w.status <> 'archived') AND w.id = ?3"
);
pub(super) const OF_PREFIX: &str = list_sql!(
    "INDEXED BY workflow_by_name",
    "(w.status = ?2 OR ?2 IS NULL AND w.status <> 'archived') AND w.name >= ?3 AND w.name < ?4"
);

/// The names that start with `prefix` are those from `prefix` up to (without) this. A name that goes on with the last
/// character of Unicode, which is no character, is left out.
pub(super) fn end_of_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

fn list_sql(filter: &WorkflowFilter) -> &'static str {
    match (&filter.reach, filter.status) {
        (Reach::Workflow(_), _) => OF_ID,
        (Reach::Prefix(_), _) => OF_PREFIX,
        (Reach::All, Some(_)) => IN_STATUS,
        (Reach::All, None) => UNARCHIVED,
    }
}

fn list(
    connection: &Connection,
    filter: &WorkflowFilter,
    page: &PageRequest,
) -> Result<Page<WorkflowSummary>, StoreError> {
    let needle = filter.search.as_deref().map(str::to_lowercase);
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let snapshot = connection.unchecked_transaction()?;
    let before = cursor::before(&snapshot, KNOWN, OLDER, page.after.as_ref())?;
    let status = filter.status.map(WorkflowStatus::as_str);
    let mut statement = snapshot.prepare_cached(list_sql(filter))?;
    let mut rows = match &filter.reach {
        Reach::Workflow(id) => statement.query((before, status, id.as_str()))?,
        Reach::Prefix(prefix) => {
            statement.query((before, status, prefix, end_of_prefix(prefix)))?
        }
        Reach::All if status.is_some() => statement.query((before, status))?,
        Reach::All => statement.query([before])?,
    };
    let max_looked_at = filter.max_looked_at.unwrap_or(usize::MAX);
    let (mut items, mut last, mut looked_at) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        // Here and not in SQL, whose letter case ends with ASCII.
        let fits = match &needle {
            Some(needle) => row.get::<_, String>(1)?.to_lowercase().contains(needle),
            None => true,
        };
        if looked_at == max_looked_at || fits && items.len() == limit {
            return Ok(Page { items, next: last });
        }
        looked_at += 1;
        last = Some(Cursor {
            ts: row.get(6)?,
            id: row.get(0)?,
        });
        if fits {
            items.push(summary(row)?);
        }
    }
    Ok(Page { items, next: None })
}

/// Of what was made in the same millisecond, ids tell the order.
pub(super) const OLDER: &str = "SELECT max(sequence) FROM workflow
     WHERE created_at_ms < ?1 OR created_at_ms = ?1 AND id < ?2";

const KNOWN: &str = "SELECT sequence FROM workflow WHERE id = ?1";

fn summary(row: &Row<'_>) -> Result<WorkflowSummary, StoreError> {
    Ok(WorkflowSummary {
        id: column::id(row, 0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        status: column::word(row, 3, WorkflowStatus::parse)?,
        version: row.get(4)?,
        trigger: column::json(row, 5)?,
        schedule: match row.get::<_, Option<i64>>(8)? {
            Some(_) => Some(schedules::status(row, 9)?),
            None => None,
        },
        created_at_ms: row.get(6)?,
        updated_at_ms: row.get(7)?,
    })
}
