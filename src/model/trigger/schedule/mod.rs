//! Runs that are started by the clock: by a cron expression in a time zone, or at a fixed interval.
//! May not know what has fired, or what time it is: moments are handed in. Promises: a schedule fires at moments that only
//! grow; one that could never fire is refused; every mistake is told with its place.
//!
//! - An interval counts absolute time from its anchor (the activation) and knows no time zone: changes of daylight saving
//!   time do not shift it.
//! - A cron expression is read in its time zone. A wall-clock time that does not exist on a day fires once, at the moment
//!   when the clocks go on; one that comes twice fires the first time. A cron expression for every hour (`*/15 * * * *`)
//!   names no time of day: it goes by the hours that really pass, and so neither falls silent nor fires at once.

mod cron;
#[cfg(test)]
mod mistakes_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
mod words;

pub use words::ScheduleWords;

use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem;
use crate::model::zone::Zone;
use cron::CronSchedule;
use serde_json::{Map, Value};

/// A cron expression has at most so many bytes.
const MAX_CRON_BYTES: usize = 200;
/// An interval has at most so many units.
const MAX_INTERVAL: u64 = 525_600;
/// The longest interval: ten years. The next moment stays a date that everybody can read.
const MAX_INTERVAL_MS: i64 = 3_650 * 24 * 60 * MINUTE_MS;
const MINUTE_MS: i64 = 60_000;
const UNITS: [(&str, i64); 4] = [
    ("minutes", MINUTE_MS),
    ("hours", 60 * MINUTE_MS),
    ("days", 24 * 60 * MINUTE_MS),
    ("weeks", 7 * 24 * 60 * MINUTE_MS),
];
const FIELDS: [&str; 6] = [
    "type",
    "cron",
    "interval",
    "timezone",
    "enabled",
    "missedFires",
];
/// What other tools call a field of ours.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("cronExpression", "cron"),
    ("expression", "cron"),
    ("schedule", "cron"),
    ("every", "interval"),
    ("tz", "timezone"),
    ("timeZone", "timezone"),
    ("disabled", "enabled"),
    ("onMissed", "missedFires"),
];

/// The `trigger` of type `schedule`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleTrigger {
    rhythm: Rhythm,
    /// Whether it fires at all.
    pub enabled: bool,
    /// What becomes of times that passed while the server was not running.
    pub missed_fires: MissedFires,
}

/// What becomes of times that passed while the server was not running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissedFires {
    /// They are logged, and the schedule goes on with the next one.
    Skip,
    /// One run makes up for all of them.
    Once,
}

#[derive(Debug, Clone, PartialEq)]
enum Rhythm {
    Cron(Box<CronSchedule>),
    /// In milliseconds.
    Interval(i64),
}

/// Times of a schedule that have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The last one.
    pub last_ms: i64,
    /// How many there are; counting ends at the limit that was given.
    pub count: u32,
}

impl ScheduleTrigger {
    /// Reads the trigger's fields. `None` exactly when a problem was added.
    pub(super) fn read(
        fields: &Map<String, Value>,
        found: &mut Vec<DefinitionProblem>,
    ) -> Option<ScheduleTrigger> {
        let before = found.len();
        let present = |name: &str| fields.get(name).filter(|value| !value.is_null());
        unknown_fields(fields, found);
        let zone = present("timezone").map_or(Some(Zone::UTC), |value| read_zone(value, found));
        let enabled = match present("enabled") {
            None => true,
            Some(Value::Bool(enabled)) => *enabled,
            Some(other) => {
                let message = format!("it is {}; it must be true or false", problem::shown(other));
                problem::add(found, "trigger.enabled", message);
                true
            }
        };
        let missed_fires = match present("missedFires") {
            None => MissedFires::Skip,
            Some(Value::String(word)) if word == "skip" => MissedFires::Skip,
            Some(Value::String(word)) if word == "once" => MissedFires::Once,
            Some(other) => {
                let message = format!(
                    "it is {}; it must be `skip` or `once`",
                    problem::shown(other)
                );
                problem::add(found, "trigger.missedFires", message);
                MissedFires::Skip
            }
        };
        let rhythm = match (present("cron"), present("interval")) {
            (Some(cron), None) => {
                // With an unknown zone the expression is read all the same, for its own problems.
                read_cron(cron, zone.unwrap_or(Zone::UTC), found)
                    .map(|cron| Rhythm::Cron(Box::new(cron)))
            }
            (None, Some(interval)) => read_interval(interval, found).map(Rhythm::Interval),
            (Some(_), Some(_)) => {
                let message = "it has both `cron` and `interval`; leave one of them out";
                problem::add(found, "trigger", message);
                None
            }
            (None, None) => {
                let message = "it has neither `cron` nor `interval`; add `\"cron\": \"0 9 * * MON-FRI\"`, or \
                               `\"interval\": {\"value\": 15, \"unit\": \"minutes\"}`";
                problem::add(found, "trigger", message);
                None
            }
        };
        let rhythm = rhythm.filter(|_| found.len() == before)?;
        Some(ScheduleTrigger {
            rhythm,
            enabled,
            missed_fires,
        })
    }

    /// The first moment after `after_ms` at which the schedule fires, whether or not it is enabled. An interval counts from
    /// `anchor_ms`, and fires for the first time one interval later. `None`: never again.
    pub fn next_fire_ms(&self, anchor_ms: i64, after_ms: i64) -> Option<i64> {
        match &self.rhythm {
            Rhythm::Cron(cron) => cron.next_ms(after_ms),
            Rhythm::Interval(every_ms) => {
                let passed = after_ms.saturating_sub(anchor_ms).max(0) / every_ms;
                anchor_ms.checked_add(passed.checked_add(1)?.checked_mul(*every_ms)?)
            }
        }
    }

