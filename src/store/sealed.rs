//! Everything that is encrypted, as a whole: whether a key fits, and another key for all of it.
//! May not know what the values mean. Promises: a key that was never checked against the file decrypts nothing; a new key is
//! for everything or for nothing, in one commit.

use super::connections::{EVERY as EVERY_CONNECTION, stored};
use super::{Store, StoreError, audit, meta, schema, set_meta, writer::BUSY_TIMEOUT};
use crate::id::WorkflowId;
use crate::model::audit::AuditEntry;
use crate::model::secret::SecretName;
use crate::secret::{MasterKey, SealError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The name in `meta` of a known text, encrypted: it tells whether a key is the right one.
const KEY_CHECK: &str = "master_key_check";
/// What the known text is encrypted for.
const CHECK_PLACE: &str = "check";
const KNOWN_TEXT: &[u8] = b"flowlatch";

/// What the file says of its master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    check: Option<String>,
    /// How many values are encrypted.
    pub values: u64,
}

impl KeyState {
    /// Whether this is the key of the file.
    pub fn fits(&self, key: &MasterKey) -> bool {
        let sealed = self
            .check
            .as_ref()
            .and_then(|check| hex::decode(check).ok());
        sealed.is_some_and(|sealed| {
            key.open(&sealed, CHECK_PLACE)
                .is_ok_and(|known| known.as_slice() == KNOWN_TEXT)
        })
    }
}

/// What is known of the key of a file that is not opened otherwise; `None` for a file of another version.
pub fn inspect_key(path: &Path) -> Result<Option<KeyState>, StoreError> {
    let connection = open_to_read(path)?;
    if schema::user_version(&connection)? == schema::NEWEST_VERSION {
        state(&connection).map(Some)
    } else {
        Ok(None)
    }
}

/// Names what this key cannot decrypt, in a file that is not opened otherwise; ten at most.
pub fn undecryptable(path: &Path, key: &MasterKey) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    for value in values(&open_to_read(path)?)? {
        if key.open(&value.sealed, &value.place).is_err() && faults.len() < 10 {
            faults.push(value.place);
        }
    }
    Ok(faults)
}

pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

impl Store {
    /// What the file says of its master key.
    pub fn key_state(&self) -> Result<KeyState, StoreError> {
        self.read(state)
    }

    /// Makes this the key of a file in which nothing is encrypted; false where something is, and nothing is changed.
    pub async fn adopt_key(&self, key: MasterKey) -> Result<bool, StoreError> {
        self.write(move |connection| {
            if state(connection)?.values > 0 {
                return Ok(false);
            }
            set_check(connection, &key)?;
            Ok(true)
        })
        .await
    }

    /// Encrypts everything anew and adds the audit row, in one commit; gives how many values that were. An error changes
    /// nothing.
    pub async fn rekey(
        &self,
        old: MasterKey,
        new: MasterKey,
        entry: AuditEntry,
    ) -> Result<u64, StoreError> {
        self.write(move |connection| {
            // What is replaced is overwritten in the file: the old key may be in wrong hands.
            connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
            let values = values(connection)?;
            for value in &values {
                let failed = |error: SealError| StoreError::Database(format!("{}: {error}", value.place));
                let plain = old.open(&value.sealed, &value.place).map_err(failed)?;
                let sealed = new.seal(&plain, &value.place).map_err(failed)?;
                match &value.row {
                    Place::Connection(sequence) => connection
                        .prepare_cached("UPDATE connection SET sealed = ?2 WHERE sequence = ?1")?
                        .execute((sequence, sealed))?,
                    Place::Secret(workflow, name) => connection
                        .prepare_cached(
                            "UPDATE workflow_secret SET sealed = ?3 WHERE workflow = ?1 AND name = ?2",
                        )?
                        .execute((workflow, name, sealed))?,
                };
            }
            set_check(connection, &new)?;
            audit::append(connection, &entry)?;
            Ok(values.len() as u64)
        })
        .await
    }
}

fn set_check(connection: &Connection, key: &MasterKey) -> Result<(), StoreError> {
    let sealed = key
        .seal(KNOWN_TEXT, CHECK_PLACE)
        .map_err(|error| StoreError::Unusable(error.to_string()))?;
    set_meta(connection, KEY_CHECK, &hex::encode(sealed))
}

fn state(connection: &Connection) -> Result<KeyState, StoreError> {
    let count: i64 = connection
        .prepare_cached(
            "SELECT (SELECT count(*) FROM connection) + (SELECT count(*) FROM workflow_secret)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(KeyState {
        check: meta(connection, KEY_CHECK)?,
        values: u64::try_from(count).unwrap_or_default(),
    })
}

/// The row that an encrypted value stands in.
enum Place {
    Connection(i64),
    Secret(i64, String),
}

/// An encrypted value.
struct Value {
    row: Place,
    /// For what it is encrypted.
    place: String,
    sealed: Vec<u8>,
}

fn values(connection: &Connection) -> Result<Vec<Value>, StoreError> {
    let mut found = Vec::new();
    let mut statement = connection.prepare(EVERY_CONNECTION)?;
    for row in statement.query_and_then([], stored)? {
        let row = row?;
        found.push(Value {
            row: Place::Connection(row.connection.sequence),
            place: row.connection.place(),
            sealed: row.sealed,
        });
    }
    let mut statement = connection.prepare(
        "SELECT w.id, s.workflow, s.name, s.sealed FROM workflow_secret s
         CROSS JOIN workflow w ON w.sequence = s.workflow",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let workflow: WorkflowId = super::column::id(row, 0)?;
        let name: String = row.get(2)?;
        let known: SecretName = name
            .parse()
            .map_err(|error| StoreError::Database(format!("{error}")))?;
        found.push(Value {
            place: known.place(&workflow),
            row: Place::Secret(row.get(1)?, name),
            sealed: row.get(3)?,
        });
    }
    Ok(found)
}
