//! A frame: one block of steps under way, the top of a run or one iteration of a loop.
//! May not know events, or the frames around it. Promise: it moves forward only, and passes each of its steps once.

use super::net::Standing;
use super::queue::Line;
use super::record::{StepRecord, StepStatus};
use super::{Activation, BlockIndex, NodeIndex, Order, Plan};
use crate::model::run::StepError;
use serde_json::{Map, Value};
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
    turn: Turn,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq)]
enum Turn {
    /// One after another.
    Seq {
        /// The first step that is neither ended nor skipped.
        cursor: usize,
        /// The last step that ended.
        last: Option<usize>,
        /// Whether that one failed for good.
        has_failed: bool,
    },
    /// Side by side.
    Net(Standing),
    /// As they are called for, again where they are called again.
    Queue(Line),
}

impl Frame {
    /// A block of which no step has begun.
    pub(super) fn new(plan: &Plan, block: BlockIndex, parent: Option<(Activation, u32)>) -> Frame {
        Frame {
            block,
            parent,
            records: vec![StepRecord::UNTOUCHED; plan.steps_of(block).len()],
            turn: match plan.blocks.get(block).map(|block| &block.order) {
                Some(Order::Net(net)) => Turn::Net(Standing::new(net)),
                Some(Order::Queue(queue)) => Turn::Queue(Line::new(queue)),
                Some(Order::Seq) | None => Turn::Seq {
                    cursor: 0,
                    last: None,
                    has_failed: false,
                },
            },
        }
    }

