//! A connection as pages show it. May not know its credential. Promise: a row is bounded, however much there is to name.

use crate::clock::iso_utc;
use crate::engine::redact::cut;
use crate::model::connection::{Connection, ConnectionKind};
use crate::store::ConnectionUse;

/// How many hosts a row of the list names.
const FEW_HOSTS: usize = 3;
/// How much of a workflow's name is shown, in characters.
const NAME_CHARACTERS: usize = 60;

/// One connection.
pub(super) struct ConnectionRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) provider: String,
    pub(super) kind: &'static str,
    pub(super) hosts: Vec<String>,
    pub(super) is_default: bool,
    pub(super) status: &'static str,
    pub(super) last_test: Option<String>,
    pub(super) last_tested: Option<String>,
    pub(super) created: String,
    pub(super) uses: Uses,
}

impl ConnectionRow {
    /// The hosts that the list names.
    pub(super) fn few_hosts(&self) -> &[String] {
        self.hosts.get(..FEW_HOSTS).unwrap_or(&self.hosts)
    }

    /// How many more there are.
    pub(super) fn more_hosts(&self) -> usize {
        self.hosts.len().saturating_sub(FEW_HOSTS)
    }

    /// Whether it is tested by signing in at a mail server.
    pub(super) fn is_mail_server(&self) -> bool {
        self.kind == ConnectionKind::Smtp.as_str()
    }
}

/// The workflows that name a connection.
pub(super) struct Uses {
    pub(super) workflows: Vec<UsingWorkflow>,
    pub(super) has_more: bool,
}

/// One of them.
pub(super) struct UsingWorkflow {
    pub(super) id: String,
    pub(super) name: String,
    /// Whether it asks for any connection of the provider, and so would take another one.
    pub(super) by_provider: bool,
}

/// The uses that were found, of which so many are shown.
pub(super) fn uses(connection: &Connection, found: Vec<ConnectionUse>, most: usize) -> Uses {
    let has_more = found.len() > most;
    let workflows = found.into_iter().take(most).map(|found| UsingWorkflow {
        id: found.workflow.to_string(),
        name: cut(&found.name, NAME_CHARACTERS),
        by_provider: found.reference != connection.id.as_str(),
    });
    Uses {
        workflows: workflows.collect(),
        has_more,
    }
}

/// A connection as it is shown.
pub(super) fn row(connection: &Connection, uses: Uses) -> ConnectionRow {
    ConnectionRow {
        id: connection.id.to_string(),
        name: connection.name.clone(),
        provider: connection.provider.clone(),
        kind: connection.kind.as_str(),
        hosts: connection
            .hosts
            .iter()
            .map(|host| host.to_string())
            .collect(),
        is_default: connection.is_default,
        status: connection.status.as_str(),
        last_test: connection.last_test.clone(),
        last_tested: connection.last_tested_at_ms.map(iso_utc),
        created: iso_utc(connection.created_at_ms),
        uses,
    }
}
