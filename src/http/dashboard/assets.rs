//! The style sheet, the script and the icon: files in the binary that anybody may fetch.
//! May not know any page. Promise: a browser keeps them as long as the server is the same, and asks again after an upgrade.

use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use warp::Filter as _;
use warp::http::{HeaderValue, Method, header};
use warp::reply::Response;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICON: &str = include_str!("icon.svg");

pub(super) fn endpoints() -> Vec<Endpoint> {
    let asset = |pattern, content: &'static str, content_type: &'static str| {
        let route = warp::any().map(move || response(content, content_type));
        Endpoint::open(Door::Dashboard, Method::GET, pattern, route)
    };
    vec![
        asset("/dashboard/style.css", STYLE, "text/css; charset=utf-8"),
        asset(
            "/dashboard/script.js",
            SCRIPT,
            "text/javascript; charset=utf-8",
        ),
        asset("/dashboard/icon.svg", ICON, "image/svg+xml"),
    ]
}

fn response(content: &'static str, content_type: &'static str) -> Response {
    let mut response = Response::new(content.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=3600"),
    );
    response
}
