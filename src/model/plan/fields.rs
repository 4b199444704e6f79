//! The fields that every step has, whatever its type: retry, error handling, time limits; and near misses of their names.
//! May not know step types. Promise: a field that is surely a mistake is a problem, a field that another tool keeps in a
//! step (canvas positions, providers) is not.

use super::problem::{self, DefinitionProblem};
use super::retry::MAX_DELAY_MS;
use super::{OnUnknown, RetryPolicy};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The longest time limit, in milliseconds: 24 h.
pub(super) const MAX_TIMEOUT_MS: u64 = 86_400_000;
const MAX_ATTEMPTS: u64 = 100;

const STEP_FIELDS: [&str; 10] = [
    "id",
    "type",
    "name",
    "description",
    "action",
    "config",
    "retryConfig",
    "errorHandling",
    "timeoutMs",
    "onUnknown",
];
/// Names that other tools use for a field of ours: lower case, without `_` and `-`.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("onerror", "errorHandling"),
    ("fallback", "errorHandling.fallback"),
    ("retry", "retryConfig"),
    ("retries", "retryConfig"),
    ("maxattempts", "retryConfig.maxAttempts"),
    ("then", "config.then"),
    ("else", "config.else"),
];

/// What other tools call a strategy of `errorHandling`.
const STRATEGIES: [(&str, &str); 6] = [
    ("abort", "`fail`"),
    ("stop", "`fail`"),
    ("fallback", "`continue`"),
    ("ignore", "`continue`"),
    ("skip", "`continue`"),
    ("retry", "`retryConfig` of the step"),
];

/// One attempt, and what retries would look like.
pub(super) const ONE_ATTEMPT: RetryPolicy = RetryPolicy {
    max_attempts: 1,
    initial_delay_ms: 1_000,
    backoff_multiplier: 2.0,
    max_delay_ms: 60_000,
    jitter: true,
};

/// Reports fields of a step that are near misses of known ones.
pub(super) fn near_misses(
    step: &Map<String, Value>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) {
    let unknown = step
        .keys()
        .filter(|name| !STEP_FIELDS.contains(&name.as_str()) && name.len() <= 32);
    for name in unknown {
        let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
        let word = plain(name);
        let meant = OTHER_NAMES
            .iter()
            .find(|(other, _)| *other == word)
            .map(|(_, field)| *field)
            .or_else(|| {
                STEP_FIELDS.into_iter().find(|known| {
                    let allowed = match known.len() {
                        ..4 => 0,
                        4..8 => 1,
                        _ => 2,
                    };
                    strsim::damerau_levenshtein(&word, &plain(known)) <= allowed
                })
            });
        if let Some(meant) = meant {
            problem::add(
                found,
                format!("{place}.{name}"),
                format!("a step has no field `{name}`; did you mean `{meant}`?"),
            );
        }
    }
}

/// A whole number within `range`; `None` when it is absent or wrong.
pub(super) fn whole(
    object: &Map<String, Value>,
    name: &str,
    range: RangeInclusive<u64>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> Option<u64> {
    let value = object.get(name).filter(|value| !value.is_null())?;
    let number = value.as_u64().filter(|number| range.contains(number));
    let place = format!("{place}.{name}");
    // The step's own check may have said it already.
    if number.is_none() && !found.iter().any(|problem| problem.place == place) {
        problem::add(
            found,
            place,
            format!(
                "it is {}; it must be a whole number from {} to {}",
                problem::shown(value),
                range.start(),
                range.end()
            ),
        );
    }
    number
}

/// The object under `name`, if there is one; an empty place is the definition itself.
pub(super) fn object<'a>(
    parent: &'a Map<String, Value>,
    name: &str,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> Option<&'a Map<String, Value>> {
    match parent.get(name)? {
        Value::Object(fields) => Some(fields),
        Value::Null => None,
        other => {
            let place = if place.is_empty() {
                name.to_owned()
            } else {
                format!("{place}.{name}")
            };
            let message = format!("it is {}; it must be an object", problem::shown(other));
            problem::add(found, place, message);
            None
        }
    }
}

/// Reports every field of `object` that is not in `known`.
pub(super) fn only(
    object: &Map<String, Value>,
    known: &[&str],
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) {
    for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
        if problem::enough(found) {
            return;
        }
        let hint = problem::hint(name, known.iter().copied());
        problem::add(
            found,
            format!("{place}.{}", problem::short(name)),
            format!(
                "there is no such field{hint}; there are: {}",
                known.join(", ")
            ),
        );
    }
}

