//! Moments that people write into fields, and times that they read. May not know what is timed.

use crate::clock::parse_iso;
use crate::http::problem::Problem;

/// A moment in UTC, in milliseconds since the Unix epoch: a day, a day and a time as a browser's field has it, or one in full.
pub(super) fn read(name: &str, text: &str) -> Result<i64, Problem> {
    let endings = ["", "Z", ":00Z", "T00:00:00Z"];
    let mut moments = endings
        .iter()
        .filter_map(|ending| parse_iso(&format!("{text}{ending}")));
    moments.next().ok_or_else(|| {
        let text: String = text.chars().take(40).collect();
        Problem::invalid(format!(
            "`{name}` is `{text}`; write a moment in UTC like 2027-01-31, 2027-01-31T12:00 or 2027-01-31T12:00:00Z."
        ))
    })
}

/// How long something took, as people read it.
pub(super) fn duration(ms: i64) -> String {
    const SECOND: i64 = 1_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    match ms {
        ..SECOND => format!("{} ms", ms.max(0)),
        SECOND..MINUTE => format!("{}.{} s", ms / SECOND, ms % SECOND / 100),
        MINUTE..HOUR => format!("{} min {} s", ms / MINUTE, ms % MINUTE / SECOND),
        HOUR..DAY => format!("{} h {} min", ms / HOUR, ms % HOUR / MINUTE),
        DAY.. => format!("{} d {} h", ms / DAY, ms % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_browsers_and_people_write_them() {
        for (text, ms) in [
            ("2024-01-15", Some(1_705_276_800_000)),
            ("2024-01-15T10:00", Some(1_705_312_800_000)),
            ("2024-01-15T10:00:00Z", Some(1_705_312_800_000)),
            ("2024-01-15T11:00:00+01:00", Some(1_705_312_800_000)),
            ("yesterday", None),
            ("2024-13-01", None),
        ] {
            assert_eq!(read("from", text).ok(), ms, "{text}");
        }
    }

    #[test]
    fn durations_have_two_figures_at_most() {
        for (ms, text) in [
            (-5, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }
}
