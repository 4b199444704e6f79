//! The fold of one step's events into its record.
//! May not know the order of steps. Promise: a step that has ended takes no more events, and attempts are numbered without
//! gaps, except where the results of another run were copied.

use super::iterations::{Iterations, Stage};
use super::record::{StepRecord, StepStatus, WaitsFor};
use super::state::JournalError;
use super::{Node, OnUnknown, Plan};
use crate::model::run::{Event, StepError};

/// What an event did to a step.
pub(super) enum Folded {
    /// There is more to come.
    Open,
    /// Iterations or branches of the step may begin.
    Iterate,
    /// The next iteration of the loop begins.
    Another,
    /// The step has ended, the run goes on.
    Settled,
    /// The step has failed, and the run with it.
    FailedForGood,
}

/// Folds one event into the record of its step. On an error nothing has changed.
pub(super) fn fold(
    record: &mut StepRecord,
    node: &Node,
    at_ms: i64,
    event: &Event,
) -> Result<Folded, JournalError> {
    if record.status.is_settled() {
        return Err(misplaced(event, "the step has ended"));
    }
    let under_way = record.is_under_way();
    let folded = match event {
        Event::StepIterating { .. } | Event::StepIteration { .. } | Event::StepEnough { .. } => {
            iterate(record, node, event)?
        }
        Event::StepStarted { .. } if under_way => {
            return Err(misplaced(event, "the step is under way"));
        }
        Event::StepStarted { attempt, .. } if *attempt != record.attempts.saturating_add(1) => {
            return Err(misplaced(event, "the attempt has the wrong number"));
        }
        Event::StepStarted { attempt, .. } => {
            record.attempts = *attempt;
            record.status = StepStatus::Running;
            record.due_at_ms = None;
            Folded::Open
        }
        Event::StepWaiting { .. }
        | Event::StepAsked { .. }
        | Event::StepChild { .. }
        | Event::StepResumed { .. } => rest(record, event, under_way)?,
        Event::StepCompleted { .. } if is_going(record) => {
            return Err(misplaced(event, "steps inside it are left"));
        }
        Event::StepCompleted { .. } => completed(record, at_ms, event, under_way),
        Event::StepFailed {
            attempt,
            error,
            retry_at_ms,
            ..
        } => {
            if !is_numbered_rightly(record, *attempt, under_way) {
                return Err(misplaced(event, "the attempt has the wrong number"));
            }
            record.attempts = *attempt;
            record.failures = record.failures.saturating_add(1);
            failed(record, node, at_ms, error.clone(), *retry_at_ms)
        }
        Event::StepUnknown { attempt, .. } => {
            if record.status != StepStatus::Running || *attempt != record.attempts {
                return Err(misplaced(event, "no such attempt is under way"));
            }
            unknown(record, node, at_ms)
        }
        _ => return Err(misplaced(event, "it is not an event of a step")),
    };
    record.started_at_ms.get_or_insert(at_ms);
    Ok(folded)
}

/// The step has come to an output, by itself or in an earlier run.
fn completed(record: &mut StepRecord, at_ms: i64, event: &Event, under_way: bool) -> Folded {
    if let Event::StepCompleted {
        output,
        way,
        logs,
        reused,
        ..
    } = event
    {
        count_attempt(record, under_way);
        record.output = Some(output.clone());
        record.logs.clone_from(logs);
        record.is_reused = *reused;
        record.measure();
        record.way = *way;
        record.error = None;
        settle(record, StepStatus::Completed, at_ms);
    }
    Folded::Settled
}

/// The events with which a step begins to wait, and the one with which it is tried again.
fn rest(record: &mut StepRecord, event: &Event, under_way: bool) -> Result<Folded, JournalError> {
    match event {
        Event::StepResumed { .. } if record.waits_for == Some(WaitsFor::Outcome) => {
            record.status = StepStatus::Unknown;
            record.waits_for = None;
            return Ok(Folded::Open);
        }
        Event::StepResumed { .. } => {
            return Err(misplaced(event, "nobody was asked how an attempt ended"));
        }
        _ if record.status == StepStatus::Waiting => {
            return Err(misplaced(event, "the step waits already"));
        }
        Event::StepChild { attempt, .. } if *attempt != record.attempts.saturating_add(1) => {
            return Err(misplaced(event, "the attempt has the wrong number"));
        }
        _ => count_attempt(record, under_way),
    }
    Ok(match event {
        Event::StepAsked {
            until_ms, request, ..
        } => {
            record.request = Some(request.clone());
            record.measure();
            wait(record, WaitsFor::Answer, *until_ms)
        }
        Event::StepChild { run, until_ms, .. } => {
            record.child = Some(run.clone());
            wait(record, WaitsFor::Run, *until_ms)
        }
        Event::StepWaiting { until_ms, .. } => wait(record, WaitsFor::Time, Some(*until_ms)),
        _ => Folded::Open,
    })
}

/// Whether a failure is that of the attempt under way, or, where no start is recorded, of a later one.
fn is_numbered_rightly(record: &StepRecord, attempt: u32, under_way: bool) -> bool {
    if under_way {
        attempt == record.attempts
    } else {
        attempt > record.attempts
    }
}

