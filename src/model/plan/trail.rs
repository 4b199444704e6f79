//! The trail of a flow: every step that has ended, in order, also what has run again or was inside of an iteration.
//! May not know what steps do. Promise: what is on the trail counts for what the run holds, and is never taken off.

use super::state::RunState;
use super::step_fold::last_id;
use super::{Activation, NodeIndex, Plan};
use serde_json::Value;
use std::sync::Arc;

/// A step of a flow that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    /// The step.
    pub node: NodeIndex,
    /// What it came to.
    pub output: Arc<Value>,
}

impl RunState {
    pub(super) fn leave_trail(&mut self, node: NodeIndex, output: &Arc<Value>, bytes: usize) {
        self.recount(0, bytes);
        self.trail.push(Passed {
            node,
            output: output.clone(),
        });
    }

    /// Every step that has ended, the first one first; empty but for flows.
    pub fn trail(&self) -> &[Passed] {
        &self.trail
    }

    /// What the step came to the last time, wherever it stands.
    pub fn last_passed(&self, node: NodeIndex) -> Option<&Value> {
        let mut passed = self.trail.iter().rev();
        let last = passed.find(|passed| passed.node == node)?;
        Some(&last.output)
    }

    /// How often a step has ended in its frame.
    pub fn visits(&self, plan: &Plan, step: Activation) -> u32 {
        let (_, place) = plan.place_of(step.node);
        self.frames
            .get(&step.frame)
            .map_or(0, |frame| frame.visits([place].into_iter()))
    }
}

impl Plan {
    /// The step of a flow that a name in the journal ends with.
    pub fn flow_node(&self, name: &str) -> Option<NodeIndex> {
        self.index_of(last_id(self, name))
    }
}
