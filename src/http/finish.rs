//! The one exit: the door renders a problem in its words, and the headers that every answer has are written here and
//! nowhere else: `X-Request-Id`, limits, `Allow`, `Retry-After`, `WWW-Authenticate`.

use super::dashboard;
use super::door::Door;
use super::flowise;
use super::native;
use super::pages;
use super::problem::Problem;
use super::visit::Visit;
use super::webhooks;
use super::wireflow;
use crate::auth::Refusal;
use crate::model::limit::LimitState;
use std::fmt::Write as _;
use warp::http::{HeaderName, HeaderValue, header};
use warp::reply::Response;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
/// As long as a request's id is until a process has had four billion of them.
const REQUEST_ID_CHARS: usize = 17;
/// For how long a client is asked to wait when the server could not write, or the key has too many streams open.
const SOON_S: u32 = 1;

/// The id of a request: the instance and a number that no other request of this process has.
pub(super) fn request_id(visit: &Visit) -> String {
    let mut id = String::with_capacity(REQUEST_ID_CHARS);
    // Whatever is written to a text, it takes.
    write!(id, "{}-{:08x}", visit.api.options.instance, visit.number).unwrap_or_default();
    id
}

/// Makes the answer of what came of a request.
pub(super) fn finish(visit: &Visit, outcome: Result<Response, Problem>) -> Response {
    let (mut response, problem) = match outcome {
        Ok(response) => (response, None),
        Err(problem) => (render(visit, &problem), Some(problem)),
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(request_id(visit)) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(state) = limit_state(visit) {
        headers.insert(LIMIT, state.limit.into());
        headers.insert(REMAINING, state.remaining.into());
        headers.insert(RESET, state.reset_unix_s.into());
    }
    if let Some(problem) = problem {
        explain(visit, &problem, headers);
    }
    response
}

/// The state of the limit that the request counted for. Where a request stopped before it was counted although its key
/// is good, the state without it. Of that and a flow's own limit, the one of which less is left.
fn limit_state(visit: &Visit) -> Option<LimitState> {
    let counted = visit.limit.get().copied().flatten();
    let of_flow = visit.flow_limit.get().copied();
    counted
        .into_iter()
        .chain(of_flow)
        .min_by_key(|state| state.remaining)
}

fn render(visit: &Visit, problem: &Problem) -> Response {
    match visit.door {
        Door::Native => native::render(problem, visit),
        Door::Wireflow => wireflow::render(problem, visit),
        Door::Flowise => flowise::render(problem, visit),
        Door::Webhook => webhooks::render(problem, visit),
        Door::Page => pages::render(problem, visit),
        Door::Dashboard => dashboard::render(problem, visit),
    }
}

/// The headers that belong to a refusal, whatever the door.
fn explain(visit: &Visit, problem: &Problem, headers: &mut warp::http::HeaderMap) {
    match problem {
        Problem::Unauthorized(Refusal::Throttled { retry_after_s }) => {
            headers.insert(header::RETRY_AFTER, (*retry_after_s).into());
        }
        Problem::Unauthorized(_) | Problem::OtherKey | Problem::Disbelieved => {
            let challenge = match visit.door {
                Door::Native => {
                    HeaderValue::from_static("ApiKey realm=\"flowlatch\", header=\"x-api-key\"")
                }
                Door::Wireflow | Door::Flowise => {
                    HeaderValue::from_static("Bearer realm=\"flowlatch\"")
                }
                Door::Webhook | Door::Page | Door::Dashboard => {
                    HeaderValue::from_static("Signature realm=\"flowlatch\"")
                }
            };
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        Problem::Limited {
            state:
                LimitState {
                    retry_after_s: Some(seconds),
                    ..
                },
            ..
        } => {
            headers.insert(header::RETRY_AFTER, (*seconds).into());
        }
        Problem::Unavailable(_) | Problem::TooManyStreams(_) => {
            headers.insert(header::RETRY_AFTER, SOON_S.into());
        }
        Problem::MethodNotAllowed => {
            if let Ok(allow) = HeaderValue::from_str(&visit.allow.list()) {
                headers.insert(header::ALLOW, allow);
            }
        }
        Problem::TooLarge(_)
        | Problem::FileTooLarge(_)
        | Problem::NoRoom(_)
        | Problem::BodyTimeout => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
}
