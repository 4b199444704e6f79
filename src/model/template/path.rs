//! Paths: `input.items.0.name`, `steps.fetch-data.output.rows`, `variables["odd key"]`.
//! May not know filters or operators. Promise: a path that leads nowhere is no error, it is empty; resolving one borrows.

use super::{Scope, SecretName, TemplateError};
use crate::clock::iso_utc;
use serde_json::Value;
use std::borrow::Cow;

/// First words that lead to one place, whatever an item, an index or a variable is called.
pub(super) const ROOTS: [&str; 8] = [
    "input",
    "trigger",
    "steps",
    "variables",
    "env",
    "now",
    "run",
    "secrets",
];

/// A path with its first words understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    root: Root,
    rest: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq)]
enum Root {
    Input,
    Trigger,
    TriggerBody,
    TriggerRawBody,
    Step(String),
    Secret(SecretName),
    LoopItem,
    LoopIndex,
    LoopPrevious,
    /// An item or index of a loop, or a variable: the first word says which.
    Name,
    Variables,
    Env(String),
    Now,
    RunId,
    RunStartedAt,
    /// Known to lead nowhere: `run.colour`.
    Nothing,
}

/// A field's name, or an item's index where the value is an array.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    name: String,
    index: Option<usize>,
}

/// Reads the segments of a path at the beginning of `text`, and how many bytes it takes; `None` when there is none.
pub(super) fn take(text: &str) -> Option<(Vec<String>, usize)> {
    let first = name(text)?;
    if !first.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let mut segments = vec![first.to_owned()];
    let mut length = first.len();
    loop {
        let rest = text.get(length..).unwrap_or_default();
        if let Some(next) = rest.strip_prefix('.').and_then(name) {
            segments.push(next.to_owned());
            length += 1 + next.len();
        } else if let Some((key, used)) = bracket(rest) {
            segments.push(key.to_owned());
            length += used;
        } else {
            return Some((segments, length));
        }
    }
}

/// The name at the beginning of `text`: letters, digits, `_`, `$`, and hyphens inside.
fn name(text: &str) -> Option<&str> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '$')))
        .unwrap_or(text.len());
    let name = text.get(..end)?.trim_end_matches('-');
    (!name.is_empty() && !name.starts_with('-')).then_some(name)
}

/// `[12]` or `["key"]` at the beginning of `text`: the key, and the bytes it takes. A computed key is not one.
fn bracket(text: &str) -> Option<(&str, usize)> {
    let inside = text.strip_prefix('[')?;
    let (key, used) = match inside.chars().next()? {
        quote @ ('"' | '\'') => {
            let key = inside.get(1..)?.split(quote).next()?;
            (key, key.len() + 2)
        }
        _ => {
            let end = inside.find(|c: char| !c.is_ascii_digit())?;
            (inside.get(..end)?, end)
        }
    };
    let closed = inside.get(used..)?.starts_with(']');
    (closed && !key.is_empty() && !key.contains('\\')).then_some((key, used + 2))
}

