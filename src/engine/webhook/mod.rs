//! Webhooks: requests of other services that start runs. May not know HTTP's types or keys. Promises: nobody is told that an
//! event was received before it and its runs are on disk; a request that nobody believes leaves no trace; a workflow sees
//! nothing of requests that it does not believe itself, whoever shares its path.

mod belief;
mod delivery;
pub(super) mod raw_body;
mod ready;
mod turns;

pub(super) use ready::require_ready;

use super::workflows::CompiledWorkflow;
use super::{Engine, EngineError, Shared};
use crate::id::{EventId, RunId};
use crate::model::event::{EventRetention, EventSummary};
use crate::model::trigger::Trigger;
use crate::model::trigger::webhook::{Content, Disbelief, Provider, WebhookTrigger};
use crate::model::workflow::{Workflow, WorkflowStatus};
use crate::store::RecordedEvent;
use bytes::Bytes;
use delivery::{Facts, Origin};
use std::sync::Arc;
use tokio::sync::watch;
use turns::Turns;

/// How many workflows may share a provider and a path: each checks the signature by itself.
pub(super) const MAX_SHARING: usize = 16;
/// How often a start is tried again because a workflow was edited meanwhile.
const MAX_TRIES: usize = 4;
/// From this size on a body is checked and parsed off the async workers.
const LARGE_BODY_BYTES: usize = 64 << 10;
/// How often old events are looked for.
const FORGET_EVERY_MS: u64 = 5 * 60 * 1_000;

/// A request of another service, read whole.
#[derive(Debug, Clone)]
pub struct WebhookRequest {
    /// Who sends, as the URL says.
    pub provider: &'static Provider,
    /// The last segment of the URL.
    pub path: String,
    /// `POST`.
    pub method: String,
    /// The URL that the sender called.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, byte by byte.
    pub body: Bytes,
}

/// What a sender is told.
#[derive(Debug, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// The event is on disk, with so many new runs.
    Received {
        /// Its id.
        event: EventId,
        /// How many runs it started.
        runs: usize,
    },
    /// It was there already: nothing new has begun.
    Duplicate {
        /// The first event.
        event: EventId,
        /// The runs that it started.
        runs: Vec<RunId>,
    },
    /// The provider tries out the URL, and wants this text back.
    Challenge {
        /// The field that the answer has.
        field: &'static str,
        /// Its value.
        text: String,
    },
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No active workflow is behind the path.
    #[error("no active workflow is behind this path")]
    NotFound,
    /// No workflow behind the path believes it.
    #[error("the request is not signed as it should be")]
    Disbelieved(Disbelief),
    /// The body is not what it is declared as.
    #[error("{0}")]
    BadBody(String),
    /// It cannot be done now, or never.
    #[error("{0}")]
    Conflict(String),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A workflow behind a path.
type Target = Arc<CompiledWorkflow>;

impl Engine {
    /// Whether an active workflow is behind the provider and the last segment of a URL. A point read.
    pub fn has_webhook(&self, provider: &Provider, path: &str) -> Result<bool, EngineError> {
        Ok(!self.0.targets(provider, path)?.is_empty())
    }

    /// Takes a request: checks who sent it, records the event, and starts the runs.
    pub async fn receive(&self, request: WebhookRequest) -> Result<WebhookAnswer, WebhookError> {
        for _ in 0..MAX_TRIES {
            if let Some(answer) = self.receive_once(request.clone()).await? {
                return Ok(answer);
            }
        }
        Err(EngineError::WorkflowChanged.into())
    }

    /// `None`: a workflow was edited meanwhile.
    async fn receive_once(
        &self,
        request: WebhookRequest,
    ) -> Result<Option<WebhookAnswer>, WebhookError> {
        if self.0.is_stopping() {
            return Err(EngineError::Stopping.into());
        }
        let targets = self.0.targets(request.provider, &request.path)?;
        if targets.is_empty() {
            return Err(WebhookError::NotFound);
        }
        let (event, path) = (EventId::generate(), request.path.clone());
        let (shared, behind) = (self.0.clone(), targets.clone());
        let examined = off_the_workers(request.body.len(), move || {
            examine(&shared, &request, &behind, event)
        })
        .await??;
        let examined = match examined {
            Examined::Challenge { field, text } => {
                return Ok(Some(WebhookAnswer::Challenge { field, text }));
            }
            Examined::Event(examined) => *examined,
        };
        let delivery::Recordable {
            event: record,
            mut deliveries,
        } = examined;
        let turns = Turns::take(&self.0, &targets, &mut deliveries, record.received_at_ms)?;
        let event = record.id.clone();
        let recorded = self
            .0
            .store
            .record_event(record, deliveries)
            .await
            .map_err(EngineError::from)?;
        Ok(match recorded {
            RecordedEvent::New(started) => {
                turns.go(&self.0, &started);
                let runs = started.len();
                Some(WebhookAnswer::Received { event, runs })
            }
            RecordedEvent::Duplicate(event, runs) => Some(WebhookAnswer::Duplicate { event, runs }),
            RecordedEvent::VersionChanged => None,
            RecordedEvent::Refused => {
                return Err(WebhookError::Conflict(format!(
                    "no event can be recorded at {path}"
                )));
            }
        })
    }

