//! Connections: what is known of a credential, and the credential, encrypted. May not know the master key or what a
//! credential looks like. Promises: a change and its audit row are one commit; a provider has one default at most.

use super::{Edit, Store, StoreError, audit, column, cursor};
use crate::id::ConnectionId;
use crate::model::audit::AuditEntry;
use crate::model::connection::{
    BoundHost, Connection, ConnectionFilter, ConnectionKind, ConnectionStatus,
};
use crate::model::page::{Cursor, Page, PageRequest};
use rusqlite::{Connection as Sqlite, OptionalExtension as _, Row, named_params};

/// The most connections of a server.
const MAX_CONNECTIONS: i64 = 1_000;

/// A connection with its credential, encrypted for [`Connection::place`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConnection {
    /// All but the credential.
    pub connection: Connection,
    /// The credential.
    pub sealed: Vec<u8>,
}

/// What a test of a connection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRecord {
    /// What it makes of the connection; `None` leaves its status as it is.
    pub status: Option<ConnectionStatus>,
    /// In words.
    pub message: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

impl Store {
    /// One connection. A point read.
    pub fn connection(&self, id: &ConnectionId) -> Result<Option<StoredConnection>, StoreError> {
        self.read(|sqlite| {
            sqlite
                .prepare_cached(ONE)?
                .query_row([id.as_str()], |row| Ok(stored(row)))
                .optional()?
                .transpose()
        })
    }

    /// The active connections of a provider that come first: its default one, then the newest; two at most. A point read.
    pub fn active_connections(&self, provider: &str) -> Result<Vec<StoredConnection>, StoreError> {
        self.read(|sqlite| {
            sqlite
                .prepare_cached(ACTIVE)?
                .query_and_then([provider], stored)?
                .collect()
        })
    }

    /// A page of connections, newest first.
    pub async fn list_connections(
        &self,
        filter: ConnectionFilter,
        page: PageRequest,
    ) -> Result<Page<Connection>, StoreError> {
        self.scan(move |sqlite| list(sqlite, &filter, &page)).await
    }

