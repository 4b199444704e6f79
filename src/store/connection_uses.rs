//! Which workflows name a connection: rows that follow their workflow. May not know what a name leads to. Promise: whatever a
//! definition writes where a step names its connection is found by it, as long as the workflow is not archived.

use super::{Store, StoreError, column};
use crate::id::WorkflowId;
use crate::model::workflow::{Workflow, WorkflowStatus};
use rusqlite::{Connection, Row};
use serde_json::Value;
use std::collections::BTreeSet;

/// The fields of a step by which it names a connection. Upgrade step 6 has them too.
const FIELDS: [&str; 3] = ["connection", "connectionId", "provider"];
/// No id and no provider's word is longer, in characters.
const MAX_NAME_CHARACTERS: usize = 64;

/// A workflow that names a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionUse {
    /// Which one.
    pub workflow: WorkflowId,
    /// What people call it.
    pub name: String,
    /// Under which name it asks for the connection.
    pub reference: String,
}

impl Store {
    /// The workflows that name a connection by this id, then those that ask for any of this provider; `limit` at most. Reads
    /// so many rows by an index: may be called on an async worker while `limit` is small.
    pub fn connection_uses(
        &self,
        id: &str,
        provider: &str,
        limit: u32,
    ) -> Result<Vec<ConnectionUse>, StoreError> {
        self.read(|connection| {
            let mut found: Vec<ConnectionUse> = Vec::new();
            for reference in [id, provider] {
                let left = i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
                let mut statement = connection.prepare_cached(NAMING)?;
                let rows =
                    statement.query_and_then((reference, left), |row| read(row, reference))?;
                for row in rows {
                    found.push(row?);
                }
            }
            Ok(found)
        })
    }
}

pub(super) const NAMING: &str = "
    SELECT w.id, w.name FROM connection_use u CROSS JOIN workflow w ON w.sequence = u.workflow
    WHERE u.reference = ?1 ORDER BY u.workflow LIMIT ?2";

pub(super) const REMOVE: &str = "DELETE FROM connection_use WHERE workflow = ?1";

fn read(row: &Row<'_>, reference: &str) -> Result<ConnectionUse, StoreError> {
    Ok(ConnectionUse {
        workflow: column::id(row, 0)?,
        name: row.get(1)?,
        reference: reference.to_owned(),
    })
}

/// Brings the rows of a workflow to what its definition names now.
pub(super) fn follow(connection: &Connection, workflow: &Workflow) -> Result<(), StoreError> {
    connection
        .prepare_cached(REMOVE)?
        .execute([workflow.sequence])?;
    if workflow.status == WorkflowStatus::Archived {
        return Ok(());
    }
    let mut insert = connection
        .prepare_cached("INSERT INTO connection_use (reference, workflow) VALUES (?1, ?2)")?;
    for name in named(&workflow.definition.body) {
        insert.execute((name, workflow.sequence))?;
    }
    Ok(())
}

/// What a definition writes in the fields above, wherever they stand: in steps within steps, and in nodes. The trigger's
/// provider is who sends, and no connection.
fn named(body: &Value) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut left: Vec<&Value> = match body {
        Value::Object(fields) => fields
            .iter()
            .filter(|(field, _)| *field != "trigger")
            .map(|(_, value)| value)
            .collect(),
        _ => Vec::new(),
    };
    while let Some(value) = left.pop() {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    match value.as_str() {
                        Some(name) if FIELDS.contains(&field.as_str()) => drop(names.insert(name)),
                        _ => left.push(value),
                    }
                }
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    names.retain(|name| (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_name_counts_once_wherever_it_stands_but_the_triggers() {
        let body = json!({
            "trigger": { "type": "webhook", "provider": "github", "connection": "no" },
            "connection": "not a step's",
            "steps": [
                { "config": { "connection": "stripe", "url": "connection" } },
                { "config": { "steps": [{ "config": { "connectionId": "conn_1", "connection": 5 } }] } },
                { "config": { "provider": "stripe", "connection": "", "other": { "connection": "x".repeat(65) } } },
            ],
        });
        assert_eq!(
            named(&body).into_iter().collect::<Vec<_>>(),
            ["conn_1", "stripe"]
        );
        assert!(named(&json!(["connection"])).is_empty());
    }
}
