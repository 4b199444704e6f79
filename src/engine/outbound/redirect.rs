//! Redirects, by the rules of RFC 9110 §15.4.
//! May not know connections. Promise: what a call carries for one origin never goes to another.

use super::url::{self, Url};
use super::{MAX_URL_BYTES, REDIRECT};
use crate::model::run::StepError;
use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};

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
    next.url = target(&hop.url, location)?;
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
            if !HARMLESS.contains(&name.as_str()) {
                next.headers.remove(name);
            }
        }
    }
    Ok(Some(next))
}

fn target(from: &Url, location: &[u8]) -> Result<Url, StepError> {
    let wrong = |why: String| {
        let from = url::shown_url(from);
        StepError::fatal(REDIRECT, format!("{from} redirects to nowhere: {why}"))
    };
    if location.len() > MAX_URL_BYTES {
        return Err(wrong(format!(
            "its `location` is over {MAX_URL_BYTES} bytes"
        )));
    }
    let target = from
        .join(&String::from_utf8_lossy(location))
        .map_err(|error| wrong(format!("its `location` is no URL ({error})")))?;
    url::check(&target).map_err(wrong)?;
    Ok(target)
}
