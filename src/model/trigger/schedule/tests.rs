//! Schedules against tables of known days, and against a model that looks at every minute.

use super::*;
use crate::clock::{iso_utc, parse_iso};
use chrono::{
    DateTime, Datelike as _, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Timelike as _,
};
use proptest::prelude::*;
use serde_json::json;

fn read(trigger: &Value) -> Result<ScheduleTrigger, String> {
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
    let zone: Tz = zone.parse().expect("a zone");
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

fn fires(schedule: &ScheduleTrigger, after_ms: i64, to_ms: i64) -> Vec<i64> {
    let next = |moment: &i64| schedule.next_fire_ms(0, *moment);
    let moments = std::iter::successors(next(&after_ms), next);
    moments.take_while(|moment| *moment <= to_ms).collect()
}

#[test]
fn every_mistake_is_told_with_its_place() {
    for (trigger, expected) in [
        (
            json!({}),
            "trigger: it has neither `cron` nor `interval`; add `\"cron\": \"0 9 * * MON-FRI\"`, or \
                     `\"interval\": {\"value\": 15, \"unit\": \"minutes\"}`",
        ),
        (
            json!({ "cron": "0 9 * * *", "interval": { "value": 1, "unit": "hours" } }),
            "trigger: it has both `cron` and `interval`; leave one of them out",
        ),
        (
            json!({ "cron": 5, "timezone": 7, "enabled": "yes", "missedFires": "all", "tz": "UTC", "enabeld": true }),
            "trigger.enabeld: a schedule has no such field (did you mean `enabled`?); there are: type, cron, interval, \
          timezone, enabled, missedFires\n\
          trigger.tz: a schedule has no such field (did you mean `timezone`?); there are: type, cron, interval, \
          timezone, enabled, missedFires\n\
          trigger.timezone: it is 7; it must be the name of a time zone, such as \"Europe/Berlin\"\n\
          trigger.enabled: it is \"yes\"; it must be true or false\n\
          trigger.missedFires: it is \"all\"; it must be `skip` or `once`\n\
          trigger.cron: it is 5; it must be a cron expression such as \"0 9 * * MON-FRI\"",
        ),
        (
            json!({ "cron": "0 9 * * *", "timezone": "Europe/Berln" }),
            "trigger.timezone: there is no time zone `Europe/Berln` (did you mean `Europe/Berlin`?); use a name of the \
          IANA time zone database, such as `Europe/Berlin`",
        ),
        (
            json!({ "cron": "0 9 * * *", "timezone": "europe/berlin" }),
            "trigger.timezone: there is no time zone `europe/berlin` (did you mean `Europe/Berlin`?); use a name of the \
          IANA time zone database, such as `Europe/Berlin`",
        ),
        (
            json!({ "cron": "0 0 9 * * *" }),
            "trigger.cron: it has 6 fields; a cron expression has 5: minute, hour, day of the month, month, weekday; \
          there are no seconds and no years",
        ),
        (
            json!({ "cron": "" }),
            "trigger.cron: it has 0 fields; a cron expression has 5: minute, hour, day of the month, month, weekday",
        ),
        (
            json!({ "cron": "0 9 30 2 *" }),
            "trigger.cron: it never fires: no month has such a day; correct the day or the month",
        ),
        (
            json!({ "cron": "0 0 31 4,6,9,11 *" }),
            "trigger.cron: it never fires: no month has such a day; correct the day or the month",
        ),
        (
            json!({ "interval": 5 }),
            "trigger.interval: it is 5; it must be an object such as {\"value\": 15, \"unit\": \"minutes\"}",
        ),
        (
            json!({ "interval": { "value": 0, "unit": "minute", "jitter": 1 } }),
            "trigger.interval.jitter: an interval has `value` and `unit`, and no other field\n\
          trigger.interval.value: it is 0; it must be a whole number from 1 to 525600\n\
          trigger.interval.unit: it is \"minute\" (did you mean `minutes`?); it must be `minutes`, `hours`, `days` or `weeks`",
        ),
        (
            json!({ "interval": { "value": 525_601 } }),
            "trigger.interval.value: it is 525601; it must be a whole number from 1 to 525600\n\
          trigger.interval.unit: it is null; it must be `minutes`, `hours`, `days` or `weeks`",
        ),
    ] {
        assert_eq!(read(&trigger).err().as_deref(), Some(expected), "{trigger}");
    }
    for bad in [
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "a b c d e",
        "*/0 * * * *",
        "5-1 * * * *",
        "@reboot",
        "@daily @daily",
        "- - - - -",
        "* * * * MOON",
        "1,,2 * * * *",
    ] {
        let told = read(&json!({ "cron": bad })).expect_err(bad);
        assert!(told.starts_with("trigger.cron: it "), "{bad}: {told}");
    }
    let long = "1,".repeat(5_000) + "1 * * * *";
    let told = read(&json!({ "cron": long })).expect_err("too long");
    assert_eq!(
        told,
        "trigger.cron: it has 10009 bytes; at most 200 are allowed"
    );
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

/// Both changes in three zones: of Europe, of America (on other days), and one that moves by half an hour.
#[test]
fn a_time_that_is_left_out_fires_once_and_one_that_comes_twice_fires_once() {
    type Days = (
        &'static str,
        &'static str,
        &'static str,
        &'static [&'static str],
    );
    let days: [Days; 12] = [
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
    for (zone, text, period, expected) in days {
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
    let longest = every(525_600, "weeks");
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

/// A field of a cron expression: its text and the values that it stands for.
type Field = (String, Vec<u32>);

fn field(min: u32, max: u32) -> impl Strategy<Value = Field> {
    let all: Vec<u32> = (min..=max).collect();
    prop_oneof![
        2 => Just(("*".to_owned(), all)),
        2 => (min..=max).prop_map(|value| (value.to_string(), vec![value])),
        1 => (2..=max / 2 + 1).prop_map(move |step| {
            let values = (min..=max).step_by(step as usize).collect();
            (format!("*/{step}"), values)
        }),
        1 => (min..=max, min..=max).prop_map(|(one, other)| {
            let (low, high) = (one.min(other), one.max(other));
            (format!("{low}-{high}"), (low..=high).collect())
        }),
        1 => prop::collection::btree_set(min..=max, 2..5).prop_map(|values| {
            let words: Vec<String> = values.iter().map(u32::to_string).collect();
            (words.join(","), values.into_iter().collect())
        }),
    ]
}

const ZONES: [&str; 14] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "UTC",
    "Europe/London",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Tehran",
    "America/St_Johns",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/Havana",
];

/// What the five fields say, looked at minute by minute.
struct Model {
    zone: Tz,
    fields: [Field; 5],
}

impl Model {
    fn wall(&self, moment_ms: i64) -> NaiveDateTime {
        let utc = DateTime::from_timestamp_millis(moment_ms)
            .expect("a moment")
            .naive_utc();
        let offset = self
            .zone
            .offset_from_utc_datetime(&utc)
            .fix()
            .local_minus_utc();
        utc + TimeDelta::seconds(i64::from(offset))
    }

    fn names(&self, wall: NaiveDateTime) -> bool {
        let has = |index: usize, value: u32| self.fields[index].1.contains(&value);
        let is_any = |index: usize| self.fields[index].0 == "*";
        let (day, weekday) = (
            has(2, wall.day()),
            has(4, wall.weekday().num_days_from_sunday()),
        );
        let days = if is_any(2) || is_any(4) {
            day && weekday
        } else {
            day || weekday
        };
        has(0, wall.minute()) && has(1, wall.hour()) && has(3, wall.month()) && days
    }

    fn every_hour(&self) -> bool {
        self.fields[1].1.len() == 24
    }

    fn fires(&self, after_ms: i64, to_ms: i64) -> Vec<i64> {
        let minute = |moment_ms: i64| moment_ms - moment_ms.rem_euclid(MINUTE_MS);
        // Long enough before, so that a wall-clock time that has come before is known.
        let mut moment = minute(after_ms) - 26 * 60 * MINUTE_MS;
        let mut newest = self.wall(moment - MINUTE_MS);
        let mut fires = Vec::new();
        while moment <= to_ms {
            let wall = self.wall(moment);
            let named = if self.every_hour() {
                self.names(wall)
            } else {
                // What lies between the newest wall-clock time so far and this one: nothing, this one, or a gap too.
                let unseen = std::iter::successors(Some(newest + TimeDelta::minutes(1)), |wall| {
                    Some(*wall + TimeDelta::minutes(1))
                });
                unseen
                    .take_while(|unseen| *unseen <= wall)
                    .any(|unseen| self.names(unseen))
            };
            newest = newest.max(wall);
            if named && moment > after_ms {
                fires.push(moment);
            }
            moment += MINUTE_MS;
        }
        fires
    }
}

/// Hours of that year at which the zone's clocks change, and its first hour.
fn turns(zone: Tz, year: i32) -> Vec<i64> {
    let start =
        chrono::NaiveDate::from_ymd_opt(year, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
    let start = start.expect("a day").and_utc().timestamp_millis();
    let offset = |hour: &i64| {
        let utc = DateTime::from_timestamp_millis(*hour)
            .expect("a moment")
            .naive_utc();
        zone.offset_from_utc_datetime(&utc).fix()
    };
    let hours: Vec<i64> = (0..8_760).map(|hour| start + hour * 3_600_000).collect();
    let changes = hours
        .windows(2)
        .filter(|pair| offset(&pair[0]) != offset(&pair[1]))
        .map(|pair| pair[0]);
    [start].into_iter().chain(changes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cron_fires_as_a_look_at_every_minute_says(
        zone in prop::sample::select(&ZONES[..]),
        year in 2_000..2_037i32,
        turn in any::<prop::sample::Index>(),
        before_ms in 0..100_000_000i64,
        fields in (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6)),
        quiet_days in any::<bool>(),
    ) {
        let mut fields: [Field; 5] = fields.into();
        // Most expressions name neither day nor month; else hardly any would fire within days.
        if quiet_days {
            for (index, range) in [(2, 1..=31), (3, 1..=12), (4, 0..=6)] {
                fields[index] = ("*".to_owned(), range.collect());
            }
        }
        let text = fields.each_ref().map(|(text, _)| text.as_str()).join(" ");
        let trigger = read(&json!({ "cron": text, "timezone": zone }));
        let model = Model { zone: zone.parse().expect("a zone"), fields };
        let Ok(schedule) = trigger else {
            // Only days that no month has are refused.
            prop_assert!(model.fields[4].0 == "*" && !model.fields[2].1.iter().any(|day| *day <= 29), "{}", text);
            return Ok(());
        };
        let turns = turns(model.zone, year);
        let after_ms = turn.get(&turns) - before_ms;
        let to_ms = after_ms + 3 * 86_400_000;
        let found = fires(&schedule, after_ms, to_ms);
        let expected = model.fires(after_ms, to_ms);
        let differ = (0..found.len().max(expected.len())).find(|at| found.get(*at) != expected.get(*at));
        let told = differ.map(|at| (found.get(at).copied().map(iso_utc), expected.get(at).copied().map(iso_utc)));
        prop_assert!(told.is_none(), "{} {} after {}: {:?}", zone, text, iso_utc(after_ms), told);

        // It goes on for ever, always forward, and names no wall-clock minute twice.
        let mut moment = after_ms;
        let mut walls = std::collections::HashSet::new();
        for _ in 0..50 {
            let Some(next) = schedule.next_fire_ms(0, moment) else { break };
            prop_assert!(next > moment);
            prop_assert!(walls.insert(model.wall(next)) || model.every_hour());
            moment = next;
        }
    }
}
