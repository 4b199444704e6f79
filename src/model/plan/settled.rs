//! What a run that failed or was cancelled hands on to its retry: the results of everything that ended well.
//! May not know how retries are started. Promise: folded into a new run of the same plan, the events lead to the place where
//! the old one ended, also within a loop; what had failed is done again, and time limits begin anew.

use super::step_fold::{describe, last_id};
use super::{Plan, RunState};
use crate::model::run::{Event, Recorded};
use std::collections::HashSet;

/// The events of `journal` that a new run of the same plan begins with; they follow its `run.started`, of `now_ms`
/// (milliseconds since the Unix epoch).
pub fn settled_events(plan: &Plan, journal: &[Recorded], now_ms: i64) -> Vec<Event> {
    let ended: HashSet<&str> = journal
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::StepCompleted { step, .. } => Some(step.as_str()),
            _ => None,
        })
        .collect();
    let mut state = RunState::new(plan);
    let mut kept = Vec::new();
    // A state that has begun, so that what does not fit any more is left out.
    if state.apply(plan, 0, &Event::RunStarted).is_err() {
        return kept;
    }
    for Recorded { at_ms, event, .. } in journal {
        let (_, Some(name)) = describe(event) else {
            continue;
        };
        let is_inside_of_ended = name
            .match_indices('[')
            .any(|(at, _)| ended.contains(&name[..at]));
        if is_inside_of_ended || !is_result(plan, event, name, &ended) {
            continue;
        }
        let event = afresh(event, *at_ms, now_ms);
        if state.apply(plan, *at_ms, &event).is_ok() {
            kept.push(event);
        }
    }
    kept
}

/// Whether the event says what a step came to, or how far a loop has gone.
fn is_result(plan: &Plan, event: &Event, name: &str, ended: &HashSet<&str>) -> bool {
    match event {
        Event::StepCompleted { .. } => true,
        Event::StepIterating { .. } => !ended.contains(name),
        Event::StepIteration { .. } | Event::StepEnough { .. } => !ended.contains(name),
        Event::StepFailed { retry_at_ms, .. } => {
            let node = plan.index_of(last_id(plan, name));
            let node = node.and_then(|index| plan.nodes.get(index));
            retry_at_ms.is_none() && node.is_some_and(|node| node.fallback.is_some())
        }
        _ => false,
    }
}

/// The event of `at_ms` as if it were of `now_ms`: what is inside has as long again as it had.
fn afresh(event: &Event, at_ms: i64, now_ms: i64) -> Event {
    match event {
        Event::StepIterating {
            step,
            count,
            items,
            until_ms,
        } => Event::StepIterating {
            step: step.clone(),
            count: *count,
            items: items.clone(),
            until_ms: until_ms
                .map(|until_ms| now_ms.saturating_add(until_ms.saturating_sub(at_ms))),
        },
        other => other.clone(),
    }
}
