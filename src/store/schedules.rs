//! Schedules on disk: when each fires next, and the log of what became of their times.
//! May not know how runs are started, or what time it is. Promises: a time of a schedule is logged, the schedule moved on
//! and the run recorded in one job; a time starts one run at most; the log outlives the runs and is bounded.

use super::{Store, StoreError, column};
use crate::id::{RunId, WorkflowId};
use crate::model::plan::DefinitionProblem;
use crate::model::trigger::{Firing, FiringOutcome, ScheduleStatus, ScheduleTrigger, Trigger};
use crate::model::workflow::{Workflow, WorkflowStatus};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;

/// How many firings of a workflow are kept: of a schedule that fires every minute those of more than a day.
const FIRINGS_KEPT: i64 = 2_000;

/// A schedule whose time has come.
#[derive(Debug, Clone, PartialEq)]
pub struct DueSchedule {
    /// Whose it is.
    pub workflow_id: WorkflowId,
    /// Row number of the workflow.
    pub workflow_sequence: i64,
    /// The schedule itself; `None` if this version does not accept it any more.
    pub schedule: Option<ScheduleTrigger>,
    /// From when an interval counts.
    pub anchor_ms: i64,
    /// The time that has come.
    pub due_ms: i64,
    /// How many runs it has started.
    pub run_count: i64,
}

/// What becomes of a schedule whose time has come, or passed.
#[derive(Debug, Clone)]
pub struct Fire {
    /// Row number of the workflow.
    pub workflow_sequence: i64,
    /// When the schedule was due. Where it is due at another time by now, nothing is written.
    pub due_ms: i64,
    /// When it is due next.
    pub next_fire_ms: Option<i64>,
    /// The time that is served or skipped; of several that were missed, the last.
    pub scheduled_at_ms: i64,
    /// The moment of all this.
    pub fired_at_ms: i64,
    /// How many times had passed unserved.
    pub missed: u32,
    /// What becomes of it.
    pub outcome: FiringOutcome,
    /// Why it failed, exactly if it did.
    pub error: Option<String>,
}

impl Store {
    /// When the next schedule is due. A point read.
    pub fn next_fire_ms(&self) -> Result<Option<i64>, StoreError> {
        self.read(|connection| {
            let next = connection
                .prepare_cached(NEXT_FIRE)?
                .query_row([], |row| row.get(0))
                .optional()?;
            Ok(next)
        })
    }

    /// The schedules that are due, at most `limit`, the longest due first. Reads so many rows by an index: may be called on
    /// an async worker while `limit` is small.
    pub fn due_schedules(&self, now_ms: i64, limit: u32) -> Result<Vec<DueSchedule>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(DUE)?
                .query_and_then((now_ms, limit), due)?
                .collect()
        })
    }

    /// Whether the log has a run that this time of the schedule started. A point read.
    pub fn has_fired(
        &self,
        workflow_sequence: i64,
        scheduled_at_ms: i64,
    ) -> Result<bool, StoreError> {
        self.read(|connection| has_started(connection, workflow_sequence, scheduled_at_ms))
    }

    /// Logs what starts no run, and moves the schedule on. Does nothing where it is due at another time by now.
    pub async fn log_firing(&self, fire: Fire) -> Result<(), StoreError> {
        self.write(move |connection| {
            if is_at(connection, &fire)? {
                record(connection, &fire, None)?;
            }
            Ok(())
        })
        .await
    }

    /// Moves a schedule on and logs nothing: its time has been served before the clock was set back.
    pub async fn pass_over(
        &self,
        workflow_sequence: i64,
        due_ms: i64,
        next_fire_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE schedule SET next_fire_ms = ?3 WHERE workflow = ?1 AND next_fire_ms = ?2",
                )?
                .execute((workflow_sequence, due_ms, next_fire_ms))?;
            Ok(())
        })
        .await
    }

    /// Brings schedules forward that would be silent for too long because the clock was set back: each is due at its first
    /// time after `now_ms` at the latest.
    pub async fn bring_schedules_forward(&self, now_ms: i64) -> Result<(), StoreError> {
        self.write(move |connection| bring_forward(connection, now_ms))
            .await
    }

    /// Where the workflow's schedule stands; the default where it has none. A point read.
    pub fn schedule_status(&self, workflow_sequence: i64) -> Result<ScheduleStatus, StoreError> {
        self.read(|connection| {
            let found = connection
                .prepare_cached(STATUS)?
                .query_and_then([workflow_sequence], |row| status(row, 0))?
                .next()
                .transpose()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// The firing log of a workflow, newest first; at most `limit` rows with a number smaller than `before`.
    pub async fn firings(
        &self,
        workflow: &WorkflowId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Firing>, StoreError> {
        let workflow = workflow.clone();
        self.scan(move |connection| {
            connection
                .prepare_cached(FIRINGS)?
                .query_and_then(
                    (workflow.as_str(), before.unwrap_or(i64::MAX), limit),
                    firing,
                )?
                .collect()
        })
        .await
    }

    /// Forgets firings from before the moment.
    pub async fn forget_firings_before(&self, unix_ms: i64) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection.prepare_cached(FORGET_OLD)?.execute([unix_ms])?;
            Ok(())
        })
        .await
    }
}

