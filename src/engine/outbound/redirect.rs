//! Redirects, by the rules of RFC 9110 §15.4.
//! May not know connections. Promise: what a call carries for one origin never goes to another.

use super::url::{self, Url};
use super::{Confined, MAX_URL_BYTES, REDIRECT};
use crate::model::run::StepError;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName};
use reqwest::{Method, StatusCode};
use std::sync::Arc;

/// The headers that may follow to another origin. A list of what stays, because any other header may hold a credential
/// (`x-api-key`, `private-token`, …) and no list of those is ever complete.
const HARMLESS: [&str; 7] = [
    "accept",
    "accept-language",
    "content-encoding",
    "content-language",
    "content-type",
    "idempotency-key",
    "user-agent",
];

/// One request of a call.
#[derive(Clone)]
pub(super) struct Hop {
    /// The method.
    pub(super) method: Method,
    /// Where to.
    pub(super) url: Url,
    /// With what.
    pub(super) headers: HeaderMap,
    /// With which body; clones share it.
    pub(super) body: Option<Bytes>,
    /// What of it only some hosts may see.
    pub(super) confined: Option<Arc<Confined>>,
    /// Whether errors may show the path of its URL.
    pub(super) shows_path: bool,
}

impl Hop {
    /// What errors may show of its URL.
    pub(super) fn shown(&self) -> String {
        if self.shows_path {
            url::shown_url(&self.url)
        } else {
            url::shown_host_of(&self.url)
        }
    }
}

/// Whether a header may follow to another origin.
pub(super) fn is_harmless(name: &HeaderName) -> bool {
    HARMLESS.contains(&name.as_str())
}

/// The request that follows `hop` when it was answered with `status` and `location`; `None` when that is no redirect.
pub(super) fn next(
    hop: &Hop,
    status: StatusCode,
    location: Option<&[u8]>,
) -> Result<Option<Hop>, StepError> {
    let (true, Some(location)) = (
        matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308),
        location,
    ) else {
        return Ok(None);
    };
    let mut next = hop.clone();
    next.url = target(hop, location)?;
    let becomes_get = match status.as_u16() {
        303 => hop.method != Method::HEAD,
        301 | 302 => hop.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        next.method = Method::GET;
        next.body = None;
        for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
            next.headers.remove(name);
        }
    }
    if next.url.origin() != hop.url.origin() {
        let names: Vec<_> = next.headers.keys().cloned().collect();
        for name in names {
            if !is_harmless(&name) {
                next.headers.remove(name);
            }
        }
    }
    Ok(Some(next))
}

/// Refuses to go on to `next` with a secret that is not for its host. Headers stay with their origin; a secret in the query is
/// in the other side's hand: it may send it along in `location`, or keep it in a body that follows.
pub(super) async fn confine(hop: &Hop, next: &Hop) -> Result<(), StepError> {
    let Some(confined) = &next.confined else {
        return Ok(());
    };
    let (host, port) = (
        url::bare_host(&next.url),
        next.url.port_or_known_default().unwrap_or_default(),
    );
    let may_see = confined.hosts.iter().any(|bound| bound.covers(host, port));
    if may_see {
        return Ok(());
    }
    let url = Bytes::copy_from_slice(next.url.as_str().as_bytes());
    let body = next.body.clone().unwrap_or_default();
    if !(confined.secrets.finds(url).await || confined.secrets.finds(body).await) {
        return Ok(());
    }
    Err(StepError::fatal(
        REDIRECT,
        format!(
            "{} redirects to {host}:{port} with a credential that is not for that host",
            hop.shown()
        ),
    ))
}

fn target(from: &Hop, location: &[u8]) -> Result<Url, StepError> {
    let wrong = |why: String| {
        let from = from.shown();
        StepError::fatal(REDIRECT, format!("{from} redirects to nowhere: {why}"))
    };
    if location.len() > MAX_URL_BYTES {
        return Err(wrong(format!(
            "its `location` is over {MAX_URL_BYTES} bytes"
        )));
    }
    let target = from
        .url
        .join(&String::from_utf8_lossy(location))
        .map_err(|error| wrong(format!("its `location` is no URL ({error})")))?;
    url::check(&target).map_err(wrong)?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn hop(method: Method) -> Hop {
        let headers = [
            ("authorization", "Bearer s"),
            ("cookie", "c"),
            ("x-api-key", "k"),
            ("private-token", "p"),
            ("proxy-authorization", "b"),
            ("accept", "*/*"),
            ("content-type", "text/plain"),
            ("idempotency-key", "i"),
        ];
        Hop {
            method,
            url: Url::parse("https://a.example/x/y?q=1").expect("a URL"),
            headers: headers
                .into_iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect(),
            body: Some(Bytes::from_static(b"body")),
            confined: None,
            shows_path: true,
        }
    }

    fn follow(method: Method, status: u16, location: &str) -> Result<Option<Hop>, StepError> {
        let status = StatusCode::from_u16(status).expect("a status");
        next(&hop(method), status, Some(location.as_bytes()))
    }

    #[test]
    fn methods_and_bodies_follow_the_rfc() {
        for (status, method, expected, has_body) in [
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (301, Method::PUT, Method::PUT, true),
            (302, Method::DELETE, Method::DELETE, true),
            (303, Method::POST, Method::GET, false),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::PATCH, Method::PATCH, true),
        ] {
            let next = follow(method.clone(), status, "../z")
                .expect("followed")
                .expect("a hop");
            assert_eq!(
                (&next.method, next.body.is_some()),
                (&expected, has_body),
                "{status} {method}"
            );
            assert_eq!(next.headers.contains_key("content-type"), has_body);
            assert_eq!(next.url.as_str(), "https://a.example/z");
            assert!(
                next.headers.contains_key("authorization"),
                "the origin is the same"
            );
        }
        for status in [200, 300, 304, 305, 400] {
            assert!(
                follow(Method::GET, status, "/z")
                    .expect("an answer")
                    .is_none(),
                "{status}"
            );
        }
        assert!(
            next(&hop(Method::GET), StatusCode::FOUND, None)
                .expect("an answer")
                .is_none()
        );
    }

    #[test]
    fn another_origin_sees_only_harmless_headers() {
        for location in [
            "https://b.example/",
            "http://a.example/",
            "https://a.example:8443/",
            "//a.example.evil/",
            "https://a.example./",
        ] {
            let next = follow(Method::GET, 307, location)
                .expect("followed")
                .expect("a hop");
            let mut names: Vec<_> = next.headers.keys().map(|name| name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(
                names,
                ["accept", "content-type", "idempotency-key"],
                "{location}"
            );
        }
        let same = follow(Method::GET, 307, "https://A.example:443/other")
            .expect("followed")
            .expect("a hop");
        assert_eq!(same.headers.len(), 8);
    }

    #[test]
    fn targets_that_cannot_be_called_are_errors() {
        for location in [
            "ftp://a/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://u:p@b.example/",
            "http://",
            "https://a b/",
        ] {
            let error = follow(Method::GET, 302, location).err().expect(location);
            assert_eq!(
                (error.code.as_str(), error.retryable),
                (REDIRECT, false),
                "{location}"
            );
        }
    }
}
