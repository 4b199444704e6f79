//! Workflows as the engine runs them: checked, compiled, cached; and every change of a workflow.
//! May not know runs. Promise: once a change is on disk and was answered, or its caller has gone away, nobody gets the old
//! version from the cache.

mod cache;
mod definition;
mod editor;
mod hook;
mod outside;

pub use definition::{CompiledDefinition, mistakes};
pub use editor::Editor;

use crate::clock::Clock;
use crate::engine::webhook::require_ready;
use crate::id::WorkflowId;
use crate::model::graph::{Lint, lint};
use crate::model::json::json_bytes;
use crate::model::plan::{DefinitionLimits, DefinitionProblem};
use crate::model::trigger::Trigger;
use crate::model::workflow::{Definition, Workflow, WorkflowStatus};
use crate::store::{Edit, Store, StoreError, WorkflowDraft, WorkflowEdit};
use crate::to_its_end::to_its_end;
use bytes::Bytes;
use cache::Cache;
use definition::{compile_new, compile_within};
use hook::require_free;
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// A workflow with its current definition, ready to run.
#[derive(Debug)]
pub struct CompiledWorkflow {
    /// The record.
    pub workflow: Workflow,
    /// Its current definition.
    pub definition: Arc<CompiledDefinition>,
    /// Room for one ready-made rendering of the record, filled by whoever renders it first.
    pub rendering: OnceLock<Bytes>,
    weight_bytes: usize,
}

/// Why a workflow was not saved or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowProblem {
    /// Every mistake of the definition.
    #[error("the definition has {} problem(s)", .0.len())]
    Invalid(Vec<DefinitionProblem>),
    /// No such workflow.
    #[error("no such workflow")]
    NotFound,
    /// Its state or version does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A handle to all workflows; clones share it.
#[derive(Clone)]
pub struct Workflows(Arc<Shared>);

struct Shared {
    store: Store,
    clock: Clock,
    limits: DefinitionLimits,
    max_definition_bytes: usize,
    cache: Mutex<Cache>,
    /// Held by whoever edits, from reading the workflow until the edit is written: edits are one after another.
    edits: Arc<tokio::sync::Mutex<()>>,
    /// Told after every change.
    changed: Notify,
}

impl Workflows {
    /// Over this store, with these bounds on definitions.
    pub fn new(
        store: Store,
        clock: Clock,
        limits: DefinitionLimits,
        max_definition_bytes: usize,
    ) -> Workflows {
        Workflows(Arc::new(Shared {
            store,
            clock,
            limits,
            max_definition_bytes,
            cache: Mutex::default(),
            edits: Arc::default(),
            changed: Notify::new(),
        }))
    }

    /// How long a definition may be, in bytes of JSON.
    pub fn max_definition_bytes(&self) -> usize {
        self.0.max_definition_bytes
    }

    /// One workflow, from the cache where it is.
    pub fn get(&self, id: &WorkflowId) -> Result<Option<Arc<CompiledWorkflow>>, StoreError> {
        let generation = {
            let cache = self.cache();
            if let Some(known) = cache.by_id.get(id) {
                return Ok(Some(known.clone()));
            }
            cache.generation
        };
        let Some(workflow) = self.0.store.workflow(id)? else {
            return Ok(None);
        };
        let compiled = Arc::new(self.compile_stored(workflow)?);
        self.cache().keep(generation, &compiled);
        Ok(Some(compiled))
    }

    /// Another number after every change of a workflow, before that is answered.
    pub(super) fn generation(&self) -> u64 {
        self.cache().generation
    }

    /// A definition that a run has pinned.
    pub(super) fn pinned(
        &self,
        workflow: &WorkflowId,
        sequence: i64,
    ) -> Result<Arc<CompiledDefinition>, StoreError> {
        if let Some(current) = self.get(workflow)?
            && current.definition.sequence == sequence
        {
            return Ok(current.definition.clone());
        }
        let definition = self
            .0
            .store
            .definition(sequence)?
            .ok_or_else(|| missing(sequence))?;
        Ok(Arc::new(Self::compile_known(&definition, sequence)?))
    }

