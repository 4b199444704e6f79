//! Keeps the secrets that an attempt has used out of everything that it leaves: outputs, errors, events.
//! May not know connections, steps or journals. Promise: whatever the other side echoes, a secret of this attempt is not in
//! what went through here: as it is, percent-encoded, escaped, or in base64, in names as well as in values.
//!
//! Secrets shorter than [`MIN_SECRET_CHARACTERS`] are not looked for, since they would be found in every text; whoever keeps
//! secrets refuses such ones.

mod scan;
#[cfg(test)]
mod tests;

use super::outbound::OutboundResponse;
use crate::model::run::StepError;
use scan::Pattern;
use serde_json::{Map, Value};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";
/// The shortest secret that is looked for, in characters.
pub const MIN_SECRET_CHARACTERS: usize = 4;

/// The secrets of one attempt; clones share them.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Mutex<Vec<Pattern>>>);

impl Redactor {
    /// From now on this is looked for.
    pub fn learn(&self, secret: &str) {
        if secret.chars().count() < MIN_SECRET_CHARACTERS {
            return;
        }
        let mut patterns = self.patterns();
        if !patterns.iter().any(|known| known.is(secret)) {
            patterns.push(Pattern::new(secret));
        }
    }

    /// Whether one of the secrets is in there.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        !self.places(bytes).is_empty()
    }

    /// The text without secrets; `None` when there is none in it.
    pub fn text(&self, text: &str) -> Option<String> {
        let redacted = self.bytes(text.as_bytes())?;
        Some(String::from_utf8_lossy(&redacted).into_owned())
    }

    /// The bytes without secrets; `None` when there is none in them.
    pub fn bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
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

    /// A value without secrets, in its names too.
    pub fn value(&self, value: Value) -> Value {
        if self.patterns().is_empty() {
            return value;
        }
        self.walk(value)
    }

    fn walk(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text).unwrap_or(text)),
            // Digits in a longer number are chance.
            Value::Number(number) if self.patterns().iter().any(|p| p.is(&number.to_string())) => {
                REDACTED.into()
            }
            Value::Array(items) => items.into_iter().map(|item| self.walk(item)).collect(),
            Value::Object(fields) => {
                let fields = fields.into_iter();
                let redacted: Map<String, Value> = fields
                    .map(|(name, value)| (self.text(&name).unwrap_or(name), self.walk(value)))
                    .collect();
                Value::Object(redacted)
            }
            other => other,
        }
    }

    /// An error without secrets.
    pub fn error(&self, error: StepError) -> StepError {
        StepError {
            code: self.text(&error.code).unwrap_or(error.code),
            message: self.text(&error.message).unwrap_or(error.message),
            ..error
        }
    }

    /// An answer without secrets, so that nothing made of it (the beginning of a body, base64 of the whole) has one. JSON
    /// stays JSON.
    pub fn response(&self, response: OutboundResponse) -> OutboundResponse {
        if self.patterns().is_empty() {
            return response;
        }
        let headers = response.headers.into_iter();
        let headers = headers.map(|(name, value)| {
            let value = self.text(&value).unwrap_or(value);
            (self.text(&name).unwrap_or(name), value)
        });
        let body = match self.bytes(&response.body) {
            None => response.body,
            Some(redacted) => match serde_json::from_slice::<Value>(&response.body) {
                Ok(value) => self.walk(value).to_string().into_bytes(),
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
        let mut found = Vec::new();
        for pattern in self.patterns().iter() {
            pattern.find(bytes, &mut found);
        }
        found.sort_unstable_by_key(|place| (place.start, place.end));
        found
    }

    fn patterns(&self) -> MutexGuard<'_, Vec<Pattern>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.patterns().len())
    }
}
