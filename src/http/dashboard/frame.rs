//! What stands around every page: the way to the other pages and to the style sheet. May not know any page.
//! Promise: links are relative, so that they hold under whatever path a proxy shows the server.

use super::super::door::without_base;
use super::super::visit::{MAX_SEGMENTS, Visit};
use super::cookie::session_text;
use warp::http::header;

/// Where the dashboard is.
const HOME: &str = "/dashboard";

/// What a page's frame needs to know.
pub(super) struct Frame {
    /// What leads from the page to the dashboard's first page: `./`, `../`, …
    pub(super) up: String,
    /// Which part of the dashboard the page belongs to; `None` where nobody is signed in, and empty for no part.
    pub(super) part: Option<&'static str>,
}

/// The parts of the dashboard: the first segment of their pages, and what people read.
const PARTS: [(&str, &str); 8] = [
    ("workflows", "Workflows"),
    ("runs", "Runs"),
    ("keys", "API keys"),
    ("usage", "Usage"),
    ("audit", "Audit log"),
    ("connections", "Connections"),
    ("schedules", "Schedules"),
    ("settings", "Settings"),
];

impl Frame {
    /// The ways to the parts.
    pub(super) fn parts(&self) -> &'static [(&'static str, &'static str)] {
        &PARTS
    }

    /// Of a page for somebody who is signed in.
    pub(super) fn of(visit: &Visit, part: &'static str) -> Frame {
        Frame {
            up: up(visit),
            part: Some(part),
        }
    }

    /// Of a page for anybody: without the way to the others.
    pub(super) fn outside(visit: &Visit) -> Frame {
        Frame {
            up: up(visit),
            part: None,
        }
    }

    /// Of what is said to whoever asks: with the way to the other pages for who is signed in, else without.
    pub(super) fn of_visitor(visit: &Visit) -> Frame {
        let session = session_text(visit);
        if session.is_some_and(|session| visit.api.sign_in.goes_on(session)) {
            Frame::of(visit, "")
        } else {
            Frame::outside(visit)
        }
    }
}

/// What leads from the page to the dashboard's first page.
pub(super) fn up(visit: &Visit) -> String {
    let own = without_base(visit.uri.path(), &visit.api.options.base_path);
    match own.strip_prefix(HOME) {
        Some("") => "dashboard/".to_owned(),
        Some(below) => match below.matches('/').count() {
            0 | 1 => "./".to_owned(),
            // No page of ours is deeper, and what a stranger asks for makes no answer large.
            deep => "../".repeat(deep.min(MAX_SEGMENTS) - 1),
        },
        None => "dashboard/".to_owned(),
    }
}

/// The server as the browser sees it.
pub(super) fn seen_url(visit: &Visit) -> String {
    let options = &visit.api.options;
    let base = &options.base_path;
    if let Some(public) = &options.public_url {
        return format!("{public}{base}");
    }
    let host = visit.headers.get(header::HOST);
    let host = host
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    let scheme = if options.secure_cookies {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{host}{base}")
}
