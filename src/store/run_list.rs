//! Pages of runs, newest first. May not know who asks. Promises: a page costs the same in a thousand runs and in a million;
//! it holds only what its reach covers; rows that are added meanwhile neither repeat nor hide a row.

use super::runs::{summary, summary_columns};
use super::workflow_list::end_of_prefix;
use super::{Store, StoreError, cursor};
use crate::id::WorkflowId;
use crate::model::page::{Page, PageRequest};
use crate::model::run::{RunFilter, RunStatus, RunSummary};
use crate::model::workflow::Reach;
use rusqlite::{Connection, OptionalExtension, Row};

impl Store {
    /// A page of runs, newest first.
    pub async fn list_runs(
        &self,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunSummary>, StoreError> {
        self.scan(move |connection| list(connection, &filter, &page))
            .await
    }
}

/// Whose runs are wanted.
pub(super) enum Scope {
    All,
    /// Of the workflow with this row number.
    Workflow(i64),
    /// Of the workflows with such names.
    Prefix(String),
}

/// The scope that a filter comes to; `None` when it leaves nothing.
pub(super) fn scope(
    connection: &Connection,
    filter: &RunFilter,
) -> Result<Option<Scope>, StoreError> {
    let id = match (&filter.workflow_id, &filter.reach) {
        (None, Reach::All) => return Ok(Some(Scope::All)),
        (None, Reach::Prefix(prefix)) => return Ok(Some(Scope::Prefix(prefix.clone()))),
        (None, Reach::Workflow(only)) => only,
        (Some(id), _) => id,
    };
    let workflow = find_workflow(connection, id)?;
    Ok(workflow
        .filter(|(_, name)| filter.reach.covers(id, name))
        .map(|(sequence, _)| Scope::Workflow(sequence)))
}

/// Row number and name of a workflow.
pub(super) fn find_workflow(
    connection: &Connection,
    id: &WorkflowId,
) -> Result<Option<(i64, String)>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT sequence, name FROM workflow WHERE id = ?1")?
        .query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Walks runs from the newest on. `?1` is where the page ends before, `?2` how many rows are read.
macro_rules! walk {
    ($index:literal, $narrowing:literal) => {
        concat!(
            "SELECT ",
            summary_columns!(),
            " FROM run r ",
            $index,
            " CROSS JOIN workflow w ON w.sequence = r.workflow WHERE r.sequence < ?1 AND ",
            $narrowing,
            " ORDER BY r.sequence DESC LIMIT ?2"
        )
    };
}

/// Takes the newest runs of each workflow whose name starts so, and of these the newest.
macro_rules! gather {
    ($index:literal, $narrowing:literal) => {
        concat!(
            "SELECT ",
            summary_columns!(),
            " FROM workflow w INDEXED BY workflow_by_name CROSS JOIN run r
             WHERE w.name >= ?3 AND w.name < ?4 AND r.sequence IN (
                SELECT one.sequence FROM run one ",
            $index,
            " WHERE one.workflow = w.sequence AND one.sequence < ?1 AND ",
            $narrowing,
            " ORDER BY one.sequence DESC LIMIT ?2)
             ORDER BY r.sequence DESC LIMIT ?2"
        )
    };
}

/// The query for a scope and a status. Statuses are literals, so that the partial indexes apply.
fn list_sql(scope: &Scope, status: Option<RunStatus>) -> &'static str {
    use RunStatus::{Cancelled, Completed, Failed, Pending, Running};
    match (scope, status) {
        (Scope::All, None) => walk!("NOT INDEXED", "true"),
        (Scope::All, Some(Pending)) => walk!("INDEXED BY run_unfinished", "r.status = 'pending'"),
        (Scope::All, Some(Running)) => walk!("INDEXED BY run_unfinished", "r.status = 'running'"),
        (Scope::All, Some(Completed)) => walk!("NOT INDEXED", "r.status = 'completed'"),
        (Scope::All, Some(Failed)) => walk!("INDEXED BY run_failed", "r.status = 'failed'"),
        (Scope::All, Some(Cancelled)) => walk!("INDEXED BY run_failed", "r.status = 'cancelled'"),
        (Scope::Workflow(_), None) => walk!("INDEXED BY run_by_workflow", "r.workflow = ?3"),
        (Scope::Workflow(_), Some(Pending)) => walk!(
            "INDEXED BY run_unfinished",
            "r.status = 'pending' AND r.workflow = ?3"
        ),
        (Scope::Workflow(_), Some(Running)) => walk!(
            "INDEXED BY run_unfinished",
            "r.status = 'running' AND r.workflow = ?3"
        ),
        (Scope::Workflow(_), Some(Completed)) => walk!(
            "INDEXED BY run_by_workflow",
            "r.status = 'completed' AND r.workflow = ?3"
        ),
        (Scope::Workflow(_), Some(Failed)) => walk!(
            "INDEXED BY run_failed_by_workflow",
            "r.status = 'failed' AND r.workflow = ?3"
        ),
        (Scope::Workflow(_), Some(Cancelled)) => walk!(
            "INDEXED BY run_failed_by_workflow",
            "r.status = 'cancelled' AND r.workflow = ?3"
        ),
        (Scope::Prefix(_), None) => gather!("INDEXED BY run_by_workflow", "true"),
        (Scope::Prefix(_), Some(Pending)) => walk!(
            "INDEXED BY run_unfinished",
            "r.status = 'pending' AND w.name >= ?3 AND w.name < ?4"
        ),
        (Scope::Prefix(_), Some(Running)) => walk!(
            "INDEXED BY run_unfinished",
            "r.status = 'running' AND w.name >= ?3 AND w.name < ?4"
        ),
        (Scope::Prefix(_), Some(Completed)) => {
            gather!("INDEXED BY run_by_workflow", "one.status = 'completed'")
        }
        (Scope::Prefix(_), Some(Failed)) => {
            gather!("INDEXED BY run_failed_by_workflow", "one.status = 'failed'")
        }
        (Scope::Prefix(_), Some(Cancelled)) => {
            gather!(
                "INDEXED BY run_failed_by_workflow",
                "one.status = 'cancelled'"
            )
        }
    }
}

/// Every query that a list can come to.
#[cfg(test)]
pub(super) fn all_list_sql() -> Vec<&'static str> {
    let scopes = [Scope::All, Scope::Workflow(1), Scope::Prefix(String::new())];
    let statuses = || std::iter::once(None).chain(RunStatus::ALL.map(Some));
    scopes
        .iter()
        .flat_map(|scope| statuses().map(move |status| list_sql(scope, status)))
        .collect()
}

