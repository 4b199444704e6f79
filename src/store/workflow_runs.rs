//! The newest runs of workflows, for what pages say of each. May not know what is said. Promise: it costs the same in a
//! thousand runs and in a million.

use super::run_list::find_workflow;
use super::{Store, StoreError, column};
use crate::id::{RunId, WorkflowId};
use crate::model::run::RunStatus;
use rusqlite::{Connection, Row};

/// What is told of a run at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct RunGlance {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When its first step began.
    pub started_at_ms: Option<i64>,
    /// When it ended.
    pub finished_at_ms: Option<i64>,
}

impl Store {
    /// Of each of these workflows its newest runs, the newest first, at most `limit`; none of a workflow that is not there.
    pub async fn newest_runs(
        &self,
        workflows: Vec<WorkflowId>,
        limit: u32,
    ) -> Result<Vec<Vec<RunGlance>>, StoreError> {
        self.scan(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            let of_each = workflows.iter().map(|id| newest(&snapshot, id, limit));
            of_each.collect()
        })
        .await
    }
}

pub(super) const NEWEST: &str = "SELECT id, status, created_at_ms, started_at_ms, finished_at_ms
     FROM run INDEXED BY run_by_workflow WHERE workflow = ?1 ORDER BY sequence DESC LIMIT ?2";

fn newest(
    connection: &Connection,
    id: &WorkflowId,
    limit: u32,
) -> Result<Vec<RunGlance>, StoreError> {
    let Some((workflow, _)) = find_workflow(connection, id)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(NEWEST)?;
    let found = statement.query_and_then((workflow, limit), glance)?;
    found.collect()
}

fn glance(row: &Row<'_>) -> Result<RunGlance, StoreError> {
    Ok(RunGlance {
        id: column::id(row, 0)?,
        status: column::word(row, 1, RunStatus::parse)?,
        created_at_ms: row.get(2)?,
        started_at_ms: row.get(3)?,
        finished_at_ms: row.get(4)?,
    })
}
