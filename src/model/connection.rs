//! Connections: what is known of a credential for an outside service beside the credential itself.
//! May not know how credentials are kept or sent. Promise: a host is compared in one form (lower case, IDNA as ASCII, no
//! dot at its end), and only whole hosts fit: there are no patterns.

use crate::id::ConnectionId;
use crate::model::plan::{hint, shown};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// The most hosts of a connection.
pub const MAX_HOSTS: usize = 20;
/// The longest name of a connection, in characters.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// How a connection's credential is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionKind {
    /// A key in a header or in the query: `key`, `in` (`header` or `query`), `name`.
    ApiKey,
    /// `Authorization: Bearer …`: `token`.
    Bearer,
    /// `Authorization: Basic …`: `username`, `password`.
    Basic,
    /// A mail server: `host`, `port`, `security`, `username`, `password`, `from`.
    Smtp,
}

impl ConnectionKind {
    /// Every kind.
    pub const ALL: [ConnectionKind; 4] = [
        ConnectionKind::ApiKey,
        ConnectionKind::Bearer,
        ConnectionKind::Basic,
        ConnectionKind::Smtp,
    ];

    /// The kind as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            ConnectionKind::ApiKey => "api-key",
            ConnectionKind::Bearer => "bearer",
            ConnectionKind::Basic => "basic",
            ConnectionKind::Smtp => "smtp",
        }
    }

    /// Reads a kind as it is stored and sent.
    pub fn parse(text: &str) -> Option<ConnectionKind> {
        ConnectionKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// Reads a kind that somebody has written. The error says which there are, and which was probably meant.
    pub fn read(text: &str) -> Result<ConnectionKind, String> {
        ConnectionKind::parse(text).ok_or_else(|| {
            let names = || ConnectionKind::ALL.into_iter().map(ConnectionKind::as_str);
            let (shown, hint) = (shown(&Value::from(text)), hint(text, names()));
            let names: Vec<&str> = names().collect();
            format!(
                "it is {shown}{hint}; it must be one of {}",
                names.join(", ")
            )
        })
    }
}

/// Whether a connection is thought to work. `pending`, `expired` and `disconnected` are for kinds that sign in elsewhere;
/// no connection of this server is ever in them, so they find nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionStatus {
    /// Nothing is known against it.
    Active,
    /// The last test was refused by the other side.
    Error,
    /// Waits for its owner to sign in.
    Pending,
    /// Its credential ran out.
    Expired,
    /// Its owner has signed it out.
    Disconnected,
}

impl ConnectionStatus {
    /// Every status.
    pub const ALL: [ConnectionStatus; 5] = [
        ConnectionStatus::Active,
        ConnectionStatus::Error,
        ConnectionStatus::Pending,
        ConnectionStatus::Expired,
        ConnectionStatus::Disconnected,
    ];

    /// The status as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            ConnectionStatus::Active => "active",
            ConnectionStatus::Error => "error",
            ConnectionStatus::Pending => "pending",
            ConnectionStatus::Expired => "expired",
            ConnectionStatus::Disconnected => "disconnected",
        }
    }

    /// Reads a status as it is stored and sent.
    pub fn parse(text: &str) -> Option<ConnectionStatus> {
        ConnectionStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A connection without its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Row number, the order of lists.
    pub sequence: i64,
    /// What clients call it.
    pub id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// The service that it leads to, in the words of who made it (`stripe`).
    pub provider: String,
    /// How its credential is presented.
    pub kind: ConnectionKind,
    /// Where its credential may be sent; never empty.
    pub hosts: Vec<BoundHost>,
    /// Whether it is the one that is meant when several of a provider are active; one of a provider at most.
    pub is_default: bool,
    /// Whether it is thought to work.
    pub status: ConnectionStatus,
    /// What the last test found, in words.
    pub last_test: Option<String>,
    /// When it was last tested, in milliseconds since the Unix epoch.
    pub last_tested_at_ms: Option<i64>,
    /// In milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// In milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

impl Connection {
    /// For what the credential is sealed: who could change where it may go, or how it is presented, would have to know it.
    pub fn place(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(BoundHost::to_string).collect();
        let (id, kind, hosts) = (&self.id, self.kind.as_str(), hosts.join(","));
        format!("connection:{id}:{kind}:{hosts}")
    }

    /// Whether the credential may be sent there. `host` as a URL has it, without brackets.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.hosts.iter().any(|bound| bound.covers(host, port))
    }
}

