//! `condition`: decides which of two ways a run goes.
//! May not know which steps stand behind `then` and `else` (the compiler does). Promise: one reading of conditions serves
//! the check before a run and the run itself; a decision takes linear time and is the same every time.
//!
//! Forms: `{left, operator, right}`; `{operator: and|or|not, conditions: […]}` (`not` also with `condition`), nested; and
//! an array of `{field, operator, value}`, joined by `combineOperator` (`AND` by default).

pub(in crate::engine) mod operator;

use super::field::{self, Fields};
use super::{Behaviour, Done, StepType, outside};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use operator::Operator;
use serde_json::{Value, json};

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 16;
/// How many conditions a step may have, groups included.
const MAX_CONDITIONS: usize = 100;
const KNOWN: [&str; 4] = ["conditions", "combineOperator", "then", "else"];
const NONE: Value = Value::Null;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "condition",
        description: "Compares values and takes the way `then` or `else`.",
        kind: Kind::Branch,
        raw: &[],
        lists: &[],
        check,
        untimed: field::done_at_once,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Pure(run),
    names: outside::nothing,
};

/// A condition as it was read.
enum Condition<'a> {
    Compare {
        left: &'a Value,
        operator: Operator,
        right: &'a Value,
    },
    All(Vec<Condition<'a>>),
    Any(Vec<Condition<'a>>),
    Not(Box<Condition<'a>>),
}

/// Reads conditions and collects what is wrong with them, each with its field.
#[derive(Default)]
struct Reader {
    conditions: usize,
    mistakes: Vec<(String, String)>,
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    let mut reader = Reader::default();
    // What was read is dropped: only the mistakes count before templates are rendered.
    drop(reader.step(config));
    for (field, message) in reader.mistakes {
        problems.add(&field, message);
    }
}

fn run(config: &Value) -> Result<Done, StepError> {
    let mut reader = Reader::default();
    let read = reader.step(field::fields(config)?);
    if let Some((field, message)) = reader.mistakes.first() {
        return Err(field::config_error(format!("`{field}`: {message}")));
    }
    let Some(condition) = read else {
        return Err(field::config_error("`conditions` cannot be read"));
    };
    let result = holds(&condition)?;
    Ok(Done {
        output: json!({"result": result, "true": result, "false": !result}),
        way: Some(u32::from(!result)),
    })
}

/// Whether a rendered condition holds, as loops ask it: a condition as in `conditions` (or an array of them, joined by
/// and), else what expressions call true: not false, not null, not zero, not empty, not `"false"`.
pub(in crate::engine) fn condition_holds(condition: &Value) -> Result<bool, StepError> {
    let mut reader = Reader::default();
    let read = match condition {
        Value::Object(_) => reader.condition(condition, "condition", 0),
        Value::Array(conditions) => reader.joined(conditions, None, "operator", "condition", 0),
        other => return Ok(is_true(other)),
    };
    match (read, reader.mistakes.first()) {
        (Some(condition), None) => holds(&condition),
        (_, Some((field, message))) => Err(field::config_error(format!("`{field}`: {message}"))),
        (None, None) => Err(field::config_error("the condition cannot be read")),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !matches!(text.trim(), "" | "false" | "0"),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Decides; what the result does not depend on is not looked at.
fn holds(condition: &Condition<'_>) -> Result<bool, StepError> {
    match condition {
        Condition::Compare {
            left,
            operator,
            right,
        } => operator
            .holds(left, right)
            .map_err(|message| StepError::fatal("CONDITION", message)),
        Condition::All(conditions) => {
            for condition in conditions {
                if !holds(condition)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Condition::Any(conditions) => {
            for condition in conditions {
                if holds(condition)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Condition::Not(condition) => holds(condition).map(|result| !result),
    }
}

impl Reader {
    fn step<'a>(&mut self, config: &'a Fields) -> Option<Condition<'a>> {
        match field::present(config, "conditions") {
            Some(Value::Array(conditions)) => {
                let joined_by = field::present(config, "combineOperator");
                self.joined(conditions, joined_by, "combineOperator", "conditions", 0)
            }
            Some(condition) => self.condition(condition, "conditions", 0),
            None => self.mistake(
                "conditions",
                "`conditions` is missing: `{\"left\": …, \"operator\": \"eq\", \"right\": …}`",
            ),
        }
    }

    fn condition<'a>(
        &mut self,
        value: &'a Value,
        field: &str,
        depth: usize,
    ) -> Option<Condition<'a>> {
        self.conditions += 1;
        if depth > MAX_DEPTH {
            return self.mistake(field, format!("nested deeper than {MAX_DEPTH}"));
        }
        if self.conditions > MAX_CONDITIONS {
            // Said once, however many more there are.
            return match self.conditions == MAX_CONDITIONS + 1 {
                true => self.mistake(field, format!("more than {MAX_CONDITIONS} conditions")),
                false => None,
            };
        }
        let Some(fields) = value.as_object() else {
            let shown = field::shown(value);
            return self.mistake(field, format!("{shown} is not a condition: an object with `left`, `operator` and `right` is expected"));
        };
        if fields.contains_key("conditions") || fields.contains_key("condition") {
            self.group(fields, field, depth)
        } else {
            self.comparison(fields, field)
        }
    }

    fn group<'a>(
        &mut self,
        fields: &'a Fields,
        field: &str,
        depth: usize,
    ) -> Option<Condition<'a>> {
        let word = fields.get("operator").or(fields.get("combineOperator"));
        let is_not = word
            .and_then(Value::as_str)
            .is_some_and(|word| word.eq_ignore_ascii_case("not"));
        let (inner, value) = match (fields.get("conditions"), fields.get("condition")) {
            (Some(value), _) => (format!("{field}.conditions"), value),
            (None, value) => (format!("{field}.condition"), value.unwrap_or(&NONE)),
        };
        match value {
            Value::Array(conditions) if is_not => match conditions.as_slice() {
                [only] => self.not(only, &format!("{inner}[0]"), depth),
                several => self.mistake(
                    &inner,
                    format!("`not` takes one condition, not {}", several.len()),
                ),
            },
            Value::Array(conditions) => {
                let operator = format!("{field}.operator");
                self.joined(conditions, word, &operator, &inner, depth + 1)
            }
            only if is_not => self.not(only, &inner, depth),
            _ => self.mistake(&inner, "an array of conditions is expected"),
        }
    }

    fn not<'a>(&mut self, value: &'a Value, field: &str, depth: usize) -> Option<Condition<'a>> {
        let condition = self.condition(value, field, depth + 1)?;
        Some(Condition::Not(Box::new(condition)))
    }

    /// Conditions joined by `word` (and, unless it says or).
    fn joined<'a>(
        &mut self,
        conditions: &'a [Value],
        word: Option<&Value>,
        word_field: &str,
        field: &str,
        depth: usize,
    ) -> Option<Condition<'a>> {
        if conditions.is_empty() {
            return self.mistake(field, "at least one condition is needed");
        }
        let text = word.map_or(Some("and"), Value::as_str).unwrap_or_default();
        let is_or = text.eq_ignore_ascii_case("or");
        if !is_or && !text.eq_ignore_ascii_case("and") {
            let shown = field::shown(word.unwrap_or(&NONE));
            self.mistakes.push((
                word_field.to_owned(),
                format!("{shown} does not join conditions; `and` or `or` does"),
            ));
        }
        let read: Vec<_> = conditions
            .iter()
            .enumerate()
            .filter_map(|(index, value)| self.condition(value, &format!("{field}[{index}]"), depth))
            .collect();
        Some(if is_or {
            Condition::Any(read)
        } else {
            Condition::All(read)
        })
    }

    fn comparison<'a>(&mut self, fields: &'a Fields, field: &str) -> Option<Condition<'a>> {
        let left = fields.get("left").or(fields.get("field"));
        let right = fields.get("right").or(fields.get("value"));
        let Some(word) = fields.get("operator") else {
            let message = format!("`operator` is missing; there are {}", Operator::names());
            return self.mistake(&format!("{field}.operator"), message);
        };
        let operator = match Operator::parse(word.as_str().unwrap_or_default()) {
            Ok(operator) => operator,
            Err(message) => return self.mistake(&format!("{field}.operator"), message),
        };
        if left.is_none() {
            self.mistakes.push((
                format!("{field}.left"),
                "`left` is missing: the value to look at".into(),
            ));
        }
        if right.is_none() && operator.takes_right() {
            self.mistakes.push((
                format!("{field}.right"),
                "`right` is missing: what to compare with".into(),
            ));
        }
        let right = right.unwrap_or(&NONE);
        if !field::has_template(right)
            && let Err(message) = operator.check_right(right)
        {
            self.mistakes.push((format!("{field}.right"), message));
        }
        Some(Condition::Compare {
            left: left.unwrap_or(&NONE),
            operator,
            right,
        })
    }

    fn mistake<T>(&mut self, field: &str, message: impl Into<String>) -> Option<T> {
        self.mistakes.push((field.to_owned(), message.into()));
        None
    }
}

#[cfg(test)]
mod tests;
