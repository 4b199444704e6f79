//! Values as a page shows them: the first of each, as text. May not know whose they are.
//! Promise: all values of a page together take a bounded room on it, with what escaping adds; what is cut says how long it is.

use super::super::written::fitting;
use crate::engine::redact::cut;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::{self, Write};

/// So much of a value is shown at most, in bytes of HTML.
const MAX_VALUE_BYTES: usize = 4 << 10;
/// So much of all values of a page.
const MAX_PAGE_BYTES: usize = 24 << 10;
/// A name is cut after so many characters.
const MAX_NAME_CHARS: usize = 80;

/// A value on a page.
pub(super) struct Shown {
    /// What stands before it: `Output`.
    pub(super) label: &'static str,
    /// The first of it; empty where the page has no more room.
    pub(super) text: String,
    /// Whether there is more of it.
    pub(super) is_cut: bool,
    /// Where the whole is, from the dashboard's first page on.
    pub(super) whole: Option<String>,
}

impl Shown {
    /// A value that the page only leads to.
    pub(super) fn elsewhere(label: &'static str, whole: String) -> Shown {
        Shown {
            label,
            text: String::new(),
            is_cut: true,
            whole: Some(whole),
        }
    }
}

/// The room that is left for values on a page.
pub(super) struct Room {
    left_bytes: usize,
}

impl Room {
    pub(super) fn new() -> Room {
        Room {
            left_bytes: MAX_PAGE_BYTES,
        }
    }

    /// A value as indented JSON.
    pub(super) fn value(
        &mut self,
        label: &'static str,
        value: &Value,
        whole: Option<String>,
    ) -> Shown {
        let (text, has_more) = beginning(value);
        self.shown(label, &text, has_more, whole)
    }

    /// JSON as it was recorded.
    pub(super) fn raw(&mut self, label: &'static str, value: &RawValue, whole: String) -> Shown {
        self.shown(label, value.get(), false, Some(whole))
    }

    /// A text.
    pub(super) fn text(&mut self, label: &'static str, text: &str, whole: Option<String>) -> Shown {
        self.shown(label, text, false, whole)
    }

    fn shown(
        &mut self,
        label: &'static str,
        text: &str,
        has_more: bool,
        whole: Option<String>,
    ) -> Shown {
        let (shown, bytes) = fitting(text, MAX_VALUE_BYTES.min(self.left_bytes));
        self.left_bytes -= bytes;
        Shown {
            label,
            is_cut: has_more || shown.len() < text.len(),
            text: shown.to_owned(),
            whole,
        }
    }
}

/// A name that may be long.
pub(super) fn name(text: &str) -> String {
    cut(text, MAX_NAME_CHARS)
}

/// The beginning of a value as indented JSON, and whether there is more. No more is written than is wanted.
fn beginning(value: &Value) -> (String, bool) {
    let mut head = Head(Vec::new());
    let mut json = serde_json::Serializer::pretty(&mut head);
    let has_more = value.serialize(&mut json).is_err();
    let text = String::from_utf8(head.0).unwrap_or_else(|error| {
        // Cut within a character.
        let whole = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned()
    });
    (text, has_more)
}

/// Takes as much as is shown, and refuses the rest.
struct Head(Vec<u8>);

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_VALUE_BYTES - self.0.len();
        if room == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(room);
        self.0
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_cut_where_its_html_would_be_too_long() {
        for (value, is_cut) in [
            (json!("x".repeat(4_000)), false),
            (json!("x".repeat(4_096)), true),
            (json!("ü".repeat(4_096)), true),
            (json!("<".repeat(4_000)), true),
            (json!([1, { "a": "b" }]), false),
        ] {
            let shown = Room::new().value("Output", &value, None);
            assert_eq!(shown.is_cut, is_cut, "{}", shown.text.len());
            let html = shown.text.replace('<', "&#60;").replace('"', "&#34;");
            assert!(html.len() <= MAX_VALUE_BYTES, "{}", html.len());
            assert!(shown.text.len() > 8, "{}", shown.text);
        }
    }

    #[test]
    fn all_values_of_a_page_have_a_bound_together() {
        let mut room = Room::new();
        let long = "&".repeat(5_000);
        let shown: Vec<Shown> = (0..10).map(|_| room.text("Error", &long, None)).collect();
        let letters: usize = shown.iter().map(|shown| shown.text.len()).sum();
        assert!(letters * 5 <= MAX_PAGE_BYTES && letters * 5 > MAX_PAGE_BYTES - 50);
        assert!(shown.iter().all(|shown| shown.is_cut));
        assert!(room.text("Error", "x", None).text.len() <= 1);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(name("short"), "short");
        let cut = name(&"ü".repeat(200));
        assert_eq!(cut.chars().count(), MAX_NAME_CHARS + 1);
        assert!(cut.ends_with('…'));
    }
}
