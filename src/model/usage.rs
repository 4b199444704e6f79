//! What keys have used: requests, runs, steps, time and credits, per hour and per day in UTC.
//! May not know how any of it is counted or stored. Promise: a total is the sum of what it stands over, and nothing else.

use chrono::{Days, NaiveDate};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// Whom usage is counted for where the owner of the data folder asked.
pub const CONTROL: &str = "control";
/// Whom it is counted for where the clock started a run.
pub const SCHEDULE: &str = "schedule";
/// Whom it is counted for where an event of another service started a run.
pub const WEBHOOK: &str = "webhook";
/// Whom it is counted for where somebody without a key asked what is open to everybody.
pub const VISITOR: &str = "visitor";

const HOUR_MS: i64 = 60 * 60 * 1_000;
const HOURS_A_DAY: i64 = 24;
const DAY_MS: i64 = HOURS_A_DAY * HOUR_MS;

/// A day in UTC, as the number of days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(pub i64);

impl UtcDay {
    /// The day of a moment in milliseconds since the Unix epoch.
    pub fn of(unix_ms: i64) -> UtcDay {
        UtcDay(unix_ms.div_euclid(DAY_MS))
    }

    /// Reads a date like `2030-01-31`, between the years 1 and 9999.
    pub fn parse(text: &str) -> Option<UtcDay> {
        // Chrono also takes signs and short numbers.
        let is_plain =
            text.len() == 10 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-'));
        let date: NaiveDate = text.parse().ok().filter(|_| is_plain)?;
        Some(UtcDay(date.signed_duration_since(epoch()).num_days()))
    }

    /// The day so many days before.
    #[must_use]
    pub fn minus(self, days: u32) -> UtcDay {
        UtcDay(self.0.saturating_sub(i64::from(days)))
    }
}

/// An hour in UTC, as the number of hours since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcHour(pub i64);

impl UtcHour {
    /// The hour of a moment in milliseconds since the Unix epoch.
    pub fn of(unix_ms: i64) -> UtcHour {
        UtcHour(unix_ms.div_euclid(HOUR_MS))
    }

    /// The first hour of a day.
    pub fn first_of(day: UtcDay) -> UtcHour {
        UtcHour(day.0.saturating_mul(HOURS_A_DAY))
    }

    /// The last hour of a day.
    pub fn last_of(day: UtcDay) -> UtcHour {
        UtcHour(UtcHour::first_of(day).0.saturating_add(HOURS_A_DAY - 1))
    }

    /// When it begins, in milliseconds since the Unix epoch.
    pub fn begins_at_ms(self) -> i64 {
        self.0.saturating_mul(HOUR_MS)
    }

    /// The day that it belongs to.
    pub fn day(self) -> UtcDay {
        UtcDay(self.0.div_euclid(HOURS_A_DAY))
    }

    /// The hour so many hours before.
    #[must_use]
    pub fn minus(self, hours: u32) -> UtcHour {
        UtcHour(self.0.saturating_sub(i64::from(hours)))
    }
}

/// As `2030-01-31T09:00Z`.
impl fmt::Display for UtcHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}T{:02}:00Z",
            self.day(),
            self.0.rem_euclid(HOURS_A_DAY)
        )
    }
}

impl fmt::Display for UtcDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = Days::new(self.0.unsigned_abs());
        let date = if self.0 < 0 {
            epoch().checked_sub_days(days)
        } else {
            epoch().checked_add_days(days)
        };
        match date {
            Some(date) => date.fmt(f),
            None => write!(f, "day {}", self.0),
        }
    }
}

fn epoch() -> NaiveDate {
    NaiveDate::default()
}

/// How much was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Requests that were let in and that read.
    pub read_requests: u64,
    /// Requests that were let in and that change something.
    pub write_requests: u64,
    /// Requests that were let in and that start, end or answer runs.
    pub execute_requests: u64,
    /// Requests that were refused for the key's limit or a permission that it lacks; in none of the three above.
    pub refused_requests: u64,
    /// Those of the refused ones that were over the key's limit.
    pub limited_requests: u64,
    /// Requests of other services that were believed.
    pub webhook_requests: u64,
    /// Runs that were recorded.
    pub started_runs: u64,
    /// Runs that ended well.
    pub completed_runs: u64,
    /// Runs that failed.
    pub failed_runs: u64,
    /// Runs that were cancelled.
    pub cancelled_runs: u64,
    /// Attempts at steps that ended, of runs that ended.
    pub steps: u64,
    /// From the first step to the end of runs that ended, waits included, in milliseconds.
    pub run_ms: u64,
    /// Credits that runs were charged when they started.
    pub credits: u64,
}

impl AddAssign<&Usage> for Usage {
    fn add_assign(&mut self, more: &Usage) {
        // Without `..`: a field that is not summed up does not compile.
        let Usage {
            read_requests,
            write_requests,
            execute_requests,
            refused_requests,
            limited_requests,
            webhook_requests,
            started_runs,
            completed_runs,
            failed_runs,
            cancelled_runs,
            steps,
            run_ms,
            credits,
        } = more;
        for (sum, more) in [
            (&mut self.read_requests, read_requests),
            (&mut self.write_requests, write_requests),
            (&mut self.execute_requests, execute_requests),
            (&mut self.refused_requests, refused_requests),
            (&mut self.limited_requests, limited_requests),
            (&mut self.webhook_requests, webhook_requests),
            (&mut self.started_runs, started_runs),
            (&mut self.completed_runs, completed_runs),
            (&mut self.failed_runs, failed_runs),
            (&mut self.cancelled_runs, cancelled_runs),
            (&mut self.steps, steps),
            (&mut self.run_ms, run_ms),
            (&mut self.credits, credits),
        ] {
            *sum = sum.saturating_add(*more);
        }
    }
}

