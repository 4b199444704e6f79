//! Usage and credits: what is counted for whom in which hour, and what was spent.
//! May not know keys, prices or what steps do. Promises: runs and credits are counted in the job that makes them so, and a
//! balance that two starts want is given to one.

use super::{Chunk, NewRun, Store, StoreError, column};
use crate::model::credit::{Balance, Estimate, Shortfall};
use crate::model::run::RunStatus;
use crate::model::usage::{DayUsage, HourUsage, Usage, UsageReport, UtcDay, UtcHour};
use rusqlite::{Connection, Row, params};

/// What a run costs, out of which balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What it costs.
    pub estimate: Estimate,
    /// What was granted since ever; `None` is without end.
    pub granted: Option<u64>,
}

impl Store {
    /// Adds to what is known of accounts and hours, all of it or nothing.
    pub async fn add_usage(&self, rows: Vec<HourUsage>) -> Result<(), StoreError> {
        self.write(move |connection| {
            rows.iter()
                .try_for_each(|row| add(connection, &row.account, row.hour, &row.usage))
        })
        .await
    }

    /// What these accounts used from one hour to another, both included. A scan of a row for each of their days, and for each
    /// hour of the last two.
    pub async fn usage(
        &self,
        accounts: Vec<String>,
        from: UtcHour,
        to: UtcHour,
    ) -> Result<UsageReport, StoreError> {
        self.scan(move |connection| {
            let mut report = UsageReport::default();
            let mut statement = connection.prepare_cached(OF_ACCOUNT)?;
            for account in &accounts {
                let mut rows = statement.query((account, from.0, to.0))?;
                while let Some(row) = rows.next()? {
                    report.add(account, UtcHour(row.get(1)?), &usage_of(row)?);
                }
            }
            Ok(report)
        })
        .await
    }

    /// A row for each account and day, from one to another, both included. Days without usage are left out.
    pub async fn usage_days(
        &self,
        accounts: Vec<String>,
        from: UtcDay,
        to: UtcDay,
    ) -> Result<Vec<DayUsage>, StoreError> {
        let hours = self
            .usage_hours(accounts, UtcHour::first_of(from), UtcHour::last_of(to))
            .await?;
        let mut days: Vec<DayUsage> = Vec::new();
        for row in hours {
            let day = row.hour.day();
            match days.last_mut() {
                Some(last) if last.day == day && last.account == row.account => {
                    last.usage += &row.usage;
                }
                _ => days.push(DayUsage {
                    account: row.account,
                    day,
                    usage: row.usage,
                }),
            }
        }
        Ok(days)
    }

    /// A row for each account and hour, from one to another, both included; a day that is over for good is in its first hour.
    /// Each account's in order.
    pub(super) async fn usage_hours(
        &self,
        accounts: Vec<String>,
        from: UtcHour,
        to: UtcHour,
    ) -> Result<Vec<HourUsage>, StoreError> {
        self.scan(move |connection| {
            let mut hours = Vec::new();
            let mut statement = connection.prepare_cached(OF_ACCOUNT)?;
            for account in &accounts {
                let mut rows = statement.query((account, from.0, to.0))?;
                while let Some(row) = rows.next()? {
                    hours.push(hour_usage(row)?);
                }
            }
            Ok(hours)
        })
        .await
    }

    /// The credits that were spent since ever. A point read.
    pub fn spent_credits(&self) -> Result<u64, StoreError> {
        self.read(spent)
    }
}

pub(super) const OF_ACCOUNT: &str = "
    SELECT account, hour, read_requests, write_requests, execute_requests, refused_requests, started_runs, completed_runs,
        failed_runs, cancelled_runs, steps, run_ms, credits, webhook_requests, limited_requests
    FROM usage WHERE account = ?1 AND hour BETWEEN ?2 AND ?3";

const ADD: &str = "
    INSERT INTO usage (account, hour, read_requests, write_requests, execute_requests, refused_requests, started_runs,
        completed_runs, failed_runs, cancelled_runs, steps, run_ms, credits, webhook_requests, limited_requests)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
    ON CONFLICT (account, hour) DO UPDATE SET
        read_requests = read_requests + excluded.read_requests,
        write_requests = write_requests + excluded.write_requests,
        execute_requests = execute_requests + excluded.execute_requests,
        refused_requests = refused_requests + excluded.refused_requests,
        started_runs = started_runs + excluded.started_runs,
        completed_runs = completed_runs + excluded.completed_runs,
        failed_runs = failed_runs + excluded.failed_runs,
        cancelled_runs = cancelled_runs + excluded.cancelled_runs,
        steps = steps + excluded.steps,
        run_ms = run_ms + excluded.run_ms,
        credits = credits + excluded.credits,
        webhook_requests = webhook_requests + excluded.webhook_requests,
        limited_requests = limited_requests + excluded.limited_requests";

