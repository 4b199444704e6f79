//! Secrets of workflows: names, and values, encrypted. May not know the master key. Promise: a change and its audit row are
//! one commit; a workflow's secrets go when it is purged.

use super::{Edit, Store, StoreError, audit};
use crate::id::WorkflowId;
use crate::model::audit::AuditEntry;
use crate::model::secret::{MAX_SECRETS, SecretName, SecretSummary};
use rusqlite::{Connection, OptionalExtension as _, Row};

/// A secret to be kept.
#[derive(Debug, Clone)]
pub struct SealedSecret {
    /// Row number of its workflow.
    pub workflow_sequence: i64,
    /// Its name.
    pub name: SecretName,
    /// Its value, encrypted for [`SecretName::place`].
    pub sealed: Vec<u8>,
    /// In milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Store {
    /// The encrypted value of a workflow's secret. A point read.
    pub fn sealed_secret(
        &self,
        workflow: &WorkflowId,
        name: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached(ONE)?
                .query_row([workflow.as_str(), name], |row| row.get(0))
                .optional()?)
        })
    }

    /// The secrets of a workflow, by name. A point read: there are a hundred at most.
    pub fn secrets_of(&self, workflow_sequence: i64) -> Result<Vec<SecretSummary>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(OF_WORKFLOW)?
                .query_and_then([workflow_sequence], summary)?
                .collect()
        })
    }

    /// Adds a secret. A conflict when there is one of this name, or as many as there may be.
    pub async fn insert_secret(
        &self,
        new: SealedSecret,
        entry: AuditEntry,
    ) -> Result<Edit<SecretSummary>, StoreError> {
        self.write(move |connection| {
            if let Some(refused) = hindrance(connection, &new)? {
                return Ok(refused);
            }
            let inserted = connection
                .prepare_cached(
                    "INSERT INTO workflow_secret (workflow, name, created_at_ms, updated_at_ms, sealed)
                     VALUES (?1, ?2, ?3, ?3, ?4) RETURNING name, created_at_ms, updated_at_ms",
                )?
                .query_row(
                    (new.workflow_sequence, new.name.as_str(), new.now_ms, &new.sealed),
                    |row| Ok(summary(row)),
                )??;
            audit::append(connection, &entry)?;
            Ok(Edit::Done(inserted))
        })
        .await
    }

    /// Gives a secret another value.
    pub async fn replace_secret(
        &self,
        new: SealedSecret,
        entry: AuditEntry,
    ) -> Result<Edit<SecretSummary>, StoreError> {
        self.write(move |connection| {
            let replaced = connection
                .prepare_cached(
                    "UPDATE workflow_secret SET sealed = ?3, updated_at_ms = ?4 WHERE workflow = ?1 AND name = ?2
                     RETURNING name, created_at_ms, updated_at_ms",
                )?
                .query_row(
                    (new.workflow_sequence, new.name.as_str(), &new.sealed, new.now_ms),
                    |row| Ok(summary(row)),
                )
                .optional()?
                .transpose()?;
            let Some(replaced) = replaced else {
                return Ok(Edit::NotFound);
            };
            audit::append(connection, &entry)?;
            Ok(Edit::Done(replaced))
        })
        .await
    }

    /// Removes a secret.
    pub async fn delete_secret(
        &self,
        workflow_sequence: i64,
        name: SecretName,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached(DELETE)?
                .execute((workflow_sequence, name.as_str()))?;
            if removed == 0 {
                return Ok(Edit::NotFound);
            }
            audit::append(connection, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }
}

pub(super) const ONE: &str = "
    SELECT s.sealed FROM workflow w CROSS JOIN workflow_secret s ON s.workflow = w.sequence
    WHERE w.id = ?1 AND s.name = ?2";
pub(super) const OF_WORKFLOW: &str = "SELECT name, created_at_ms, updated_at_ms FROM workflow_secret WHERE workflow = ?1 ORDER BY name";
const DELETE: &str = "DELETE FROM workflow_secret WHERE workflow = ?1 AND name = ?2";

/// Why a secret cannot be added: the workflow is gone, the name is taken, or there are as many as there may be.
fn hindrance(
    connection: &Connection,
    new: &SealedSecret,
) -> Result<Option<Edit<SecretSummary>>, StoreError> {
    let (is_there, is_taken, count): (bool, bool, i64) = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM workflow WHERE sequence = ?1),
                count(*) FILTER (WHERE name = ?2) > 0, count(*)
             FROM workflow_secret WHERE workflow = ?1",
        )?
        .query_row((new.workflow_sequence, new.name.as_str()), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(if !is_there {
        Some(Edit::NotFound)
    } else if is_taken {
        Some(Edit::Conflict(format!(
            "the workflow has a secret `{}` already; PUT gives it another value",
            new.name
        )))
    } else if count >= MAX_SECRETS {
        Some(Edit::Conflict(format!(
            "the workflow has {count} secrets, the most that it may; delete one first"
        )))
    } else {
        None
    })
}

fn summary(row: &Row<'_>) -> Result<SecretSummary, StoreError> {
    let name: String = row.get(0)?;
    Ok(SecretSummary {
        name: name
            .parse()
            .map_err(|error| StoreError::Database(format!("{error}")))?,
        created_at_ms: row.get(1)?,
        updated_at_ms: row.get(2)?,
    })
}
