//! Workflows, their versions and definitions: making and reading them. Edits are in `workflow_edit`, lists in `workflow_list`.
//! May not know what a definition means. Promise: two equal definitions are one row, named by a number that is never given out again.

use super::{Store, StoreError, audit, chatflows, column, graph_records, triggers};
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::chatflow::ChatflowDetails;
use crate::model::graph::record::{GraphDetails, LinkPermission};
use crate::model::workflow::{
    Definition, DefinitionFormat, Workflow, WorkflowStatus, WorkflowVersion,
};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

/// A new workflow, or the new state of an edited one.
#[derive(Debug, Clone)]
pub struct WorkflowDraft {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it does.
    pub definition: Definition,
    /// How an editor draws it.
    pub canvas: Option<Arc<Value>>,
    /// Where it shall stand. `None`: where it stands; a new one is a draft.
    pub status: Option<WorkflowStatus>,
    /// What is kept beside the definition. `None`: what is kept already.
    pub beside: Option<Beside>,
}

/// What is saved beside a definition.
#[derive(Debug, Clone)]
pub enum Beside {
    /// Of a graph.
    Graph(BesideGraph),
    /// Of a flow.
    Flow(Box<ChatflowDetails>),
}

/// What an editor of graphs saves beside the definition.
#[derive(Debug, Clone, Default)]
pub struct BesideGraph {
    /// Labels.
    pub details: GraphDetails,
    /// Who may follow its link.
    pub link_permission: LinkPermission,
}

impl WorkflowDraft {
    /// A draft with this definition, and nothing said beside it.
    pub fn new(name: String, description: Option<String>, definition: Definition) -> WorkflowDraft {
        WorkflowDraft {
            name,
            description,
            definition,
            canvas: None,
            status: None,
            beside: None,
        }
    }

    /// The workflow as it is.
    pub fn of(workflow: &Workflow) -> WorkflowDraft {
        WorkflowDraft {
            canvas: workflow.canvas.clone(),
            ..WorkflowDraft::new(
                workflow.name.clone(),
                workflow.description.clone(),
                workflow.definition.clone(),
            )
        }
    }
}

/// An edit of a workflow.
#[derive(Debug, Clone)]
pub struct WorkflowEdit {
    /// The whole new state.
    pub draft: WorkflowDraft,
    /// Kept in the version history.
    pub change_summary: Option<String>,
    /// The version that the editor saw; another one is a conflict.
    pub expected_version: Option<i64>,
    /// Who.
    pub by: ChangedBy,
    /// Milliseconds since the Unix epoch.
    pub now_ms: i64,
}

impl Store {
    /// Adds a workflow, version 1, with its row in the audit log.
    pub async fn create_workflow(
        &self,
        id: WorkflowId,
        draft: WorkflowDraft,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<Workflow, StoreError> {
        self.write(move |connection| {
            let detail = json!({ "name": draft.name });
            let entry = by.entry(now_ms, "workflow.created", id.as_str(), detail);
            let workflow = create(connection, id, draft, by, now_ms)?;
            audit::append(connection, &entry)?;
            Ok(workflow)
        })
        .await
    }

    /// One workflow with its current definition. A point read: may be called on an async worker.
    pub fn workflow(&self, id: &WorkflowId) -> Result<Option<Workflow>, StoreError> {
        self.read(|connection| find(connection, id))
    }

    /// Versions, newest first, without definitions; at most `limit`, smaller than `before`.
    pub async fn workflow_versions(
        &self,
        id: &WorkflowId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<WorkflowVersion>, StoreError> {
        let id = id.clone();
        self.scan(move |connection| {
            connection
                .prepare_cached(VERSIONS)?
                .query_and_then((id.as_str(), before.unwrap_or(i64::MAX), limit), |row| {
                    version_row(row, None)
                })?
                .collect()
        })
        .await
    }

    /// One version with its definition. A point read.
    pub fn workflow_version(
        &self,
        id: &WorkflowId,
        version: i64,
    ) -> Result<Option<WorkflowVersion>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(VERSION)?
                .query_and_then((id.as_str(), version), |row| {
                    version_row(row, Some(definition_columns(row, 6)?))
                })?
                .next()
                .transpose()
        })
    }

    /// A definition by its row number. A point read.
    pub fn definition(&self, sequence: i64) -> Result<Option<Definition>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT format, body FROM definition WHERE sequence = ?1")?
                .query_and_then([sequence], |row| definition_columns(row, 0))?
                .next()
                .transpose()
        })
    }
}

