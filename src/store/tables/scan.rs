//! Finding rows: in the order of creation until a page is full, or all of them ordered by a column, of which the page is kept.
//! A key that is known beforehand leads to its rows at once.

use super::rows::{by_sequence, read, row_sql};
use super::{StoreError, keys, rows};
use crate::model::table::{Row, RowOrder, SortValue, Table};
use crate::store::Store;
use rusqlite::Connection;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Whether a row is meant.
pub type RowTest = Arc<dyn Fn(&Row) -> bool + Send + Sync>;

/// Which rows are wanted, and how.
pub struct RowQuery {
    /// Of which table.
    pub table: Table,
    /// Which rows; all without a test.
    pub test: Option<RowTest>,
    /// A key column and a value that every wanted row has there.
    pub key: Option<(String, Value)>,
    /// In which order.
    pub order: RowOrder,
    /// With an order by creation: only rows after this row number.
    pub after: Option<i64>,
    /// So many of them are passed over.
    pub offset: u64,
    /// So many are given at most.
    pub limit: u32,
    /// When the rows' JSON is longer than this, no further row is given, but at least one is.
    pub max_bytes: usize,
}

/// Rows, and whether there are more behind them.
#[derive(Debug, Clone, PartialEq)]
pub struct RowsFound {
    /// At most `limit`.
    pub rows: Vec<Row>,
    /// Whether more would follow.
    pub has_more: bool,
}

impl Store {
    /// Finds rows.
    pub async fn find_rows(&self, query: RowQuery) -> Result<RowsFound, StoreError> {
        self.scan(move |connection| {
            let snapshot = connection.unchecked_transaction()?;
            match &query.order {
                RowOrder::Newest | RowOrder::Oldest => by_creation(&snapshot, &query),
                RowOrder::Column { name, descending } => {
                    by_column(&snapshot, &query, name, *descending)
                }
            }
        })
        .await
    }

    /// The numbers of at most `limit` rows that pass the test, oldest first, and whether there are more.
    pub async fn find_row_numbers(&self, query: RowQuery) -> Result<(Vec<i64>, bool), StoreError> {
        self.scan(move |connection| {
            let mut numbers = Vec::new();
            let mut has_more = false;
            each(connection, &query, |row, _| {
                has_more = numbers.len() == query.limit as usize;
                if !has_more {
                    numbers.push(row.sequence);
                }
                Ok(!has_more)
            })?;
            Ok((numbers, has_more))
        })
        .await
    }
}

pub(in crate::store) const NEWEST: &str = row_sql!(
    "data_row r INDEXED BY data_row_by_table WHERE r.data_table = ?1 AND r.sequence < ?2 ORDER BY r.sequence DESC"
);
pub(in crate::store) const NEWEST_OF_KEY: &str = row_sql!(
    "data_key k CROSS JOIN data_row r ON r.sequence = k.row
     WHERE k.data_table = ?1 AND k.row < ?2 AND k.column_name = ?3 AND k.digest = ?4 ORDER BY k.row DESC"
);
pub(in crate::store) const OLDEST_OF_KEY: &str = row_sql!(
    "data_key k CROSS JOIN data_row r ON r.sequence = k.row
     WHERE k.data_table = ?1 AND k.row > ?2 AND k.column_name = ?3 AND k.digest = ?4 ORDER BY k.row"
);

/// Hands every wanted row over, with the length of its JSON, until `take` says that it is enough.
fn each(
    connection: &Connection,
    query: &RowQuery,
    mut take: impl FnMut(Row, usize) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let is_oldest = query.order == RowOrder::Oldest;
    let from = query.after.unwrap_or(if is_oldest { 0 } else { i64::MAX });
    let table = query.table.sequence;
    let key = query.key.as_ref();
    let mut statement = connection.prepare_cached(match (key.is_some(), is_oldest) {
        (false, false) => NEWEST,
        (false, true) => rows::FROM_OLDEST,
        (true, false) => NEWEST_OF_KEY,
        (true, true) => OLDEST_OF_KEY,
    })?;
    let mut found = match key {
        Some((name, value)) => statement.query((table, from, name, keys::digest(value)))?,
        None => statement.query((table, from))?,
    };
    while let Some(row) = found.next()? {
        let bytes = row.get_ref(4)?.as_bytes().map_or(0, <[u8]>::len);
        let row = read(row)?;
        let is_wanted = query.test.as_ref().is_none_or(|test| test(&row));
        if is_wanted && !take(row, bytes)? {
            break;
        }
    }
    Ok(())
}

fn by_creation(connection: &Connection, query: &RowQuery) -> Result<RowsFound, StoreError> {
    let (mut passed, mut page) = (0, Page::of(query));
    each(connection, query, |row, bytes| {
        if passed < query.offset {
            passed += 1;
            return Ok(true);
        }
        Ok(page.add(row, bytes))
    })?;
    Ok(page.found)
}

/// Rows until there are enough of them.
struct Page<'a> {
    query: &'a RowQuery,
    bytes: usize,
    found: RowsFound,
}

impl Page<'_> {
    fn of(query: &RowQuery) -> Page<'_> {
        Page {
            query,
            bytes: 0,
            found: RowsFound {
                rows: Vec::new(),
                has_more: false,
            },
        }
    }

    /// Whether the row was added.
    fn add(&mut self, row: Row, bytes: usize) -> bool {
        let count = self.found.rows.len();
        let is_full = count > 0 && self.bytes + bytes > self.query.max_bytes;
        if count == self.query.limit as usize || is_full {
            self.found.has_more = true;
            return false;
        }
        self.bytes += bytes;
        self.found.rows.push(row);
        true
    }
}

/// A row's place in an order by a column. The first one in the order is the least.
#[derive(PartialEq, Eq)]
struct Ranked {
    value: SortValue,
    sequence: i64,
    descending: bool,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        let by_value = self.value.cmp(&other.value);
        let by_value = if self.descending {
            by_value.reverse()
        } else {
            by_value
        };
        by_value.then(other.sequence.cmp(&self.sequence))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Only as many rows as the page reaches to are kept in mind while all are looked at.
fn by_column(
    connection: &Connection,
    query: &RowQuery,
    name: &str,
    descending: bool,
) -> Result<RowsFound, StoreError> {
    let kind = query.table.kind(name);
    let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let most = offset
        .saturating_add(query.limit as usize)
        .saturating_add(1);
    let mut first = BinaryHeap::new();
    each(connection, query, |row, _| {
        first.push(Ranked {
            value: SortValue::of(kind, row.data.get(name)),
            sequence: row.sequence,
            descending,
        });
        if first.len() > most {
            first.pop();
        }
        Ok(true)
    })?;
    let mut page = Page::of(query);
    for ranked in first.into_sorted_vec().into_iter().skip(offset) {
        let Some(row) = by_sequence(connection, query.table.sequence, ranked.sequence)? else {
            continue;
        };
        let bytes = serde_json::to_string(&row.data).map_or(0, |body| body.len());
        if !page.add(row, bytes) {
            break;
        }
    }
    Ok(page.found)
}
