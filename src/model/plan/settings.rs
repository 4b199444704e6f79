//! `settings` of a definition: how long its runs may take, how many there may be at once, how long they are kept.
//! May not know who obeys them. Promise: a setting that would not be obeyed is a problem with its place.

use super::fields;
use super::problem::{self, DefinitionProblem};
use serde_json::{Map, Value};

/// The longest `timeoutMs`: 30 days.
const MAX_TIMEOUT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// The largest `maxConcurrentRuns`.
const MAX_CONCURRENT_RUNS: u64 = 10_000;
/// The longest `retention.maxAgeDays`: ten years.
const MAX_AGE_DAYS: u64 = 3_650;
const MAX_KEPT_RUNS: u64 = 100_000_000;
/// The smallest and the largest `retention.maxBytes`: 1 MiB and 1 TiB.
const MIN_KEPT_BYTES: u64 = 1 << 20;
const MAX_KEPT_BYTES: u64 = 1 << 40;

const SETTINGS: [&str; 4] = ["timeoutMs", "maxConcurrentRuns", "onConflict", "retention"];
const RETENTION: [&str; 3] = ["maxAgeDays", "maxRuns", "maxBytes"];

/// What a run beyond `maxConcurrentRuns` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It is recorded, and begins in its turn.
    #[default]
    Queue,
    /// It is recorded as cancelled and never begins.
    Skip,
    /// It begins; the oldest unfinished runs are cancelled to make room.
    CancelPrevious,
}

const ON_CONFLICT: [(&str, OnConflict); 3] = [
    ("queue", OnConflict::Queue),
    ("skip", OnConflict::Skip),
    ("cancel_previous", OnConflict::CancelPrevious),
];

/// Which finished runs of a workflow are kept; `None` leaves it to the server's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunRetention {
    /// None that ended more than so many days ago.
    pub max_age_days: Option<u64>,
    /// The newest so many.
    pub max_runs: Option<u64>,
    /// The newest that together take so many bytes.
    pub max_bytes: Option<u64>,
}

/// `settings` of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// How long a run may take from its first step to its end, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How many runs may have begun and not ended, waiting ones included. `None`: as many as the server takes.
    pub max_concurrent_runs: Option<u32>,
    /// What a run beyond that does.
    pub on_conflict: OnConflict,
    /// Which finished runs are kept.
    pub retention: RunRetention,
}

impl Settings {
    /// The settings of a definition that was checked when it was saved.
    pub fn of(definition: &Value) -> Settings {
        let definition = definition.as_object();
        definition.map_or_else(Settings::default, |fields| read(fields, &mut Vec::new()))
    }
}

/// Reads `settings` and adds every problem.
pub(super) fn read(
    definition: &Map<String, Value>,
    found: &mut Vec<DefinitionProblem>,
) -> Settings {
    let Some(settings) = fields::object(definition, "settings", "", found) else {
        return Settings::default();
    };
    fields::only(settings, &SETTINGS, "settings", found);
    let timeout_ms = fields::whole(settings, "timeoutMs", 1..=MAX_TIMEOUT_MS, "settings", found);
    let concurrent = fields::whole(
        settings,
        "maxConcurrentRuns",
        1..=MAX_CONCURRENT_RUNS,
        "settings",
        found,
    );
    Settings {
        timeout_ms,
        max_concurrent_runs: concurrent.and_then(|number| u32::try_from(number).ok()),
        on_conflict: on_conflict(settings, found),
        retention: retention(settings, found),
    }
}

fn on_conflict(settings: &Map<String, Value>, found: &mut Vec<DefinitionProblem>) -> OnConflict {
    const PLACE: &str = "settings.onConflict";
    let Some(value) = settings.get("onConflict").filter(|value| !value.is_null()) else {
        return OnConflict::default();
    };
    let word = value.as_str();
    let known = ON_CONFLICT.iter().find(|(name, _)| Some(*name) == word);
    let Some(&(name, policy)) = known else {
        let names = ON_CONFLICT.iter().map(|(name, _)| *name);
        let hint = word.map_or_else(String::new, |word| problem::hint(word, names));
        let shown = problem::shown(value);
        let message =
            format!("it is {shown}{hint}; it must be `queue`, `skip` or `cancel_previous`");
        problem::add(found, PLACE, message);
        return OnConflict::default();
    };
    let unlimited = settings.get("maxConcurrentRuns").is_none_or(Value::is_null);
    if unlimited && policy != OnConflict::Queue {
        let message = format!(
            "`{name}` says what happens beyond `maxConcurrentRuns`, which is missing; add it, for example `\"maxConcurrentRuns\": 1`"
        );
        problem::add(found, PLACE, message);
    }
    policy
}

