//! Which `Host` is answered: a page of somebody else's that resolves to this machine (DNS rebinding) is not.
//! Promise: loopback names, the bound address, `public_url` and `allowed_hosts`, and nothing else.

use super::problem::Problem;
use std::net::IpAddr;
use warp::http::{HeaderMap, Uri, header};

/// The hosts that are answered.
#[derive(Debug, Clone, Default)]
pub struct Hosts {
    /// In lower case, without port and trailing dot.
    known: Vec<String>,
}

impl Hosts {
    /// Loopback, and these: names or addresses, with or without scheme, port and path.
    pub fn new<'a>(known: impl IntoIterator<Item = &'a str>) -> Hosts {
        let strip = |entry: &'a str| {
            let authority = entry.split_once("://").map_or(entry, |(_, rest)| rest);
            let authority = authority.split('/').next().unwrap_or_default();
            name_of(authority).to_ascii_lowercase()
        };
        Hosts {
            known: known
                .into_iter()
                .map(strip)
                .filter(|host| !host.is_empty())
                .collect(),
        }
    }

    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let mut values = headers.get_all(header::HOST).iter();
        let named = match (values.next(), values.next()) {
            (Some(host), None) => host.to_str().unwrap_or_default(),
            (None, _) => return Err(Problem::invalid("The request has no `Host` header.")),
            (Some(_), Some(_)) => {
                return Err(Problem::invalid(
                    "The request has two `Host` headers; send one.",
                ));
            }
        };
        let in_uri = uri.authority().map(|authority| authority.as_str());
        if self.knows(named) && in_uri.is_none_or(|authority| self.knows(authority)) {
            Ok(())
        } else {
            Err(Problem::Misdirected)
        }
    }

    fn knows(&self, authority: &str) -> bool {
        let name = name_of(authority);
        match name {
            "127.0.0.1" | "localhost" | "::1" => true,
            _ => {
                let is_loopback = name
                    .parse::<IpAddr>()
                    .is_ok_and(|address| address.is_loopback());
                is_loopback
                    || name.eq_ignore_ascii_case("localhost")
                    || self
                        .known
                        .iter()
                        .any(|known| known.eq_ignore_ascii_case(name))
            }
        }
    }
}

/// The name or address in `name:port`, `[address]:port`, `name.`.
fn name_of(authority: &str) -> &str {
    if let Some((address, rest)) = authority
        .strip_prefix('[')
        .and_then(|inner| inner.split_once(']'))
    {
        let is_port = |text: &str| {
            text.strip_prefix(':')
                .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        };
        return if rest.is_empty() || is_port(rest) {
            address
        } else {
            ""
        };
    }
    let name = match authority.rsplit_once(':') {
        Some((name, port))
            if !name.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => authority,
    };
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(hosts: &Hosts, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().expect("a header value"));
        hosts.check(&Uri::from_static("/"), &headers).is_ok()
    }

    #[test]
    fn only_known_hosts_are_answered() {
        let hosts = Hosts::new([
            "https://flow.example.com/base",
            "192.168.1.9",
            "[2001:db8::1]:3000",
        ]);
        for good in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:80",
            "127.8.8.8",
            "[::1]:3000",
            "flow.example.com",
            "Flow.Example.com:443",
            "flow.example.com.",
            "192.168.1.9:3000",
            "[2001:db8::1]",
        ] {
            assert!(allowed(&hosts, good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xflow.example.com",
            "",
            "192.168.1.90",
            "evil.example:3000",
            "localhost@evil.example",
            "[::1]evil.example",
            "[::1]:3000.evil.example",
            "[::1",
        ] {
            assert!(!allowed(&hosts, bad), "{bad}");
        }
    }

    #[test]
    fn a_foreign_authority_in_the_request_line_is_refused_too() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::HOST,
            warp::http::HeaderValue::from_static("localhost"),
        );
        let uri = Uri::from_static("http://evil.example/api/health");
        assert!(Hosts::default().check(&uri, &headers).is_err());
    }
}
