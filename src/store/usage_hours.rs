//! What of usage is kept by the hour: refusals of callers without a key, the hours of a day that is over made one row, and
//! what is too old forgotten. May not know who asks. Promise: making one row of a day's hours changes no sum, and no job
//! touches more than a slice.

use super::{Store, StoreError, column, usage};
use crate::model::usage::{HourRefusals, UtcDay, UtcHour};
use rusqlite::{Connection, Row};

/// How many rows one job forgets, or makes one with others.
const SLICE_ROWS: usize = 2_000;

impl Store {
    /// Refusals of callers without a key from one hour to another, both included, in order; a day that is over for good is in
    /// its first hour.
    pub async fn refusal_hours(
        &self,
        from: UtcHour,
        to: UtcHour,
    ) -> Result<Vec<HourRefusals>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(REFUSALS)?
                .query_and_then((from.0, to.0), hour_refusals)?
                .collect()
        })
        .await
    }

    /// Makes one row of the hours of each day before this one.
    pub async fn fold_usage_before(&self, day: UtcDay) -> Result<(), StoreError> {
        let before = UtcHour::first_of(day);
        while self
            .write(move |connection| fold_slice(connection, before))
            .await?
        {}
        while self
            .write(move |connection| fold_refusals(connection, before))
            .await?
        {}
        Ok(())
    }

    /// Forgets the days before one, in slices.
    pub async fn forget_usage_before(&self, day: UtcDay) -> Result<(), StoreError> {
        let before = UtcHour::first_of(day);
        loop {
            let forget = move |connection: &Connection| {
                connection
                    .prepare_cached(FORGET_REFUSALS)?
                    .execute([before.0])?;
                let mut statement = connection.prepare_cached(FORGET)?;
                Ok(statement.execute((before.0, SLICE_ROWS as i64))?)
            };
            if self.write(forget).await? < SLICE_ROWS {
                return Ok(());
            }
        }
    }
}

pub(super) const REFUSALS: &str =
    "SELECT hour, reason, count FROM refusal WHERE hour BETWEEN ?1 AND ?2";

pub(super) const FORGET: &str = "
    DELETE FROM usage WHERE (account, hour) IN (SELECT account, hour FROM usage WHERE hour < ?1 LIMIT ?2)";

pub(super) const FORGET_REFUSALS: &str = "DELETE FROM refusal WHERE hour < ?1";

pub(super) const UNFOLDED: &str = "
    SELECT account, hour, read_requests, write_requests, execute_requests, refused_requests, started_runs, completed_runs,
        failed_runs, cancelled_runs, steps, run_ms, credits, webhook_requests, limited_requests
    FROM usage WHERE hour % 24 <> 0 AND hour < ?1 LIMIT ?2";

/// Adds some rows to the first hours of their days; gives whether there may be more.
fn fold_slice(connection: &Connection, before: UtcHour) -> Result<bool, StoreError> {
    let rows = connection
        .prepare_cached(UNFOLDED)?
        .query_and_then((before.0, SLICE_ROWS as i64), usage::hour_usage)?
        .collect::<Result<Vec<_>, _>>()?;
    let mut remove =
        connection.prepare_cached("DELETE FROM usage WHERE account = ?1 AND hour = ?2")?;
    for row in &rows {
        remove.execute((&row.account, row.hour.0))?;
        usage::add(
            connection,
            &row.account,
            UtcHour::first_of(row.hour.day()),
            &row.usage,
        )?;
    }
    Ok(rows.len() == SLICE_ROWS)
}

pub(super) const UNFOLDED_REFUSALS: &str =
    "SELECT hour, reason, count FROM refusal WHERE hour % 24 <> 0 AND hour < ?1 LIMIT ?2";

/// The same for refusals.
fn fold_refusals(connection: &Connection, before: UtcHour) -> Result<bool, StoreError> {
    let rows = connection
        .prepare_cached(UNFOLDED_REFUSALS)?
        .query_and_then((before.0, SLICE_ROWS as i64), hour_refusals)?
        .collect::<Result<Vec<_>, _>>()?;
    let mut remove =
        connection.prepare_cached("DELETE FROM refusal WHERE hour = ?1 AND reason = ?2")?;
    let is_slice = rows.len() == SLICE_ROWS;
    for row in rows {
        remove.execute((row.hour.0, &row.reason))?;
        let hour = UtcHour::first_of(row.hour.day());
        add_refusals(connection, &HourRefusals { hour, ..row })?;
    }
    Ok(is_slice)
}

fn hour_refusals(row: &Row<'_>) -> Result<HourRefusals, StoreError> {
    Ok(HourRefusals {
        hour: UtcHour(row.get(0)?),
        reason: row.get(1)?,
        count: column::unsigned(row, 2)?,
    })
}

/// Adds refusals, within a job.
pub(super) fn add_refusals(
    connection: &Connection,
    refusals: &HourRefusals,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO refusal (hour, reason, count) VALUES (?1, ?2, ?3)
             ON CONFLICT (hour, reason) DO UPDATE SET count = count + excluded.count",
        )?
        .execute((
            refusals.hour.0,
            &refusals.reason,
            usage::signed(refusals.count),
        ))?;
    Ok(())
}
