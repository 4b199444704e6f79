//! JSON texts from outside, before they are parsed. May not know who sent them. Promise: one pass over the text, no memory.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(r#"{"a":[1,{"b":"[[[[\"[["}]}"#), 3);
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(&"[".repeat(70)), 70);
    }
}
