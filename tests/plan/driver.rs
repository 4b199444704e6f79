//! An interpreter loop around `next`: the least that a worker does.

use super::fold;
use super::generated::{Result, Spec, id, output, result_of};
use flowlatch::model::plan::{Activation, Kind, Next, Outcome, Plan, RunState, Task, next, retry};
use flowlatch::model::run::{Event, RunStatus, StepError};
use std::sync::Arc;

/// A process that works on a run: it dies and is started again, but never loses what it has recorded.
pub(crate) struct Driver<'a> {
    pub(crate) specs: &'a [Spec],
    pub(crate) plan: &'a Plan,
    pub(crate) state: RunState,
    pub(crate) journal: Vec<(i64, Event)>,
    pub(crate) now_ms: i64,
    /// Every start of an attempt, in order.
    pub(crate) started: Vec<usize>,
    pub(crate) crashing: bool,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        specs: &'a [Spec],
        plan: &'a Plan,
        journal: &[(i64, Event)],
        crashing: bool,
    ) -> Self {
        let mut driver = Driver {
            specs,
            plan,
            state: fold(plan, journal),
            journal: journal.to_vec(),
            now_ms: journal.last().map_or(1_000, |(at_ms, _)| *at_ms),
            started: Vec::new(),
            crashing,
        };
        driver.recover();
        driver
    }

    fn record(&mut self, event: Event) {
        self.state.apply(self.plan, self.now_ms, &event).unwrap();
        self.journal.push((self.now_ms, event));
    }

    fn recover(&mut self) {
        let lost: Vec<Activation> = self.state.under_way().collect();
        for step in lost {
            let attempt = self.state.record(self.plan, step).unwrap().attempts;
            self.record(Event::StepUnknown {
                step: id(step.node),
                attempt,
            });
        }
    }

    pub(crate) fn run(mut self) -> Self {
        if self.state.status() == RunStatus::Pending {
            self.record(Event::RunStarted);
        }
        for _ in 0..1_000 {
            match next(self.plan, &self.state) {
                Next::Ended => return self,
                Next::Wait => panic!("nothing is under way"),
                Next::Finish(Outcome::Completed(output)) => {
                    self.record(Event::RunCompleted { output });
                }
                Next::Finish(Outcome::Failed(error)) => self.record(Event::RunFailed { error }),
                Next::Do(tasks) => {
                    assert_eq!(tasks.len(), 1);
                    tasks.iter().for_each(|task| self.perform(task));
                }
            }
        }
        panic!("the run does not end");
    }

    fn perform(&mut self, task: &Task) {
        match *task {
            Task::Wake { step, due_ms } => {
                self.now_ms = self.now_ms.max(due_ms);
                self.complete(step.node, None);
            }
            Task::Attempt {
                step,
                attempt,
                not_before_ms,
            } => {
                let node = step.node;
                self.now_ms = self.now_ms.max(not_before_ms.unwrap_or(0));
                self.started.push(node);
                if self.specs[node].kind == Kind::Effect {
                    self.record(Event::StepStarted {
                        step: id(node),
                        attempt,
                    });
                    if self.crashing && self.specs[node].crashes && attempt == 1 {
                        self.state = fold(self.plan, &self.journal);
                        return self.recover();
                    }
                }
                self.attempt(step, attempt);
            }
            ref other => panic!("there are no loops here: {other:?}"),
        }
    }

    fn attempt(&mut self, step: Activation, attempt: u32) {
        let node = step.node;
        let failures = self.state.record(self.plan, step).unwrap().failures;
        let error = match result_of(&self.specs[node], failures as usize) {
            Result::Good { way } => {
                return match self.specs[node].kind {
                    Kind::Branch => self.complete(node, Some(way)),
                    Kind::Wait => self.record(Event::StepWaiting {
                        step: id(node),
                        until_ms: self.now_ms + 50,
                    }),
                    _ => self.complete(node, None),
                };
            }
            Result::Transient => StepError::transient("HTTP_STATUS", "503"),
            Result::Fatal => StepError::fatal("HTTP_STATUS", "404"),
        };
        let name = id(node);
        let node = &self.plan.nodes[node];
        self.record(retry::after_failure(
            node,
            name,
            attempt,
            failures,
            error,
            self.now_ms,
            0.5,
        ));
    }

    fn complete(&mut self, node: usize, way: Option<u32>) {
        self.record(Event::StepCompleted {
            step: id(node),
            output: Arc::new(output(node)),
            way,
            logs: None,
            reused: false,
        });
    }
}
