//! The dashboard: pages on which the owner of the server sees and handles keys, workflows and runs.
//! May not hold rules of its own: it asks `auth`, `engine` and `store` as the doors do. Promises: only somebody who is signed
//! in gets further than its first page; whatever a page shows is text, never markup; nothing is fetched from elsewhere, and
//! everything but live views works without a script.

mod alert_view;
mod assets;
mod audit;
mod chart;
mod connections;
mod cookie;
mod form;
mod frame;
mod keys;
mod moment;
mod picture;
mod runs;
mod schedules;
mod secrets;
mod settings;
mod sign_in;
mod usage;
mod variables;
mod workflows;
mod written;

pub(super) use cookie::session_text;
pub(super) use sign_in::refuse_other_sites;

use super::door::Door;
use super::endpoint::{Access, Endpoint};
use super::html;
use super::native::{message, status_and_code};
use super::problem::Problem;
use super::visit::{Ctx, Visit};
use askama::Template;
use frame::{Frame, up};
use warp::Filter as _;
use warp::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

/// A page with a picture that would be larger is shown without it.
const MAX_PAGE_BYTES: usize = 96 << 10;

/// The headers of every page. Scripts and styles come from files of this server, never from the page itself.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    // Not `no-referrer`: with that a browser says `Origin: null` where a form is sent.
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex"),
    ),
];

/// Every page of the dashboard, and what it consists of.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        assets::endpoints(),
        sign_in::endpoints(),
        keys::endpoints(),
        runs::endpoints(),
        connections::endpoints(),
        secrets::endpoints(),
        variables::endpoints(),
        schedules::endpoints(),
        settings::endpoints(),
        usage::endpoints(),
        audit::endpoints(),
        workflows::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A page for somebody who is signed in.
fn signed_in<H, F>(method: Method, pattern: &'static str, handler: H) -> Endpoint
where
    H: Fn(Ctx) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Problem>> + Send + 'static,
{
    Endpoint::new(
        Door::Dashboard,
        method,
        pattern,
        Access::SignedIn,
        move |guard| guard.then(handler),
    )
}

/// A page of the dashboard.
fn page(status: StatusCode, template: &impl Template) -> Result<Response, Problem> {
    html::page(status, template, HEADERS)
}

/// A page, made smaller first where it would be too large.
fn within_page<T: Template>(page: &mut T, shrink: impl FnOnce(&mut T)) -> Result<String, Problem> {
    let render = |page: &T| page.render().map_err(|error| Problem::internal(&error));
    let html = render(page)?;
    if html.len() <= MAX_PAGE_BYTES {
        return Ok(html);
    }
    shrink(page);
    render(page)
}

fn html_response(status: StatusCode, html: String) -> Response {
    html::response(status, html, HEADERS)
}

/// Sends the browser to another page of the dashboard, named from its first page on. What was posted is not posted again
/// when that is loaded anew.
fn go_to(visit: &Visit, page: &str) -> Response {
    let mut response = html_response(StatusCode::SEE_OTHER, String::new());
    // Pages are named by ids and words of our own.
    if let Ok(location) = HeaderValue::from_str(&format!("{}{page}", up(visit))) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html", config = "src/http/dashboard/askama.toml")]
struct MessagePage<'a> {
    frame: Frame,
    title: &'a str,
    message: &'a str,
    /// Of a failure: what the server's log names the request by.
    request_id: Option<String>,
}

/// A refusal as a page. Who is not signed in is sent to where they can.
pub(super) fn render(problem: &Problem, visit: &Visit) -> Response {
    if matches!(problem, Problem::NotSignedIn) {
        return go_to(visit, "sign-in");
    }
    let (status, _) = status_and_code(problem);
    let sentence = match problem {
        Problem::NotFound("path") => "There is no such page.".to_owned(),
        Problem::NotFound(what) => format!("There is no such {what}."),
        problem => message(problem, visit),
    };
    let message = MessagePage {
        frame: Frame::of_visitor(visit),
        title: status.canonical_reason().unwrap_or("Refused"),
        message: &sentence,
        request_id: matches!(problem, Problem::Internal).then(|| super::finish::request_id(visit)),
    };
    // A template that writes into memory does not fail.
    html_response(status, message.render().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[derive(Template)]
    #[template(source = "{{ text }}", ext = "txt")]
    struct Long {
        text: String,
    }

    #[test]
    fn a_page_that_is_too_large_is_made_smaller_and_no_other() {
        for (length, expected) in [
            (MAX_PAGE_BYTES, MAX_PAGE_BYTES),
            (MAX_PAGE_BYTES + 1, "small".len()),
        ] {
            let mut long = Long {
                text: "x".repeat(length),
            };
            let html = within_page(&mut long, |long| long.text = "small".to_owned());
            assert_eq!(html.expect("a page").len(), expected);
        }
    }
}
