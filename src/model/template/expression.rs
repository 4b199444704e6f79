//! Expressions: what is more than a path. Paths in them are resolved by our own rules and handed to MiniJinja as
//! variables, so a step's id may hold hyphens here too and only what is referred to is converted.
//! May not name intermediate values, call functions or loop: every growth is bounded by what stands in the text.
//! Promise: `*` is for numbers and `~` for bounded texts (both operands pass a filter that sees to it), the number of
//! operators and references is capped, so evaluation ends within a few megabytes and milliseconds.

use super::path::Path;
use super::render::Budget;
use super::token::{Reader, guarded, variable};
use super::{Scope, TemplateError, excerpt, filters};
use minijinja::value::{Serde, ValueKind};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the values that an expression refers to may measure together.
const MAX_OPERAND_BYTES: usize = 256 * 1024;
/// How deep a result may be nested.
const MAX_RESULT_DEPTH: usize = 128;

/// A compiled expression; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    source: Arc<str>,
    paths: Vec<Path>,
    names: Vec<String>,
    program: Arc<minijinja::Expression<'static, 'static>>,
}

impl Expression {
    /// Compiles what stands between the braces. The error says what is wrong with it.
    pub(super) fn compile(inside: &str) -> Result<Expression, TemplateError> {
        let inside = inside.trim();
        let wrong =
            |why: String| TemplateError::new(format!("`{{{{{}}}}}`: {why}", excerpt(inside)));
        let mut reader = Reader::new(inside);
        reader.read().map_err(wrong)?;
        let program = filters::environment()
            .compile_expression_owned(guarded(&reader.tokens))
            .map_err(|error| wrong(said(&error)))?;
        Ok(Expression {
            source: inside.into(),
            names: (0..reader.paths.len()).map(variable).collect(),
            paths: reader.paths,
            program: Arc::new(program),
        })
    }

    /// The paths in it.
    pub(super) fn paths(&self) -> &[Path] {
        &self.paths
    }

    /// Its value.
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, TemplateError> {
        let wrong =
            |why: &str| TemplateError::new(format!("`{{{{{}}}}}`: {why}", excerpt(&self.source)));
        let mut budget = Budget::new(MAX_OPERAND_BYTES);
        let mut variables: BTreeMap<&str, minijinja::Value> = BTreeMap::new();
        for (path, name) in self.paths.iter().zip(&self.names) {
            if let Some(value) = path.resolve(scope) {
                budget.measure(&value).map_err(|_| {
                    wrong(&format!(
                        "the values in it are larger than {MAX_OPERAND_BYTES} bytes; name smaller parts of them"
                    ))
                })?;
                variables.insert(name, minijinja::Value::from(Serde(&*value)));
            }
        }
        let context = minijinja::Value::from_pairs(variables);
        let result = self
            .program
            .eval(context)
            .map_err(|error| wrong(&said(&error)))?;
        let mut budget = Budget::new(super::MAX_RENDERED_BYTES);
        json_value(&result, &mut budget, 0)
    }
}

fn said(error: &minijinja::Error) -> String {
    error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned)
}

/// A computed value as JSON; undefined is null, numbers that JSON does not have are null.
pub(super) fn json_value(
    value: &minijinja::Value,
    budget: &mut Budget,
    depth: usize,
) -> Result<Value, TemplateError> {
    budget.take(16)?;
    if depth > MAX_RESULT_DEPTH {
        return Err(TemplateError::new("the result is nested too deep"));
    }
    Ok(match value.kind() {
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value
                .try_iter()
                .map_err(|error| TemplateError::new(said(&error)))?;
            Value::Array(
                items
                    .map(|item| json_value(&item, budget, depth + 1))
                    .collect::<Result<_, _>>()?,
            )
        }
        ValueKind::Map => {
            let mut fields = Map::new();
            for key in value
                .try_iter()
                .map_err(|error| TemplateError::new(said(&error)))?
            {
                let name = key.to_string();
                budget.take(16 + name.len())?;
                let field = value.get_item(&key).unwrap_or_default();
                fields.insert(name, json_value(&field, budget, depth + 1)?);
            }
            Value::Object(fields)
        }
        _ => match value.as_str() {
            Some(text) => {
                budget.take(text.len())?;
                Value::String(text.to_owned())
            }
            None => Value::Null,
        },
    })
}

fn number(value: &minijinja::Value) -> Value {
    if value.is_integer() {
        if let Some(whole) = value.as_i64() {
            return whole.into();
        }
        if let Ok(whole) = u64::try_from(value.clone()) {
            return whole.into();
        }
    }
    f64::try_from(value.clone()).map_or(Value::Null, Value::from)
}
