//! A cron expression against a look at every minute.

use super::MINUTE_MS;
use super::tests::{fires, read};
use crate::clock::iso_utc;
use crate::model::zone::Zone;
use chrono::{
    DateTime, Datelike as _, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Timelike as _,
};
use proptest::prelude::*;
use serde_json::json;

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
    zone: Zone,
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
fn turns(zone: &Zone, year: i32) -> Vec<i64> {
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
        let turns = turns(&model.zone, year);
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
