//! API keys: the records and the texts' hashes. May not know what a key may do or how a text is hashed.
//! Promise: a change of a key and its audit row are one commit.

use super::{Store, StoreError, audit, column};
use crate::id::KeyId;
use crate::model::audit::AuditEntry;
use crate::model::key::{KeyFormat, KeyRecord, KeySecret, LastUse, PendingSecret};
use crate::model::limit::{KeyLimits, Limit};
use crate::model::scope::parse_scopes;
use crate::model::workflow::Reach;
use rusqlite::{Connection, Row, named_params};
use std::collections::HashMap;

impl Store {
    /// Every key, in the order of their making. Read once, at the start.
    pub fn all_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(all_keys)
    }

    /// Adds a key and its audit row.
    pub async fn insert_key(&self, record: KeyRecord, audit: AuditEntry) -> Result<(), StoreError> {
        self.write(move |connection| {
            insert(connection, &record)?;
            audit::append(connection, &audit)
        })
        .await
    }

    /// Replaces a key and adds the audit row. `last_use` is not touched.
    pub async fn update_key(&self, record: KeyRecord, audit: AuditEntry) -> Result<(), StoreError> {
        self.write(move |connection| {
            if write_record(connection, UPDATE, &record)? == 0 {
                return Err(StoreError::Database(format!(
                    "there is no key {}",
                    record.id
                )));
            }
            connection
                .prepare_cached(DELETE_SECRETS)?
                .execute([record.id.as_str()])?;
            write_secrets(connection, &record)?;
            audit::append(connection, &audit)
        })
        .await
    }

    /// Removes keys revoked before the moment; gives their ids.
    pub async fn delete_keys_revoked_before(&self, unix_ms: i64) -> Result<Vec<KeyId>, StoreError> {
        self.write(move |connection| {
            connection
                .prepare_cached("DELETE FROM api_key WHERE revoked_at_ms < ?1 RETURNING id")?
                .query_and_then([unix_ms], |row| column::id(row, 0))?
                .collect()
        })
        .await
    }

    /// Writes last uses in one job. A use older than the recorded one is passed over, and so is a key that is gone.
    pub async fn record_last_uses(&self, uses: Vec<(KeyId, LastUse)>) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE api_key SET last_used_at_ms = ?2, last_used_address = ?3, last_used_category = ?4
                 WHERE id = ?1 AND (last_used_at_ms IS NULL OR last_used_at_ms <= ?2)",
            )?;
            for (id, used) in &uses {
                update.execute((id.as_str(), used.at_ms, &used.address, &used.category))?;
            }
            Ok(())
        })
        .await
    }
}

/// Adds a key, within a job.
pub(super) fn insert(connection: &Connection, record: &KeyRecord) -> Result<(), StoreError> {
    write_record(connection, INSERT, record)?;
    write_secrets(connection, record)
}

const INSERT: &str = "
    INSERT INTO api_key (id, name, format, scopes, workflow_id, workflow_prefix, limit_read, limit_write,
        limit_execute, created_at_ms, updated_at_ms, created_by, expires_at_ms, disabled, revoked_at_ms)
    VALUES (:id, :name, :format, :scopes, :workflow_id, :workflow_prefix, :limit_read, :limit_write,
        :limit_execute, :created_at_ms, :updated_at_ms, :created_by, :expires_at_ms, :disabled, :revoked_at_ms)";

const UPDATE: &str = "
    UPDATE api_key SET name = :name, format = :format, scopes = :scopes, workflow_id = :workflow_id,
        workflow_prefix = :workflow_prefix, limit_read = :limit_read, limit_write = :limit_write,
        limit_execute = :limit_execute, created_at_ms = :created_at_ms, updated_at_ms = :updated_at_ms,
        created_by = :created_by, expires_at_ms = :expires_at_ms, disabled = :disabled,
        revoked_at_ms = :revoked_at_ms
    WHERE id = :id";

pub(super) const DELETE_SECRETS: &str =
    "DELETE FROM api_key_secret WHERE key = (SELECT sequence FROM api_key WHERE id = ?1)";

const INSERT_SECRET: &str = "
    INSERT INTO api_key_secret (public_id, key, role, phc, created_at_ms, valid_until_ms, grace_seconds)
    VALUES (?1, (SELECT sequence FROM api_key WHERE id = ?2), ?3, ?4, ?5, ?6, ?7)";

fn write_record(
    connection: &Connection,
    sql: &'static str,
    record: &KeyRecord,
) -> Result<usize, StoreError> {
    let (workflow_id, workflow_prefix) = match &record.reach {
        Reach::All => (None, None),
        Reach::Workflow(id) => (Some(id.as_str()), None),
        Reach::Prefix(prefix) => (None, Some(prefix.as_str())),
    };
    Ok(connection.prepare_cached(sql)?.execute(named_params! {
        ":id": record.id.as_str(),
        ":name": record.name,
        ":format": format_word(record.format),
        ":scopes": column::to_json(&record.scopes)?,
        ":workflow_id": workflow_id,
        ":workflow_prefix": workflow_prefix,
        ":limit_read": limit_number(record.limits.read),
        ":limit_write": limit_number(record.limits.write),
        ":limit_execute": limit_number(record.limits.execute),
        ":created_at_ms": record.created_at_ms,
        ":updated_at_ms": record.updated_at_ms,
        ":created_by": record.created_by,
        ":expires_at_ms": record.expires_at_ms,
        ":disabled": record.disabled,
        ":revoked_at_ms": record.revoked_at_ms,
    })?)
}

