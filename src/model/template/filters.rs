//! The filters and tests of expressions, and the environment that holds them.
//! May not hold a function, a loader or a filter that can build much out of little. Promise: a filter's result is at most
//! a few times as large as what it was given, or an error.

use super::TemplateError;
use super::expression::json_value;
use super::render::{self, Budget};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, filters, tests};
use std::sync::LazyLock;

/// How large a text a filter may make, in bytes.
const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// How many instructions one evaluation may take.
const FUEL: u64 = 10_000;

/// Every filter.
pub(super) const FILTERS: [&str; 29] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "default",
    "first",
    "float",
    "int",
    "join",
    "json",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "number",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "selectattr",
    "sort",
    "split",
    "sum",
    "text",
    "trim",
    "upper",
];
/// Every test, as in `x is defined`.
pub(super) const TESTS: [&str; 19] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "even",
    "ge",
    "gt",
    "in",
    "le",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
];

/// Whether `name` is one of `names`; the error names the nearest one.
pub(super) fn known(what: &str, names: &[&str], name: &str) -> Result<(), String> {
    if names.contains(&name) || (what == "test" && name == "undefined") {
        return Ok(());
    }
    let nearest = names
        .iter()
        .min_by_key(|known| strsim::damerau_levenshtein(name, known))
        .copied()
        .unwrap_or_default();
    Err(format!(
        "there is no {what} `{name}`; did you mean `{nearest}`? There are: {}",
        names.join(", ")
    ))
}

/// The one environment, shared by all expressions.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(build);
    &ENVIRONMENT
}

fn build() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", length);
    environment.add_filter("default", default);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("join", join);
    environment.add_filter("json", json);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", length);
    environment.add_filter("list", filters::list);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("map", attribute_of_each);
    environment.add_filter("max", filters::max);
    environment.add_filter("min", filters::min);
    environment.add_filter("number", number);
    environment.add_filter("rejectattr", filters::rejectattr);
    environment.add_filter("replace", replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("selectattr", filters::selectattr);
    environment.add_filter("sort", filters::sort);
    environment.add_filter("split", filters::split);
    environment.add_filter("sum", sum);
    environment.add_filter("text", text);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("eq", tests::is_eq);
    environment.add_test("even", tests::is_even);
    environment.add_test("ge", tests::is_ge);
    environment.add_test("gt", tests::is_gt);
    environment.add_test("in", tests::is_in);
    environment.add_test("le", tests::is_le);
    environment.add_test("lt", tests::is_lt);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("ne", tests::is_ne);
    environment.add_test("none", tests::is_none);
    environment.add_test("number", tests::is_number);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("string", tests::is_string);
    environment.add_test("undefined", tests::is_undefined);
    environment
}

fn wrong(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, why.into())
}

fn told(error: TemplateError) -> Error {
    wrong(error.message)
}

fn too_large(what: &str) -> Error {
    wrong(format!(
        "{what}: the text would be larger than {MAX_TEXT_BYTES} bytes"
    ))
}

fn as_json(value: &Value) -> Result<serde_json::Value, Error> {
    json_value(value, &mut Budget::new(MAX_TEXT_BYTES), 0).map_err(told)
}

fn as_text(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    let mut budget = Budget::new(MAX_TEXT_BYTES);
    render::append_text(&mut out, &as_json(value)?, &mut budget).map_err(told)?;
    Ok(out)
}

/// The value as it stands in mixed text.
fn text(value: &Value) -> Result<String, Error> {
    as_text(value)
}

/// The value as JSON text.
fn json(value: &Value) -> Result<String, Error> {
    render::json(&as_json(value)?, &mut Budget::new(MAX_TEXT_BYTES)).map_err(told)
}

/// The value as a number; a text that is one counts, since inputs often carry numbers as texts.
fn number(value: &Value) -> Result<Value, Error> {
    if value.kind() == ValueKind::Number {
        return Ok(value.clone());
    }
    let text = value.as_str().map(str::trim).unwrap_or_default();
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(whole.into());
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number.into()),
        _ => Err(wrong(format!(
            "{} is not a number",
            super::excerpt(&as_json(value)?.to_string())
        ))),
    }
}

fn length(value: &Value) -> Result<usize, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Ok(0),
        ValueKind::Bool | ValueKind::Number => {
            Err(wrong("`length`: a number or a boolean has no length"))
        }
        _ => filters::length(value),
    }
}

/// The value, or `other` when there is none: an unknown path and null are the same nothing.
fn default(value: &Value, other: Option<Value>) -> Value {
    if value.is_undefined() || value.is_none() {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value.clone()
    }
}

fn join(value: &Value, between: Option<&str>) -> Result<String, Error> {
    let between = between.unwrap_or_default();
    let mut out = String::new();
    if value.is_undefined() || value.is_none() {
        return Ok(out);
    }
    for (position, item) in value.try_iter()?.enumerate() {
        if position > 0 {
            out.push_str(between);
        }
        out.push_str(&as_text(&item)?);
        if out.len() > MAX_TEXT_BYTES {
            return Err(too_large("`join`"));
        }
    }
    Ok(out)
}

fn replace(value: &Value, from: &str, to: &str) -> Result<String, Error> {
    let value = as_text(value)?;
    if from.is_empty() {
        return Err(wrong("`replace`: the text to be replaced is empty"));
    }
    let grown = value
        .matches(from)
        .count()
        .saturating_mul(to.len())
        .saturating_add(value.len());
    if grown > MAX_TEXT_BYTES {
        return Err(too_large("`replace`"));
    }
    Ok(value.replace(from, to))
}

/// The sum of the items, or of one field of them.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that MiniJinja calls"
)]
fn sum(value: &Value, keywords: Kwargs) -> Result<Value, Error> {
    let attribute: Option<&str> = keywords.get("attribute")?;
    keywords.assert_all_used()?;
    let mut whole: i64 = 0;
    let mut float: f64 = 0.0;
    let mut exact = true;
    if value.is_undefined() || value.is_none() {
        return Ok(whole.into());
    }
    for item in value.try_iter()? {
        let item = match attribute {
            Some(name) => field(&item, name)?,
            None => item,
        };
        let item = number(&item)?;
        float += f64::try_from(item.clone())?;
        match item.as_i64().and_then(|item| whole.checked_add(item)) {
            Some(sum) if exact && item.is_integer() => whole = sum,
            _ => exact = false,
        }
    }
    Ok(if exact { whole.into() } else { float.into() })
}

/// `map(attribute="a.b")`: that field of every item. It maps no filters: their results could outgrow any bound.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that MiniJinja calls"
)]
fn attribute_of_each(value: &Value, keywords: Kwargs) -> Result<Vec<Value>, Error> {
    let attribute: &str = keywords.get("attribute")?;
    keywords.assert_all_used()?;
    if value.is_undefined() || value.is_none() {
        return Ok(Vec::new());
    }
    value
        .try_iter()?
        .map(|item| field(&item, attribute))
        .collect()
}

fn field(value: &Value, path: &str) -> Result<Value, Error> {
    path.split('.').try_fold(value.clone(), |value, name| {
        if value.is_undefined() || value.is_none() {
            return Ok(Value::UNDEFINED);
        }
        match name.parse::<usize>() {
            Ok(index) if value.kind() == ValueKind::Seq => value.get_item_by_index(index),
            _ => value.get_attr(name),
        }
    })
}
