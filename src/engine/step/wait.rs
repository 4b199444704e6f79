//! `wait`: the run rests for a while.
//! May not know clocks or timers: it only says how long. Promise: a wait is at least 0 and at most 366 days.

use super::field::{self, Fields};
use super::{Behaviour, StepType, outside};
use crate::clock;
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use serde_json::{Value, json};

const DAY_MS: f64 = 86_400_000.0;
/// The longest wait.
const MAX_WAIT_MS: f64 = 366.0 * DAY_MS;
const KNOWN: [&str; 2] = ["duration", "unit"];
/// What `unit` may be, and how many milliseconds one is.
const UNITS: [(&str, f64); 5] = [
    ("milliseconds", 1.0),
    ("seconds", 1_000.0),
    ("minutes", 60_000.0),
    ("hours", 3_600_000.0),
    ("days", DAY_MS),
];

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "wait",
        description: "Waits for a while; the time is kept over restarts.",
        kind: Kind::Wait,
        raw: &[],
        lists: &[],
        check,
        untimed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Wait(duration_ms),
    names: outside::nothing,
};

/// The output of a wait that took `waited_ms` and ended at `completed_at_ms` (milliseconds since the Unix epoch).
pub fn output(waited_ms: i64, completed_at_ms: i64) -> Value {
    json!({
        "waited": waited_ms,
        "durationMs": waited_ms,
        "completedAt": clock::iso_utc(completed_at_ms),
    })
}

fn untimed(_: &Fields) -> Option<&'static str> {
    Some("a wait ends when its `duration` is over; leave it out, or shorten the `duration`")
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    let Some(duration) = field::present(config, "duration") else {
        problems.add(
            "duration",
            "`duration` is missing: a number of milliseconds, or of `unit`s",
        );
        return;
    };
    let unit = field::present(config, "unit");
    if field::has_template(duration) || unit.is_some_and(field::has_template) {
        return;
    }
    if let Err((name, message)) = read(duration, unit) {
        problems.add(name, message);
    }
}

fn duration_ms(config: &Value) -> Result<i64, StepError> {
    let config = field::fields(config)?;
    let duration = config.get("duration").unwrap_or(&Value::Null);
    read(duration, field::present(config, "unit"))
        .map_err(|(name, message)| field::config_error(format!("`{name}`: {message}")))
}

/// The milliseconds that are meant; the error names the field.
fn read(duration: &Value, unit: Option<&Value>) -> Result<i64, (&'static str, String)> {
    let unit_ms = match unit {
        None => 1.0,
        Some(unit) => unit_ms(unit).ok_or_else(|| {
            let names: Vec<_> = UNITS.iter().map(|(name, _)| *name).collect();
            let message = format!("{} is none of {}", field::shown(unit), names.join(", "));
            ("unit", message)
        })?,
    };
    let number = field::as_number(duration).ok_or_else(|| {
        let shown = field::shown(duration);
        ("duration", format!("{shown} is not a number; write `\"duration\": 5, \"unit\": \"minutes\"` for five minutes"))
    })?;
    let wait_ms = number * unit_ms;
    if (0.0..=MAX_WAIT_MS).contains(&wait_ms) {
        Ok(wait_ms.round() as i64)
    } else {
        let message = format!("{wait_ms} ms is not between 0 and 366 days");
        Err(("duration", message))
    }
}

/// Milliseconds in a unit, in singular or plural and any letter case.
fn unit_ms(unit: &Value) -> Option<f64> {
    let name = unit.as_str()?.trim().to_ascii_lowercase();
    UNITS
        .iter()
        .find(|(plural, _)| *plural == name || plural.strip_suffix('s') == Some(&name))
        .map(|(_, unit_ms)| *unit_ms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_duration_is_milliseconds_unless_a_unit_says_otherwise() {
        for (config, wait_ms) in [
            (json!({"duration": 0}), 0),
            (json!({"duration": 1500}), 1_500),
            (json!({"duration": "1500"}), 1_500),
            (json!({"duration": 1.5, "unit": "seconds"}), 1_500),
            (json!({"duration": " 2 ", "unit": "Minute"}), 120_000),
            (json!({"duration": 3, "unit": "hours"}), 10_800_000),
            (json!({"duration": 366, "unit": "days"}), 31_622_400_000),
            (json!({"duration": 5, "unit": null}), 5),
        ] {
            assert_eq!(duration_ms(&config), Ok(wait_ms), "{config}");
            assert_eq!(problems(&config), Vec::<String>::new(), "{config}");
        }
    }

    #[test]
    fn other_durations_are_refused_before_and_after_rendering() {
        for config in [
            json!({}),
            json!({"duration": null}),
            json!({"duration": -1}),
            json!({"duration": 367, "unit": "days"}),
            json!({"duration": "5m"}),
            json!({"duration": "inf"}),
            json!({"duration": "nan"}),
            json!({"duration": ""}),
            json!({"duration": [1]}),
            json!({"duration": 1, "unit": "weeks"}),
            json!({"duration": 1, "unit": ""}),
        ] {
            assert!(duration_ms(&config).is_err(), "{config}");
            assert_eq!(problems(&config).len(), 1, "{config}");
        }
    }

    #[test]
    fn templates_pass_the_check_and_slips_of_the_pen_do_not() {
        assert!(problems(&json!({"duration": "{{input.ms}}"})).is_empty());
        assert!(problems(&json!({"duration": 1, "unit": "{{input.unit}}"})).is_empty());
        let found = problems(&json!({"duraton": 5}));
        assert!(
            found
                .iter()
                .any(|line| line.contains("did you mean `duration`")),
            "{found:?}"
        );
    }

    #[test]
    fn the_output_has_the_words_of_both_generations() {
        assert_eq!(
            output(5, 1_705_312_800_000),
            json!({"waited": 5, "durationMs": 5, "completedAt": "2024-01-15T10:00:00.000Z"})
        );
    }

    fn problems(config: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let mut problems = Problems {
            place: "config".into(),
            is_new: true,
            found: &mut found,
        };
        check(config.as_object().expect("an object"), &mut problems);
        found.into_iter().map(|problem| problem.message).collect()
    }
}
