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
use super::{Behaviour, Effects, StepType};
use crate::engine::outbound::{self, OutboundResponse};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use answer::Format;
use futures_util::future::BoxFuture;
use serde_json::Value;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
const KNOWN: [&str; 14] = [
    "body",
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
/// How much of a body an error shows, in characters.
const SHOWN_BODY_CHARACTERS: usize = 200;
/// The longest time that `Retry-After` is believed, in milliseconds.
const MAX_RETRY_AFTER_MS: i64 = 24 * 3_600_000;
const DAY_MS: f64 = 86_400_000.0;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "api.request",
        description: "Calls an HTTP API and hands on its answer.",
        kind: Kind::Effect,
        raw: &[],
        check,
    },
    behaviour: Behaviour::Effect(run),
};

fn check(config: &Fields, problems: &mut Problems<'_>) {
    for name in ["connection", "connectionId"] {
        if field::present(config, name).is_some_and(|value| value.as_str() != Some("")) {
            problems.add(
                name,
                "connections are not available in this version; send the credential in `headers`",
            );
        }
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
    let request = request::read(config, effects)?;
    let format = Format::read(config)?;
    let is_repeatable = !matches!(request.method.as_str(), "POST" | "PATCH")
        || field::flag(config, "retryNonIdempotent", false)?;
    let fails_on_error = field::flag(config, "failOnError", true)?;
    let what = format!("{} {}", request.method, outbound::url::shown(&request.url));
    let response = effects
        .outbound
        .send(request)
        .await
        .map_err(|error| StepError {
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

/// The error for an answer that is no success.
fn status_error(
    what: &str,
    response: &OutboundResponse,
    is_repeatable: bool,
    now_ms: i64,
) -> StepError {
    let status = response.status;
    let retry_after_ms = response
        .header("retry-after")
        .and_then(|value| retry_after_ms(value, now_ms));
    let may_be_gone = matches!(status, 408 | 429 | 500..=599);
    let surely_did_nothing =
        status == 429 || (matches!(status, 408 | 503) && retry_after_ms.is_some());
    let reason = answer::reason(status);
    let body = shown_body(&response.body);
    let colon = if body.is_empty() { "" } else { ": " };
    StepError {
        code: "HTTP_STATUS".into(),
        message: format!("{what} answered {status}{reason}{colon}{body}"),
        retryable: may_be_gone && (is_repeatable || surely_did_nothing),
        retry_after_ms,
    }
}

/// The beginning of a body, in one line.
fn shown_body(body: &[u8]) -> String {
    // No character has more than four bytes; what is cut in the middle of one becomes a replacement mark.
    let start = body.get(..SHOWN_BODY_CHARACTERS * 4).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = line.chars().filter(|letter| !letter.is_control()).collect();
    field::cut(&plain, SHOWN_BODY_CHARACTERS)
}

/// `Retry-After` as a time from now: seconds, or an HTTP date.
fn retry_after_ms(value: &str, now_ms: i64) -> Option<i64> {
    let value = value.trim();
    let wait_ms = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value
            .parse::<i64>()
            .map_or(MAX_RETRY_AFTER_MS, |seconds| seconds.saturating_mul(1_000))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis())
            .ok()?
            .saturating_sub(now_ms)
    };
    Some(wait_ms.clamp(0, MAX_RETRY_AFTER_MS))
}

#[cfg(test)]
mod tests;
