//! What people answered to steps that asked. May not know what is asked.
//! Promise: a step is answered once; an answer is kept with its run, also one that comes before the step asks.

use super::{Edit, Store, StoreError, column};
use crate::model::run::RunStatus;
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The activation, as the journal names it.
    pub step: String,
    /// 0 for an approval; else the attempt whose outcome is told.
    pub attempt: u32,
    /// Who: a key's public id, `control`, `link`, or `timeout` where nobody answered in time.
    pub by: String,
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What was answered.
    pub body: Value,
}

pub(super) const ANSWERS: &str = "
    SELECT step, attempt, answered_by, answered_at_ms, body FROM answer WHERE run = ?1";

impl Store {
    /// Records an answer. `Conflict`: the step was answered before, or the run has ended.
    pub async fn answer(&self, run_sequence: i64, answer: Answer) -> Result<Edit<()>, StoreError> {
        self.write(move |connection| record(connection, run_sequence, &answer))
            .await
    }

    /// Every answer to steps of a run. A point read.
    pub fn answers(&self, run_sequence: i64) -> Result<Vec<Answer>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(ANSWERS)?
                .query_and_then([run_sequence], |row| {
                    Ok(Answer {
                        step: row.get(0)?,
                        attempt: row.get(1)?,
                        by: row.get(2)?,
                        at_ms: row.get(3)?,
                        body: column::json(row, 4)?,
                    })
                })?
                .collect()
        })
    }
}

fn record(
    connection: &Connection,
    run_sequence: i64,
    answer: &Answer,
) -> Result<Edit<()>, StoreError> {
    let status: Option<String> = connection
        .prepare_cached("SELECT status FROM run WHERE sequence = ?1")?
        .query_row([run_sequence], |row| row.get(0))
        .optional()?;
    let Some(status) = status else {
        return Ok(Edit::NotFound);
    };
    if RunStatus::parse(&status).is_none_or(RunStatus::is_final) {
        return Ok(Edit::Conflict(format!("the run is already `{status}`")));
    }
    let added = connection
        .prepare_cached(
            "INSERT INTO answer (run, step, attempt, answered_by, answered_at_ms, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute((
            run_sequence,
            &answer.step,
            answer.attempt,
            &answer.by,
            answer.at_ms,
            column::to_json(&answer.body)?,
        ))?;
    Ok(if added == 0 {
        Edit::Conflict(format!(
            "step `{}` was answered before, or its time was over",
            answer.step
        ))
    } else {
        Edit::Done(())
    })
}
