//! Pages of runs of which a step waits for somebody or for another run, newest first. May not know who is asked what. Promise:
//! a page walks over runs that wait, and over no others.

use super::run_list::{KNOWN, OLDER, Scope, cut, rows_in, scope};
use super::runs::{summary, summary_columns};
use super::{Store, StoreError, cursor};
use crate::model::page::{Page, PageRequest};
use crate::model::run::{RunFilter, RunSummary};
use rusqlite::{Connection, Row};

/// A run that waits.
#[derive(Debug, Clone)]
pub struct AwaitingRun {
    /// What a list shows.
    pub summary: RunSummary,
    /// Row number of the pinned definition.
    pub definition_sequence: i64,
}

impl Store {
    /// A page of runs that wait for an answer or for another run. The filter's status says nothing here.
    pub async fn awaiting_runs(
        &self,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<AwaitingRun>, StoreError> {
        self.scan(move |connection| list(connection, &filter, &page))
            .await
    }
}

/// Walks the runs that wait, from the newest on. `?1` is where the page ends before, `?2` how many rows are read.
macro_rules! walk {
    ($narrowing:literal) => {
        concat!(
            "SELECT ",
            summary_columns!(),
            ", r.definition FROM run r INDEXED BY run_awaiting CROSS JOIN workflow w ON w.sequence = r.workflow
             WHERE r.awaits_others = 1 AND r.sequence < ?1 AND ",
            $narrowing,
            " ORDER BY r.sequence DESC LIMIT ?2"
        )
    };
}

pub(super) const ALL: &str = walk!("true");
pub(super) const OF_WORKFLOW: &str = walk!("r.workflow = ?3");
pub(super) const OF_PREFIX: &str = walk!("w.name >= ?3 AND w.name < ?4");

fn list(
    connection: &Connection,
    filter: &RunFilter,
    page: &PageRequest,
) -> Result<Page<AwaitingRun>, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(scope) = scope(&snapshot, filter)? else {
        return Ok(cut(Vec::new(), page.limit, of));
    };
    let before = cursor::before(&snapshot, KNOWN, OLDER, page.after.as_ref())?;
    let rows = i64::from(page.limit) + 1;
    let sql = match &scope {
        Scope::All => ALL,
        Scope::Workflow(_) => OF_WORKFLOW,
        Scope::Prefix(_) => OF_PREFIX,
    };
    let items = rows_in(&snapshot, sql, &scope, (before, rows), awaiting)?;
    Ok(cut(items, page.limit, of))
}

fn of(run: &AwaitingRun) -> &RunSummary {
    &run.summary
}

fn awaiting(row: &Row<'_>) -> Result<AwaitingRun, StoreError> {
    Ok(AwaitingRun {
        summary: summary(row)?,
        definition_sequence: row.get(11)?,
    })
}
