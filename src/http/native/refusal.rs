//! Problems in the words of the native door. Codes are the contract's where it has one, and plain HTTP names elsewhere.

use super::json;
use crate::auth::Refusal;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::model::limit::LimitState;
use bytes::Bytes;
use serde_json::{Map, Value, json};
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
    let (status, code) = kind(problem);
    let mut error = Map::new();
    error.insert("code".to_owned(), code.into());
    error.insert("message".to_owned(), sentence(problem, visit).into());
    match problem {
        Problem::Forbidden(required) => {
            let words: Vec<&str> = required.iter().map(|word| native_word(word)).collect();
            error.insert("required".to_owned(), json!(words));
        }
        Problem::Invalid(_, details) if !details.is_empty() => {
            error.insert("details".to_owned(), json!(details));
        }
        Problem::Internal => {
            error.insert(
                "requestId".to_owned(),
                crate::http::finish::request_id(visit).into(),
            );
        }
        _ => {}
    }
    let body = json!({ "success": false, "error": Value::Object(error) });
    json(status, body.to_string().into())
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
fn native_word(word: &str) -> &str {
    match word {
        "apikeys:create" | "apikeys:update" | "apikeys:delete" => "keys:write",
        word => word,
    }
}

/// Status and code of each problem.
fn kind(problem: &Problem) -> (StatusCode, &'static str) {
    match problem {
        Problem::Unauthorized(Refusal::Throttled { .. })
        | Problem::Limited(_)
        | Problem::TooManyStreams(_) => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        Problem::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        Problem::Forbidden(_) | Problem::NotHeld(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        Problem::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Problem::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED"),
        Problem::Conflict(_) => (StatusCode::CONFLICT, "CONFLICT"),
        Problem::Invalid(..) => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        Problem::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
        Problem::UnsupportedMediaType => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE")
        }
        Problem::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT"),
        Problem::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "MISDIRECTED_REQUEST"),
        Problem::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
        Problem::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

/// What is wrong, and what to do.
fn sentence(problem: &Problem, visit: &Visit) -> String {
    match problem {
        Problem::Unauthorized(Refusal::Throttled { retry_after_s }) => {
            format!(
                "Too many failed attempts from this address. Try again in {retry_after_s} seconds."
            )
        }
        Problem::Unauthorized(_) => "Invalid or missing API key".to_owned(),
        Problem::TooManyStreams(limit) => {
            format!(
                "This key has {limit} event streams open, the most that it may; close one first."
            )
        }
        Problem::Forbidden(_) => "Insufficient permissions for this operation".to_owned(),
        Problem::NotFound("path") => {
            "There is no such path; the README lists the API's paths.".to_owned()
        }
        Problem::NotFound(what) => {
            format!("There is no such {what}, or this key does not reach it.")
        }
        Problem::MethodNotAllowed => {
            format!(
                "{} is not served here; use {}.",
                visit.method,
                visit.allow.list()
            )
        }
        Problem::NotHeld(message)
        | Problem::Conflict(message)
        | Problem::Invalid(message, _)
        | Problem::Unavailable(message) => message.clone(),
        Problem::TooLarge(max_bytes) => {
            format!("The body is larger than {max_bytes} bytes (setting `max_body_bytes`).")
        }
        Problem::UnsupportedMediaType => {
            "Send JSON, with `Content-Type: application/json`.".to_owned()
        }
        Problem::BodyTimeout => {
            "The body took too long to arrive (setting `body_timeout_ms`).".to_owned()
        }
        Problem::Misdirected => {
            "This server does not answer to that `Host`; add it to the setting `allowed_hosts`."
                .to_owned()
        }
        Problem::Limited(LimitState { limit, .. }) => {
            format!("Rate limit exceeded. Limit: {limit} requests per minute.")
        }
        Problem::Internal => {
            "Something went wrong in the server; its log has the cause under this request's id."
                .to_owned()
        }
    }
}
