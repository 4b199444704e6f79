//! What a mapping rule may do to a value on its way: one conversion, or a chain of them.
//! May not know paths or rules. Promise: every conversion answers for every value, with a sentence where it has none, in
//! time and memory that grow no faster than what it is given.
//!
//! A conversion is named (`"trim"`), or written with its options (`{"name": "truncate", "length": 20}`); an array of them is
//! done from left to right. Letter case, `-`, `_` and spaces in a name do not count.

mod coding;
mod date;
mod list;
mod number;
mod text;

use super::super::field::{self, Fields};
use serde_json::Value;

/// How many conversions a chain may have.
const MAX_CHAIN: usize = 20;
/// The longest text, or JSON of an array, that a conversion makes.
const MAX_MADE_BYTES: usize = 5 * 1024 * 1024;

/// What a conversion does with a value and its options.
type Convert = fn(&Value, &Fields) -> Result<Value, String>;

/// A conversion.
struct Conversion {
    /// Its documented name and others, in lower case without `-` and `_`.
    names: &'static [&'static str],
    /// Its options.
    options: &'static [OptionRule],
    convert: Convert,
}

/// An option of a conversion.
struct OptionRule {
    name: &'static str,
    form: Form,
    is_required: bool,
}

/// What an option may be.
#[derive(Clone, Copy)]
enum Form {
    Any,
    Text,
    Flag,
    /// A number between these.
    Number(f64, f64),
}

const fn plain(names: &'static [&'static str], convert: Convert) -> Conversion {
    with(names, &[], convert)
}

const fn with(
    names: &'static [&'static str],
    options: &'static [OptionRule],
    convert: Convert,
) -> Conversion {
    Conversion {
        names,
        options,
        convert,
    }
}

const fn may(name: &'static str, form: Form) -> OptionRule {
    OptionRule {
        name,
        form,
        is_required: false,
    }
}

const fn must(name: &'static str, form: Form) -> OptionRule {
    OptionRule {
        name,
        form,
        is_required: true,
    }
}

/// The general ones; the families have tables of their own.
const GENERAL: &[Conversion] = &[
    plain(&["direct"], |value, _| Ok(value.clone())),
    with(
        &["default"],
        &[must("value", Form::Any)],
        |value, options| match value {
            Value::Null => Ok(options.get("value").cloned().unwrap_or_default()),
            Value::String(text) if text.is_empty() => {
                Ok(options.get("value").cloned().unwrap_or_default())
            }
            value => Ok(value.clone()),
        },
    ),
];

/// Every conversion.
fn all() -> impl Iterator<Item = &'static Conversion> {
    [
        GENERAL,
        text::CONVERSIONS,
        number::CONVERSIONS,
        date::CONVERSIONS,
        list::CONVERSIONS,
        coding::CONVERSIONS,
    ]
    .into_iter()
    .flatten()
}

/// A chain of conversions with their options, ready to be applied.
pub(super) struct Chain<'a>(Vec<(&'static Conversion, &'a Fields)>);

impl<'a> Chain<'a> {
    /// Reads the field `transform` of a rule. The error is a sentence; an unknown name brings the nearest one.
    pub(super) fn read(written: Option<&'a Value>, none: &'a Fields) -> Result<Chain<'a>, String> {
        let single;
        let links = match written {
            None | Some(Value::Null) => return Ok(Chain(Vec::new())),
            Some(Value::String(name)) if name.is_empty() => return Ok(Chain(Vec::new())),
            Some(Value::Array(links)) if links.len() > MAX_CHAIN => {
                return Err(format!(
                    "{} transforms in a row are more than {MAX_CHAIN}",
                    links.len()
                ));
            }
            Some(Value::Array(links)) => links.iter().collect::<Vec<_>>(),
            Some(other) => {
                single = other;
                vec![single]
            }
        };
        let links = links.into_iter().map(|link| read_link(link, none));
        links.collect::<Result<Vec<_>, String>>().map(Chain)
    }

    /// Whether it hands a value on as it is, and null too.
    pub(super) fn is_direct(&self) -> bool {
        self.0
            .iter()
            .all(|(conversion, _)| matches!(conversion.names, ["direct"]))
    }

    /// Whether null is something that it can begin with.
    pub(super) fn takes_null(&self) -> bool {
        let first = self.0.first();
        self.is_direct()
            || first.is_some_and(|(conversion, _)| matches!(conversion.names, ["default"]))
    }

    /// What becomes of `value`.
    pub(super) fn apply(&self, value: &Value) -> Result<Value, String> {
        let mut links = self.0.iter();
        let Some((first, options)) = links.next() else {
            return Ok(value.clone());
        };
        let begun = (first.convert)(value, options)?;
        links.try_fold(begun, |value, (conversion, options)| {
            (conversion.convert)(&value, options)
        })
    }
}

