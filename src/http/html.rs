//! HTML and what it fetches, as answers. May not know any page. Promise: an answer says what it is.

use super::problem::Problem;
use askama::Template;
use warp::http::{HeaderName, HeaderValue, StatusCode, header};
use warp::reply::Response;

/// A page of a template, with the headers that its kind of page has.
pub(super) fn page(
    status: StatusCode,
    template: &impl Template,
    headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
) -> Result<Response, Problem> {
    let html = template.render();
    let html = html.map_err(|error| Problem::internal(&error))?;
    Ok(response(status, html, headers))
}

/// A page that is rendered already.
pub(super) fn response(
    status: StatusCode,
    html: String,
    more: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
) -> Response {
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.extend(more);
    response
}

/// A file in the binary: a browser keeps it for an hour.
pub(super) fn asset(content: &'static str, content_type: &'static str) -> Response {
    let mut response = Response::new(content.into());
    response.headers_mut().extend([
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("max-age=3600"),
        ),
    ]);
    response
}
