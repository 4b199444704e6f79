//! The operators of conditions and how values of different types compare.
//! May not know how conditions are written down or nested. Promise: every operator answers for every pair of values, with
//! a sentence where they cannot be compared.
//!
//! Operands often come as text even when they mean numbers, so:
//! - `eq`, `ne`: a number equals a string that holds that number, true and false equal `"true"` and `"false"`, nothing
//!   (null) equals the empty string; two strings are equal when they are the same; arrays and objects by their contents.
//! - `gt`, `gte`, `lt`, `lte`: numbers and strings that hold one; ISO 8601 dates with a zone among each other. Nothing
//!   (null or an empty string) is neither greater nor less than anything. Anything else is an error.
//! - `contains`: a piece of a text, an element of an array (as `eq`), a field of an object.
//! - `startsWith`, `endsWith`, `matches`: texts; numbers and booleans count as their text. `matches` looks for the
//!   pattern anywhere in the text.
//! - `exists`: not null. `isEmpty`: null, `""`, `[]`, `{}`.

use super::super::field;
use crate::clock;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::cmp::Ordering;

/// The longest regular expression, in bytes.
const MAX_PATTERN_BYTES: usize = 1_000;
/// The most memory that a compiled regular expression may take, in bytes.
const MAX_PATTERN_MEMORY_BYTES: usize = 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Contains,
    StartsWith,
    EndsWith,
    Exists,
    IsEmpty,
    Matches,
}

/// Every name in lower case without `_`, `-` and spaces; whether it is the opposite of the relation.
const NAMES: [(&str, Relation, bool); 50] = [
    ("eq", Relation::Equal, false),
    ("equals", Relation::Equal, false),
    ("equal", Relation::Equal, false),
    ("is", Relation::Equal, false),
    ("=", Relation::Equal, false),
    ("==", Relation::Equal, false),
    ("===", Relation::Equal, false),
    ("ne", Relation::Equal, true),
    ("neq", Relation::Equal, true),
    ("notequals", Relation::Equal, true),
    ("notequal", Relation::Equal, true),
    ("isnot", Relation::Equal, true),
    ("!=", Relation::Equal, true),
    ("!==", Relation::Equal, true),
    ("gt", Relation::Greater, false),
    ("greaterthan", Relation::Greater, false),
    (">", Relation::Greater, false),
    ("gte", Relation::GreaterOrEqual, false),
    ("greaterthanorequal", Relation::GreaterOrEqual, false),
    ("greaterthanorequals", Relation::GreaterOrEqual, false),
    ("greaterorequal", Relation::GreaterOrEqual, false),
    (">=", Relation::GreaterOrEqual, false),
    ("lt", Relation::Less, false),
    ("lessthan", Relation::Less, false),
    ("<", Relation::Less, false),
    ("lte", Relation::LessOrEqual, false),
    ("lessthanorequal", Relation::LessOrEqual, false),
    ("lessthanorequals", Relation::LessOrEqual, false),
    ("lessorequal", Relation::LessOrEqual, false),
    ("<=", Relation::LessOrEqual, false),
    ("contains", Relation::Contains, false),
    ("includes", Relation::Contains, false),
    ("notcontains", Relation::Contains, true),
    ("doesnotcontain", Relation::Contains, true),
    ("startswith", Relation::StartsWith, false),
    ("beginswith", Relation::StartsWith, false),
    ("endswith", Relation::EndsWith, false),
    ("exists", Relation::Exists, false),
    ("isset", Relation::Exists, false),
    ("notexists", Relation::Exists, true),
    ("doesnotexist", Relation::Exists, true),
    ("isempty", Relation::IsEmpty, false),
    ("empty", Relation::IsEmpty, false),
    ("isnotempty", Relation::IsEmpty, true),
    ("notempty", Relation::IsEmpty, true),
    ("matches", Relation::Matches, false),
    ("match", Relation::Matches, false),
    ("regex", Relation::Matches, false),
    ("notmatches", Relation::Matches, true),
    ("doesnotmatch", Relation::Matches, true),
];

