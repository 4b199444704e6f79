//! Durations and moments as people type them: `90d`, `12h`, `2027-01-31`.
//! May not know what time it is.

use crate::clock::{iso_utc, parse_iso};

/// When a key is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expiry {
    /// So many seconds after it was made.
    InSeconds(u64),
    /// At this moment, ISO 8601 UTC.
    At(String),
    /// It does not end.
    Never,
}

/// A hundred years: longer is a slip of the finger.
const LONGEST_SECONDS: u64 = 100 * 366 * 86_400;

/// Reads a whole number with `s`, `m`, `h`, `d` or `w`, as seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let problem = || {
        format!(
            "`{text}` is not a duration; write a whole number and s, m, h, d or w, such as `12h`"
        )
    };
    let unit = text.chars().next_back().ok_or_else(problem)?;
    let unit_seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(problem()),
    };
    let digits = text.trim_end_matches(unit);
    if digits.len() + 1 != text.len() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problem());
    }
    let count: u64 = digits.parse().map_err(|_| problem())?;
    count
        .checked_mul(unit_seconds)
        .filter(|seconds| *seconds <= LONGEST_SECONDS)
        .ok_or_else(|| format!("`{text}` is more than 100 years"))
}

/// Reads a duration, a date (its first moment in UTC), a date and time with its zone, or `never`.
pub(super) fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    if let Some(unix_ms) = parse_iso(text).or_else(|| parse_iso(&format!("{text}T00:00:00Z"))) {
        return Ok(Expiry::At(iso_utc(unix_ms)));
    }
    match seconds(text) {
        Ok(0) => Err("a key that ends at once is of no use".into()),
        Ok(seconds) => Ok(Expiry::InSeconds(seconds)),
        Err(_) => Err(format!(
            "`{text}` is neither a duration such as `90d` or `12h`, nor a date such as `2027-01-31` or \
             `2027-01-31T12:00:00Z`, nor `never`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, expected) in [
            ("0s", 0),
            ("1s", 1),
            ("30m", 1_800),
            ("12h", 43_200),
            ("90d", 7_776_000),
            ("2w", 1_209_600),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "s",
            "90",
            "1.5h",
            "-1d",
            "+1d",
            "1 d",
            "1dd",
            "1y",
            "1D",
            "1ä",
            "99999999999999999999s",
            "200000w",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_ends_after_a_while_or_at_a_date() {
        for (text, expected) in [
            ("90d", Expiry::InSeconds(7_776_000)),
            ("never", Expiry::Never),
            ("2027-01-31", Expiry::At("2027-01-31T00:00:00.000Z".into())),
            (
                "2027-01-31T12:00:00+01:00",
                Expiry::At("2027-01-31T11:00:00.000Z".into()),
            ),
        ] {
            assert_eq!(expiry(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "0s",
            "tomorrow",
            "2027-13-01",
            "31.1.2027",
            "2027-01-31 12:00",
        ] {
            assert!(expiry(bad).is_err(), "{bad}");
        }
    }
}
