//! Usage as its page shows it: the times that are asked for, the charts, and who has used how much.
//! May not know how usage is kept. Promise: every time of the range is there, also where nothing was used.

use super::super::chart::Chart;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::usage::{CONTROL, HourRefusals, SCHEDULE, Usage, UtcDay, UtcHour, WEBHOOK};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What is asked for instead of one key.
pub(super) const ALL: &str = "all";
/// How many accounts are listed: those that have asked the most.
const MAX_ACCOUNTS: usize = 25;
/// How many lanes a chart has: the rest of what is counted is one lane.
const MAX_LANES: usize = 8;
/// Refusals whose status is 429.
const LIMITED: [&str; 2] = ["limited", "throttled"];

/// How far the page goes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// The word in the page's address.
    pub(super) word: &'static str,
    /// What people read.
    pub(super) label: &'static str,
    /// How many days.
    pub(super) days: u32,
}

impl Range {
    /// Every range.
    pub(super) const ALL: [Range; 4] = [
        Range {
            word: "24h",
            label: "24 hours",
            days: 1,
        },
        Range {
            word: "7d",
            label: "7 days",
            days: 7,
        },
        Range {
            word: "30d",
            label: "30 days",
            days: 30,
        },
        Range {
            word: "90d",
            label: "90 days",
            days: 90,
        },
    ];

    /// The range of a word; 30 days where there is none.
    pub(super) fn named(word: &str) -> Result<Range, Problem> {
        let word = if word.is_empty() { "30d" } else { word };
        let found = Range::ALL.into_iter().find(|range| range.word == word);
        found.ok_or_else(|| Problem::invalid("`range` is one of 24h, 7d, 30d and 90d."))
    }
}

/// The times of a range, up to now: hours, or days.
pub(super) struct Span {
    days: u32,
    now: UtcHour,
}

impl Span {
    /// Of a range that ends now.
    pub(super) fn new(range: Range, now_ms: i64) -> Span {
        Span {
            days: range.days,
            now: UtcHour::of(now_ms),
        }
    }

    fn is_hourly(&self) -> bool {
        self.days == 1
    }

    /// The first and the last hour.
    pub(super) fn hours(&self) -> (UtcHour, UtcHour) {
        if self.is_hourly() {
            return (self.now.minus(23), self.now);
        }
        let first = self.now.day().minus(self.days - 1);
        (UtcHour::first_of(first), self.now)
    }

    fn times(&self) -> Vec<String> {
        let (first, _) = self.hours();
        let count = if self.is_hourly() { 24 } else { self.days };
        let time = |index: i64| match self.is_hourly() {
            true => UtcHour(first.0 + index).to_string(),
            false => UtcDay(first.day().0 + index).to_string(),
        };
        (0..i64::from(count)).map(time).collect()
    }

    /// The place of an hour among the times.
    fn place(&self, hour: UtcHour) -> Option<usize> {
        let (first, last) = self.hours();
        let place = if self.is_hourly() {
            hour.0 - first.0
        } else {
            hour.day().0 - first.day().0
        };
        usize::try_from(place).ok().filter(|_| hour <= last)
    }
}

/// Lanes that are filled number by number.
struct Lanes<'a> {
    span: &'a Span,
    times: usize,
    lanes: BTreeMap<(usize, String), Vec<u64>>,
}

