//! What a run's steps did, as people read it: the fold of its journal beside its plan.

use super::workflows::CompiledDefinition;
use super::{Engine, EngineError};
use crate::model::plan::{RunState, StepRecord, history};
use crate::model::run::{Recorded, Run};
use serde_json::Value;

/// One step of one run.
#[derive(Debug, Clone)]
pub struct StepLog {
    /// The step's id in the definition.
    pub id: String,
    /// Its name in the journal: the id, and before it the iterations that it is inside of, as in `loop[17].charge`.
    pub activation: String,
    /// What people call it.
    pub name: Option<String>,
    /// `condition`, `api.request`, …
    pub step_type: &'static str,
    /// Its configuration as it was written: templates unresolved, so that no secret can stand in a log.
    pub config: Value,
    /// What happened.
    pub record: StepRecord,
}

impl Engine {
    /// Every step of a run, in the order of its definition; after a loop or parallel step what happened inside of it.
    pub fn steps_of(&self, run: &Run) -> Result<Vec<StepLog>, EngineError> {
        let definition = self
            .0
            .workflows
            .pinned(&run.summary.workflow_id, run.definition_sequence)?;
        let journal = self.0.store.journal(run.summary.sequence, 0)?;
        let state = fold(&definition, &journal)?;
        let plan = &definition.plan;
        let steps = history(plan, &state, &journal).into_iter();
        let logs = steps.filter_map(|step| {
            let node = plan.nodes.get(step.node)?;
            Some(StepLog {
                id: node.id.clone(),
                activation: step.activation,
                name: node.name.clone(),
                step_type: node.step_type,
                config: node.config.source().clone(),
                record: step.record,
            })
        });
        Ok(logs.collect())
    }
}

/// The state that a journal leads to.
pub(super) fn fold(
    definition: &CompiledDefinition,
    journal: &[Recorded],
) -> Result<RunState, EngineError> {
    let mut state = RunState::new(&definition.plan);
    for recorded in journal {
        state
            .apply(&definition.plan, recorded.at_ms, &recorded.event)
            .map_err(|error| {
                EngineError::Internal(format!("event {}: {error}", recorded.sequence))
            })?;
    }
    Ok(state)
}
