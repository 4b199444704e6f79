//! The audit log: rows in a hash chain. May not know what is worth a row.
//! Promise: a row that is altered, removed or moved is found, also after old rows were pruned; checking takes constant memory.

use super::{Store, StoreError, column, usage_hours};
use crate::model::audit::{AuditEntry, AuditFilter, AuditRow, ChainCheck};
use crate::model::usage::HourRefusals;
use rusqlite::{Connection, OptionalExtension, Row, named_params};

/// What the first row's hash covers in place of a former one.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// How many rows one job of pruning removes.
const PRUNE_ROWS: i64 = 2_000;

impl Store {
    /// Appends a row of something that is no change of this file alone.
    pub async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.write(move |connection| append(connection, &entry))
            .await
    }

    /// Appends rows of refusals to the chain, and counts those of callers without a key.
    pub async fn append_refusals(
        &self,
        entries: Vec<AuditEntry>,
        counts: Vec<HourRefusals>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            for count in &counts {
                usage_hours::add_refusals(connection, count)?;
            }
            entries
                .iter()
                .try_for_each(|entry| append(connection, entry))
        })
        .await
    }

    /// Rows, newest first.
    pub async fn audit_rows(
        &self,
        filter: AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(rows_sql(&filter))?
                .query_and_then(
                    named_params! {
                        ":actor": filter.actor,
                        ":action": filter.action,
                        ":result": filter.result,
                        ":before": filter.before.unwrap_or(i64::MAX),
                        ":limit": limit,
                    },
                    audit_row,
                )?
                .collect()
        })
        .await
    }

    /// Recomputes the whole chain.
    pub async fn check_audit_chain(&self) -> Result<ChainCheck, StoreError> {
        self.scan(check_chain).await
    }

    /// Removes rows older than the moment, leaving an anchor that keeps the chain checkable; gives their number.
    /// Works in slices, so that other writes go on meanwhile.
    pub async fn prune_audit(&self, before_ms: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let slice = self
                .write(move |connection| prune_slice(connection, before_ms))
                .await?;
            removed += slice;
            if slice == 0 {
                return Ok(removed);
            }
        }
    }
}

macro_rules! rows_sql {
    ($narrowing:literal) => {
        concat!(
            "SELECT sequence, at_ms, actor, action, target, address, result, detail, hash FROM audit
             WHERE ",
            $narrowing,
            " AND (:result IS NULL OR result = :result) AND sequence < :before
             ORDER BY sequence DESC LIMIT :limit"
        )
    };
}

pub(super) const ROWS: &str = rows_sql!("(:actor IS NULL AND :action IS NULL)");
pub(super) const ROWS_OF_ACTOR: &str =
    rows_sql!("actor = :actor AND (:action IS NULL OR action = :action)");
pub(super) const ROWS_OF_ACTION: &str = rows_sql!("action = :action AND :actor IS NULL");

fn rows_sql(filter: &AuditFilter) -> &'static str {
    match (&filter.actor, &filter.action) {
        (Some(_), _) => ROWS_OF_ACTOR,
        (None, Some(_)) => ROWS_OF_ACTION,
        (None, None) => ROWS,
    }
}

/// The ends of the chain.
struct Chain {
    anchor_sequence: i64,
    anchor_hash: String,
    head_sequence: i64,
    head_hash: String,
}

fn chain(connection: &Connection) -> Result<Chain, StoreError> {
    let stored = connection
        .prepare_cached(
            "SELECT anchor_sequence, anchor_hash, head_sequence, head_hash FROM audit_chain",
        )?
        .query_row([], |row| {
            Ok(Chain {
                anchor_sequence: row.get(0)?,
                anchor_hash: row.get(1)?,
                head_sequence: row.get(2)?,
                head_hash: row.get(3)?,
            })
        })
        .optional()?;
    Ok(stored.unwrap_or_else(|| Chain {
        anchor_sequence: 0,
        anchor_hash: NO_HASH.into(),
        head_sequence: 0,
        head_hash: NO_HASH.into(),
    }))
}

fn set_chain(connection: &Connection, chain: &Chain) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO audit_chain (only, anchor_sequence, anchor_hash, head_sequence, head_hash)
             VALUES (1, ?1, ?2, ?3, ?4)",
        )?
        .execute((
            chain.anchor_sequence,
            &chain.anchor_hash,
            chain.head_sequence,
            &chain.head_hash,
        ))?;
    Ok(())
}

