//! What is so of every page of the dashboard, those of the endpoint table: it is found under a base path by relative links,
//! whether a proxy keeps the path or takes it off; it is small, holds no script and no style of its own, and shows what was
//! stored as text; nobody gets it without a session, and no other site's page or name gets anything done.

mod html;
mod prepared;

use super::{Browser, Page};
use flowlatch::http::{Access, Door, whole_table};
use html::{Link, links, mistakes};
use prepared::{BASE_PATH, Prepared, SCRIPT};
use reqwest::{Method, Url};
use std::collections::BTreeSet;
use std::time::Duration;

/// A page is larger only by a definition or an input that somebody has written, where it stands in a field.
const MAX_PAGE_BYTES: usize = 100_000;
/// A page that is not there by then never ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// An endpoint of the dashboard.
pub(super) struct Place {
    pub(super) method: Method,
    pub(super) pattern: &'static str,
    pub(super) access: Access,
}

/// Every endpoint of the dashboard.
pub(super) fn places() -> Vec<Place> {
    let table = whole_table(true);
    let endpoints = table.endpoints().iter();
    endpoints
        .filter(|endpoint| endpoint.door == Door::Dashboard)
        .map(|endpoint| Place {
            method: endpoint.method.as_str().parse().expect("a method"),
            pattern: endpoint.pattern,
            access: endpoint.access,
        })
        .collect()
}

/// Every page without a parameter in its path.
pub(super) fn plain_pages() -> Vec<&'static str> {
    let pages = places().into_iter();
    pages
        .filter(|place| place.method == Method::GET && !place.pattern.contains(':'))
        .map(|place| place.pattern)
        .collect()
}

/// What stands between a browser and the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proxy {
    /// It hands paths on as they are.
    Keeps,
    /// It takes the base path off.
    Strips,
}

/// Somebody who is signed in, behind such a proxy.
struct Visitor<'a> {
    prepared: &'a Prepared,
    proxy: Proxy,
    http: reqwest::Client,
    cookie: Option<String>,
}