    /// A definition that `by` has sent for one run; the error holds every mistake.
    pub(super) fn compile_sent(
        &self,
        definition: &Definition,
        by: Editor<'_>,
    ) -> Result<Result<Arc<CompiledDefinition>, Vec<DefinitionProblem>>, StoreError> {
        Ok(self.checked(definition, None, by)?.map(Arc::new))
    }

    /// Every mistake of a definition that `by` would save in place of `before`; nothing is stored or run.
    pub fn problems(
        &self,
        definition: &Definition,
        before: Option<&Definition>,
        by: Editor<'_>,
    ) -> Result<Vec<DefinitionProblem>, StoreError> {
        let checked = self.checked(definition, before, by)?;
        Ok(checked.err().unwrap_or_default())
    }

    /// Whether a definition could be run, whoever may save it.
    pub fn compiles(&self, definition: &Definition) -> bool {
        self.compile(definition, 0).is_ok()
    }

    /// Every mistake of a graph (an object with `nodes` and `edges`), and what looks like one.
    pub fn lint(&self, graph: &Value) -> Lint {
        lint(graph, &self.0.limits.graph)
    }

    /// Saves a new workflow.
    pub async fn create(
        &self,
        draft: WorkflowDraft,
        by: Editor<'_>,
    ) -> Result<Arc<CompiledWorkflow>, WorkflowProblem> {
        let checked = self.checked(&draft.definition, None, by)?;
        let compiled = checked.map_err(WorkflowProblem::Invalid)?;
        let id = WorkflowId::generate();
        let _turn = match &compiled.plan.trigger {
            // Of two with one webhook id, the second sees the first.
            Trigger::Hook(hook) => {
                let turn = self.0.edits.lock().await;
                require_free(&self.0.store, &id, hook)?;
                Some(turn)
            }
            _ => None,
        };
        let now_ms = self.0.clock.now_ms();
        let workflow = self
            .0
            .store
            .create_workflow(id, draft, by.changed_by(), now_ms)
            .await?;
        Ok(Arc::new(self.compile_stored(workflow)?))
    }

    /// Saves an edit: what `draft` makes of the workflow as it is now. Edits at the same time are made one after another,
    /// each of what the one before it left, so that none undoes what another changed.
    pub async fn edit<E: From<WorkflowProblem>>(
        &self,
        id: &WorkflowId,
        draft: impl FnOnce(&Workflow) -> Result<WorkflowDraft, E>,
        change_summary: Option<String>,
        expected_version: Option<i64>,
        by: Editor<'_>,
    ) -> Result<Arc<CompiledWorkflow>, E> {
        let turn = self.0.edits.clone().lock_owned().await;
        let before = self.get(id).map_err(WorkflowProblem::Store)?;
        let before = before.ok_or(WorkflowProblem::NotFound)?;
        let edit = WorkflowEdit {
            draft: draft(&before.workflow)?,
            change_summary,
            expected_version,
            by: by.changed_by(),
            now_ms: self.0.clock.now_ms(),
        };
        let known = Some(&before.workflow.definition);
        let checked = self.checked(&edit.draft.definition, known, by);
        let compiled = checked
            .map_err(WorkflowProblem::Store)?
            .map_err(WorkflowProblem::Invalid)?;
        if let Trigger::Hook(hook) = &compiled.plan.trigger {
            require_free(&self.0.store, id, hook)?;
        }
        let status = edit.draft.status.unwrap_or(before.workflow.status);
        if status == WorkflowStatus::Active {
            require_ready(&self.0.store, self, &before.workflow, &compiled, by)?;
        }
        let (workflows, id) = (self.clone(), id.clone());
        let edited = to_its_end(async move {
            let edited = workflows.0.store.edit_workflow(id.clone(), edit).await;
            let changed = workflows.after_change(&id, edited);
            drop(turn);
            changed
        });
        Ok(edited.await?)
    }

