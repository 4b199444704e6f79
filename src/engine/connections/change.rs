//! Making, changing and deleting connections. Promises: every mistake at once, each with its place; a credential's reach
//! never grows without the credential: who adds a host has to give it again.

use super::{ConnectionError, Connections, Credentials};
use crate::engine::redact::Redactor;
use crate::id::ConnectionId;
use crate::model::audit::ChangedBy;
use crate::model::connection::{
    BoundHost, Connection, ConnectionFilter, ConnectionKind, ConnectionStatus, MAX_HOSTS,
    MAX_NAME_CHARACTERS, is_provider,
};
use crate::model::page::{Page, PageRequest};
use crate::model::plan::DefinitionProblem;
use crate::store::{Edit, StoreError, StoredConnection};
use serde_json::{Value, json};

/// A connection to be made.
#[derive(Debug)]
pub struct NewConnection {
    /// What people call it, 1 to 255 characters.
    pub name: String,
    /// The service, one word.
    pub provider: String,
    /// How its credential is presented: the word of a [`ConnectionKind`].
    pub kind: String,
    /// The credential.
    pub credentials: Credentials,
    /// Where it may be sent: `host` or `host:port`. May be left empty for a mail server, which is its own host.
    pub hosts: Vec<String>,
    /// Whether it becomes its provider's default one.
    pub is_default: bool,
}

/// What is to be changed of a connection; `None` stays as it is.
#[derive(Debug, Default)]
pub struct ConnectionChange {
    /// Its name.
    pub name: Option<String>,
    /// Its credential, whole.
    pub credentials: Option<Credentials>,
    /// Where the credential may be sent.
    pub hosts: Option<Vec<String>>,
    /// Whether it is its provider's default one.
    pub is_default: Option<bool>,
}

impl Connections {
    /// A page of connections, newest first.
    pub async fn list(
        &self,
        filter: ConnectionFilter,
        page: PageRequest,
    ) -> Result<Page<Connection>, StoreError> {
        self.shared.store.list_connections(filter, page).await
    }

    /// Makes a connection.
    pub async fn create(
        &self,
        by: &ChangedBy,
        new: NewConnection,
    ) -> Result<Connection, ConnectionError> {
        let mut problems = Vec::new();
        check_name(&new.name, &mut problems);
        if !is_provider(&new.provider) {
            let message = "a provider is one word, 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`, that does not start with `conn_`";
            problems.push(problem("provider", message));
        }
        let kind = match ConnectionKind::read(&new.kind) {
            Ok(kind) => kind,
            // What the rest has to be depends on it.
            Err(message) => {
                problems.push(problem("type", &message));
                return Err(ConnectionError::Invalid(problems));
            }
        };
        let credentials = new.credentials.complete(kind);
        let credentials = credentials.map_err(|more| problems.extend(more)).ok();
        let hosts = hosts(kind, new.hosts, credentials.as_ref(), &mut problems);
        let (Some(credentials), true) = (credentials, problems.is_empty()) else {
            return Err(ConnectionError::Invalid(problems));
        };
        let now_ms = self.shared.clock.now_ms();
        let connection = Connection {
            sequence: 0,
            id: ConnectionId::generate(),
            name: new.name,
            provider: new.provider,
            kind,
            hosts,
            is_default: new.is_default,
            status: ConnectionStatus::Active,
            last_test: None,
            last_tested_at_ms: None,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
        };
        let entry = by.entry(
            now_ms,
            "connection.created",
            connection.id.as_str(),
            told(&connection),
        );
        let stored = self.seal(connection.clone(), &credentials)?;
        done(self.shared.store.insert_connection(stored, entry).await?)?;
        Ok(connection)
    }

    /// Changes a connection. With `credentials`, the former credential is replaced and no test counts any more.
    pub async fn change(
        &self,
        by: &ChangedBy,
        id: &ConnectionId,
        change: ConnectionChange,
    ) -> Result<Connection, ConnectionError> {
        let _one_after_another = self.shared.edits.lock().await;
        let stored = self.shared.store.connection(id)?;
        let stored = stored.ok_or(ConnectionError::NotFound)?;
        let mut next = stored.connection.clone();
        let mut problems = Vec::new();
        if let Some(name) = change.name {
            check_name(&name, &mut problems);
            next.name = name;
        }
        let mut given = None;
        if let Some(credentials) = change.credentials {
            match credentials.complete(next.kind) {
                Ok(complete) => given = Some(complete),
                Err(more) => problems.extend(more),
            }
        }
        if let Some(texts) = change.hosts {
            next.hosts = hosts(next.kind, texts, given.as_ref(), &mut problems);
            let is_new = |host: &&BoundHost| !reaches(&stored.connection, host);
            if given.is_none()
                && let Some(host) = next.hosts.iter().find(is_new)
            {
                let message = format!(
                    "`{host}` is a new host: send `credentials` too, since a credential goes nowhere without whoever knows it"
                );
                problems.push(problem("hosts", &message));
            }
        } else if let Some(credentials) = &given {
            check_server(next.kind, credentials, &next.hosts, &mut problems);
        }
        if !problems.is_empty() {
            return Err(ConnectionError::Invalid(problems));
        }
        next.is_default = change.is_default.unwrap_or(next.is_default);
        next.updated_at_ms = self.shared.clock.now_ms();
        let action = if given.is_some() {
            "connection.rotated"
        } else {
            "connection.updated"
        };
        let credentials = match given {
            Some(credentials) => {
                next.status = ConnectionStatus::Active;
                next.last_test = None;
                next.last_tested_at_ms = None;
                credentials
            }
            None => {
                let open = self.decrypt(stored, &Redactor::default());
                open.map_err(ConnectionError::Conflict)?.into_credentials()
            }
        };
        let entry = by.entry(next.updated_at_ms, action, id.as_str(), told(&next));
        let sealed = self.seal(next.clone(), &credentials)?;
        done(self.shared.store.update_connection(sealed, entry).await?)?;
        Ok(next)
    }