pub(super) fn add(
    connection: &Connection,
    account: &str,
    hour: UtcHour,
    usage: &Usage,
) -> Result<(), StoreError> {
    connection.prepare_cached(ADD)?.execute(params![
        account,
        hour.0,
        signed(usage.read_requests),
        signed(usage.write_requests),
        signed(usage.execute_requests),
        signed(usage.refused_requests),
        signed(usage.started_runs),
        signed(usage.completed_runs),
        signed(usage.failed_runs),
        signed(usage.cancelled_runs),
        signed(usage.steps),
        signed(usage.run_ms),
        signed(usage.credits),
        signed(usage.webhook_requests),
        signed(usage.limited_requests),
    ])?;
    Ok(())
}

pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn hour_usage(row: &Row<'_>) -> Result<HourUsage, StoreError> {
    Ok(HourUsage {
        account: row.get(0)?,
        hour: UtcHour(row.get(1)?),
        usage: usage_of(row)?,
    })
}

fn usage_of(row: &Row<'_>) -> Result<Usage, StoreError> {
    Ok(Usage {
        read_requests: column::unsigned(row, 2)?,
        write_requests: column::unsigned(row, 3)?,
        execute_requests: column::unsigned(row, 4)?,
        refused_requests: column::unsigned(row, 5)?,
        started_runs: column::unsigned(row, 6)?,
        completed_runs: column::unsigned(row, 7)?,
        failed_runs: column::unsigned(row, 8)?,
        cancelled_runs: column::unsigned(row, 9)?,
        steps: column::unsigned(row, 10)?,
        run_ms: column::unsigned(row, 11)?,
        credits: column::unsigned(row, 12)?,
        webhook_requests: column::unsigned(row, 13)?,
        limited_requests: column::unsigned(row, 14)?,
    })
}

/// Counts a run that is recorded, and where its first chunk ends it that it has ended.
pub(super) fn run_started(connection: &Connection, run: &NewRun) -> Result<(), StoreError> {
    let Some(account) = &run.account else {
        return Ok(());
    };
    let started = Usage {
        started_runs: 1,
        credits: run
            .charge
            .as_ref()
            .map_or(0, |charge| charge.estimate.credits),
        ..Usage::default()
    };
    let hour = UtcHour::of(run.created_at_ms);
    let Some((chunk, finished_at_ms)) = ended(run.first.as_ref()) else {
        return add(connection, account, hour, &started);
    };
    let mut both = ended_usage(
        chunk.row.status,
        u64::from(chunk.steps_ended),
        chunk.row.started_at_ms,
        finished_at_ms,
    );
    let last_hour = UtcHour::of(finished_at_ms);
    if last_hour == hour {
        both += &started;
        return add(connection, account, hour, &both);
    }
    add(connection, account, hour, &started)?;
    add(connection, account, last_hour, &both)
}

fn ended(chunk: Option<&Chunk>) -> Option<(&Chunk, i64)> {
    let chunk = chunk?;
    Some((chunk, chunk.row.finished_at_ms?))
}

pub(super) const OF_RUN: &str =
    "SELECT account, step_count, started_at_ms FROM run WHERE sequence = ?1";

/// Counts the end of a run whose row has just been brought to it.
pub(super) fn run_ended(
    connection: &Connection,
    run_sequence: i64,
    status: RunStatus,
    finished_at_ms: i64,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(OF_RUN)?;
    let mut rows = statement.query([run_sequence])?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let Some(account) = row.get::<_, Option<String>>(0)? else {
        return Ok(());
    };
    let usage = ended_usage(
        status,
        column::unsigned(row, 1)?,
        row.get(2)?,
        finished_at_ms,
    );
    add(connection, &account, UtcHour::of(finished_at_ms), &usage)
}

fn ended_usage(
    status: RunStatus,
    steps: u64,
    started_at_ms: Option<i64>,
    finished_at_ms: i64,
) -> Usage {
    let run_ms = finished_at_ms.saturating_sub(started_at_ms.unwrap_or(finished_at_ms));
    let count = |wanted| u64::from(status == wanted);
    Usage {
        completed_runs: count(RunStatus::Completed),
        failed_runs: count(RunStatus::Failed),
        cancelled_runs: count(RunStatus::Cancelled),
        steps,
        // A clock that was set back gives no time back.
        run_ms: u64::try_from(run_ms).unwrap_or_default(),
        ..Usage::default()
    }
}

const SPENT: &str = "SELECT spent FROM credit WHERE only = 1";

fn spent(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(SPENT)?;
    let spent = statement
        .query_and_then([], |row| column::unsigned(row, 0))?
        .next();
    spent.unwrap_or(Ok(0))
}

/// What the balance lacks for the charge, if it does.
pub(super) fn shortfall(
    connection: &Connection,
    charge: &Charge,
) -> Result<Option<Shortfall>, StoreError> {
    let balance = Balance {
        granted: charge.granted,
        spent: spent(connection)?,
    };
    Ok(balance.covers(&charge.estimate).err())
}

/// Spends what a charge says.
pub(super) fn spend(connection: &Connection, charge: &Charge) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO credit (only, spent) VALUES (1, ?1)
             ON CONFLICT (only) DO UPDATE SET spent = spent + excluded.spent",
        )?
        .execute([signed(charge.estimate.credits)])?;
    Ok(())
}