impl Path {
    /// Understands the first words. Errors: secrets, and `steps` without an id.
    pub(super) fn from_segments(segments: Vec<String>) -> Result<Path, TemplateError> {
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (root, taken) = match words.as_slice() {
            ["input", ..] => (Root::Input, 1),
            ["trigger", "input", ..] => (Root::Input, 2),
            ["trigger", "body", ..] => (Root::TriggerBody, 2),
            ["trigger", "rawBody", ..] => (Root::TriggerRawBody, 2),
            ["trigger", ..] => (Root::Trigger, 1),
            ["steps", id, "output", ..] => (Root::Step((*id).to_owned()), 3),
            ["steps", id, ..] => (Root::Step((*id).to_owned()), 2),
            ["steps"] => {
                return Err(TemplateError::new(
                    "`steps` alone has no value: name a step, as in `{{steps.<id>.<field>}}`",
                ));
            }
            ["variables", ..] => (Root::Variables, 1),
            ["env", variable, ..] => (Root::Env((*variable).to_owned()), 2),
            ["now", ..] => (Root::Now, 1),
            ["run", "id", ..] => (Root::RunId, 2),
            ["run", "startedAt", ..] => (Root::RunStartedAt, 2),
            ["env" | "run", ..] => (Root::Nothing, 1),
            ["secrets", name] => (Root::Secret(SecretName::OfWorkflow((*name).to_owned())), 2),
            ["secrets", ..] => {
                return Err(TemplateError::new(format!(
                    "`{{{{{}}}}}`: name one secret, as in `{{{{secrets.API_KEY}}}}`; a secret is a text and has no fields",
                    words.join(".")
                )));
            }
            ["approvals", id, "url"] => {
                (Root::Secret(SecretName::ApprovalLink((*id).to_owned())), 3)
            }
            ["loop", "item", ..] => (Root::LoopItem, 2),
            ["loop", "index"] => (Root::LoopIndex, 2),
            ["loop", "previous", ..] => (Root::LoopPrevious, 2),
            _ => (Root::Name, 0),
        };
        let rest = segments.into_iter().skip(taken).map(Key::new).collect();
        Ok(Path { root, rest })
    }

    /// The step that the path names.
    pub(super) fn step(&self) -> Option<&str> {
        match &self.root {
            Root::Step(id) => Some(id),
            _ => None,
        }
    }

    /// The secret that the path names.
    pub(super) fn secret(&self) -> Option<&SecretName> {
        match &self.root {
            Root::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    /// The value there.
    pub(super) fn resolve<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let innermost = scope.loops.last();
        let base = match &self.root {
            Root::Input => scope.input,
            Root::Trigger => (scope.trigger)(),
            Root::TriggerBody => (scope.trigger)().get("body").unwrap_or(scope.input),
            Root::TriggerRawBody => {
                let body = (scope.raw_body)()?;
                return below(&body, &self.rest).cloned().map(Cow::Owned);
            }
            Root::Variables => scope.variables,
            Root::Step(id) => (scope.step_output)(id)?,
            Root::LoopItem => innermost?.item?,
            Root::LoopPrevious => innermost?.previous?,
            Root::LoopIndex => return Some(Cow::Owned(Value::from(innermost?.index))),
            Root::Name => return self.resolve_name(scope),
            Root::Secret(secret) => return self.text((scope.secret)(secret)?),
            Root::Env(name) => return self.text(scope.env.get(name)?.clone()),
            Root::Now => return self.text(iso_utc(scope.now_ms)),
            Root::RunId => return self.text(scope.run_id.to_owned()),
            Root::RunStartedAt => return self.text(iso_utc(scope.run_started_at_ms)),
            Root::Nothing => return None,
        };
        below(base, &self.rest).map(Cow::Borrowed)
    }

    /// What the first word names: an item or an index, of the innermost loop that has it, else a variable.
    fn resolve_name<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        let (first, rest) = self.rest.split_first()?;
        for around in scope.loops.iter().rev() {
            if first.name == around.item_name {
                return below(around.item?, rest).map(Cow::Borrowed);
            }
            if first.name == around.index_name {
                return rest
                    .is_empty()
                    .then(|| Cow::Owned(Value::from(around.index)));
            }
        }
        below(scope.variables, &self.rest).map(Cow::Borrowed)
    }

    fn text<'a>(&self, text: String) -> Option<Cow<'a, Value>> {
        self.rest
            .is_empty()
            .then_some(Cow::Owned(Value::String(text)))
    }
}

/// The value that the keys lead to.
fn below<'a>(base: &'a Value, keys: &[Key]) -> Option<&'a Value> {
    keys.iter().try_fold(base, |value, key| key.of(value))
}

impl Key {
    fn new(name: String) -> Key {
        Key {
            index: name.parse().ok(),
            name,
        }
    }

    fn of<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match value {
            Value::Object(fields) => fields.get(&self.name),
            Value::Array(items) => items.get(self.index?),
            _ => None,
        }
    }
}
