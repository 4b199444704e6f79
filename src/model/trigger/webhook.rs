//! Runs that are started by events that another service sends.

use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem;
use serde_json::{Map, Value};

/// The `trigger` of type `webhook`.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookTrigger {}

impl WebhookTrigger {
    pub(super) fn read(
        _fields: &Map<String, Value>,
        found: &mut Vec<DefinitionProblem>,
    ) -> Option<WebhookTrigger> {
        problem::add(
            found,
            "trigger.type",
            "triggers of type `webhook` are not served by this version; use `api` and start runs through the API",
        );
        None
    }
}
