//! The one HTTP client for everything that steps call outside.
//! May not know steps, runs or keys. Promise: the address is checked at connect and after every redirect, the server's own
//! port is always refused, and every answer is bounded in size and time.
//!
//! - [`address`]: which addresses may be reached; pure but for the question whether an address is this machine's.
//! - [`url`]: what callers need of URLs, so that nobody else parses them.
//! - `client`: connections, redirects, the bounded answer.
//! - `connect`: connections of other protocols, under the same policy.
//! - `lookup`: where a host is.
//! - [`status`]: what an answer that is no success means for another attempt.
//!
//! No proxy is taken from the environment, no cookie is kept, no body is decompressed.

pub mod address;
mod client;
mod connect;
mod lookup;
mod redirect;
pub mod status;
mod streaming;
pub mod url;

use super::redact::Redactor;
use crate::model::connection::BoundHost;
use crate::model::run::StepError;
use client::Client;
pub use client::check_credential_header;
pub use lookup::Lookup;
use std::net::{IpAddr, Ipv4Addr};
use std::{fmt, sync::Arc};
pub use streaming::Streaming;

/// No connection was made on the first hop: nothing of the call reached the other side.
pub const CONNECTION: &str = "CONNECTION";
/// The connection broke (or a redirect's target could not be reached) after the call may have been seen.
pub const CONNECTION_LOST: &str = "CONNECTION_LOST";
/// The call took longer than it may; nobody knows what the other side did.
pub const TIMEOUT: &str = "TIMEOUT";
/// The address policy forbids the target.
pub const ADDRESS_REFUSED: &str = "ADDRESS_REFUSED";
/// The answer was larger than it may be.
pub const RESPONSE_TOO_LARGE: &str = "RESPONSE_TOO_LARGE";
/// Too many redirects, or one that leads nowhere.
pub const REDIRECT: &str = "REDIRECT";
/// The call itself is malformed: method, URL or headers.
pub const CONFIG: &str = "CONFIG";

/// The most headers of a call.
pub const MAX_REQUEST_HEADERS: usize = 100;
/// The most bytes in the names and values of a call's headers.
pub const MAX_REQUEST_HEADER_BYTES: usize = 32 * 1024;
/// The longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 16 * 1024;
/// The most redirects that are followed.
pub const MAX_REDIRECTS: usize = 10;

/// What the client takes from the configuration.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// `host`, `host:port` or address ranges that may be reached although the policy refuses them.
    pub allow: Vec<String>,
    /// The largest answer, in bytes.
    pub max_response_bytes: usize,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: u64,
    /// Who is asked where a host is.
    pub lookup: Lookup,
}

/// A call.
#[derive(Clone)]
pub struct OutboundRequest {
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`.
    pub method: String,
    /// An absolute http or https URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// Sent as it is.
    pub body: Option<Vec<u8>>,
    /// Shorter than the option's, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Smaller than the option's, in bytes.
    pub max_response_bytes: Option<usize>,
    /// What of the call may reach only some hosts; `None` for nothing. A connection sets it when it authorizes the call.
    pub confined: Option<Confined>,
}

/// Secrets in a call, and the hosts that may see them: no redirect takes them elsewhere.
#[derive(Debug, Clone)]
pub struct Confined {
    /// Who may see them.
    pub hosts: Vec<BoundHost>,
    /// Finds them.
    pub secrets: Redactor,
}

/// Shows where the call goes, not what it carries.
impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, url::shown(&self.url))
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct OutboundResponse {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values; of repeated ones joined by `, `.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl OutboundResponse {
    /// The value of the header `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A handle to the client; clones share it.
#[derive(Clone)]
pub struct Outbound(Arc<Client>);

impl Outbound {
    /// Makes the client; a wrong entry of `allow` is an error that names it.
    pub fn new(options: OutboundOptions) -> Result<Outbound, String> {
        Ok(Outbound(Arc::new(Client::new(options)?)))
    }

    /// A client for one use: it may also call `allow` (entries as in the setting `outbound_allow`), and each call may take
    /// `timeout_ms`, which the setting `timeout_setting` says, if one does. Its errors show hosts without paths, where the operator may
    /// have put a token. What [`Outbound::set_own_ports`] tells one, it tells both.
    pub fn for_use(
        &self,
        allow: &[String],
        timeout_ms: u64,
        timeout_setting: Option<&'static str>,
    ) -> Result<Outbound, String> {
        let client = self.0.for_use(allow, timeout_ms, timeout_setting)?;
        Ok(Outbound(Arc::new(client)))
    }

    /// Tells the client which ports the server listens on, so that it never calls itself.
    pub fn set_own_ports(&self, ports: &[u16]) {
        self.0.policy().set_own_ports(ports);
    }

    /// Whether a URL that another server is to fetch names an address that calls from here may not reach. A name is not looked up,
    /// but for `localhost`: where it leads is for whoever fetches to find out.
    pub fn check_written(&self, text: &str) -> Result<(), StepError> {
        let wrong = |message: String| StepError::fatal(CONFIG, message);
        let (host, port) = url::host_and_port(text).map_err(wrong)?;
        let name = host.trim_end_matches('.');
        let is_own = name == "localhost" || name.ends_with(".localhost");
        let address = match is_own {
            true => Some(Ipv4Addr::LOCALHOST.into()),
            false => host.parse::<IpAddr>().ok(),
        };
        let checked = address.map_or(Ok(()), |address| {
            self.0.policy().check(&host, address, port)
        });
        checked.map_err(|refused| StepError::fatal(ADDRESS_REFUSED, refused.to_string()))
    }

    /// Makes a call and follows its redirects; any status is an answer. The error's code is one of this module's; only
    /// `CONNECTION`, `CONNECTION_LOST` and `TIMEOUT` may be gone the next time.
    pub async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, StepError> {
        self.0.send(request).await
    }

    /// Makes one call, follows no redirect, and gives the status of the answer: for who has nothing to read in it.
    pub async fn status_of(&self, request: OutboundRequest) -> Result<u16, StepError> {
        self.0.status_of(request).await
    }

    /// As [`Outbound::send`], with the body of the answer as it comes.
    pub async fn open(&self, request: OutboundRequest) -> Result<Streaming, StepError> {
        self.0.open(request).await
    }
}