/// `retryConfig`, or the retry fields that `api.request` has in its configuration, or one attempt.
pub(super) fn retry(
    step: &Map<String, Value>,
    request: Option<&Map<String, Value>>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> RetryPolicy {
    match step.get("retryConfig") {
        None | Some(Value::Null) => request.map_or(ONE_ATTEMPT, |config| {
            retry_of_request(config, &format!("{place}.config"), found)
        }),
        Some(_) => object(step, "retryConfig", place, found).map_or(ONE_ATTEMPT, |config| {
            retry_config(config, &format!("{place}.retryConfig"), found)
        }),
    }
}

fn retry_config(
    config: &Map<String, Value>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> RetryPolicy {
    only(
        config,
        &[
            "maxAttempts",
            "initialDelayMs",
            "backoffMultiplier",
            "maxDelayMs",
            "jitter",
        ],
        place,
        found,
    );
    let multiplier = config
        .get("backoffMultiplier")
        .filter(|value| !value.is_null());
    let backoff_multiplier = multiplier.and_then(Value::as_f64);
    if let Some(value) = multiplier
        && !backoff_multiplier.is_some_and(|number| (1.0..=100.0).contains(&number))
    {
        problem::add(
            found,
            format!("{place}.backoffMultiplier"),
            format!(
                "it is {}; it must be a number from 1 to 100",
                problem::shown(value)
            ),
        );
    }
    let jitter = config.get("jitter").filter(|value| !value.is_null());
    if let Some(value) = jitter
        && !value.is_boolean()
    {
        problem::add(
            found,
            format!("{place}.jitter"),
            format!("it is {}; it must be true or false", problem::shown(value)),
        );
    }
    let attempts = whole(config, "maxAttempts", 1..=MAX_ATTEMPTS, place, found).unwrap_or(3);
    let initial = whole(config, "initialDelayMs", 0..=MAX_DELAY_MS, place, found);
    let longest = whole(config, "maxDelayMs", 0..=MAX_DELAY_MS, place, found);
    let initial_delay_ms = initial.unwrap_or(ONE_ATTEMPT.initial_delay_ms);
    RetryPolicy {
        max_attempts: u32::try_from(attempts).unwrap_or(1),
        initial_delay_ms,
        backoff_multiplier: backoff_multiplier.unwrap_or(ONE_ATTEMPT.backoff_multiplier),
        max_delay_ms: longest.unwrap_or(ONE_ATTEMPT.max_delay_ms.max(initial_delay_ms)),
        jitter: jitter
            .and_then(Value::as_bool)
            .unwrap_or(ONE_ATTEMPT.jitter),
    }
}

/// `retries`, `retryDelayMs` and `retryMaxDelayMs` of `api.request`.
fn retry_of_request(
    config: &Map<String, Value>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> RetryPolicy {
    let retries = whole(config, "retries", 0..=MAX_ATTEMPTS - 1, place, found).unwrap_or(0);
    let initial = whole(config, "retryDelayMs", 0..=MAX_DELAY_MS, place, found);
    let longest = whole(config, "retryMaxDelayMs", 0..=MAX_DELAY_MS, place, found);
    let initial_delay_ms = initial.unwrap_or(ONE_ATTEMPT.initial_delay_ms);
    RetryPolicy {
        max_attempts: u32::try_from(retries).map_or(1, |retries| retries.saturating_add(1)),
        initial_delay_ms,
        max_delay_ms: longest.unwrap_or(ONE_ATTEMPT.max_delay_ms.max(initial_delay_ms)),
        ..ONE_ATTEMPT
    }
}

/// `errorHandling`: the output of the failed step, when the run goes on.
pub(super) fn fallback(
    step: &Map<String, Value>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> Option<Arc<Value>> {
    let handling = object(step, "errorHandling", place, found)?;
    let place = format!("{place}.errorHandling");
    only(handling, &["strategy", "fallback"], &place, found);
    let fallback = handling.get("fallback");
    if let Some(pointer) = fallback.and_then(|value| template_in(value, 0)) {
        problem::add(
            found,
            problem::below(&format!("{place}.fallback"), &pointer),
            "a fallback is taken as it is and holds no templates; compute the value in a `transform` step after this one",
        );
    }
    match handling.get("strategy").and_then(Value::as_str) {
        Some("continue") => Some(Arc::new(fallback.cloned().unwrap_or_default())),
        Some("fail") => None,
        _ => {
            let strategy = handling.get("strategy").unwrap_or(&Value::Null);
            let meant = STRATEGIES.iter().find(|(other, _)| strategy == other);
            let hint = match meant {
                Some((_, meant)) => format!(" (did you mean {meant}?)"),
                None => {
                    let word = strategy.as_str().unwrap_or_default();
                    problem::hint(word, ["fail", "continue"].into_iter())
                }
            };
            problem::add(
                found,
                format!("{place}.strategy"),
                format!(
                    "it is {}{hint}; it must be `fail` or `continue`",
                    problem::shown(strategy)
                ),
            );
            None
        }
    }
}

/// Where the first string with a template is: a JSON pointer.
fn template_in(value: &Value, depth: usize) -> Option<String> {
    if depth > 128 {
        return None;
    }
    let inside = |name: String, value| Some(format!("/{name}{}", template_in(value, depth + 1)?));
    match value {
        Value::String(text) => text.contains("{{").then(String::new),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| inside(index.to_string(), item))
        }
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.find_map(|(name, field)| inside(name.clone(), field))
        }
        _ => None,
    }
}

/// `onUnknown`.
pub(super) fn on_unknown(
    step: &Map<String, Value>,
    place: &str,
    found: &mut Vec<DefinitionProblem>,
) -> OnUnknown {
    match step.get("onUnknown") {
        None | Some(Value::Null) => OnUnknown::Retry,
        Some(Value::String(word)) if word == "retry" => OnUnknown::Retry,
        Some(Value::String(word)) if word == "fail" => OnUnknown::Fail,
        Some(Value::String(word)) if word == "ask" => OnUnknown::Ask,
        Some(other) => {
            problem::add(
                found,
                format!("{place}.onUnknown"),
                format!(
                    "it is {}; it must be `retry`, `fail` or `ask`",
                    problem::shown(other)
                ),
            );
            OnUnknown::Retry
        }
    }
}