/// The columns that [`workflow_row`] reads; so many come before what else a query asks for.
macro_rules! workflow_columns {
    () => {
        "w.sequence, w.id, w.name, w.description, w.status, w.version, v.definition, w.created_at_ms, w.updated_at_ms,
         d.format, d.body, c.state"
    };
}
pub(super) use workflow_columns;

/// How many columns those are.
pub(super) const WORKFLOW_COLUMNS: usize = 12;

pub(super) const WORKFLOW: &str = concat!(
    "SELECT ",
    workflow_columns!(),
    " FROM workflow w
    CROSS JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version
    CROSS JOIN definition d ON d.sequence = v.definition
    LEFT JOIN workflow_canvas c ON c.workflow = w.sequence
    WHERE w.id = ?1"
);

pub(super) const VERSIONS: &str = "
    SELECT version, name, description, change_summary, created_by, created_at_ms
    FROM workflow_version
    WHERE workflow = (SELECT sequence FROM workflow WHERE id = ?1) AND version < ?2
    ORDER BY version DESC LIMIT ?3";

pub(super) const VERSION: &str = "
    SELECT v.version, v.name, v.description, v.change_summary, v.created_by, v.created_at_ms, d.format, d.body
    FROM workflow_version v JOIN definition d ON d.sequence = v.definition
    WHERE v.workflow = (SELECT sequence FROM workflow WHERE id = ?1) AND v.version = ?2";

/// Reads one workflow, also within a job.
pub(super) fn find(
    connection: &Connection,
    id: &WorkflowId,
) -> Result<Option<Workflow>, StoreError> {
    connection
        .prepare_cached(WORKFLOW)?
        .query_and_then([id.as_str()], workflow_row)?
        .next()
        .transpose()
}

