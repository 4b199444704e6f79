//! Cuts a string into plain text and what stands between `{{` and `}}`.
//! May not know what stands there, except quotes and braces, which may hide a `}}`.
//! Promise: the pieces together are the string; a template that is not closed is an error, never text.

use super::{TemplateError, excerpt};

/// A piece of a string.
#[derive(Debug, PartialEq)]
pub(super) enum Piece<'a> {
    /// Taken as it is.
    Text(&'a str),
    /// What stands between the braces.
    Formula(&'a str),
}

/// The pieces of `text` in order; texts are never empty.
pub(super) fn split(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let closed = end_of_formula(after).and_then(|end| {
            let (inside, beyond) = after.split_at_checked(end)?;
            Some((inside, beyond.strip_prefix("}}")?))
        });
        let Some((inside, beyond)) = closed else {
            return Err(TemplateError::new(format!(
                "the template `{{{{{}` is not closed: add `}}}}`",
                excerpt(after)
            )));
        };
        if inside.trim().is_empty() {
            return Err(TemplateError::new(
                "the template `{{}}` is empty: write a path into it, such as `{{input.name}}`",
            ));
        }
        pieces.push(Piece::Formula(inside));
        rest = beyond;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Where the closing braces stand: outside quotes, and not closing a brace that was opened inside.
pub(super) fn end_of_formula(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    let mut open = 0_usize;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((position, byte)) = bytes.next() {
        if let Some(end) = quote {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == end {
                quote = None;
            }
            continue;
        }
        match byte {
            b'"' | b'\'' => quote = Some(byte),
            b'{' => open += 1,
            b'}' if open > 0 => open -= 1,
            b'}' if bytes.peek().is_some_and(|(_, next)| *next == b'}') => return Some(position),
            _ => {}
        }
    }
    None
}
