//! Whether a connection works: one call with its credential. May not know steps. Promise: what is told of the answer holds
//! nothing that was sent.

use super::change::done;
use super::{ConnectionError, Connections};
use crate::engine::changed_by::ChangedBy;
use crate::engine::outbound::OutboundRequest;
use crate::engine::redact::Redactor;
use crate::id::ConnectionId;
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

impl Connections {
    /// Makes a GET with the credential. `target` is a URL on a bound host, or a path on the first one over https; `/` when it
    /// is `None`. An answer of 401 or 403 puts the connection into the status `error`, one below 400 into `active`; any other
    /// says nothing about the credential.
    pub async fn test(
        &self,
        by: &ChangedBy,
        id: &ConnectionId,
        target: Option<&str>,
    ) -> Result<TestResult, ConnectionError> {
        let stored = self.shared.store.connection(id)?;
        let stored = stored.ok_or(ConnectionError::NotFound)?;
        if stored.connection.kind == ConnectionKind::Smtp {
            return Err(wrong(
                "a mail server cannot be tested with a GET; send a mail through it",
            ));
        }
        let url = url_of(target, &stored.connection.hosts);
        let redactor = Redactor::default();
        let open = self
            .decrypt(stored, &redactor)
            .map_err(ConnectionError::Conflict)?;
        let mut request = OutboundRequest {
            method: "GET".to_owned(),
            url,
            headers: Vec::new(),
            body: None,
            timeout_ms: Some(TIMEOUT_MS),
            max_response_bytes: Some(MAX_BYTES),
            confined: None,
        };
        open.authorize(&mut request)
            .map_err(|error| wrong(&error.message))?;
        let answer = self.shared.outbound.send(request).await;
        let (status, message) = match answer {
            Ok(answer) => (
                Some(answer.status),
                format!("it answered {}", answer.status),
            ),
            Err(error) => (None, redactor.error(error).message),
        };
        let result = TestResult {
            ok: status.is_some_and(|status| status < 400),
            status,
            message,
            at_ms: self.shared.clock.now_ms(),
        };
        let record = TestRecord {
            status: match status {
                Some(401 | 403) => Some(ConnectionStatus::Error),
                Some(status) if status < 400 => Some(ConnectionStatus::Active),
                _ => None,
            },
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
}

fn url_of(target: Option<&str>, hosts: &[BoundHost]) -> String {
    let target = target.unwrap_or("/");
    match hosts.first() {
        Some(first) if target.starts_with('/') => format!("https://{first}{target}"),
        _ => target.to_owned(),
    }
}

fn wrong(message: &str) -> ConnectionError {
    ConnectionError::Invalid(vec![DefinitionProblem {
        place: "url".to_owned(),
        message: message.to_owned(),
    }])
}
