//! Keeps the secrets that an attempt has used out of everything that it leaves: outputs, errors, events.
//! May not know connections, steps or journals. Promises: whatever the other side echoes, a secret of this attempt is not in
//! what went through here: as it is, percent-encoded, escaped, or in base64, in names as well as in values; and looking for it
//! takes time that grows with the text alone, and no async worker where that is long.
//!
//! - `secret`: one secret, and where it stands in a text.
//! - `needle`: finding a row of bytes, whatever way its letters are written.
//! - `letters`: the ways of writing a letter.
//!
//! Secrets shorter than [`MIN_SECRET_CHARACTERS`] are not looked for, since they would be found in every text; whoever keeps
//! secrets refuses such ones.

mod letters;
mod needle;
mod secret;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod work_tests;

use super::outbound::{OutboundResponse, url};
use crate::model::run::StepError;
use bytes::Bytes;
use secret::{MIN_CUT_BYTES, Secret};
use serde_json::{Map, Value};
use std::fmt;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinError;

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";
/// The shortest secret that is looked for, in characters.
pub const MIN_SECRET_CHARACTERS: usize = 4;
/// How many bytes are searched for one secret, or fewer for several, on an async worker: half a millisecond as a rule.
const MAX_BYTES_ON_WORKER: usize = 64 * 1024;
/// What stands where a text is not shown to its end.
const CUT: char = '…';

/// The first `most` characters of `text`, with a mark where something was cut off, before which [`Redactor::error`] looks.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The secrets of one attempt; clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Mutex<Vec<Arc<Secret>>>>);

impl Redactor {
    /// From now on this is looked for, with and without the space around it; of a URL also what it becomes when it is called.
    pub fn learn(&self, secret: &str) {
        let trimmed = secret.trim();
        self.learn_exactly(secret);
        self.learn_exactly(trimmed);
        for part in url::telling_parts(trimmed) {
            self.learn_exactly(&part);
        }
    }

    /// From now on this is looked for, and no part of it.
    pub fn learn_exactly(&self, text: &str) {
        if text.chars().count() < MIN_SECRET_CHARACTERS {
            return;
        }
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !secrets.iter().any(|known| known.is(text)) {
            secrets.push(Arc::new(Secret::new(text)));
        }
    }

    /// Whether one of the secrets is in there.
    pub async fn finds(&self, bytes: Bytes) -> bool {
        let find = |known: &Known, bytes: Bytes| !known.places(&bytes).is_empty();
        self.known().search(bytes.len(), bytes, find).await
    }

    /// A text without secrets.
    pub async fn text(&self, text: String) -> String {
        self.known().search(text.len(), text, Known::text).await
    }

    /// Takes off the end of `text` what begins a secret, as it is or escaped as in JSON: what comes next shows whether it is one.
    pub fn held_back(&self, text: &mut String) -> String {
        let known = self.known();
        let begun = known.0.iter().map(|secret| secret.begun_at_end(text, 1));
        let begun = begun.max().unwrap_or_default();
        text.split_off(text.len() - begun)
    }

    /// A value without secrets, in its names too.
    pub async fn value(&self, value: Value) -> Value {
        let known = self.known();
        if known.0.is_empty() {
            return value;
        }
        let bytes = bytes_in(&value);
        known.search(bytes, value, Known::value).await
    }

    /// An error without secrets, and without the beginning of one where what is shown was cut off with `…`.
    pub fn error(&self, error: StepError) -> StepError {
        let known = self.known();
        StepError {
            code: known.text(error.code),
            message: known.cut_text(known.text(error.message)),
            ..error
        }
    }

    /// An answer without secrets, so that nothing made of it (the beginning of a body, base64 of the whole) has one. JSON
    /// stays JSON.
    pub async fn response(&self, response: OutboundResponse) -> OutboundResponse {
        let known = self.known();
        if known.0.is_empty() {
            return response;
        }
        let bytes = response.body.len();
        known.search(bytes, response, Known::response).await
    }