/// Appends one row, within the caller's job.
pub(super) fn append(connection: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    let mut chain = chain(connection)?;
    let detail = column::to_json(&entry.detail)?;
    let sequence = chain.head_sequence + 1;
    let content = Content {
        sequence,
        at_ms: entry.at_ms,
        texts: [
            Some(&entry.actor),
            Some(entry.action),
            entry.target.as_deref(),
            entry.address.as_deref(),
            Some(&entry.result),
            Some(&detail),
        ],
    };
    let hash = content.hash(&chain.head_hash);
    connection
        .prepare_cached(
            "INSERT INTO audit (sequence, at_ms, actor, action, target, address, result, detail, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            sequence,
            entry.at_ms,
            &entry.actor,
            entry.action,
            &entry.target,
            &entry.address,
            &entry.result,
            &detail,
            &hash,
        ))?;
    chain.head_sequence = sequence;
    chain.head_hash = hash;
    set_chain(connection, &chain)
}

/// What a row's hash covers, besides the hash before it.
struct Content<'a> {
    sequence: i64,
    at_ms: i64,
    texts: [Option<&'a str>; 6],
}

impl Content<'_> {
    /// Each field with its length before it (absent ones with a length that no text has), so that no two rows look the same.
    fn hash(&self, former: &str) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(former.as_bytes());
        hasher.update(&self.sequence.to_le_bytes());
        hasher.update(&self.at_ms.to_le_bytes());
        for text in self.texts {
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            hasher.update(&length.to_le_bytes());
            hasher.update(text.unwrap_or_default().as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

pub(super) fn audit_row(row: &Row<'_>) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        sequence: row.get(0)?,
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        address: row.get(5)?,
        result: row.get(6)?,
        detail: column::json(row, 7)?,
        hash: row.get(8)?,
    })
}

pub(super) fn check_chain(connection: &Connection) -> Result<ChainCheck, StoreError> {
    // One snapshot: rows are added meanwhile.
    let snapshot = connection.unchecked_transaction()?;
    let chain = chain(&snapshot)?;
    let mut sequence = chain.anchor_sequence;
    let mut hash = chain.anchor_hash;
    let mut statement = snapshot.prepare(
        "SELECT sequence, at_ms, actor, action, target, address, result, detail, hash FROM audit ORDER BY sequence",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sequence += 1;
        let text = |index: usize| {
            row.get_ref(index)?
                .as_str_or_null()
                .map_err(rusqlite::Error::from)
        };
        let content = Content {
            sequence: row.get(0)?,
            at_ms: row.get(1)?,
            texts: [text(2)?, text(3)?, text(4)?, text(5)?, text(6)?, text(7)?],
        };
        let stored: String = row.get(8)?;
        let expected = content.hash(&hash);
        if content.sequence != sequence || stored != expected {
            return Ok(ChainCheck::Broken { sequence });
        }
        hash = expected;
    }
    if sequence != chain.head_sequence || hash != chain.head_hash {
        return Ok(ChainCheck::Broken {
            sequence: sequence + 1,
        });
    }
    Ok(ChainCheck::Intact {
        rows: u64::try_from(sequence - chain.anchor_sequence).unwrap_or_default(),
    })
}

/// Removes the oldest rows up to the first one that is young enough; only whole beginnings, so that the chain stays a chain.
fn prune_slice(connection: &Connection, before_ms: i64) -> Result<u64, StoreError> {
    let mut chain = chain(connection)?;
    let mut statement = connection
        .prepare_cached("SELECT sequence, hash, at_ms FROM audit ORDER BY sequence LIMIT ?1")?;
    let mut rows = statement.query([PRUNE_ROWS])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(2)? >= before_ms {
            break;
        }
        chain.anchor_sequence = row.get(0)?;
        chain.anchor_hash = row.get(1)?;
    }
    drop(rows);
    let removed = connection
        .prepare_cached("DELETE FROM audit WHERE sequence <= ?1")?
        .execute([chain.anchor_sequence])?;
    if removed > 0 {
        set_chain(connection, &chain)?;
    }
    Ok(removed as u64)
}
