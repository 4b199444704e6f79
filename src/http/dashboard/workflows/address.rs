//! What starts a workflow, in words; where other services reach it; when the clock starts it. May not know how triggers work.

use super::super::frame::seen_url;
use crate::clock::iso_utc;
use crate::engine::CompiledWorkflow;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::flow::StartKind;
use crate::model::trigger::{ScheduleTrigger, Trigger};
use crate::model::workflow::WorkflowStatus;
use serde_json::Value;

/// So many of the next times are told.
const NEXT_TIMES: usize = 5;
/// A text of a trigger is cut after so many characters.
const MAX_WORD_CHARS: usize = 60;

/// The `trigger` of a definition in a few words.
pub(super) fn trigger_words(trigger: &Value) -> String {
    let text = |field: &str| trigger.get(field).and_then(Value::as_str);
    let kind = text("type").unwrap_or("api");
    let interval = || {
        let interval = trigger.get("interval")?;
        let value = interval.get("value")?;
        Some(format!("every {value} {}", interval.get("unit")?.as_str()?))
    };
    let detail = match kind {
        "schedule" => text("cron").map(str::to_owned).or_else(interval),
        "webhook" => text("provider").map(str::to_owned),
        _ => None,
    };
    let words = match detail {
        Some(detail) => format!("{kind} · {detail}"),
        None => kind.to_owned(),
    };
    words.chars().take(MAX_WORD_CHARS).collect()
}

/// The URL to which other services send what starts the workflow, if its trigger is such.
pub(super) fn webhook_url(ctx: &Ctx, compiled: &CompiledWorkflow) -> Option<String> {
    let server = seen_url(&ctx.visit);
    let id = &compiled.workflow.id;
    let plan = &compiled.definition.plan;
    let starts_by_webhook = |flow: &crate::model::flow::FlowFacts| flow.start == StartKind::Webhook;
    match &plan.trigger {
        Trigger::Webhook(webhook) => {
            let path = webhook.path.as_deref().unwrap_or(id.as_str());
            Some(format!(
                "{server}/webhooks/{}/{path}",
                webhook.provider.name
            ))
        }
        Trigger::Hook(hook) => Some(format!(
            "{server}/wireflow/api/v1/workflow/{}/trigger",
            hook.id
        )),
        Trigger::Api | Trigger::Schedule(_) => plan
            .flow
            .as_ref()
            .filter(|flow| starts_by_webhook(flow))
            .map(|_| format!("{server}/flowise/api/v1/webhook/{id}")),
    }
}

/// When the clock starts the workflow next; nothing where it does not.
pub(super) fn next_times(ctx: &Ctx, compiled: &CompiledWorkflow) -> Result<Vec<String>, Problem> {
    let workflow = &compiled.workflow;
    let Trigger::Schedule(schedule) = &compiled.definition.plan.trigger else {
        return Ok(Vec::new());
    };
    if workflow.status != WorkflowStatus::Active || !schedule.enabled {
        return Ok(Vec::new());
    }
    let first = ctx.api().store.schedule_status(workflow.sequence)?;
    Ok(times(schedule, first.next_fire_ms).map(iso_utc).collect())
}

fn times(schedule: &ScheduleTrigger, first_ms: Option<i64>) -> impl Iterator<Item = i64> {
    // An interval counts from any of its own times as from the first.
    let next = move |before_ms: &i64| schedule.next_fire_ms(first_ms?, *before_ms);
    std::iter::successors(first_ms, next).take(NEXT_TIMES)
}