    /// Moves a workflow along its life cycle.
    pub async fn set_status(
        &self,
        id: &WorkflowId,
        status: WorkflowStatus,
        by: Editor<'_>,
    ) -> Result<Arc<CompiledWorkflow>, WorkflowProblem> {
        // An edit in between could take away what the trigger needs, or take its path.
        let turn = self.0.edits.clone().lock_owned().await;
        if status == WorkflowStatus::Active
            && let Some(compiled) = self.get(id)?
        {
            let CompiledWorkflow {
                workflow,
                definition,
                ..
            } = &*compiled;
            require_ready(&self.0.store, self, workflow, definition, by)?;
        }
        let (by, now_ms) = (by.changed_by(), self.0.clock.now_ms());
        let (workflows, id) = (self.clone(), id.clone());
        let moved = to_its_end(async move {
            let store = &workflows.0.store;
            let moved = store
                .set_workflow_status(id.clone(), status, by, now_ms)
                .await;
            let changed = workflows.after_change(&id, moved);
            drop(turn);
            changed
        });
        moved.await
    }

    /// Removes a workflow with its versions and finished runs.
    pub async fn purge(&self, id: &WorkflowId, by: Editor<'_>) -> Result<(), WorkflowProblem> {
        let (by, now_ms) = (by.changed_by(), self.0.clock.now_ms());
        let (workflows, id) = (self.clone(), id.clone());
        let purged = to_its_end(async move {
            let store = &workflows.0.store;
            let purged = store.purge_workflow(id.clone(), by, now_ms).await;
            workflows.cache().drop_one(&id);
            purged
        });
        done(purged.await?)
    }

    /// Returns when a workflow was changed since the last call. For one caller.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn after_change(
        &self,
        id: &WorkflowId,
        edit: Result<Edit<Workflow>, StoreError>,
    ) -> Result<Arc<CompiledWorkflow>, WorkflowProblem> {
        // Also after an error: it may have been told of a commit that was made.
        self.cache().drop_one(id);
        self.0.changed.notify_one();
        Ok(Arc::new(self.compile_stored(done(edit?)?)?))
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn compile_stored(&self, workflow: Workflow) -> Result<CompiledWorkflow, StoreError> {
        let definition = Self::compile_known(&workflow.definition, workflow.definition_sequence)?;
        let patterns_bytes = definition.schema_bytes();
        let canvas_bytes = workflow.canvas.as_deref().map_or(0, json_bytes);
        let weight_bytes =
            1_000 + json_bytes(&workflow.definition.body) + canvas_bytes + patterns_bytes;
        Ok(CompiledWorkflow {
            workflow,
            definition: Arc::new(definition),
            rendering: OnceLock::new(),
            weight_bytes,
        })
    }

    /// A definition that was accepted once; one that is not accepted any more is the store's fault, not a caller's.
    fn compile_known(
        definition: &Definition,
        sequence: i64,
    ) -> Result<CompiledDefinition, StoreError> {
        compile_within(definition, sequence, &DefinitionLimits::KEPT).map_err(|problems| {
            let first = problems
                .first()
                .map_or("", |problem| problem.message.as_str());
            StoreError::Database(format!(
                "definition {sequence} is not accepted any more: {first}"
            ))
        })
    }

    /// A definition that `by` may save in place of `before`, compiled; otherwise every mistake.
    fn checked(
        &self,
        definition: &Definition,
        before: Option<&Definition>,
        by: Editor<'_>,
    ) -> Result<Result<CompiledDefinition, Vec<DefinitionProblem>>, StoreError> {
        let outside = outside::problems(self, definition, before, by.reach)?;
        Ok(match self.compile(definition, 0) {
            compiled if outside.is_empty() => compiled,
            compiled => {
                let problems = compiled.err().unwrap_or_default();
                Err(problems.into_iter().chain(outside).collect())
            }
        })
    }

    fn compile(
        &self,
        definition: &Definition,
        sequence: i64,
    ) -> Result<CompiledDefinition, Vec<DefinitionProblem>> {
        let Shared {
            limits,
            max_definition_bytes,
            ..
        } = &*self.0;
        compile_new(definition, sequence, limits, *max_definition_bytes)
    }
}

fn done<T>(edit: Edit<T>) -> Result<T, WorkflowProblem> {
    match edit {
        Edit::Done(value) => Ok(value),
        Edit::NotFound => Err(WorkflowProblem::NotFound),
        Edit::Conflict(reason) => Err(WorkflowProblem::Conflict(reason)),
    }
}

fn missing(sequence: i64) -> StoreError {
    StoreError::Database(format!(
        "definition {sequence} is gone although a run has pinned it"
    ))
}