impl<'a> Visitor<'a> {
    fn signed_in(prepared: &'a Prepared, proxy: Proxy) -> Visitor<'a> {
        Visitor {
            prepared,
            proxy,
            http: Browser::new(&prepared.server).http,
            cookie: prepared.browser.cookie(),
        }
    }

    fn stranger(prepared: &'a Prepared) -> Visitor<'a> {
        Visitor {
            cookie: None,
            ..Visitor::signed_in(prepared, Proxy::Keeps)
        }
    }

    /// The URL by which the browser knows a path of the dashboard.
    fn seen(&self, path: &str) -> Url {
        let url = format!("{}{path}", self.prepared.server.url);
        url.parse().expect("a URL")
    }

    /// Asks for what the browser knows by this URL.
    async fn ask(&self, method: Method, url: &Url, headers: &[(&'static str, &str)]) -> Page {
        let mut sent = url.clone();
        if self.proxy == Proxy::Strips {
            let rest = url.path().strip_prefix(BASE_PATH);
            sent.set_path(rest.unwrap_or_else(|| panic!("{url} is outside the base path")));
        }
        let mut request = self.http.request(method.clone(), sent).timeout(PATIENCE);
        if method == Method::POST {
            let form = "application/x-www-form-urlencoded";
            request = request.header("content-type", form);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        Page {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.expect("a text that ends"),
        }
    }

    /// Whether a form leads somewhere. It is sent as another site's page would send it, and so does nothing.
    async fn is_action(&self, url: &Url) -> bool {
        let origin = [("origin", "https://evil.example")];
        self.ask(Method::POST, url, &origin).await.status == 403
    }
}

#[tokio::test]
async fn every_page_and_all_it_links_to_is_found_behind_a_proxy_that_keeps_or_strips_the_base_path()
{
    let prepared = Prepared::start().await;
    for proxy in [Proxy::Keeps, Proxy::Strips] {
        let visitor = Visitor::signed_in(&prepared, proxy);
        let mut followed = BTreeSet::new();
        for place in places() {
            if place.method != Method::GET {
                continue;
            }
            let url = visitor.seen(&prepared.path(place.pattern));
            let page = visitor.ask(Method::GET, &url, &[]).await;
            let what = format!("{proxy:?} {}", place.pattern);
            // The set-up link was used.
            let expected = match place.pattern {
                // Shown once, where it was made.
                "/" | "/dashboard" | "/dashboard/keys/:id/rotate" => 303,
                "/dashboard/set-up/:token" => 403,
                _ => 200,
            };
            assert_eq!(page.status, expected, "{what}: {}", page.text);
            let location = page.header("location").map(str::to_owned);
            let led = location.map(Link::Page);
            for link in links(&page.text).into_iter().chain(led) {
                follow(&visitor, &url, &link, &mut followed, &what).await;
            }
        }
        assert!(followed.len() >= 20, "{followed:?}");
    }
}

async fn follow(
    visitor: &Visitor<'_>,
    from: &Url,
    link: &Link,
    followed: &mut BTreeSet<String>,
    what: &str,
) {
    let text = link.text();
    let before_query = text.split(['?', '#']).next().unwrap_or_default();
    let is_absolute = before_query.starts_with('/') || before_query.contains(':');
    assert!(!is_absolute, "{what}: {text} is absolute");
    let mut to = from.join(text).expect("a URL");
    to.set_fragment(None);
    let inside = format!("{BASE_PATH}/dashboard");
    let is_inside = to.path() == inside || to.path().starts_with(&format!("{inside}/"));
    assert!(is_inside, "{what}: {text} leads to {to}");
    assert_eq!(to.origin(), from.origin(), "{what}: {text}");
    if !followed.insert(format!("{link:?} {to}")) {
        return;
    }
    match link {
        Link::Page(_) => {
            let page = visitor.ask(Method::GET, &to, &[]).await;
            let is_there = matches!(page.status, 200 | 303);
            assert!(is_there, "{what}: {text} leads to {to}: {}", page.status);
        }
        Link::Form(_) => {
            assert!(visitor.is_action(&to).await, "{what}: {text} leads to {to}");
        }
    }
}

#[tokio::test]
async fn every_page_is_small_and_holds_no_script_no_style_and_no_markup_that_was_stored() {
    let prepared = Prepared::start().await;
    let visitor = Visitor::signed_in(&prepared, Proxy::Keeps);
    let mut shown = 0;
    for place in places() {
        if place.method != Method::GET {
            continue;
        }
        let url = visitor.seen(&prepared.path(place.pattern));
        let page = visitor.ask(Method::GET, &url, &[]).await;
        let what = place.pattern;
        let nosniff = page.header("x-content-type-options");
        assert_eq!(nosniff, Some("nosniff"), "{what}");
        assert!(page.text.len() < MAX_PAGE_BYTES, "{what}");
        let content_type = page.header("content-type").unwrap_or_default();
        if content_type != "text/html; charset=utf-8" {
            assert!(!content_type.contains("html"), "{what}: {content_type}");
            continue;
        }
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; "), "{what}");
        for part in [
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{what}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{what}"
        );
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(page.header(name), Some(value), "{what}");
        }
        assert_eq!(page.header("access-control-allow-origin"), None, "{what}");
        assert_eq!(mistakes(&page.text), Vec::<String>::new(), "{what}");
        assert!(!page.text.contains(SCRIPT), "{what}");
        shown += usize::from(page.text.contains("planted()"));
    }
    assert!(shown >= 5, "{shown} pages show what was stored");
}

#[tokio::test]
async fn nobody_gets_a_page_or_anything_done_without_a_session() {
    let prepared = Prepared::start().await;
    let stranger = Visitor::stranger(&prepared);
    let origin = prepared.origin();
    for place in places() {
        if place.access != Access::SignedIn {
            continue;
        }
        let url = stranger.seen(&prepared.path(place.pattern));
        let own = [("origin", origin.as_str())];
        let page = stranger.ask(place.method.clone(), &url, &own).await;
        let what = format!("{} {}", place.method, place.pattern);
        assert_eq!((page.status, page.text.as_str()), (303, ""), "{what}");
        let location = page.header("location").expect("a location");
        let to = url.join(location).expect("a URL");
        let sign_in = format!("{BASE_PATH}/dashboard/sign-in");
        assert_eq!(to.path(), sign_in, "{what}: {location}");
        assert!(!location.starts_with('/'), "{what}: {location}");
    }
}

#[tokio::test]
async fn a_foreign_origin_changes_nothing_and_a_foreign_host_gets_nothing() {
    let prepared = Prepared::start().await;
    let visitor = Visitor::signed_in(&prepared, Proxy::Keeps);
    let origin = prepared.origin();
    for place in places() {
        let url = visitor.seen(&prepared.path(place.pattern));
        let what = format!("{} {}", place.method, place.pattern);
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:80",
        ] {
            let headers = [("host", host), ("origin", origin.as_str())];
            let page = visitor.ask(place.method.clone(), &url, &headers).await;
            assert_eq!(page.status, 421, "{what} {host}");
            assert!(!page.text.contains("planted()"), "{what} {host}");
        }
        if place.method == Method::GET {
            continue;
        }
        for origin in [
            None,
            Some("null"),
            Some("https://evil.example"),
            Some("http://127.0.0.1"),
            Some("http://127.0.0.1.evil.example"),
        ] {
            let headers: Vec<_> = origin
                .map(|origin| ("origin", origin))
                .into_iter()
                .collect();
            let page = visitor.ask(place.method.clone(), &url, &headers).await;
            assert_eq!(page.status, 403, "{what} {origin:?}");
        }
    }
    // All that was asked for is as it was.
    let pages = [
        "/dashboard/connections/:id",
        "/dashboard/keys/:id",
        "/dashboard/schedules/:id",
    ];
    for pattern in pages {
        let url = visitor.seen(&prepared.path(pattern));
        let page = visitor.ask(Method::GET, &url, &[]).await;
        assert_eq!(page.status, 200, "{pattern}");
        assert!(page.text.contains("active"), "{pattern}: {}", page.text);
    }
}
