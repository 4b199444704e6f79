//! What two texts differ in, by line. May not know what they say. Promise: bounded in time and in size; what was left out is
//! said.

use super::super::written::written_bytes;
use crate::clock::deadline_after;
use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::{ChangeTag, DiffOp};
use std::time::Duration;

/// So many lines that are in both are shown around the others.
const LINES_AROUND: usize = 3;
/// So many lines are shown.
const MAX_LINES: usize = 400;
/// So much of all lines is shown, in bytes of HTML with their markup.
const MAX_BYTES: usize = 64 << 10;
const MARKUP_BYTES: usize = 48;
/// So many characters of a line are shown.
const MAX_LINE_CHARS: usize = 120;
/// After so long a difference is told that is right, but not the shortest.
const MAX_TIME: Duration = Duration::from_millis(100);

/// A line of one text, of the other, or of both.
pub(super) struct DifferenceLine {
    /// `-`, `+` or a space; `…` where lines are left out.
    pub(super) sign: &'static str,
    /// `gone`, `new`, `same` or `gap`.
    pub(super) class: &'static str,
    pub(super) text: String,
}

/// What differs.
#[derive(Default)]
pub(super) struct Difference {
    pub(super) lines: Vec<DifferenceLine>,
    /// Whether there is more than is shown.
    pub(super) is_cut: bool,
}

/// What was changed from one text to another.
pub(super) fn difference(before: &str, after: &str) -> Difference {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let mut difference = Difference::default();
    let mut left_bytes = MAX_BYTES;
    for (place, group) in groups(&before, &after).iter().enumerate() {
        if place > 0 {
            difference.lines.push(DifferenceLine {
                sign: "…",
                class: "gap",
                text: String::new(),
            });
        }
        for change in group.iter().flat_map(|op| op.iter_changes(&before, &after)) {
            let (sign, class) = match change.tag() {
                ChangeTag::Delete => ("-", "gone"),
                ChangeTag::Insert => ("+", "new"),
                ChangeTag::Equal => (" ", "same"),
            };
            let text = change.value();
            difference.is_cut |= text.chars().nth(MAX_LINE_CHARS).is_some();
            let text: String = text.chars().take(MAX_LINE_CHARS).collect();
            let taken_bytes = written_bytes(&text) + MARKUP_BYTES;
            if difference.lines.len() >= MAX_LINES || taken_bytes > left_bytes {
                difference.is_cut = true;
                return difference;
            }
            left_bytes -= taken_bytes;
            difference.lines.push(DifferenceLine { sign, class, text });
        }
    }
    difference
}

/// What was done to the lines, with those around them, in the order of the text. By one algorithm, called as such: the way
/// through which one is chosen brings all of them into the binary, which is half a megabyte.
fn groups(before: &[&str], after: &[&str]) -> Vec<Vec<DiffOp>> {
    let mut found = Compact::new(Replace::new(Capture::new()), before, after);
    let deadline = deadline_after(MAX_TIME);
    let Ok(()) = myers::diff_deadline(
        &mut found,
        before,
        0..before.len(),
        after,
        0..after.len(),
        deadline,
    );
    found
        .into_inner()
        .into_inner()
        .into_grouped_ops(LINES_AROUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, after: &str) -> String {
        let lines = difference(before, after).lines.into_iter();
        lines
            .map(|line| format!("{}{}\n", line.sign, line.text))
            .collect()
    }

    #[test]
    fn lines_that_differ_are_told_with_those_around_them() {
        let many: String = (0..40).map(|number| format!("{number}\n")).collect();
        let changed = many.replace("\n5\n", "\nfive\n").replace("\n30\n", "\n");
        for (before, after, expected) in [
            ("a\nb\n", "a\nb\n", ""),
            ("a\nb\n", "a\nc\n", " a\n-b\n+c\n"),
            ("", "a", "+a\n"),
            (
                &many,
                &changed,
                " 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n…\n 27\n 28\n 29\n-30\n 31\n 32\n 33\n",
            ),
        ] {
            assert_eq!(told(before, after), expected);
        }
    }

    #[test]
    fn large_texts_are_cut() {
        let lines = |letter: char| -> String {
            let line = |number: usize| format!("{letter}{number}{}\n", "x".repeat(500));
            (0..5_000).map(line).collect()
        };
        let found = difference(&lines('a'), &lines('b'));
        assert!(found.is_cut);
        let longest = found.lines.iter().map(|line| line.text.len()).max();
        assert_eq!(longest, Some(MAX_LINE_CHARS));
        let short: String = (0..5_000).map(|number| format!("{number}\n")).collect();
        assert_eq!(difference("", &short).lines.len(), MAX_LINES);
        let markup = "<".repeat(100) + "\n";
        for text in [lines('a'), markup.repeat(5_000)] {
            let lines = difference("", &text).lines.into_iter();
            let written: usize = lines
                .map(|line| written_bytes(&line.text) + MARKUP_BYTES)
                .sum();
            assert!(written <= MAX_BYTES, "{written}");
        }
    }
}