fn list(
    connection: &Connection,
    filter: &RunFilter,
    page: &PageRequest,
) -> Result<Page<RunSummary>, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let Some(scope) = scope(&snapshot, filter)? else {
        return Ok(Page {
            items: Vec::new(),
            next: None,
        });
    };
    let before = cursor::before(&snapshot, KNOWN, OLDER, page.after.as_ref())?;
    // One more than the page has, to know whether there is another page.
    let rows = i64::from(page.limit) + 1;
    let sql = list_sql(&scope, filter.status);
    let items = rows_in(&snapshot, sql, &scope, (before, rows), summary)?;
    Ok(cut(items, page.limit, |run| run))
}

/// Rows of a list, newest first: so many of those before a row number. `sql` is the list's in this scope.
pub(super) fn rows_in<T>(
    connection: &Connection,
    sql: &str,
    scope: &Scope,
    (before, rows): (i64, i64),
    read: fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = match scope {
        Scope::All => statement.query_and_then([before, rows], read)?,
        Scope::Workflow(sequence) => statement.query_and_then([before, rows, *sequence], read)?,
        Scope::Prefix(prefix) => {
            statement.query_and_then((before, rows, prefix, end_of_prefix(prefix)), read)?
        }
    };
    found.collect()
}

/// The page out of its rows and one more, which tells whether there is another page.
pub(super) fn cut<T>(mut items: Vec<T>, limit: u32, run: impl Fn(&T) -> &RunSummary) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| more).map(run);
    let next = last.map(RunSummary::cursor);
    Page { items, next }
}

/// Of what was made in the same millisecond, ids tell the order.
pub(super) const OLDER: &str = "SELECT max(sequence) FROM run
     WHERE created_at_ms < ?1 OR created_at_ms = ?1 AND id < ?2";

pub(super) const KNOWN: &str = "SELECT sequence FROM run WHERE id = ?1";
