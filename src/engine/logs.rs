//! What a run's steps did, as people read it: the fold of its journal beside its plan.

use super::workflows::CompiledDefinition;
use super::{Engine, EngineError};
use crate::model::plan::{RunState, StepRecord};
use crate::model::run::{Recorded, Run};
use serde_json::Value;

/// One step of one run.
#[derive(Debug, Clone)]
pub struct StepLog {
    /// The step's id in the definition.
    pub id: String,
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
    /// Every step of a run, in the order of its definition.
    pub fn steps_of(&self, run: &Run) -> Result<Vec<StepLog>, EngineError> {
        let definition = self
            .0
            .workflows
            .pinned(&run.summary.workflow_id, run.definition_sequence)?;
        let state = fold(&definition, &self.0.store.journal(run.summary.sequence, 0)?)?;
        let steps = definition.plan.nodes.iter().zip(state.records());
        let logs = steps.map(|(node, record)| StepLog {
            id: node.id.clone(),
            name: node.name.clone(),
            step_type: node.step_type,
            config: node.config.source().clone(),
            record: record.clone(),
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