fn write_secrets(connection: &Connection, record: &KeyRecord) -> Result<(), StoreError> {
    let pending = record.pending.as_ref();
    let texts = [
        ("current", Some(&record.current), None),
        (
            "pending",
            pending.map(|pending| &pending.secret),
            pending.map(|pending| pending.grace_seconds),
        ),
        ("former", record.former.as_ref(), None),
    ];
    let mut insert = connection.prepare_cached(INSERT_SECRET)?;
    for (role, secret, grace_seconds) in texts {
        if let Some(secret) = secret {
            insert.execute((
                &secret.public_id,
                record.id.as_str(),
                role,
                &secret.phc,
                secret.created_at_ms,
                secret.valid_until_ms,
                grace_seconds,
            ))?;
        }
    }
    Ok(())
}

fn format_word(format: KeyFormat) -> &'static str {
    match format {
        KeyFormat::Wfk => "wfk",
        KeyFormat::Sk => "sk",
        KeyFormat::Flowise => "flowise",
    }
}

fn parse_format(word: &str) -> Option<KeyFormat> {
    [KeyFormat::Wfk, KeyFormat::Sk, KeyFormat::Flowise]
        .into_iter()
        .find(|format| format_word(*format) == word)
}

/// NULL is the configuration's default, -1 is no limit.
fn limit_number(limit: Option<Limit>) -> Option<i64> {
    limit.map(|limit| match limit {
        Limit::PerMinute(count) => i64::from(count),
        Limit::Unlimited => -1,
    })
}

fn limit(row: &Row<'_>, index: usize) -> Result<Option<Limit>, StoreError> {
    Ok(match row.get::<_, Option<i64>>(index)? {
        None => None,
        Some(-1) => Some(Limit::Unlimited),
        Some(_) => Some(Limit::PerMinute(column::unsigned(row, index)?)),
    })
}

/// The texts of one key as they are gathered.
#[derive(Default)]
struct Secrets {
    current: Option<KeySecret>,
    pending: Option<PendingSecret>,
    former: Option<KeySecret>,
}

fn all_keys(connection: &Connection) -> Result<Vec<KeyRecord>, StoreError> {
    // One snapshot for both queries.
    let snapshot = connection.unchecked_transaction()?;
    let mut secrets: HashMap<i64, Secrets> = HashMap::new();
    let mut statement = snapshot.prepare(
        "SELECT key, role, public_id, phc, created_at_ms, valid_until_ms, grace_seconds FROM api_key_secret",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let secret = KeySecret {
            public_id: row.get(2)?,
            phc: row.get(3)?,
            created_at_ms: row.get(4)?,
            valid_until_ms: row.get(5)?,
        };
        let texts = secrets.entry(row.get(0)?).or_default();
        match row.get::<_, String>(1)?.as_str() {
            "pending" => {
                texts.pending = Some(PendingSecret {
                    secret,
                    grace_seconds: column::unsigned(row, 6)?,
                });
            }
            "former" => texts.former = Some(secret),
            _ => texts.current = Some(secret),
        }
    }
    snapshot
        .prepare(
            "SELECT sequence, id, name, format, scopes, workflow_id, workflow_prefix, limit_read, limit_write,
                limit_execute, created_at_ms, updated_at_ms, created_by, expires_at_ms, disabled, revoked_at_ms,
                last_used_at_ms, last_used_address, last_used_category
             FROM api_key ORDER BY sequence",
        )?
        .query_and_then([], |row| {
            let texts = secrets.remove(&row.get(0)?).unwrap_or_default();
            record(row, texts)
        })?
        .collect()
}

fn record(row: &Row<'_>, texts: Secrets) -> Result<KeyRecord, StoreError> {
    let id: KeyId = column::id(row, 1)?;
    let scopes: Vec<String> = column::json(row, 4)?;
    let permissions = parse_scopes(scopes.iter().map(String::as_str))
        .map_err(|error| StoreError::Database(format!("key {id}: {error}")))?;
    let reach = match (
        column::optional_id(row, 5)?,
        row.get::<_, Option<String>>(6)?,
    ) {
        (Some(workflow), _) => Reach::Workflow(workflow),
        (None, Some(prefix)) => Reach::Prefix(prefix),
        (None, None) => Reach::All,
    };
    let last_use = match row.get(16)? {
        Some(at_ms) => Some(LastUse {
            at_ms,
            address: row.get(17)?,
            category: row.get(18)?,
        }),
        None => None,
    };
    Ok(KeyRecord {
        name: row.get(2)?,
        format: column::word(row, 3, parse_format)?,
        scopes,
        permissions,
        reach,
        limits: KeyLimits {
            read: limit(row, 7)?,
            write: limit(row, 8)?,
            execute: limit(row, 9)?,
        },
        created_at_ms: row.get(10)?,
        updated_at_ms: row.get(11)?,
        created_by: row.get(12)?,
        expires_at_ms: row.get(13)?,
        disabled: row.get(14)?,
        revoked_at_ms: row.get(15)?,
        last_use,
        current: texts
            .current
            .ok_or_else(|| StoreError::Database(format!("key {id} has no current text")))?,
        pending: texts.pending,
        former: texts.former,
        id,
    })
}
