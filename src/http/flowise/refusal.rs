//! Problems in the words of Flowise's door: `{"statusCode","success","message","stack"}`, and `{"error":"Unauthorized
//! Access"}` with the same fields for who is not let in.

use super::json;
use crate::auth::Refusal;
use crate::http::native;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::model::plan::in_words;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use warp::http::StatusCode;
use warp::reply::Response;

/// Why a request was refused or failed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FlowiseRefusal")]
pub(super) struct ErrorView<'a> {
    /// Of a 401: always `Unauthorized Access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// The status once more.
    status_code: u16,
    /// Always `false`.
    success: bool,
    /// One sentence for people.
    message: &'a str,
    /// Always empty: where in a program something went wrong is nobody's business.
    stack: Empty,
    /// Of a 401: one word for why nobody was let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Of a 403: the permissions of which the key lacks every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<Vec<&'a str>>,
    /// Of a 500: what the server's log names the request by.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// An object without fields.
#[derive(Serialize, JsonSchema)]
struct Empty {}

/// The answer to a request that was refused or failed.
pub(in crate::http) fn render(problem: &Problem, visit: &Visit) -> Response {
    if let Some(body) = prebuilt(problem) {
        return json(
            StatusCode::UNAUTHORIZED,
            Bytes::from_static(body.as_bytes()),
        );
    }
    let (status, _) = native::status_and_code(problem);
    let message = match problem {
        Problem::Forbidden(_) => "Forbidden".to_owned(),
        Problem::NotFound("path") => "Not Found".to_owned(),
        // Its clients show nothing but the message.
        Problem::Invalid(_, details) if !details.is_empty() => in_words(details),
        problem => native::message(problem, visit),
    };
    let view = ErrorView {
        error: None,
        status_code: status.as_u16(),
        success: false,
        message: &message,
        stack: Empty {},
        reason: None,
        required: match problem {
            Problem::Forbidden(words) => Some(words.iter().map(|word| own_word(word)).collect()),
            _ => None,
        },
        request_id: matches!(problem, Problem::Internal)
            .then(|| crate::http::finish::request_id(visit)),
    };
    // What is built of texts alone always becomes JSON.
    json(status, serde_json::to_vec(&view).unwrap_or_default().into())
}

/// A flood of bad keys is the cheapest request there is: these bodies are ready.
fn prebuilt(problem: &Problem) -> Option<&'static str> {
    macro_rules! body {
        ($reason:literal) => {
            concat!(
                r#"{"error":"Unauthorized Access","statusCode":401,"success":false,"message":"Unauthorized","stack":{},"reason":""#,
                $reason,
                r#""}"#
            )
        };
    }
    Some(match problem {
        Problem::OtherKey => body!("other_key"),
        Problem::Unauthorized(Refusal::Missing) => body!("missing"),
        Problem::Unauthorized(Refusal::Malformed) => body!("malformed"),
        Problem::Unauthorized(Refusal::Unknown) => body!("unknown"),
        Problem::Unauthorized(Refusal::Expired) => body!("expired"),
        Problem::Unauthorized(Refusal::Revoked) => body!("revoked"),
        Problem::Unauthorized(Refusal::Disabled) => body!("disabled"),
        _ => return None,
    })
}

/// The one of Flowise's permissions that gives a permission, where it has one.
pub(in crate::http) fn own_word(word: &str) -> &str {
    match word {
        "keys:read" => "apikeys:view",
        word => word,
    }
}
