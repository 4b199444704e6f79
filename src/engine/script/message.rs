//! What is said between the server and the processes that run its scripts: one line of JSON each way.

use super::{Evaluation, LogLine, failure};
use crate::model::run::StepError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many of the last lines of a console an error shows, and how long each may be.
const SHOWN_LINES: usize = 5;
const SHOWN_CHARS: usize = 200;

/// A script with its limits.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The body of a function of `input`.
    pub code: String,
    /// What it sees as `input`.
    pub input: Value,
    /// How long it may take.
    pub timeout_ms: u64,
    /// How much memory it may use.
    pub memory_bytes: usize,
    /// The largest result, in bytes of JSON.
    pub max_result_bytes: usize,
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// What it returned, or why it did not.
    pub result: Result<Value, Failure>,
    /// What it wrote to its console.
    pub logs: Vec<LogLine>,
    /// Whether the process may run another script. One in which a script has met a limit may not.
    pub is_fit: bool,
}

/// Why a script returned nothing.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Failure {
    /// Its own fault: a sentence, with the line.
    Wrong(String),
    /// It needs more memory than it may use, so many bytes.
    Memory(usize),
    /// It threw null, as QuickJS does where it has no memory for an error. It may use so many bytes.
    Null(usize),
    /// It took longer than so many milliseconds.
    Slow(u64),
}

impl Report {
    pub(super) fn into_result(self) -> Result<Evaluation, StepError> {
        let logs = self.logs;
        self.result
            .map(|value| Evaluation {
                value,
                logs: logs.clone(),
            })
            .map_err(|failure| {
                let mut error = failure::in_words(failure);
                error.message.push_str(&last_lines(&logs));
                error
            })
    }
}

/// The end of a console, as an error shows it: what a script wrote is wanted most when it fails.
fn last_lines(logs: &[LogLine]) -> String {
    if logs.is_empty() {
        return String::new();
    }
    let from = logs.len().saturating_sub(SHOWN_LINES);
    let shown = logs.get(from..).unwrap_or_default().iter().map(|line| {
        let text: String = line.message.chars().take(SHOWN_CHARS).collect();
        format!("{}: {text}", line.level)
    });
    format!(
        "\nconsole: {}",
        shown.collect::<Vec<_>>().join("\n         ")
    )
}
