//! What a run's steps did, as people read it: the fold of its journal beside its plan.
//! Promise: what is told fits into a bounded answer, whatever the run has recorded; what was left out is marked.

use super::workflows::CompiledDefinition;
use super::{Engine, EngineError, Shared};
use crate::model::json::json_bytes;
use crate::model::plan::{
    History, Node, NodeIndex, Plan, RunState, StepHistory, StepRecord, StepTimes, left_out,
};
use crate::model::run::{Recorded, Run};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// How many bytes of configurations, outputs and consoles are told of one run, as JSON.
const MAX_TOLD_BYTES: usize = 16 << 20;

/// What the steps of a run did.
pub struct RunLogs {
    definition: Arc<CompiledDefinition>,
    steps: Vec<StepHistory>,
    /// Whether there were more steps inside loops than are told of.
    pub has_more: bool,
    /// How many events there are in the journal that this was read from.
    pub events: u64,
}

/// One step of one run.
pub struct StepLog<'a> {
    /// The step as it is defined.
    pub node: &'a Node,
    /// Its name in the journal: the id, and before it the iterations that it is inside of, as in `loop[17].charge`.
    pub activation: &'a str,
    /// Its configuration as it was written: templates unresolved, so that no secret can stand in a log.
    pub config: Told<'a>,
    /// What later steps see.
    pub output: Option<Told<'a>>,
    /// What it wrote to its console.
    pub console: Option<Told<'a>>,
    /// What happened.
    pub record: &'a StepRecord,
    /// When.
    pub times: &'a StepTimes,
}

/// A value, or the mark that stands in its place.
pub enum Told<'a> {
    /// As it is.
    Whole(&'a Value),
    /// Its size.
    LeftOut(Value),
}

impl Told<'_> {
    /// What is shown.
    pub fn value(&self) -> &Value {
        match self {
            Told::Whole(value) => value,
            Told::LeftOut(mark) => mark,
        }
    }
}

impl RunLogs {
    /// Every step of the run, in the order of its definition; after a loop or parallel step what happened inside of it. Where
    /// configurations, outputs and consoles are more than 16 MiB together, marks stand in the place of further ones.
    pub fn steps<'a>(&'a self) -> Vec<StepLog<'a>> {
        let mut left_bytes = MAX_TOLD_BYTES;
        let mut tell = |value, bytes| match left_bytes.checked_sub(bytes) {
            Some(left) => {
                left_bytes = left;
                Told::Whole(value)
            }
            None => Told::LeftOut(left_out(bytes)),
        };
        // A step inside a loop is told of many times.
        let mut config_bytes: HashMap<NodeIndex, usize> = HashMap::new();
        let steps = self.steps.iter().filter_map(|step| {
            let node = self.definition.plan.nodes.get(step.node)?;
            let source = node.config.source();
            let bytes = config_bytes.entry(step.node);
            let bytes = *bytes.or_insert_with(|| json_bytes(source));
            let config = tell(source, bytes);
            let mut tell_left = |left: &'a Option<Arc<Value>>| {
                let value = left.as_deref()?;
                Some(tell(value, json_bytes(value)))
            };
            Some(StepLog {
                node,
                activation: &step.activation,
                config,
                output: tell_left(&step.record.output),
                console: tell_left(&step.record.logs),
                record: &step.record,
                times: &step.times,
            })
        });
        steps.collect()
    }
}

impl Engine {
    /// The configuration of a step as its run has pinned it, templates unresolved.
    pub fn config_of(&self, run: &Run, step_id: &str) -> Result<Option<Value>, EngineError> {
        let workflows = &self.0.workflows;
        let definition = workflows.pinned(&run.summary.workflow_id, run.definition_sequence)?;
        let plan = &definition.plan;
        let node = plan
            .index_of(step_id)
            .and_then(|index| plan.nodes.get(index));
        Ok(node.map(|node| node.config.source().clone()))
    }

    /// What the steps of a run did.
    pub async fn logs_of(&self, run: &Run) -> Result<RunLogs, EngineError> {
        let (shared, run) = (self.0.clone(), run.clone());
        read_aside(move || shared.logs_of(&run)).await
    }
}

/// Reads a journal where that may take its time: a long one takes a second.
pub(super) async fn read_aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| EngineError::Internal(format!("a run's journal: {error}")))?
}

impl Shared {
    fn logs_of(&self, run: &Run) -> Result<RunLogs, EngineError> {
        let definition = self
            .workflows
            .pinned(&run.summary.workflow_id, run.definition_sequence)?;
        let plan = &definition.plan;
        let (mut state, mut history) = (RunState::new(plan), History::new(plan));
        self.store.walk_journal(run.summary.sequence, |recorded| {
            apply(&mut state, plan, recorded)?;
            history.follow(recorded);
            Ok::<_, EngineError>(())
        })?;
        let (has_more, events) = (history.has_more(), history.events());
        let steps = history.steps(&state);
        Ok(RunLogs {
            steps,
            definition,
            has_more,
            events,
        })
    }

    /// The state that the journal of a run leads to.
    pub(super) fn folded(
        &self,
        definition: &CompiledDefinition,
        run_sequence: i64,
    ) -> Result<RunState, EngineError> {
        let mut state = RunState::new(&definition.plan);
        self.store.walk_journal(run_sequence, |recorded| {
            apply(&mut state, &definition.plan, recorded)
        })?;
        Ok(state)
    }
}

fn apply(state: &mut RunState, plan: &Plan, recorded: &Recorded) -> Result<(), EngineError> {
    state
        .apply(plan, recorded.at_ms, &recorded.event)
        .map_err(|error| EngineError::Internal(format!("event {}: {error}", recorded.sequence)))
}