/// Which connections are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Only those of this provider.
    pub provider: Option<String>,
    /// Only those in this status.
    pub status: Option<ConnectionStatus>,
}

/// A host that a credential may be sent to; without a port, every port of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BoundHost {
    host: String,
    port: Option<u16>,
}

/// The text is no host; the sentence says what one looks like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a host: write it as `api.example.com`, `api.example.com:8443` or `[2001:db8::1]`, without scheme, path or `*`"
)]
pub struct BadHost(String);

impl BoundHost {
    /// Whether this is the host (as a URL has it, without brackets) and, where one is named, the port.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        let bare = host.strip_suffix('.').unwrap_or(host);
        self.host.eq_ignore_ascii_case(bare) && self.port.is_none_or(|bound| bound == port)
    }

    /// The host, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The one port, `None` for every port.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl FromStr for BoundHost {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<BoundHost, BadHost> {
        let bad = || BadHost(text.chars().take(80).collect());
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => {
                let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                let port: u16 = port.parse().map_err(|_| bad())?;
                if !is_number || port == 0 {
                    return Err(bad());
                }
                (host, Some(port))
            }
            _ => (text, None),
        };
        let is_plain = !host.is_empty()
            && host.len() <= 253
            && !host.contains(|letter: char| {
                letter.is_whitespace() || letter.is_control() || "/?#@\\*%".contains(letter)
            });
        if !is_plain || (host.contains(':') && !host.starts_with('[')) {
            return Err(bad());
        }
        // The same parser that reads the URLs of calls, so that the same host has the same form on both sides.
        let url = Url::parse(&format!("http://{host}/")).map_err(|_| bad())?;
        let host = url.host_str().ok_or_else(bad)?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || url.port().is_some() {
            return Err(bad());
        }
        Ok(BoundHost {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for BoundHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for BoundHost {
    type Error = BadHost;

    fn try_from(text: String) -> Result<BoundHost, BadHost> {
        text.parse()
    }
}

impl From<BoundHost> for String {
    fn from(host: BoundHost) -> String {
        host.to_string()
    }
}

/// Whether `text` can be the word of a provider: what an id can be, and not the beginning of a connection's id.
pub fn is_provider(text: &str) -> bool {
    crate::id::is_id(text) && !text.starts_with("conn_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> BoundHost {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_host_has_one_form() {
        for (text, form) in [
            ("api.example.com", "api.example.com"),
            ("API.Example.COM.", "api.example.com"),
            ("api.example.com:443", "api.example.com:443"),
            ("api.example.com:80", "api.example.com:80"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("2130706433", "127.0.0.1"),
            ("0x7f.1", "127.0.0.1"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("[::1]:9", "[::1]:9"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(bound(text).to_string(), form, "{text}");
            assert_eq!(bound(form), bound(text));
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ".",
            ":80",
            "*",
            "*.example.com",
            "https://a.example",
            "a.example/",
            "a.example/path",
            "a.example:0",
            "a.example:65536",
            "a.example:+80",
            "a.example:",
            "u@a.example",
            "a b",
            "a.example?x",
            "::1",
            "[::1",
            "a%2eb",
        ] {
            assert!(text.parse::<BoundHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_the_whole_host_and_the_port_fit() {
        let any_port = bound("api.example.com");
        let one_port = bound("api.example.com:8443");
        for (host, port, any, one) in [
            ("api.example.com", 443, true, false),
            ("api.example.com", 8443, true, true),
            ("API.example.com.", 8443, true, true),
            ("api.example.com..", 8443, false, false),
            ("xapi.example.com", 8443, false, false),
            ("api.example.com.evil.example", 8443, false, false),
            ("example.com", 8443, false, false),
            ("", 8443, false, false),
        ] {
            assert_eq!(any_port.covers(host, port), any, "{host}:{port}");
            assert_eq!(one_port.covers(host, port), one, "{host}:{port}");
        }
    }

    #[test]
    fn a_provider_is_a_word_that_is_no_id() {
        assert!(is_provider("stripe") && is_provider("my-crm_2"));
        assert!(!is_provider("") && !is_provider("a b") && !is_provider("conn_1"));
    }
}
