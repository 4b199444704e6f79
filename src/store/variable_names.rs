//! The variables of flows without their values. May not know flows. Promise: a page costs the same however long values are.

use super::{Store, StoreError, column};
use crate::model::chatflow::{VariableKind, VariableName};
use rusqlite::Row;

impl Store {
    /// Variables in the order of their names, those after `after`; at most `limit`. A point read where that is small.
    pub fn variable_names(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<Vec<VariableName>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(AFTER)?
                .query_and_then((after, i64::try_from(limit).unwrap_or(i64::MAX)), name)?
                .collect()
        })
    }

    /// One variable. A point read.
    pub fn variable_name(&self, id: &str) -> Result<Option<VariableName>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(OF_ID)?
                .query_and_then([id], name)?
                .next()
                .transpose()
        })
    }
}

pub(super) const AFTER: &str = "SELECT id, name, kind, updated_at_ms FROM flow_variable
     WHERE name > ?1 ORDER BY name LIMIT ?2";
pub(super) const OF_ID: &str =
    "SELECT id, name, kind, updated_at_ms FROM flow_variable WHERE id = ?1";

fn name(row: &Row<'_>) -> Result<VariableName, StoreError> {
    Ok(VariableName {
        id: column::id(row, 0)?,
        name: row.get(1)?,
        kind: column::word(row, 2, VariableKind::parse)?,
        updated_at_ms: row.get(3)?,
    })
}
