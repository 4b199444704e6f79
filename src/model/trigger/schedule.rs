//! Runs that are started by the clock: a cron expression or an interval.

use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem;
use serde_json::{Map, Value};

/// The `trigger` of type `schedule`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleTrigger {}

impl ScheduleTrigger {
    pub(super) fn read(
        _fields: &Map<String, Value>,
        found: &mut Vec<DefinitionProblem>,
    ) -> Option<ScheduleTrigger> {
        problem::add(
            found,
            "trigger.type",
            "triggers of type `schedule` are not served by this version; use `api` and start runs through the API",
        );
        None
    }
}