    /// What has passed from `first_ms` (a moment of the schedule) to `until_ms`, both included. Counts at most to `limit`.
    pub fn passed(&self, anchor_ms: i64, first_ms: i64, until_ms: i64, limit: u32) -> Passed {
        let next_ms = |after_ms| self.next_fire_ms(anchor_ms, after_ms).unwrap_or(i64::MAX);
        let (mut last_ms, mut count) = (first_ms, 1);
        while count < limit {
            let following_ms = next_ms(last_ms);
            if following_ms > until_ms {
                return Passed { last_ms, count };
            }
            last_ms = following_ms;
            count += 1;
        }
        // The last one is the moment after which nothing else comes until then; found by halving.
        let (mut fires_after, mut silent_after) = (last_ms.saturating_sub(1), until_ms);
        while silent_after - fires_after > 1 {
            let middle = fires_after + (silent_after - fires_after) / 2;
            if next_ms(middle) <= until_ms {
                fires_after = middle;
            } else {
                silent_after = middle;
            }
        }
        let last_ms = next_ms(fires_after);
        Passed { last_ms, count }
    }
}

fn unknown_fields(fields: &Map<String, Value>, found: &mut Vec<DefinitionProblem>) {
    for name in fields
        .keys()
        .filter(|name| !FIELDS.contains(&name.as_str()))
    {
        if problem::enough(found) {
            return;
        }
        let other = OTHER_NAMES.iter().find(|(other, _)| other == name);
        let hint = match other {
            Some((_, ours)) => format!(" (did you mean `{ours}`?)"),
            None => problem::hint(name, FIELDS.into_iter()),
        };
        let message = format!(
            "a schedule has no such field{hint}; there are: {}",
            FIELDS.join(", ")
        );
        problem::add(found, format!("trigger.{}", problem::short(name)), message);
    }
}

fn read_zone(value: &Value, found: &mut Vec<DefinitionProblem>) -> Option<Zone> {
    let Some(name) = value.as_str() else {
        let message = format!(
            "it is {}; it must be the name of a time zone, such as \"Europe/Berlin\"",
            problem::shown(value)
        );
        problem::add(found, "trigger.timezone", message);
        return None;
    };
    let zone = name.parse().ok();
    if zone.is_none() {
        let names = Zone::names();
        let message = format!(
            "there is no time zone `{}`{}; use a name of the IANA time zone database, such as `Europe/Berlin`",
            problem::short(name),
            problem::hint(name, names.iter().map(String::as_str))
        );
        problem::add(found, "trigger.timezone", message);
    }
    zone
}

fn read_cron(
    value: &Value,
    zone: Zone,
    found: &mut Vec<DefinitionProblem>,
) -> Option<CronSchedule> {
    let read = match value.as_str() {
        None => Err(format!(
            "it is {}; it must be a cron expression such as \"0 9 * * MON-FRI\"",
            problem::shown(value)
        )),
        Some(text) if text.len() > MAX_CRON_BYTES => Err(format!(
            "it has {} bytes; at most {MAX_CRON_BYTES} are allowed",
            text.len()
        )),
        Some(text) => CronSchedule::read(text, zone),
    };
    read.map_err(|message| problem::add(found, "trigger.cron", message))
        .ok()
}

fn read_interval(value: &Value, found: &mut Vec<DefinitionProblem>) -> Option<i64> {
    let Some(fields) = value.as_object() else {
        let message = format!(
            "it is {}; it must be an object such as {{\"value\": 15, \"unit\": \"minutes\"}}",
            problem::shown(value)
        );
        problem::add(found, "trigger.interval", message);
        return None;
    };
    for name in fields
        .keys()
        .filter(|name| !["value", "unit"].contains(&name.as_str()))
    {
        if problem::enough(found) {
            return None;
        }
        let place = format!("trigger.interval.{}", problem::short(name));
        problem::add(
            found,
            place,
            "an interval has `value` and `unit`, and no other field",
        );
    }
    let missing = Value::Null;
    let number = fields.get("value").unwrap_or(&missing);
    let count = number
        .as_u64()
        .filter(|count| (1..=MAX_INTERVAL).contains(count))
        .and_then(|count| i64::try_from(count).ok());
    if count.is_none() {
        let message = format!(
            "it is {}; it must be a whole number from 1 to {MAX_INTERVAL}",
            problem::shown(number)
        );
        problem::add(found, "trigger.interval.value", message);
    }
    let word = fields.get("unit").unwrap_or(&missing);
    let unit = UNITS
        .into_iter()
        .find(|(name, _)| word.as_str() == Some(*name))
        .map(|(_, unit_ms)| unit_ms);
    if unit.is_none() {
        let names = || UNITS.into_iter().map(|(name, _)| name);
        let hint = word
            .as_str()
            .map_or_else(String::new, |word| problem::hint(word, names()));
        let message = format!(
            "it is {}{hint}; it must be `minutes`, `hours`, `days` or `weeks`",
            problem::shown(word)
        );
        problem::add(found, "trigger.interval.unit", message);
    }
    let interval_ms = count?.saturating_mul(unit?);
    if interval_ms > MAX_INTERVAL_MS {
        let message = format!(
            "it is {} {}, more than 3650 days, the longest interval",
            problem::shown(number),
            word.as_str().unwrap_or_default()
        );
        problem::add(found, "trigger.interval", message);
        return None;
    }
    Some(interval_ms)
}
