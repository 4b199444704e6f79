//! Problems in the words of the native door. Codes are the contract's where it has one, and plain HTTP names elsewhere.

use super::json;
use crate::auth::Refusal;
use crate::http::door::Door;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::model::limit::LimitState;
use crate::model::plan::DefinitionProblem;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Cow;
use warp::http::StatusCode;
use warp::reply::Response;

/// The answer to a request that was refused or failed.
pub(in crate::http) fn render(problem: &Problem, visit: &Visit) -> Response {
    if let Problem::Unauthorized(refusal) = problem
        && let Some(body) = prebuilt(*refusal)
    {
        return json(
            StatusCode::UNAUTHORIZED,
            Bytes::from_static(body.as_bytes()),
        );
    }
    let (status, code) = status_and_code(problem);
    let message = message(problem, visit);
    let mut error = ErrorView {
        code,
        message,
        required: None,
        details: None,
        request_id: None,
    };
    match problem {
        Problem::Forbidden(required) => {
            error.required = Some(required.iter().map(|word| native_word(word)).collect());
        }
        Problem::Invalid(_, details) if !details.is_empty() => {
            error.details = Some(Cow::Borrowed(details));
        }
        Problem::InvalidField { field, message } => {
            error.details = Some(Cow::Owned(vec![DefinitionProblem {
                place: field.clone(),
                message: message.clone(),
            }]));
        }
        Problem::InvalidGraph(lint) => {
            let violations = lint.violations.iter().cloned();
            error.details = Some(violations.map(Into::into).collect());
        }
        Problem::Internal => error.request_id = Some(crate::http::finish::request_id(visit)),
        _ => {}
    }
    // What is built of texts alone always becomes JSON.
    let body = serde_json::to_vec(&ErrorEnvelope {
        success: false,
        error,
    })
    .unwrap_or_default();
    json(status, body.into())
}

/// Why a request was refused or failed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Refusal")]
pub(in crate::http) struct ErrorEnvelope<'a> {
    /// Always `false`.
    success: bool,
    /// What is wrong, and what helps to mend it.
    error: ErrorView<'a>,
}

/// What is told of a problem: always a code and a sentence, and what helps to mend it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RefusalError")]
struct ErrorView<'a> {
    /// One word for programs.
    code: &'static str,
    /// One sentence for people.
    message: String,
    /// Of a 403: the scopes that the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Vec<&'a str>>,
    /// Of a 400: every mistake with its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Cow<'a, [DefinitionProblem]>>,
    /// Of a 500: what the server's log names the request by.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// A flood of bad keys is the cheapest request there is: these bodies are ready.
fn prebuilt(refusal: Refusal) -> Option<&'static str> {
    macro_rules! body {
        ($reason:literal) => {
            concat!(
                r#"{"success":false,"error":{"code":"UNAUTHORIZED","message":"Invalid or missing API key","reason":""#,
                $reason,
                r#""}}"#
            )
        };
    }
    Some(match refusal {
        Refusal::Missing => body!("missing"),
        Refusal::Malformed => body!("malformed"),
        Refusal::Unknown => body!("unknown"),
        Refusal::Expired => body!("expired"),
        Refusal::Revoked => body!("revoked"),
        Refusal::Disabled => body!("disabled"),
        Refusal::Throttled { .. } => return None,
    })
}

/// The native vocabulary has one word for creating, updating and deleting keys.
pub(in crate::http) fn native_word(word: &str) -> &str {
    match word {
        "apikeys:create" | "apikeys:update" | "apikeys:delete" => "keys:write",
        word => word,
    }
}

