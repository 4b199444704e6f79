//! The state of a run: the fold of its journal.
//! May not know clocks, or what comes next (see `next`). Promise: the same journal gives the same state; an event that does
//! not fit changes nothing and says why; folding one event costs the same however long the run is.

use super::step_fold::{Folded, describe, fold, misplaced};
use super::{NodeIndex, Outcome, Plan};
use crate::model::run::{Event, RunError, RunStatus, StepError};
use serde_json::Value;
use std::sync::Arc;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepStatus {
    /// Its turn has not come.
    Pending,
    /// An attempt was started and has no record yet.
    Running,
    /// It waits for its moment.
    Waiting,
    /// An attempt failed; another one is due.
    Retrying,
    /// Nobody knows how the last attempt ended; another one follows.
    Unknown,
    /// It ended well.
    Completed,
    /// It failed; where the run goes on all the same, its output is the fallback.
    Failed,
    /// No branch that names it took its way.
    Skipped,
    /// The run ended while the step was under way.
    Cancelled,
}

impl StepStatus {
    /// The status as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            StepStatus::Pending => "pending",
            StepStatus::Running => "running",
            StepStatus::Waiting => "waiting",
            StepStatus::Retrying => "retrying",
            StepStatus::Unknown => "unknown",
            StepStatus::Completed => "completed",
            StepStatus::Failed => "failed",
            StepStatus::Skipped => "skipped",
            StepStatus::Cancelled => "cancelled",
        }
    }

    /// Whether the step will not be touched again.
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            StepStatus::Completed
                | StepStatus::Failed
                | StepStatus::Skipped
                | StepStatus::Cancelled
        )
    }
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRecord {
    /// Where it stands.
    pub status: StepStatus,
    /// How many attempts there were, those with unknown outcome included.
    pub attempts: u32,
    /// How many of them failed.
    pub failures: u32,
    /// When the first attempt began, in milliseconds since the Unix epoch.
    pub started_at_ms: Option<i64>,
    /// When the step ended.
    pub finished_at_ms: Option<i64>,
    /// When the next attempt, or the end of the wait, is due.
    pub due_at_ms: Option<i64>,
    /// What later steps see; the fallback of a step that failed without failing the run.
    pub output: Option<Arc<Value>>,
    /// Why the last attempt failed.
    pub error: Option<Box<StepError>>,
    /// The way a branch took.
    pub way: Option<u32>,
}

/// An event that does not fit the journal before it: the journal is damaged, or belongs to another definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The definition has no such step.
    #[error("the journal names the step `{0}`, which the definition does not have")]
    UnknownStep(String),
    /// The event cannot happen now.
    #[error("the event `{event}`{} does not fit here: {reason}", .step.as_ref().map(|id| format!(" of step `{id}`")).unwrap_or_default())]
    Misplaced {
        /// The event's type.
        event: &'static str,
        /// Its step, where it has one.
        step: Option<String>,
        /// Why not.
        reason: &'static str,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    Finished(Outcome),
    Cancelled,
}

/// The fold of a run's journal. Steps are addressed by their place in the plan; a fold never hashes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    records: Vec<StepRecord>,
    /// The first step that is neither ended nor skipped.
    cursor: NodeIndex,
    /// The last step that ended.
    last: Option<NodeIndex>,
    events: u64,
    started_at_ms: Option<i64>,
    finished_at_ms: Option<i64>,
    failure: Option<RunError>,
    end: Option<End>,
}

impl RunState {
    /// The state of an empty journal.
    pub fn new(plan: &Plan) -> RunState {
        let untouched = StepRecord {
            status: StepStatus::Pending,
            attempts: 0,
            failures: 0,
            started_at_ms: None,
            finished_at_ms: None,
            due_at_ms: None,
            output: None,
            error: None,
            way: None,
        };
        RunState {
            records: vec![untouched; plan.nodes.len()],
            cursor: 0,
            last: None,
            events: 0,
            started_at_ms: None,
            finished_at_ms: None,
            failure: None,
            end: None,
        }
    }

    /// Folds one event in. On an error nothing has changed.
    pub fn apply(&mut self, plan: &Plan, at_ms: i64, event: &Event) -> Result<(), JournalError> {
        if self.end.is_some() {
            return Err(misplaced(event, "the run has ended"));
        }
        match event {
            Event::RunStarted if self.started_at_ms.is_some() => {
                return Err(misplaced(event, "the run has started before"));
            }
            Event::RunStarted => self.started_at_ms = Some(at_ms),
            Event::RunCompleted { output } => {
                if self.started_at_ms.is_none()
                    || self.failure.is_some()
                    || self.cursor < self.records.len()
                {
                    return Err(misplaced(event, "steps are left, or one has failed"));
                }
                self.finish(at_ms, End::Finished(Outcome::Completed(output.clone())));
            }
            Event::RunFailed { error } => {
                self.finish(at_ms, End::Finished(Outcome::Failed(error.clone())));
            }
            Event::RunCancelled { .. } => self.finish(at_ms, End::Cancelled),
            Event::StepStarted { .. }
            | Event::StepCompleted { .. }
            | Event::StepFailed { .. }
            | Event::StepUnknown { .. }
            | Event::StepWaiting { .. } => self.apply_to_step(plan, at_ms, event)?,
        }
        self.events += 1;
        Ok(())
    }