pub(super) const NEXT_FIRE: &str = "
    SELECT next_fire_ms FROM schedule WHERE next_fire_ms IS NOT NULL ORDER BY next_fire_ms LIMIT 1";

pub(super) const DUE: &str = "
    SELECT w.id, s.workflow, s.anchor_ms, s.next_fire_ms, s.run_count, s.trigger
    FROM schedule s CROSS JOIN workflow w ON w.sequence = s.workflow
    WHERE s.next_fire_ms <= ?1 ORDER BY s.next_fire_ms LIMIT ?2";

pub(super) const LATER: &str = "
    SELECT workflow, trigger, anchor_ms, next_fire_ms FROM schedule WHERE next_fire_ms > ?1";

pub(super) const STATUS: &str =
    "SELECT next_fire_ms, last_run_at_ms, last_outcome FROM schedule WHERE workflow = ?1";

pub(super) const FIRINGS: &str = "
    SELECT sequence, scheduled_at_ms, fired_at_ms, outcome, missed, run_id, error FROM firing
    WHERE workflow = (SELECT sequence FROM workflow WHERE id = ?1) AND sequence < ?2
    ORDER BY sequence DESC LIMIT ?3";

pub(super) const STARTED: &str =
    "SELECT 1 FROM firing WHERE workflow = ?1 AND scheduled_at_ms = ?2 AND outcome = 'started'";

pub(super) const FORGET_OLD: &str = "DELETE FROM firing WHERE fired_at_ms < ?1";

pub(super) const FORGET_MANY: &str = "
    DELETE FROM firing WHERE workflow = ?1 AND sequence <=
        (SELECT sequence FROM firing WHERE workflow = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)";

/// Reads [`STATUS`]'s three columns, which begin at `index`.
pub(super) fn status(row: &Row<'_>, index: usize) -> Result<ScheduleStatus, StoreError> {
    let last_outcome = match row.get_ref(index + 2)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(column::word(row, index + 2, FiringOutcome::parse)?),
    };
    Ok(ScheduleStatus {
        next_fire_ms: row.get(index)?,
        last_run_at_ms: row.get(index + 1)?,
        last_outcome,
    })
}

fn due(row: &Row<'_>) -> Result<DueSchedule, StoreError> {
    let trigger: Value = column::json(row, 5)?;
    Ok(DueSchedule {
        workflow_id: column::id(row, 0)?,
        workflow_sequence: row.get(1)?,
        schedule: read_trigger(Some(&trigger)),
        anchor_ms: row.get(2)?,
        due_ms: row.get(3)?,
        run_count: row.get(4)?,
    })
}

fn firing(row: &Row<'_>) -> Result<Firing, StoreError> {
    Ok(Firing {
        sequence: row.get(0)?,
        scheduled_at_ms: row.get(1)?,
        fired_at_ms: row.get(2)?,
        outcome: column::word(row, 3, FiringOutcome::parse)?,
        missed: column::unsigned(row, 4)?,
        run_id: column::optional_id(row, 5)?,
        error: row.get(6)?,
    })
}

