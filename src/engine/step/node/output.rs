//! Outputs in which one value may stand many times: measured before anything is copied.
//! May not know what the values are. Promise: never more is held than an output may have, in bytes as JSON.

use crate::model::json::json_bytes;
use crate::model::run::StepError;
use serde_json::{Map, Value};

/// What stands around the fields of an object, and beside each of them.
const BRACES: usize = 2;
const COLON_AND_COMMA: usize = 2;

/// An output would be longer than this, in bytes as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the output would be longer than {0} bytes (setting `max_output_bytes`); take less, or take it from fewer ports"
)]
pub(in crate::engine) struct OutputTooLarge(usize);

impl From<OutputTooLarge> for StepError {
    fn from(error: OutputTooLarge) -> StepError {
        StepError::fatal("OUTPUT_LIMIT", error.to_string())
    }
}

/// How many bytes an output may still take.
pub(super) struct Room {
    max_bytes: usize,
    left: usize,
}

impl Room {
    pub(super) fn new(max_bytes: usize) -> Room {
        Room {
            max_bytes,
            left: max_bytes,
        }
    }

    /// Takes so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), OutputTooLarge> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(OutputTooLarge(self.max_bytes))?;
        Ok(())
    }

    /// A copy of a value.
    pub(super) fn copied(&mut self, value: &Value) -> Result<Value, OutputTooLarge> {
        self.take(json_bytes(value))?;
        Ok(value.clone())
    }

    /// A name of a field.
    pub(super) fn named(&mut self, name: &str) -> Result<String, OutputTooLarge> {
        self.take(name.len() + "\"\"".len() + COLON_AND_COMMA)?;
        Ok(name.to_owned())
    }
}

/// An object that is put together field by field.
pub(super) struct Fields {
    fields: Map<String, Value>,
    room: Room,
}

impl Fields {
    /// None yet; all together may have so many bytes.
    pub(super) fn new(max_bytes: usize) -> Result<Fields, OutputTooLarge> {
        let mut room = Room::new(max_bytes);
        room.take(BRACES)?;
        Ok(Fields {
            fields: Map::new(),
            room,
        })
    }

    /// Puts a copy of a value under a name, if there is none yet.
    pub(super) fn put(&mut self, name: &str, value: &Value) -> Result<(), OutputTooLarge> {
        if !self.fields.contains_key(name) {
            let name = self.room.named(name)?;
            let value = self.room.copied(value)?;
            self.fields.insert(name, value);
        }
        Ok(())
    }

    /// Puts a text under a name, if there is none yet, of which so many bytes are known before it is made.
    pub(super) fn put_text(
        &mut self,
        name: &str,
        bytes: usize,
        text: impl FnOnce() -> String,
    ) -> Result<(), OutputTooLarge> {
        if !self.fields.contains_key(name) {
            let name = self.room.named(name)?;
            self.room.take(bytes)?;
            self.fields.insert(name, Value::String(text()));
        }
        Ok(())
    }

    pub(super) fn done(self) -> Map<String, Value> {
        self.fields
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use serde_json::json;

    #[test]
    fn an_output_is_as_long_as_it_may_be_and_no_longer() {
        let value = json!(["0123456789"]);
        let build = |max_bytes: usize| {
            let mut fields = Fields::new(max_bytes)?;
            for name in ["a", "b", "a"] {
                fields.put(name, &value)?;
            }
            fields.put_text("c", 3, || "t".to_owned())?;
            Ok::<_, OutputTooLarge>(Value::Object(fields.done()))
        };
        let built = json!({ "a": value, "b": value, "c": "t" });
        // A comma more than there is.
        let bytes = json_bytes(&built) + 1;
        assert_eq!(build(bytes), Ok(built));
        assert_eq!(build(bytes - 1), Err(OutputTooLarge(bytes - 1)));
        let error = StepError::from(OutputTooLarge(5));
        assert_eq!(
            (error.code.as_str(), error.retryable),
            ("OUTPUT_LIMIT", false)
        );
    }
}
