//! The picture of a run's definition, coloured by how its steps stand. May not know how a picture is drawn.
//! Promise: a step inside of loops shows what deserves a look first, whatever its other iterations came to.

use super::super::picture::Picture;
use crate::engine::StepLog;
use crate::model::plan::StepStatus;
use crate::model::workflow::Definition;
use std::collections::HashMap;

/// The picture of a definition as these steps stand.
pub(super) fn drawn(definition: &Definition, steps: &[StepLog<'_>]) -> Picture {
    let mut standing: HashMap<&str, StepStatus> = HashMap::new();
    for step in steps {
        let status = step.record.status;
        let known = standing.entry(&step.node.id).or_insert(status);
        if weight(status) > weight(*known) {
            *known = status;
        }
    }
    let words = standing.into_iter();
    let words = words.map(|(id, status)| (id.to_owned(), word(status)));
    Picture::of(definition, &words.collect())
}

/// Of two iterations of a step the one with the greater weight is shown.
fn weight(status: StepStatus) -> u8 {
    match status {
        StepStatus::Pending => 0,
        StepStatus::Skipped => 1,
        StepStatus::Completed => 2,
        StepStatus::Cancelled => 3,
        StepStatus::Failed => 4,
        StepStatus::Running => 5,
        StepStatus::Waiting | StepStatus::Retrying | StepStatus::Unknown => 6,
    }
}

/// The class of a step on the picture; without one where nothing has been done yet.
fn word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "",
        StepStatus::Retrying | StepStatus::Unknown => StepStatus::Waiting.as_str(),
        other => other.as_str(),
    }
}
