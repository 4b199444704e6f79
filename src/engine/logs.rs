//! What a run's steps did, as people read it: the fold of its journal beside its plan.

use super::{Engine, EngineError};
use crate::model::plan::{RunState, StepRecord};
use crate::model::run::Run;
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
        let definition = self.0.workflows.pinned(&run.summary.workflow_id, run.definition_sequence)?;
        let mut state = RunState::new(&definition.plan);
        for recorded in self.0.store.journal(run.summary.sequence, 0)? {
            state
                .apply(&definition.plan, recorded.at_ms, &recorded.event)
                .map_err(|error| EngineError::Internal(format!("event {}: {error}", recorded.sequence)))?;
        }
        let logs = definition.plan.nodes.iter().enumerate().map(|(index, node)| StepLog {
            id: node.id.clone(),
            name: node.name.clone(),
            step_type: node.step_type,
            config: node.config.source().clone(),
            record: state.step(index).clone(),
        });
        Ok(logs.collect())
    }
}