    fn known(&self) -> Known {
        Known(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }
}

/// The secrets that are known by now.
struct Known(Vec<Arc<Secret>>);

impl Known {
    /// Does `work` on texts of so many bytes: here, or where it may take its time.
    async fn search<A: Send + 'static, B: Send + 'static>(
        self,
        bytes: usize,
        texts: A,
        work: fn(&Known, A) -> B,
    ) -> B {
        if bytes.saturating_mul(self.0.len()) <= MAX_BYTES_ON_WORKER {
            return work(&self, texts);
        }
        let done = tokio::task::spawn_blocking(move || work(&self, texts)).await;
        match done.map_err(JoinError::try_into_panic) {
            Ok(done) => done,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime is going down, and whoever waits here with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    fn text(&self, text: String) -> String {
        match self.bytes(text.as_bytes()) {
            Some(redacted) => String::from_utf8_lossy(&redacted).into_owned(),
            None => text,
        }
    }

    /// A text without what stands of a secret before a mark of a cut.
    fn cut_text(&self, text: String) -> String {
        if self.0.is_empty() || !text.contains(CUT) {
            return text;
        }
        let mut pieces = text.split(CUT).peekable();
        let mut redacted = String::with_capacity(text.len());
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                redacted.push_str(piece);
                break;
            }
            let begun = self
                .0
                .iter()
                .map(|secret| secret.begun_at_end(piece, MIN_CUT_BYTES))
                .max();
            match begun.filter(|length| *length > 0) {
                Some(length) => {
                    redacted.push_str(piece.get(..piece.len() - length).unwrap_or_default());
                    redacted.push_str(REDACTED);
                }
                None => redacted.push_str(piece),
            }
            redacted.push(CUT);
        }
        redacted
    }

    fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let places = self.places(bytes);
        if places.is_empty() {
            return None;
        }
        let mut redacted = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for place in places {
            // What overlaps is one place.
            if place.start >= from {
                redacted.extend_from_slice(bytes.get(from..place.start).unwrap_or_default());
                redacted.extend_from_slice(REDACTED.as_bytes());
            }
            from = from.max(place.end);
        }
        redacted.extend_from_slice(bytes.get(from..).unwrap_or_default());
        Some(redacted)
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            // Digits in a longer number are chance.
            Value::Number(number) => {
                let is_secret = |known: &Arc<Secret>| known.is_number(&number);
                if self.0.iter().any(is_secret) {
                    REDACTED.into()
                } else {
                    number.into()
                }
            }
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter();
                let redacted: Map<String, Value> = fields
                    .map(|(name, value)| (self.text(name), self.value(value)))
                    .collect();
                Value::Object(redacted)
            }
            other => other,
        }
    }

    fn response(&self, response: OutboundResponse) -> OutboundResponse {
        let headers = response.headers.into_iter();
        let headers = headers.map(|(name, value)| (self.text(name), self.text(value)));
        let body = match self.bytes(&response.body) {
            None => response.body,
            Some(redacted) => match serde_json::from_slice::<Value>(&response.body) {
                Ok(value) => self.value(value).to_string().into_bytes(),
                Err(_) => redacted,
            },
        };
        OutboundResponse {
            status: response.status,
            headers: headers.collect(),
            body,
        }
    }

    /// Where secrets stand, from the first on.
    fn places(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        for secret in &self.0 {
            secret.find(bytes, &mut places);
        }
        places.sort_unstable_by_key(|place| (place.start, place.end));
        places
    }
}

/// About how many bytes of JSON a value is, so that many small ones count as one large one does.
fn bytes_in(value: &Value) -> usize {
    match value {
        Value::String(text) => 2 + text.len(),
        Value::Array(items) => items.iter().map(|item| 1 + bytes_in(item)).sum(),
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| 4 + name.len() + bytes_in(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.known().0.len())
    }
}
