//! The state of a run: the fold of its journal.
//! May not know clocks, or what comes next (see `next`). Promise: the same journal gives the same state; an event that does
//! not fit changes nothing and says why; folding one event costs the same however long the run is.

use super::frame::Frame;
use super::record::{StepRecord, StepStatus, WaitsFor};
use super::step_fold::{Folded, describe, fold, misplaced};
use super::{Activation, FrameId, NodeIndex, Outcome, Plan};
use crate::model::run::{Event, RunError, RunStatus, StepError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The frame of the steps at the top.
const TOP: FrameId = 0;

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

/// The fold of a run's journal. Steps are addressed by frame and place in the plan; a fold never hashes.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// Every open frame. How loops and parallel steps open and close them is in `nesting`.
    pub(super) frames: BTreeMap<FrameId, Frame>,
    pub(super) next_frame: FrameId,
    /// Steps for which there is something to do now.
    pub(super) ready: BTreeSet<Activation>,
    /// Steps for which there is something to do at a moment.
    pub(super) timed: BTreeSet<(i64, Activation)>,
    /// Attempts that were started and have no record.
    running: BTreeSet<Activation>,
    /// Steps that wait for an answer or another run.
    waiting: BTreeSet<Activation>,
    /// How large all that is recorded in open frames is, as JSON.
    pub(super) held_bytes: usize,
    events: u64,
    started_at_ms: Option<i64>,
    finished_at_ms: Option<i64>,
    failure: Option<RunError>,
    end: Option<End>,
}

