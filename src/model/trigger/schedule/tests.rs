//! Schedules against tables of known days; against a model that looks at every minute in `model_tests`.

use super::*;
use crate::clock::{iso_utc, parse_iso};
use chrono::DateTime;
use serde_json::json;

pub(super) fn read(trigger: &Value) -> Result<ScheduleTrigger, String> {
    let mut found = Vec::new();
    let read = ScheduleTrigger::read(trigger.as_object().expect("an object"), &mut found);
    let told = found
        .iter()
        .map(|problem| format!("{}: {}", problem.place, problem.message));
    let told = told.collect::<Vec<String>>().join("\n");
    assert_eq!(read.is_none(), !told.is_empty(), "{trigger}: {told}");
    read.ok_or(told)
}

fn cron(text: &str, zone: &str) -> ScheduleTrigger {
    read(&json!({ "type": "schedule", "cron": text, "timezone": zone })).expect("a schedule")
}

fn at(iso: &str) -> i64 {
    parse_iso(iso).expect("a moment")
}

/// The moments after `from` until `to`, in local time with its offset.
fn local_fires(schedule: &ScheduleTrigger, zone: &str, from: &str, to: &str) -> Vec<String> {
    let zone: Zone = zone.parse().expect("a zone");
    let shown = |moment_ms| {
        let moment = DateTime::from_timestamp_millis(moment_ms).expect("a moment");
        moment
            .with_timezone(&zone)
            .format("%d %H:%M %:z")
            .to_string()
    };
    fires(schedule, at(from), at(to))
        .into_iter()
        .map(shown)
        .collect()
}

pub(super) fn fires(schedule: &ScheduleTrigger, after_ms: i64, to_ms: i64) -> Vec<i64> {
    let next = |moment: &i64| schedule.next_fire_ms(0, *moment);
    let moments = std::iter::successors(next(&after_ms), next);
    moments.take_while(|moment| *moment <= to_ms).collect()
}

#[test]
fn defaults_and_the_usual_spellings_are_understood() {
    let plain = read(&json!({ "type": "schedule", "cron": "0 9 * * 1-5", "timezone": null }))
        .expect("read");
    assert!(plain.enabled);
    assert_eq!(plain.missed_fires, MissedFires::Skip);
    let monday = at("2024-01-15T10:00:00Z");
    for (text, next) in [
        ("0 9 * * 1-5", "2024-01-16T09:00:00.000Z"),
        ("0 9 * * MON-FRI", "2024-01-16T09:00:00.000Z"),
        ("0 9 * * mon-fri", "2024-01-16T09:00:00.000Z"),
        ("*/15 * * * *", "2024-01-15T10:15:00.000Z"),
        ("0 9 1 1,4,7,10 *", "2024-04-01T09:00:00.000Z"),
        ("0 0 * * 7", "2024-01-21T00:00:00.000Z"),
        ("0 0 * * 0", "2024-01-21T00:00:00.000Z"),
        ("0 0 * FEB SUN", "2024-02-04T00:00:00.000Z"),
        // Where both days are given, one of them is enough.
        ("0 0 13 * FRI", "2024-01-19T00:00:00.000Z"),
        ("0 0 29 2 *", "2024-02-29T00:00:00.000Z"),
        ("0 0 L * *", "2024-01-31T00:00:00.000Z"),
        ("@daily", "2024-01-16T00:00:00.000Z"),
        ("@hourly", "2024-01-15T11:00:00.000Z"),
        ("  5   10 * * * ", "2024-01-15T10:05:00.000Z"),
    ] {
        let next_ms = cron(text, "UTC").next_fire_ms(0, monday).expect("it fires");
        assert_eq!(iso_utc(next_ms), next, "{text}");
    }
    let eight_years = cron("0 0 29 2 *", "UTC").next_fire_ms(0, at("2096-03-01T00:00:00Z"));
    assert_eq!(
        eight_years.map(iso_utc).as_deref(),
        Some("2104-02-29T00:00:00.000Z")
    );
}

type Days = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

