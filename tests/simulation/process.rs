//! A process that works on a run: it does what the plan says in an order that chance decides, has several attempts under
//! way at once, and dies in the middle of some; what it has recorded is never lost.

use crate::chance::Chance;
use crate::model::Fates;
use crate::tree::{Kind as Grown, OnTimeout, SOON_MS, Step, Tree};
use flowlatch::id::RunId;
use flowlatch::model::plan::{
    Activation, Collected, Kind, Next, OnUnknown, Outcome, Plan, RunState, Task, next, retry,
};
use flowlatch::model::run::{Event, RunError, RunStatus, StepError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most by which the clock passes the moment that was waited for, in milliseconds: further moments lie within that.
const MAX_OVERSHOOT_MS: u64 = 50;

pub(crate) struct Process<'a> {
    pub(crate) plan: &'a Plan,
    tree: &'a Tree,
    pub(crate) fates: Fates,
    pub(crate) state: RunState,
    pub(crate) journal: Vec<(i64, Event)>,
    pub(crate) now_ms: i64,
    /// Attempts under way in this process.
    flights: Vec<(Activation, u32)>,
    /// Every attempt that this process has begun.
    pub(crate) started: Vec<String>,
    /// The moment of the last thing that was due, and what the clock showed when it was done.
    last_due: Option<(i64, i64)>,
    /// How often something happened that not every run meets.
    pub(crate) met: BTreeMap<&'static str, u64>,
}

impl<'a> Process<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        tree: &'a Tree,
        fates: Fates,
        journal: &[(i64, Event)],
    ) -> Process<'a> {
        let mut process = Process::at(plan, tree, fates, journal);
        process.recover();
        process
    }

    /// At the end of a journal, before anything is done about it.
    pub(crate) fn at(
        plan: &'a Plan,
        tree: &'a Tree,
        fates: Fates,
        journal: &[(i64, Event)],
    ) -> Process<'a> {
        let mut process = Process {
            plan,
            tree,
            fates,
            state: RunState::new(plan),
            journal: Vec::new(),
            now_ms: 1_000,
            flights: Vec::new(),
            started: Vec::new(),
            last_due: None,
            met: BTreeMap::new(),
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

    pub(crate) fn name(&self, step: Activation) -> String {
        self.state.name_of(self.plan, step)
    }

    pub(crate) fn grown(&self, step: Activation) -> &'a Step {
        self.tree.step(&self.plan.nodes[step.node].id)
    }

    pub(crate) fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// Somebody cancels the run. What is under way comes too late, whatever it comes to.
    pub(crate) fn cancel(&mut self) {
        let late: Vec<String> = self
            .flights
            .iter()
            .map(|(step, _)| self.name(*step))
            .collect();
        self.record(Event::RunCancelled { by: "test".into() });
        let cancelled = self.state.clone();
        for step in late {
            self.meet("came after the cancel");
            let output = Arc::default();
            let way = None;
            let event = Event::StepCompleted {
                step,
                output,
                way,
                logs: None,
                reused: false,
            };
            let refused = self.state.apply(self.plan, self.now_ms, &event);
            assert!(refused.is_err(), "{event:?} after the cancel");
        }
        assert_eq!(self.state, cancelled);
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
        let told = self.state.waiting().find(|step| self.is_spoken_to(*step));
        if let Some(step) = told
            && chance.one_in(2)
        {
            return self.tell(step);
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
        if let Some(step) = told {
            return self.tell(step);
        }
        let due_ms = tasks.iter().filter_map(Task::due_ms).min();
        let due_ms = due_ms.expect("there is something to wait for");
        self.now_ms = due_ms.max(self.now_ms);
        if chance.one_in(2) {
            self.now_ms += chance.below(MAX_OVERSHOOT_MS) as i64;
        }
    }

    pub(crate) fn complete(&mut self, step: String, output: Value, way: Option<u32>) {
        let output = Arc::new(output);
        self.record(Event::StepCompleted {
            step,
            output,
            way,
            logs: None,
            reused: false,
        });
    }

    fn perform(&mut self, task: &Task) {
        if let Some(due_ms) = task.due_ms() {
            let last = self.last_due.replace((due_ms, self.now_ms));
            if last.is_some_and(|(other, at_ms)| at_ms == self.now_ms && other < due_ms) {
                self.meet("two moments passed at once");
            }
        }
        match *task {
            Task::Wake { step, .. } => {
                let name = self.name(step);
                self.complete(name.clone(), self.fates.output(&name), None);
            }
            Task::Expire { step, .. } => self.expire(step),
            Task::Decide { step, index } => self.decide(step, index),
            Task::Collect { step } => self.collect(step),
            Task::Attempt { step, attempt, .. } => self.begin(step, attempt),
            Task::ExpireRun { .. } => {
                self.meet("a run took too long");
                let error = RunError {
                    code: "TIMEOUT".into(),
                    message: "it took too long".into(),
                    step_id: None,
                };
                self.record(Event::RunFailed { error });
            }
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
                if attempt == 1 && self.fates.crashes(&name) {
                    return self.die_in_the_middle();
                }
                self.flights.push((step, attempt));
            }
            Kind::Loop | Kind::Parallel => self.iterate(step, name),
            Kind::Child => {
                self.meet("another run was started");
                let limited = matches!(
                    self.grown(step).kind,
                    Grown::Child {
                        ends: false,
                        has_limit: true
                    }
                );
                self.record(Event::StepChild {
                    step: name,
                    attempt,
                    run: RunId::generate(),
                    until_ms: limited.then_some(self.now_ms + SOON_MS),
                });
            }
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

    fn collect(&mut self, step: Activation) {
        let name = self.name(step);
        match self.state.collected(self.plan, step).unwrap() {
            Collected::Output(mut output) => {
                order_errors(&mut output);
                self.complete(name, output, None);
            }
            Collected::Failed(error) => {
                let attempt = self.state.record(self.plan, step).unwrap().attempts;
                self.fail(step, attempt, error);
            }
        }
    }

    fn land(&mut self, step: Activation, number: u32) {
        let name = self.name(step);
        let kind = self.plan.nodes[step.node].kind;
        if kind == Kind::Branch {
            let way = self.fates.way(&name);
            return self.complete(name, json!({ "way": way }), Some(way));
        }
        if let Err(error) = self.attempted(step) {
            return self.fail(step, number, error);
        }
        let until_ms = self.now_ms + SOON_MS;
        match &self.grown(step).kind {
            Grown::Wait => self.record(Event::StepWaiting {
                step: name,
                until_ms,
            }),
            Grown::Ask { on_timeout } => self.record(Event::StepAsked {
                step: name,
                until_ms: (*on_timeout != OnTimeout::Nothing).then_some(until_ms),
                request: Arc::default(),
            }),
            _ => self.complete(name.clone(), self.fates.output(&name), None),
        }
    }

    pub(crate) fn fail(&mut self, step: Activation, number: u32, error: StepError) {
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
pub(crate) fn order_errors(output: &mut Value) {
    if let Some(errors) = output.get_mut("errors").and_then(Value::as_array_mut) {
        for error in errors.iter_mut() {
            *error = json!({"index": error["index"], "step": error["step"]});
        }
        errors.sort_by_key(|error| error["index"].as_u64());
    }
}