fn retention(settings: &Map<String, Value>, found: &mut Vec<DefinitionProblem>) -> RunRetention {
    const PLACE: &str = "settings.retention";
    let Some(retention) = fields::object(settings, "retention", "settings", found) else {
        return RunRetention::default();
    };
    fields::only(retention, &RETENTION, PLACE, found);
    let mut number = |name, range| fields::whole(retention, name, range, PLACE, found);
    RunRetention {
        max_age_days: number("maxAgeDays", 1..=MAX_AGE_DAYS),
        max_runs: number("maxRuns", 1..=MAX_KEPT_RUNS),
        max_bytes: number("maxBytes", MIN_KEPT_BYTES..=MAX_KEPT_BYTES),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use serde_json::json;

    fn read_from(settings: &Value) -> (Settings, Vec<String>) {
        let mut found = Vec::new();
        let definition = json!({ "settings": settings });
        let settings = read(definition.as_object().unwrap(), &mut found);
        let lines = found
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message));
        (settings, lines.collect())
    }

    #[test]
    fn good_settings_are_taken_and_absent_ones_are_their_defaults() {
        for nothing in [
            Value::Null,
            json!({}),
            json!({"timeoutMs": null, "onConflict": null, "retention": null}),
        ] {
            assert_eq!(read_from(&nothing), (Settings::default(), vec![]));
        }
        assert_eq!(read_from(&json!({"onConflict": "queue"})).1, [""; 0]);
        let (settings, problems) = read_from(&json!({
            "timeoutMs": MAX_TIMEOUT_MS,
            "maxConcurrentRuns": 10_000,
            "onConflict": "cancel_previous",
            "retention": {"maxAgeDays": 7, "maxRuns": 1, "maxBytes": 1_048_576}
        }));
        assert_eq!(problems, [""; 0]);
        let retention = RunRetention {
            max_age_days: Some(7),
            max_runs: Some(1),
            max_bytes: Some(1_048_576),
        };
        let expected = Settings {
            timeout_ms: Some(MAX_TIMEOUT_MS),
            max_concurrent_runs: Some(10_000),
            on_conflict: OnConflict::CancelPrevious,
            retention,
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let whole = |value: &str, min: u64, max: u64| {
            format!("it is {value}; it must be a whole number from {min} to {max}")
        };
        let known = "there are: timeoutMs, maxConcurrentRuns, onConflict, retention";
        let cases = [
            (json!({"timeoutMs": 0}), format!("settings.timeoutMs: {}", whole("0", 1, MAX_TIMEOUT_MS))),
            (json!({"timeoutMs": MAX_TIMEOUT_MS + 1}), format!("settings.timeoutMs: {}", whole("2592000001", 1, MAX_TIMEOUT_MS))),
            (json!({"timeoutMs": "5s"}), format!("settings.timeoutMs: {}", whole("\"5s\"", 1, MAX_TIMEOUT_MS))),
            (json!({"maxConcurrentRuns": 10_001}), format!("settings.maxConcurrentRuns: {}", whole("10001", 1, 10_000))),
            (json!({"maxConcurrentRuns": 1.5}), format!("settings.maxConcurrentRuns: {}", whole("1.5", 1, 10_000))),
            (json!({"onConflict": "que"}), "settings.onConflict: it is \"que\"; it must be `queue`, `skip` or `cancel_previous`".into()),
            (json!({"onConflict": "Skip", "maxConcurrentRuns": 1}),
                "settings.onConflict: it is \"Skip\" (did you mean `skip`?); it must be `queue`, `skip` or `cancel_previous`".into()),
            (json!({"onConflict": "skip"}),
                "settings.onConflict: `skip` says what happens beyond `maxConcurrentRuns`, which is missing; add it, for example `\"maxConcurrentRuns\": 1`".into()),
            (json!({"timeoutMS": 5}), format!("settings.timeoutMS: there is no such field (did you mean `timeoutMs`?); {known}")),
            (json!({"retries": 5}), format!("settings.retries: there is no such field; {known}")),
            (json!({"retention": 5}), "settings.retention: it is 5; it must be an object".into()),
            (json!({"retention": {"maxAge": 5}}),
                "settings.retention.maxAge: there is no such field; there are: maxAgeDays, maxRuns, maxBytes".into()),
            (json!({"retention": {"maxBytes": 1_000}}), format!("settings.retention.maxBytes: {}", whole("1000", MIN_KEPT_BYTES, MAX_KEPT_BYTES))),
            (json!({"retention": {"maxAgeDays": 0}}), format!("settings.retention.maxAgeDays: {}", whole("0", 1, 3_650))),
            (json!([]), "settings: it is an array; it must be an object".into()),
        ];
        for (settings, expected) in cases {
            let shown = settings.to_string();
            assert_eq!(read_from(&settings).1, [expected], "{shown}");
        }
    }
}
