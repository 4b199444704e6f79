//! Looking around in the audit log: by actor, action, result, key and time. May not know what the rows mean.
//! Promise: a page looks at a bounded number of rows, whatever is asked for and however long the log is: where few of them fit,
//! it has fewer than it may and says where to go on.

use super::{Store, StoreError, audit};
use crate::model::audit::{AuditRow, AuditSearch};
use crate::model::page::{Cursor, Page};
use rusqlite::{Connection, Rows, named_params};

/// How many rows a page looks at.
const MAX_LOOKED_AT: usize = 2_000;

impl Store {
    /// A page of rows, newest first: in the order of their moments where a time is asked for, else of their numbers.
    pub async fn search_audit(
        &self,
        search: AuditSearch,
        limit: usize,
    ) -> Result<Page<AuditRow>, StoreError> {
        self.scan(move |connection| find(connection, &search, limit))
            .await
    }
}

macro_rules! found {
    ($narrowing:literal) => {
        concat!(
            "SELECT sequence, at_ms, actor, action, target, address, result, detail, hash FROM audit WHERE ",
            $narrowing
        )
    };
}

macro_rules! newest {
    ($($part:expr),*) => {
        concat!($($part),*, " ORDER BY sequence DESC")
    };
}

pub(super) const ALL: &str = newest!(found!("sequence < :before"));
pub(super) const OF_ACTOR: &str = newest!(found!("actor = :word AND sequence < :before"));
pub(super) const OF_ACTION: &str = newest!(found!("action = :word AND sequence < :before"));
pub(super) const OF_KEY: &str = newest!(
    found!("actor = :word AND sequence < :before"),
    " UNION ",
    found!("target = :word AND sequence < :before")
);
pub(super) const OF_TIME: &str = concat!(
    found!("at_ms >= :from AND at_ms < :to AND (at_ms, sequence) < (:before_ms, :before)"),
    " ORDER BY at_ms DESC, sequence DESC"
);

/// Walks the index that passes by the fewest rows in vain.
fn find(
    connection: &Connection,
    search: &AuditSearch,
    limit: usize,
) -> Result<Page<AuditRow>, StoreError> {
    let (before_ms, before) = search.after.unwrap_or((i64::MAX, i64::MAX));
    if search.from_ms.is_some() || search.to_ms.is_some() {
        let mut statement = connection.prepare_cached(OF_TIME)?;
        let rows = statement.query(named_params! {
            ":from": search.from_ms.unwrap_or(i64::MIN),
            ":to": search.to_ms.unwrap_or(i64::MAX),
            ":before_ms": before_ms,
            ":before": before,
        })?;
        return collect(rows, search, limit);
    }
    let walk = match search {
        AuditSearch { key: Some(key), .. } => Some((OF_KEY, key)),
        AuditSearch {
            actor: Some(actor), ..
        } => Some((OF_ACTOR, actor)),
        AuditSearch {
            action: Some(action),
            ..
        } => Some((OF_ACTION, action)),
        _ => None,
    };
    match walk {
        Some((sql, word)) => {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query(named_params! { ":word": word, ":before": before })?;
            collect(rows, search, limit)
        }
        None => {
            let mut statement = connection.prepare_cached(ALL)?;
            let rows = statement.query(named_params! { ":before": before })?;
            collect(rows, search, limit)
        }
    }
}

/// Takes what fits, until the page is full or enough was looked at.
fn collect(
    mut rows: Rows<'_>,
    search: &AuditSearch,
    limit: usize,
) -> Result<Page<AuditRow>, StoreError> {
    let (mut items, mut last, mut looked_at) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        if items.len() == limit || looked_at == MAX_LOOKED_AT {
            return Ok(Page { items, next: last });
        }
        looked_at += 1;
        let row = audit::audit_row(row)?;
        last = Some(Cursor {
            ts: row.at_ms,
            id: row.sequence.to_string(),
        });
        if search.fits(&row) {
            items.push(row);
        }
    }
    Ok(Page { items, next: None })
}
