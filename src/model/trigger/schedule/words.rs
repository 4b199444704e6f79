//! A schedule in words, for people. May not know when it fires. Promise: what is said is true; a cron expression for which
//! there are no short words is not put into any.

use super::{Rhythm, ScheduleTrigger, UNITS};

const DAYS: [(&str, &str); 7] = [
    ("SUN", "Sunday"),
    ("MON", "Monday"),
    ("TUE", "Tuesday"),
    ("WED", "Wednesday"),
    ("THU", "Thursday"),
    ("FRI", "Friday"),
    ("SAT", "Saturday"),
];
const MONTHS: [(&str, &str); 12] = [
    ("JAN", "January"),
    ("FEB", "February"),
    ("MAR", "March"),
    ("APR", "April"),
    ("MAY", "May"),
    ("JUN", "June"),
    ("JUL", "July"),
    ("AUG", "August"),
    ("SEP", "September"),
    ("OCT", "October"),
    ("NOV", "November"),
    ("DEC", "December"),
];

/// A schedule as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleWords {
    /// As it was written: the cron expression, or the interval.
    pub text: String,
    /// The same in words; `None` where there are no short ones.
    pub words: Option<String>,
    /// The time zone in which a cron expression is read; an interval has none.
    pub zone: Option<String>,
}

impl ScheduleTrigger {
    /// The schedule in words.
    pub fn in_words(&self) -> ScheduleWords {
        match &self.rhythm {
            Rhythm::Cron(cron) => ScheduleWords {
                text: cron.text().to_owned(),
                words: cron_in_words(cron.text()),
                zone: Some(cron.zone().to_string()),
            },
            Rhythm::Interval(every_ms) => ScheduleWords {
                text: interval(*every_ms),
                words: None,
                zone: None,
            },
        }
    }
}

/// In the largest unit of which it is a whole number.
fn interval(every_ms: i64) -> String {
    let units = UNITS.iter().rev();
    let mut whole = units.filter(|(_, unit_ms)| every_ms % unit_ms == 0);
    match whole.next() {
        Some((name, unit_ms)) if every_ms == *unit_ms => {
            format!("every {}", name.trim_end_matches('s'))
        }
        Some((name, unit_ms)) => format!("every {} {name}", every_ms / unit_ms),
        // Intervals are whole minutes.
        None => format!("every {every_ms} milliseconds"),
    }
}

fn cron_in_words(text: &str) -> Option<String> {
    let text = match text.trim() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * SUN",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        other => other,
    };
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return None;
    };
    let time = time(minute, hour)?;
    let days = days(day, weekday)?;
    let months = match month {
        "*" => String::new(),
        other => format!(" in {}", named(other, &MONTHS, 1)?),
    };
    Some(match days {
        Some(days) => format!("{time}, {days}{months}"),
        None if time.starts_with("every") => format!("{time}{months}"),
        None => format!("{time}, every day{months}"),
    })
}

fn time(minute: &str, hour: &str) -> Option<String> {
    let at_minute = number(minute, 59);
    Some(match (minute, hour) {
        ("*", "*") => "every minute".to_owned(),
        (minute, "*") if let Some(every) = step(minute, 59) => format!("every {every} minutes"),
        ("0", "*") => "every hour".to_owned(),
        (_, "*") => format!("every hour at minute {}", at_minute?),
        ("0", hour) if let Some(every) = step(hour, 23) => format!("every {every} hours"),
        (_, hour) => {
            let hours: Option<Vec<String>> = hour
                .split(',')
                .map(|hour| Some(format!("{:02}:{:02}", number(hour, 23)?, at_minute?)))
                .collect();
            format!("at {}", listed(&hours?))
        }
    })
}

/// `None` within: every day.
fn days(day: &str, weekday: &str) -> Option<Option<String>> {
    let of_month = |day: &str| {
        let days: Option<Vec<String>> = day
            .split(',')
            .map(|day| number(day, 31).map(|day| day.to_string()))
            .collect();
        Some(format!("on day {} of the month", listed(&days?)))
    };
    Some(match (day, weekday) {
        ("*", "*") => None,
        ("*", weekday) => Some(named(weekday, &DAYS, 0)?),
        (day, "*") => Some(of_month(day)?),
        // Both at once mean other things to other readers of cron expressions.
        _ => return None,
    })
}