impl RunState {
    /// The state of an empty journal.
    pub fn new(plan: &Plan) -> RunState {
        let mut state = RunState {
            frames: BTreeMap::from([(TOP, Frame::new(plan, 0, None))]),
            next_frame: TOP + 1,
            ready: BTreeSet::new(),
            timed: BTreeSet::new(),
            running: BTreeSet::new(),
            waiting: BTreeSet::new(),
            held_bytes: 0,
            events: 0,
            started_at_ms: None,
            finished_at_ms: None,
            failure: None,
            end: None,
        };
        state.index_current(plan, TOP);
        state
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
                if self.started_at_ms.is_none() || self.failure.is_some() || !self.top_is_over() {
                    return Err(misplaced(event, "steps are left, or one has failed"));
                }
                self.finish(at_ms, End::Finished(Outcome::Completed(output.clone())));
            }
            Event::RunFailed { error } => {
                self.finish(at_ms, End::Finished(Outcome::Failed(error.clone())));
            }
            Event::RunCancelled { .. } => self.finish(at_ms, End::Cancelled),
            _ => self.apply_to_step(plan, at_ms, event)?,
        }
        self.events += 1;
        Ok(())
    }

    fn finish(&mut self, at_ms: i64, end: End) {
        for frame in self.frames.values_mut() {
            if let Some(record) = frame.records.get_mut(frame.cursor)
                && !record.status.is_settled()
                && record.status != StepStatus::Pending
            {
                record.status = StepStatus::Cancelled;
                record.due_at_ms = None;
                record.waits_for = None;
                record.finished_at_ms = Some(at_ms);
            }
        }
        self.ready.clear();
        self.timed.clear();
        self.running.clear();
        self.waiting.clear();
        self.finished_at_ms = Some(at_ms);
        self.end = Some(end);
    }

    fn apply_to_step(
        &mut self,
        plan: &Plan,
        at_ms: i64,
        event: &Event,
    ) -> Result<(), JournalError> {
        let step = self.find(plan, event)?;
        if self.started_at_ms.is_none() {
            return Err(misplaced(event, "the run has not started"));
        }
        let (Some(node), Some(record)) = (
            plan.nodes.get(step.node),
            self.frames
                .get_mut(&step.frame)
                .and_then(|frame| frame.records.get_mut(frame.cursor)),
        ) else {
            return Err(misplaced(event, "it is not this step's turn"));
        };
        let (due_before, held_before) = (record.due_at_ms, record.held_bytes());
        let folded = fold(record, node, at_ms, event)?;
        let held_now = record.held_bytes();
        self.recount(held_before, held_now);
        self.unindex(step, due_before);
        match folded {
            Folded::Open => {}
            Folded::Iterate => self.open_further(plan, step),
            Folded::Another => self.open_decided(plan, step),
            Folded::Settled => {
                self.close_inside(plan, step);
                self.move_on(plan, step.frame);
                return Ok(());
            }
            Folded::FailedForGood => {
                self.close_inside(plan, step);
                self.fail_frame(plan, step);
                return Ok(());
            }
        }
        self.index(plan, step);
        Ok(())
    }

    /// The step in the frame has ended: on to the next one, or out of the frame.
    fn move_on(&mut self, plan: &Plan, id: FrameId) {
        let Some(frame) = self.frames.get_mut(&id) else {
            return;
        };
        frame.advance(plan);
        if !frame.is_over() {
            self.index_current(plan, id);
        } else if let Some((head, index)) = frame.parent {
            let output = frame.output();
            self.end_iteration(plan, head, index, output);
        }
    }

    /// The step has failed for good: so has its frame, and, at the top, the run.
    fn fail_frame(&mut self, plan: &Plan, step: Activation) {
        let id = plan
            .nodes
            .get(step.node)
            .map_or("", |node| node.id.as_str());
        let error = self
            .record(plan, step)
            .and_then(|record| record.error.clone());
        let error = error.unwrap_or_else(|| Box::new(StepError::fatal("INTERNAL", "no error")));
        match self.frames.get(&step.frame).and_then(|frame| frame.parent) {
            Some((head, index)) => self.fail_iteration(plan, head, index, id, &error),
            None => {
                self.failure = Some(RunError {
                    code: "STEP_ERROR".into(),
                    message: format!("step `{id}` failed: {}", error.message),
                    step_id: Some(id.to_owned()),
                });
            }
        }
    }

    /// The open step that the event names. Names are followed from the top, each segment compared with the step whose turn
    /// it is.
    fn find(&self, plan: &Plan, event: &Event) -> Result<Activation, JournalError> {
        let (_, name) = describe(event);
        let name = name.unwrap_or_default();
        self.activation(plan, name).ok_or_else(|| {
            let id = name.rsplit('.').next().unwrap_or_default();
            match plan.index_of(id) {
                Some(_) => misplaced(event, "it is not this step's turn"),
                None => JournalError::UnknownStep(name.to_owned()),
            }
        })
    }

    /// The step under this name (`loop[17].charge`), if it is its turn.
    pub fn activation(&self, plan: &Plan, name: &str) -> Option<Activation> {
        let mut frame_id = TOP;
        let mut rest = name;
        loop {
            let frame = self.frames.get(&frame_id)?;
            let node = frame.current(plan)?;
            let step = plan.nodes.get(node)?;
            let after = rest.strip_prefix(step.id.as_str())?;
            if after.is_empty() {
                return Some(Activation {
                    frame: frame_id,
                    node,
                });
            }
            let (index, below) = after.strip_prefix('[')?.split_once("].")?;
            let iterations = frame.records.get(frame.cursor)?.iterations.as_ref()?;
            frame_id = *iterations.open.get(&index.parse().ok()?)?;
            rest = below;
        }
    }

    /// The step's name in the journal: its id, and before it the iterations that it is inside of.
    pub fn name_of(&self, plan: &Plan, step: Activation) -> String {
        let id = plan
            .nodes
            .get(step.node)
            .map_or("", |node| node.id.as_str());
        match self.frames.get(&step.frame).and_then(|frame| frame.parent) {
            Some((head, index)) => format!("{}[{index}].{id}", self.name_of(plan, head)),
            None => id.to_owned(),
        }
    }

    /// Notes what there is to do for the step whose turn it is in a frame.
    pub(super) fn index_current(&mut self, plan: &Plan, frame: FrameId) {
        if let Some(node) = self
            .frames
            .get(&frame)
            .and_then(|frame| frame.current(plan))
        {
            self.index(plan, Activation { frame, node });
        }
    }

    pub(super) fn index(&mut self, plan: &Plan, step: Activation) {
        let Some(record) = self.record(plan, step) else {
            return;
        };
        let (due_ms, waits_for) = (record.due_at_ms, record.waits_for);
        let is_timed = match (&record.iterations, record.status) {
            (Some(iterations), _) => {
                if iterations.wants_something() {
                    self.ready.insert(step);
                }
                true
            }
            (None, StepStatus::Pending | StepStatus::Unknown) => self.ready.insert(step),
            (None, StepStatus::Running) => self.running.insert(step),
            (None, StepStatus::Waiting | StepStatus::Retrying) => {
                if waits_for.is_some_and(|what| what != WaitsFor::Time) {
                    self.waiting.insert(step);
                }
                true
            }
            _ => false,
        };
        if let (true, Some(due_ms)) = (is_timed, due_ms) {
            self.timed.insert((due_ms, step));
        }
    }

    pub(super) fn unindex(&mut self, step: Activation, due_ms: Option<i64>) {
        self.ready.remove(&step);
        self.running.remove(&step);
        self.waiting.remove(&step);
        if let Some(due_ms) = due_ms {
            self.timed.remove(&(due_ms, step));
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

    /// What is known of a step in an open frame.
    pub fn record(&self, plan: &Plan, step: Activation) -> Option<&StepRecord> {
        let frame = self.frames.get(&step.frame)?;
        let (block, place) = plan.place_of(step.node);
        frame.records.get(place).filter(|_| block == frame.block)
    }

    /// What is known of every step at the top, in order.
    pub fn top_records<'a>(
        &'a self,
        plan: &'a Plan,
    ) -> impl Iterator<Item = (NodeIndex, &'a StepRecord)> {
        let records = self.frames.get(&TOP).map_or(&[][..], |top| &top.records);
        plan.block(0).iter().copied().zip(records)
    }

    /// The output of the step `id` as templates in a frame see it: of the frame's own steps and of those around it, nothing
    /// before the step has ended, and nothing of a skipped one.
    pub fn output_of(&self, plan: &Plan, frame: FrameId, id: &str) -> Option<&Value> {
        let node = plan.index_of(id)?;
        let mut frame = frame;
        loop {
            let step = Activation { frame, node };
            if let Some(record) = self.record(plan, step) {
                return record.output.as_deref();
            }
            frame = self.frames.get(&frame)?.parent?.0.frame;
        }
    }

    /// Attempts that were started and have no record. After a restart each of them has an unknown outcome.
    pub fn under_way(&self) -> impl Iterator<Item = Activation> + '_ {
        self.running.iter().copied()
    }

    /// Steps that wait for an answer or for another run.
    pub fn waiting(&self) -> impl Iterator<Item = Activation> + '_ {
        self.waiting.iter().copied()
    }

    /// Whether the step is open and has not ended: it has not, when it was dropped with what it is inside of.
    pub fn is_open(&self, plan: &Plan, step: Activation) -> bool {
        let current = self
            .frames
            .get(&step.frame)
            .and_then(|frame| frame.current(plan));
        self.end.is_none() && current == Some(step.node)
    }

    pub(super) fn failure(&self) -> Option<&RunError> {
        self.failure.as_ref()
    }

    pub(super) fn top_is_over(&self) -> bool {
        self.frames.get(&TOP).is_some_and(Frame::is_over)
    }

    pub(super) fn last_output(&self) -> Arc<Value> {
        self.frames.get(&TOP).map(Frame::output).unwrap_or_default()
    }
}
