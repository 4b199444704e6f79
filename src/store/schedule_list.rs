//! Pages of schedules, those of the newest workflows first. May not know when a schedule fires. Promise: a page reads as many
//! rows as it has, however long the logs of its schedules are.

use super::{Store, StoreError, column, schedules};
use crate::id::{RunId, WorkflowId};
use crate::model::trigger::ScheduleStatus;
use crate::model::workflow::WorkflowStatus;
use rusqlite::{OptionalExtension as _, Row};
use serde_json::Value;

/// A schedule that its workflow was ever active with.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownSchedule {
    /// Row number of its workflow: older ones have lower ones.
    pub workflow_sequence: i64,
    /// Whose it is.
    pub workflow_id: WorkflowId,
    /// What people call the workflow.
    pub workflow_name: String,
    /// The workflow's status.
    pub workflow_status: WorkflowStatus,
    /// The trigger as it was written.
    pub trigger: Value,
    /// Where it stands.
    pub status: ScheduleStatus,
    /// How many runs it has started.
    pub run_count: i64,
    /// When one of its times was last come to, or passed.
    pub last_fired_at_ms: Option<i64>,
    /// The run that this started; it may be gone.
    pub last_run: Option<RunId>,
}

impl Store {
    /// The schedules of workflows with a row number smaller than `before`, newest first, `limit` at most; none of archived
    /// workflows.
    pub async fn list_schedules(
        &self,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<KnownSchedule>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(LIST)?
                .query_and_then((before.unwrap_or(i64::MAX), limit), known)?
                .collect()
        })
        .await
    }

    /// The schedule of one workflow, archived or not. A point read.
    pub fn schedule_of(&self, workflow: &WorkflowId) -> Result<Option<KnownSchedule>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(ONE)?
                .query_row([workflow.as_str()], |row| Ok(known(row)))
                .optional()?
                .transpose()
        })
    }
}

macro_rules! schedule_sql {
    ($from:literal) => {
        concat!(
            "SELECT w.sequence, w.id, w.name, w.status, s.trigger, s.next_fire_ms, s.last_run_at_ms, s.last_outcome,
                s.run_count, f.fired_at_ms, f.run_id
             FROM ",
            $from
        )
    };
}

/// The newest row of a schedule's log stands beside it.
pub(super) const LIST: &str = schedule_sql!(
    "schedule s CROSS JOIN workflow w ON w.sequence = s.workflow
     LEFT JOIN firing f ON f.sequence =
        (SELECT sequence FROM firing WHERE workflow = s.workflow ORDER BY sequence DESC LIMIT 1)
     WHERE s.workflow < ?1 AND w.status <> 'archived' ORDER BY s.workflow DESC LIMIT ?2"
);

pub(super) const ONE: &str = schedule_sql!(
    "workflow w CROSS JOIN schedule s ON s.workflow = w.sequence
     LEFT JOIN firing f ON f.sequence =
        (SELECT sequence FROM firing WHERE workflow = s.workflow ORDER BY sequence DESC LIMIT 1)
     WHERE w.id = ?1"
);

fn known(row: &Row<'_>) -> Result<KnownSchedule, StoreError> {
    Ok(KnownSchedule {
        workflow_sequence: row.get(0)?,
        workflow_id: column::id(row, 1)?,
        workflow_name: row.get(2)?,
        workflow_status: column::word(row, 3, WorkflowStatus::parse)?,
        trigger: column::json(row, 4)?,
        status: schedules::status(row, 5)?,
        run_count: row.get(8)?,
        last_fired_at_ms: row.get(9)?,
        last_run: column::optional_id(row, 10)?,
    })
}
