//! What a request says: its body as a run's input, and which event it is. May not know signatures or workflows. Promise: the
//! cost is bounded by the body's size, and what a sender declares as JSON is JSON or refused.

use super::provider::Provider;
use crate::model::json::{MAX_DEPTH, depth};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json, value::RawValue};

/// The most fields of a form.
const MAX_FORM_FIELDS: usize = 1_000;
/// The most event types that one request is looked through for.
const MAX_EVENT_TYPES: usize = 100;
/// The longest event type and event id that are kept as they are.
const MAX_NAME_CHARS: usize = 200;

/// A body that was understood.
#[derive(Debug, Clone)]
pub struct Content {
    /// The run's input: a JSON body as it was sent, a form as an object, text as a string, other bytes as
    /// `{"base64": …}`.
    pub input: Box<RawValue>,
    /// The same, parsed.
    pub value: Value,
    /// The body as it was received.
    pub raw: RawBody,
}

/// A body as it was received, beside the run's input: what can be read off the input is not kept twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawBody {
    /// It is the JSON text of the input, every digit and space of it.
    InputText,
    /// It is the input: a text, or `{"base64": …}`.
    Input,
    /// It is this text.
    Text(String),
}

/// Where a request names its event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventNames {
    /// The header with the event's id, in lower case.
    pub id_header: Option<String>,
    /// Where the id stands in the body; goes before the header.
    pub id_path: Option<String>,
    /// The header with the event's type, in lower case.
    pub type_header: Option<String>,
    /// Where the type stands in the body: the first of these that is there. `*` is every element.
    pub type_paths: Vec<String>,
}

