//! The style sheet, the script and the icon: files in the binary that anybody may fetch.
//! May not know any page. Promise: a browser keeps them as long as the server is the same, and asks again after an upgrade.

use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::html;
use warp::Filter as _;
use warp::http::Method;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICON: &str = include_str!("icon.svg");

pub(super) fn endpoints() -> Vec<Endpoint> {
    let asset = |pattern, content: &'static str, content_type: &'static str| {
        let route = warp::any().map(move || html::asset(content, content_type));
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
