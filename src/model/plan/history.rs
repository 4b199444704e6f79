//! What every step of a run did, iterations included: for people to read, not for deciding what comes next.
//! May not know how it is shown. Promises: a step at the top is always listed; of steps inside loops the first so many are,
//! and of what they left so many bytes; whether any were left out is told.

use super::record::{StepRecord, StepStatus};
use super::step_fold::{describe, fold, last_id};
use super::times::StepTimes;
use super::{Node, NodeIndex, Plan, RunState};
use crate::model::json::json_bytes;
use crate::model::run::{Event, Recorded};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// How many steps inside loops and parallel steps are listed.
const MAX_INSIDE: usize = 2_000;
/// How many bytes of their outputs and logs are kept, as JSON; of further ones a mark is.
const MAX_INSIDE_BYTES: usize = 8 << 20;

/// One step, or one of its iterations.
#[derive(Debug, Clone, PartialEq)]
pub struct StepHistory {
    /// The name in the journal: the step's id, and before it the iterations that it is inside of.
    pub activation: String,
    /// The step.
    pub node: NodeIndex,
    /// What is known of it.
    pub record: StepRecord,
    /// When it did what.
    pub times: StepTimes,
}

/// Follows a journal from its first event on.
pub struct History<'a> {
    plan: &'a Plan,
    /// What happened inside of steps, in the order in which it began.
    inside: Vec<StepHistory>,
    places: HashMap<String, usize>,
    inside_bytes: usize,
    has_more: bool,
    /// When the steps at the top did what; in a flow, each time that they ran.
    top_times: HashMap<NodeIndex, StepTimes>,
    ended_at_ms: Option<i64>,
    events: u64,
}

impl<'a> History<'a> {
    /// Nothing has happened.
    pub fn new(plan: &'a Plan) -> History<'a> {
        History {
            plan,
            inside: Vec::new(),
            places: HashMap::new(),
            inside_bytes: 0,
            has_more: false,
            top_times: HashMap::new(),
            ended_at_ms: None,
            events: 0,
        }
    }

    /// The next event, which fits the journal before it.
    pub fn follow(&mut self, recorded: &Recorded) {
        self.events = recorded.sequence.saturating_add(1);
        let (_, Some(name)) = describe(&recorded.event) else {
            // Of the run's own events, all but the first end it.
            if !matches!(recorded.event, Event::RunStarted) {
                self.ended_at_ms = Some(recorded.at_ms);
            }
            return;
        };
        let Some(node) = self.plan.index_of(last_id(self.plan, name)) else {
            return;
        };
        // What else happens at the top is in the state.
        if !name.contains('[') {
            let times = self.top_times.entry(node).or_default();
            times.follow(recorded.sequence, recorded.at_ms, &recorded.event);
            return;
        }
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.inside.len() >= MAX_INSIDE => {
                self.has_more = true;
                return;
            }
            None => self.begin(name, node),
        };
        let (Some(step), Some(entry)) = (self.plan.nodes.get(node), self.inside.get_mut(place))
        else {
            return;
        };
        follow(&mut entry.record, step, recorded.at_ms, &recorded.event);
        let times = &mut entry.times;
        times.follow(recorded.sequence, recorded.at_ms, &recorded.event);
        if let Event::StepCompleted { .. } = &recorded.event {
            let record = &mut entry.record;
            for value in [&mut record.output, &mut record.logs].into_iter().flatten() {
                let bytes = json_bytes(value);
                if self.inside_bytes.saturating_add(bytes) > MAX_INSIDE_BYTES {
                    *value = Arc::new(left_out(bytes));
                } else {
                    self.inside_bytes += bytes;
                }
            }
        }
    }

    fn begin(&mut self, name: &str, node: NodeIndex) -> usize {
        let place = self.inside.len();
        self.places.insert(name.to_owned(), place);
        self.inside.push(StepHistory {
            activation: name.to_owned(),
            node,
            record: StepRecord::UNTOUCHED,
            times: StepTimes::default(),
        });
        place
    }

    /// Whether there were more steps inside loops than are listed.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// How many events the journal has.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Every step at the top in the order of the definition, each followed by what happened inside of it. `state` is what the
    /// same journal leads to.
    pub fn steps(mut self, state: &RunState) -> Vec<StepHistory> {
        self.end_what_was_dropped(state);
        let mut inside: HashMap<String, Vec<StepHistory>> = HashMap::new();
        for step in self.inside {
            let top = step.activation.split('[').next().unwrap_or_default();
            let top = last_id(self.plan, top);
            inside.entry(top.to_owned()).or_default().push(step);
        }
        let mut all = Vec::new();
        for (node, record) in state.top_records(self.plan) {
            let Some(id) = self.plan.nodes.get(node).map(|node| node.id.clone()) else {
                continue;
            };
            let within = inside.remove(&id).unwrap_or_default();
            all.push(StepHistory {
                activation: id,
                node,
                record: record.clone(),
                times: self.top_times.remove(&node).unwrap_or_default(),
            });
            all.extend(within);
        }
        if let Some(at_ms) = self.ended_at_ms {
            for step in &mut all {
                step.times.end(at_ms);
            }
        }
        all
    }

    /// A step inside of one that has ended, or of a run that has, is not under way any more.
    fn end_what_was_dropped(&mut self, state: &RunState) {
        let top = state.top_records(self.plan).filter_map(|(node, record)| {
            let node = self.plan.nodes.get(node)?;
            Some((node.id.clone(), record.finished_at_ms?))
        });
        let inside = self.inside.iter().filter_map(|step| {
            let ended_at_ms = step.record.finished_at_ms?;
            Some((step.activation.clone(), ended_at_ms))
        });
        let ended: HashMap<String, i64> = top.chain(inside).collect();
        for step in &mut self.inside {
            if step.record.status.is_settled() {
                continue;
            }
            let around = step.activation.match_indices('[');
            let around = around.map(|(at, _)| &step.activation[..at]);
            let with = around.filter_map(|name| ended.get(name).copied()).min();
            if let Some(ended_at_ms) = with.or(self.ended_at_ms) {
                step.record.status = StepStatus::Cancelled;
                step.record.due_at_ms = None;
                step.record.finished_at_ms = Some(ended_at_ms);
                step.times.end(ended_at_ms);
            }
        }
    }
}

/// What stands where a value was that is too large to be shown.
pub fn left_out(bytes: usize) -> Value {
    json!({ "truncated": true, "sizeBytes": bytes })
}

/// Folds an event of one step; that of a loop as a whole says only that it goes on.
fn follow(record: &mut StepRecord, step: &Node, at_ms: i64, event: &Event) {
    match event {
        Event::StepIterating { .. } => {
            record.status = StepStatus::Running;
            record.attempts = 1;
            record.started_at_ms.get_or_insert(at_ms);
        }
        Event::StepIteration { .. } | Event::StepEnough { .. } => {}
        // The journal is folded as a whole before, so the event fits.
        other => drop(fold(record, step, at_ms, other)),
    }
}
