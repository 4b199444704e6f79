//! The names of steps in the journal: `charge`, inside of loops `loop[17].charge`, and of one that runs again `charge#2`.
//! May not know what events do. Promise: a name leads to one open step or to none.

use super::state::{JournalError, RunState, TOP};
use super::step_fold::{describe, last_id, misplaced};
use super::{Activation, NodeIndex, Plan};
use crate::model::run::Event;

impl RunState {
    /// The open step that the event names. Names are followed from the top, each segment compared with the steps whose turn
    /// it is.
    pub(super) fn find(&self, plan: &Plan, event: &Event) -> Result<Activation, JournalError> {
        let (_, name) = describe(event);
        let name = name.unwrap_or_default();
        self.activation(plan, name)
            .ok_or_else(|| match plan.index_of(last_id(plan, name)) {
                Some(_) => misplaced(event, "it is not this step's turn"),
                None => JournalError::UnknownStep(name.to_owned()),
            })
    }

    /// The step under this name (`loop[17].charge`), if it is its turn.
    pub fn activation(&self, plan: &Plan, name: &str) -> Option<Activation> {
        let mut frame_id = TOP;
        let mut rest = name;
        loop {
            let frame = self.frames.get(&frame_id)?;
            let node = frame.named(plan, rest)?;
            let (_, place) = plan.place_of(node);
            let after = rest.get(id_of(plan, node).len()..)?;
            let after = after.strip_prefix(frame.visit_mark(place).as_str())?;
            if after.is_empty() {
                return Some(Activation {
                    frame: frame_id,
                    node,
                });
            }
            let (index, below) = after.strip_prefix('[')?.split_once("].")?;
            let iterations = frame.records.get(place)?.iterations.as_ref()?;
            frame_id = *iterations.open.get(&index.parse().ok()?)?;
            rest = below;
        }
    }

    /// The step's name in the journal: its id, and before it the iterations that it is inside of.
    pub fn name_of(&self, plan: &Plan, step: Activation) -> String {
        let id = id_of(plan, step.node);
        let frame = self.frames.get(&step.frame);
        let (_, place) = plan.place_of(step.node);
        let visit = frame.map(|frame| frame.visit_mark(place));
        let visit = visit.unwrap_or_default();
        match frame.and_then(|frame| frame.parent) {
            Some((head, index)) => format!("{}[{index}].{id}{visit}", self.name_of(plan, head)),
            None => format!("{id}{visit}"),
        }
    }
}

/// The id of a step.
pub(super) fn id_of(plan: &Plan, node: NodeIndex) -> &str {
    plan.nodes.get(node).map_or("", |node| node.id.as_str())
}
