//! Prompts of chatflows: texts with `{name}` in them. May not know chains. Promises: what is filled in is never read again; reading
//! is linear.

use crate::model::flow::text::closed;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The names in a prompt, each once, in their order. `{{` and `}}` stand for braces.
pub(super) fn names(prompt: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for piece in pieces(prompt) {
        if let Piece::Name(name) = piece
            && seen.insert(name)
        {
            names.push(name);
        }
    }
    names
}

/// The prompt with its names filled in; one that has no value stays as it is written.
pub(super) fn filled(prompt: &str, values: &Map<String, Value>) -> String {
    let mut text = String::new();
    for piece in pieces(prompt) {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Name(name) => match values.get(name) {
                Some(Value::String(value)) => text.push_str(value),
                Some(value) => text.push_str(&value.to_string()),
                None => {
                    text.push('{');
                    text.push_str(name);
                    text.push('}');
                }
            },
        }
    }
    text
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(prompt: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = prompt;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(at);
        pieces.push(Piece::Text(before));
        let doubled = ["{{", "}}"]
            .into_iter()
            .find(|brace| after.starts_with(brace));
        if let Some(brace) = doubled {
            pieces.push(Piece::Text(&brace[..1]));
            rest = after.get(2..).unwrap_or_default();
            continue;
        }
        let name = after.strip_prefix('{').and_then(|after| closed(after, "}"));
        let is_name = |name: &str| {
            let known = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
            !name.is_empty() && name.chars().all(known)
        };
        match name.filter(|(name, _)| is_name(name.trim())) {
            Some((name, after)) => {
                pieces.push(Piece::Name(name.trim()));
                rest = after;
            }
            None => {
                let (brace, after) = after.split_at(1);
                pieces.push(Piece::Text(brace));
                rest = after;
            }
        }
    }
    pieces.push(Piece::Text(rest));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_filled_in_once() {
        let values = json!({ "a": "{b}", "b": 5 });
        let values = values.as_object().cloned().unwrap_or_default();
        for (prompt, names, expected) in [
            ("plain", vec![], "plain"),
            ("{a} and { b }", vec!["a", "b"], "{b} and 5"),
            ("{a}{a}", vec!["a"], "{b}{b}"),
            ("{missing}", vec!["missing"], "{missing}"),
            ("{{\"x\": {b}}}", vec!["b"], "{\"x\": 5}"),
            ("{ \"x\": 1 } {", vec![], "{ \"x\": 1 } {"),
        ] {
            assert_eq!(super::names(prompt), names, "{prompt}");
            assert_eq!(filled(prompt, &values), expected, "{prompt}");
        }
    }

    #[test]
    fn braces_without_end_are_read_once() {
        let text = "{a".repeat(1 << 18);
        assert!(super::names(&text).is_empty());
        let names: String = (0..100_000)
            .map(|number| format!("{{n{number}}}"))
            .collect();
        assert_eq!(super::names(&names).len(), 100_000);
    }
}
