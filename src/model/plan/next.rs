//! The planner: what to do now.
//! May not know anything but plan and state. Promise: it is a function of both and costs no more than what it returns,
//! however long the run is; it never names a step that has ended or was skipped.

use super::iterations::Stage;
use super::record::{StepStatus, WaitsFor};
use super::state::RunState;
use super::{Activation, Next, Outcome, Plan, Task};

/// How many tasks are named at once; the others follow when these have begun.
const MAX_TASKS: usize = 128;

/// What to do now: a function of plan and state. Steps of a sequence come one at a time, in order, those of a net as many as
/// there is room for; which steps are skipped is part of the state. The output of a run is the output of its top block: of
/// a sequence that of the last step that was not skipped, null when none ran; of a net an object with the outputs of the
/// steps that nothing waits for, under their ids.
pub fn next(plan: &Plan, state: &RunState) -> Next {
    if state.status().is_final() {
        return Next::Ended;
    }
    if let Some(error) = state.failure() {
        return Next::Finish(Outcome::Failed(error.clone()));
    }
    if state.top_is_over() {
        return Next::Finish(Outcome::Completed(state.output(plan)));
    }
    let ready = state.ready.iter().take(MAX_TASKS);
    let mut tasks: Vec<Task> = ready
        .filter_map(|step| ready_task(plan, state, *step))
        .collect();
    let timed = state.timed.first();
    let timed = timed.and_then(|(due_ms, step)| timed_task(plan, state, *step, *due_ms));
    tasks.extend(earlier(timed, deadline(plan, state)));
    if tasks.is_empty() {
        Next::Wait
    } else {
        Next::Do(tasks)
    }
}

fn ready_task(plan: &Plan, state: &RunState, step: Activation) -> Option<Task> {
    let record = state.record(plan, step)?;
    match record.iterations.as_deref() {
        None => Some(Task::Attempt {
            step,
            attempt: record.attempts.saturating_add(1),
            not_before_ms: None,
        }),
        Some(iterations) => match iterations.stage {
            Stage::Going => None,
            Stage::Deciding => Some(Task::Decide {
                step,
                index: iterations.next_index(),
            }),
            Stage::Over | Stage::Failed(_) => Some(Task::Collect { step }),
        },
    }
}

fn timed_task(plan: &Plan, state: &RunState, step: Activation, due_ms: i64) -> Option<Task> {
    let record = state.record(plan, step)?;
    Some(match (record.status, record.waits_for) {
        (StepStatus::Retrying, _) => Task::Attempt {
            step,
            attempt: record.attempts.saturating_add(1),
            not_before_ms: Some(due_ms),
        },
        (_, Some(WaitsFor::Time)) => Task::Wake { step, due_ms },
        _ => Task::Expire { step, due_ms },
    })
}

/// When the run as a whole has taken too long.
fn deadline(plan: &Plan, state: &RunState) -> Option<Task> {
    let timeout_ms = i64::try_from(plan.settings.timeout_ms?).unwrap_or(i64::MAX);
    let due_ms = state.started_at_ms()?.saturating_add(timeout_ms);
    Some(Task::ExpireRun { due_ms })
}

/// The one of two tasks that is due first.
fn earlier(one: Option<Task>, other: Option<Task>) -> Option<Task> {
    [one, other].into_iter().flatten().min_by_key(Task::due_ms)
}
