//! A frame: one block of steps under way, the top of a run or one iteration of a loop.
//! May not know events, or the frames around it. Promise: it moves forward only, and passes each of its steps once.

use super::record::{StepRecord, StepStatus};
use super::{Activation, BlockIndex, NodeIndex, Plan};
use serde_json::Value;
use std::sync::Arc;

/// One block under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Its steps.
    pub(super) block: BlockIndex,
    /// The loop or parallel step that it is inside of, and which iteration or branch it is. `None` at the top.
    pub(super) parent: Option<(Activation, u32)>,
    /// What is known of each step, by its place in the block.
    pub(super) records: Vec<StepRecord>,
    /// The first step that is neither ended nor skipped.
    pub(super) cursor: usize,
    /// The last step that ended.
    last: Option<usize>,
}

impl Frame {
    /// A block of which no step has begun.
    pub(super) fn new(plan: &Plan, block: BlockIndex, parent: Option<(Activation, u32)>) -> Frame {
        Frame {
            block,
            parent,
            records: vec![StepRecord::UNTOUCHED; plan.block(block).len()],
            cursor: 0,
            last: None,
        }
    }

    /// The step whose turn it is; none when all have ended.
    pub(super) fn current(&self, plan: &Plan) -> Option<NodeIndex> {
        plan.block(self.block).get(self.cursor).copied()
    }

    /// Whether every step has ended or was skipped.
    pub(super) fn is_over(&self) -> bool {
        self.cursor >= self.records.len()
    }

    /// The current step has ended: moves on to the next one that is not skipped. Each step is passed once.
    pub(super) fn advance(&mut self, plan: &Plan) {
        self.last = Some(self.cursor);
        self.cursor += 1;
        while let Some(node) = self.current(plan) {
            let owners = plan.owners_of(node);
            let taken = |&(branch, way): &(NodeIndex, u32)| {
                let (_, place) = plan.place_of(branch);
                self.records
                    .get(place)
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

    /// The output of the last step that ended; null when none did.
    pub(super) fn output(&self) -> Arc<Value> {
        let last = self.last.and_then(|last| self.records.get(last));
        last.and_then(|record| record.output.clone())
            .unwrap_or_default()
    }
}
