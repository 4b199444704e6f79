//! `loop`: the steps inside it run once for each item, a number of times, or as long as a condition holds, one after another.
//! May not know how iterations are run. Promise: a loop never has more iterations than it may; a collection that is too long
//! is an error, not cut.
//!
//! - `loopType` `forEach` (the default with `collection`), `for` (with `iterations`), `while` (with `whileCondition`);
//! - `steps` names the steps inside; `itemVariable` (`item`) and `indexVariable` (`index`) name what templates inside see;
//! - `breakCondition` is asked after each iteration and `whileCondition` before each, as expressions, templates or
//!   conditions of a `condition` step; both see the steps of the iteration before;
//! - `batchSize` above 1 hands over slices of the collection: the item is then an array;
//! - `maxIterations` (100) is the most there may be: more items are an error, a `while` loop ends there and says so
//!   (`limitReached`).

use super::field::{self, Fields};
use super::{Behaviour, Round, StepType, outside};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use serde_json::Value;

const KNOWN: [&str; 10] = [
    "steps",
    "loopType",
    "collection",
    "iterations",
    "itemVariable",
    "indexVariable",
    "whileCondition",
    "breakCondition",
    "maxIterations",
    "batchSize",
];
const TYPES: [&str; 3] = ["forEach", "for", "while"];
const DEFAULT_MAX_ITERATIONS: u64 = 100;
/// No loop is longer, whatever it says; the server's own limit may be lower.
const MAX_ITERATIONS: f64 = 1_000_000.0;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "loop",
        description: "Runs steps once for each item, a number of times, or while a condition holds.",
        kind: Kind::Loop,
        raw: &["whileCondition", "breakCondition"],
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
    field::check_word(config, "loopType", &TYPES, problems);
    for name in ["iterations", "maxIterations"] {
        field::check_number(config, name, 0.0..=MAX_ITERATIONS, problems);
    }
    field::check_number(config, "batchSize", 1.0..=MAX_ITERATIONS, problems);
    if let Some(collection) = field::present(config, "collection")
        && !collection.is_array()
        && !field::has_template(collection)
    {
        let message = format!(
            "{} is not a list; write a template such as `{{{{steps.fetch.data}}}}`, or an array",
            field::shown(collection)
        );
        problems.add("collection", message);
    }
    let loop_type = loop_type(config);
    if loop_type == "for" {
        check_count(config, problems);
    }
    let missing = match loop_type {
        "forEach" if field::present(config, "collection").is_none() => "collection",
        "for" if field::present(config, "iterations").is_none() => "iterations",
        "while" if field::present(config, "whileCondition").is_none() => "whileCondition",
        _ => return,
    };
    let message = format!("it is missing: a loop of type `{loop_type}` needs `{missing}`");
    problems.add(missing, message);
}

/// Where both numbers are written out, a loop that could never begin is found before it is tried.
fn check_count(config: &Fields, problems: &mut Problems<'_>) {
    // A template is no number yet.
    let whole = |name| field::whole_number(config, name, 0.0..=MAX_ITERATIONS).ok();
    if let (Some(Some(count)), Some(max)) = (whole("iterations"), whole("maxIterations")) {
        let max = max.unwrap_or(DEFAULT_MAX_ITERATIONS);
        if let Err(error) = within(count, max, "`iterations`") {
            problems.add("iterations", error.message);
        }
    }
}

/// What the loop says, or what its other fields mean.
fn loop_type(config: &Fields) -> &'static str {
    let said = field::present(config, "loopType").and_then(Value::as_str);
    let said = TYPES
        .into_iter()
        .find(|known| said.is_some_and(|said| said.eq_ignore_ascii_case(known)));
    let has = |name| field::present(config, name).is_some();
    match said {
        Some(known) => known,
        None if has("collection") => "forEach",
        None if has("iterations") => "for",
        None if has("whileCondition") => "while",
        None => "forEach",
    }
}

fn round(config: &Value) -> Result<Round, StepError> {
    let config = field::fields(config)?;
    let whole = |name| field::whole_number(config, name, 0.0..=MAX_ITERATIONS);
    let max = whole("maxIterations")?;
    let count = match loop_type(config) {
        "forEach" => return for_each(config, max.unwrap_or(DEFAULT_MAX_ITERATIONS)),
        "for" => {
            let count = whole("iterations")?.unwrap_or(0);
            within(count, max.unwrap_or(DEFAULT_MAX_ITERATIONS), "`iterations`")?
        }
        _ => max.unwrap_or(DEFAULT_MAX_ITERATIONS),
    };
    Ok(Round {
        items: None,
        count: u32::try_from(count).unwrap_or(u32::MAX),
        timeout_ms: None,
    })
}

fn for_each(config: &Fields, max: u64) -> Result<Round, StepError> {
    let items = items(config, "collection")?;
    let batch = field::whole_number(config, "batchSize", 1.0..=MAX_ITERATIONS)?.unwrap_or(1);
    let items: Vec<Value> = if batch > 1 {
        let batch = usize::try_from(batch).unwrap_or(usize::MAX);
        items
            .chunks(batch)
            .map(|slice| Value::from(slice.to_vec()))
            .collect()
    } else {
        items.clone()
    };
    let count = within(items.len() as u64, max, "the collection")?;
    Ok(Round {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        items: Some(items),
        timeout_ms: None,
    })
}

/// The list in a rendered field. Nothing is an empty list; what is no list is an error.
pub(super) fn items<'a>(config: &'a Fields, name: &str) -> Result<&'a Vec<Value>, StepError> {
    static NONE: Vec<Value> = Vec::new();
    match field::present(config, name) {
        None => Ok(&NONE),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(StepError::fatal(
            "NOT_A_LIST",
            format!("`{name}`: {} is not a list", field::shown(other)),
        )),
    }
}

fn within(count: u64, max: u64, what: &str) -> Result<u64, StepError> {
    if count <= max {
        return Ok(count);
    }
    Err(StepError::fatal(
        "LOOP_TOO_LONG",
        format!(
            "{what} asks for {count} iterations; `maxIterations` is {max}: raise it if so many are meant"
        ),
    ))
}
