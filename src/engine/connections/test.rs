//! Whether a connection works: one call with its credential. May not know steps. Promise: what is told of the answer holds
//! nothing that was sent.

use super::change::done;
use super::{ConnectionError, Connections, OpenConnection};
use crate::engine::mail::{SMTP_LOGIN, SignIn};
use crate::engine::outbound::OutboundRequest;
use crate::engine::redact::Redactor;
use crate::id::ConnectionId;
use crate::model::audit::ChangedBy;
use crate::model::connection::{BoundHost, ConnectionKind, ConnectionStatus};
use crate::model::plan::DefinitionProblem;
use crate::store::TestRecord;
use serde_json::json;

/// How long a test may take, in milliseconds.
const TIMEOUT_MS: u64 = 10_000;
/// How much of an answer is read, in bytes: it is not looked at.
const MAX_BYTES: usize = 1 << 20;

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// Whether the other side took the call.
    pub ok: bool,
    /// Its status; `None` when there was no answer.
    pub status: Option<u16>,
    /// In words.
    pub message: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// What the other side answered, and what that says of the credential.
struct Finding {
    ok: bool,
    status: Option<u16>,
    message: String,
    /// `None` when it says nothing of the credential.
    standing: Option<ConnectionStatus>,
}

impl Connections {
    /// Makes one call with the credential. Of a mail server it is a login without a mail; of all others a GET to `target`,
    /// which is a URL on a bound host, or a path on the first one over https; `/` when it is `None`. A refused credential
    /// puts the connection into the status `error`, one that was taken into `active`; anything else leaves it.
    pub async fn test(
        &self,
        by: &ChangedBy,
        id: &ConnectionId,
        target: Option<&str>,
    ) -> Result<TestResult, ConnectionError> {
        let stored = self.shared.store.connection(id)?;
        let stored = stored.ok_or(ConnectionError::NotFound)?;
        let redactor = Redactor::default();
        let open = self
            .decrypt(stored, &redactor)
            .map_err(ConnectionError::Conflict)?;
        let found = match (open.kind(), target) {
            (ConnectionKind::Smtp, None) => self.sign_in(&open, &redactor).await?,
            (ConnectionKind::Smtp, Some(_)) => {
                return Err(wrong(
                    "url",
                    "a mail server is tested by signing in; leave `url` out",
                ));
            }
            (_, target) => self.get_with(&open, target, &redactor).await?,
        };
        let result = TestResult {
            ok: found.ok,
            status: found.status,
            message: found.message,
            at_ms: self.shared.clock.now_ms(),
        };
        let record = TestRecord {
            status: found.standing,
            message: result.message.clone(),
            at_ms: result.at_ms,
        };
        let detail = json!({ "ok": result.ok, "status": result.status });
        let entry = by.entry(result.at_ms, "connection.tested", id.as_str(), detail);
        let recorded = self
            .shared
            .store
            .record_connection_test(id.clone(), record, entry);
        done(recorded.await?)?;
        Ok(result)
    }

    /// A GET with the credential: 401 and 403 refuse it, what is below 400 takes it.
    async fn get_with(
        &self,
        open: &OpenConnection,
        target: Option<&str>,
        redactor: &Redactor,
    ) -> Result<Finding, ConnectionError> {
        let mut request = OutboundRequest {
            method: "GET".to_owned(),
            url: url_of(target, open.hosts()),
            headers: Vec::new(),
            body: None,
            timeout_ms: Some(TIMEOUT_MS),
            max_response_bytes: Some(MAX_BYTES),
            confined: None,
        };
        open.authorize(&mut request)
            .map_err(|error| wrong("url", &error.message))?;
        let (status, message) = match self.shared.outbound.send(request).await {
            Ok(answer) => (
                Some(answer.status),
                format!("it answered {}", answer.status),
            ),
            Err(error) => (None, redactor.error(error).message),
        };
        Ok(Finding {
            ok: status.is_some_and(|status| status < 400),
            status,
            message,
            standing: match status {
                Some(401 | 403) => Some(ConnectionStatus::Error),
                Some(status) if status < 400 => Some(ConnectionStatus::Active),
                _ => None,
            },
        })
    }

    /// A login at the mail server, which then may be unable to send all the same. Only a login that is refused for good says
    /// that the credential is wrong.
    async fn sign_in(
        &self,
        open: &OpenConnection,
        redactor: &Redactor,
    ) -> Result<Finding, ConnectionError> {
        let server = open
            .mail_server()
            .map_err(|error| wrong("credentials", &redactor.error(error).message))?;
        let SignIn { status, refusal } = self.shared.mailer.sign_in(&server, TIMEOUT_MS).await;
        let answered = status.map_or_else(String::new, |status| format!("it answered {status}"));
        Ok(match refusal {
            None => Finding {
                ok: true,
                status,
                message: match server.login {
                    Some(_) => answered,
                    None => format!("{answered}; there is no `username`, so no login was tried"),
                },
                standing: Some(ConnectionStatus::Active),
            },
            Some(error) => Finding {
                ok: false,
                status,
                standing: (error.code == SMTP_LOGIN && !error.retryable)
                    .then_some(ConnectionStatus::Error),
                message: redactor.error(error).message,
            },
        })
    }
}

fn url_of(target: Option<&str>, hosts: &[BoundHost]) -> String {
    let target = target.unwrap_or("/");
    match hosts.first() {
        Some(first) if target.starts_with('/') => format!("https://{first}{target}"),
        _ => target.to_owned(),
    }
}

fn wrong(place: &str, message: &str) -> ConnectionError {
    ConnectionError::Invalid(vec![DefinitionProblem {
        place: place.to_owned(),
        message: message.to_owned(),
    }])
}
