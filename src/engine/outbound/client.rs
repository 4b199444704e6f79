//! Connections, redirects and the bounded answer.
//! May not know what a call is for. Promise: the address that is connected to is the one that was checked, because names
//! are resolved in one place, which drops what the policy refuses, and addresses in URLs are checked on every hop.

use super::address::{Policy, Refused};
use super::lookup::Lookup;
use super::redirect::{self, Hop};
use super::streaming::{Streaming, answer, innermost};
use super::url;
use super::{
    ADDRESS_REFUSED, CONFIG, CONNECTION, CONNECTION_LOST, MAX_REDIRECTS, MAX_REQUEST_HEADER_BYTES,
    MAX_REQUEST_HEADERS, OutboundOptions, OutboundRequest, OutboundResponse, REDIRECT, TIMEOUT,
};
use crate::model::run::StepError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Response};
use std::{
    collections::HashMap,
    error::Error,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
const USER_AGENT: &str = concat!("flowlatch/", env!("CARGO_PKG_VERSION"));
/// More ports than this are not called in a while; then the connections kept for all of them are dropped.
const MAX_PORTS: usize = 64;
const MAX_IDLE_PER_HOST: usize = 8;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Headers that say where a message ends or whom it is for: the client writes them, else two readers could disagree.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A call that can be made.
struct Call {
    hop: Hop,
    max_bytes: usize,
    timeout_ms: u64,
    /// What is said when it takes longer.
    late: String,
}

/// The client behind every handle.
pub(super) struct Client {
    policy: Arc<Policy>,
    lookup: Lookup,
    tls: rustls::ClientConfig,
    max_response_bytes: usize,
    timeout_ms: u64,
    /// The setting that says `timeout_ms`, where there is one.
    timeout_setting: Option<&'static str>,
    /// Whether errors may show the paths of URLs: not of those that the operator has written, which users do not see.
    shows_paths: bool,
    /// One a port: a resolver is told only the name, and the policy needs the port.
    by_port: Mutex<HashMap<u16, reqwest::Client>>,
}

impl Client {
    pub(super) fn new(options: OutboundOptions) -> Result<Client, String> {
        let OutboundOptions {
            allow,
            max_response_bytes,
            timeout_ms,
            lookup,
        } = options;
        Ok(Client {
            policy: Arc::new(Policy::parse(&allow)?),
            lookup,
            tls: tls_config(&[])?,
            max_response_bytes,
            timeout_ms,
            timeout_setting: Some("http_timeout_ms"),
            shows_paths: true,
            by_port: Mutex::default(),
        })
    }

    /// A client of the same policy that may also call `allow`, has a time limit of its own, and shows no paths.
    pub(super) fn for_use(
        &self,
        allow: &[String],
        timeout_ms: u64,
        timeout_setting: Option<&'static str>,
    ) -> Result<Client, String> {
        Ok(Client {
            policy: Arc::new(self.policy.allowing(allow)?),
            lookup: self.lookup.clone(),
            tls: self.tls.clone(),
            max_response_bytes: self.max_response_bytes,
            timeout_ms,
            timeout_setting,
            shows_paths: false,
            by_port: Mutex::default(),
        })
    }

    pub(super) fn tls(&self) -> &rustls::ClientConfig {
        &self.tls
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    pub(super) async fn send(
        &self,
        request: OutboundRequest,
    ) -> Result<OutboundResponse, StepError> {
        let Call {
            hop,
            max_bytes,
            timeout_ms,
            late,
        } = self.call(request)?;
        let call = Box::pin(async {
            let (response, from) = self.reach(hop).await?;
            answer(response, &from, max_bytes).await
        });
        tokio::time::timeout(Duration::from_millis(timeout_ms), call)
            .await
            .unwrap_or_else(|_| Err(StepError::transient(TIMEOUT, late)))
    }

    pub(super) async fn status_of(&self, request: OutboundRequest) -> Result<u16, StepError> {
        let Call {
            hop,
            timeout_ms,
            late,
            ..
        } = self.call(request)?;
        let call = Box::pin(self.request(&hop, true));
        let answered = tokio::time::timeout(Duration::from_millis(timeout_ms), call).await;
        let response = answered.unwrap_or_else(|_| Err(StepError::transient(TIMEOUT, late)))?;
        Ok(response.status().as_u16())
    }

    /// As [`Client::send`], with the body as it comes.
    pub(super) async fn open(&self, request: OutboundRequest) -> Result<Streaming, StepError> {
        let Call {
            hop,
            max_bytes,
            timeout_ms,
            late,
        } = self.call(request)?;
        let mut deadline = Box::pin(tokio::time::sleep(Duration::from_millis(timeout_ms)));
        let (response, from) = tokio::select! {
            reached = self.reach(hop) => reached?,
            () = &mut deadline => return Err(StepError::transient(TIMEOUT, late)),
        };
        Ok(Streaming::new(response, from, max_bytes, deadline, late))
    }

    /// A call within its bounds, before anything is sent.
    fn call(&self, request: OutboundRequest) -> Result<Call, StepError> {
        let max_bytes = request
            .max_response_bytes
            .map_or(self.max_response_bytes, |bytes| {
                bytes.min(self.max_response_bytes)
            });
        let timeout_ms = request
            .timeout_ms
            .map_or(self.timeout_ms, |ms| ms.min(self.timeout_ms));
        let mut hop = first_hop(request).map_err(|message| StepError::fatal(CONFIG, message))?;
        hop.shows_path = self.shows_paths;
        let setting = self
            .timeout_setting
            .filter(|_| timeout_ms == self.timeout_ms);
        let whose = setting.map_or(String::new(), |setting| format!(" (setting `{setting}`)"));
        let late = format!(
            "{} {} took longer than {timeout_ms} ms{whose}",
            hop.method,
            hop.shown()
        );
        Ok(Call {
            hop,
            max_bytes,
            timeout_ms,
            late,
        })
    }

    /// The call with its redirects: the answer, and what may be shown of the URL that it came from.
    async fn reach(&self, mut hop: Hop) -> Result<(Response, String), StepError> {
        for redirects in 0..=MAX_REDIRECTS {
            let response = self.request(&hop, redirects == 0).await?;
            let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
            match redirect::next(&hop, response.status(), location)? {
                Some(next) => {
                    redirect::confine(&hop, &next).await?;
                    hop = next;
                }
                None => return Ok((response, hop.shown())),
            }
        }
        Err(StepError::fatal(
            REDIRECT,
            format!(
                "more than {MAX_REDIRECTS} redirects; the last leads to {}",
                hop.shown()
            ),
        ))
    }

    async fn request(&self, hop: &Hop, is_first: bool) -> Result<Response, StepError> {
        let port = hop.url.port_or_known_default().unwrap_or_default();
        let host = url::bare_host(&hop.url);
        if let Ok(address) = host.parse::<IpAddr>() {
            self.policy
                .check(host, address, port)
                .map_err(|refused| StepError::fatal(ADDRESS_REFUSED, refused.to_string()))?;
        }
        let mut request = self
            .client(port)?
            .request(hop.method.clone(), hop.url.clone())
            .headers(hop.headers.clone());
        if let Some(body) = &hop.body {
            request = request.body(body.clone());
        }
        request
            .send()
            .await
            .map_err(|error| failure(&error, hop, is_first))
    }

    fn client(&self, port: u16) -> Result<reqwest::Client, StepError> {
        let mut by_port = self.by_port.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = by_port.get(&port) {
            return Ok(client.clone());
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .dns_resolver(CheckedResolver {
                policy: Arc::clone(&self.policy),
                lookup: self.lookup.clone(),
                port,
            })
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(|error| {
                let cause = innermost(&error);
                StepError::fatal(CONFIG, format!("the HTTP client cannot be made: {cause}"))
            })?;
        if by_port.len() >= MAX_PORTS {
            by_port.clear();
        }
        by_port.insert(port, client.clone());
        Ok(client)
    }
}

/// Resolves names for one port, and hands on only addresses that the policy permits.
struct CheckedResolver {
    policy: Arc<Policy>,
    lookup: Lookup,
    port: u16,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (Arc::clone(&self.policy), self.lookup.clone());
        let port = self.port;
        Box::pin(async move {
            let host = name.as_str();
            let addresses = lookup.addresses(host, port).await?;
            let permitted = policy.permitted(host, addresses.into_iter(), port)?;
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

/// TLS with the roots of the public web and `more` of them; what the machine trusts otherwise does not count.
pub(super) fn tls_config(more: &[Vec<u8>]) -> Result<rustls::ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for certificate in more {
        roots
            .add(certificate.clone().into())
            .map_err(|error| format!("a certificate cannot be a root: {error}"))?;
    }
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Checks a call's method, URL and headers. The error names the header, never its value.
fn first_hop(request: OutboundRequest) -> Result<Hop, String> {
    let method = request.method.to_ascii_uppercase();
    if !METHODS.contains(&method.as_str()) {
        return Err(format!(
            "the method `{}` is none of {}",
            request.method,
            METHODS.join(", ")
        ));
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let url = url::parse(&request.url)?;
    if request.headers.len() > MAX_REQUEST_HEADERS {
        return Err(format!(
            "{} headers are more than {MAX_REQUEST_HEADERS}",
            request.headers.len()
        ));
    }
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for (name, value) in request.headers {
        bytes += name.len() + value.len();
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("`{name}` is not a name of a header"))?;
        if OWN_HEADERS.contains(&header.as_str()) {
            return Err(format!(
                "the header `{header}` is written by the client; leave it out"
            ));
        }
        let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            format!(
                "the value of the header `{header}` holds a line break or another control character"
            )
        })?;
        // Any of them may be a credential: no library below shows it.
        value.set_sensitive(true);
        headers.append(header, value);
    }
    if bytes > MAX_REQUEST_HEADER_BYTES {
        return Err(format!(
            "the headers have {bytes} bytes, more than {MAX_REQUEST_HEADER_BYTES}"
        ));
    }
    Ok(Hop {
        method,
        url,
        headers,
        body: request.body.map(Into::into),
        confined: request.confined.map(Arc::new),
        shows_path: true,
    })
}

/// Whether a credential can be sent in this header; if not, a sentence that says why. Those that the client writes cannot be,
/// and those that follow a redirect anywhere must not be.
pub fn check_credential_header(name: &str) -> Result<(), String> {
    let header = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "it is not a name of a header".to_owned())?;
    if OWN_HEADERS.contains(&header.as_str()) || redirect::is_harmless(&header) {
        return Err(format!(
            "the header `{header}` is no place for a credential"
        ));
    }
    Ok(())
}

/// Why a request got no answer. The error's own text is not used, since it holds the URL with its query.
fn failure(error: &reqwest::Error, hop: &Hop, is_first: bool) -> StepError {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(known) = cause {
        if let Some(refused) = known.downcast_ref::<Refused>() {
            return StepError::fatal(ADDRESS_REFUSED, refused.to_string());
        }
        cause = known.source();
    }
    let (method, url, cause) = (&hop.method, hop.shown(), innermost(error));
    if error.is_connect() {
        let code = if is_first {
            CONNECTION
        } else {
            CONNECTION_LOST
        };
        StepError::transient(code, format!("cannot connect to {url}: {cause}"))
    } else {
        let message = format!("{method} {url} got no answer: {cause}");
        StepError::transient(CONNECTION_LOST, message)
    }
}