impl Usage {
    /// Requests that were let in, of whatever kind.
    pub fn requests(&self) -> u64 {
        [
            self.read_requests,
            self.write_requests,
            self.execute_requests,
            self.webhook_requests,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// What one account used in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourUsage {
    /// As in [`DayUsage`].
    pub account: String,
    /// When.
    pub hour: UtcHour,
    /// How much.
    pub usage: Usage,
}

/// How often requests without a key that was let in were refused for one reason in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourRefusals {
    /// When.
    pub hour: UtcHour,
    /// The word for why, as in the audit log.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// What one account used on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUsage {
    /// A key's id, or [`CONTROL`], [`SCHEDULE`] or [`WEBHOOK`].
    pub account: String,
    /// When.
    pub day: UtcDay,
    /// How much.
    pub usage: Usage,
}

/// What several accounts used in a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageReport {
    /// By hour; hours without usage are left out, and a day that is over for good is in its first hour.
    pub by_hour: BTreeMap<UtcHour, Usage>,
    /// By account; accounts without usage are left out.
    pub by_account: BTreeMap<String, Usage>,
}

impl UsageReport {
    /// Adds what one account used in one hour.
    pub fn add(&mut self, account: &str, hour: UtcHour, usage: &Usage) {
        *self.by_hour.entry(hour).or_default() += usage;
        match self.by_account.get_mut(account) {
            Some(sum) => *sum += usage,
            None => {
                self.by_account.insert(account.to_owned(), *usage);
            }
        }
    }

    /// All of it.
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.by_hour.values().for_each(|usage| total += usage);
        total
    }

    /// By day; days without usage are left out.
    pub fn by_day(&self) -> BTreeMap<UtcDay, Usage> {
        let mut days: BTreeMap<UtcDay, Usage> = BTreeMap::new();
        for (hour, usage) in &self.by_hour {
            *days.entry(hour.day()).or_default() += usage;
        }
        days
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written_and_begin_at_midnight() {
        for (unix_ms, text) in [
            (0, "1970-01-01"),
            (DAY_MS - 1, "1970-01-01"),
            (DAY_MS, "1970-01-02"),
            (-1, "1969-12-31"),
            (1_705_312_800_000, "2024-01-15"),
            (951_782_400_000, "2000-02-29"),
        ] {
            let day = UtcDay::of(unix_ms);
            assert_eq!(day.to_string(), text);
            assert_eq!(UtcDay::parse(text), Some(day));
        }
        assert_eq!(UtcDay::of(0).minus(1).to_string(), "1969-12-31");
        for bad in [
            "",
            "2024-1-15",
            "2024-02-30",
            "15-01-2024",
            "2024-01-15T00:00:00Z",
            "+024-01-15",
            "20240115",
            "2024-01-1５",
        ] {
            assert_eq!(UtcDay::parse(bad), None, "{bad}");
        }
        assert_eq!(UtcDay(i64::MAX).to_string(), format!("day {}", i64::MAX));
    }

    #[test]
    fn hours_belong_to_their_days() {
        for (hour, text) in [
            (0, "1970-01-01T00:00Z"),
            (23, "1970-01-01T23:00Z"),
            (24, "1970-01-02T00:00Z"),
            (-1, "1969-12-31T23:00Z"),
        ] {
            assert_eq!(UtcHour(hour).to_string(), text);
            assert_eq!(UtcHour::of(hour * HOUR_MS), UtcHour(hour));
            assert_eq!(UtcHour::of(hour * HOUR_MS + HOUR_MS - 1), UtcHour(hour));
            let day = UtcHour(hour).day();
            assert!((UtcHour::first_of(day)..=UtcHour::last_of(day)).contains(&UtcHour(hour)));
            assert_eq!(UtcHour::last_of(day).minus(23), UtcHour::first_of(day));
        }
    }

    #[test]
    fn a_report_sums_up_by_day_and_by_account() {
        let usage = |read_requests, steps| Usage {
            read_requests,
            steps,
            ..Usage::default()
        };
        let mut report = UsageReport::default();
        for (account, hour, usage) in [
            ("a", 24, usage(1, 10)),
            ("b", 47, usage(2, 20)),
            ("a", 48, usage(4, 40)),
        ] {
            report.add(account, UtcHour(hour), &usage);
        }
        assert_eq!(report.total(), usage(7, 70));
        let days: Vec<_> = report.by_day().into_iter().collect();
        assert_eq!(days, [(UtcDay(1), usage(3, 30)), (UtcDay(2), usage(4, 40))]);
        let accounts: Vec<_> = report.by_account.into_iter().collect();
        assert_eq!(
            accounts,
            [
                ("a".to_owned(), usage(5, 50)),
                ("b".to_owned(), usage(2, 20))
            ]
        );
    }
}
