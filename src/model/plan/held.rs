//! How much of what a run has recorded its state holds: outputs and logs of steps, items of loops, what was asked.
//! May not know limits: who records decides (see the engine), and the journal has the decision. Promise: what is dropped with
//! an iteration counts no more, so the sum is that of what is there.

use super::frame::Frame;
use super::record::StepRecord;
use super::state::RunState;
use super::{Activation, FrameId, Plan};

impl RunState {
    /// How many bytes, as JSON, the state holds beside what goes with the end of this step: the items and results of a loop.
    pub fn held_beside(&self, plan: &Plan, step: Activation) -> usize {
        let iterations = self
            .record(plan, step)
            .and_then(|record| record.iterations.as_ref());
        let own = iterations.map_or(0, |iterations| iterations.held_bytes());
        self.held_bytes.saturating_sub(own)
    }

    /// What held `before` bytes holds `now`.
    pub(super) fn recount(&mut self, before: usize, now: usize) {
        self.held_bytes = self.held_bytes.saturating_sub(before).saturating_add(now);
    }

    /// Closes a frame: what it holds goes with it.
    pub(super) fn drop_frame(&mut self, id: FrameId) -> Option<Frame> {
        let frame = self.frames.remove(&id)?;
        self.recount(frame.held_bytes(), 0);
        Some(frame)
    }
}

impl Frame {
    /// How many bytes the records of the frame hold.
    fn held_bytes(&self) -> usize {
        self.records.iter().map(StepRecord::held_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::model::json::json_bytes;
    use crate::model::plan::steps::compile;
    use crate::model::plan::{
        Collected, DefinitionLimits, Kind, Next, Problems, StepRule, Task, next,
    };
    use crate::model::run::{Event, StepError};
    use serde_json::{Map, Value, json};
    use std::sync::Arc;

    const ITEMS: u32 = 3;

    fn plan(steps: &Value) -> Plan {
        fn nothing(_: &Map<String, Value>, _: &mut Problems<'_>) {}
        let rule = |name, kind| StepRule {
            name,
            description: "",
            kind,
            raw: &[],
            lists: &[],
            untimed: |_| None,
            check: nothing,
        };
        let rules = [
            rule("transform", Kind::Pure),
            rule("approval", Kind::Ask),
            rule("loop", Kind::Loop),
            rule("parallel", Kind::Parallel),
        ];
        let body = json!({ "trigger": { "type": "api" }, "steps": steps });
        compile(&body, &rules, &DefinitionLimits::of_new(20)).expect("it compiles")
    }

    fn output() -> Arc<Value> {
        Arc::new(json!({ "text": "0123456789" }))
    }

    /// What a worker would record for the first task; steps whose id begins with `bad` fail.
    fn event(plan: &Plan, state: &RunState, task: &Task) -> Event {
        let activation = task.step().expect("a step");
        let step = state.name_of(plan, activation);
        let node = &plan.nodes[activation.node];
        let failed = |error| Event::StepFailed {
            step: step.clone(),
            attempt: 1,
            error,
            retry_at_ms: None,
        };
        if matches!(task, Task::Collect { .. }) {
            return match state.collected(plan, activation).expect("all has ended") {
                Collected::Output(output) => Event::StepCompleted {
                    step,
                    output: Arc::new(output),
                    way: None,
                    logs: None,
                    reused: false,
                },
                Collected::Failed(error) => failed(error),
            };
        }
        match node.kind {
            Kind::Loop | Kind::Parallel => Event::StepIterating {
                step,
                count: ITEMS,
                items: Some(Arc::new(vec![json!("an item"); ITEMS as usize])),
                until_ms: None,
            },
            _ if node.id.starts_with("bad") => failed(StepError::fatal("NO", "no")),
            _ => Event::StepCompleted {
                step,
                output: output(),
                way: None,
                logs: None,
                reused: false,
            },
        }
    }

    /// Runs the plan to its end. Whenever something was recorded, the sum is that of what is there. Gives the largest sum.
    fn largest_sum(plan: &Plan) -> (RunState, usize) {
        let mut state = RunState::new(plan);
        state.apply(plan, 0, &Event::RunStarted).unwrap();
        let mut largest = 0;
        while let Next::Do(tasks) = next(plan, &state) {
            // The last one: so parallel iterations end in another order than they began.
            let event = event(plan, &state, tasks.last().expect("a task"));
            state.apply(plan, 1, &event).unwrap();
            let sum: usize = state.frames.values().map(Frame::held_bytes).sum();
            assert_eq!(state.held_bytes, sum, "after {event:?}");
            largest = largest.max(sum);
        }
        (state, largest)
    }

    #[test]
    fn what_is_held_is_what_is_there() {
        let inside = json!({ "steps": ["a", "in"], "forEachSource": [1], "collection": [1] });
        for kind in ["loop", "parallel"] {
            for last in ["c", "bad"] {
                let plan = plan(&json!([
                    { "id": "out", "type": kind, "config": inside },
                    { "id": "a", "type": "transform", "config": {} },
                    { "id": "in", "type": kind, "config": { "steps": ["b", last], "forEachSource": [1], "collection": [1] } },
                    { "id": "b", "type": "transform", "config": {} },
                    { "id": last, "type": "transform", "config": {},
                        "errorHandling": { "strategy": "continue", "fallback": "instead" } },
                    { "id": "end", "type": "transform", "config": {} },
                ]));
                let (state, _) = largest_sum(&plan);
                let top = state.top_records(&plan);
                let outputs = top.filter_map(|(_, record)| record.output.as_deref());
                let outputs: usize = outputs.map(json_bytes).sum();
                assert_eq!(state.held_bytes, outputs, "{kind}: nothing else is left");
            }
        }
    }

    #[test]
    fn what_was_dropped_with_a_failure_is_not_held() {
        let plan = plan(&json!([
            { "id": "out", "type": "parallel", "config": { "steps": ["a", "bad"], "forEachSource": [1], "strategy": "fail-fast" },
                "errorHandling": { "strategy": "continue", "fallback": null } },
            { "id": "a", "type": "transform", "config": {} },
            { "id": "bad", "type": "transform", "config": {} },
        ]));
        let (state, largest) = largest_sum(&plan);
        assert_eq!(state.held_bytes, "null".len());
        assert!(largest > json_bytes(&output()));
    }
}
