//! What keys have used and what the balance is: as doors ask for it and as they show it, without their envelopes.
//! May not know any door. Promise: a key sees its own usage and that of keys which it may see; of anything else it learns
//! not even that it is there.

use super::problem::Problem;
use super::visit::Ctx;
use crate::model::credit::Balance;
use crate::model::usage::{Usage, UtcDay, UtcHour};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many days are shown when nobody says, and how many at most.
const DEFAULT_DAYS: u32 = 30;
const MAX_DAYS: u32 = 400;
/// What is asked for instead of one key: every one that the caller may see.
const ALL: &str = "all";

/// Which usage to show.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct UsageQuery {
    /// The first day in UTC; by default the 29th before the last one.
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    /// The last day in UTC; by default today. From the first to the last there are at most 400.
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    /// Of which key: an id, `control` (the owner of the data folder), `schedule` or `webhook` (runs that nobody with a key
    /// started), or `all` that the calling key may see; by default the calling key itself.
    key_id: Option<String>,
}

/// What was used in some days, and the balance of credits.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Usage")]
pub(super) struct UsageView {
    /// Of which key, or `all`.
    key_id: String,
    /// The first day, UTC.
    #[schemars(extend("format" = "date"))]
    from: String,
    /// The last day, UTC.
    #[schemars(extend("format" = "date"))]
    to: String,
    /// All days together.
    totals: NumbersView,
    /// Each day on which something was used, newest first.
    days: Vec<DayView>,
    /// Of `all`: each key that has used something in these days.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<KeyView>>,
    /// The credits of the whole server, now.
    balance: BalanceView,
}

/// How much was used.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageNumbers")]
struct NumbersView {
    /// Requests; they are counted within seconds.
    requests: RequestsView,
    /// Runs, those of sub-workflows included.
    runs: RunsView,
    /// Attempts at steps that ended, of runs that ended.
    steps: u64,
    /// How long runs took that ended, waits included.
    seconds: f64,
    /// Credits that runs cost, counted when they start.
    credits: u64,
}

/// How many requests were made, by the limit that they count for.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageRequests")]
struct RequestsView {
    /// Let in, and reading.
    read: u64,
    /// Let in, and changing something.
    write: u64,
    /// Let in, and starting, ending or answering runs.
    execute: u64,
    /// Refused, since the key was over its limit (429) or lacks the scope (403).
    refused: u64,
}

/// How many runs there were.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageRuns")]
struct RunsView {
    /// Runs that were started, by the day of their start.
    started: u64,
    /// Runs that ended well, by the day of their end.
    completed: u64,
    /// Runs that failed.
    failed: u64,
    /// Runs that were cancelled.
    cancelled: u64,
}

/// One day.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UsageDay")]
struct DayView {
    /// The day, UTC.
    #[schemars(extend("format" = "date"))]
    date: String,
    #[serde(flatten)]
    numbers: NumbersView,
}

/// One key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "UsageOfKey")]
struct KeyView {
    /// The key's id, `control`, `schedule` or `webhook`.
    key_id: String,
    #[serde(flatten)]
    numbers: NumbersView,
}

/// The credits of the whole server; `null` is without end.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CreditBalance")]
struct BalanceView {
    /// Granted since ever (setting `credit_balance`).
    granted: Option<u64>,
    /// Spent since ever.
    spent: u64,
    /// Left.
    available: Option<u64>,
}

/// The usage that is asked for, with every request counted that came before this one.
pub(super) async fn usage(ctx: &Ctx, asked: UsageQuery) -> Result<UsageView, Problem> {
    let api = ctx.api();
    let (from, to) = days(&asked, UtcDay::of(api.clock.now_ms()))?;
    let key_id = asked.key_id.unwrap_or_else(|| ctx.key().id().to_string());
    let seen = api.keyring.usage_seen_by(ctx.key());
    let accounts = match key_id.as_str() {
        ALL => seen,
        one if seen.iter().any(|account| account == one) => vec![key_id.clone()],
        _ => return Err(Problem::NotFound("API key")),
    };
    api.keyring.write_usage().await;
    let (first, last) = (UtcHour::first_of(from), UtcHour::last_of(to));
    let report = api.store.usage(accounts, first, last).await?;
    let days = report.by_day();
    let days = days.iter().rev().map(|(day, usage)| DayView {
        date: day.to_string(),
        numbers: numbers(usage),
    });
    let keys = (key_id == ALL).then(|| {
        let keys = report.by_account.iter().map(|(account, usage)| KeyView {
            key_id: account.clone(),
            numbers: numbers(usage),
        });
        keys.collect()
    });
    Ok(UsageView {
        from: from.to_string(),
        to: to.to_string(),
        totals: numbers(&report.total()),
        days: days.collect(),
        keys,
        balance: balance(&api.engine.balance()?),
        key_id,
    })
}

/// The first and the last day.
fn days(asked: &UsageQuery, today: UtcDay) -> Result<(UtcDay, UtcDay), Problem> {
    let to = day("to", asked.to.as_deref())?.unwrap_or(today);
    let from = day("from", asked.from.as_deref())?.unwrap_or(to.minus(DEFAULT_DAYS - 1));
    if from > to {
        return Err(Problem::invalid(format!(
            "`from` is {from}, after `to`, which is {to}; send them the other way round."
        )));
    }
    if from < to.minus(MAX_DAYS - 1) {
        return Err(Problem::invalid(format!(
            "From {from} to {to} are more than {MAX_DAYS} days; ask for fewer."
        )));
    }
    Ok((from, to))
}

fn day(name: &str, text: Option<&str>) -> Result<Option<UtcDay>, Problem> {
    let Some(text) = text else {
        return Ok(None);
    };
    UtcDay::parse(text).map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Problem::invalid(format!(
            "`{name}` is `{shown}`; send a date like 2030-01-31."
        ))
    })
}

fn numbers(usage: &Usage) -> NumbersView {
    NumbersView {
        requests: RequestsView {
            read: usage.read_requests,
            write: usage.write_requests,
            execute: usage.execute_requests,
            refused: usage.refused_requests,
        },
        runs: RunsView {
            started: usage.started_runs,
            completed: usage.completed_runs,
            failed: usage.failed_runs,
            cancelled: usage.cancelled_runs,
        },
        steps: usage.steps,
        // Exact up to 285,000 years.
        seconds: usage.run_ms as f64 / 1_000.0,
        credits: usage.credits,
    }
}

fn balance(balance: &Balance) -> BalanceView {
    BalanceView {
        granted: balance.granted,
        spent: balance.spent,
        available: balance.available(),
    }
}