    /// Starts runs anew for a recorded event, at the workflows that are behind its path now and that `reaches` covers.
    pub async fn replay_event(
        &self,
        event: &EventSummary,
        by: &str,
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
        by: &str,
        reaches: &impl Fn(&Workflow) -> bool,
    ) -> Result<Option<Vec<RunId>>, WebhookError> {
        if self.0.is_stopping() {
            return Err(EngineError::Stopping.into());
        }
        let provider = Provider::named(&event.provider).ok_or(WebhookError::NotFound)?;
        let mut targets = self.0.targets(provider, &event.path)?;
        targets.retain(|target| reaches(&target.workflow));
        if targets.is_empty() {
            let message = "no active workflow that this key reaches is behind the event's path now";
            return Err(WebhookError::Conflict(message.to_owned()));
        }
        let body = self
            .0
            .store
            .event_body(event.sequence)
            .map_err(EngineError::from)?;
        let body = body.ok_or(WebhookError::NotFound)?;
        let now_ms = self.0.clock.now_ms();
        let (shared, event, by) = (self.0.clone(), event.clone(), by.to_owned());
        let sequence = event.sequence;
        let behind = targets.clone();
        let mut deliveries = off_the_workers(body.len(), move || {
            let content_type = event.headers.get("content-type").map(String::as_str);
            let content =
                Content::read(provider, content_type, &body).map_err(WebhookError::BadBody)?;
            let headers = headers_of(&event);
            let origin = Origin {
                event: &event.id,
                path: &event.path,
                verified: event.verified,
                by: &by,
                received_at_ms: event.received_at_ms,
                now_ms,
            };
            let mut deliveries = Vec::with_capacity(behind.len());
            for target in &behind {
                if let Some(trigger) = trigger_of(target) {
                    let facts = Facts::of(trigger, &headers, &content.value);
                    let delivery =
                        delivery::deliver(&shared, target, &facts, &content, &origin, None);
                    deliveries.push(delivery?);
                }
            }
            Ok::<_, WebhookError>(deliveries)
        })
        .await??;
        let turns = Turns::take(&self.0, &targets, &mut deliveries, now_ms)?;
        let replayed = self
            .0
            .store
            .replay_event(sequence, deliveries, now_ms)
            .await;
        match replayed.map_err(EngineError::from)? {
            RecordedEvent::New(started) => {
                turns.go(&self.0, &started);
                Ok(Some(started.into_iter().map(|(id, _)| id).collect()))
            }
            RecordedEvent::VersionChanged => Ok(None),
            RecordedEvent::Duplicate(..) | RecordedEvent::Refused => Err(WebhookError::Conflict(
                "the event is gone, or was replayed as often as it may be".to_owned(),
            )),
        }
    }

    /// Forgets old events, now and then, until `stop` turns true.
    pub async fn keep_events(&self, kept: EventRetention, mut stop: watch::Receiver<bool>) {
        let (store, clock) = (&self.0.store, &self.0.clock);
        loop {
            let now_ms = clock.now_ms();
            if let Err(error) = store.forget_events(kept, now_ms).await {
                log::warn!("old webhook events stay for now: {error}");
            }
            if let Err(error) = store.forget_event_memory_before(now_ms).await {
                log::warn!("expired ids of webhook events stay for now: {error}");
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = clock.sleep_ms(FORGET_EVERY_MS) => {}
            }
        }
    }
}

impl Shared {
    fn targets(&self, provider: &Provider, path: &str) -> Result<Vec<Target>, EngineError> {
        let ids = self
            .store
            .webhook_workflows(provider.name, path, MAX_SHARING)?;
        let mut targets = Vec::with_capacity(ids.len());
        for id in &ids {
            targets.extend(self.workflows.get(id)?.filter(|target| {
                target.workflow.status == WorkflowStatus::Active
                    && trigger_of(target).is_some_and(|trigger| trigger.provider == provider)
            }));
        }
        Ok(targets)
    }
}

fn trigger_of(target: &Target) -> Option<&WebhookTrigger> {
    match &target.definition.plan.trigger {
        Trigger::Webhook(trigger) => Some(trigger),
        Trigger::Api | Trigger::Schedule(_) | Trigger::Hook(_) => None,
    }
}

/// What came of looking at a request.
enum Examined {
    Challenge { field: &'static str, text: String },
    Event(Box<delivery::Recordable>),
}

fn examine(
    shared: &Shared,
    request: &WebhookRequest,
    targets: &[Target],
    event: EventId,
) -> Result<Examined, WebhookError> {
    let now_ms = shared.clock.now_ms();
    let headers: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let believers = belief::believers(shared, request, &headers, targets, now_ms)?;
    let content_type = headers
        .iter()
        .find(|(name, _)| *name == "content-type")
        .and_then(|(_, value)| std::str::from_utf8(value).ok());
    let content = Content::read(request.provider, content_type, &request.body)
        .map_err(WebhookError::BadBody)?;
    if let Some((field, word, answer)) = request.provider.challenge
        && content.value[field] == word
        && let Some(text) = content.value[answer].as_str()
    {
        return Ok(Examined::Challenge {
            field: answer,
            text: text.chars().take(1_000).collect(),
        });
    }
    let seen = delivery::Seen {
        request,
        headers: &headers,
        content: &content,
        targets,
        now_ms,
    };
    let recordable = delivery::recordable(shared, &seen, &believers, event)?;
    Ok(Examined::Event(Box::new(recordable)))
}

/// Runs `work` here, or where it may take its time.
async fn off_the_workers<T: Send + 'static>(
    body_bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    if body_bytes < LARGE_BODY_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EngineError::Internal(format!("a webhook's body: {error}")))
}

/// The headers that were kept of an event.
fn headers_of(event: &EventSummary) -> Vec<(&str, &[u8])> {
    let headers = event.headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}
