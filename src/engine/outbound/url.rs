//! What callers of the client need of URLs, so that one parser reads them everywhere.
//! May not know policies or connections. Promise: what is shown of a URL holds neither query nor userinfo, where secrets
//! are often put.

use super::{CONFIG, MAX_URL_BYTES};
use crate::model::run::StepError;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

pub(super) use reqwest::Url;

/// Shorter parts of a secret URL are words that stand in many texts, such as `/api` and `true`.
const MIN_TELLING_BYTES: usize = 8;
/// Shorter pieces of its path and its host are words such as `services`, not what makes it a secret.
const MIN_TOKEN_BYTES: usize = 16;

/// Reads an absolute http or https URL. The error is a sentence that says what to do.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!(
            "the URL has {} bytes, more than {MAX_URL_BYTES}",
            text.len()
        ));
    }
    let url = Url::parse(text).map_err(|error| {
        format!("the URL must be absolute, as in `https://example.com/path` ({error})")
    })?;
    check(&url)?;
    Ok(url)
}

/// Whether the client may call `url` as far as its form goes: scheme, host, userinfo.
pub(super) fn check(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "the URL's scheme is `{}`; only http and https can be called",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "the URL of {} holds a user name or password before the `@`; send an `authorization` header instead",
            url.host_str().unwrap_or_default()
        ));
    }
    Ok(())
}

/// Whether `text` is a URL that can be called; if not, a sentence that says why.
pub fn check_text(text: &str) -> Result<(), String> {
    parse(text).map(|_| ())
}

/// The host of a URL as it is compared: lower case, IDNA as ASCII, IPv6 without brackets.
pub(in crate::engine) fn host_of(text: &str) -> Result<String, String> {
    Ok(bare_host(&parse(text)?).to_owned())
}

/// `host:port` of a URL, as the setting `outbound_allow` takes it.
pub(in crate::engine) fn authority(text: &str) -> Result<String, String> {
    let url = parse(text)?;
    let port = url.port_or_known_default().unwrap_or_default();
    Ok(format!("{}:{port}", url.host_str().unwrap_or_default()))
}

/// The host of a parsed URL, IPv6 without brackets.
pub(super) fn bare_host(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// `text` with `params` added to its query, percent-encoded. Code `CONFIG` when `text` cannot be called.
pub fn with_params(text: &str, params: &[(String, String)]) -> Result<String, StepError> {
    let mut url = parse(text).map_err(|message| StepError::fatal(CONFIG, message))?;
    if !params.is_empty() {
        url.query_pairs_mut().extend_pairs(params);
    }
    Ok(url.into())
}

/// `text` with the parameter `name` in its query once, with this value.
pub fn with_param(text: &str, name: &str, value: &str) -> Result<String, StepError> {
    let mut url = parse(text).map_err(|message| StepError::fatal(CONFIG, message))?;
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(known, _)| known != name)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    Ok(url.into())
}

/// Host (lower case, IDNA as ASCII, IPv6 without brackets) and port of a URL that can be called.
pub fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let url = parse(text)?;
    let port = url.port_or_known_default().unwrap_or_default();
    Ok((bare_host(&url).to_owned(), port))
}

/// `pairs` as `application/x-www-form-urlencoded`.
pub fn form_encoded(pairs: &[(String, String)]) -> String {
    // The query of a URL is encoded by the same rules as a form.
    let Ok(mut url) = Url::parse("http://form.invalid/") else {
        return String::new();
    };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// `text` as a header's value: letters that cannot stand there as `%` and their code, always in the same way.
pub fn header_text(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'%' => "%25".to_owned(),
            b'!'..=b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// What gives the URL `secret` away, which is secret as a whole: itself as it is called, what is shown of it, and decoded its
/// path, the values of its query, its user name and its password, where those have [`MIN_TELLING_BYTES`], and each piece of its
/// path and of its host of [`MIN_TOKEN_BYTES`]. Nothing where it is no URL.
pub fn telling_parts(secret: &str) -> Vec<Zeroizing<String>> {
    let Ok(mut url) = Url::parse(secret) else {
        return Vec::new();
    };
    if !url.has_host() {
        return Vec::new();
    }
    // It is never sent.
    url.set_fragment(None);
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let mut parts = vec![decoded(url.path())];
    for (name, value) in url.query_pairs() {
        let told = if value.is_empty() { name } else { value };
        parts.push(told.into_owned());
    }
    parts.push(decoded(url.username()));
    parts.extend(url.password().map(decoded));
    parts.retain(|part| part.len() >= MIN_TELLING_BYTES);
    let labels = url.host_str().unwrap_or_default().split('.');
    let pieces = url.path().split('/').chain(labels).map(decoded);
    parts.extend(pieces.filter(|piece| piece.len() >= MIN_TOKEN_BYTES));
    if url.path().len() > 1 {
        parts.push(shown_url(&url));
    }
    parts.push(url.into());
    parts.into_iter().map(Zeroizing::new).collect()
}

/// What may be shown of `text`: scheme, host, port and path.
pub fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => shown_url(&url),
        Err(_) => "the URL".to_owned(),
    }
}