/// Brings the schedule of a workflow to what the workflow is now. One that goes on unchanged keeps its times.
pub(super) fn follow(
    connection: &Connection,
    workflow: &Workflow,
    now_ms: i64,
) -> Result<(), StoreError> {
    let trigger = workflow.definition.body.get("trigger");
    let Some(schedule) = read_trigger(trigger) else {
        connection
            .prepare_cached("DELETE FROM schedule WHERE workflow = ?1")?
            .execute([workflow.sequence])?;
        return Ok(());
    };
    let text = column::to_json(&trigger)?;
    let known: Option<(String, Option<i64>)> = connection
        .prepare_cached("SELECT trigger, next_fire_ms FROM schedule WHERE workflow = ?1")?
        .query_row([workflow.sequence], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let fires = workflow.status == WorkflowStatus::Active && schedule.enabled;
    match &known {
        Some((known, Some(_))) if fires && *known == text => return Ok(()),
        None if !fires => return Ok(()),
        _ => {}
    }
    let next_fire_ms = schedule.next_fire_ms(now_ms, now_ms).filter(|_| fires);
    connection
        .prepare_cached(
            "INSERT INTO schedule (workflow, trigger, anchor_ms, next_fire_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (workflow) DO UPDATE SET
                trigger = excluded.trigger, anchor_ms = excluded.anchor_ms, next_fire_ms = excluded.next_fire_ms",
        )?
        .execute((workflow.sequence, text, now_ms, next_fire_ms))?;
    Ok(())
}

/// The trigger, if it is a schedule.
fn read_trigger(trigger: Option<&Value>) -> Option<ScheduleTrigger> {
    let mut problems: Vec<DefinitionProblem> = Vec::new();
    match Trigger::read(trigger, &mut problems) {
        Some(Trigger::Schedule(schedule)) => Some(schedule),
        _ => None,
    }
}

fn bring_forward(connection: &Connection, now_ms: i64) -> Result<(), StoreError> {
    let later: Vec<(i64, String, i64, i64)> = connection
        .prepare_cached(LATER)?
        .query_map([now_ms], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    for (workflow, trigger, anchor_ms, next_fire_ms) in later {
        let trigger: Option<Value> = serde_json::from_str(&trigger).ok();
        let Some(schedule) = read_trigger(trigger.as_ref()) else {
            continue;
        };
        // An interval that began in what is the future now begins anew.
        let anchor_ms = anchor_ms.min(now_ms);
        let sooner_ms = schedule.next_fire_ms(anchor_ms, now_ms);
        if let Some(sooner_ms) = sooner_ms.filter(|sooner_ms| *sooner_ms < next_fire_ms) {
            connection
                .prepare_cached(
                    "UPDATE schedule SET anchor_ms = ?2, next_fire_ms = ?3 WHERE workflow = ?1",
                )?
                .execute((workflow, anchor_ms, sooner_ms))?;
        }
    }
    Ok(())
}

fn has_started(
    connection: &Connection,
    workflow_sequence: i64,
    scheduled_at_ms: i64,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(STARTED)?
        .exists((workflow_sequence, scheduled_at_ms))?)
}

/// Whether the schedule is still due when it was.
fn is_at(connection: &Connection, fire: &Fire) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM schedule WHERE workflow = ?1 AND next_fire_ms = ?2")?
        .exists((fire.workflow_sequence, fire.due_ms))?)
}

/// Whether the schedule is still due when it was, and the time that is to be served has started no run.
pub(super) fn is_due(connection: &Connection, fire: &Fire) -> Result<bool, StoreError> {
    let has_started = has_started(connection, fire.workflow_sequence, fire.scheduled_at_ms)?;
    Ok(!has_started && is_at(connection, fire)?)
}

/// Logs a firing and moves the schedule on.
pub(super) fn record(
    connection: &Connection,
    fire: &Fire,
    run: Option<&RunId>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO firing (workflow, scheduled_at_ms, fired_at_ms, outcome, missed, run_id, error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            fire.workflow_sequence,
            fire.scheduled_at_ms,
            fire.fired_at_ms,
            fire.outcome.as_str(),
            fire.missed,
            run.map(RunId::as_str),
            &fire.error,
        ))?;
    connection
        .prepare_cached(FORGET_MANY)?
        .execute((fire.workflow_sequence, FIRINGS_KEPT))?;
    connection
        .prepare_cached(
            "UPDATE schedule SET next_fire_ms = ?2, last_outcome = ?3,
                last_run_at_ms = iif(?4, ?5, last_run_at_ms), run_count = run_count + ?4
             WHERE workflow = ?1",
        )?
        .execute((
            fire.workflow_sequence,
            fire.next_fire_ms,
            fire.outcome.as_str(),
            run.is_some(),
            fire.fired_at_ms,
        ))?;
    Ok(())
}