    /// Adds a connection. A conflict when there are as many as there may be.
    pub async fn insert_connection(
        &self,
        new: StoredConnection,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |sqlite| {
            let count: i64 =
                sqlite.query_row("SELECT count(*) FROM connection", [], |row| row.get(0))?;
            if count >= MAX_CONNECTIONS {
                return Ok(Edit::Conflict(format!(
                    "there are {count} connections, the most there may be; delete one first"
                )));
            }
            write(sqlite, INSERT, &new)?;
            audit::append(sqlite, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }

    /// Replaces all of a connection but its id and kind. What a test found is forgotten where `new` says nothing of it.
    pub async fn update_connection(
        &self,
        new: StoredConnection,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |sqlite| {
            if write(sqlite, UPDATE, &new)? == 0 {
                return Ok(Edit::NotFound);
            }
            audit::append(sqlite, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }

    /// Writes down what a test found.
    pub async fn record_connection_test(
        &self,
        id: ConnectionId,
        test: TestRecord,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |sqlite| {
            let changed = sqlite
                .prepare_cached(
                    "UPDATE connection SET status = coalesce(?2, status), last_test = ?3, last_tested_at_ms = ?4
                     WHERE id = ?1",
                )?
                .execute((
                    id.as_str(),
                    test.status.map(ConnectionStatus::as_str),
                    &test.message,
                    test.at_ms,
                ))?;
            if changed == 0 {
                return Ok(Edit::NotFound);
            }
            audit::append(sqlite, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }

    /// Removes a connection with its credential.
    pub async fn delete_connection(
        &self,
        id: ConnectionId,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |sqlite| {
            let removed = sqlite
                .prepare_cached("DELETE FROM connection WHERE id = ?1")?
                .execute([id.as_str()])?;
            if removed == 0 {
                return Ok(Edit::NotFound);
            }
            audit::append(sqlite, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT sequence, id, name, provider, kind, hosts, is_default, status, last_test, last_tested_at_ms,
                created_at_ms, updated_at_ms, sealed
             FROM connection ",
            $rest
        )
    };
}

pub(super) const ONE: &str = columns!("WHERE id = ?1");
pub(super) const ACTIVE: &str = columns!(
    "WHERE provider = ?1 AND status = 'active' ORDER BY is_default DESC, sequence DESC LIMIT 2"
);
pub(super) const LIST: &str =
    columns!("WHERE sequence < ?1 AND (?2 IS NULL OR status = ?2) ORDER BY sequence DESC LIMIT ?3");
pub(super) const LIST_OF_PROVIDER: &str = columns!(
    "INDEXED BY connection_by_provider
     WHERE sequence < ?1 AND (?2 IS NULL OR status = ?2) AND provider = ?4 ORDER BY sequence DESC LIMIT ?3"
);
/// Every connection, for who encrypts them anew.
pub(super) const EVERY: &str = columns!("ORDER BY sequence");

const INSERT: &str = "
    INSERT INTO connection (id, name, provider, kind, hosts, is_default, status, last_test, last_tested_at_ms,
        created_at_ms, updated_at_ms, sealed)
    VALUES (:id, :name, :provider, :kind, :hosts, :is_default, :status, :last_test, :last_tested_at_ms,
        :created_at_ms, :updated_at_ms, :sealed)";

const UPDATE: &str = "
    UPDATE connection SET name = :name, provider = :provider, hosts = :hosts, is_default = :is_default,
        status = :status, last_test = :last_test, last_tested_at_ms = :last_tested_at_ms,
        created_at_ms = :created_at_ms, updated_at_ms = :updated_at_ms, sealed = :sealed
    WHERE id = :id AND kind = :kind";

pub(super) const FORMER_DEFAULT: &str =
    "UPDATE connection SET is_default = 0 WHERE provider = ?1 AND is_default = 1 AND id <> ?2";

fn write(
    sqlite: &Sqlite,
    sql: &'static str,
    stored: &StoredConnection,
) -> Result<usize, StoreError> {
    let connection = &stored.connection;
    if connection.is_default {
        sqlite
            .prepare_cached(FORMER_DEFAULT)?
            .execute([&connection.provider, connection.id.as_str()])?;
    }
    Ok(sqlite.prepare_cached(sql)?.execute(named_params! {
        ":id": connection.id.as_str(),
        ":name": connection.name,
        ":provider": connection.provider,
        ":kind": connection.kind.as_str(),
        ":hosts": column::to_json(&connection.hosts)?,
        ":is_default": connection.is_default,
        ":status": connection.status.as_str(),
        ":last_test": connection.last_test,
        ":last_tested_at_ms": connection.last_tested_at_ms,
        ":created_at_ms": connection.created_at_ms,
        ":updated_at_ms": connection.updated_at_ms,
        ":sealed": stored.sealed,
    })?)
}

fn list(
    sqlite: &Sqlite,
    filter: &ConnectionFilter,
    page: &PageRequest,
) -> Result<Page<Connection>, StoreError> {
    let snapshot = sqlite.unchecked_transaction()?;
    let before = cursor::before(&snapshot, KNOWN, OLDER, page.after.as_ref())?;
    let status = filter.status.map(ConnectionStatus::as_str);
    // One more than the page has, to know whether there is another page.
    let rows = i64::from(page.limit) + 1;
    let read = |row: &Row<'_>| stored(row).map(|found| found.connection);
    let mut items: Vec<Connection> = match &filter.provider {
        None => snapshot
            .prepare_cached(LIST)?
            .query_and_then((before, status, rows), read)?
            .collect::<Result<_, _>>()?,
        Some(provider) => snapshot
            .prepare_cached(LIST_OF_PROVIDER)?
            .query_and_then((before, status, rows, provider), read)?
            .collect::<Result<_, _>>()?,
    };
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| Cursor {
        ts: last.created_at_ms,
        id: last.id.as_str().to_owned(),
    });
    Ok(Page { items, next })
}

const OLDER: &str = "SELECT max(sequence) FROM connection
     WHERE created_at_ms < ?1 OR created_at_ms = ?1 AND id < ?2";

const KNOWN: &str = "SELECT sequence FROM connection WHERE id = ?1";

/// Reads a row of the queries above.
pub(super) fn stored(row: &Row<'_>) -> Result<StoredConnection, StoreError> {
    let connection = Connection {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        name: row.get(2)?,
        provider: row.get(3)?,
        kind: column::word(row, 4, ConnectionKind::parse)?,
        hosts: column::json::<Vec<BoundHost>>(row, 5)?,
        is_default: row.get(6)?,
        status: column::word(row, 7, ConnectionStatus::parse)?,
        last_test: row.get(8)?,
        last_tested_at_ms: row.get(9)?,
        created_at_ms: row.get(10)?,
        updated_at_ms: row.get(11)?,
    };
    Ok(StoredConnection {
        connection,
        sealed: row.get(12)?,
    })
}
