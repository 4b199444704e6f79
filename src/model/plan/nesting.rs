//! How frames open and close inside each other: the part of the fold that loops and parallel steps add.
//! May not know how one step's events change its record. Promise: what was dropped with a failed step has nothing left to
//! do, and a run never has more than a bounded number of frames open.

use super::frame::Frame;
use super::iterations::{Collected, Iterations, Stage};
use super::record::StepRecord;
use super::state::RunState;
use super::{Activation, FrameId, NodeIndex, OnInnerFailure, Plan};
use crate::model::run::StepError;
use crate::model::template::LoopScope;
use serde_json::Value;
use std::sync::Arc;

/// How many frames a run may have open. A parallel step that reaches it goes on with one iteration at a time.
const MAX_FRAMES: usize = 1_000;

impl RunState {
    /// Opens as many further iterations or branches of a step as may begin now.
    pub(super) fn open_further(&mut self, plan: &Plan, head: Activation) {
        let Some(composite) = plan.composite_of(head.node) else {
            return;
        };
        loop {
            let is_crowded = self.frames.len() >= MAX_FRAMES;
            let id = self.next_frame;
            let Some(iterations) = self.iterations_mut(plan, head) else {
                return;
            };
            if !iterations.has_room(composite.width) || (is_crowded && !iterations.open.is_empty())
            {
                return;
            }
            let is_first = iterations.next_index() == 0;
            if composite.conditions.is_some() && (!is_first || composite.is_asked_first) {
                iterations.stage = Stage::Deciding;
                return;
            }
            let index = iterations.begin(id);
            self.open_frame(plan, head, index);
            self.pass_if_empty(plan, head, index, id);
        }
    }

    /// A block without steps has ended as soon as it is opened.
    fn pass_if_empty(&mut self, plan: &Plan, head: Activation, index: u32, id: FrameId) {
        let is_empty = self.frames.get(&id).is_some_and(Frame::is_over);
        if !is_empty {
            return;
        }
        let frame = self.frames.remove(&id);
        let output = frame.map(|frame| frame.output(plan)).unwrap_or_default();
        if let Some(iterations) = self.iterations_mut(plan, head) {
            iterations.end(index, output);
        }
    }

    /// The conditions were asked: the next iteration follows.
    pub(super) fn open_decided(&mut self, plan: &Plan, head: Activation) {
        let id = self.next_frame;
        let Some(iterations) = self.iterations_mut(plan, head) else {
            return;
        };
        iterations.stage = Stage::Going;
        let index = iterations.begin(id);
        if let Some(kept) = iterations.kept.take() {
            self.drop_frame(kept);
        }
        self.open_frame(plan, head, index);
    }

    fn open_frame(&mut self, plan: &Plan, head: Activation, index: u32) {
        let Some(composite) = plan.composite_of(head.node) else {
            return;
        };
        let branch = if composite.is_over_items {
            0
        } else {
            index as usize
        };
        let block = composite.blocks.get(branch).copied().unwrap_or_default();
        let id = self.next_frame;
        self.next_frame += 1;
        self.frames
            .insert(id, Frame::new(plan, block, Some((head, index))));
        self.index_open(plan, id);
    }

    /// An iteration or branch has ended.
    pub(super) fn end_iteration(
        &mut self,
        plan: &Plan,
        head: Activation,
        index: u32,
        output: Arc<Value>,
    ) {
        let has_conditions = plan
            .composite_of(head.node)
            .is_some_and(|composite| composite.conditions.is_some());
        let Some(iterations) = self.iterations_mut(plan, head) else {
            return;
        };
        let frame = iterations.open.get(&index).copied();
        let former = if has_conditions {
            std::mem::replace(&mut iterations.kept, frame)
        } else {
            frame
        };
        let before = iterations.held_bytes();
        iterations.end(index, output);
        let now = iterations.held_bytes();
        self.recount(before, now);
        if let Some(former) = former {
            self.drop_frame(former);
        }
        self.open_further(plan, head);
        self.reindex(plan, head);
    }

    /// A step inside has failed for good.
    pub(super) fn fail_iteration(
        &mut self,
        plan: &Plan,
        head: Activation,
        index: u32,
        step: &str,
        error: &StepError,
    ) {
        let on_failure = plan
            .composite_of(head.node)
            .map(|composite| composite.on_failure);
        let goes_on = on_failure != Some(OnInnerFailure::FailAtOnce);
        if !goes_on {
            self.close_inside(plan, head);
        }
        let Some(iterations) = self.iterations_mut(plan, head) else {
            return;
        };
        if goes_on {
            let frame = iterations.open.get(&index).copied();
            iterations.fail(index, step, error);
            if let Some(frame) = frame {
                self.drop_frame(frame);
            }
            self.open_further(plan, head);
        } else {
            let message = format!("iteration {index}: step `{step}` failed: {}", error.message);
            iterations.stage = Stage::Failed(Box::new(StepError::fatal(&error.code, message)));
        }
        self.reindex(plan, head);
    }