pub(in crate::http) fn status_and_code(problem: &Problem) -> (StatusCode, &'static str) {
    match problem {
        Problem::Unauthorized(Refusal::Throttled { .. })
        | Problem::Limited { .. }
        | Problem::TooManyStreams(_) => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Problem::Unauthorized(_) | Problem::OtherKey | Problem::Disbelieved => {
            (StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
        }
        Problem::Worded(status, _) => (*status, "REFUSED"),
        Problem::InsufficientCredits(_) => (StatusCode::PAYMENT_REQUIRED, "INSUFFICIENT_CREDITS"),
        Problem::NotSignedIn => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        Problem::Forbidden(_) | Problem::NotHeld(_) | Problem::OtherSite => {
            (StatusCode::FORBIDDEN, "FORBIDDEN")
        }
        Problem::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Problem::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        Problem::Conflict(_) | Problem::StaleWrite { .. } => (StatusCode::CONFLICT, "CONFLICT"),
        Problem::Invalid(..) | Problem::NoGraph(_) | Problem::InvalidField { .. } => {
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR")
        }
        Problem::InvalidGraph(_) => (StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_ERROR"),
        Problem::TooLarge(_) | Problem::FileTooLarge(_) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE")
        }
        Problem::NoRoom(_) => (StatusCode::INSUFFICIENT_STORAGE, "INSUFFICIENT_STORAGE"),
        Problem::Gone(_) => (StatusCode::GONE, "GONE"),
        Problem::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE")
        }
        Problem::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
        Problem::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "MISDIRECTED_REQUEST"),
        Problem::Upstream(_) => (StatusCode::BAD_GATEWAY, "UPSTREAM_ERROR"),
        Problem::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Problem::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

pub(in crate::http) fn message(problem: &Problem, visit: &Visit) -> String {
    let fixed = match problem {
        Problem::Unauthorized(Refusal::Throttled { retry_after_s }) => {
            return format!(
                "Too many failed attempts from this address. Try again in {retry_after_s} seconds."
            );
        }
        Problem::TooManyStreams(limit) => {
            return format!(
                "This key has {limit} event streams open, the most that it may; close one first."
            );
        }
        Problem::Unauthorized(_) | Problem::OtherKey => "Invalid or missing API key",
        Problem::Disbelieved => "The signature is missing or wrong, or its time is too far off.",
        Problem::NotSignedIn => "Sign in first.",
        Problem::OtherSite => {
            "This form was not sent from a page of this server. Open the dashboard and send it from there."
        }
        Problem::Forbidden(_) => "Insufficient permissions for this operation",
        Problem::NotFound("path") => "There is no such path; the README lists the API's paths.",
        Problem::NotFound(what) => {
            return format!("There is no such {what}, or this key does not reach it.");
        }
        Problem::MethodNotAllowed => {
            let (method, allow) = (&visit.method, visit.allow.list());
            return format!("{method} is not served here; use {allow}.");
        }
        Problem::InsufficientCredits(shortfall) => return format!("{shortfall}."),
        Problem::FileTooLarge(max_bytes) => {
            return format!(
                "The file is larger than {max_bytes} bytes (setting `max_media_bytes`)."
            );
        }
        Problem::Gone(message) => message,
        Problem::NotHeld(message)
        | Problem::Worded(_, message)
        | Problem::NoRoom(message)
        | Problem::Conflict(message)
        | Problem::Invalid(message, _)
        | Problem::Upstream(message)
        | Problem::InvalidField { message, .. }
        | Problem::Unavailable(message) => message,
        Problem::NoGraph(refusal) => return refusal.to_string(),
        Problem::InvalidGraph(lint) => return counted(lint.violations.len()),
        Problem::StaleWrite { current, yours } => {
            return format!(
                "It was changed at {current}, after the state of {yours} that this change was made from: read it again and change that."
            );
        }
        Problem::TooLarge(max_bytes) if *max_bytes < visit.api.options.max_body_bytes => {
            return format!(
                "The body is larger than {max_bytes} bytes, the most that is taken here."
            );
        }
        Problem::TooLarge(max_bytes) => {
            let setting = match visit.door {
                Door::Native | Door::Wireflow | Door::Flowise | Door::Page | Door::Dashboard => {
                    "max_body_bytes"
                }
                Door::Webhook => "max_webhook_bytes",
            };
            return format!("The body is larger than {max_bytes} bytes (setting `{setting}`).");
        }
        Problem::UnsupportedMediaType => "Send JSON, with `Content-Type: application/json`.",
        Problem::BodyTimeout => "The body took too long to arrive (setting `body_timeout_ms`).",
        Problem::Misdirected => {
            "This server does not answer to that `Host`; add it to the setting `allowed_hosts`."
        }
        Problem::Limited {
            state: LimitState { limit, .. },
            ..
        } => {
            return format!("Rate limit exceeded. Limit: {limit} requests per minute.");
        }
        Problem::Internal => {
            "Something went wrong in the server; its log has the cause under this request's id."
        }
    };
    fixed.to_owned()
}

fn counted(violations: usize) -> String {
    let errors = if violations == 1 { "error" } else { "errors" };
    format!(
        "Workflow graph failed validation ({violations} {errors}). Each violation says where it is and what mends it."
    )
}
