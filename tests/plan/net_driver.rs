//! A worker for graphs: it begins and lands steps in any order, dies at any moment, and may be told to cancel.

use super::fold;
use flowlatch::model::plan::{
    Activation, Collected, Kind, Next, Outcome, Plan, RunState, Task, after_failure, next,
    wired_config,
};
use flowlatch::model::run::{Event, RunStatus, StepError};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What the world does to a run.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Nodes that fail; inside of iterations only in every second one.
    pub(crate) failing: HashSet<String>,
    /// How many items each iterator has.
    pub(crate) items: u32,
    /// One after the other, from the beginning again: which of the things that can happen next happens.
    pub(crate) choices: Vec<usize>,
    /// Cancels after so many things have happened.
    pub(crate) cancels_after: Option<usize>,
}

impl World {
    fn fails(&self, name: &str) -> bool {
        let id = name.rsplit_once("].").map_or(name, |(_, id)| id);
        let index = name
            .rsplit_once("].")
            .and_then(|(path, _)| path.rsplit_once('['));
        let index = index.map_or(0, |(_, index)| index.parse::<u32>().unwrap());
        self.failing.contains(id) && index.is_multiple_of(2)
    }
}

pub(crate) struct NetDriver<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) world: &'a World,
    pub(crate) state: RunState,
    pub(crate) journal: Vec<(i64, Event)>,
    /// What each step was handed, by its name.
    pub(crate) handed: BTreeMap<String, Value>,
    /// The most steps of one frame that were under way at once.
    pub(crate) widest: usize,
    flights: Vec<(Activation, u32)>,
    happened: usize,
}

impl<'a> NetDriver<'a> {
    pub(crate) fn new(plan: &'a Plan, world: &'a World, journal: &[(i64, Event)]) -> Self {
        let mut driver = NetDriver {
            plan,
            world,
            state: fold(plan, journal),
            journal: journal.to_vec(),
            handed: BTreeMap::new(),
            widest: 0,
            flights: Vec::new(),
            happened: 0,
        };
        driver.recover();
        driver
    }

    fn record(&mut self, event: Event) {
        let at_ms = i64::try_from(self.journal.len()).unwrap();
        self.state.apply(self.plan, at_ms, &event).unwrap();
        self.journal.push((at_ms, event));
    }

    fn recover(&mut self) {
        self.flights.clear();
        let lost: Vec<Activation> = self.state.under_way().collect();
        for step in lost {
            let attempt = self.state.record(self.plan, step).unwrap().attempts;
            let step = self.state.name_of(self.plan, step);
            self.record(Event::StepUnknown { step, attempt });
        }
    }

    fn choice(&mut self, among: usize) -> usize {
        self.happened += 1;
        self.world.choices[self.happened % self.world.choices.len()] % among
    }

    pub(crate) fn run(mut self) -> Self {
        if self.state.status() == RunStatus::Pending {
            self.record(Event::RunStarted);
        }
        for _ in 0..10_000 {
            if self
                .world
                .cancels_after
                .is_some_and(|after| self.happened >= after)
                && !self.state.status().is_final()
            {
                self.record(Event::RunCancelled { by: "test".into() });
            }
            match next(self.plan, &self.state) {
                Next::Ended => return self,
                Next::Finish(Outcome::Completed(output)) => {
                    self.record(Event::RunCompleted { output })
                }
                Next::Finish(Outcome::Failed(error)) => self.record(Event::RunFailed { error }),
                Next::Do(tasks) => self.step(&tasks),
                Next::Wait => self.step(&[]),
            }
        }
        panic!("the run does not end");
    }

    /// One thing of all that can happen now.
    fn step(&mut self, tasks: &[Task]) {
        let flights = self.flights.len();
        assert!(flights + tasks.len() > 0, "nothing is under way");
        // One more for a crash, now and then.
        let can_crash = usize::from(self.happened % 7 == 3);
        match self.choice(flights + tasks.len() + can_crash) {
            at if at < flights => {
                let (step, attempt) = self.flights.remove(at);
                self.land(step, attempt);
            }
            at if at < flights + tasks.len() => self.begin(&tasks[at - flights]),
            _ => {
                self.state = fold(self.plan, &self.journal);
                self.recover();
            }
        }
    }

    fn begin(&mut self, task: &Task) {
        match *task {
            Task::Attempt { step, attempt, .. } => {
                let name = self.state.name_of(self.plan, step);
                let handed = wired_config(self.plan, &self.state, step, &Value::Null);
                let handed = handed.unwrap().unwrap();
                // The same whenever it is asked, also by another process.
                let before = self.handed.insert(name.clone(), handed.clone());
                assert!(before.is_none_or(|before| before == handed), "{name}");
                match self.plan.nodes[step.node].kind {
                    Kind::Effect => {
                        self.record(Event::StepStarted {
                            step: name,
                            attempt,
                        });
                        self.flights.push((step, attempt));
                        let beside = self
                            .flights
                            .iter()
                            .filter(|(other, _)| other.frame == step.frame);
                        self.widest = self.widest.max(beside.count());
                    }
                    Kind::Parallel if !self.world.fails(&name) => {
                        let items: Vec<Value> = (0..self.world.items).map(Value::from).collect();
                        self.record(Event::StepIterating {
                            step: name,
                            count: self.world.items,
                            items: Some(Arc::new(items)),
                            until_ms: None,
                        });
                    }
                    _ => self.land(step, attempt),
                }
            }
            Task::Collect { step } => match self.state.collected(self.plan, step).unwrap() {
                Collected::Output(output) => self.complete(step, output),
                Collected::Failed(error) => self.fail(step, 1, error),
            },
            ref other => panic!("no node does this: {other:?}"),
        }
    }

    fn land(&mut self, step: Activation, attempt: u32) {
        if !self.state.is_open(self.plan, step) {
            return;
        }
        let name = self.state.name_of(self.plan, step);
        if self.world.fails(&name) {
            self.fail(step, attempt, StepError::fatal("WRONG", "it fails"));
        } else {
            let ports = self.handed[&name]["outputs"].as_array().unwrap();
            let fields = ports.iter().map(|port| port.as_str().unwrap().to_owned());
            let output: Map<String, Value> = fields
                .map(|port| (port.clone(), json!(format!("{name}.{port}"))))
                .collect();
            self.complete(step, Value::Object(output));
        }
    }

    fn complete(&mut self, step: Activation, output: Value) {
        let step = self.state.name_of(self.plan, step);
        self.record(Event::StepCompleted {
            step,
            output: Arc::new(output),
            way: None,
            logs: None,
            reused: false,
        });
    }

    fn fail(&mut self, step: Activation, attempt: u32, error: StepError) {
        let name = self.state.name_of(self.plan, step);
        let node = &self.plan.nodes[step.node];
        self.record(after_failure(node, name, attempt, 0, error, 0, 0.5));
    }
}
