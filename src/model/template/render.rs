//! Rendering: walks a source beside its compiled shape and builds the result.
//! May not read rendered text as a template again. Promise: what it builds stays within the budget it was given.

use super::{Filter, Formula, Scope, Segment, Shape, TemplateError};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io;

/// What every value costs beside the bytes of its text.
const VALUE_BYTES: usize = 16;

/// How many bytes a result may still take.
pub(in crate::model) struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    /// A fresh budget.
    pub(in crate::model) fn new(limit: usize) -> Budget {
        Budget { limit, left: limit }
    }

    /// Takes `bytes` out of it.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), TemplateError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.exceeded()),
        }
    }

    /// Takes what `value` measures.
    pub(in crate::model) fn measure(&mut self, value: &Value) -> Result<(), TemplateError> {
        self.take(VALUE_BYTES)?;
        match value {
            Value::String(text) => self.take(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.measure(item)),
            Value::Object(fields) => fields.iter().try_for_each(|(name, field)| {
                self.take(VALUE_BYTES + name.len())?;
                self.measure(field)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn exceeded(&self) -> TemplateError {
        TemplateError::new(format!(
            "the rendered value is larger than {} bytes; use less of the values it refers to",
            self.limit
        ))
    }
}

/// Renders `source` as `shape` says.
pub(super) fn value(
    source: &Value,
    shape: &Shape,
    scope: &Scope<'_>,
    budget: &mut Budget,
) -> Result<Value, TemplateError> {
    match (shape, source) {
        (Shape::Sole(formula), _) => {
            let found = evaluate(formula, scope)?;
            budget.measure(&found)?;
            Ok(found.into_owned())
        }
        (Shape::Text(segments), _) => text(segments, scope, budget).map(Value::String),
        (Shape::Array(shapes), Value::Array(items)) => items
            .iter()
            .zip(shapes)
            .map(|(item, shape)| value(item, shape, scope, budget))
            .collect::<Result<Vec<Value>, TemplateError>>()
            .map(Value::Array),
        (Shape::Object(shapes), Value::Object(fields)) => fields
            .iter()
            .zip(shapes)
            .map(|((name, field), shape)| Ok((name.clone(), value(field, shape, scope, budget)?)))
            .collect::<Result<Map<String, Value>, TemplateError>>()
            .map(Value::Object),
        _ => {
            budget.measure(source)?;
            Ok(source.clone())
        }
    }
}

fn text(
    segments: &[Segment],
    scope: &Scope<'_>,
    budget: &mut Budget,
) -> Result<String, TemplateError> {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Text(text) => {
                budget.take(text.len())?;
                out.push_str(text);
            }
            Segment::Formula(formula) => {
                append_text(&mut out, &*evaluate(formula, scope)?, budget)?;
            }
        }
    }
    Ok(out)
}

/// Appends a value as it stands in mixed text: text as it is, nothing for null, everything else as JSON.
pub(super) fn append_text(
    out: &mut String,
    value: &Value,
    budget: &mut Budget,
) -> Result<(), TemplateError> {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => {
            budget.take(text.len())?;
            out.push_str(text);
            Ok(())
        }
        other => {
            out.push_str(&json(other, budget)?);
            Ok(())
        }
    }
}

/// A value as JSON text.
pub(in crate::model) fn json(value: &Value, budget: &mut Budget) -> Result<String, TemplateError> {
    let mut writer = Writer {
        bytes: Vec::new(),
        left: budget.left,
    };
    let written = serde_json::to_writer(&mut writer, value)
        .ok()
        .and_then(|()| String::from_utf8(writer.bytes).ok())
        .ok_or_else(|| budget.exceeded())?;
    budget.take(written.len())?;
    Ok(written)
}

fn evaluate<'a>(formula: &Formula, scope: &Scope<'a>) -> Result<Cow<'a, Value>, TemplateError> {
    match formula {
        Formula::Path(path, filters) => {
            let mut value = path.resolve(scope).unwrap_or(Cow::Owned(Value::Null));
            for filter in filters {
                value = Cow::Owned(apply(*filter, &value)?);
            }
            Ok(value)
        }
        Formula::Expression(expression) => expression.evaluate(scope).map(Cow::Owned),
    }
}

fn apply(filter: Filter, value: &Value) -> Result<Value, TemplateError> {
    match filter {
        Filter::Length => length(value).map(Value::from),
        Filter::Json => json(value, &mut Budget::new(super::MAX_RENDERED_BYTES)).map(Value::String),
    }
}

/// Items of an array, fields of an object, characters of a text; nothing has none.
pub(super) fn length(value: &Value) -> Result<usize, TemplateError> {
    match value {
        Value::Null => Ok(0),
        Value::String(text) => Ok(text.chars().count()),
        Value::Array(items) => Ok(items.len()),
        Value::Object(fields) => Ok(fields.len()),
        Value::Bool(_) | Value::Number(_) => Err(TemplateError::new(format!(
            "`length`: {value} has no length; it needs a text, an array or an object"
        ))),
    }
}

/// Collects bytes up to a limit, so that a large value is given up early.
struct Writer {
    bytes: Vec<u8>,
    left: usize,
}

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