/// Reads a workflow whose columns come first.
pub(super) fn workflow_row(row: &Row<'_>) -> Result<Workflow, StoreError> {
    Ok(Workflow {
        sequence: row.get(0)?,
        id: column::id(row, 1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        status: column::word(row, 4, WorkflowStatus::parse)?,
        version: row.get(5)?,
        definition_sequence: row.get(6)?,
        definition: definition_columns(row, 9)?,
        canvas: column::optional_json(row, 11)?.map(Arc::new),
        created_at_ms: row.get(7)?,
        updated_at_ms: row.get(8)?,
    })
}

fn definition_columns(row: &Row<'_>, index: usize) -> Result<Definition, StoreError> {
    Ok(Definition {
        format: column::word(row, index, DefinitionFormat::parse)?,
        body: column::json(row, index + 1)?,
    })
}

fn version_row(
    row: &Row<'_>,
    definition: Option<Definition>,
) -> Result<WorkflowVersion, StoreError> {
    Ok(WorkflowVersion {
        version: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        change_summary: row.get(3)?,
        created_by: row.get(4)?,
        created_at_ms: row.get(5)?,
        definition,
    })
}

pub(super) fn create(
    connection: &Connection,
    id: WorkflowId,
    draft: WorkflowDraft,
    by: ChangedBy,
    now_ms: i64,
) -> Result<Workflow, StoreError> {
    let status = draft.status.unwrap_or(WorkflowStatus::Draft);
    connection
        .prepare_cached(
            "INSERT INTO workflow (id, name, description, status, version, created_at_ms, updated_at_ms)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)",
        )?
        .execute((
            id.as_str(),
            &draft.name,
            &draft.description,
            status.as_str(),
            now_ms,
        ))?;
    let sequence = connection.last_insert_rowid();
    let definition_sequence = intern(connection, &draft.definition)?;
    let edit = WorkflowEdit {
        draft,
        change_summary: None,
        expected_version: None,
        by,
        now_ms,
    };
    insert_version(connection, sequence, 1, definition_sequence, &edit)?;
    write_canvas(connection, sequence, edit.draft.canvas.as_deref())?;
    let beside = edit.draft.beside;
    let workflow = Workflow {
        sequence,
        id,
        name: edit.draft.name,
        description: edit.draft.description,
        status,
        version: 1,
        definition_sequence,
        definition: edit.draft.definition,
        canvas: edit.draft.canvas,
        created_at_ms: now_ms,
        updated_at_ms: now_ms,
    };
    triggers::follow(connection, &workflow, now_ms)?;
    if let Some(beside) = beside {
        write_beside(connection, sequence, &beside)?;
    }
    Ok(workflow)
}

/// Writes what is kept beside the definition of the workflow with this row number. Gives whether it was something else before.
pub(super) fn write_beside(
    connection: &Connection,
    workflow: i64,
    beside: &Beside,
) -> Result<bool, StoreError> {
    match beside {
        Beside::Graph(beside) => graph_records::write(connection, workflow, beside),
        Beside::Flow(details) => chatflows::write(connection, workflow, details),
    }
}

/// Writes how a workflow is drawn, or that nobody has said it.
pub(super) fn write_canvas(
    connection: &Connection,
    workflow: i64,
    canvas: Option<&Value>,
) -> Result<(), StoreError> {
    match canvas {
        None => connection
            .prepare_cached("DELETE FROM workflow_canvas WHERE workflow = ?1")?
            .execute([workflow])?,
        Some(canvas) => connection
            .prepare_cached(
                "INSERT INTO workflow_canvas (workflow, state) VALUES (?1, ?2)
                 ON CONFLICT (workflow) DO UPDATE SET state = excluded.state",
            )?
            .execute((workflow, column::to_json(canvas)?))?,
    };
    Ok(())
}

/// Adds a version row.
pub(super) fn insert_version(
    connection: &Connection,
    workflow: i64,
    version: i64,
    definition: i64,
    edit: &WorkflowEdit,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO workflow_version
                (workflow, version, name, description, change_summary, created_by, created_at_ms, definition)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            workflow,
            version,
            &edit.draft.name,
            &edit.draft.description,
            &edit.change_summary,
            &edit.by.actor,
            edit.now_ms,
            definition,
        ))?;
    Ok(())
}

/// The row number of a definition, which is added where it is new. Equal values have equal texts, since the fields of an
/// object are written in the order of their names.
pub(super) fn intern(connection: &Connection, definition: &Definition) -> Result<i64, StoreError> {
    let format = definition.format.as_str();
    let body = column::to_json(&definition.body)?;
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(format.as_bytes())
        .update(&[0])
        .update(body.as_bytes());
    let digest = hasher.finalize();
    let known = connection
        .prepare_cached("SELECT sequence FROM definition WHERE digest = ?1")?
        .query_row([digest.as_bytes()], |row| row.get(0))
        .optional()?;
    if let Some(sequence) = known {
        return Ok(sequence);
    }
    connection
        .prepare_cached("INSERT INTO definition (digest, format, body) VALUES (?1, ?2, ?3)")?
        .execute((digest.as_bytes(), format, &body))?;
    Ok(connection.last_insert_rowid())
}

pub(super) const FORGET_DEFINITION: &str = "
    DELETE FROM definition
    WHERE sequence = ?1 AND NOT EXISTS (SELECT 1 FROM workflow_version WHERE definition = ?1)
        AND NOT EXISTS (SELECT 1 FROM run WHERE definition = ?1 AND has_own_definition = 1)";

/// Removes a definition that no version has any more, and no run of its own (runs pin definitions of `used` versions
/// otherwise, which stay).
pub(super) fn forget_definition(connection: &Connection, sequence: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(FORGET_DEFINITION)?
        .execute([sequence])?;
    Ok(())
}