/// What may be shown of a parsed URL: scheme, host, port and path.
pub(super) fn shown_url(url: &Url) -> String {
    format!("{}{}", shown_host_of(url), url.path())
}

/// What may be shown of `text` where its path is a secret too: scheme, host and port.
pub fn shown_host(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => shown_host_of(&url),
        Err(_) => "the URL".to_owned(),
    }
}

/// What may be shown of a parsed URL whose path is a secret too: scheme, host and port.
pub(super) fn shown_host_of(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn only_absolute_http_urls_without_userinfo_can_be_called() {
        for good in [
            "http://a",
            "https://a.example/x?y=1#z",
            "HTTP://[2001:db8::1]:8/",
        ] {
            assert_eq!(check_text(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/path",
            "a.example",
            "ftp://a/",
            "file:///etc/passwd",
            "http://",
            "http://user@a/",
            "http://:pass@a/",
            "http://a b/",
            "http://[::1%25lo]/",
        ] {
            assert!(check_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_query_and_no_userinfo() {
        assert_eq!(
            shown("https://u:p@a.example:8443/x/y?token=s3#f"),
            "https://a.example:8443/x/y"
        );
        assert_eq!(
            shown_host("https://u:p@a.example:8443/x/y?token=s3#f"),
            "https://a.example:8443"
        );
        let error = check_text("https://u:s3cret@a.example/?t=s3cret").expect_err("userinfo");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn what_gives_a_secret_url_away() {
        for (secret, expected) in [
            (
                "HTTP://Host.example:80/a/../hooks/T%C3%B6ken?wait=true&sig=a%20long+one#frag",
                vec![
                    "/hooks/Töken",
                    "a long one",
                    "http://host.example/hooks/T%C3%B6ken",
                    "http://host.example/hooks/T%C3%B6ken?wait=true&sig=a%20long+one",
                ],
            ),
            (
                "http://127.1:8080/x?0123456789",
                vec![
                    "0123456789",
                    "http://127.0.0.1:8080/x",
                    "http://127.0.0.1:8080/x?0123456789",
                ],
            ),
            (
                "postgres://user:p%40ssword@db.example/app",
                vec![
                    "p@ssword",
                    "postgres://db.example/app",
                    "postgres://user:p%40ssword@db.example/app",
                ],
            ),
            (
                "https://hooks.example/services/T01/AbCdEfGhIjKlMnOpQrStUvWx",
                vec![
                    "/services/T01/AbCdEfGhIjKlMnOpQrStUvWx",
                    "AbCdEfGhIjKlMnOpQrStUvWx",
                    "https://hooks.example/services/T01/AbCdEfGhIjKlMnOpQrStUvWx",
                    "https://hooks.example/services/T01/AbCdEfGhIjKlMnOpQrStUvWx",
                ],
            ),
            (
                "https://0123456789abcdef@EO8xAbCdEfGhIjKl.hooks.example/?v=1",
                vec![
                    "0123456789abcdef",
                    "eo8xabcdefghijkl",
                    "https://0123456789abcdef@eo8xabcdefghijkl.hooks.example/?v=1",
                ],
            ),
            ("https://a.example", vec!["https://a.example/"]),
            ("https://a.example/?v=1", vec!["https://a.example/?v=1"]),
            ("sk:live:0123456789abcdef", vec![]),
            ("a token of words", vec![]),
            ("/hooks/0123456789", vec![]),
        ] {
            let parts = telling_parts(secret);
            let parts: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
            assert_eq!(parts, expected, "{secret}");
        }
    }

    #[test]
    fn params_are_added_and_encoded() {
        let params = [("q".to_owned(), "a b&c=ä".to_owned())];
        assert_eq!(
            with_params("http://a/p?x=1", &params).expect("a URL"),
            "http://a/p?x=1&q=a+b%26c%3D%C3%A4"
        );
        assert_eq!(with_params("http://a/p", &[]).expect("a URL"), "http://a/p");
        assert_eq!(form_encoded(&params), "q=a+b%26c%3D%C3%A4");
    }
}
