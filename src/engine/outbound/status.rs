//! What an answer that is no success means: an error for people, and whether and when another attempt makes sense.
//! May not know what was called. Promise: no more than the beginning of a body is shown, in one line.

use super::OutboundResponse;
use crate::model::run::StepError;

/// How much of a body an error shows, in characters.
const SHOWN_BODY_CHARACTERS: usize = 200;
/// The longest time that `Retry-After` is believed, in milliseconds.
pub(in crate::engine) const MAX_RETRY_AFTER_MS: i64 = 24 * 3_600_000;

/// The error for an answer that is no success: code `HTTP_STATUS`, the status and the beginning of the body.
///
/// It offers another attempt for 408, 429 and 5xx where the call `is_repeatable`; else only where the other side surely did
/// nothing: 429, or 408 or 503 with a `Retry-After`.
pub fn status_error(
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
    let reason = reason(status);
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
pub(in crate::engine) fn shown_body(body: &[u8]) -> String {
    // No character has more than four bytes; what is cut in the middle of one becomes a replacement mark.
    let start = body.get(..SHOWN_BODY_CHARACTERS * 4).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain: String = line.chars().filter(|letter| !letter.is_control()).collect();
    match plain.char_indices().nth(SHOWN_BODY_CHARACTERS) {
        Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
        None => plain,
    }
}

/// `Retry-After` as a time from now: seconds, or an HTTP date.
pub(in crate::engine) fn retry_after_ms(value: &str, now_ms: i64) -> Option<i64> {
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

/// The words behind a status, with a space before them.
pub(in crate::engine) fn reason(status: u16) -> &'static str {
    match status {
        200 => " OK",
        201 => " Created",
        202 => " Accepted",
        204 => " No Content",
        301 | 302 | 303 | 307 | 308 => " (a redirect without a target)",
        400 => " Bad Request",
        401 => " Unauthorized",
        403 => " Forbidden",
        404 => " Not Found",
        405 => " Method Not Allowed",
        408 => " Request Timeout",
        409 => " Conflict",
        410 => " Gone",
        413 => " Content Too Large",
        415 => " Unsupported Media Type",
        422 => " Unprocessable Content",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    }
}