/// Zone, expression, period, and the times in it: both changes of Europe, of America (on other days), and of a zone that
/// moves by half an hour.
const CHANGES: [Days; 12] = [
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2024-03-30T00:00:00Z 2024-04-01T12:00:00Z",
        &["30 02:30 +01:00", "31 03:00 +02:00", "01 02:30 +02:00"],
    ),
    (
        "Europe/Berlin",
        "30 2 * * *",
        "2024-10-26T00:00:00Z 2024-10-28T12:00:00Z",
        &["26 02:30 +02:00", "27 02:30 +02:00", "28 02:30 +01:00"],
    ),
    (
        "America/New_York",
        "0,30 2,3 * * *",
        "2024-03-10T05:00:00Z 2024-03-11T04:00:00Z",
        &["10 03:00 -04:00", "10 03:30 -04:00"],
    ),
    (
        "America/New_York",
        "15 1 * * *",
        "2024-11-02T00:00:00Z 2024-11-04T12:00:00Z",
        &["02 01:15 -04:00", "03 01:15 -04:00", "04 01:15 -05:00"],
    ),
    (
        "Australia/Lord_Howe",
        "15 2 * * *",
        "2024-10-04T12:00:00Z 2024-10-06T12:00:00Z",
        &["05 02:15 +10:30", "06 02:30 +11:00"],
    ),
    (
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2024-04-05T12:00:00Z 2024-04-07T12:00:00Z",
        &["06 01:45 +11:00", "07 01:45 +11:00"],
    ),
    // Every hour: by the hours that pass, neither silent nor in a burst.
    (
        "Europe/Berlin",
        "30 * * * *",
        "2024-03-31T00:00:00Z 2024-03-31T02:40:00Z",
        &["31 01:30 +01:00", "31 03:30 +02:00", "31 04:30 +02:00"],
    ),
    (
        "Europe/Berlin",
        "30 * * * *",
        "2024-10-26T23:40:00Z 2024-10-27T02:40:00Z",
        &["27 02:30 +02:00", "27 02:30 +01:00", "27 03:30 +01:00"],
    ),
    (
        "America/New_York",
        "*/30 * * * *",
        "2024-11-03T05:10:00Z 2024-11-03T06:40:00Z",
        &["03 01:30 -04:00", "03 01:00 -05:00", "03 01:30 -05:00"],
    ),
    (
        "Australia/Lord_Howe",
        "*/20 * * * *",
        "2024-04-06T14:25:00Z 2024-04-06T15:35:00Z",
        &["07 01:40 +11:00", "07 01:40 +10:30", "07 02:00 +10:30"],
    ),
    // Midnight itself is left out.
    (
        "Africa/Cairo",
        "0 0 * * *",
        "2024-04-24T12:00:00Z 2024-04-26T12:00:00Z",
        &["25 00:00 +02:00", "26 01:00 +03:00"],
    ),
    // A whole day is left out.
    (
        "Pacific/Apia",
        "0 12 * * *",
        "2011-12-29T12:00:00Z 2011-12-31T11:00:00Z",
        &["29 12:00 -10:00", "31 00:00 +14:00", "31 12:00 +14:00"],
    ),
];

#[test]
fn a_time_that_is_left_out_fires_once_and_one_that_comes_twice_fires_once() {
    for (zone, text, period, expected) in CHANGES {
        let (from, to) = period.split_once(' ').expect("two moments");
        assert_eq!(
            local_fires(&cron(text, zone), zone, from, to),
            expected,
            "{zone} {text}"
        );
    }
}

#[test]
fn an_interval_counts_absolute_time_from_its_anchor() {
    let every = |value: u64, unit: &str| {
        let interval = json!({ "value": value, "unit": unit });
        read(&json!({ "interval": interval, "timezone": "Europe/Berlin" })).expect("read")
    };
    let anchor = at("2024-03-30T09:00:17.005Z");
    let daily = every(1, "days");
    let next = |after: &str| daily.next_fire_ms(anchor, at(after)).map(iso_utc);
    let first = "2024-03-31T09:00:17.005Z";
    assert_eq!(next("2024-03-30T09:00:17.005Z").as_deref(), Some(first));
    assert_eq!(
        next("2020-01-01T00:00:00Z").as_deref(),
        Some(first),
        "a clock set back"
    );
    assert_eq!(next("2024-03-31T09:00:17.004Z").as_deref(), Some(first));
    assert_eq!(
        next(first).as_deref(),
        Some("2024-04-01T09:00:17.005Z"),
        "over the change"
    );
    assert_eq!(
        next("2024-11-20T10:00:00Z").as_deref(),
        Some("2024-11-21T09:00:17.005Z")
    );
    let longest = every(3_650, "days");
    assert!(longest.next_fire_ms(anchor, anchor).is_some());
    assert_eq!(longest.next_fire_ms(i64::MAX - 5, i64::MAX - 5), None);
    for (value, unit, milliseconds) in [
        (90, "minutes", 5_400_000),
        (2, "hours", 7_200_000),
        (3, "weeks", 1_814_400_000),
    ] {
        assert_eq!(
            every(value, unit).next_fire_ms(0, 0),
            Some(milliseconds),
            "{value} {unit}"
        );
    }
}

#[test]
fn what_has_passed_is_counted_to_a_limit_and_the_last_is_found() {
    let noon = cron("0 12 * * *", "Europe/Berlin");
    let (first, until) = (at("2024-03-25T11:00:00Z"), at("2024-04-10T11:00:00Z"));
    let last = at("2024-04-10T10:00:00Z");
    for limit in [17, 18, 1_000] {
        assert_eq!(
            noon.passed(0, first, until, limit),
            Passed {
                last_ms: last,
                count: 17
            },
            "{limit}"
        );
    }
    assert_eq!(
        noon.passed(0, first, until, 3),
        Passed {
            last_ms: last,
            count: 3
        }
    );
    assert_eq!(
        noon.passed(0, first, first, 3),
        Passed {
            last_ms: first,
            count: 1
        }
    );
    let minutely = read(&json!({ "interval": { "value": 1, "unit": "minutes" } })).expect("read");
    let year = minutely.passed(7, 60_007, 31_536_000_000, 100);
    assert_eq!(
        year,
        Passed {
            last_ms: 31_535_940_007,
            count: 100
        }
    );
}
