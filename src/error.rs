//! What went wrong while starting or commanding the server, as a person reads it: a sentence, its causes, a hint.
//! Layers below have error types of their own; this one is for `app` and `cli`, where an error ends on a terminal.
//! Promise: one line says what went wrong, and the hint says what to do.

use std::{error::Error as StdError, fmt};

/// An error on its way to a person.
#[derive(Debug)]
pub struct Error {
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of what may end on a terminal.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error that says what went wrong, with the value that did.
    pub fn new(message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// The same, with the error behind it.
    pub fn caused_by(
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Error {
        Error {
            message: message.into(),
            hint: None,
            source: Some(source.into()),
        }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// What to do about it, where that is known.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The message and its causes, joined by `: `, in one line.
    pub fn chain(&self) -> String {
        let mut line = self.message.clone();
        let mut source = self.source();
        while let Some(cause) = source {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            source = cause.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
