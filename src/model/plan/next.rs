//! The planner: what to do now.
//! May not know anything but plan and state. Promise: it is a function of both and costs the same however long the run is;
//! it never names a step that has ended or was skipped.

use super::state::{RunState, StepStatus};
use super::{Next, Outcome, Plan, Task};

/// What to do now: a function of plan and state. One step at a time, in array order; which steps are skipped is
/// part of the state. The output of a run is the output of the last step that was not skipped, null when none ran.
pub fn next(plan: &Plan, state: &RunState) -> Next {
    if state.status().is_final() {
        return Next::Ended;
    }
    if let Some(error) = state.failure() {
        return Next::Finish(Outcome::Failed(error.clone()));
    }
    let node = state.cursor();
    let (Some(_), Some(record)) = (plan.nodes.get(node), state.record(node)) else {
        return Next::Finish(Outcome::Completed(state.last_output()));
    };
    let attempt = record.attempts.saturating_add(1);
    match (record.status, record.due_at_ms) {
        (StepStatus::Waiting, Some(due_ms)) => Next::Do(vec![Task::Wake { node, due_ms }]),
        (StepStatus::Pending | StepStatus::Retrying | StepStatus::Unknown, not_before_ms) => {
            Next::Do(vec![Task::Attempt {
                node,
                attempt,
                not_before_ms,
            }])
        }
        _ => Next::Wait,
    }
}