    fn finish(&mut self, at_ms: i64, end: End) {
        if let Some(record) = self.records.get_mut(self.cursor)
            && !record.status.is_settled()
            && record.status != StepStatus::Pending
        {
            record.status = StepStatus::Cancelled;
            record.due_at_ms = None;
            record.finished_at_ms = Some(at_ms);
        }
        self.finished_at_ms = Some(at_ms);
        self.end = Some(end);
    }

    fn apply_to_step(
        &mut self,
        plan: &Plan,
        at_ms: i64,
        event: &Event,
    ) -> Result<(), JournalError> {
        let (_, step) = describe(event);
        let current = plan
            .nodes
            .get(self.cursor)
            .zip(self.records.get_mut(self.cursor));
        let Some((node, record)) = current.filter(|(node, _)| Some(node.id.as_str()) == step)
        else {
            let id = step.unwrap_or_default();
            return Err(match plan.index_of(id) {
                Some(_) => misplaced(event, "it is not this step's turn"),
                None => JournalError::UnknownStep(id.to_owned()),
            });
        };
        if self.started_at_ms.is_none() {
            return Err(misplaced(event, "the run has not started"));
        }
        match fold(record, node, at_ms, event)? {
            Folded::Open => {}
            Folded::Settled => {
                self.last = Some(self.cursor);
                self.advance(plan);
            }
            Folded::FailedForGood => {
                let why = record
                    .error
                    .as_ref()
                    .map_or("", |error| error.message.as_str());
                self.failure = Some(RunError {
                    code: "STEP_ERROR".into(),
                    message: format!("step `{}` failed: {why}", node.id),
                    step_id: Some(node.id.clone()),
                });
            }
        }
        Ok(())
    }

    /// Moves on to the next step that is not skipped. Each step is passed once in a run.
    fn advance(&mut self, plan: &Plan) {
        self.cursor += 1;
        while self.cursor < self.records.len() {
            let owners = plan.owners_of(self.cursor);
            let taken = |&(branch, way): &(NodeIndex, u32)| {
                self.records
                    .get(branch)
                    .is_some_and(|record| record.way == Some(way))
            };
            if owners.is_empty() || owners.iter().any(taken) {
                return;
            }
            if let Some(record) = self.records.get_mut(self.cursor) {
                record.status = StepStatus::Skipped;
            }
            self.cursor += 1;
        }
    }

    /// Where the run stands.
    pub fn status(&self) -> RunStatus {
        match (&self.end, self.started_at_ms) {
            (Some(End::Finished(Outcome::Completed(_))), _) => RunStatus::Completed,
            (Some(End::Finished(Outcome::Failed(_))), _) => RunStatus::Failed,
            (Some(End::Cancelled), _) => RunStatus::Cancelled,
            (None, Some(_)) => RunStatus::Running,
            (None, None) => RunStatus::Pending,
        }
    }

    /// How the run ended; `None` while it has not, and for a cancelled one.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.end {
            Some(End::Finished(outcome)) => Some(outcome),
            _ => None,
        }
    }

    /// When the first step began to be looked at, in milliseconds since the Unix epoch.
    pub fn started_at_ms(&self) -> Option<i64> {
        self.started_at_ms
    }

    /// When the run ended.
    pub fn finished_at_ms(&self) -> Option<i64> {
        self.finished_at_ms
    }

    /// The sequence number of the next event: how many there were.
    pub fn next_sequence(&self) -> u64 {
        self.events
    }

    /// What is known of one step.
    pub fn record(&self, node: NodeIndex) -> Option<&StepRecord> {
        self.records.get(node)
    }

    /// What is known of every step, in plan order.
    pub fn records(&self) -> &[StepRecord] {
        &self.records
    }

    /// What templates see of a step: nothing before it has ended, and nothing of a skipped one.
    pub fn output_of(&self, plan: &Plan, id: &str) -> Option<&Value> {
        self.record(plan.index_of(id)?)?.output.as_deref()
    }

    /// Attempts that were started and have no record. After a restart each of them has an unknown outcome.
    pub fn under_way(&self) -> impl Iterator<Item = (NodeIndex, u32)> + '_ {
        let current = self
            .record(self.cursor)
            .filter(|record| record.status == StepStatus::Running);
        current
            .map(|record| (self.cursor, record.attempts))
            .into_iter()
    }

    /// The events that give a new run of the same plan the results that this one has: one for each step that ended well
    /// or was let go with its fallback, in order. They follow `run.started`.
    pub fn settled_events(&self, plan: &Plan) -> Vec<Event> {
        let settled = plan.nodes.iter().zip(&self.records).take(self.cursor);
        settled
            .filter_map(
                |(node, record)| match (record.status, &record.output, &record.error) {
                    (StepStatus::Completed, Some(output), _) => Some(Event::StepCompleted {
                        step: node.id.clone(),
                        output: output.clone(),
                        way: record.way,
                    }),
                    (StepStatus::Failed, _, Some(error)) => Some(Event::StepFailed {
                        step: node.id.clone(),
                        attempt: record.attempts,
                        error: (**error).clone(),
                        retry_at_ms: None,
                    }),
                    _ => None,
                },
            )
            .collect()
    }

    pub(super) fn cursor(&self) -> NodeIndex {
        self.cursor
    }

    pub(super) fn failure(&self) -> Option<&RunError> {
        self.failure.as_ref()
    }

    pub(super) fn last_output(&self) -> Arc<Value> {
        self.last
            .and_then(|last| self.record(last)?.output.clone())
            .unwrap_or_default()
    }
}
