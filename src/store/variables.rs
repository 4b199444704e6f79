//! The variables that flows share, with their values or without. May not know flows, or who may see them. Promises: a page of
//! names costs the same however long values are; a change and its row in the audit log are one commit.

use super::{Edit, Store, StoreError, audit, column};
use crate::model::audit::AuditEntry;
use crate::model::chatflow::{FlowVariable, VariableKind, VariableName};
use rusqlite::{OptionalExtension as _, Row};
use std::collections::BTreeSet;

impl Store {
    /// Every variable, in the order of their names.
    pub fn flow_variables(&self) -> Result<Vec<FlowVariable>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, kind, value, created_at_ms, updated_at_ms FROM flow_variable ORDER BY name",
                )?
                .query_and_then([], variable)?
                .collect()
        })
    }

    /// Those of these variables that there are, in the order of their names. A point read for each.
    pub fn flow_variables_named(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<Vec<FlowVariable>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(NAMED)?;
            let mut found = Vec::new();
            for name in names {
                found.extend(
                    statement
                        .query_and_then([name], variable)?
                        .next()
                        .transpose()?,
                );
            }
            Ok(found)
        })
    }

    /// Saves a variable under its id, with its row in the audit log. `Conflict`: another has its name, or there are as many
    /// others as there may be.
    pub async fn save_flow_variable(
        &self,
        variable: FlowVariable,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |connection| {
            let taken: Option<i64> = connection
                .prepare_cached("SELECT 1 FROM flow_variable WHERE name = ?1 AND id <> ?2")?
                .query_row((&variable.name, variable.id.as_str()), |row| row.get(0))
                .optional()?;
            if taken.is_some() {
                let message = format!("Another variable is named `{}`.", variable.name);
                return Ok(Edit::Conflict(message));
            }
            let others: u32 = connection
                .prepare_cached("SELECT count(*) FROM flow_variable WHERE id <> ?1")?
                .query_row([variable.id.as_str()], |row| row.get(0))?;
            if others >= FlowVariable::MAX_COUNT {
                let message =
                    format!("There are {others} variables, as many as may be: delete one.");
                return Ok(Edit::Conflict(message));
            }
            connection
                .prepare_cached(
                    "INSERT INTO flow_variable (id, name, kind, value, created_at_ms, updated_at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (id) DO UPDATE
                     SET name = excluded.name, kind = excluded.kind, value = excluded.value,
                        updated_at_ms = excluded.updated_at_ms",
                )?
                .execute((
                    variable.id.as_str(),
                    &variable.name,
                    variable.kind.as_str(),
                    &variable.value,
                    variable.created_at_ms,
                    variable.updated_at_ms,
                ))?;
            audit::append(connection, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }

    /// Removes a variable, with a row in the audit log. `false`: there is none with this id.
    pub async fn remove_flow_variable(
        &self,
        id: String,
        entry: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let removed = connection
                .prepare_cached("DELETE FROM flow_variable WHERE id = ?1")?
                .execute([id])?;
            if removed > 0 {
                audit::append(connection, &entry)?;
            }
            Ok(removed > 0)
        })
        .await
    }

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

pub(super) const NAMED: &str =
    "SELECT id, name, kind, value, created_at_ms, updated_at_ms FROM flow_variable WHERE name = ?1";

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

fn variable(row: &Row<'_>) -> Result<FlowVariable, StoreError> {
    Ok(FlowVariable {
        id: column::id(row, 0)?,
        name: row.get(1)?,
        kind: column::word(row, 2, VariableKind::parse)?,
        value: row.get(3)?,
        created_at_ms: row.get(4)?,
        updated_at_ms: row.get(5)?,
    })
}
