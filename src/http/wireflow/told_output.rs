//! What a list for people tells of a node's output: its text and its URLs.
//! May not know executions. Promise: a text is a text or nothing, however large or deep the output is.

use serde_json::Value;
use std::borrow::Cow;

/// The output as one text: its `text`, its `prompt`, or its only value.
pub(super) fn text(output: &Value) -> Option<Cow<'_, str>> {
    let fields = output.as_object();
    let named = |name: &str| fields.and_then(|fields| fields.get(name));
    let only = fields
        .filter(|fields| fields.len() == 1)
        .and_then(|fields| fields.values().next());
    let value = named("text")
        .or_else(|| named("prompt"))
        .or(only)
        .unwrap_or(output);
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        _ => None,
    }
}

/// How deep an output is searched for URLs.
const MAX_URL_DEPTH: usize = 8;
/// So many URLs of an output are told.
const MAX_URLS: usize = 1_000;

/// The URLs in an output, each once, in the order of its fields; the first thousand.
pub(super) fn urls(output: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    collect(output, MAX_URL_DEPTH, &mut found);
    found
}

fn collect<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a str>) {
    if found.len() == MAX_URLS {
        return;
    }
    match value {
        Value::String(text) if is_url(text) && !found.contains(&text.as_str()) => found.push(text),
        Value::Array(items) if depth > 0 => {
            items
                .iter()
                .for_each(|item| collect(item, depth - 1, found));
        }
        Value::Object(fields) if depth > 0 => {
            fields
                .values()
                .for_each(|field| collect(field, depth - 1, found));
        }
        _ => {}
    }
}

fn is_url(text: &str) -> bool {
    let is_whole = !text.contains(char::is_whitespace);
    is_whole && (text.starts_with("https://") || text.starts_with("http://"))
}
