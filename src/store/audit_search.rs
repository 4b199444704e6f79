//! Looking around in the audit log: by actor, action, result, key and time. May not know what the rows mean.
//! Promise: what is looked for by actor, action, key or time is found by an index, and a page reads no more than it has to.

use super::{Store, StoreError, audit};
use crate::model::audit::{AuditRow, AuditSearch};
use rusqlite::{Connection, named_params};

impl Store {
    /// Rows, newest first: in the order of their moments where a time is asked for, else of their numbers.
    pub async fn search_audit(
        &self,
        search: AuditSearch,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.scan(move |connection| {
            if search.from_ms.is_some() || search.to_ms.is_some() {
                by_time(connection, &search, limit)
            } else {
                by_number(connection, &search, limit)
            }
        })
        .await
    }
}

macro_rules! found {
    ($narrowing:literal) => {
        concat!(
            "SELECT sequence, at_ms, actor, action, target, address, result, detail, hash FROM audit
             WHERE ",
            $narrowing,
            " AND (:actor IS NULL OR +actor = :actor) AND (:action IS NULL OR +action = :action)
              AND (:result IS NULL OR result = :result) AND (:key IS NULL OR +actor = :key OR +target = :key)"
        )
    };
}

macro_rules! newest {
    ($($part:expr),*) => {
        concat!($($part),*, " ORDER BY sequence DESC LIMIT :limit")
    };
}

pub(super) const ALL: &str = newest!(found!("sequence < :before"));
pub(super) const OF_ACTOR: &str = newest!(found!("actor = :actor AND sequence < :before"));
pub(super) const OF_ACTION: &str = newest!(found!("action = :action AND sequence < :before"));
pub(super) const OF_KEY: &str = newest!(
    found!("actor = :key AND sequence < :before"),
    " UNION ",
    found!("target = :key AND sequence < :before")
);
pub(super) const OF_TIME: &str = concat!(
    found!("at_ms >= :from AND at_ms < :to AND (at_ms, sequence) < (:before_ms, :before)"),
    " ORDER BY at_ms DESC, sequence DESC LIMIT :limit"
);

fn by_number(
    connection: &Connection,
    search: &AuditSearch,
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let sql = match search {
        AuditSearch { key: Some(_), .. } => OF_KEY,
        AuditSearch { actor: Some(_), .. } => OF_ACTOR,
        AuditSearch {
            action: Some(_), ..
        } => OF_ACTION,
        _ => ALL,
    };
    connection
        .prepare_cached(sql)?
        .query_and_then(
            named_params! {
                ":actor": search.actor,
                ":action": search.action,
                ":result": search.result,
                ":key": search.key,
                ":before": search.after.map_or(i64::MAX, |(_, sequence)| sequence),
                ":limit": limit,
            },
            audit::audit_row,
        )?
        .collect()
}

fn by_time(
    connection: &Connection,
    search: &AuditSearch,
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let (before_ms, before) = search.after.unwrap_or((i64::MAX, i64::MAX));
    connection
        .prepare_cached(OF_TIME)?
        .query_and_then(
            named_params! {
                ":actor": search.actor,
                ":action": search.action,
                ":result": search.result,
                ":key": search.key,
                ":from": search.from_ms.unwrap_or(i64::MIN),
                ":to": search.to_ms.unwrap_or(i64::MAX),
                ":before_ms": before_ms,
                ":before": before,
                ":limit": limit,
            },
            audit::audit_row,
        )?
        .collect()
}
