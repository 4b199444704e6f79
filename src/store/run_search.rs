//! Runs that somebody looks for, newest first, by several things at once. May not know who asks. Promises: a page looks at a
//! bounded number of rows, whatever is asked for and however many runs there are: where few of them fit, it has fewer than it
//! may and says where to go on; rows that are added meanwhile neither repeat nor hide a row.

use super::run_list::KNOWN;
use super::runs::{summary, summary_columns};
use super::{Store, StoreError, column};
use crate::id::WorkflowId;
use crate::model::page::{Cursor, Page, PageRequest};
use crate::model::run::{RunStatus, RunSummary, TriggerType};
use crate::model::run_search::{FoundRun, RunSearch};
use rusqlite::{Connection, OptionalExtension as _, Rows};

/// How many rows a page looks at: what that takes is told by the clock as a few milliseconds.
const MAX_LOOKED_AT: usize = 2_000;

impl Store {
    /// A page of the runs that are looked for, newest first. It may hold fewer than its limit, or none, and go on all the same.
    pub async fn search_runs(
        &self,
        search: RunSearch,
        page: PageRequest,
    ) -> Result<Page<FoundRun>, StoreError> {
        self.scan(move |connection| find(connection, &search, &page))
            .await
    }

    /// The idempotency key of a run, which holds until that moment. A point read.
    pub fn idempotency_key(
        &self,
        run_sequence: i64,
        expires_at_ms: i64,
    ) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(KEY_OF_RUN)?
                .query_row([expires_at_ms, run_sequence], |row| row.get(0))
                .optional()?)
        })
    }
}

pub(super) const KEY_OF_RUN: &str =
    "SELECT key FROM idempotency WHERE expires_at_ms = ?1 AND run = ?2";

pub(super) const WORKFLOW_BY_ID: &str = "SELECT sequence, id FROM workflow WHERE id = ?1";

pub(super) const NEWEST_WORKFLOW_NAMED: &str =
    "SELECT sequence, id FROM workflow WHERE name = ?1 ORDER BY sequence DESC LIMIT 1";

pub(super) const NEWEST: &str = "SELECT coalesce(max(sequence), 0) FROM run";

pub(super) const NEXT_MADE: &str =
    "SELECT sequence, created_at_ms FROM run WHERE sequence >= ?1 ORDER BY sequence LIMIT 1";

/// Where the runs of one moment, which begin at row `?1`, were made before the run `?3`: ids tell their order.
pub(super) const OLDER_OF_MOMENT: &str = "SELECT coalesce(max(sequence) + 1, ?1) FROM (
         SELECT sequence, id, created_at_ms FROM run WHERE sequence >= ?1 ORDER BY sequence LIMIT 1000
     ) WHERE created_at_ms = ?2 AND id < ?3";

/// Walks runs from the newest on, those before row number `?1` and from `?2` on.
macro_rules! walk {
    ($index:literal, $narrowing:literal) => {
        concat!(
            "SELECT ",
            summary_columns!(),
            ", w.name FROM run r ",
            $index,
            " CROSS JOIN workflow w ON w.sequence = r.workflow WHERE r.sequence < ?1 AND r.sequence >= ?2 AND ",
            $narrowing,
            " ORDER BY r.sequence DESC"
        )
    };
}

/// The walk that passes by the fewest runs in vain. Words are literals, so that the partial indexes apply.
fn walk_sql(is_of_workflow: bool, search: &RunSearch) -> &'static str {
    use RunStatus::{Cancelled, Completed, Failed, Pending, Running};
    use TriggerType::{Api, Schedule, Subworkflow, Webhook};
    match (is_of_workflow, search.status, search.trigger) {
        // Unfinished ones are few, also where there are many workflows.
        (_, Some(Pending), _) => walk!("INDEXED BY run_unfinished", "r.status = 'pending'"),
        (_, Some(Running), _) => walk!("INDEXED BY run_unfinished", "r.status = 'running'"),
        (false, Some(Failed), _) => walk!("INDEXED BY run_failed", "r.status = 'failed'"),
        (false, Some(Cancelled), _) => walk!("INDEXED BY run_failed", "r.status = 'cancelled'"),
        (false, None | Some(Completed), Some(Schedule)) => {
            walk!("INDEXED BY run_by_trigger", "r.trigger_type = 'schedule'")
        }
        (false, None | Some(Completed), Some(Subworkflow)) => {
            walk!(
                "INDEXED BY run_by_trigger",
                "r.trigger_type = 'subworkflow'"
            )
        }
        (false, None | Some(Completed), None | Some(Api | Webhook)) => walk!("NOT INDEXED", "true"),
        (true, Some(Failed), _) => walk!(
            "INDEXED BY run_failed_by_workflow",
            "r.status = 'failed' AND r.workflow = ?3"
        ),
        (true, Some(Cancelled), _) => walk!(
            "INDEXED BY run_failed_by_workflow",
            "r.status = 'cancelled' AND r.workflow = ?3"
        ),
        (true, None | Some(Completed), _) => {
            walk!("INDEXED BY run_by_workflow", "r.workflow = ?3")
        }
    }
}

