//! `parallel`: branches side by side, or the steps inside once for each item, several at once.
//! May not know how branches are run.
//!
//! - `branches`: arrays of step ids; or `steps`, each of which is a branch; or `forEachSource` with `steps`, and
//!   `forEachAs` (`item`) for what templates inside see;
//! - `strategy` `wait-all` (the default): all run to their end, and what failed is in `errors`; `fail-fast` (also
//!   `waitForAll: false`): the first failure ends the others and fails the step;
//! - `concurrency`: how many at once, 1 to 100; by default all branches, or 10 items; `timeoutMs` for all of it.

use super::field::{self, Fields};
use super::loop_step::items;
use super::{Behaviour, Round, StepType, outside};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use serde_json::Value;

const KNOWN: [&str; 9] = [
    "branches",
    "steps",
    "strategy",
    "waitForAll",
    "concurrency",
    "timeoutMs",
    "forEachSource",
    "forEachAs",
    "indexVariable",
];
const DAY_MS: f64 = 86_400_000.0;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "parallel",
        description: "Runs branches side by side, or steps once for each item, several at once.",
        kind: Kind::Parallel,
        raw: &[],
        lists: &[],
        check,
        untimed: field::timed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Iterate(round),
    names: outside::nothing,
};

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    // Both say how the plan is built, so they are no templates.
    let strategies = ["wait-all", "fail-fast"];
    if let Some(strategy) = field::present(config, "strategy")
        && !strategy
            .as_str()
            .is_some_and(|word| strategies.contains(&word))
    {
        let message = format!(
            "{} is neither wait-all nor fail-fast",
            field::shown(strategy)
        );
        problems.add("strategy", message);
    }
    if let Some(flag) = field::present(config, "waitForAll").filter(|flag| !flag.is_boolean()) {
        let message = format!("{} is neither true nor false", field::shown(flag));
        problems.add("waitForAll", message);
    }
    field::check_number(config, "timeoutMs", 1.0..=DAY_MS, problems);
    if let Some(source) = field::present(config, "forEachSource")
        && !source.is_array()
        && !field::has_template(source)
    {
        let message = format!(
            "{} is not a list; write a template such as `{{{{steps.fetch.data}}}}`, or an array",
            field::shown(source)
        );
        problems.add("forEachSource", message);
    }
}

fn round(config: &Value) -> Result<Round, StepError> {
    let config = field::fields(config)?;
    let timeout_ms = field::whole_number(config, "timeoutMs", 1.0..=DAY_MS)?;
    let items = match field::present(config, "forEachSource") {
        None => None,
        Some(_) => Some(items(config, "forEachSource")?.clone()),
    };
    Ok(Round {
        count: u32::try_from(items.as_ref().map_or(0, Vec::len)).unwrap_or(u32::MAX),
        items,
        timeout_ms: timeout_ms.and_then(|ms| i64::try_from(ms).ok()),
    })
}