impl Content {
    /// Reads a body. The error is a sentence for the sender.
    pub fn read(
        provider: &Provider,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Content, String> {
        let mut content = Content::understood(provider, content_type, body)?;
        content.raw = match std::str::from_utf8(body) {
            Ok(text) if text == content.input.get() => RawBody::InputText,
            Ok(text) if content.value.as_str() != Some(text) => RawBody::Text(text.to_owned()),
            _ => RawBody::Input,
        };
        Ok(content)
    }

    fn understood(
        provider: &Provider,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Content, String> {
        let essence = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let is_json = essence == "application/json" || essence.ends_with("+json");
        let Ok(text) = std::str::from_utf8(body) else {
            return if is_json {
                Err("The body is declared as JSON and is not UTF-8.".to_owned())
            } else {
                Content::of(json!({ "base64": BASE64_STANDARD.encode(body) }))
            };
        };
        if text.trim().is_empty() {
            return Content::of(json!({}));
        }
        if is_json {
            return Content::json(text);
        }
        // Many a sender forgets to say that it is JSON.
        if text.trim_start().starts_with(['{', '['])
            && let Ok(content) = Content::json(text)
        {
            return Ok(content);
        }
        if essence == "application/x-www-form-urlencoded" {
            return Content::form(provider, text);
        }
        Content::of(Value::String(text.to_owned()))
    }

    fn of(value: Value) -> Result<Content, String> {
        let input = RawValue::from_string(value.to_string()).map_err(|error| error.to_string())?;
        Ok(Content::with(input, value))
    }

    fn with(input: Box<RawValue>, value: Value) -> Content {
        let raw = RawBody::Input;
        Content { input, value, raw }
    }

    fn json(text: &str) -> Result<Content, String> {
        if depth(text) > MAX_DEPTH {
            return Err(format!(
                "The body is nested more than {MAX_DEPTH} levels deep."
            ));
        }
        let wrong = |error: serde_json::Error| {
            format!(
                "The body is declared as JSON and is not (line {}, column {}).",
                error.line(),
                error.column()
            )
        };
        let value = serde_json::from_str(text).map_err(wrong)?;
        let input = RawValue::from_string(text.trim().to_owned()).map_err(wrong)?;
        Ok(Content::with(input, value))
    }

    /// A form as an object; a name that comes again makes an array.
    fn form(provider: &Provider, text: &str) -> Result<Content, String> {
        let fields = 1 + text.bytes().filter(|byte| *byte == b'&').count();
        if fields > MAX_FORM_FIELDS {
            return Err(format!(
                "The form has {fields} fields; at most {MAX_FORM_FIELDS} are read."
            ));
        }
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text)
            .map_err(|_| "The body is declared as a form and is not.".to_owned())?;
        if let [(name, document)] = pairs.as_slice()
            && provider.form_field == Some(name.as_str())
        {
            return Content::json(document);
        }
        let mut object = Map::new();
        for (name, value) in pairs {
            let value = Value::String(value);
            match object.get_mut(&name) {
                None => drop(object.insert(name, value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => {
                    let both = vec![first.take(), value];
                    *first = Value::Array(both);
                }
            }
        }
        Content::of(Value::Object(object))
    }
}

impl EventNames {
    /// The types of the events in a request; most have one.
    pub fn types(&self, headers: &[(&str, &[u8])], body: &Value) -> Vec<String> {
        let header = self
            .type_header
            .as_deref()
            .and_then(|n| text_of(headers, n));
        if let Some(word) = header {
            return vec![word];
        }
        let mut found = Vec::new();
        for path in &self.type_paths {
            let segments: Vec<&str> = path.split('.').collect();
            gather(body, &segments, &mut found);
            if !found.is_empty() {
                break;
            }
        }
        found.dedup();
        found
    }

    /// The sender's id of the event.
    pub fn id(&self, headers: &[(&str, &[u8])], body: &Value) -> Option<String> {
        let from_body = self.id_path.as_deref().and_then(|path| {
            let mut found = Vec::new();
            gather(body, &path.split('.').collect::<Vec<_>>(), &mut found);
            found.into_iter().next()
        });
        from_body.or_else(|| {
            self.id_header
                .as_deref()
                .and_then(|name| text_of(headers, name))
        })
    }
}

fn text_of(headers: &[(&str, &[u8])], name: &str) -> Option<String> {
    let (_, value) = headers.iter().find(|(known, _)| *known == name)?;
    let text = std::str::from_utf8(value).ok()?.trim();
    (!text.is_empty()).then(|| bounded(text))
}

/// What is too long to be kept is told apart by its digest.
fn bounded(text: &str) -> String {
    if text.chars().count() <= MAX_NAME_CHARS {
        text.to_owned()
    } else {
        format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex())
    }
}

/// The texts and numbers at a path.
fn gather(value: &Value, path: &[&str], found: &mut Vec<String>) {
    if found.len() >= MAX_EVENT_TYPES {
        return;
    }
    match (path, value) {
        ([], Value::String(text)) if !text.is_empty() => found.push(bounded(text)),
        ([], Value::Number(number)) => found.push(number.to_string()),
        ([], _) => {}
        (["*", rest @ ..], Value::Array(items)) => {
            items.iter().for_each(|item| gather(item, rest, found));
        }
        ([first, rest @ ..], Value::Array(items)) => {
            let item = first.parse().ok().and_then(|at: usize| items.get(at));
            if let Some(item) = item {
                gather(item, rest, found);
            }
        }
        ([first, rest @ ..], Value::Object(fields)) => {
            if let Some(field) = fields.get(*first) {
                gather(field, rest, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn read(provider: &str, content_type: &str, body: &[u8]) -> Result<Value, String> {
        let provider = Provider::named(provider).expect("a provider");
        let content = Content::read(provider, Some(content_type), body)?;
        let again: Value = serde_json::from_str(content.input.get()).expect("JSON");
        assert_eq!(again, content.value);
        Ok(content.value)
    }

    #[test]
    fn bodies_become_values_by_what_they_are() {
        let form = "application/x-www-form-urlencoded";
        for (provider, content_type, body, expected) in [
            (
                "custom",
                "application/json",
                &br#"{"a":1}"#[..],
                json!({"a":1}),
            ),
            (
                "custom",
                "application/cloudevents+json; charset=utf-8",
                b"[1]",
                json!([1]),
            ),
            ("custom", "application/json", b"", json!({})),
            ("custom", "", b" \n", json!({})),
            ("custom", "text/plain", b"{\"a\":1}", json!({"a":1})),
            ("custom", form, b"{\"a\":1}", json!({"a":1})),
            ("custom", "text/plain", b"{not json", json!("{not json")),
            (
                "custom",
                form,
                b"a=1&b=x+y&a=2&a=%C3%A4",
                json!({"a":["1","2","ä"],"b":"x y"}),
            ),
            (
                "custom",
                form,
                b"payload=%7B%22a%22%3A1%7D",
                json!({"payload":"{\"a\":1}"}),
            ),
            ("github", form, b"payload=%7B%22a%22%3A1%7D", json!({"a":1})),
            ("custom", "text/xml", b"<a/>", json!("<a/>")),
            (
                "custom",
                "application/octet-stream",
                b"\xff\x00",
                json!({"base64":"/wA="}),
            ),
        ] {
            assert_eq!(
                read(provider, content_type, body),
                Ok(expected),
                "{content_type}"
            );
        }
    }

    #[test]
    fn what_is_declared_as_json_is_json() {
        for body in [&b"{"[..], b"a=1", b"\xff", "[".repeat(65).as_bytes()] {
            assert!(read("custom", "application/json", body).is_err());
        }
        let many = "a&".repeat(1_000);
        let form = "application/x-www-form-urlencoded";
        assert!(read("custom", form, many.as_bytes()).is_err());
    }

    #[test]
    fn events_are_named_by_header_or_path() {
        let names = EventNames {
            id_header: Some("x-id".into()),
            id_path: Some("meta.id".into()),
            type_header: None,
            type_paths: vec!["*.kind".into(), "kind".into(), "0.0.kind".into()],
        };
        let headers: &[(&str, &[u8])] = &[("x-id", b"from header")];
        let id = |body: Value| names.id(headers, &body);
        assert_eq!(id(json!({"meta":{"id":7}})), Some("7".into()));
        assert_eq!(id(json!({"meta":{"id":""}})), Some("from header".into()));
        assert_eq!(names.id(&[], &json!({"meta":{"id":{}}})), None);
        let long = names.id(&[("x-id", "x".repeat(300).as_bytes())], &Value::Null);
        assert!(long.is_some_and(|id| id.len() < 80));
        let types = |body: Value| names.types(headers, &body);
        assert_eq!(types(json!([{"kind":"a"},{"kind":"b"},{}])), ["a", "b"]);
        assert_eq!(types(json!({"kind":"c"})), ["c"]);
        assert_eq!(types(json!([[{"kind":"d"}]])), ["d"]);
        assert!(types(json!("kind")).is_empty());
        let flood = json!(vec![json!({"kind":"a"}); 5_000]);
        assert_eq!(types(flood), ["a"]);
    }
}