/// Every walk that a search can come to.
#[cfg(test)]
pub(super) fn all_walks() -> Vec<&'static str> {
    let statuses = || std::iter::once(None).chain(RunStatus::ALL.map(Some));
    let triggers = || std::iter::once(None).chain(TriggerType::ALL.map(Some));
    let searches = statuses().flat_map(|status| {
        triggers().map(move |trigger| RunSearch {
            status,
            trigger,
            ..RunSearch::default()
        })
    });
    searches
        .flat_map(|search| [true, false].map(|is_of_workflow| walk_sql(is_of_workflow, &search)))
        .collect()
}

fn find(
    connection: &Connection,
    search: &RunSearch,
    page: &PageRequest,
) -> Result<Page<FoundRun>, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let workflow = match &search.workflow {
        None => None,
        Some(named) => match workflow_called(&snapshot, named)? {
            Some(found) => Some(found),
            None => return Ok(nothing()),
        },
    };
    let mut before = begins_before(&snapshot, page.after.as_ref())?;
    if let Some(until_ms) = search.until_ms {
        before = before.min(first_made_from(&snapshot, until_ms)?);
    }
    let from = match search.from_ms {
        Some(from_ms) => first_made_from(&snapshot, from_ms)?,
        None => 0,
    };
    let mut statement = snapshot.prepare_cached(walk_sql(workflow.is_some(), search))?;
    let mut rows = match &workflow {
        Some((sequence, _)) if statement.parameter_count() == 3 => {
            statement.query([before, from, *sequence])?
        }
        _ => statement.query([before, from])?,
    };
    let fits = |run: &RunSummary| {
        let is_of_workflow = workflow
            .as_ref()
            .is_none_or(|(_, id)| *id == run.workflow_id);
        is_of_workflow && search.fits(run)
    };
    collect(&mut rows, fits, page.limit)
}

/// Takes what fits, until the page is full or enough was looked at.
fn collect(
    rows: &mut Rows<'_>,
    fits: impl Fn(&RunSummary) -> bool,
    limit: u32,
) -> Result<Page<FoundRun>, StoreError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items: Vec<FoundRun> = Vec::new();
    let mut last: Option<Cursor> = None;
    let mut looked_at = 0;
    while let Some(row) = rows.next()? {
        if items.len() == limit || looked_at == MAX_LOOKED_AT {
            return Ok(Page { items, next: last });
        }
        looked_at += 1;
        let summary = summary(row)?;
        last = Some(summary.cursor());
        if fits(&summary) {
            items.push(FoundRun {
                summary,
                workflow_name: row.get(11)?,
            });
        }
    }
    Ok(Page { items, next: None })
}

fn nothing() -> Page<FoundRun> {
    Page {
        items: Vec::new(),
        next: None,
    }
}

/// Row number and id of the workflow that is meant.
fn workflow_called(
    connection: &Connection,
    named: &str,
) -> Result<Option<(i64, WorkflowId)>, StoreError> {
    for sql in [WORKFLOW_BY_ID, NEWEST_WORKFLOW_NAMED] {
        let found = connection
            .prepare_cached(sql)?
            .query_and_then([named], |row| Ok((row.get(0)?, column::id(row, 1)?)))?
            .next()
            .transpose();
        match found {
            Ok(None) => {}
            found => return found,
        }
    }
    Ok(None)
}

/// The row number that the page ends before. Where the cursor's run is gone, what is older is found by halving.
fn begins_before(connection: &Connection, after: Option<&Cursor>) -> Result<i64, StoreError> {
    let Some(cursor) = after else {
        return Ok(i64::MAX);
    };
    let found = connection
        .prepare_cached(KNOWN)?
        .query_row([&cursor.id], |row| row.get(0))
        .optional()?;
    match found {
        Some(sequence) => Ok(sequence),
        None => {
            let from = first_made_from(connection, cursor.ts)?;
            Ok(connection
                .prepare_cached(OLDER_OF_MOMENT)?
                .query_row((from, cursor.ts, &cursor.id), |row| row.get(0))?)
        }
    }
}

/// The row number of the first run that was made at this moment or later. Later runs have greater row numbers, so it is found
/// by halving, in some twenty point reads and without an index that every start would have to write. Where the clock was set
/// back, some runs of the time that came twice may be missed.
fn first_made_from(connection: &Connection, at_ms: i64) -> Result<i64, StoreError> {
    let newest: i64 = connection
        .prepare_cached(NEWEST)?
        .query_row([], |row| row.get(0))?;
    let mut next_made = connection.prepare_cached(NEXT_MADE)?;
    let (mut low, mut high) = (0, newest + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let next: Option<(i64, i64)> = next_made
            .query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match next {
            Some((sequence, created_at_ms)) if created_at_ms < at_ms => low = sequence + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
