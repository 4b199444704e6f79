//! Loops and parallel steps: what they go over, whether another iteration follows, what they came to.
//! May not know how frames open and close (see `model::plan`).

use super::{Execution, Halt};
use crate::engine::step::{self, Done, Round};
use crate::model::plan::{Activation, Collected};
use crate::model::run::{Event, StepError};
use serde_json::Value;
use std::sync::Arc;

impl Execution {
    /// A round within the server's bound.
    pub(super) fn checked(&self, step: Activation, round: Round) -> Result<Round, StepError> {
        let max = self.shared.options.max_iterations;
        if round.count > max {
            let message = format!(
                "step `{}` would go over {} items; at most {max} are allowed (setting `max_iterations`)",
                self.definition.plan.nodes[step.node].id, round.count
            );
            return Err(StepError::fatal("LOOP_TOO_LONG", message));
        }
        Ok(round)
    }

    /// The step begins to go over its items or branches.
    pub(super) fn iterate(
        &mut self,
        step: Activation,
        round: Round,
        now_ms: i64,
    ) -> Result<(), Halt> {
        let node = &self.definition.plan.nodes[step.node];
        let branches = node
            .composite
            .as_ref()
            .filter(|inside| !inside.is_over_items);
        let count = branches.map_or(round.count, |inside| {
            u32::try_from(inside.blocks.len()).unwrap_or(u32::MAX)
        });
        self.note(&Event::StepIterating {
            step: self.name_of(step),
            count,
            items: round.items.map(Arc::new),
            until_ms: self.deadline_ms(step, round.timeout_ms, now_ms),
        })
    }

    /// Asks the conditions of a loop whether iteration `index` follows: `break` of the iteration before, then `while`.
    pub(super) fn decide(&mut self, step: Activation, index: u32, now_ms: i64) -> Result<(), Halt> {
        let follows = match self.is_to_follow(step, index, now_ms) {
            Ok(follows) => follows,
            Err(error) => {
                let attempt = self.attempts_of(step);
                return self.failed(step, attempt, error);
            }
        };
        let step = self.name_of(step);
        self.note(&if follows {
            Event::StepIteration { step, index }
        } else {
            Event::StepEnough { step }
        })
    }

    fn is_to_follow(&self, step: Activation, index: u32, now_ms: i64) -> Result<bool, StepError> {
        if let Some(before) = index.checked_sub(1)
            && self.holds(step, before, "break", now_ms)? == Some(true)
        {
            return Ok(false);
        }
        Ok(self.holds(step, index, "while", now_ms)? != Some(false))
    }

    /// Whether a condition of the loop holds; `None` where it has no such condition.
    fn holds(
        &self,
        step: Activation,
        index: u32,
        which: &str,
        now_ms: i64,
    ) -> Result<Option<bool>, StepError> {
        let plan = &self.definition.plan;
        let conditions = plan.nodes[step.node]
            .composite
            .as_ref()
            .and_then(|inside| inside.conditions.as_ref());
        let Some(conditions) = conditions.filter(|all| all.source().get(which).is_some()) else {
            return Ok(None);
        };
        let mut loops = self.state.loops_around(plan, step.frame);
        loops.extend(self.state.loop_scope(plan, step, index));
        let frame = self.state.last_frame(plan, step);
        let rendered = self.render(conditions, frame, &loops, &|_| None, now_ms)?;
        step::condition_holds(rendered.get(which).unwrap_or(&Value::Null)).map(Some)
    }

    /// Everything inside has ended: so has the step.
    pub(super) fn collect(&mut self, step: Activation) -> Result<(), Halt> {
        match self.state.collected(&self.definition.plan, step) {
            Some(Collected::Output(output)) => self.completed(step, Done { output, way: None }),
            Some(Collected::Failed(error)) => {
                let attempt = self.attempts_of(step);
                self.failed(step, attempt, error)
            }
            None => Ok(()),
        }
    }
}
