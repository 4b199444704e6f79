//! A process that works on a run: it does what the plan says in an order that chance decides, has several attempts under
//! way at once, and dies in the middle of some; what it has recorded is never lost.

use crate::chance::Chance;
use crate::model::{Attempt, answers, attempt, crashes, output, way};
use crate::tree::Tree;
use flowlatch::model::plan::{
    Activation, Collected, Kind, Next, OnUnknown, Outcome, Plan, RunState, Task, WaitsFor, next,
    retry,
};
use flowlatch::model::run::{Event, RunStatus, StepError};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) struct Process<'a> {
    plan: &'a Plan,
    tree: &'a Tree,
    seed: u64,
    pub(crate) state: RunState,
    pub(crate) journal: Vec<(i64, Event)>,
    now_ms: i64,
    /// Attempts under way in this process.
    flights: Vec<(Activation, u32)>,
    /// Every attempt that this process has begun.
    pub(crate) started: Vec<String>,
}

impl<'a> Process<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        tree: &'a Tree,
        seed: u64,
        journal: &[(i64, Event)],
    ) -> Process<'a> {
        let mut process = Process::at(plan, tree, seed, journal);
        process.recover();
        process
    }

    /// At the end of a journal, before anything is done about it.
    pub(crate) fn at(
        plan: &'a Plan,
        tree: &'a Tree,
        seed: u64,
        journal: &[(i64, Event)],
    ) -> Process<'a> {
        let mut process = Process {
            plan,
            tree,
            seed,
            state: RunState::new(plan),
            journal: Vec::new(),
            now_ms: 1_000,
            flights: Vec::new(),
            started: Vec::new(),
        };
        for (at_ms, event) in journal {
            process.now_ms = process.now_ms.max(*at_ms);
            process.state.apply(plan, *at_ms, event).unwrap();
        }
        process.journal = journal.to_vec();
        process
    }

    pub(crate) fn record(&mut self, event: Event) {
        let applied = self.state.apply(self.plan, self.now_ms, &event);
        applied.unwrap_or_else(|error| panic!("{error}: {event:?}\n{:#?}", self.journal));
        self.journal.push((self.now_ms, event));
    }

    pub(crate) fn folded_again(&self) -> RunState {
        let mut state = RunState::new(self.plan);
        for (at_ms, event) in &self.journal {
            state.apply(self.plan, *at_ms, event).unwrap();
        }
        state
    }

    /// Whether the run has ended and there is nothing left to do or to wait for.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.state.status().is_final()
            && next(self.plan, &self.state) == Next::Ended
            && self.state.under_way().next().is_none()
            && self.state.waiting().next().is_none()
    }

    /// What a new process does first: nobody knows how the attempts ended that were under way.
    fn recover(&mut self) {
        self.flights.clear();
        let lost: Vec<Activation> = self.state.under_way().collect();
        for step in lost {
            // What was dropped with a step before this one is not under way any more.
            if self.state.is_open(self.plan, step) {
                let attempt = self.state.record(self.plan, step).unwrap().attempts;
                let step = self.name(step);
                self.record(Event::StepUnknown { step, attempt });
            }
        }
    }

    /// Whether an attempt is under way that fails when the process dies, and is not meant to.
    pub(crate) fn would_lose_an_outcome(&self) -> bool {
        self.state
            .under_way()
            .any(|step| self.plan.nodes[step.node].on_unknown == OnUnknown::Fail)
    }

    fn name(&self, step: Activation) -> String {
        self.state.name_of(self.plan, step)
    }

    /// Goes on until the run has ended, or so many events are recorded.
    pub(crate) fn run(&mut self, chance: &mut Chance, max_events: u64) {
        if self.state.status() == RunStatus::Pending && max_events > 0 {
            self.record(Event::RunStarted);
        }
        for _ in 0..100_000 {
            if self.state.next_sequence() >= max_events {
                return;
            }
            if chance.one_in(40) && !self.would_lose_an_outcome() {
                self.state = self.folded_again();
                self.recover();
            }
            let (plan, state) = (self.plan, &self.state);
            self.flights.retain(|(step, _)| state.is_open(plan, *step));
            match next(self.plan, &self.state) {
                Next::Ended => return,
                Next::Finish(Outcome::Completed(output)) => {
                    self.record(Event::RunCompleted { output })
                }
                Next::Finish(Outcome::Failed(error)) => self.record(Event::RunFailed { error }),
                Next::Do(tasks) => self.one_of(&tasks, chance),
                Next::Wait => self.one_of(&[], chance),
            }
        }
        panic!("the run does not end");
    }

    /// Lands an attempt that is under way, or does one of the tasks.
    fn one_of(&mut self, tasks: &[Task], chance: &mut Chance) {
        let answered = self
            .state
            .waiting()
            .find(|step| answers(self.seed, &self.name(*step)));
        if let Some(step) = answered
            && chance.one_in(2)
        {
            return self.answer(step);
        }
        let due: Vec<&Task> = tasks
            .iter()
            .filter(|task| task.due_ms().is_none_or(|due_ms| due_ms <= self.now_ms))
            .collect();
        if !due.is_empty() && (self.flights.is_empty() || chance.one_in(2)) {
            let task = due[chance.below(due.len() as u64) as usize].clone();
            return self.perform(&task);
        }
        if !self.flights.is_empty() {
            let landing = chance.below(self.flights.len() as u64) as usize;
            let (step, attempt) = self.flights.swap_remove(landing);
            return self.land(step, attempt);
        }
        if let Some(step) = answered {
            return self.answer(step);
        }
        let due_ms = tasks.iter().filter_map(Task::due_ms).min();
        self.now_ms = due_ms
            .expect("there is something to wait for")
            .max(self.now_ms);
    }

    fn answer(&mut self, step: Activation) {
        let record = self.state.record(self.plan, step).unwrap();
        assert_eq!(record.waits_for, Some(WaitsFor::Answer));
        let (name, value) = (self.name(step), output(&self.name(step)));
        self.complete(name, value, None);
    }

    fn complete(&mut self, step: String, output: Value, way: Option<u32>) {
        let output = Arc::new(output);
        self.record(Event::StepCompleted {
            step,
            output,
            way,
            logs: None,
        });
    }

    fn perform(&mut self, task: &Task) {
        match *task {
            Task::Wake { step, .. } => {
                let name = self.name(step);
                self.complete(name.clone(), output(&name), None);
            }
            Task::Expire { step, .. } => {
                assert!(!answers(self.seed, &self.name(step)), "an answer was there");
                let attempt = self.state.record(self.plan, step).unwrap().attempts;
                self.fail(
                    step,
                    attempt,
                    StepError::fatal("TIMEOUT", "nobody answered"),
                );
            }
            Task::Decide { step, index } => self.decide(step, index),
            Task::Collect { step } => self.collect(step),
            Task::Attempt { step, attempt, .. } => self.begin(step, attempt),
            Task::ExpireRun { .. } => panic!("no run has a deadline"),
        }
    }

    fn begin(&mut self, step: Activation, attempt: u32) {
        let name = self.name(step);
        self.started.push(name.clone());
        match self.plan.nodes[step.node].kind {
            Kind::Effect => {
                self.record(Event::StepStarted {
                    step: name.clone(),
                    attempt,
                });
                if attempt == 1 && crashes(self.seed, &name) {
                    return self.die_in_the_middle();
                }
                self.flights.push((step, attempt));
            }
            Kind::Loop | Kind::Parallel => self.iterate(step, name),
            _ => self.land(step, attempt),
        }
    }

    /// The attempt that has just begun is lost, and others with it, but for those that would fail by that.
    fn die_in_the_middle(&mut self) {
        while let Some(at) = self
            .flights
            .iter()
            .position(|(step, _)| self.plan.nodes[step.node].on_unknown == OnUnknown::Fail)
        {
            let (step, attempt) = self.flights.swap_remove(at);
            self.land(step, attempt);
            let (plan, state) = (self.plan, &self.state);
            self.flights.retain(|(step, _)| state.is_open(plan, *step));
        }
        self.state = self.folded_again();
        self.recover();
    }

    fn iterate(&mut self, step: Activation, name: String) {
        let node = &self.plan.nodes[step.node];
        let inside = node.composite.as_ref().unwrap();
        let count = if inside.is_over_items {
            self.tree.items_of(&node.id)
        } else {
            inside.blocks.len() as u32
        };
        let items = inside
            .is_over_items
            .then(|| Arc::new((0..count).map(Value::from).collect()));
        self.record(Event::StepIterating {
            step: name,
            count,
            items,
            until_ms: None,
        });
    }

    fn decide(&mut self, step: Activation, index: u32) {
        let breaks_at = self.tree.breaks_at(&self.plan.nodes[step.node].id);
        let step = self.name(step);
        self.record(if index > 0 && breaks_at == Some(index - 1) {
            Event::StepEnough { step }
        } else {
            Event::StepIteration { step, index }
        });
    }

    fn collect(&mut self, step: Activation) {
        let name = self.name(step);
        match self.state.collected(self.plan, step).unwrap() {
            Collected::Output(output) => self.complete(name, without_order(output), None),
            Collected::Failed(error) => {
                let attempt = self.state.record(self.plan, step).unwrap().attempts;
                self.fail(step, attempt, error);
            }
        }
    }

    fn land(&mut self, step: Activation, number: u32) {
        let name = self.name(step);
        let failures = self.state.record(self.plan, step).unwrap().failures;
        let kind = self.plan.nodes[step.node].kind;
        if kind == Kind::Branch {
            let way = way(self.seed, &name);
            return self.complete(name, json!({ "way": way }), Some(way));
        }
        let error = match attempt(self.seed, &name, failures) {
            Attempt::Good => {
                let until_ms = self.now_ms + 50;
                return match kind {
                    Kind::Wait => self.record(Event::StepWaiting {
                        step: name,
                        until_ms,
                    }),
                    Kind::Ask => self.record(Event::StepAsked {
                        step: name.clone(),
                        until_ms: (!answers(self.seed, &name)).then_some(until_ms),
                        request: Arc::default(),
                    }),
                    _ => self.complete(name.clone(), output(&name), None),
                };
            }
            Attempt::Transient => StepError::transient("HTTP_STATUS", "503"),
            Attempt::Fatal => StepError::fatal("HTTP_STATUS", "404"),
        };
        self.fail(step, number, error);
    }

    fn fail(&mut self, step: Activation, number: u32, error: StepError) {
        let failures = self.state.record(self.plan, step).unwrap().failures;
        let (node, name) = (&self.plan.nodes[step.node], self.name(step));
        self.record(retry::after_failure(
            node,
            name,
            number,
            failures,
            error,
            self.now_ms,
            0.5,
        ));
    }
}

/// The errors of a parallel step in the order of its items, without their words.
fn without_order(mut output: Value) -> Value {
    if let Some(errors) = output.get_mut("errors").and_then(Value::as_array_mut) {
        for error in errors.iter_mut() {
            *error = json!({"index": error["index"], "step": error["step"]});
        }
        errors.sort_by_key(|error| error["index"].as_u64());
    }
    output
}