/// Numbers and names, one by one or from one to another.
fn named(field: &str, names: &[(&str, &str)], first: usize) -> Option<String> {
    let name = |text: &str| {
        let by_name = || {
            let mut names = names.iter();
            names.find(|(short, _)| short.eq_ignore_ascii_case(text))
        };
        let by_number = || {
            let number: usize = text.parse().ok()?;
            // Sunday is 7 too.
            let index = number.checked_sub(first)?;
            names.get(if first == 0 { index % 7 } else { index })
        };
        by_name().or_else(by_number).map(|(_, long)| *long)
    };
    let parts: Option<Vec<String>> = field
        .split(',')
        .map(|part| match part.split_once('-') {
            Some((from, to)) => Some(format!("{} to {}", name(from)?, name(to)?)),
            None => name(part).map(str::to_owned),
        })
        .collect();
    parts.map(|parts| listed(&parts))
}

/// `*/n`, where the steps come out even: else the last of an hour or a day is shorter.
fn step(field: &str, last: u32) -> Option<u32> {
    let every: u32 = field.strip_prefix("*/")?.parse().ok()?;
    (every > 1 && (last + 1).is_multiple_of(every)).then_some(every)
}

fn number(field: &str, last: u32) -> Option<u32> {
    let is_number = field.bytes().all(|byte| byte.is_ascii_digit());
    let number = field.parse().ok().filter(|_| is_number)?;
    (number <= last).then_some(number)
}

fn listed(parts: &[String]) -> String {
    match parts {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        parts => parts.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trigger::Trigger;
    use serde_json::json;

    #[test]
    fn common_expressions_have_words_and_others_none() {
        for (text, words) in [
            ("* * * * *", Some("every minute")),
            ("*/15 * * * *", Some("every 15 minutes")),
            ("0 * * * *", Some("every hour")),
            ("7 * * * *", Some("every hour at minute 7")),
            ("0 */6 * * *", Some("every 6 hours")),
            ("30 9 * * *", Some("at 09:30, every day")),
            ("0 9,17 * * *", Some("at 09:00 and 17:00, every day")),
            ("0 9 * * MON-FRI", Some("at 09:00, Monday to Friday")),
            (
                "0 9 * * 1,3,7",
                Some("at 09:00, Monday, Wednesday and Sunday"),
            ),
            ("0 0 1 * *", Some("at 00:00, on day 1 of the month")),
            (
                "0 0 1,15 JAN-MAR *",
                Some("at 00:00, on day 1 and 15 of the month in January to March"),
            ),
            ("*/15 * * 12 *", Some("every 15 minutes in December")),
            ("@daily", Some("at 00:00, every day")),
            ("@weekly", Some("at 00:00, Sunday")),
            ("*/7 * * * *", None),
            ("5-10 * * * *", None),
            ("0 9-17 * * *", None),
            ("30 */6 * * *", None),
            ("0 0 L * *", None),
            ("0 0 1 * MON", None),
            ("0 0 * * MON#2", None),
        ] {
            assert_eq!(cron_in_words(text).as_deref(), words, "{text}");
        }
    }

    #[test]
    fn an_interval_is_told_in_its_largest_unit_and_has_no_zone() {
        let read = |trigger| match Trigger::read(Some(&trigger), &mut Vec::new()) {
            Some(Trigger::Schedule(schedule)) => schedule.in_words(),
            other => panic!("{other:?}"),
        };
        for (value, unit, text) in [
            (15, "minutes", "every 15 minutes"),
            (60, "minutes", "every hour"),
            (36, "hours", "every 36 hours"),
            (14, "days", "every 2 weeks"),
        ] {
            let trigger =
                json!({ "type": "schedule", "interval": { "value": value, "unit": unit } });
            let words = read(trigger);
            assert_eq!((words.text.as_str(), words.zone), (text, None));
        }
        let cron = json!({ "type": "schedule", "cron": "0 9 * * *", "timezone": "Europe/Berlin" });
        let words = read(cron);
        assert_eq!(words.text, "0 9 * * *");
        assert_eq!(words.words.as_deref(), Some("at 09:00, every day"));
        assert_eq!(words.zone.as_deref(), Some("Europe/Berlin"));
    }
}