    fn reindex(&mut self, plan: &Plan, step: Activation) {
        let due_ms = self.record(plan, step).and_then(|record| record.due_at_ms);
        self.unindex(step, due_ms);
        self.index(plan, step);
    }

    /// Drops every frame inside a step, with all that was to be done there.
    pub(super) fn close_inside(&mut self, plan: &Plan, head: Activation) {
        let Some(iterations) = self.iterations_mut(plan, head) else {
            return;
        };
        let mut inside: Vec<FrameId> = iterations.open.values().copied().collect();
        inside.extend(iterations.kept.take());
        iterations.open.clear();
        // Of a step that has ended the output is what is left.
        if let Some(record) = self.record_mut(plan, head)
            && record.status.is_settled()
            && let Some(gone) = record.iterations.take()
        {
            self.recount(gone.held_bytes(), 0);
        }
        while let Some(id) = inside.pop() {
            let Some(frame) = self.drop_frame(id) else {
                continue;
            };
            for place in frame.open_places() {
                let node = plan.steps_of(frame.block).get(place).copied();
                let (Some(node), Some(record)) = (node, frame.records.get(place)) else {
                    continue;
                };
                self.unindex(Activation { frame: id, node }, record.due_at_ms);
                if let Some(iterations) = &record.iterations {
                    inside.extend(iterations.open.values().copied().chain(iterations.kept));
                }
            }
        }
    }

    fn record_mut(&mut self, plan: &Plan, step: Activation) -> Option<&mut StepRecord> {
        let (block, place) = plan.place_of(step.node);
        let frame = self.frames.get_mut(&step.frame)?;
        frame
            .records
            .get_mut(place)
            .filter(|_| block == frame.block)
    }

    fn iterations_mut(&mut self, plan: &Plan, head: Activation) -> Option<&mut Iterations> {
        self.record_mut(plan, head)?.iterations.as_deref_mut()
    }

    /// What a loop or parallel step came to, when everything inside it has ended.
    pub fn collected(&self, plan: &Plan, head: Activation) -> Option<Collected> {
        let iterations = self.record(plan, head)?.iterations.as_deref()?;
        let composite = plan.composite_of(head.node)?;
        match &iterations.stage {
            Stage::Going | Stage::Deciding => None,
            Stage::Failed(error) => Some(Collected::Failed((**error).clone())),
            Stage::Over if composite.on_failure == OnInnerFailure::FailAtEnd => {
                Some(iterations.failure().map_or_else(
                    || Collected::Output(iterations.of_parallel()),
                    Collected::Failed,
                ))
            }
            Stage::Over if plan.nodes.get(head.node)?.kind == super::Kind::Loop => Some(
                Collected::Output(iterations.of_loop(composite.conditions.is_some())),
            ),
            Stage::Over => Some(Collected::Output(iterations.of_parallel())),
        }
    }

    /// The frame of a loop's last iteration, which its conditions look at; the loop's own before the first.
    pub fn last_frame(&self, plan: &Plan, head: Activation) -> FrameId {
        self.record(plan, head)
            .and_then(|record| record.iterations.as_ref()?.kept)
            .unwrap_or(head.frame)
    }

    /// One loop as templates see it, at one of its iterations.
    pub fn loop_scope<'a>(
        &'a self,
        plan: &'a Plan,
        head: Activation,
        index: u32,
    ) -> Option<LoopScope<'a>> {
        let composite = plan.composite_of(head.node)?;
        let record: &StepRecord = self.record(plan, head)?;
        Some(LoopScope {
            item_name: &composite.item_name,
            index_name: &composite.index_name,
            item: record.item(index),
            index,
            previous: record.iterations.as_ref()?.before(index),
        })
    }

    /// Which iteration of `head` the steps of a frame are inside of, and `head` itself.
    pub(super) fn iteration_of(
        &self,
        frame: FrameId,
        head: NodeIndex,
    ) -> Option<(Activation, u32)> {
        let mut frame = frame;
        loop {
            let (around, index) = self.frames.get(&frame)?.parent?;
            if around.node == head {
                return Some((around, index));
            }
            frame = around.frame;
        }
    }

    /// The loops around the steps of a frame, the outermost first.
    pub fn loops_around<'a>(&'a self, plan: &'a Plan, frame: FrameId) -> Vec<LoopScope<'a>> {
        let mut loops = Vec::new();
        let mut frame = frame;
        while let Some((head, index)) = self.frames.get(&frame).and_then(|frame| frame.parent) {
            loops.extend(self.loop_scope(plan, head, index));
            frame = head.frame;
        }
        loops.reverse();
        loops
    }
}