/// A step whose start is not recorded takes part in the count with what is.
fn count_attempt(record: &mut StepRecord, under_way: bool) {
    if !under_way {
        record.attempts = record.attempts.saturating_add(1);
    }
}

fn wait(record: &mut StepRecord, what: WaitsFor, until_ms: Option<i64>) -> Folded {
    record.status = StepStatus::Waiting;
    record.waits_for = Some(what);
    record.due_at_ms = until_ms;
    Folded::Open
}

/// Whether a loop or parallel step has something inside that has not ended.
fn is_going(record: &StepRecord) -> bool {
    let iterations = record.iterations.as_ref();
    iterations.is_some_and(|iterations| matches!(iterations.stage, Stage::Going | Stage::Deciding))
}

/// The events of a loop or parallel step as a whole.
fn iterate(record: &mut StepRecord, node: &Node, event: &Event) -> Result<Folded, JournalError> {
    match (event, record.iterations.as_deref_mut()) {
        (
            Event::StepIterating {
                count,
                items,
                until_ms,
                ..
            },
            None,
        ) if node.kind.is_composite() => {
            count_attempt(record, false);
            record.iterations = Some(Box::new(Iterations::new(items.clone(), *count)));
            record.status = StepStatus::Running;
            record.due_at_ms = *until_ms;
            Ok(Folded::Iterate)
        }
        (Event::StepIteration { index, .. }, Some(iterations))
            if iterations.stage == Stage::Deciding && iterations.next_index() == *index =>
        {
            Ok(Folded::Another)
        }
        (Event::StepEnough { .. }, Some(iterations)) if iterations.stage == Stage::Deciding => {
            iterations.stage = Stage::Over;
            Ok(Folded::Open)
        }
        _ => Err(misplaced(event, "it is not what the loop waits for")),
    }
}

fn unknown(record: &mut StepRecord, node: &Node, at_ms: i64) -> Folded {
    match node.on_unknown {
        OnUnknown::Retry => {
            record.status = StepStatus::Unknown;
            Folded::Open
        }
        OnUnknown::Ask => wait(record, WaitsFor::Outcome, None),
        OnUnknown::Fail => {
            let message = format!(
                "the server stopped during attempt {}, so nobody knows whether it took effect; `onUnknown` is `fail`",
                record.attempts
            );
            let error = StepError::fatal("UNKNOWN_OUTCOME", message);
            failed(record, node, at_ms, error, None)
        }
    }
}

fn failed(
    record: &mut StepRecord,
    node: &Node,
    at_ms: i64,
    error: StepError,
    retry_at_ms: Option<i64>,
) -> Folded {
    record.error = Some(Box::new(error));
    if retry_at_ms.is_some() {
        record.status = StepStatus::Retrying;
        record.waits_for = None;
        record.due_at_ms = retry_at_ms;
        return Folded::Open;
    }
    settle(record, StepStatus::Failed, at_ms);
    record.output.clone_from(&node.fallback);
    record.measure();
    if node.fallback.is_some() {
        Folded::Settled
    } else {
        Folded::FailedForGood
    }
}

fn settle(record: &mut StepRecord, status: StepStatus, at_ms: i64) {
    record.status = status;
    record.due_at_ms = None;
    record.waits_for = None;
    record.finished_at_ms = Some(at_ms);
}

/// The error for an event that cannot happen now.
pub(super) fn misplaced(event: &Event, reason: &'static str) -> JournalError {
    let (name, step) = describe(event);
    JournalError::Misplaced {
        event: name,
        step: step.map(str::to_owned),
        reason,
    }
}

/// The id of the step that a name in the journal ends with: `charge` of `loop[17].charge`, and of `charge#2`. Ids hold no `#`
/// where steps run again.
pub(super) fn last_id<'a>(plan: &Plan, name: &'a str) -> &'a str {
    let id = name.rsplit_once("].").map_or(name, |(_, id)| id);
    match id.split_once('#') {
        Some((known, _)) if plan.flow.is_some() => known,
        _ => id,
    }
}

/// An event's type and step.
pub(super) fn describe(event: &Event) -> (&'static str, Option<&str>) {
    match event {
        Event::RunStarted => ("run.started", None),
        Event::StepStarted { step, .. } => ("step.started", Some(step)),
        Event::StepCompleted { step, .. } => ("step.completed", Some(step)),
        Event::StepFailed { step, .. } => ("step.failed", Some(step)),
        Event::StepUnknown { step, .. } => ("step.unknown", Some(step)),
        Event::StepWaiting { step, .. } => ("step.waiting", Some(step)),
        Event::StepIterating { step, .. } => ("step.iterating", Some(step)),
        Event::StepIteration { step, .. } => ("step.iteration", Some(step)),
        Event::StepEnough { step } => ("step.enough", Some(step)),
        Event::StepAsked { step, .. } => ("step.asked", Some(step)),
        Event::StepResumed { step, .. } => ("step.resumed", Some(step)),
        Event::StepChild { step, .. } => ("step.child", Some(step)),
        Event::RunCompleted { .. } => ("run.completed", None),
        Event::RunFailed { .. } => ("run.failed", None),
        Event::RunCancelled { .. } => ("run.cancelled", None),
    }
}
