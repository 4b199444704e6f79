//! The password of the dashboard and the people who are signed in with it. May not know how either is checked.
//! Promise: a new password and the end of every session that began with another are one job.

use super::{Store, StoreError, audit, meta, set_meta};
use crate::model::audit::AuditEntry;
use rusqlite::Connection;

/// The name in `meta` under which the password's hash stands.
const PASSWORD: &str = "dashboard_password";

/// The BLAKE3 hash of what a browser holds.
pub type SessionHash = [u8; 32];

/// Somebody who is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSession {
    /// By what the session is found.
    pub token_hash: SessionHash,
    /// When it began, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it was last used, to a few minutes.
    pub last_used_ms: i64,
}

impl Store {
    /// The hash of the dashboard's password, as a PHC string; `None` while none is set.
    pub fn dashboard_password(&self) -> Result<Option<String>, StoreError> {
        self.read(|connection| meta(connection, PASSWORD))
    }

    /// Sets the hash of the dashboard's password and ends every session.
    pub async fn set_dashboard_password(
        &self,
        phc: String,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            set_meta(connection, PASSWORD, &phc)?;
            connection.execute("DELETE FROM dashboard_session", [])?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// Every session.
    pub fn dashboard_sessions(&self) -> Result<Vec<StoredSession>, StoreError> {
        self.read(|connection| {
            connection
                .prepare("SELECT token_hash, created_at_ms, last_used_ms FROM dashboard_session")?
                .query_and_then([], |row| {
                    Ok(StoredSession {
                        token_hash: row.get(0)?,
                        created_at_ms: row.get(1)?,
                        last_used_ms: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    /// Keeps a new session, and removes these.
    pub async fn begin_dashboard_session(
        &self,
        session: StoredSession,
        ended: Vec<SessionHash>,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            for token_hash in &ended {
                remove(connection, token_hash)?;
            }
            connection
                .prepare_cached(
                    "INSERT INTO dashboard_session (token_hash, created_at_ms, last_used_ms) VALUES (?1, ?2, ?3)",
                )?
                .execute((session.token_hash, session.created_at_ms, session.last_used_ms))?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// Notes that a session was used.
    pub async fn touch_dashboard_session(
        &self,
        token_hash: SessionHash,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE dashboard_session SET last_used_ms = ?2 WHERE token_hash = ?1",
                )?
                .execute((token_hash, now_ms))?;
            Ok(())
        })
        .await
    }

    /// Removes every session.
    pub async fn end_dashboard_sessions(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection.execute("DELETE FROM dashboard_session", [])?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// Removes a session.
    pub async fn end_dashboard_session(
        &self,
        token_hash: SessionHash,
        entry: AuditEntry,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            remove(connection, &token_hash)?;
            audit::append(connection, &entry)
        })
        .await
    }
}

fn remove(connection: &Connection, token_hash: &SessionHash) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM dashboard_session WHERE token_hash = ?1")?
        .execute([token_hash])?;
    Ok(())
}