fn read_link<'a>(
    written: &'a Value,
    none: &'a Fields,
) -> Result<(&'static Conversion, &'a Fields), String> {
    let (name, options) = match written {
        Value::String(name) => (name.as_str(), none),
        Value::Object(options) => match options.get("name").and_then(Value::as_str) {
            Some(name) => (name, options),
            None => {
                return Err(format!(
                    "{} has no `name`; write `{{\"name\": \"truncate\", \"length\": 20}}`",
                    field::shown(written)
                ));
            }
        },
        other => {
            return Err(format!(
                "{} is not the name of a transform",
                field::shown(other)
            ));
        }
    };
    let conversion = find(name)?;
    check_options(conversion, options)?;
    Ok((conversion, options))
}

/// The conversion called `name`.
fn find(name: &str) -> Result<&'static Conversion, String> {
    let wanted = name.trim().to_lowercase().replace(['_', '-', ' '], "");
    if let Some(found) = all().find(|known| known.names.contains(&wanted.as_str())) {
        return Ok(found);
    }
    let names = || all().filter_map(|known| known.names.first());
    let short = wanted.chars().count() <= 40;
    let near = names()
        .filter(|_| short)
        .map(|known| (strsim::osa_distance(known, &wanted), known))
        .min()
        .map_or(String::new(), |(_, known)| {
            format!("; the nearest is `{known}`")
        });
    let list: Vec<&str> = names().copied().collect();
    Err(format!(
        "`{}` is not a transform; there are {}{near}",
        field::cut(name, 40),
        list.join(", ")
    ))
}

fn check_options(conversion: &Conversion, options: &Fields) -> Result<(), String> {
    let name = conversion.names.first().copied().unwrap_or_default();
    let known = || {
        let names = conversion.options.iter().map(|rule| rule.name);
        names.collect::<Vec<_>>().join("`, `")
    };
    for option in options.keys().filter(|option| *option != "name") {
        if !conversion.options.iter().any(|rule| rule.name == option) {
            let option = field::cut(option, 40);
            return Err(match conversion.options {
                [] => format!("`{name}` has no options, and none called `{option}`"),
                _ => format!("`{name}` has no option `{option}`; there is `{}`", known()),
            });
        }
    }
    for rule in conversion.options {
        let value = field::present(options, rule.name).filter(|value| !field::has_template(value));
        let wrong = match (value, rule.form) {
            (None, _) if rule.is_required && !options.contains_key(rule.name) => {
                return Err(format!("`{name}` needs its option `{}`", rule.name));
            }
            (None, _) | (_, Form::Any) => None,
            (Some(value), Form::Text) if !value.is_string() => Some("a text".to_owned()),
            (Some(value), Form::Flag) if !value.is_boolean() => Some("true or false".to_owned()),
            (Some(value), Form::Number(least, most)) => {
                let fits = field::as_number(value).is_some_and(|n| (least..=most).contains(&n));
                (!fits).then(|| format!("a number from {least} to {most}"))
            }
            (Some(_), Form::Text | Form::Flag) => None,
        };
        if let (Some(wrong), Some(value)) = (wrong, value) {
            let shown = field::shown(value);
            return Err(format!("`{name}`: `{}` is {shown}, not {wrong}", rule.name));
        }
    }
    Ok(())
}

/// The text of an option, or `default`.
fn text_option<'a>(options: &'a Fields, name: &str, default: &'a str) -> &'a str {
    options.get(name).and_then(Value::as_str).unwrap_or(default)
}

/// The whole number of an option, or `default`.
fn whole_option(options: &Fields, name: &str, default: usize) -> usize {
    let number = options.get(name).and_then(field::as_number);
    number.map_or(default, |number| number.max(0.0) as usize)
}

fn flag_option(options: &Fields, name: &str, default: bool) -> bool {
    options
        .get(name)
        .and_then(Value::as_bool)
        .unwrap_or(default)
}

/// `value` as text, or a sentence.
fn text_of(value: &Value) -> Result<String, String> {
    field::scalar_text(value).ok_or_else(|| format!("{} is not a text", field::shown(value)))
}

/// `value` as an array, or a sentence.
fn list_of(value: &Value) -> Result<&Vec<Value>, String> {
    value
        .as_array()
        .ok_or_else(|| format!("{} is not an array", field::shown(value)))
}

/// A text that was put together, unless it is too long.
fn made(text: String) -> Result<Value, String> {
    if text.len() > MAX_MADE_BYTES {
        return Err(too_long());
    }
    Ok(text.into())
}

fn too_long() -> String {
    format!("the result has more than {MAX_MADE_BYTES} bytes")
}

#[cfg(test)]
mod tests;
