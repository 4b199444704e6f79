//! `api.request`: calls an HTTP API.
//! May not know sockets, addresses or redirects (`outbound` does), nor when an attempt is repeated. Promise: what an error
//! says shows no header, no query and no more than the beginning of a body.
//!
//! Whether trying again is offered (`StepError::retryable`):
//! - GET, HEAD, PUT, DELETE: when no answer came (in time), and for 408, 429 and 5xx.
//! - POST, PATCH with `retryNonIdempotent: true`: the same.
//! - POST, PATCH without it: only where the other side surely did nothing: no connection was made, it answered 429, or
//!   it answered 408 or 503 and named a time with `Retry-After`. The `Idempotency-Key` that every call carries protects
//!   only against servers that look at it, and most do not.

mod answer;
mod request;

use super::field::{self, Fields};
use super::{Behaviour, Effects, StepType, outside};
use crate::engine::outbound::{self, status::status_error};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use answer::Format;
use futures_util::future::BoxFuture;
use serde_json::Value;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
const KNOWN: [&str; 16] = [
    "body",
    "connection",
    "connectionId",
    "csvDelimiter",
    "failOnError",
    "headers",
    "maxResponseBytes",
    "method",
    "params",
    "responseFormat",
    "retries",
    "retryDelayMs",
    "retryMaxDelayMs",
    "retryNonIdempotent",
    "timeout",
    "url",
];
const DAY_MS: f64 = 86_400_000.0;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "api.request",
        description: "Calls an HTTP API and hands on its answer.",
        kind: Kind::Effect,
        raw: &[],
        lists: &[],
        check,
        untimed: field::timed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Effect(run),
    names: outside::connection,
};

fn check(config: &Fields, problems: &mut Problems<'_>) {
    if let Err((name, message)) = request::connection(config) {
        problems.add(name, message);
    }
    field::check_names(config, &KNOWN, problems);
    match field::present(config, "url") {
        None => problems.add("url", "`url` is missing: an absolute http or https URL"),
        Some(url) if field::has_template(url) => {}
        Some(Value::String(url)) => {
            if let Err(message) = outbound::url::check_text(url.trim()) {
                problems.add("url", message);
            }
        }
        Some(other) => problems.add("url", format!("{} is not a URL", field::shown(other))),
    }
    field::check_word(config, "method", &METHODS, problems);
    field::check_word(config, "responseFormat", &Format::NAMES, problems);
    field::check_number(config, "timeout", 1.0..=DAY_MS, problems);
    field::check_number(config, "maxResponseBytes", 1.0..=1e12, problems);
    field::check_number(config, "retries", 0.0..=99.0, problems);
    field::check_number(config, "retryDelayMs", 0.0..=DAY_MS, problems);
    field::check_number(config, "retryMaxDelayMs", 0.0..=DAY_MS, problems);
    field::check_flag(config, "failOnError", problems);
    field::check_flag(config, "retryNonIdempotent", problems);
    for name in ["headers", "params"] {
        if let Err((place, message)) = request::pairs(config, name) {
            problems.add(&place, message);
        }
    }
    if let Some(value) = field::present(config, "csvDelimiter").filter(|v| !field::has_template(v))
        && let Err(message) = answer::delimiter(Some(value))
    {
        problems.add("csvDelimiter", message);
    }
}

fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(call(effects, config))
}

async fn call(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let config = field::fields(&config)?;
    let mut request = request::read(config, effects)?;
    let connection = request::connection(config)
        .map_err(|(name, message)| field::config_error(format!("`{name}`: {message}")))?;
    if let Some(reference) = connection {
        effects
            .connections
            .open(reference)?
            .authorize(&mut request)?;
    }
    let format = Format::read(config)?;
    let is_repeatable = !matches!(request.method.as_str(), "POST" | "PATCH")
        || field::flag(config, "retryNonIdempotent", false)?;
    let fails_on_error = field::flag(config, "failOnError", true)?;
    let what = format!("{} {}", request.method, outbound::url::shown(&request.url));
    let response = effects.send(request).await.map_err(|error| StepError {
        retryable: error.retryable && (is_repeatable || error.code == outbound::CONNECTION),
        ..error
    })?;
    if fails_on_error && !(200..300).contains(&response.status) {
        return Err(status_error(
            &what,
            &response,
            is_repeatable,
            effects.now_ms,
        ));
    }
    answer::output(&what, response, &format)
}

#[cfg(test)]
mod tests;
