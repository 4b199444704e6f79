//! `subworkflow`: starts a run of another workflow, and waits for its end unless told not to.
//! May not know how runs are started.
//!
//! `workflowId`; `inputMapping` (or `input`): the run's input; `waitForCompletion` (true); `timeoutMinutes` or
//! `maxDurationSeconds`: how long it may take, after which it is cancelled and the step fails; `idempotencyKey`: the same
//! key within 24 hours is the same run. `queueName` and `machine` of other servers are kept, not acted upon;
//! `queueConcurrencyLimit` is refused: the other workflow's own `settings.maxConcurrentRuns` limits its runs. A step that
//! does not wait takes no limit of time either.

use super::field::{self, Fields};
use super::outside::{self, Named, Thing};
use super::{Behaviour, ChildRequest, StepType};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use serde_json::Value;

const KNOWN: [&str; 10] = [
    "workflowId",
    "inputMapping",
    "input",
    "waitForCompletion",
    "timeoutMinutes",
    "maxDurationSeconds",
    "idempotencyKey",
    "queueName",
    "queueConcurrencyLimit",
    "machine",
];
/// How long the run may take: the fields that say it.
const LIMITS: [&str; 2] = ["timeoutMinutes", "maxDurationSeconds"];
const YEAR_MINUTES: f64 = 525_600.0;
const YEAR_SECONDS: f64 = YEAR_MINUTES * 60.0;
const MAX_KEY_CHARS: usize = 255;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "subworkflow",
        description: "Starts a run of another workflow and waits for its end.",
        kind: Kind::Child,
        raw: &[],
        lists: &[],
        check,
        untimed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Child(request),
    names,
};

/// Who does not wait for the run does not see how long it takes.
fn untimed(config: &Fields) -> Option<&'static str> {
    let waits = field::present(config, "waitForCompletion");
    let waits = waits.is_none_or(field::has_template)
        || field::flag(config, "waitForCompletion", true) != Ok(false);
    (!waits).then_some(
        "the step does not wait for the run (`waitForCompletion`): set `settings.timeoutMs` of the other workflow",
    )
}

fn names(config: &Fields) -> Vec<Named> {
    outside::named(config, &["workflowId"], Thing::Workflow)
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    field::check_flag(config, "waitForCompletion", problems);
    field::check_number(config, "timeoutMinutes", 0.001..=YEAR_MINUTES, problems);
    field::check_number(config, "maxDurationSeconds", 0.001..=YEAR_SECONDS, problems);
    if field::present(config, "queueConcurrencyLimit").is_some() {
        problems.add(
            "queueConcurrencyLimit",
            "a step does not limit the runs of another workflow: set `settings.maxConcurrentRuns` of that workflow",
        );
    }
    if let Some(reason) = untimed(config) {
        for name in LIMITS {
            if field::present(config, name).is_some() {
                problems.add(name, reason);
            }
        }
    }
    let needed = "it is missing: the id of the workflow to run";
    match field::present(config, "workflowId") {
        None => problems.add("workflowId", needed),
        Some(id) if field::has_template(id) => {}
        Some(id) => {
            if let Err(message) = workflow_id(id) {
                problems.add("workflowId", message);
            }
        }
    }
    for name in ["inputMapping", "input"] {
        if let Some(input) = field::present(config, name)
            && !input.is_object()
            && !field::has_template(input)
        {
            problems.add(name, format!("{} is not an object", field::shown(input)));
        }
    }
}

fn workflow_id(value: &Value) -> Result<crate::id::WorkflowId, String> {
    let text = value.as_str().unwrap_or_default();
    text.parse()
        .map_err(|_| format!("{} is not the id of a workflow", field::shown(value)))
}

fn request(config: &Value) -> Result<ChildRequest, StepError> {
    let config = field::fields(config)?;
    let id = config.get("workflowId").unwrap_or(&Value::Null);
    let workflow_id =
        workflow_id(id).map_err(|error| field::config_error(format!("`workflowId`: {error}")))?;
    let input = field::present(config, "inputMapping").or(field::present(config, "input"));
    let input = match input {
        None => Value::Object(Fields::new()),
        Some(input @ Value::Object(_)) => input.clone(),
        Some(other) => {
            let message = format!("`inputMapping`: {} is not an object", field::shown(other));
            return Err(field::config_error(message));
        }
    };
    let minutes = field::number(config, "timeoutMinutes", 0.001..=YEAR_MINUTES)?;
    let seconds = field::number(config, "maxDurationSeconds", 0.001..=YEAR_SECONDS)?;
    let limits = [
        minutes.map(|minutes| minutes * 60_000.0),
        seconds.map(|seconds| seconds * 1_000.0),
    ];
    // In range, so the conversion neither saturates nor loses more than the fraction.
    let timeout_ms = limits.into_iter().flatten().map(|ms| ms as i64).min();
    let idempotency_key =
        match field::present(config, "idempotencyKey").and_then(field::scalar_text) {
            Some(key) if key.chars().count() > MAX_KEY_CHARS => {
                let message = format!("`idempotencyKey` is longer than {MAX_KEY_CHARS} characters");
                return Err(field::config_error(message));
            }
            key => key.filter(|key| !key.is_empty()),
        };
    Ok(ChildRequest {
        workflow_id,
        input,
        waits: field::flag(config, "waitForCompletion", true)?,
        timeout_ms,
        idempotency_key,
        ports: None,
        flow: None,
    })
}
