//! Webhooks: requests of other services that start runs. May not know HTTP's types or keys. Promises: nobody is told that an
//! event was received before it and its runs are on disk; a request that nobody believes leaves no trace; a workflow sees
//! nothing of requests that it does not believe itself, whoever shares its path.

mod belief;
mod delivery;
pub(super) mod raw_body;
mod ready;
mod replay;
mod routes;
mod turns;

pub(super) use ready::require_ready;
pub(super) use routes::Routes;

use super::workflows::CompiledWorkflow;
use super::{Engine, EngineError, Shared};
use crate::id::{EventId, RunId};
use crate::model::event::EventRetention;
use crate::model::trigger::Trigger;
use crate::model::trigger::webhook::{Content, Disbelief, Provider, WebhookTrigger};
use crate::model::workflow::WorkflowStatus;
use crate::store::{NewDelivery, RecordedEvent, Store, StoreError};
use crate::to_its_end::to_its_end;
use bytes::Bytes;
use delivery::Delivery;
use std::sync::{Arc, MutexGuard, PoisonError};
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

/// The active workflows behind a path, as they were found.
pub struct WebhookTargets {
    targets: Arc<[Target]>,
    /// Of the workflows, before that.
    generation: u64,
}

impl Engine {
    /// The active workflows behind the provider and the last segment of a URL; `None`: there is none. A point read, where they
    /// are not known from the last time.
    pub fn behind(
        &self,
        provider: &'static Provider,
        path: &str,
    ) -> Result<Option<WebhookTargets>, EngineError> {
        let found = self.0.targets(provider, path)?;
        Ok((!found.targets.is_empty()).then_some(found))
    }

    /// Takes a request: checks who sent it, records the event, and starts the runs. `behind` is what was found behind its
    /// path; where a workflow was changed since, that is looked up again.
    pub async fn receive(
        &self,
        request: WebhookRequest,
        behind: WebhookTargets,
    ) -> Result<WebhookAnswer, WebhookError> {
        let request = Arc::new(request);
        let mut behind = Some(behind);
        for _ in 0..MAX_TRIES {
            let targets = match behind.take() {
                Some(known) if known.generation == self.0.workflows.generation() => known.targets,
                _ => self.0.targets(request.provider, &request.path)?.targets,
            };
            if let Some(answer) = self.receive_once(request.clone(), targets).await? {
                return Ok(answer);
            }
        }
        Err(EngineError::WorkflowChanged.into())
    }

    /// `None`: a workflow was edited meanwhile.
    async fn receive_once(
        &self,
        request: Arc<WebhookRequest>,
        targets: Arc<[Target]>,
    ) -> Result<Option<WebhookAnswer>, WebhookError> {
        if self.0.is_stopping() {
            return Err(EngineError::Stopping.into());
        }
        if targets.is_empty() {
            return Err(WebhookError::NotFound);
        }
        let event = EventId::generate();
        let (shared, received) = (self.0.clone(), request.clone());
        let examined = off_the_workers(request.body.len(), move || {
            examine(&shared, &received, &targets, event)
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
            deliveries,
        } = examined;
        let (event, now_ms) = (record.id.clone(), record.received_at_ms);
        let recorded = self
            .0
            .start_runs(deliveries, now_ms, move |store, deliveries| async move {
                store.record_event(record, deliveries).await
            })
            .await?;
        Ok(match recorded {
            RecordedEvent::New(started) => {
                let runs = started.len();
                Some(WebhookAnswer::Received { event, runs })
            }
            RecordedEvent::Duplicate(event, runs) => Some(WebhookAnswer::Duplicate { event, runs }),
            RecordedEvent::VersionChanged => None,
            RecordedEvent::Refused => {
                return Err(WebhookError::Conflict(format!(
                    "no event can be recorded at {}",
                    request.path
                )));
            }
        })
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
    /// Lets the runs of an event begin and has them recorded with it. The task is the server's own: a sender who goes away
    /// while the event is being written harms nothing.
    async fn start_runs<R>(
        self: &Arc<Self>,
        deliveries: Vec<Delivery>,
        now_ms: i64,
        record: impl FnOnce(Store, Vec<NewDelivery>) -> R + Send + 'static,
    ) -> Result<RecordedEvent, EngineError>
    where
        R: Future<Output = Result<RecordedEvent, StoreError>> + Send + 'static,
    {
        let shared = self.clone();
        to_its_end(async move {
            let (turns, deliveries) = Turns::take(&shared, deliveries, now_ms).await?;
            let recorded = record(shared.store.clone(), deliveries).await?;
            if let RecordedEvent::New(started) = &recorded {
                turns.go(&shared, started);
            }
            Ok(recorded)
        })
        .await
    }

    fn targets(
        &self,
        provider: &'static Provider,
        path: &str,
    ) -> Result<WebhookTargets, EngineError> {
        let generation = self.workflows.generation();
        let known = self.webhook_routes().find(generation, provider.name, path);
        let targets = match known {
            Some(known) => known,
            None => {
                let found: Arc<[Target]> = self.look_up(provider, path)?.into();
                self.webhook_routes()
                    .keep(generation, provider.name, path, &found);
                found
            }
        };
        Ok(WebhookTargets {
            targets,
            generation,
        })
    }

    fn look_up(&self, provider: &Provider, path: &str) -> Result<Vec<Target>, EngineError> {
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

    fn webhook_routes(&self) -> MutexGuard<'_, Routes> {
        self.webhook_routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
