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
