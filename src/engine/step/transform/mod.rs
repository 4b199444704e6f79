//! `transform`: makes one value out of another: by mapping rules, or by JavaScript.
//! May not know where values come from (templates are rendered before). Promise: without code the result depends on the
//! configuration alone, is there at once, and its size is bounded.
//!
//! With `script` the output is what the JavaScript returns, and its console stands in the step's log; with `code` the output
//! is `{result, logs}`; both see `input`, and nothing
//! else of the configuration is used.
//!
//! Else the value is `sourceData`, in this order:
//! 1. `normalizations` change fields of it in place (`{"field": "email", "transform": ["trim", "lowercase"]}`);
//! 2. `mappingRules`, where there are any, make a new object of it: each reads `source`, converts what it found and writes it
//!    to `target`. A value that is not there, or that cannot be converted, becomes the rule's `default`; without one the
//!    step fails when `strict` is set, else the target is left out. A null that is there and may be handed on as it is
//!    stays null, unless there is a `default`;
//! 3. `targetSchema`, a JSON Schema, and `validationRules` are what the output has to fit; else the step fails and names
//!    every misfit.
//!
//! `customTransform`, which says in plain language what to do, is refused: nobody here would understand it.

mod convert;
mod mapping;
mod validation;

use super::code;
use super::field::{self, Fields};
use super::{Behaviour, Effects, Given, StepType, outside};
use crate::engine::schema::Schema;
use crate::engine::script::Evaluation;
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};

/// How many rules of one kind a step may have.
const MAX_RULES: usize = 500;
const KNOWN: [&str; 7] = [
    "action",
    "mappingRules",
    "normalizations",
    "sourceData",
    "strict",
    "targetSchema",
    "validationRules",
];
const KNOWN_WITH_CODE: [&str; 6] = ["action", "code", "input", "sandbox", "script", "timeout"];
const ACTIONS: [&str; 5] = ["transform", "map", "normalize", "validate", "enrich"];
/// The fields that hold JavaScript.
const CODE: [&str; 2] = ["script", "code"];

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "transform",
        description: "Makes a new value out of others, by mapping rules or JavaScript.",
        kind: Kind::Pure,
        raw: &CODE,
        lists: &[],
        check,
        untimed,
    },
    known: &[&KNOWN, &KNOWN_WITH_CODE],
    behaviour: Behaviour::Compute(start),
    names: outside::nothing,
};

/// With JavaScript it takes its time.
fn untimed(config: &Fields) -> Option<&'static str> {
    let has_code = CODE
        .iter()
        .any(|name| field::present(config, name).is_some());
    if has_code {
        None
    } else {
        field::done_at_once(config)
    }
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    let mut code_fields = CODE
        .iter()
        .filter(|name| field::present(config, name).is_some());
    if let Some(name) = code_fields.next() {
        field::check_names(config, &KNOWN_WITH_CODE, problems);
        code::check_code(config, name, problems);
        code::check_limits(config, problems);
        if let Some(other) = code_fields.next() {
            let message = format!("there is `{name}` already; a step has one or the other");
            problems.add(other, message);
        }
        for name in ["sourceData", "mappingRules"] {
            if field::present(config, name).is_some() {
                let message =
                    "it is not used where there is JavaScript; hand values over in `input`";
                problems.add(name, message);
            }
        }
        return;
    }
    field::check_names(config, &KNOWN, problems);
    field::check_word(config, "action", &ACTIONS, problems);
    field::check_flag(config, "strict", problems);
    if field::present(config, "sourceData").is_none() {
        problems.add(
            "sourceData",
            "`sourceData` is missing: the value to transform; or there is `script`, JavaScript that returns one",
        );
    }
    if let Some(schema) = field::present(config, "targetSchema")
        && let Err(message) = validator(schema)
    {
        problems.add("targetSchema", message);
    }
    check_rules(
        config,
        "normalizations",
        mapping::check_normalization,
        problems,
    );
    check_rules(config, "mappingRules", mapping::check_rule, problems);
    check_rules(config, "validationRules", validation::check_rule, problems);
}

/// Checks every rule of the list `name`.
fn check_rules(
    config: &Fields,
    name: &str,
    check: fn(&Fields, &mut Problems<'_>),
    problems: &mut Problems<'_>,
) {
    let rules = match rules(config, name) {
        Ok(rules) => rules,
        Err(message) => return problems.add(name, message),
    };
    for (index, rule) in rules.iter().enumerate() {
        let place = format!("{name}[{index}]");
        match rule.as_object() {
            Some(fields) => check(
                fields,
                &mut Problems {
                    place: format!("{}.{place}", problems.place),
                    is_new: problems.is_new,
                    found: problems.found,
                },
            ),
            None => {
                let shown = field::shown(rule);
                problems.add(&place, format!("{shown} is not a rule, which is an object"));
            }
        }
    }
}

/// The rules of one kind as they are written; none when the field is absent.
fn rules<'a>(config: &'a Fields, name: &str) -> Result<&'a [Value], String> {
    match field::present(config, name) {
        None => Ok(&[]),
        Some(Value::Array(rules)) if rules.len() > MAX_RULES => {
            Err(format!("{} rules are more than {MAX_RULES}", rules.len()))
        }
        Some(Value::Array(rules)) => Ok(rules),
        Some(other) => Err(format!("{} is not an array of rules", field::shown(other))),
    }
}

/// Without code it is done at once: the future is ready when it is made.
fn start(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    let is_set = |name: &&str| {
        let fields = config.as_object();
        fields.is_some_and(|fields| field::present(fields, name).is_some())
    };
    match CODE.into_iter().find(is_set) {
        Some("script") => async move {
            let Evaluation { value, logs } = code::evaluate(effects, config, "script").await?;
            Ok(Given {
                way: None,
                output: value,
                logs: (!logs.is_empty()).then(|| json!(logs)),
            })
        }
        .boxed(),
        Some(name) => async move {
            let Evaluation { value, logs } = code::evaluate(effects, config, name).await?;
            Ok(json!({ "result": value, "logs": logs }).into())
        }
        .boxed(),
        None => ready(run(&config).map(Given::from)).boxed(),
    }
}

fn run(config: &Value) -> Result<Value, StepError> {
    let config = field::fields(config)?;
    let listed = |name| rules(config, name).map_err(field::config_error);
    let source = field::present(config, "sourceData").unwrap_or(&Value::Null);
    let is_strict = field::flag(config, "strict", false)?;
    let output = mapping::transform(
        source,
        listed("normalizations")?,
        listed("mappingRules")?,
        is_strict,
    )?;
    if let Some(schema) = field::present(config, "targetSchema") {
        let validator = validator(schema).map_err(field::config_error)?;
        if let Err(misfits) = validator.check(&output) {
            let misfit = misfits.into_iter().next();
            let (place, message) =
                misfit.map_or_else(Default::default, |misfit| (misfit.pointer, misfit.message));
            let message = field::cut(&message, 200);
            return Err(failed(format!(
                "the output does not fit `targetSchema` at `{place}`: {message}"
            )));
        }
    }
    validation::validate(&output, listed("validationRules")?)?;
    Ok(output)
}

fn validator(schema: &Value) -> Result<Schema, String> {
    if !schema.is_object() {
        return Err(format!("{} is not a JSON Schema", field::shown(schema)));
    }
    Schema::compile(schema)
        .map_err(|error| format!("not a JSON Schema: {}", field::cut(&error, 200)))
}

fn failed(message: String) -> StepError {
    StepError::fatal("TRANSFORM", message)
}

#[cfg(test)]
mod tests;
