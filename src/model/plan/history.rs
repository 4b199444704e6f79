//! What every step of a run did, iterations included: for people to read, not for deciding what comes next.
//! May not know how it is shown. Promise: a step at the top is always listed; of steps inside loops the first so many are.

use super::record::{StepRecord, StepStatus};
use super::step_fold::{describe, fold, last_id};
use super::{NodeIndex, Plan, RunState};
use crate::model::run::{Event, Recorded};
use std::collections::HashMap;

/// How many steps inside loops and parallel steps are listed.
const MAX_INSIDE: usize = 2_000;

/// One step, or one of its iterations.
#[derive(Debug, Clone, PartialEq)]
pub struct StepHistory {
    /// The name in the journal: the step's id, and before it the iterations that it is inside of.
    pub activation: String,
    /// The step.
    pub node: NodeIndex,
    /// What is known of it.
    pub record: StepRecord,
}

/// Every step at the top in the order of the definition, each followed by what happened inside of it.
pub fn history(plan: &Plan, state: &RunState, journal: &[Recorded]) -> Vec<StepHistory> {
    let mut inside = inside(plan, journal, state.status().is_final());
    let mut all = Vec::new();
    for (node, record) in state.top_records(plan) {
        let Some(id) = plan.nodes.get(node).map(|node| node.id.clone()) else {
            continue;
        };
        let within = inside.remove(id.as_str()).unwrap_or_default();
        all.push(StepHistory {
            activation: id,
            node,
            record: record.clone(),
        });
        all.extend(within);
    }
    all
}

/// What happened inside of each step at the top, in the order in which it began.
fn inside<'a>(
    plan: &Plan,
    journal: &'a [Recorded],
    is_over: bool,
) -> HashMap<&'a str, Vec<StepHistory>> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut found: HashMap<&str, Vec<StepHistory>> = HashMap::new();
    for Recorded { at_ms, event, .. } in journal {
        let (_, Some(name)) = describe(event) else {
            continue;
        };
        let Some((top, _)) = name.split_once('[') else {
            continue;
        };
        let Some((node, step)) = plan
            .index_of(last_id(name))
            .and_then(|at| Some((at, plan.nodes.get(at)?)))
        else {
            continue;
        };
        let many = places.len();
        let list = found.entry(top).or_default();
        if !places.contains_key(name) {
            if many >= MAX_INSIDE {
                continue;
            }
            places.insert(name, list.len());
            list.push(StepHistory {
                activation: name.to_owned(),
                node,
                record: StepRecord::UNTOUCHED,
            });
        }
        let entry = places.get(name).and_then(|place| list.get_mut(*place));
        if let Some(entry) = entry {
            follow(&mut entry.record, step, *at_ms, event);
        }
    }
    if is_over {
        for entry in found.values_mut().flatten() {
            if !entry.record.status.is_settled() {
                entry.record.status = StepStatus::Cancelled;
                entry.record.due_at_ms = None;
            }
        }
    }
    found
}

/// Folds an event of one step; that of a loop as a whole says only that it goes on.
fn follow(record: &mut StepRecord, step: &super::Node, at_ms: i64, event: &Event) {
    match event {
        Event::StepIterating { .. } => {
            record.status = StepStatus::Running;
            record.attempts = 1;
            record.started_at_ms.get_or_insert(at_ms);
        }
        Event::StepIteration { .. } | Event::StepEnough { .. } => {}
        // The journal was folded as a whole before, so the event fits.
        other => drop(fold(record, step, at_ms, other)),
    }
}
