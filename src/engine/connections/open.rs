//! A connection whose credential has been decrypted, for one attempt.
//! May not know where credentials are kept. Promise: a credential is put only into a call to a host that the connection is
//! bound to, and that call takes it to no other.

use super::credentials::Credentials;
use crate::engine::outbound::{self, Confined, OutboundRequest};
use crate::engine::redact::Redactor;
use crate::model::connection::{BoundHost, Connection, ConnectionKind};
use crate::model::run::StepError;
use crate::secret::SecretText;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

/// The code of an error that has to do with a connection.
pub const CONNECTION: &str = "CONNECTION_INVALID";

/// A connection and its credential.
#[derive(Debug)]
pub struct OpenConnection {
    connection: Connection,
    credentials: Credentials,
    redactor: Redactor,
}

impl OpenConnection {
    /// What is secret in it is learned by `redactor`.
    pub(super) fn new(
        connection: Connection,
        credentials: Credentials,
        redactor: Redactor,
    ) -> OpenConnection {
        credentials.teach(connection.kind, &redactor);
        OpenConnection {
            connection,
            credentials,
            redactor,
        }
    }

    pub(super) fn into_credentials(self) -> Credentials {
        self.credentials
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.connection.id.as_str()
    }

    /// The service that it leads to.
    pub fn provider(&self) -> &str {
        &self.connection.provider
    }

    /// How its credential is presented.
    pub fn kind(&self) -> ConnectionKind {
        self.connection.kind
    }

    /// Where its credential may be sent.
    pub fn hosts(&self) -> &[BoundHost] {
        &self.connection.hosts
    }

    /// A field of its credential: `token`, `password`, `host` …
    pub fn credential(&self, name: &str) -> Option<&SecretText> {
        self.credentials.get(name)
    }

    /// Whether the credential may be sent to this host and port; the error names the host and the setting. Steps that do not
    /// speak HTTP ask here before they connect.
    pub fn check_host(&self, host: &str, port: u16) -> Result<(), StepError> {
        if self.connection.covers(host, port) {
            return Ok(());
        }
        let bound: Vec<String> = self.hosts().iter().map(BoundHost::to_string).collect();
        Err(StepError::fatal(
            CONNECTION,
            format!(
                "the connection {} is bound to {}; its credential is not sent to {host}:{port}. \
                 Add the host to the connection's `hosts`, or use another connection",
                self.id(),
                bound.join(", ")
            ),
        ))
    }

    /// Puts the credential into the call, in place of one that the call has there already. Refuses a host that the connection
    /// is not bound to; a redirect does not take the credential elsewhere either.
    pub fn authorize(&self, request: &mut OutboundRequest) -> Result<(), StepError> {
        let (host, port) = outbound::url::host_and_port(&request.url)
            .map_err(|message| StepError::fatal(outbound::CONFIG, message))?;
        self.check_host(&host, port)?;
        match self.kind() {
            ConnectionKind::ApiKey => self.put_key(request)?,
            ConnectionKind::Bearer => {
                let token = self.field("token")?;
                set_header(request, "authorization", format!("Bearer {token}"));
            }
            ConnectionKind::Basic => {
                let pair = Zeroizing::new(format!(
                    "{}:{}",
                    self.field("username")?,
                    self.field("password")?
                ));
                let encoded = BASE64_STANDARD.encode(pair.as_bytes());
                set_header(request, "authorization", format!("Basic {encoded}"));
            }
            ConnectionKind::Smtp => {
                return Err(StepError::fatal(
                    CONNECTION,
                    format!(
                        "the connection {} is a mail server's; it cannot be used for HTTP",
                        self.id()
                    ),
                ));
            }
        }
        request.confined = Some(Confined {
            hosts: self.hosts().to_vec(),
            secrets: self.redactor.clone(),
        });
        Ok(())
    }

    fn put_key(&self, request: &mut OutboundRequest) -> Result<(), StepError> {
        let (name, key) = (self.field("name")?, self.field("key")?);
        if self.field("in")? == "query" {
            request.url = outbound::url::with_param(&request.url, name, key)?;
        } else {
            set_header(request, name, key.to_owned());
        }
        Ok(())
    }

    fn field(&self, name: &str) -> Result<&str, StepError> {
        let found = self.credential(name).map(SecretText::expose);
        found.ok_or_else(|| {
            let message = format!("the connection {} has no `{name}`", self.id());
            StepError::fatal(CONNECTION, message)
        })
    }
}

fn set_header(request: &mut OutboundRequest, name: &str, value: String) {
    request
        .headers
        .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    request.headers.push((name.to_owned(), value));
}
