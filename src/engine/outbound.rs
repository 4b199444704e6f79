//! The one HTTP client for everything that steps call outside.
//! May not know steps, runs or keys. Promise: the address is checked at connect and after every redirect, the server's own
//! port is always refused, and every answer is bounded in size and time.
use crate::model::run::StepError;

/// What the client takes from the configuration.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// `host`, `host:port` or address ranges that may be reached although the policy refuses them.
    pub allow: Vec<String>,
    /// The largest answer, in bytes.
    pub max_response_bytes: usize,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: u64,
}

/// A call.
#[derive(Debug, Clone)]
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

/// A handle to the client; clones share it.
#[derive(Clone)]
pub struct Outbound;

impl Outbound {
    /// Makes the client; a wrong entry of `allow` is an error that names it.
    pub fn new(_options: OutboundOptions) -> Result<Outbound, String> {
        unimplemented!()
    }
    /// Tells the client which ports the server listens on, so that it never calls itself.
    pub fn set_own_ports(&self, _ports: &[u16]) {
        unimplemented!()
    }
    /// Makes a call; any status is an answer.
    pub async fn send(&self, _request: OutboundRequest) -> Result<OutboundResponse, StepError> {
        unimplemented!()
    }
}
