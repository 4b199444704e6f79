//! `approval`: the run waits until somebody says yes or no.
//! May not know how an answer comes in, nor who may give it. Promise: what is asked is kept as it was when it was asked.
//!
//! `approvers` (a list, or a text with commas), `reason`, `context`, labels and `inputType` are shown to whom it may concern;
//! `timeoutMs` or `timeout` (`30m`, `24h`, `3d`; 24 h by default), after which `timeoutAction` `fail` (the default) fails
//! the step, `approve` and `reject` answer it. `notifyChannels` and `escalateTo` are kept and shown, not acted upon;
//! `requireAll` is refused, since one answer decides. The output has `approved`, `approvedBy`, `approvedAt` and `comment`; a no is an output too, for a `condition` to
//! decide upon.

use super::field::{self, Fields};
use super::{Behaviour, Question, StepType, outside};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use serde_json::{Value, json};

const KNOWN: [&str; 14] = [
    "approvers",
    "reason",
    "timeoutMs",
    "timeout",
    "timeoutAction",
    "notifyChannels",
    "inputType",
    "inputLabel",
    "inputPlaceholder",
    "approveLabel",
    "rejectLabel",
    "context",
    "escalateTo",
    "requireAll",
];
const ACTIONS: [&str; 3] = ["fail", "approve", "reject"];
const DAY_MS: f64 = 86_400_000.0;
const MAX_MS: f64 = 366.0 * DAY_MS;
const UNITS: [(char, f64); 4] = [
    ('s', 1_000.0),
    ('m', 60_000.0),
    ('h', 3_600_000.0),
    ('d', DAY_MS),
];

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "approval",
        description: "Waits until somebody approves or rejects; the question survives restarts.",
        kind: Kind::Ask,
        raw: &[],
        lists: &[],
        check,
        untimed: field::timed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Ask(question),
    names: outside::nothing,
};

/// What a question that nobody answered in time comes to; `None`: the step fails.
pub(in crate::engine) fn on_timeout(request: &Value) -> Option<bool> {
    match request.get("timeoutAction").and_then(Value::as_str) {
        Some("approve") => Some(true),
        Some("reject") => Some(false),
        _ => None,
    }
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    field::check_word(config, "timeoutAction", &ACTIONS, problems);
    field::check_word(config, "inputType", &["buttons", "text", "both"], problems);
    field::check_number(config, "timeoutMs", 1.0..=MAX_MS, problems);
    if let Some(timeout) =
        field::present(config, "timeout").filter(|value| !field::has_template(value))
        && let Err(message) = span_ms(timeout)
    {
        problems.add("timeout", message);
    }
    if field::present(config, "requireAll").is_some_and(|all| *all != Value::Bool(false)) {
        problems.add(
            "requireAll",
            "one answer decides here: leave it out, and write one `approval` step for each person who has to agree",
        );
    }
    if let Some(approvers) = field::present(config, "approvers")
        && !approvers.is_string()
        && !approvers.is_array()
    {
        let message = format!(
            "{} is neither a list of people nor a text with commas",
            field::shown(approvers)
        );
        problems.add("approvers", message);
    }
}

fn question(config: &Value) -> Result<Question, StepError> {
    let config = field::fields(config)?;
    let timeout_ms = match field::number(config, "timeoutMs", 1.0..=MAX_MS)? {
        Some(ms) => ms,
        None => match field::present(config, "timeout") {
            None => DAY_MS,
            Some(timeout) => span_ms(timeout)
                .map_err(|message| field::config_error(format!("`timeout`: {message}")))?,
        },
    };
    let approvers: Vec<Value> = match field::present(config, "approvers") {
        Some(Value::String(names)) => names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(Value::from)
            .collect(),
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    let action = field::present(config, "timeoutAction").and_then(Value::as_str);
    let mut request = json!({
        "approvers": approvers,
        "timeoutAction": action.unwrap_or("fail").to_ascii_lowercase(),
    });
    if let Some(fields) = request.as_object_mut() {
        let shown = KNOWN
            .iter()
            .filter(|name| !["approvers", "timeoutAction", "timeoutMs", "timeout"].contains(name));
        for name in shown {
            if let Some(value) = field::present(config, name) {
                fields.insert((*name).to_owned(), value.clone());
            }
        }
    }
    Ok(Question {
        request,
        // In range, so the conversion loses no more than the fraction.
        timeout_ms: Some(timeout_ms as i64),
    })
}

/// `30m`, `24h`, `3d`: a number and a unit.
fn span_ms(value: &Value) -> Result<f64, String> {
    let text = value.as_str().unwrap_or_default().trim();
    let unit = UNITS.iter().find_map(|(letter, unit_ms)| {
        let number = text.strip_suffix(*letter)?.trim();
        Some((number.parse::<f64>().ok()?, unit_ms))
    });
    match unit {
        Some((number, unit_ms)) if (1.0..=MAX_MS).contains(&(number * unit_ms)) => {
            Ok(number * unit_ms)
        }
        _ => Err(format!(
            "{} is not a span of time up to 366 days; write `30m`, `24h` or `3d`",
            field::shown(value)
        )),
    }
}
