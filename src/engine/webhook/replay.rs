//! Replays: a recorded event starts runs anew. May not know requests. Promise: a workflow that checks signatures has an event
//! again only if it believed it when it came.

use super::delivery::{self, Facts, Origin};
use super::{MAX_TRIES, WebhookError, belief, off_the_workers, trigger_of};
use crate::engine::{Engine, EngineError, StartedBy};
use crate::id::RunId;
use crate::model::event::EventSummary;
use crate::model::trigger::webhook::{Content, Provider};
use crate::model::workflow::Workflow;
use crate::store::RecordedEvent;

impl Engine {
    /// Starts runs anew for a recorded event, at the workflows that are behind its path now and that `reaches` covers. One
    /// that checks signatures has it again only if it believed it when it came.
    pub async fn replay_event(
        &self,
        event: &EventSummary,
        by: &StartedBy,
        reaches: impl Fn(&Workflow) -> bool,
    ) -> Result<Vec<RunId>, WebhookError> {
        for _ in 0..MAX_TRIES {
            if let Some(runs) = self.replay_once(event, by, &reaches).await? {
                return Ok(runs);
            }
        }
        Err(EngineError::WorkflowChanged.into())
    }

    async fn replay_once(
        &self,
        event: &EventSummary,
        by: &StartedBy,
        reaches: &impl Fn(&Workflow) -> bool,
    ) -> Result<Option<Vec<RunId>>, WebhookError> {
        if self.0.is_stopping() {
            return Err(EngineError::Stopping.into());
        }
        let provider = Provider::named(&event.provider).ok_or(WebhookError::NotFound)?;
        let behind = self.0.targets(provider, &event.path)?;
        let mut targets = behind.targets.to_vec();
        targets.retain(|target| reaches(&target.workflow) && belief::may_have_again(event, target));
        if targets.is_empty() {
            let message = "no active workflow that this key reaches is behind the event's path now, or those that are check \
                           signatures and have not believed it when it came";
            return Err(WebhookError::Conflict(message.to_owned()));
        }
        let body = self
            .0
            .store
            .event_body(event.sequence)
            .map_err(EngineError::from)?;
        let body = body.ok_or(WebhookError::NotFound)?;
        let now_ms = self.0.clock.now_ms();
        let (shared, event, by) = (self.0.clone(), event.clone(), by.clone());
        let sequence = event.sequence;
        let deliveries = off_the_workers(body.len(), move || {
            let content_type = event.headers.get("content-type").map(String::as_str);
            let content =
                Content::read(provider, content_type, &body).map_err(WebhookError::BadBody)?;
            let headers = headers_of(&event);
            let mut deliveries = Vec::with_capacity(targets.len());
            for target in &targets {
                if let Some(trigger) = trigger_of(target) {
                    let origin = Origin {
                        event: &event.id,
                        path: &event.path,
                        verified: belief::has_verified(&event, target),
                        by: &by,
                        received_at_ms: event.received_at_ms,
                        now_ms,
                    };
                    let facts = Facts::of(trigger, &headers, &content.value);
                    let delivery =
                        delivery::deliver(&shared, target, &facts, &content, &origin, None);
                    deliveries.push(delivery?);
                }
            }
            Ok::<_, WebhookError>(deliveries)
        })
        .await??;
        let replayed = self
            .0
            .start_runs(deliveries, now_ms, move |store, deliveries| async move {
                store.replay_event(sequence, deliveries, now_ms).await
            })
            .await?;
        match replayed {
            RecordedEvent::New(started) => {
                Ok(Some(started.into_iter().map(|(id, _)| id).collect()))
            }
            RecordedEvent::VersionChanged => Ok(None),
            RecordedEvent::Duplicate(..) | RecordedEvent::Refused => Err(WebhookError::Conflict(
                "the event is gone, or was replayed as often as it may be".to_owned(),
            )),
        }
    }
}

/// The headers that were kept of an event.
fn headers_of(event: &EventSummary) -> Vec<(&str, &[u8])> {
    let headers = event.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}
