//! Which of the workflows behind a path believe a request. May not know what the request says. Promise: each decides by its
//! own secret and its own rule alone.

use super::{EngineError, Shared, Target, WebhookError, WebhookRequest, trigger_of};
use crate::engine::secrets::SecretError;
use crate::model::event::EventSummary;
use crate::model::trigger::webhook::{Believed, Disbelief, Received, WebhookTrigger};

/// A workflow that believes a request.
pub(super) struct Believer<'a> {
    pub(super) target: &'a Target,
    pub(super) trigger: &'a WebhookTrigger,
    /// What its check found; `None`: it lets everybody in.
    pub(super) signed: Option<Believed>,
}

/// Those who believe the request; there is at least one.
pub(super) fn believers<'a>(
    shared: &Shared,
    request: &WebhookRequest,
    headers: &[(&str, &[u8])],
    targets: &'a [Target],
    now_ms: i64,
) -> Result<Vec<Believer<'a>>, WebhookError> {
    let received = Received {
        method: &request.method,
        url: &request.url,
        headers,
        body: &request.body,
    };
    let mut believers = Vec::with_capacity(targets.len());
    let mut reason = Disbelief::Unsigned;
    for target in targets {
        let Some(trigger) = trigger_of(target) else {
            continue;
        };
        let signed = match check(shared, target, trigger, &received, now_ms)? {
            Ok(signed) => signed,
            Err(disbelief) => {
                reason = nearer(reason, disbelief);
                continue;
            }
        };
        believers.push(Believer {
            target,
            trigger,
            signed,
        });
    }
    if believers.is_empty() {
        return Err(WebhookError::Disbelieved(reason));
    }
    Ok(believers)
}

/// Whether a workflow believed a recorded event by its signature. Deliveries are made only to those who believe.
pub(super) fn has_verified(event: &EventSummary, target: &Target) -> bool {
    let mut deliveries = event.deliveries.iter();
    event.verified && deliveries.any(|delivery| delivery.workflow_id == target.workflow.id)
}

/// Whether a recorded event, whose signature is not kept, may start a run of the workflow.
pub(super) fn may_have_again(event: &EventSummary, target: &Target) -> bool {
    let trigger = trigger_of(target);
    trigger.is_some_and(|trigger| !trigger.must_be_signed) || has_verified(event, target)
}

fn check(
    shared: &Shared,
    target: &Target,
    trigger: &WebhookTrigger,
    received: &Received<'_>,
    now_ms: i64,
) -> Result<Result<Option<Believed>, Disbelief>, WebhookError> {
    if !trigger.must_be_signed {
        return Ok(Ok(None));
    }
    let Some(signature) = &trigger.signature else {
        return Ok(Err(Disbelief::Unsigned));
    };
    let workflow = &target.workflow;
    let secret = shared
        .secrets
        .value(&workflow.id, signature.secret.as_str());
    let Some(secret) = secret.map_err(unreadable)? else {
        log::warn!(
            "webhook of workflow {}: its secret {} is not set, so no request is believed",
            workflow.id,
            signature.secret.as_str()
        );
        return Ok(Err(Disbelief::Unsigned));
    };
    let checked = signature
        .rule
        .check(received, secret.expose().as_bytes(), now_ms);
    Ok(checked.map(Some))
}

fn unreadable(error: SecretError) -> EngineError {
    match error {
        SecretError::Store(error) => error.into(),
        other => EngineError::Internal(other.to_string()),
    }
}

/// The reason that came nearer to belief.
fn nearer(one: Disbelief, other: Disbelief) -> Disbelief {
    let rank = |disbelief: Disbelief| match disbelief {
        Disbelief::Unsigned => 0,
        Disbelief::WrongSignature => 1,
        Disbelief::WrongTime => 2,
    };
    if rank(other) > rank(one) { other } else { one }
}