/// The names that messages list.
const DOCUMENTED: [&str; 12] = [
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "contains",
    "startsWith",
    "endsWith",
    "exists",
    "isEmpty",
    "matches",
];

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Operator {
    relation: Relation,
    is_negated: bool,
}

impl Operator {
    /// Reads an operator by any of its names; the error names the nearest one.
    pub(in crate::engine) fn parse(text: &str) -> Result<Operator, String> {
        let name: String = text
            .chars()
            .filter(|letter| !matches!(letter, '_' | '-' | ' '))
            .flat_map(char::to_lowercase)
            .collect();
        if let Some((_, relation, is_negated)) = NAMES.iter().find(|(known, ..)| *known == name) {
            return Ok(Operator {
                relation: *relation,
                is_negated: *is_negated,
            });
        }
        let near = DOCUMENTED
            .iter()
            .map(|known| (strsim::osa_distance(&known.to_lowercase(), &name), known))
            .min()
            .filter(|(distance, _)| *distance <= 2)
            .map_or(String::new(), |(_, known)| {
                format!("; did you mean `{known}`?")
            });
        Err(format!(
            "`{}` is not an operator; there are {}{near}",
            field::cut(text, 40),
            Operator::names()
        ))
    }

    /// The documented names, for messages.
    pub(in crate::engine) fn names() -> String {
        DOCUMENTED.join(", ")
    }

    /// Whether the operator compares with something.
    pub(in crate::engine) fn takes_right(self) -> bool {
        !matches!(self.relation, Relation::Exists | Relation::IsEmpty)
    }

    /// Whether `right` can stand on the right side: the pattern of `matches` must be one.
    pub(super) fn check_right(self, right: &Value) -> Result<(), String> {
        match self.relation {
            Relation::Matches => pattern(right).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Decides; an error is a sentence that names the values.
    pub(super) fn holds(self, left: &Value, right: &Value) -> Result<bool, String> {
        let result = match self.relation {
            Relation::Equal => equal(left, right),
            Relation::Greater => order(left, right)?.is_some_and(Ordering::is_gt),
            Relation::GreaterOrEqual => order(left, right)?.is_some_and(Ordering::is_ge),
            Relation::Less => order(left, right)?.is_some_and(Ordering::is_lt),
            Relation::LessOrEqual => order(left, right)?.is_some_and(Ordering::is_le),
            Relation::Contains => contains(left, right),
            Relation::StartsWith => {
                both_texts(left, right)?.is_some_and(|(text, start)| text.starts_with(&start))
            }
            Relation::EndsWith => {
                both_texts(left, right)?.is_some_and(|(text, end)| text.ends_with(&end))
            }
            Relation::Exists => !left.is_null(),
            Relation::IsEmpty => is_empty(left),
            Relation::Matches => {
                let pattern = pattern(right)?;
                text(left)?.is_some_and(|text| pattern.is_match(&text))
            }
        };
        Ok(result != self.is_negated)
    }
}

/// An operator with its right side, made ready for many left sides.
#[derive(Debug)]
pub(in crate::engine) struct Prepared {
    operator: Operator,
    right: Value,
    pattern: Option<Regex>,
}

impl Prepared {
    /// The error is a sentence about the right side.
    pub(in crate::engine) fn new(operator: Operator, right: Value) -> Result<Prepared, String> {
        let pattern = match operator.relation {
            Relation::Matches => Some(pattern(&right)?),
            _ => None,
        };
        Ok(Prepared {
            operator,
            right,
            pattern,
        })
    }

    /// As [`Operator::holds`].
    pub(in crate::engine) fn holds(&self, left: &Value) -> Result<bool, String> {
        match &self.pattern {
            Some(pattern) => {
                let is_match = text(left)?.is_some_and(|text| pattern.is_match(&text));
                Ok(is_match != self.operator.is_negated)
            }
            None => self.operator.holds(left, &self.right),
        }
    }

    /// The value that left sides have to equal, if that is what is asked.
    pub(in crate::engine) fn equals(&self) -> Option<&Value> {
        let is_equality = self.operator.relation == Relation::Equal && !self.operator.is_negated;
        is_equality.then_some(&self.right)
    }

    /// Whether it asks for an order, in which days count as moments.
    pub(in crate::engine) fn is_order(&self) -> bool {
        matches!(
            self.operator.relation,
            Relation::Greater | Relation::GreaterOrEqual | Relation::Less | Relation::LessOrEqual
        )
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::String(text)) | (Value::String(text), Value::Number(_)) => {
            let number = if left.is_number() { left } else { right };
            numbers_equal(number, text)
        }
        (Value::Bool(flag), Value::String(text)) | (Value::String(text), Value::Bool(flag)) => text
            .trim()
            .eq_ignore_ascii_case(if *flag { "true" } else { "false" }),
        (Value::Null, Value::String(text)) | (Value::String(text), Value::Null) => text.is_empty(),
        _ => same(left, right),
    }
}

/// Equal in type and contents; 1 and 1.0 are the same number.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.is_f64() != b.is_f64() && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => left == right,
    }
}

