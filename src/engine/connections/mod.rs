//! Connections: credentials of outside services, kept encrypted, and presented only where they belong.
//! May not know steps or HTTP's doors. Promises: a credential never comes back to a client; it is decrypted for one attempt
//! at a time; it is sent to no host that its connection is not bound to.
//!
//! - [`credentials`]: what a credential consists of.
//! - [`open`]: one of them, decrypted, on its way into a call.
//! - `mail_server`: the one that an `smtp` connection leads to.
//! - `change`: create, change, delete. `test`: whether one works.

mod change;
mod credentials;
mod mail_server;
mod open;
mod test;

pub use change::{ConnectionChange, NewConnection};
pub use credentials::Credentials;
pub use open::{CONNECTION, OpenConnection};
pub use test::TestResult;

use super::mail::Mailer;
use super::outbound::Outbound;
use super::redact::{Redactor, cut};
use crate::clock::Clock;
use crate::id::ConnectionId;
use crate::model::connection::Connection;
use crate::model::plan::DefinitionProblem;
use crate::model::run::StepError;
use crate::secret::MasterKey;
use crate::store::{Store, StoreError, StoredConnection};
use std::sync::Arc;

/// Why a connection was not made, changed or tested.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Every mistake, with its place.
    #[error("the connection has {} problem(s)", .0.len())]
    Invalid(Vec<DefinitionProblem>),
    /// No such connection.
    #[error("no such connection")]
    NotFound,
    /// The state does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that the server promised itself is not so; never tells a secret.
    #[error("{0}")]
    Internal(String),
}

/// A handle to the connections; clones share them. The one that an attempt has also knows which connection its run was
/// started with, and remembers which secrets were used.
#[derive(Clone)]
pub struct Connections {
    shared: Arc<Shared>,
    choice: Option<ConnectionId>,
    redactor: Redactor,
}

struct Shared {
    store: Store,
    clock: Clock,
    key: MasterKey,
    outbound: Outbound,
    mailer: Mailer,
    /// Held by whoever changes one, from reading it until the change is written: changes are one after another.
    edits: tokio::sync::Mutex<()>,
}

impl Connections {
    /// Over this store; `key` is the one that everything in it is encrypted with. Tests go out through `outbound` and `mailer`.
    pub fn new(
        store: Store,
        clock: Clock,
        key: MasterKey,
        outbound: Outbound,
        mailer: Mailer,
    ) -> Connections {
        Connections {
            shared: Arc::new(Shared {
                store,
                clock,
                key,
                outbound,
                mailer,
                edits: tokio::sync::Mutex::default(),
            }),
            choice: None,
            redactor: Redactor::default(),
        }
    }

    /// The handle of one attempt: `choice` is the connection that the run was started with, `redactor` learns what is used.
    pub(super) fn for_attempt(
        &self,
        choice: Option<ConnectionId>,
        redactor: Redactor,
    ) -> Connections {
        Connections {
            shared: self.shared.clone(),
            choice,
            redactor,
        }
    }

    /// The connection that `reference` means, decrypted: an id (`conn_…`), or a provider's word (`stripe`), which means the
    /// one that the run was started with if it is of that provider, else the only active one, else the default one. A point
    /// read. Errors are final and have the code [`CONNECTION`], but for those of the store.
    pub fn open(&self, reference: &str) -> Result<OpenConnection, StepError> {
        let reference = reference.trim();
        let found = if reference.starts_with("conn_") {
            self.by_id(reference)?
        } else {
            self.of_provider(reference)?
        };
        self.decrypt(found, &self.redactor)
            .map_err(|message| StepError::fatal(CONNECTION, message))
    }

    /// One connection without its credential.
    pub fn get(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let found = self.shared.store.connection(id)?;
        Ok(found.map(|found| found.connection))
    }

    fn by_id(&self, reference: &str) -> Result<StoredConnection, StepError> {
        let found = match reference.parse() {
            Ok(id) => self
                .shared
                .store
                .connection(&id)
                .map_err(|error| unreadable(&error))?,
            Err(_) => None,
        };
        found.ok_or_else(|| {
            let shown = cut(reference, 80);
            StepError::fatal(CONNECTION, format!("there is no connection `{shown}`"))
        })
    }

    fn of_provider(&self, provider: &str) -> Result<StoredConnection, StepError> {
        if let Some(choice) = &self.choice
            && let Some(chosen) = self
                .shared
                .store
                .connection(choice)
                .map_err(|error| unreadable(&error))?
            && chosen.connection.provider == provider
        {
            return Ok(chosen);
        }
        let active = self.shared.store.active_connections(provider);
        let active = active.map_err(|error| unreadable(&error))?;
        let is_alone = active.len() == 1;
        let shown = cut(provider, 80);
        match active.into_iter().next() {
            None => Err(StepError::fatal(
                CONNECTION,
                format!("there is no active connection of the provider `{shown}`"),
            )),
            Some(first) if is_alone || first.connection.is_default => Ok(first),
            Some(_) => Err(StepError::fatal(
                CONNECTION,
                format!(
                    "there are several active connections of the provider `{shown}`, and none is its default: \
                     name one by its id, make one the default, or start the run with `connectionId`"
                ),
            )),
        }
    }

    fn decrypt(
        &self,
        stored: StoredConnection,
        redactor: &Redactor,
    ) -> Result<OpenConnection, String> {
        let connection = stored.connection;
        let plain = self.shared.key.open(&stored.sealed, &connection.place());
        let plain = plain.map_err(|error| {
            format!(
                "the credential of the connection {} is unreadable: {error}",
                connection.id
            )
        })?;
        let credentials: Credentials = serde_json::from_slice(&plain).map_err(|_| {
            format!(
                "the credential of the connection {} is not what was kept; set it again",
                connection.id
            )
        })?;
        Ok(OpenConnection::new(
            connection,
            credentials,
            redactor.clone(),
        ))
    }
}

fn unreadable(error: &StoreError) -> StepError {
    log::error!("a connection cannot be read: {error}");
    StepError::transient(
        "INTERNAL",
        "the connection cannot be read now; the server's log has the cause",
    )
}
