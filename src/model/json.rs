//! How deep and how long JSON is: texts from outside, before they are parsed, and values.
//! May not know who sent them. Promise: one pass, no memory.

use serde_json::Value;
use std::fmt::{self, Write as _};

/// How deep JSON from outside may be nested.
pub const MAX_DEPTH: usize = 64;

/// The deepest nesting of brackets outside strings.
pub fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// What the values of a text take in memory once it is parsed, measured piece by piece as the text comes in; nothing where it
/// does not begin as a list or an object. Rather too much than too little: lists grow by doubling, and the smallest object
/// takes as much as one of eleven fields.
#[derive(Debug, Default)]
pub struct ParsedSize {
    bytes: usize,
    /// Unknown before its first letter.
    is_nested: Option<bool>,
    in_string: bool,
    is_escaped: bool,
}

impl ParsedSize {
    const ITEM_BYTES: usize = 2 * size_of::<Value>();
    const LIST_BYTES: usize = 4 * size_of::<Value>();
    const OBJECT_BYTES: usize = 12 * size_of::<(String, Value)>();
    /// A short text takes as much as the smallest piece that an allocator gives.
    const QUOTE_BYTES: usize = 32;

    /// So much for all pieces so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Measures the next piece.
    pub fn add(&mut self, piece: &[u8]) {
        if self.is_nested.is_none() {
            let first = piece.iter().find(|byte| !byte.is_ascii_whitespace());
            self.is_nested = first.map(|byte| matches!(byte, b'[' | b'{'));
        }
        if self.is_nested == Some(true) {
            let bytes: usize = piece.iter().map(|byte| self.value_bytes(*byte)).sum();
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    fn value_bytes(&mut self, byte: u8) -> usize {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' if self.in_string => self.is_escaped = true,
            b'"' => {
                self.in_string = !self.in_string;
                return Self::QUOTE_BYTES;
            }
            _ if self.in_string => return 1,
            b',' => return Self::ITEM_BYTES,
            b'[' => return Self::LIST_BYTES,
            b'{' => return Self::OBJECT_BYTES,
            _ => {}
        }
        0
    }
}

/// Whether arrays and objects are nested deeper than so many levels. Looks no further than that.
pub fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return matches!(value, Value::Array(_) | Value::Object(_));
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Value::Object(fields) => fields.values().any(|field| is_deeper(field, below)),
        _ => false,
    }
}

/// How long a value is as JSON, in bytes. Nothing is written anywhere.
pub fn json_bytes(value: &Value) -> usize {
    let mut count = Count(0);
    let Ok(()) = write!(count, "{value}") else {
        return usize::MAX;
    };
    count.0
}

struct Count(usize);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(r#"{"a":[1,{"b":"[[[[\"[["}]}"#), 3);
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(&"[".repeat(70)), 70);
    }

    /// What a parsed value takes at least.
    fn held_bytes(value: &Value) -> usize {
        size_of::<Value>()
            + match value {
                Value::String(text) => text.len(),
                Value::Array(items) => items.iter().map(held_bytes).sum(),
                Value::Object(fields) => {
                    let node = if fields.is_empty() {
                        0
                    } else {
                        11 * size_of::<(String, Value)>()
                    };
                    let fields = fields.iter();
                    let inside = fields.map(|(name, field)| name.len() + held_bytes(field));
                    node + inside.sum::<usize>()
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            }
    }

    #[test]
    fn a_parsed_size_is_no_less_than_what_is_held() {
        for text in [
            format!("[{}0]", "0,".repeat(500)),
            format!("[{}[]]", "[],".repeat(500)),
            format!("[{}[0]]", "[0],".repeat(500)),
            format!("[{}{{}}]", "{\"\":0},".repeat(500)),
            format!(" {{{}\"z\":\",[{{\\\",\"}}", "\"é\":\"x\",".repeat(20)),
            json!(["[,[,[".repeat(500)]).to_string(),
        ] {
            let mut whole = ParsedSize::default();
            whole.add(text.as_bytes());
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let least = held_bytes(&value);
            assert!(whole.bytes() >= least, "{whole:?} < {least}: {text:.40}");
            let mut pieces = ParsedSize::default();
            text.as_bytes()
                .chunks(3)
                .for_each(|piece| pieces.add(piece));
            assert_eq!(pieces.bytes(), whole.bytes(), "in pieces: {text:.40}");
        }
        for text in ["a,[,{", "\"[,{[,{\"", " ", ""] {
            let mut size = ParsedSize::default();
            size.add(text.as_bytes());
            assert_eq!(size.bytes(), 0, "{text}");
        }
    }

    #[test]
    fn a_length_is_that_of_the_json() {
        for value in [
            json!(null),
            json!(-1.5e300),
            json!("ä\"\n\u{1}"),
            json!({ "a": [1, true, {}], "b": "" }),
        ] {
            assert_eq!(json_bytes(&value), value.to_string().len(), "{value}");
        }
    }

    #[test]
    fn what_is_as_deep_as_it_may_be_is_not_deeper() {
        let nested =
            |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "in": [inner] }));
        assert!(!is_deeper(&json!("[[["), 0));
        assert!(!is_deeper(&nested(2), 4));
        assert!(is_deeper(&nested(2), 3));
    }
}