/// Whether `text` holds `number`; whole numbers exactly, however long.
fn numbers_equal(number: &Value, text: &str) -> bool {
    if let (Some(number), Ok(text)) = (number.as_i64(), text.trim().parse::<i64>()) {
        return number == text;
    }
    if let (Some(number), Ok(text)) = (number.as_u64(), text.trim().parse::<u64>()) {
        return number == text;
    }
    field::as_number(&Value::String(text.to_owned())) == number.as_f64() && number.is_number()
}

/// How the values stand to each other; `None` when one of them is nothing.
fn order(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    let is_nothing = |value: &Value| value.is_null() || value.as_str().is_some_and(str::is_empty);
    if is_nothing(left) || is_nothing(right) {
        return Ok(None);
    }
    if let (Some(left), Some(right)) = (exact(left), exact(right)) {
        return Ok(Some(left.cmp(&right)));
    }
    if let (Some(left), Some(right)) = (field::as_number(left), field::as_number(right)) {
        return Ok(left.partial_cmp(&right));
    }
    let date = |value: &Value| value.as_str().and_then(clock::parse_iso);
    match (date(left), date(right)) {
        (Some(left), Some(right)) => Ok(Some(left.cmp(&right))),
        _ => Err(format!(
            "{} and {} cannot be ordered: numbers or ISO 8601 dates are expected",
            field::shown(left),
            field::shown(right)
        )),
    }
}

/// `value` as a whole number, which needs no rounding.
fn exact(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number.as_i128(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn contains(left: &Value, right: &Value) -> bool {
    match left {
        Value::Array(elements) => elements.iter().any(|element| equal(element, right)),
        Value::Object(fields) => {
            field::scalar_text(right).is_some_and(|name| fields.contains_key(&name))
        }
        Value::Null => false,
        scalar => match (field::scalar_text(scalar), field::scalar_text(right)) {
            (Some(text), Some(piece)) => text.contains(&piece),
            _ => false,
        },
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn both_texts(left: &Value, right: &Value) -> Result<Option<(String, String)>, String> {
    Ok(text(left)?.zip(text(right)?))
}

/// `value` as text; `None` when it is null.
fn text(value: &Value) -> Result<Option<String>, String> {
    match field::scalar_text(value) {
        Some(text) => Ok(Some(text)),
        None if value.is_null() => Ok(None),
        None => Err(format!("{} is not a text", field::shown(value))),
    }
}

fn pattern(value: &Value) -> Result<Regex, String> {
    let Some(text) = value.as_str() else {
        let shown = field::shown(value);
        return Err(format!("{shown} is not a regular expression"));
    };
    if text.len() > MAX_PATTERN_BYTES {
        return Err(format!(
            "the regular expression has {} bytes, more than {MAX_PATTERN_BYTES}",
            text.len()
        ));
    }
    RegexBuilder::new(text)
        .size_limit(MAX_PATTERN_MEMORY_BYTES)
        .dfa_size_limit(MAX_PATTERN_MEMORY_BYTES)
        .build()
        .map_err(|error| {
            // The library draws the place on several lines; its last one says what is wrong.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim();
            let shown = field::cut(text, 60);
            format!("`{shown}` is not a regular expression: {reason}")
        })
}
