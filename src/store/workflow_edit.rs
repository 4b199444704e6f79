//! Changes of workflows: edits, the life cycle, the purge. May not know what a definition means or who may change it.
//! Promise: a version that a run has used never changes, and what was asked for on a false assumption changes nothing.

use super::retention::{self, REMOVE_FINISHED};
use super::workflows::{find, forget_definition, insert_version, intern, write_canvas};
use super::{Edit, Store, StoreError, WorkflowEdit, triggers};
use crate::id::WorkflowId;
use crate::model::workflow::{Workflow, WorkflowStatus};
use rusqlite::{Connection, OptionalExtension};

/// How many runs one job of a purge removes.
const PURGE_RUNS: i64 = 200;

impl Store {
    /// Saves an edit: a new version when the current one is active or was used by a run, else in place.
    /// An edit of the drawing alone makes no version; one that changes neither name, description, definition nor drawing
    /// changes nothing.
    pub async fn edit_workflow(
        &self,
        id: WorkflowId,
        edit: WorkflowEdit,
    ) -> Result<Edit<Workflow>, StoreError> {
        self.write(move |connection| save(connection, &id, &edit))
            .await
    }

    /// Moves a workflow along its life cycle.
    pub async fn set_workflow_status(
        &self,
        id: WorkflowId,
        to: WorkflowStatus,
        now_ms: i64,
    ) -> Result<Edit<Workflow>, StoreError> {
        self.write(move |connection| {
            let Some(mut workflow) = find(connection, &id)? else {
                return Ok(Edit::NotFound);
            };
            if !workflow.status.may_become(to) {
                return Ok(Edit::Conflict(format!(
                    "the workflow is `{}` and cannot become `{}`",
                    workflow.status.as_str(),
                    to.as_str()
                )));
            }
            if workflow.status != to {
                move_to(connection, &mut workflow, to, now_ms)?;
            }
            Ok(Edit::Done(workflow))
        })
        .await
    }

    /// Removes a workflow with its versions and finished runs; a conflict while a run is unfinished.
    /// Runs are removed in slices, so that other writes go on meanwhile; the workflow is archived first, so that what a
    /// crash leaves is an archived workflow with fewer runs, which can be purged again.
    pub async fn purge_workflow(&self, id: WorkflowId) -> Result<Edit<()>, StoreError> {
        loop {
            let id = id.clone();
            let slice = self
                .write(move |connection| purge_slice(connection, &id))
                .await?;
            match slice {
                Edit::Done(true) => return Ok(Edit::Done(())),
                Edit::Done(false) => {}
                Edit::NotFound => return Ok(Edit::NotFound),
                Edit::Conflict(why) => return Ok(Edit::Conflict(why)),
            }
        }
    }
}

fn save(
    connection: &Connection,
    id: &WorkflowId,
    edit: &WorkflowEdit,
) -> Result<Edit<Workflow>, StoreError> {
    let Some(workflow) = find(connection, id)? else {
        return Ok(Edit::NotFound);
    };
    if let Some(expected) = edit
        .expected_version
        .filter(|seen| *seen != workflow.version)
    {
        return Ok(Edit::Conflict(format!(
            "version {expected} was expected, but the workflow is at version {}",
            workflow.version
        )));
    }
    if workflow.status == WorkflowStatus::Archived {
        return Ok(Edit::Conflict(
            "the workflow is `archived` and cannot be edited".into(),
        ));
    }
    let is_drawn_anew = edit.draft.canvas != workflow.canvas;
    if is_drawn_anew {
        write_canvas(connection, workflow.sequence, edit.draft.canvas.as_deref())?;
    }
    let definition_sequence = intern(connection, &edit.draft.definition)?;
    if definition_sequence == workflow.definition_sequence
        && edit.draft.name == workflow.name
        && edit.draft.description == workflow.description
    {
        return if is_drawn_anew {
            drawn(connection, workflow, edit).map(Edit::Done)
        } else {
            Ok(Edit::Done(workflow))
        };
    }
    let version = save_version(connection, &workflow, definition_sequence, edit)?;
    connection
        .prepare_cached(
            "UPDATE workflow SET name = ?2, description = ?3, version = ?4, updated_at_ms = ?5 WHERE sequence = ?1",
        )?
        .execute((
            workflow.sequence,
            &edit.draft.name,
            &edit.draft.description,
            version,
            edit.now_ms,
        ))?;
    let workflow = Workflow {
        name: edit.draft.name.clone(),
        description: edit.draft.description.clone(),
        version,
        definition_sequence,
        definition: edit.draft.definition.clone(),
        canvas: edit.draft.canvas.clone(),
        updated_at_ms: edit.now_ms,
        ..workflow
    };
    triggers::follow(connection, &workflow, edit.now_ms)?;
    Ok(Edit::Done(workflow))
}

