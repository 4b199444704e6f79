//! Triggers: what starts a workflow's runs, as its definition says it.
//! May not know what is stored of a trigger or when it last fired. Promise: what compiles can be served as it stands, and
//! every mistake is told with its place.

mod firing;
mod schedule;
pub mod webhook;

pub use firing::{Firing, FiringOutcome, ScheduleStatus};
pub use schedule::{MissedFires, Passed, ScheduleTrigger};
pub use webhook::WebhookTrigger;

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
}

impl Trigger {
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