    /// Deletes a connection with its credential. Steps that name it fail from now on.
    pub async fn delete(
        &self,
        by: &ChangedBy,
        id: &ConnectionId,
    ) -> Result<Connection, ConnectionError> {
        let _one_after_another = self.shared.edits.lock().await;
        let connection = self.get(id)?.ok_or(ConnectionError::NotFound)?;
        let now_ms = self.shared.clock.now_ms();
        let entry = by.entry(now_ms, "connection.deleted", id.as_str(), told(&connection));
        done(
            self.shared
                .store
                .delete_connection(id.clone(), entry)
                .await?,
        )?;
        Ok(connection)
    }

    fn seal(
        &self,
        connection: Connection,
        credentials: &Credentials,
    ) -> Result<StoredConnection, ConnectionError> {
        let internal = |error: &dyn std::fmt::Display| ConnectionError::Internal(error.to_string());
        let plain = credentials.to_json().map_err(|error| internal(&error))?;
        let sealed = self.shared.key.seal(&plain, &connection.place());
        Ok(StoredConnection {
            sealed: sealed.map_err(|error| internal(&error))?,
            connection,
        })
    }
}

/// What the audit log tells of a connection.
fn told(connection: &Connection) -> Value {
    json!({
        "name": connection.name,
        "provider": connection.provider,
        "type": connection.kind.as_str(),
        "hosts": connection.hosts,
        "isDefault": connection.is_default,
    })
}

fn problem(place: &str, message: &str) -> DefinitionProblem {
    DefinitionProblem {
        place: place.to_owned(),
        message: message.to_owned(),
    }
}

fn check_name(name: &str, problems: &mut Vec<DefinitionProblem>) {
    let length = name.chars().count();
    if !(1..=MAX_NAME_CHARACTERS).contains(&length) || name.chars().any(char::is_control) {
        let message =
            format!("a name has 1 to {MAX_NAME_CHARACTERS} characters, and no control character");
        problems.push(problem("name", &message));
    }
}

/// Reads the hosts that were given. A mail server that comes without any is bound to itself.
fn hosts(
    kind: ConnectionKind,
    texts: Vec<String>,
    credentials: Option<&Credentials>,
    problems: &mut Vec<DefinitionProblem>,
) -> Vec<BoundHost> {
    let texts = match own_server(kind, credentials) {
        Some(server) if texts.is_empty() => vec![server],
        _ => texts,
    };
    if texts.is_empty() || texts.len() > MAX_HOSTS {
        let message = format!("name 1 to {MAX_HOSTS} hosts that the credential may be sent to");
        problems.push(problem("hosts", &message));
        return Vec::new();
    }
    let mut hosts: Vec<BoundHost> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(host) if hosts.contains(&host) => {}
            Ok(host) => hosts.push(host),
            Err(error) => problems.push(problem(&format!("hosts[{index}]"), &error.to_string())),
        }
    }
    if let Some(credentials) = credentials {
        check_server(kind, credentials, &hosts, problems);
    }
    hosts
}

fn own_server(kind: ConnectionKind, credentials: Option<&Credentials>) -> Option<String> {
    let credentials = credentials.filter(|_| kind == ConnectionKind::Smtp)?;
    let (host, port) = (credentials.text("host")?, credentials.text("port")?);
    let is_bare_ipv6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    Some(if is_bare_ipv6 {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

/// A mail server has to be one of the hosts that its own connection is bound to.
fn check_server(
    kind: ConnectionKind,
    credentials: &Credentials,
    hosts: &[BoundHost],
    problems: &mut Vec<DefinitionProblem>,
) {
    let Some(server) = own_server(kind, Some(credentials)) else {
        return;
    };
    match server.parse::<BoundHost>() {
        Ok(bound) => {
            let port = bound.port().unwrap_or_default();
            if !hosts.iter().any(|host| host.covers(bound.host(), port)) {
                let message = format!("`{bound}` is not among `hosts`");
                problems.push(problem("credentials.host", &message));
            }
        }
        Err(error) => problems.push(problem("credentials.host", &error.to_string())),
    }
}

/// Whether the connection's credential may go to all that `host` means already.
fn reaches(connection: &Connection, host: &BoundHost) -> bool {
    let known = connection.hosts.iter();
    let mut same = known.filter(|known| known.host() == host.host());
    same.any(|known| known.port().is_none() || known.port() == host.port())
}

pub(super) fn done(edit: Edit<()>) -> Result<(), ConnectionError> {
    match edit {
        Edit::Done(()) => Ok(()),
        Edit::NotFound => Err(ConnectionError::NotFound),
        Edit::Conflict(message) => Err(ConnectionError::Conflict(message)),
    }
}
