//! Triggers: what starts a workflow's runs, as its definition says it.
//! May not know what is stored of a trigger or when it last fired. Promise: what compiles can be served as it stands, and
//! every mistake is told with its place.

mod firing;
mod schedule;
pub mod webhook;

pub use firing::{Firing, FiringOutcome, ScheduleStatus};
pub use schedule::{MissedFires, Passed, ScheduleTrigger, ScheduleWords};
pub use webhook::WebhookTrigger;

use crate::id::is_id;
use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem;
use serde_json::Value;

/// What starts runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A request, and nothing else.
    Api,
    /// An event that another service sends.
    Webhook(Box<WebhookTrigger>),
    /// The clock.
    Schedule(ScheduleTrigger),
    /// A request to the graph's own webhook id.
    Hook(HookTrigger),
}

/// A webhook id: whoever posts to it starts a run, and what is posted is the run's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookTrigger {
    /// The id in the path; 1 to 64 letters, digits, `_` and `-`.
    pub id: String,
    /// Whether it is taken without a key.
    pub is_open: bool,
}

impl Trigger {
    /// Reads the `trigger` of a graph: none means requests; beside the native ones there is
    /// `{"type": "hook", "id": "whk_…", "isOpen": false}`. `None` exactly when a problem was added.
    pub fn of_graph(
        trigger: Option<&Value>,
        found: &mut Vec<DefinitionProblem>,
    ) -> Option<Trigger> {
        let Some(trigger) = trigger.filter(|trigger| !trigger.is_null()) else {
            return Some(Trigger::Api);
        };
        if trigger.get("type").and_then(Value::as_str) != Some("hook") {
            return Trigger::read(Some(trigger), found);
        }
        let id = trigger.get("id").and_then(Value::as_str);
        let Some(id) = id.filter(|id| is_id(id)) else {
            let message = "a webhook id has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`";
            problem::add(found, "trigger.id", message);
            return None;
        };
        Some(Trigger::Hook(HookTrigger {
            id: id.to_owned(),
            is_open: trigger.get("isOpen") == Some(&Value::Bool(true)),
        }))
    }

    /// Reads the `trigger` of a definition. `None` exactly when a problem was added.
    pub fn read(trigger: Option<&Value>, found: &mut Vec<DefinitionProblem>) -> Option<Trigger> {
        let Some(trigger) = trigger else {
            let message = "there is no trigger; add `\"trigger\": {\"type\": \"api\"}`";
            problem::add(found, "trigger", message);
            return None;
        };
        let Some(fields) = trigger.as_object() else {
            let message = format!(
                "it is {}; it must be an object such as {{\"type\": \"api\"}}",
                problem::shown(trigger)
            );
            problem::add(found, "trigger", message);
            return None;
        };
        let message = match fields.get("type") {
            Some(Value::String(word)) => match word.as_str() {
                "api" => return Some(Trigger::Api),
                "webhook" => {
                    return WebhookTrigger::read(fields, found)
                        .map(|trigger| Trigger::Webhook(Box::new(trigger)));
                }
                "schedule" => return ScheduleTrigger::read(fields, found).map(Trigger::Schedule),
                other => format!(
                    "there is no trigger type `{}`{}; use `api`, `webhook` or `schedule`",
                    problem::short(other),
                    problem::hint(other, ["api", "webhook", "schedule"].into_iter())
                ),
            },
            Some(other) => format!(
                "it is {}; use `api`, `webhook` or `schedule`",
                problem::shown(other)
            ),
            None => "the trigger has no type; use `api`, `webhook` or `schedule`".into(),
        };
        problem::add(found, "trigger.type", message);
        None
    }
}
