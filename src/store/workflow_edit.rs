//! Changes of workflows: edits, the life cycle, the purge. May not know what a definition means or who may change it.
//! Promise: a version that a run has used never changes, and what was asked for on a false assumption changes nothing.

use super::retention::{self, REMOVE_FINISHED};
use super::workflows::{
    find, forget_definition, insert_version, intern, write_beside, write_canvas,
};
use super::{Edit, Store, StoreError, WorkflowEdit, audit, triggers};
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::workflow::{DefinitionFormat, Workflow, WorkflowStatus};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

/// How many runs one job of a purge removes.
const PURGE_RUNS: i64 = 200;

impl Store {
    /// Saves an edit: a new version when the current one is active or was used by a run, else in place.
    /// An edit of the drawing alone, or of what is kept beside a graph, makes no version; one that changes neither name,
    /// description, definition nor drawing changes nothing, unless it says what is kept beside a graph. Where anything but
    /// the drawing has changed, the audit log has a row.
    pub async fn edit_workflow(
        &self,
        id: WorkflowId,
        edit: WorkflowEdit,
    ) -> Result<Edit<Workflow>, StoreError> {
        self.write(move |connection| save(connection, &id, &edit))
            .await
    }

    /// Moves a workflow along its life cycle; where it was elsewhere, with a row in the audit log.
    pub async fn set_workflow_status(
        &self,
        id: WorkflowId,
        to: WorkflowStatus,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<Edit<Workflow>, StoreError> {
        self.write(move |connection| {
            let Some(mut workflow) = find(connection, &id)? else {
                return Ok(Edit::NotFound);
            };
            if !workflow.status.may_become(to) {
                return Ok(Edit::Conflict(cannot_become(workflow.status, to)));
            }
            if workflow.status != to {
                move_to(connection, &mut workflow, to, now_ms)?;
                let detail = json!({ "name": workflow.name, "version": workflow.version });
                let entry = by.entry(now_ms, became(to), id.as_str(), detail);
                audit::append(connection, &entry)?;
            }
            Ok(Edit::Done(workflow))
        })
        .await
    }

    /// Removes a workflow with its versions and finished runs; a conflict while a run is unfinished.
    /// Runs are removed in slices, so that other writes go on meanwhile; the workflow is archived first, so that what a
    /// crash leaves is an archived workflow with fewer runs, which can be purged again.
    pub async fn purge_workflow(
        &self,
        id: WorkflowId,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<Edit<()>, StoreError> {
        loop {
            let (id, by) = (id.clone(), by.clone());
            let slice = self
                .write(move |connection| purge_slice(connection, &id, &by, now_ms))
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
    let status = edit.draft.status.unwrap_or(workflow.status);
    if !workflow.status.may_become(status) {
        return Ok(Edit::Conflict(cannot_become(workflow.status, status)));
    }
    let is_drawn_anew = edit.draft.canvas != workflow.canvas;
    if is_drawn_anew {
        write_canvas(connection, workflow.sequence, edit.draft.canvas.as_deref())?;
    }
    let is_changed_beside = match &edit.draft.beside {
        Some(beside) => write_beside(connection, workflow.sequence, beside)?,
        None => false,
    };
    let definition_sequence = intern(connection, &edit.draft.definition)?;
    let is_same = definition_sequence == workflow.definition_sequence
        && edit.draft.name == workflow.name
        && edit.draft.description == workflow.description;
    let is_moved = status != workflow.status;
    let is_touched = is_drawn_anew || edit.draft.beside.is_some() || is_moved;
    if is_same && !is_touched {
        return Ok(Edit::Done(workflow));
    }
    let version = if is_same {
        workflow.version
    } else {
        save_version(connection, &workflow, definition_sequence, edit)?
    };
    let workflow = Workflow {
        name: edit.draft.name.clone(),
        description: edit.draft.description.clone(),
        status,
        version,
        definition_sequence,
        definition: edit.draft.definition.clone(),
        canvas: edit.draft.canvas.clone(),
        updated_at_ms: next_moment(&workflow, edit.now_ms),
        ..workflow
    };
    write_row(connection, &workflow)?;
    triggers::follow(connection, &workflow, edit.now_ms)?;
    if !is_same || is_moved || is_changed_beside {
        let detail = json!({ "name": workflow.name, "version": workflow.version, "status": status.as_str() });
        let entry = edit
            .by
            .entry(edit.now_ms, "workflow.updated", id.as_str(), detail);
        audit::append(connection, &entry)?;
    }
    Ok(Edit::Done(workflow))
}

fn write_row(connection: &Connection, workflow: &Workflow) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE workflow SET name = ?2, description = ?3, status = ?4, version = ?5, updated_at_ms = ?6
             WHERE sequence = ?1",
        )?
        .execute((
            workflow.sequence,
            &workflow.name,
            &workflow.description,
            workflow.status.as_str(),
            workflow.version,
            workflow.updated_at_ms,
        ))?;
    Ok(())
}

/// The moment of a change: later than the one before it, also where the clock was set back or two changes are made in one
/// millisecond, so that who compares moments sees every change.
fn next_moment(workflow: &Workflow, now_ms: i64) -> i64 {
    now_ms.max(workflow.updated_at_ms + 1)
}

/// What the audit log calls a move along the life cycle.
fn became(status: WorkflowStatus) -> &'static str {
    match status {
        WorkflowStatus::Draft => "workflow.drafted",
        WorkflowStatus::Active => "workflow.activated",
        WorkflowStatus::Paused => "workflow.paused",
        WorkflowStatus::Archived => "workflow.archived",
    }
}

fn cannot_become(from: WorkflowStatus, to: WorkflowStatus) -> String {
    format!(
        "the workflow is `{}` and cannot become `{}`",
        from.as_str(),
        to.as_str()
    )
}

/// A new version when the current one was used by a run, or is active and no graph, else the current one in place: its
/// number. An editor of graphs saves whenever a node is moved; what was never run is not worth a version then.
fn save_version(
    connection: &Connection,
    workflow: &Workflow,
    definition: i64,
    edit: &WorkflowEdit,
) -> Result<i64, StoreError> {
    let is_kept = workflow.status == WorkflowStatus::Active
        && workflow.definition.format != DefinitionFormat::Graph;
    if is_kept || is_used(connection, workflow.sequence, workflow.version)? {
        let version = workflow.version + 1;
        insert_version(connection, workflow.sequence, version, definition, edit)?;
        return Ok(version);
    }
    replace_version(connection, workflow, definition, edit)?;
    Ok(workflow.version)
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
            &edit.by.actor,
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
    let moment_ms = next_moment(workflow, now_ms);
    set_status(connection, workflow.sequence, to, moment_ms)?;
    workflow.status = to;
    workflow.updated_at_ms = moment_ms;
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
fn purge_slice(
    connection: &Connection,
    id: &WorkflowId,
    by: &ChangedBy,
    now_ms: i64,
) -> Result<Edit<bool>, StoreError> {
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
        let detail = json!({ "name": workflow.name, "version": workflow.version });
        let archived = by.entry(now_ms, became(workflow.status), id.as_str(), detail);
        audit::append(connection, &archived)?;
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
    let entry = by.entry(
        now_ms,
        "workflow.deleted",
        id.as_str(),
        json!({ "name": workflow.name }),
    );
    audit::append(connection, &entry)?;
    Ok(Edit::Done(true))
}