    /// The steps whose turn it is, by their place.
    pub(super) fn open_places(&self) -> impl Iterator<Item = usize> + '_ {
        let (one, many) = match &self.turn {
            Turn::Seq { cursor, .. } => (Some(*cursor), None),
            Turn::Net(standing) => (None, Some(standing.open())),
            Turn::Queue(line) => (line.current(), None),
        };
        one.into_iter()
            .filter(|cursor| *cursor < self.records.len())
            .chain(many.into_iter().flatten())
    }

    /// Whether it is the turn of the step at this place.
    pub(super) fn is_open(&self, place: usize) -> bool {
        match &self.turn {
            Turn::Seq { cursor, .. } => *cursor == place,
            Turn::Net(standing) => standing.is_open(place),
            Turn::Queue(line) => line.current() == Some(place),
        }
    }

    /// The step that begins this name (`charge`, or the head of `loop[17].charge`), where an event of it fits.
    pub(super) fn named(&self, plan: &Plan, name: &str) -> Option<NodeIndex> {
        let id = name.split_once('[').map_or(name, |(id, _)| id);
        match &self.turn {
            Turn::Queue(line) => {
                let place = line.current()?;
                let node = *plan.steps_of(self.block).get(place)?;
                let known = plan.nodes.get(node)?.id.as_str();
                let after = id.strip_prefix(known)?;
                (after == visit_mark(line.visits(place))).then_some(node)
            }
            Turn::Seq { cursor, .. } => {
                let node = *plan.steps_of(self.block).get(*cursor)?;
                (plan.nodes.get(node)?.id == id).then_some(node)
            }
            Turn::Net(standing) => {
                let node = plan.index_of(id)?;
                let (block, place) = plan.place_of(node);
                (block == self.block && standing.may_begin(place)).then_some(node)
            }
        }
    }

    /// The step at this place has begun.
    pub(super) fn begin(&mut self, place: usize) {
        if let Turn::Net(standing) = &mut self.turn {
            standing.begin(place);
        }
    }

    /// Whether every step has ended or was skipped, or nothing more comes since one failed.
    pub(super) fn is_over(&self) -> bool {
        match &self.turn {
            Turn::Seq {
                cursor, has_failed, ..
            } => *has_failed || *cursor >= self.records.len(),
            Turn::Net(standing) => standing.is_over(),
            Turn::Queue(line) => line.current().is_none(),
        }
    }

    /// The step that the block has failed with, by its place.
    pub(super) fn failed(&self) -> Option<usize> {
        match &self.turn {
            Turn::Seq {
                last, has_failed, ..
            } => last.filter(|_| *has_failed),
            Turn::Net(standing) => standing.failed(),
            Turn::Queue(line) => line.last.filter(|_| line.has_failed),
        }
    }

    /// The step at this place has ended: moves on. Gives the places of the steps whose turn has come.
    pub(super) fn advance(&mut self, plan: &Plan, place: usize) -> Vec<usize> {
        let way = self.records.get(place).and_then(|record| record.way);
        let order = plan.blocks.get(self.block).map(|block| &block.order);
        match (&mut self.turn, order) {
            (Turn::Net(standing), Some(Order::Net(net))) => standing.end(net, place),
            (Turn::Queue(line), Some(Order::Queue(queue))) => {
                let next = line.end(queue, place, way);
                if let Some(record) = next.and_then(|next| self.records.get_mut(next)) {
                    record.begin_again();
                }
                next.into_iter().collect()
            }
            _ => self.pass(plan).into_iter().collect(),
        }
    }

    /// The step at this place has failed for good. Gives the places of the steps whose turn has come.
    pub(super) fn fail(&mut self, plan: &Plan, place: usize, id: &str) -> Vec<usize> {
        match (&mut self.turn, plan.net_of(self.block)) {
            (Turn::Net(standing), Some(net)) => {
                let (lost, new) = standing.fail(net, place);
                for place in lost {
                    if let Some(record) = self.records.get_mut(place) {
                        record.status = StepStatus::Skipped;
                        let message = format!("it needs step `{id}`, which failed");
                        record.error =
                            Some(Box::new(StepError::fatal("DEPENDENCY_FAILED", message)));
                    }
                }
                new
            }
            (
                Turn::Seq {
                    last, has_failed, ..
                },
                _,
            ) => {
                *last = Some(place);
                *has_failed = true;
                Vec::new()
            }
            (Turn::Queue(line), _) => {
                line.fail(place);
                Vec::new()
            }
            (Turn::Net(_), None) => Vec::new(),
        }
    }

    /// What follows the id of the step at this place in its name: nothing the first time, `#2` the second.
    pub(super) fn visit_mark(&self, place: usize) -> String {
        match &self.turn {
            Turn::Queue(line) => visit_mark(line.visits(place)),
            Turn::Seq { .. } | Turn::Net(_) => String::new(),
        }
    }

    /// How often the step at this place has ended; once at most, but for what is called for again.
    pub(super) fn visits(&self, places: impl Iterator<Item = usize>) -> u32 {
        match &self.turn {
            Turn::Queue(line) => line.most_visits(places),
            Turn::Seq { .. } | Turn::Net(_) => 0,
        }
    }

    /// The current step of a sequence has ended: on to the next one that is not skipped. Each step is passed once.
    fn pass(&mut self, plan: &Plan) -> Option<usize> {
        let Turn::Seq { cursor, last, .. } = &mut self.turn else {
            return None;
        };
        *last = Some(*cursor);
        *cursor += 1;
        while let Some(&node) = plan.steps_of(self.block).get(*cursor) {
            let owners = plan.owners_of(node);
            let taken = |&(branch, way): &(NodeIndex, u32)| {
                let (_, place) = plan.place_of(branch);
                self.records
                    .get(place)
                    .is_some_and(|record| record.way == Some(way))
            };
            if owners.is_empty() || owners.iter().any(taken) {
                return Some(*cursor);
            }
            if let Some(record) = self.records.get_mut(*cursor) {
                record.status = StepStatus::Skipped;
            }
            *cursor += 1;
        }
        None
    }

    /// What the block came to: of a sequence the output of the last step that ended, null when none did; of a net an object
    /// with the outputs of the steps that nothing in it waits for, under their ids.
    pub(super) fn output(&self, plan: &Plan) -> Arc<Value> {
        let output = |place: usize| self.records.get(place)?.output.as_ref();
        match (&self.turn, plan.net_of(self.block)) {
            (Turn::Net(_), Some(net)) => {
                let id = |place: usize| {
                    let node = plan.steps_of(self.block).get(place)?;
                    plan.nodes.get(*node).map(|node| node.id.clone())
                };
                let results = net.results.iter();
                let fields: Map<String, Value> = results
                    .filter_map(|place| Some((id(*place)?, output(*place)?.as_ref().clone())))
                    .collect();
                Arc::new(Value::Object(fields))
            }
            (Turn::Seq { last, .. } | Turn::Queue(Line { last, .. }), _) => {
                last.and_then(output).cloned().unwrap_or_default()
            }
            (Turn::Net(_), None) => Arc::default(),
        }
    }
}

fn visit_mark(visits: u32) -> String {
    match visits {
        0 => String::new(),
        before => format!("#{}", before.saturating_add(1)),
    }
}
