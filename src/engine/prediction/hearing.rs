//! Whoever hears how a prediction goes, while it goes.
//! May not know how it is told on. Promises: what is told of nodes is committed before; tokens are told as they come and are no
//! promise; who does not listen for long holds nobody up for ever.

use crate::id::{RunId, WorkflowId};
use crate::model::flow::ExecutedNode;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// How many events wait for whoever hears them; then the run waits too.
const MAX_WAITING: usize = 1_024;
/// How long the run waits for them before it gives up telling.
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// What happens in a prediction.
#[derive(Debug, Clone, PartialEq)]
pub enum PredictionEvent {
    /// A node has begun.
    NodeBegan {
        /// Its id.
        node_id: String,
        /// What people call it.
        label: String,
    },
    /// A piece of the answer.
    Token(String),
    /// A piece of what the model thinks.
    Thought(String),
    /// The functions that a model calls: `[{"tool", "toolInput"}]`.
    CalledTools(Value),
    /// What they answered: `[{"tool", "toolInput", "toolOutput"}]`.
    UsedTools(Value),
    /// `{"input_tokens", "output_tokens", "total_tokens"}`.
    Usage(Value),
    /// A node has ended, well or not, or waits for somebody: its status says which.
    NodeEnded(Arc<ExecutedNode>),
    /// The last event.
    Ended(PredictionEnd),
}

/// How a prediction ends.
#[derive(Debug, Clone, PartialEq)]
pub enum PredictionEnd {
    /// With this answer.
    Completed {
        /// The text; one space where the last node has none.
        text: String,
        /// The value, where a chatflow's parser made one.
        json: Option<Value>,
    },
    /// It waits for somebody's answer.
    Stopped {
        /// What is asked: `{"id", "mapping", "elements", "data"}`.
        action: Value,
        /// The text that goes with it.
        text: String,
    },
    /// It failed: why, in the words of the node.
    Failed(String),
    /// It was cancelled.
    Cancelled,
    /// The server is stopping; the run goes on at the next start.
    Stopping,
}

/// The end at which events are put in.
pub struct Hearing {
    events: mpsc::Sender<PredictionEvent>,
    is_deaf: Arc<AtomicBool>,
    /// Whether a piece of an answer was told since that was asked last.
    has_told: AtomicBool,
    pub(super) workflow: WorkflowId,
    pub(super) chat_id: String,
}

impl Hearing {
    pub(super) fn new(workflow: WorkflowId, chat_id: String) -> (Arc<Hearing>, Heard) {
        let (events, heard) = mpsc::channel(MAX_WAITING);
        let is_deaf = Arc::new(AtomicBool::new(false));
        let hearing = Hearing {
            events,
            is_deaf: is_deaf.clone(),
            has_told: AtomicBool::new(false),
            workflow,
            chat_id,
        };
        (Arc::new(hearing), Heard { heard, is_deaf })
    }

    /// Tells one event. Waits while nobody takes any.
    pub(in crate::engine) async fn tell(&self, event: PredictionEvent) {
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            if self.is_deaf.load(Ordering::Relaxed) {
                return;
            }
            let sent = self.events.send_timeout(event, MAX_SILENCE).await;
            if sent.is_err() {
                self.is_deaf.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(in crate::engine) async fn token(&self, text: String) {
        if !text.is_empty() {
            self.has_told.store(true, Ordering::Relaxed);
            self.tell(PredictionEvent::Token(text)).await;
        }
    }

    /// Whether a piece of an answer was told since this was asked last.
    pub(in crate::engine) fn take_told(&self) -> bool {
        self.has_told.swap(false, Ordering::Relaxed)
    }

    pub(in crate::engine) async fn thought(&self, text: String) {
        self.tell(PredictionEvent::Thought(text)).await;
    }
}

/// The end at which events are taken out.
pub(super) struct Heard {
    heard: mpsc::Receiver<PredictionEvent>,
    is_deaf: Arc<AtomicBool>,
}

impl Heard {
    /// The next event; `None` when nobody tells any more.
    pub(super) async fn next(&mut self) -> Option<PredictionEvent> {
        self.heard.recv().await
    }

    /// Whether events were dropped, since nobody took them for long.
    pub(super) fn is_deaf(&self) -> bool {
        self.is_deaf.load(Ordering::Relaxed)
    }
}

/// The predictions that somebody hears.
#[derive(Default)]
pub(in crate::engine) struct Predictions(Mutex<HashMap<RunId, Arc<Hearing>>>);

impl Predictions {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Hearing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False: somebody hears this run already.
    pub(super) fn add(&self, run: &RunId, hearing: Arc<Hearing>) -> bool {
        let mut all = self.lock();
        let is_free = !all.contains_key(run);
        if is_free {
            all.insert(run.clone(), hearing);
        }
        is_free
    }

    /// Who hears a run.
    pub(in crate::engine) fn of(&self, run: &RunId) -> Option<Arc<Hearing>> {
        self.lock().get(run).cloned()
    }

    /// Nobody hears this run any more.
    pub(super) fn forget(&self, run: &RunId) {
        self.lock().remove(run);
    }

    /// The run was cancelled.
    pub(in crate::engine) fn cancelled(&self, run: &RunId) {
        let hearing = self.lock().remove(run);
        if let Some(hearing) = hearing {
            // Where there is no room the other end finds out by itself.
            drop(
                hearing
                    .events
                    .try_send(PredictionEvent::Ended(PredictionEnd::Cancelled)),
            );
        }
    }

    /// The runs of one conversation.
    pub(super) fn of_chat(&self, workflow: &WorkflowId, chat_id: &str) -> Vec<RunId> {
        let all = self.lock();
        let fitting = all
            .iter()
            .filter(|(_, hearing)| hearing.workflow == *workflow && hearing.chat_id == chat_id);
        fitting.map(|(run, _)| run.clone()).collect()
    }
}
