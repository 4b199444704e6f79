//! What of a Flowise database is brought here, and what an import came to.
//! May not know how the database is read or where things are put. Promises: of a row that cannot be brought as it was meant
//! nothing is brought; no text of a key stands in anything here.

mod chat;
mod flow;
mod report;
mod scopes;

pub use chat::{ImportedFeedback, ImportedMessage, SourceFeedback, SourceMessage, SourceVariable};
pub use flow::{ImportedFlow, SourceFlow};
pub use report::{ImportReport, MAX_NOTES, Note, Outcome, Tally, Thing};
pub use scopes::{ImportedScopes, imported_scopes};

use crate::clock::parse_iso;
use crate::id::BadId;
use std::str::FromStr;

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 255;

/// What a row holds in one of its columns; numbers as their digits.
pub type Cell = Option<String>;

/// A name, without control characters and cut at 255 characters; `fallback` where nothing is left of it.
pub fn tidy_name(text: Option<&str>, fallback: &str) -> String {
    let kept = text.unwrap_or_default().chars();
    let name: String = kept
        .filter(|one| !one.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    if name.trim().is_empty() {
        return fallback.to_owned();
    }
    name
}

/// A moment as Flowise keeps it (`2026-01-31 10:00:00.000`, in UTC), as ISO 8601 or in milliseconds since the Unix epoch.
pub fn moment(column: &str, cell: &Cell) -> Result<i64, String> {
    let text = cell.as_deref().unwrap_or_default().trim();
    let number = || text.parse().ok().filter(|ms: &i64| *ms >= 0);
    let spaced = || parse_iso(&format!("{}Z", text.replacen(' ', "T", 1)));
    parse_iso(text)
        .or_else(spaced)
        .or_else(number)
        .ok_or_else(|| format!("`{column}` is `{}`, which is no date", shown(text)))
}

/// An id that clients know.
fn id<T: FromStr<Err = BadId>>(column: &str, cell: &Cell) -> Result<T, String> {
    let text = cell.as_deref().unwrap_or_default();
    text.parse()
        .map_err(|error: BadId| format!("`{column}`: {error}"))
}

/// What stands in a column that is never empty.
fn needed(column: &str, cell: Cell) -> Result<String, String> {
    cell.ok_or_else(|| format!("`{column}` is empty"))
}

/// What stands in a column, unless it is an empty text.
fn filled(cell: Cell) -> Option<String> {
    cell.filter(|text| !text.is_empty())
}

/// The beginning of a value, for a sentence.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_the_forms_that_such_databases_have() {
        let cell = |text: &str| moment("createdDate", &Some(text.to_owned()));
        for text in [
            "2026-01-31 10:00:00",
            "2026-01-31 10:00:00.000",
            "2026-01-31T10:00:00.000Z",
            "1769853600000",
        ] {
            assert_eq!(cell(text), Ok(1_769_853_600_000), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01 00:00:00", "-5", "12:00"] {
            let refused = cell(text).expect_err(text);
            assert_eq!(
                refused,
                format!("`createdDate` is `{text}`, which is no date")
            );
        }
        assert!(moment("createdDate", &None).is_err());
    }

    #[test]
    fn names_are_made_to_fit() {
        assert_eq!(tidy_name(Some("a\u{7}b\n"), "x"), "ab");
        assert_eq!(tidy_name(Some(" \t"), "x"), "x");
        assert_eq!(tidy_name(None, "x"), "x");
        assert_eq!(
            tidy_name(Some(&"\u{e4}".repeat(300)), "x").chars().count(),
            255
        );
    }
}
