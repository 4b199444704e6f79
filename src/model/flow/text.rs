//! The values of a node's inputs, with `{{…}}` in their texts found once and replaced for every run.
//! May not know what a reference stands for. Promises: what is put in is never read again; what nobody knows stays as it is
//! written; what comes out is bounded.

use super::markdown;
use super::reference::{MAX_NAME_BYTES, Reference};
use serde_json::{Map, Value};

/// The most that one input comes to, in bytes of text.
const MAX_RENDERED_BYTES: usize = 5 << 20;

/// A value, ready to be rendered.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// As it is.
    Plain(Value),
    /// A text with references in it.
    Pieces(Vec<Piece>),
    /// A list.
    List(Vec<Text>),
    /// An object.
    Object(Vec<(String, Text)>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it is.
    Literal(String),
    /// What stands for something else, and how it is written.
    Reference(Reference, String),
}

impl Text {
    /// A value whose texts may hold references, and may be the editor's HTML.
    pub fn compile(value: &Value) -> Text {
        match value {
            Value::String(text) => Text::of(&markdown(text)),
            Value::Array(items) => {
                let items: Vec<Text> = items.iter().map(Text::compile).collect();
                match items.iter().all(Text::is_plain) {
                    true => Text::Plain(items.into_iter().filter_map(Text::into_plain).collect()),
                    false => Text::List(items),
                }
            }
            Value::Object(fields) => {
                let fields = fields.iter();
                let fields: Vec<(String, Text)> = fields
                    .map(|(name, value)| (name.clone(), Text::compile(value)))
                    .collect();
                match fields.iter().all(|(_, value)| value.is_plain()) {
                    true => {
                        let plain = fields.into_iter();
                        let plain: Map<String, Value> = plain
                            .filter_map(|(name, value)| Some((name, value.into_plain()?)))
                            .collect();
                        Text::Plain(Value::Object(plain))
                    }
                    false => Text::Object(fields),
                }
            }
            other => Text::Plain(other.clone()),
        }
    }

    fn of(text: &str) -> Text {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            literal.push_str(before);
            let inside = closed(after, "}}");
            let known = inside.and_then(|(inside, _)| Reference::parse(inside));
            match (known, inside) {
                (Some(reference), Some((inside, after))) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    let written = format!("{{{{{inside}}}}}");
                    pieces.push(Piece::Reference(reference, written));
                    rest = after;
                }
                _ => {
                    literal.push_str("{{");
                    rest = after;
                }
            }
        }
        literal.push_str(rest);
        if pieces.is_empty() {
            return Text::Plain(Value::String(literal));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Text::Pieces(pieces)
    }

    fn is_plain(&self) -> bool {
        matches!(self, Text::Plain(_))
    }

    fn into_plain(self) -> Option<Value> {
        match self {
            Text::Plain(value) => Some(value),
            _ => None,
        }
    }

    /// The value with what its references stand for; the error says which input would be too large.
    pub fn render(&self, resolve: &dyn Fn(&Reference) -> Option<String>) -> Result<Value, String> {
        let mut left = MAX_RENDERED_BYTES;
        self.render_within(resolve, &mut left)
            .ok_or_else(|| format!("a text comes to more than {MAX_RENDERED_BYTES} bytes"))
    }

    fn render_within(
        &self,
        resolve: &dyn Fn(&Reference) -> Option<String>,
        left: &mut usize,
    ) -> Option<Value> {
        Some(match self {
            Text::Plain(value) => value.clone(),
            Text::Pieces(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    let before = text.len();
                    match piece {
                        Piece::Literal(literal) => text.push_str(literal),
                        Piece::Reference(reference, written) => {
                            text.push_str(resolve(reference).as_deref().unwrap_or(written));
                        }
                    }
                    *left = left.checked_sub(text.len() - before)?;
                }
                Value::String(text)
            }
            Text::List(items) => {
                let items = items.iter().map(|item| item.render_within(resolve, left));
                Value::Array(items.collect::<Option<_>>()?)
            }
            Text::Object(fields) => {
                let mut object = Map::new();
                for (name, value) in fields {
                    object.insert(name.clone(), value.render_within(resolve, left)?);
                }
                Value::Object(object)
            }
        })
    }

    /// Shows every reference in it.
    pub fn each_reference(&self, show: &mut dyn FnMut(&Reference)) {
        match self {
            Text::Plain(_) => {}
            Text::Pieces(pieces) => pieces.iter().for_each(|piece| {
                if let Piece::Reference(reference, _) = piece {
                    show(reference);
                }
            }),
            Text::List(items) => items.iter().for_each(|item| item.each_reference(show)),
            Text::Object(fields) => fields
                .iter()
                .for_each(|(_, value)| value.each_reference(show)),
        }
    }

    /// Whether a reference in it is one of these.
    pub fn names(&self, is_one: &dyn Fn(&Reference) -> bool) -> bool {
        match self {
            Text::Plain(_) => false,
            Text::Pieces(pieces) => pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Reference(reference, _) if is_one(reference))),
            Text::List(items) => items.iter().any(|item| item.names(is_one)),
            Text::Object(fields) => fields.iter().any(|(_, value)| value.names(is_one)),
        }
    }
}

/// What stands before the next `brace`, and what after it, where that is near enough for a name.
pub fn closed<'a>(text: &'a str, brace: &str) -> Option<(&'a str, &'a str)> {
    let near = text.get(..text.floor_char_boundary(MAX_NAME_BYTES + brace.len()))?;
    let end = near.find(brace)?;
    Some((text.get(..end)?, text.get(end + brace.len()..)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use serde_json::json;

    fn rendered(value: &Value) -> Value {
        let resolve = |reference: &Reference| match reference {
            Reference::Question => Some("{{ $vars.secret }} & so".to_owned()),
            Reference::Now => Some("noon".to_owned()),
            _ => None,
        };
        Text::compile(value).render(&resolve).unwrap()
    }

    #[test]
    fn references_are_replaced_once_and_what_nobody_knows_stays() {
        for (given, expected) in [
            (json!("plain"), json!("plain")),
            (json!("{{question}}!"), json!("{{ $vars.secret }} & so!")),
            (json!("{{ nobody }} {{"), json!("{{ nobody }} {{")),
            (
                json!("{\"a\": {{current_date_time}}}"),
                json!("{\"a\": noon}"),
            ),
            (
                json!("{{\"a\": 1}} {{current_date_time}}"),
                json!("{{\"a\": 1}} noon"),
            ),
            (
                json!([{ "key": "a", "value": "<p>at <span class=\"variable\">{{ current_date_time }}</span></p>" }, 5]),
                json!([{ "key": "a", "value": "at noon" }, 5]),
            ),
            (
                json!({ "a": [1, { "b": "c" }] }),
                json!({ "a": [1, { "b": "c" }] }),
            ),
        ] {
            assert_eq!(rendered(&given), expected, "{given}");
        }
    }

    #[test]
    fn braces_without_end_are_read_once() {
        for end in ["", "a+b}}"] {
            let text = format!("{}{end}", "{{ ".repeat(1 << 18));
            assert_eq!(Text::compile(&json!(text)), Text::Plain(json!(text)));
        }
    }

    #[test]
    fn what_a_text_comes_to_is_bounded() {
        let long = "x".repeat(1 << 20);
        let text = Text::compile(&json!("{{question}}".repeat(6)));
        assert!(text.render(&|_| Some(long.clone())).is_err());
    }
}
