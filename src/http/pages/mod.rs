//! Pages for people: HTML that needs no key, no script and nothing from elsewhere.
//! May not know the API's envelopes. Promise: whatever a page shows is text, never markup; no page may be framed, kept in a
//! cache, or tell another site where it was.

mod approvals;

use super::endpoint::Endpoint;
use super::html;
use super::native::{message, status_and_code};
use super::problem::Problem;
use super::visit::Visit;
use askama::Template;
use warp::http::{HeaderName, HeaderValue, StatusCode, header};
use warp::reply::Response;

/// The headers of every page. Forms may go to this server only; the style sheet comes from it.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex"),
    ),
];

/// Every page.
pub(super) fn endpoints() -> Vec<Endpoint> {
    approvals::endpoints()
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html", config = "src/http/pages/askama.toml")]
struct MessagePage<'a> {
    title: &'a str,
    message: &'a str,
    /// Of a failure: what the server's log names the request by.
    request_id: Option<String>,
}

fn page(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    html::page(status, template, HEADERS)
}

/// A refusal as a page.
pub(super) fn render(problem: &Problem, visit: &Visit) -> Response {
    let (status, _) = status_and_code(problem);
    let sentence = match problem {
        Problem::NotFound(_) => {
            "This link leads nowhere. It may have been cut, or what it led to is gone.".to_owned()
        }
        Problem::UnsupportedMediaType => {
            "Send the page's form, with `Content-Type: application/x-www-form-urlencoded`."
                .to_owned()
        }
        problem => message(problem, visit),
    };
    let message = MessagePage {
        title: status.canonical_reason().unwrap_or("Refused"),
        message: &sentence,
        request_id: matches!(problem, Problem::Internal).then(|| super::finish::request_id(visit)),
    };
    // A template that writes into memory does not fail.
    html::response(status, message.render().unwrap_or_default(), HEADERS)
}
