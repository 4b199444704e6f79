//! Which runs somebody looks for, and what a list for people shows of one. May not know how runs are found.
//! Promise: [`RunSearch::fits`] is all that decides whether a run is shown; what is fast is the store's matter.

use super::run::{RunStatus, RunSummary, TriggerType};

/// Which runs are looked for: those that fit everything that is named.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunSearch {
    /// Of the workflow with this id; where there is none, of the newest one with this name.
    pub workflow: Option<String>,
    /// In this status.
    pub status: Option<RunStatus>,
    /// Started by this.
    pub trigger: Option<TriggerType>,
    /// Made at this moment or later, in milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Made before this moment.
    pub until_ms: Option<i64>,
}

impl RunSearch {
    /// Whether a run is one of these; it is of the right workflow.
    pub fn fits(&self, run: &RunSummary) -> bool {
        self.status.is_none_or(|status| status == run.status)
            && self.trigger.is_none_or(|trigger| trigger == run.trigger)
            && self.from_ms.is_none_or(|from| run.created_at_ms >= from)
            && self.until_ms.is_none_or(|until| run.created_at_ms < until)
    }
}

/// A run that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundRun {
    /// What a list shows.
    pub summary: RunSummary,
    /// The workflow's name now.
    pub workflow_name: String,
}
