//! The state of a run: the fold of its journal.
//! May not know clocks, or what comes next (see `next`). Promise: the same journal gives the same state; an event that does
//! not fit changes nothing and says why; folding one event costs the same however long the run is.

use super::frame::Frame;
use super::names::id_of;
use super::record::{StepRecord, StepStatus, WaitsFor};
use super::step_fold::{Folded, fold, misplaced};
use super::trail::Passed;
use super::{Activation, FrameId, NodeIndex, Outcome, Plan};
use crate::model::run::{Event, RunError, RunStatus, StepError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The frame of the steps at the top.
pub(super) const TOP: FrameId = 0;

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

/// The fold of a run's journal. Steps are addressed by frame and place in the plan; the fold of a sequence never hashes.
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
    /// Of a flow every step that has ended, in order, with its output.
    pub(super) trail: Vec<Passed>,
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
            trail: Vec::new(),
        };
        state.index_open(plan, TOP);
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
        for record in self
            .frames
            .values_mut()
            .flat_map(|frame| &mut frame.records)
        {
            if !record.status.is_settled() && record.status != StepStatus::Pending {
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
        let (_, place) = plan.place_of(step.node);
        let (Some(node), Some(frame)) =
            (plan.nodes.get(step.node), self.frames.get_mut(&step.frame))
        else {
            return Err(misplaced(event, "it is not this step's turn"));
        };
        let Some(record) = frame.records.get_mut(place) else {
            return Err(misplaced(event, "it is not this step's turn"));
        };
        let (due_before, held_before) = (record.due_at_ms, record.held_bytes());
        let folded = fold(record, node, at_ms, event)?;
        let held_now = record.held_bytes();
        frame.begin(place);
        self.recount(held_before, held_now);
        if let (Event::StepCompleted { output, .. }, Some(_)) = (event, &plan.flow) {
            self.leave_trail(step.node, output, held_now);
        }
        self.unindex(step, due_before);
        match folded {
            Folded::Open => {}
            Folded::Iterate => self.open_further(plan, step),
            Folded::Another => self.open_decided(plan, step),
            Folded::Settled => {
                self.close_inside(plan, step);
                self.move_on(plan, step);
                return Ok(());
            }
            Folded::FailedForGood => {
                self.close_inside(plan, step);
                self.fail_step(plan, step);
                return Ok(());
            }
        }
        self.index(plan, step);
        Ok(())
    }

    /// The step in the frame has ended: on to the next one, or out of the frame.
    fn move_on(&mut self, plan: &Plan, step: Activation) {
        let (_, place) = plan.place_of(step.node);
        let Some(frame) = self.frames.get_mut(&step.frame) else {
            return;
        };
        let opened = frame.advance(plan, place);
        self.index_places(plan, step.frame, &opened);
        self.end_frame_if_over(plan, step.frame);
    }

    /// The step has failed for good: so has a sequence that it is in, at once; a net goes on with what does not need it.
    fn fail_step(&mut self, plan: &Plan, step: Activation) {
        let (_, place) = plan.place_of(step.node);
        let id = id_of(plan, step.node);
        let Some(frame) = self.frames.get_mut(&step.frame) else {
            return;
        };
        let opened = frame.fail(plan, place, id);
        self.index_places(plan, step.frame, &opened);
        self.end_frame_if_over(plan, step.frame);
    }

    /// When nothing in the frame is left, what it is inside of learns what it came to, or at the top the run.
    fn end_frame_if_over(&mut self, plan: &Plan, id: FrameId) {
        let Some(frame) = self.frames.get(&id).filter(|frame| frame.is_over()) else {
            return;
        };
        let failed = frame.failed().and_then(|place| {
            let node = plan.steps_of(frame.block).get(place)?;
            let error = frame.records.get(place)?.error.clone();
            Some((id_of(plan, *node), error))
        });
        match (frame.parent, failed) {
            (Some((head, index)), None) => {
                let output = frame.output(plan);
                self.end_iteration(plan, head, index, output);
            }
            (parent, Some((step, error))) => {
                let none = || Box::new(StepError::fatal("INTERNAL", "no error"));
                let error = error.unwrap_or_else(none);
                match parent {
                    Some((head, index)) => self.fail_iteration(plan, head, index, step, &error),
                    None => {
                        self.failure = Some(RunError {
                            code: "STEP_ERROR".into(),
                            message: format!("step `{step}` failed: {}", error.message),
                            step_id: Some(step.to_owned()),
                        });
                    }
                }
            }
            (None, None) => {}
        }
    }

    /// Notes what there is to do for the steps whose turn it is in a frame.
    pub(super) fn index_open(&mut self, plan: &Plan, frame: FrameId) {
        let Some(open) = self.frames.get(&frame) else {
            return;
        };
        let places: Vec<usize> = open.open_places().collect();
        self.index_places(plan, frame, &places);
    }

    fn index_places(&mut self, plan: &Plan, frame: FrameId, places: &[usize]) {
        let block = self.frames.get(&frame).map_or(0, |frame| frame.block);
        for place in places {
            if let Some(&node) = plan.steps_of(block).get(*place) {
                self.index(plan, Activation { frame, node });
            }
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
        plan.steps_of(0).iter().copied().zip(records)
    }

    /// The output of the step `id` as templates in a frame see it: of the frame's own steps and of those around it, nothing
    /// before the step has ended, and nothing of a skipped one.
    pub fn output_of(&self, plan: &Plan, frame: FrameId, id: &str) -> Option<&Value> {
        self.output_at(plan, frame, plan.index_of(id)?)
    }

    /// The output of a step as the steps of a frame see it.
    pub(super) fn output_at(&self, plan: &Plan, frame: FrameId, node: NodeIndex) -> Option<&Value> {
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
        let (block, place) = plan.place_of(step.node);
        let frame = self.frames.get(&step.frame);
        self.end.is_none()
            && frame.is_some_and(|frame| frame.block == block && frame.is_open(place))
    }

    pub(super) fn failure(&self) -> Option<&RunError> {
        self.failure.as_ref()
    }

    pub(super) fn top_is_over(&self) -> bool {
        self.frames.get(&TOP).is_some_and(Frame::is_over)
    }

    pub(super) fn output(&self, plan: &Plan) -> Arc<Value> {
        let top = self.frames.get(&TOP);
        top.map(|top| top.output(plan)).unwrap_or_default()
    }
}
