//! How answers look: JSON as the API has it, or tables and fields for people.
//! May not know what is shown. Promise: stdout carries data only; colours appear on a terminal only; what came from a
//! server cannot steer the terminal.

use crate::error::{Error, Result};
use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};

/// How a command prints its data.
pub(super) struct Output {
    /// Whether `--json` was given.
    pub json: bool,
    colours: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Output {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|text| text.is_empty());
        Output {
            json,
            colours: wanted && io::stdout().is_terminal(),
        }
    }

    /// Prints JSON, indented.
    pub(super) fn json(&self, data: &Value) -> Result<()> {
        print(&format!("{data:#}"))
    }

    /// Prints one line of words, those of a status in their colours.
    pub(super) fn line(&self, words: &[&str]) -> Result<()> {
        let words: Vec<String> = words
            .iter()
            .map(|word| self.status(&harmless(word)))
            .collect();
        print(&words.join("  "))
    }

    /// Prints a list: what the API has of it, or a table with a row for each item.
    pub(super) fn list(
        &self,
        items: Vec<Value>,
        head: &[&str],
        row: impl Fn(&Value) -> Vec<String>,
    ) -> Result<()> {
        if self.json {
            return self.json(&Value::Array(items));
        }
        let rows: Vec<Vec<String>> = items.iter().map(row).collect();
        self.table(head, &rows)
    }

    /// Prints rows under their headings; of no rows, nothing.
    pub(super) fn table(&self, head: &[&str], rows: &[Vec<String>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| harmless(cell)).collect())
            .collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let longest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            longest.max(head.get(column).map_or(0, |title| title.len()))
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
        let mut lines = vec![self.bold(&padded(&head, &widths))];
        for row in &rows {
            lines.push(self.coloured_line(row, &widths));
        }
        print(&lines.join("\n"))
    }

    /// Prints names and values, one pair a line.
    pub(super) fn fields(&self, fields: &[(&str, String)]) -> Result<()> {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let lines: Vec<String> = fields
            .iter()
            .map(|(name, value)| {
                let value = harmless(value);
                format!(
                    "{}  {}",
                    self.bold(&format!("{name:width$}")),
                    self.status(&value)
                )
            })
            .collect();
        print(&lines.join("\n"))
    }

    /// A status word in its colour; other words as they are.
    fn status(&self, word: &str) -> String {
        let code = match word {
            "active" | "completed" | "ok" => "32",
            "failed" | "revoked" | "expired" | "wrong" => "31",
            "running" | "pending" | "paused" | "disabled" | "cancelled" => "33",
            _ => return word.to_owned(),
        };
        self.paint(word, code)
    }

    fn bold(&self, text: &str) -> String {
        self.paint(text, "1")
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn coloured_line(&self, row: &[String], widths: &[usize]) -> String {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| {
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                self.status(cell) + &padding
            })
            .collect();
        cells.join("  ").trim_end().to_owned()
    }
}

fn padded(cells: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    cells.join("  ").trim_end().to_owned()
}

/// The text without characters that a terminal would obey.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// Prints a line on stdout. A reader that has gone away (`| head`) is no error.
pub(super) fn print(line: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::caused_by("cannot write to stdout", error))
        }
        _ => Ok(()),
    }
}

/// Prints a remark on stderr.
pub(super) fn note(text: &str) {
    // Nobody is left to tell when stderr is gone.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Prints an error with its causes, and its hint.
pub(super) fn error(error: &Error) {
    let chain = error.chain();
    let lines: Vec<String> = chain.lines().map(harmless).collect();
    note(&format!("error: {}", lines.join("\n")));
    if let Some(hint) = error.hint_text() {
        note(&format!("hint: {hint}"));
    }
}

/// A field of a JSON object for a cell: texts without quotes, nothing as `–`, lists joined.
pub(super) fn cell(object: &Value, field: &str) -> String {
    match object.get(field) {
        None | Some(Value::Null) => "–".into(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let texts: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            texts.join(" ")
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_plain_and_cannot_steer_the_terminal() {
        let object = json!({"a": "x", "b": null, "c": ["p", "q"], "d": 5});
        let cells: Vec<String> = ["a", "b", "c", "d", "e"]
            .iter()
            .map(|name| cell(&object, name))
            .collect();
        assert_eq!(cells, ["x", "–", "p q", "5", "–"]);
        assert_eq!(harmless("a\x1b[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
    }
}
