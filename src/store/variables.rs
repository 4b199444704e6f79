//! The variables that flows share, with their values or without. May not know flows, or who may see them. Promises: a page of
//! names costs the same however long values are; a change and its row in the audit log are one commit.

use super::{Edit, Store, StoreError, audit, column};
use crate::id::VariableId;
use crate::model::audit::{AuditEntry, ChangedBy};
use crate::model::chatflow::{FlowVariable, VariableKind, VariableName};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::json;
use std::collections::BTreeSet;

/// What a variable is to be from now on; what is absent stays.
#[derive(Debug, Clone, Default)]
pub struct VariableChange {
    /// By what flows call it.
    pub name: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Where its value comes from.
    pub kind: Option<VariableKind>,
}

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

    /// Adds a variable, with its row in the audit log. `Conflict`: another has its name or id, or there are as many as may be.
    pub async fn add_flow_variable(
        &self,
        variable: FlowVariable,
        entry: AuditEntry,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |connection| {
            if let Some(message) = taken(connection, &variable)? {
                return Ok(Edit::Conflict(message));
            }
            let known: u32 = connection
                .prepare_cached("SELECT count(*) FROM flow_variable")?
                .query_row([], |row| row.get(0))?;
            if known >= FlowVariable::MAX_COUNT {
                let message =
                    format!("There are {known} variables, as many as may be: delete one.");
                return Ok(Edit::Conflict(message));
            }
            let added = connection
                .prepare_cached(
                    "INSERT INTO flow_variable (id, name, kind, value, created_at_ms, updated_at_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
                )?
                .execute((
                    variable.id.as_str(),
                    &variable.name,
                    variable.kind.as_str(),
                    &variable.value,
                    variable.created_at_ms,
                    variable.updated_at_ms,
                ))?;
            if added == 0 {
                let message = format!("There is a variable with the id {} already.", variable.id);
                return Ok(Edit::Conflict(message));
            }
            audit::append(connection, &entry)?;
            Ok(Edit::Done(()))
        })
        .await
    }

    /// Changes a variable as it is by then, with a row in the audit log. `Conflict`: another has its new name.
    pub async fn change_flow_variable(
        &self,
        id: VariableId,
        change: VariableChange,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<Edit<FlowVariable>, StoreError> {
        self.write(move |connection| {
            let before = connection
                .prepare_cached(WHOLE_OF_ID)?
                .query_and_then([id.as_str()], variable)?
                .next()
                .transpose()?;
            let Some(before) = before else {
                return Ok(Edit::NotFound);
            };
            let after = FlowVariable {
                name: change.name.unwrap_or(before.name),
                value: change.value.unwrap_or(before.value),
                kind: change.kind.unwrap_or(before.kind),
                updated_at_ms: now_ms,
                ..before
            };
            if let Some(message) = taken(connection, &after)? {
                return Ok(Edit::Conflict(message));
            }
            connection
                .prepare_cached(
                    "UPDATE flow_variable SET name = ?2, kind = ?3, value = ?4, updated_at_ms = ?5 WHERE id = ?1",
                )?
                .execute((
                    id.as_str(),
                    &after.name,
                    after.kind.as_str(),
                    &after.value,
                    now_ms,
                ))?;
            let detail = json!({ "name": after.name });
            let entry = by.entry(now_ms, "variable.updated", id.as_str(), detail);
            audit::append(connection, &entry)?;
            Ok(Edit::Done(after))
        })
        .await
    }

    /// Removes a variable, with a row in the audit log. `false`: there is none with this id.
    pub async fn remove_flow_variable(
        &self,
        id: String,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let name: Option<String> = connection
                .prepare_cached("DELETE FROM flow_variable WHERE id = ?1 RETURNING name")?
                .query_row([&id], |row| row.get(0))
                .optional()?;
            let Some(name) = name else {
                return Ok(false);
            };
            let entry = by.entry(now_ms, "variable.deleted", &id, json!({ "name": name }));
            audit::append(connection, &entry)?;
            Ok(true)
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
pub(super) const WHOLE_OF_ID: &str =
    "SELECT id, name, kind, value, created_at_ms, updated_at_ms FROM flow_variable WHERE id = ?1";

pub(super) const AFTER: &str = "SELECT id, name, kind, updated_at_ms FROM flow_variable
     WHERE name > ?1 ORDER BY name LIMIT ?2";
pub(super) const OF_ID: &str =
    "SELECT id, name, kind, updated_at_ms FROM flow_variable WHERE id = ?1";

/// Why a variable cannot have its name: another one has it.
fn taken(connection: &Connection, variable: &FlowVariable) -> Result<Option<String>, StoreError> {
    let is_taken = connection
        .prepare_cached("SELECT 1 FROM flow_variable WHERE name = ?1 AND id <> ?2")?
        .exists((&variable.name, variable.id.as_str()))?;
    Ok(is_taken.then(|| format!("Another variable is named `{}`.", variable.name)))
}

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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::model::audit::AuditFilter;
    use crate::store::fixture::Fixture;

    fn tone() -> FlowVariable {
        FlowVariable {
            id: VariableId::generate(),
            name: "tone".to_owned(),
            value: "kind".to_owned(),
            kind: VariableKind::Static,
            created_at_ms: 1_000,
            updated_at_ms: 1_000,
        }
    }

    fn entry(variable: &FlowVariable) -> AuditEntry {
        let detail = json!({ "name": variable.name });
        ChangedBy::local("test").entry(1_000, "variable.created", variable.id.as_str(), detail)
    }

    #[tokio::test]
    async fn changes_at_once_all_hold_and_none_brings_back_what_is_gone() {
        let fixture = Fixture::new();
        let store = &fixture.store;
        let variable = tone();
        let (id, by) = (variable.id.clone(), ChangedBy::local("test"));
        let added = store.add_flow_variable(variable.clone(), entry(&variable));
        assert_eq!(added.await.expect("written"), Edit::Done(()));
        let change = |change| store.change_flow_variable(id.clone(), change, by.clone(), 2_000);
        let rename = || VariableChange {
            name: Some("manner".to_owned()),
            ..VariableChange::default()
        };
        let louder = VariableChange {
            value: Some("loud".to_owned()),
            ..VariableChange::default()
        };
        let (renamed, changed) = tokio::join!(change(rename()), change(louder));
        assert!(matches!(renamed.expect("written"), Edit::Done(_)));
        assert!(matches!(changed.expect("written"), Edit::Done(_)));
        let expected = FlowVariable {
            name: "manner".to_owned(),
            value: "loud".to_owned(),
            updated_at_ms: 2_000,
            ..variable
        };
        assert_eq!(store.flow_variables().expect("read"), [expected]);

        for is_there in [true, false] {
            let removed = store.remove_flow_variable(id.to_string(), by.clone(), 3_000);
            assert_eq!(removed.await.expect("written"), is_there);
        }
        assert_eq!(change(rename()).await.expect("written"), Edit::NotFound);
        assert_eq!(fixture.count("flow_variable"), 0);
        let rows = store.audit_rows(AuditFilter::default(), 10).await;
        let rows = rows.expect("read");
        let told = rows.iter().map(|row| (row.action.as_str(), &row.detail));
        let told: Vec<_> = told
            .map(|(action, detail)| format!("{action} {}", detail["name"]))
            .collect();
        assert_eq!(told[0], "variable.deleted \"manner\"");
        assert_eq!(told[3], "variable.created \"tone\"");
        assert_eq!(told.len(), 4, "{told:?}");
    }

    #[tokio::test]
    async fn a_variable_is_added_under_an_id_and_a_name_of_its_own() {
        let fixture = Fixture::new();
        let (first, second) = (tone(), tone());
        let other = FlowVariable {
            name: "other".to_owned(),
            ..first.clone()
        };
        for (variable, is_added) in [(&first, true), (&second, false), (&other, false)] {
            let added = fixture
                .store
                .add_flow_variable(variable.clone(), entry(variable));
            let added = added.await.expect("written");
            assert_eq!(added == Edit::Done(()), is_added, "{added:?}");
        }
        assert_eq!(fixture.store.flow_variables().expect("read"), [first]);
        assert_eq!(fixture.count("audit"), 1);
    }
}
