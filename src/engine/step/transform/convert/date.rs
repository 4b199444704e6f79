//! Conversions of dates: from a date, a date and time with zone, or Unix seconds or milliseconds.
//!
//! | name | a value becomes |
//! |---|---|
//! | `date` (`iso`) | ISO 8601 in UTC with milliseconds |
//! | `dateonly` | `2024-01-15`, in `timezone` (UTC) |
//! | `unix`, `unixms` | seconds or milliseconds since 1970 |
//! | `dateformat` (`format`) | text by `pattern` (`YYYY-MM-DD HH:mm:ss`, or with percent signs as `strftime` has it), in `timezone` (UTC) |
//! | `dateadd` | the date and time that is `amount` of `unit` (seconds to years) later, in ISO 8601 |

use super::super::super::field::{self, Fields};
use super::{Conversion, Form, may, must, plain, text_option, with};
use crate::clock;
use crate::model::zone::Zone;
use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Months, TimeDelta, Utc};
use serde_json::Value;
use std::fmt::Write as _;

/// Unix times up to here are seconds (the year 5138), above it milliseconds (since 1973).
const LARGEST_UNIX_SECONDS: f64 = 1e11;
/// The longest pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 200;
/// What a pattern without percent signs may hold, the longest first.
const TOKENS: [(&str, &str); 15] = [
    ("YYYY", "%Y"),
    ("MMMM", "%B"),
    ("dddd", "%A"),
    ("MMM", "%b"),
    ("ddd", "%a"),
    ("SSS", "%3f"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("A", "%p"),
    ("Z", "%:z"),
];

pub(super) const CONVERSIONS: &[Conversion] = &[
    plain(
        &["date", "iso", "isodate", "todate", "datetime"],
        |value, _| Ok(clock::iso_utc(unix_ms(value)?).into()),
    ),
    with(
        &["dateonly"],
        &[may("timezone", Form::Text)],
        |value, options| formatted(value, "%Y-%m-%d", options),
    ),
    plain(&["unix", "unixseconds", "timestamp"], |value, _| {
        Ok(unix_ms(value)?.div_euclid(1_000).into())
    }),
    plain(&["unixms", "unixmilliseconds"], |value, _| {
        Ok(unix_ms(value)?.into())
    }),
    with(
        &["dateformat", "format", "formatdate"],
        &[must("pattern", Form::Text), may("timezone", Form::Text)],
        |value, options| {
            let pattern = text_option(options, "pattern", "");
            if pattern.contains('%') {
                formatted(value, pattern, options)
            } else {
                formatted(value, &in_percent_signs(pattern), options)
            }
        },
    ),
    with(
        &["dateadd", "adddate"],
        &[
            must("amount", Form::Number(-1e9, 1e9)),
            may("unit", Form::Text),
        ],
        add,
    ),
];

fn unix_ms(value: &Value) -> Result<i64, String> {
    let unix_ms = match value {
        Value::Number(_) => field::as_number(value).map(|time| {
            let is_seconds = time.abs() <= LARGEST_UNIX_SECONDS;
            (if is_seconds { time * 1_000.0 } else { time }) as i64
        }),
        Value::String(text) => {
            let text = text.trim();
            clock::parse_iso(text).or_else(|| clock::parse_iso(&format!("{text}T00:00:00Z")))
        }
        _ => None,
    };
    let unix_ms = unix_ms.filter(|unix_ms| moment(*unix_ms).is_some());
    unix_ms.ok_or_else(|| {
        let shown = field::shown(value);
        format!("{shown} is not a date; `2024-01-15`, `2024-01-15T10:00:00Z` or a Unix time is")
    })
}

fn moment(unix_ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(unix_ms)
}

fn at(unix_ms: i64) -> DateTime<Utc> {
    moment(unix_ms).unwrap_or(DateTime::UNIX_EPOCH)
}

fn in_percent_signs(pattern: &str) -> String {
    let mut made = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let token = TOKENS.iter().find(|(token, _)| rest.starts_with(token));
        let taken = match token {
            Some((token, sign)) => {
                made.push_str(sign);
                token.len()
            }
            None => {
                made.push(letter);
                letter.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    made
}

fn formatted(value: &Value, pattern: &str, options: &Fields) -> Result<Value, String> {
    let moment = at(unix_ms(value)?);
    let zone = text_option(options, "timezone", "UTC");
    let zone: Zone = zone.parse().map_err(|_| {
        let zone = field::cut(zone, 40);
        format!("`{zone}` is not a time zone such as `Europe/Berlin`")
    })?;
    let items: Vec<Item<'_>> = StrftimeItems::new(pattern).collect();
    let is_wrong = pattern.len() > MAX_PATTERN_BYTES || items.contains(&Item::Error);
    let mut made = String::new();
    let written = write!(
        made,
        "{}",
        moment.with_timezone(&zone).format_with_items(items.iter())
    );
    if is_wrong || written.is_err() {
        let pattern = field::cut(pattern, 40);
        return Err(format!(
            "`{pattern}` is not a pattern such as `YYYY-MM-DD HH:mm` or `%d.%m.%Y`"
        ));
    }
    Ok(made.into())
}

fn add(value: &Value, options: &Fields) -> Result<Value, String> {
    let from = at(unix_ms(value)?);
    let amount = options.get("amount").and_then(field::as_number);
    let amount = amount.ok_or("`amount` is not a number")?;
    let unit = text_option(options, "unit", "days").trim().to_lowercase();
    let unit = unit.strip_suffix('s').unwrap_or(&unit);
    let unit_ms = match unit {
        "millisecond" => 1.0,
        "second" => 1_000.0,
        "minute" => 60_000.0,
        "hour" => 3_600_000.0,
        "day" => 86_400_000.0,
        "week" => 604_800_000.0,
        "month" => return add_months(from, amount),
        "year" => return add_months(from, amount * 12.0),
        _ => {
            let unit = field::cut(unit, 20);
            return Err(format!(
                "`{unit}` is none of seconds, minutes, hours, days, weeks, months, years"
            ));
        }
    };
    let later = TimeDelta::try_milliseconds((amount * unit_ms).round() as i64)
        .and_then(|by| from.checked_add_signed(by));
    iso(later)
}

/// So many months later; the last day of a shorter month where the day is not in it.
fn add_months(from: DateTime<Utc>, amount: f64) -> Result<Value, String> {
    if amount.fract() != 0.0 {
        return Err(format!("{amount} months cannot be added: no whole number"));
    }
    let months = Months::new(amount.abs() as u32);
    iso(if amount < 0.0 {
        from.checked_sub_months(months)
    } else {
        from.checked_add_months(months)
    })
}

fn iso(moment: Option<DateTime<Utc>>) -> Result<Value, String> {
    moment
        .map(|moment| clock::iso_utc(moment.timestamp_millis()).into())
        .ok_or_else(|| "the date is out of what can be written".to_owned())
}