/// A new version when the current one is active or was used by a run, else the current one in place: its number.
fn save_version(
    connection: &Connection,
    workflow: &Workflow,
    definition: i64,
    edit: &WorkflowEdit,
) -> Result<i64, StoreError> {
    if workflow.status == WorkflowStatus::Active
        || is_used(connection, workflow.sequence, workflow.version)?
    {
        let version = workflow.version + 1;
        insert_version(connection, workflow.sequence, version, definition, edit)?;
        return Ok(version);
    }
    replace_version(connection, workflow, definition, edit)?;
    Ok(workflow.version)
}

/// A change of the drawing alone: no version, but another moment, so that caches and tags see it.
fn drawn(
    connection: &Connection,
    workflow: Workflow,
    edit: &WorkflowEdit,
) -> Result<Workflow, StoreError> {
    connection
        .prepare_cached("UPDATE workflow SET updated_at_ms = ?2 WHERE sequence = ?1")?
        .execute((workflow.sequence, edit.now_ms))?;
    Ok(Workflow {
        canvas: edit.draft.canvas.clone(),
        updated_at_ms: edit.now_ms,
        ..workflow
    })
}

fn is_used(connection: &Connection, workflow: i64, version: i64) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT used FROM workflow_version WHERE workflow = ?1 AND version = ?2")?
        .query_row((workflow, version), |row| row.get(0))?)
}

/// Writes an edit over the current version, and forgets the definition that it had.
fn replace_version(
    connection: &Connection,
    workflow: &Workflow,
    definition: i64,
    edit: &WorkflowEdit,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE workflow_version SET name = ?3, description = ?4, change_summary = ?5, created_by = ?6,
                created_at_ms = ?7, definition = ?8
             WHERE workflow = ?1 AND version = ?2",
        )?
        .execute((
            workflow.sequence,
            workflow.version,
            &edit.draft.name,
            &edit.draft.description,
            &edit.change_summary,
            &edit.by,
            edit.now_ms,
            definition,
        ))?;
    forget_definition(connection, workflow.definition_sequence)
}

/// Makes a new workflow active, within a job.
pub(super) fn activate(
    connection: &Connection,
    mut workflow: Workflow,
    now_ms: i64,
) -> Result<(), StoreError> {
    move_to(connection, &mut workflow, WorkflowStatus::Active, now_ms)
}

fn move_to(
    connection: &Connection,
    workflow: &mut Workflow,
    to: WorkflowStatus,
    now_ms: i64,
) -> Result<(), StoreError> {
    set_status(connection, workflow.sequence, to, now_ms)?;
    workflow.status = to;
    workflow.updated_at_ms = now_ms;
    triggers::follow(connection, workflow, now_ms)
}

fn set_status(
    connection: &Connection,
    sequence: i64,
    to: WorkflowStatus,
    now_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE workflow SET status = ?2, updated_at_ms = ?3 WHERE sequence = ?1")?
        .execute((sequence, to.as_str(), now_ms))?;
    Ok(())
}

pub(super) const UNFINISHED: &str = "
    SELECT id FROM run INDEXED BY run_unfinished
    WHERE (status = 'pending' OR status = 'running') AND workflow = ?1 LIMIT 1";

pub(super) const RUNS_OF_WORKFLOW: &str =
    "SELECT sequence FROM run WHERE workflow = ?1 ORDER BY sequence LIMIT ?2";

/// Removes some runs of the workflow, or, when there are none left, the workflow itself. Gives whether all is gone.
fn purge_slice(connection: &Connection, id: &WorkflowId) -> Result<Edit<bool>, StoreError> {
    let Some(mut workflow) = find(connection, id)? else {
        return Ok(Edit::NotFound);
    };
    let workflow_sequence = workflow.sequence;
    let unfinished: Option<String> = connection
        .prepare_cached(UNFINISHED)?
        .query_row([workflow_sequence], |row| row.get(0))
        .optional()?;
    if let Some(run) = unfinished {
        return Ok(Edit::Conflict(format!(
            "the workflow's run {run} is unfinished: wait for it, or cancel it"
        )));
    }
    if workflow.status != WorkflowStatus::Archived {
        set_status(
            connection,
            workflow_sequence,
            WorkflowStatus::Archived,
            workflow.updated_at_ms,
        )?;
        workflow.status = WorkflowStatus::Archived;
        triggers::follow(connection, &workflow, workflow.updated_at_ms)?;
    }
    let runs: Vec<i64> = connection
        .prepare_cached(RUNS_OF_WORKFLOW)?
        .query_map((workflow_sequence, PURGE_RUNS), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for run in &runs {
        let own = connection
            .prepare_cached(REMOVE_FINISHED)?
            .query_row([run], |row| row.get(0))?;
        retention::forget(connection, *run, own)?;
    }
    if !runs.is_empty() {
        return Ok(Edit::Done(false));
    }
    let definitions: Vec<i64> = connection
        .prepare_cached("DELETE FROM workflow_version WHERE workflow = ?1 RETURNING definition")?
        .query_map([workflow_sequence], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for definition in definitions {
        forget_definition(connection, definition)?;
    }
    // Its idempotency keys go with it (ON DELETE CASCADE).
    connection
        .prepare_cached("DELETE FROM workflow WHERE sequence = ?1")?
        .execute([workflow_sequence])?;
    Ok(Edit::Done(true))
}