impl<'a> Lanes<'a> {
    /// With these lanes, in this order, whatever is counted.
    fn new(span: &'a Span, labels: &[&str]) -> Lanes<'a> {
        let times = span.times().len();
        let lanes = labels.iter().enumerate();
        let lanes = lanes.map(|(index, label)| ((index, (*label).to_owned()), vec![0; times]));
        Lanes {
            span,
            times,
            lanes: lanes.collect(),
        }
    }

    fn add(&mut self, lane: (usize, &str), hour: UtcHour, count: u64) {
        let Some(place) = self.span.place(hour).filter(|_| count > 0) else {
            return;
        };
        let (order, label) = lane;
        let values = self
            .lanes
            .entry((order, label.to_owned()))
            .or_insert_with(|| vec![0; self.times]);
        if let Some(value) = values.get_mut(place) {
            *value = value.saturating_add(count);
        }
    }

    fn chart(self, name: &'static str) -> Chart {
        let mut lanes: Vec<(String, Vec<u64>)> = self
            .lanes
            .into_iter()
            .map(|((_, label), values)| (label, values))
            .collect();
        if lanes.len() > MAX_LANES {
            lanes.sort_by_key(|(_, values)| Reverse(values.iter().sum::<u64>()));
            let rest = lanes.split_off(MAX_LANES - 1);
            let mut others = vec![0_u64; self.times];
            for (_, values) in rest {
                for (sum, value) in others.iter_mut().zip(values) {
                    *sum = sum.saturating_add(value);
                }
            }
            lanes.push(("For other reasons".to_owned(), others));
        }
        let unit = if self.span.is_hourly() { "Hour" } else { "Day" };
        Chart::new(name, unit, self.span.times(), lanes)
    }
}

/// The charts of the page.
pub(super) fn charts(
    span: &Span,
    hours: &BTreeMap<UtcHour, Usage>,
    refusals: &[HourRefusals],
) -> Vec<Chart> {
    vec![
        requests(span, hours),
        runs(span, hours),
        limited(span, hours, refusals),
        refused(span, hours, refusals),
    ]
}

fn requests(span: &Span, hours: &BTreeMap<UtcHour, Usage>) -> Chart {
    let labels = ["Read", "Write", "Execute", "Webhook"];
    counted(span, hours, "Requests that were let in", labels, |usage| {
        [
            usage.read_requests,
            usage.write_requests,
            usage.execute_requests,
            usage.webhook_requests,
        ]
    })
}

fn runs(span: &Span, hours: &BTreeMap<UtcHour, Usage>) -> Chart {
    let labels = ["Started", "Completed", "Failed", "Cancelled"];
    counted(span, hours, "Runs", labels, |usage| {
        [
            usage.started_runs,
            usage.completed_runs,
            usage.failed_runs,
            usage.cancelled_runs,
        ]
    })
}

/// A chart of four numbers of usage.
fn counted(
    span: &Span,
    hours: &BTreeMap<UtcHour, Usage>,
    name: &'static str,
    labels: [&str; 4],
    numbers: impl Fn(&Usage) -> [u64; 4],
) -> Chart {
    let mut lanes = Lanes::new(span, &labels);
    for (hour, usage) in hours {
        for (lane, count) in labels.into_iter().enumerate().zip(numbers(usage)) {
            lanes.add(lane, *hour, count);
        }
    }
    lanes.chart(name)
}

/// Requests that were answered with 429.
fn limited(span: &Span, hours: &BTreeMap<UtcHour, Usage>, refusals: &[HourRefusals]) -> Chart {
    let mut lanes = Lanes::new(span, &["Over a limit"]);
    for (hour, usage) in hours {
        lanes.add((0, "Over a limit"), *hour, usage.limited_requests);
    }
    for row in refusals {
        match row.reason.as_str() {
            "limited" => lanes.add((0, "Over a limit"), row.hour, row.count),
            "throttled" => lanes.add((1, "After too many failed attempts"), row.hour, row.count),
            _ => {}
        }
    }
    lanes.chart("Requests over a limit (429)")
}

/// Requests that were refused for something else.
fn refused(span: &Span, hours: &BTreeMap<UtcHour, Usage>, refusals: &[HourRefusals]) -> Chart {
    let mut lanes = Lanes::new(span, &[]);
    for (hour, usage) in hours {
        let other = usage.refused_requests;
        let other = other.saturating_sub(usage.limited_requests);
        lanes.add((0, "Without the permission"), *hour, other);
    }
    let not_limited = refusals
        .iter()
        .filter(|row| !LIMITED.contains(&row.reason.as_str()));
    for row in not_limited {
        lanes.add((1, reason(&row.reason)), row.hour, row.count);
    }
    lanes.chart("Requests that were refused, by reason")
}

/// What people read for a reason.
fn reason(word: &str) -> &str {
    match word {
        "missing" => "Without a key",
        "malformed" => "With what is no key",
        "unknown" => "With an unknown key",
        "expired" => "With an expired key",
        "revoked" => "With a revoked key",
        "disabled" => "With a disabled key",
        "webhook_unsigned" => "Webhook without a signature",
        "webhook_signature" => "Webhook with a wrong signature",
        "webhook_time" => "Webhook of another time",
        "media_link" => "Wrong link to a file",
        "approval_link" => "Wrong link to an approval",
        "other_site" => "Form of another site",
        "password" => "Wrong password",
        other => other,
    }
}

/// One account and what it has used.
pub(super) struct AccountRow {
    /// A key's id, or a word.
    pub(super) id: String,
    /// What people read for it.
    pub(super) name: String,
    /// How much.
    pub(super) usage: Usage,
}

/// The accounts that have asked the most.
pub(super) fn accounts(ctx: &Ctx, by_account: BTreeMap<String, Usage>) -> Vec<AccountRow> {
    let mut all: Vec<(String, Usage)> = by_account.into_iter().collect();
    all.sort_by_key(|(_, usage)| Reverse((usage.requests(), usage.started_runs)));
    let most = all.into_iter().take(MAX_ACCOUNTS);
    most.map(|(account, usage)| AccountRow {
        name: named(ctx, &account),
        id: account,
        usage,
    })
    .collect()
}

/// What people read for an account.
pub(super) fn named(ctx: &Ctx, account: &str) -> String {
    match account {
        ALL => return "All keys".to_owned(),
        CONTROL => return "The data folder's owner".to_owned(),
        SCHEDULE => return "Schedules".to_owned(),
        WEBHOOK => return "Webhooks".to_owned(),
        _ => {}
    }
    let record = account.parse().ok().and_then(|id| {
        let keyring = &ctx.api().keyring;
        keyring.get(ctx.key(), &id)
    });
    record.map_or_else(|| account.to_owned(), |record| record.name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn span(word: &str, now: i64) -> Span {
        let range = Range::named(word).expect("a range");
        Span::new(range, now * HOUR_MS)
    }

    #[test]
    fn a_range_has_all_its_times_and_the_last_one_is_now() {
        let now = 24 * 1_000 + 10;
        for (word, count, first, last) in [
            ("24h", 24, "1972-09-26T11:00Z", "1972-09-27T10:00Z"),
            ("7d", 7, "1972-09-21", "1972-09-27"),
            ("", 30, "1972-08-29", "1972-09-27"),
            ("90d", 90, "1972-06-30", "1972-09-27"),
        ] {
            let span = span(word, now);
            let times = span.times();
            assert_eq!(times.len(), count, "{word}");
            assert_eq!(times.first().map(String::as_str), Some(first));
            assert_eq!(times.last().map(String::as_str), Some(last));
            let (from, to) = span.hours();
            assert_eq!(span.place(from), Some(0));
            assert_eq!(span.place(to), Some(count - 1));
            assert_eq!(span.place(from.minus(1)), None);
            assert_eq!(span.place(UtcHour(to.0 + 1)), None);
        }
        assert!(Range::named("1y").is_err());
    }

    #[test]
    fn more_reasons_than_lanes_are_summed_up() {
        let span = span("7d", 24 * 1_000);
        let refusals: Vec<HourRefusals> = (1..=10)
            .map(|count| HourRefusals {
                hour: UtcHour(24 * 1_000),
                reason: format!("reason {count:02}"),
                count,
            })
            .collect();
        let chart = refused(&span, &BTreeMap::new(), &refusals);
        let lanes: Vec<(&str, u64)> = chart
            .lanes
            .iter()
            .map(|lane| (lane.label.as_str(), lane.total))
            .collect();
        assert_eq!(lanes.len(), MAX_LANES);
        assert_eq!(lanes[0], ("reason 10", 10));
        assert_eq!(lanes[7], ("For other reasons", 1 + 2 + 3));
        assert_eq!(refused(&span, &BTreeMap::new(), &[]).lanes.len(), 0);
    }
}
