//! Durable runs: start, cancel, retry, watch, and go on after a restart.
//! May not know HTTP or keys. Promises: a recorded step is never run again; nothing is told before its commit; a finished
//! status never changes; timers are absolute times; a run keeps the version it started with.

mod admission;
pub mod agents;
pub mod alerts;
mod approvals;
mod asked;
mod children;
pub mod connections;
mod credits;
mod driving;
mod execution;
mod launch;
pub mod llm;
mod logs;
pub mod mail;
pub mod media;
mod options;
pub mod outbound;
pub mod prediction;
pub mod redact;
mod requested;
mod retention;
mod schedule;
mod schema;
pub mod script;
pub mod secrets;
mod start;
mod start_trigger;
mod started_by;
pub mod step;
mod tables;
mod timer;
mod under_way;
mod watch;
mod webhook;
pub mod workflows;

pub use approvals::{MAX_COMMENT_CHARS, Pending, Reply};
pub use asked::Asked;
pub use connections::Connections;
pub use credits::CreditOptions;
pub use logs::{RunLogs, StepLog, Told};
pub use options::{EngineOptions, Messengers};
pub use retention::{LastSweep, Retention, Swept};
pub use secrets::Secrets;
pub use start::{Accepted, RunRequest, SentDefinition, Wait};
pub use start_trigger::{StartTrigger, parent_of};
pub use started_by::StartedBy;
pub use tables::{RowsWanted, TableError, Tables};
pub use watch::Subscription;
pub use webhook::{WebhookAnswer, WebhookError, WebhookRequest, WebhookTargets};
pub use workflows::{CompiledWorkflow, Editor, WorkflowProblem, Workflows, mistakes};

use crate::clock::Clock;
use crate::engine::agents::Agents;
use crate::engine::mail::Mailer;
use crate::engine::outbound::Outbound;
use crate::id::RunId;
use crate::model::credit::Shortfall;
use crate::model::plan::{DefinitionProblem, in_words};
use crate::model::run::{Run, RunStatus, RunSummary};
use crate::secret::MasterKey;
use crate::store::{Store, StoreError};
use admission::Admission;
use approvals::Links;
use children::Children;
use prediction::Predictions;
use retention::Sweeper;
use script::Scripts;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use step::Backends;
use timer::Timers;
use tokio::sync::watch as signal;
use under_way::UnderWay;
use watch::Watchers;

/// How long runs under way are given to record what they are doing when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// How long a run rests that could not be read back.
const RESUME_RETRY_MS: i64 = 30_000;

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The workflow is not active: its status.
    #[error("the workflow is {0}; only an active workflow can be run: activate it first")]
    NotActive(&'static str),
    /// The input does not fit: every problem with its place.
    #[error("{}", in_words(.0))]
    BadInput(Vec<DefinitionProblem>),
    /// The workflow names secrets that it does not have.
    #[error(
        "the workflow has no secret `{0}`, which its steps use; POST /workflows/:id/secrets adds one"
    )]
    MissingSecrets(String),
    /// The idempotency key was used with another request.
    #[error(
        "this idempotency key was used with another request in the last 24 hours; send a new key, or the same body"
    )]
    OtherRequest,
    /// The workflow was edited between the look at it and the start, again and again.
    #[error("the workflow was edited meanwhile; try again")]
    WorkflowChanged,
    /// The balance is not enough.
    #[error(transparent)]
    InsufficientCredits(Shortfall),
    /// As many unfinished runs as there may be stand below the run at the top.
    #[error(
        "the run at the top of this one has {0} unfinished runs below it, as many as it may have (setting `max_runs_below`)"
    )]
    TooManyBelow(u32),
    /// The run is not in a state that allows it.
    #[error("{0}")]
    Conflict(String),
    /// No such workflow.
    #[error("there is no such workflow")]
    NoWorkflow,
    /// No such run.
    #[error("no such run")]
    NotFound,
    /// The server is stopping.
    #[error("the server is stopping; try again in a moment")]
    Stopping,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that the server promised itself is not so; the log has it.
    #[error("{0}")]
    Internal(String),
}

impl EngineError {
    fn parent_ended() -> EngineError {
        EngineError::Conflict("the run that starts it has ended".to_owned())
    }
}

/// A handle to the engine; clones share it.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// What every run needs.
struct Shared {
    store: Store,
    clock: Clock,
    options: EngineOptions,
    workflows: Workflows,
    outbound: Outbound,
    tables: Tables,
    connections: Connections,
    secrets: Secrets,
    webhook_routes: Mutex<webhook::Routes>,
    scripts: Scripts,
    mailer: Mailer,
    agents: Agents,
    backends: Backends,
    watchers: Watchers,
    timers: Timers,
    keeps_time: AtomicBool,
    admission: Admission,
    under_way: UnderWay,
    sweeper: Sweeper,
    children: Children,
    predictions: Predictions,
    links: Links,
    stopping: signal::Sender<bool>,
}

impl Engine {
    /// An engine at rest: nothing is resumed before [`Engine::resume`]. `key` is the one that the store's secrets are encrypted
    /// with.
    pub fn new(
        store: Store,
        clock: Clock,
        workflows: Workflows,
        outbound: Outbound,
        key: MasterKey,
        messengers: Messengers,
        options: EngineOptions,
    ) -> Engine {
        // Of a longer output only the beginning is kept; a page of rows has ids and times beside them.
        let max_page_bytes = options.max_output_bytes / 2;
        let limits = options.table_limits;
        let secrets = Secrets::new(store.clone(), clock.clone(), key.clone());
        let Messengers {
            mailer,
            llm,
            llm_model,
            backends,
        } = messengers;
        let (calls, mails) = (outbound.clone(), mailer.clone());
        let connections = Connections::new(store.clone(), clock.clone(), key, calls, mails);
        let agents = Agents::new(
            store.clone(),
            clock.clone(),
            llm,
            connections.clone(),
            llm_model,
        );
        Engine(Arc::new(Shared {
            tables: Tables::new(store.clone(), clock.clone(), limits, max_page_bytes),
            admission: Admission::new(options.max_running_runs),
            timers: Timers::default(),
            keeps_time: AtomicBool::new(false),
            watchers: Watchers::default(),
            under_way: UnderWay::default(),
            sweeper: Sweeper::default(),
            children: Children::default(),
            predictions: Predictions::default(),
            links: Links::new(&options.link_key),
            stopping: signal::Sender::new(false),
            scripts: Scripts::new(options.scripts.clone()),
            store,
            clock,
            options,
            workflows,
            outbound,
            connections,
            secrets,
            webhook_routes: Mutex::default(),
            mailer,
            agents,
            backends,
        }))
    }

    /// The workflows, compiled.
    pub fn workflows(&self) -> &Workflows {
        &self.0.workflows
    }

    /// The data tables.
    pub fn tables(&self) -> &Tables {
        &self.0.tables
    }

    /// The connections.
    pub fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// The agents.
    pub fn agents(&self) -> &Agents {
        &self.0.agents
    }

    /// The secrets of workflows.
    pub fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// Starts the timers and the schedules, and goes on with every unfinished run. Gives their number.
    pub async fn resume(&self) -> Result<usize, EngineError> {
        self.0.keep_time();
        let open = self.0.store.open_runs().await?;
        self.0.take_in(&open);
        for run in &open {
            if let Some(due_ms) = run.due_at_ms.filter(|_| !run.awaits_others) {
                self.0.timers.park(run.sequence, due_ms);
            }
        }
        tokio::spawn(schedule::run(self.0.clone()));
        Ok(open.len())
    }

    /// Cancels an unfinished run, and every unfinished run below it. What it is doing outside is dropped; what it has recorded stays.
    pub async fn cancel(&self, run: &Run, by: &str) -> Result<Run, EngineError> {
        self.0.cancel(&run.summary.id, by).await
    }

    /// Wakes whenever something was recorded for this run.
    pub fn subscribe(&self, run_sequence: i64) -> Subscription {
        self.0.watchers.subscribe(run_sequence)
    }

    /// From now on no run begins another step, and whoever waits for the end of one is told how it stands.
    pub fn begin_stop(&self) {
        self.0.stopping.send_replace(true);
    }

    /// Stops: no run begins another step, and those in the middle of one have two seconds to record it.
    pub async fn stop(&self) {
        self.begin_stop();
        let drained = tokio::time::timeout(STOP_GRACE, self.0.admission.drain());
        if drained.await.is_err() {
            log::warn!("some runs were in the middle of a step; they go on at the next start");
        }
    }
}

impl Shared {
    /// Starts the timers, and whoever drives the runs that get a slot, once.
    fn keep_time(self: &Arc<Self>) {
        if !self.keeps_time.swap(true, Ordering::Relaxed) {
            tokio::spawn(timer::run(self.clone()));
            tokio::spawn(driving::run(self.clone()));
        }
    }

    /// The run has ended: its places are free, and every run that waits for it is woken.
    fn run_ended(self: &Arc<Self>, id: &RunId) {
        self.admission.leave(id);
        for (sequence, parent) in self.children.take(id) {
            self.clone().wake(sequence, &parent);
        }
    }

    /// There is something to look at for a run that may wait.
    fn wake(self: Arc<Self>, run_sequence: i64, id: &RunId) {
        if !self.under_way.tell_news(id) {
            self.timers.forget(run_sequence);
            self.go_on(run_sequence);
        }
    }

    /// These runs were cancelled: whatever is done for them is dropped, and who waits for them is woken.
    fn let_go<'a>(self: &Arc<Self>, cancelled: impl IntoIterator<Item = &'a RunSummary>) {
        for run in cancelled {
            self.timers.forget(run.sequence);
            self.under_way.cancel(&run.id);
            self.predictions.cancelled(&run.id);
            self.watchers.tell(run.sequence);
            self.run_ended(&run.id);
        }
    }

    /// What could not be read now is read again after a while.
    fn look_again_later(&self, run_sequence: i64) {
        let again_ms = self.clock.now_ms().saturating_add(RESUME_RETRY_MS);
        self.timers.park(run_sequence, again_ms);
    }

    fn too_many_below(&self) -> EngineError {
        EngineError::TooManyBelow(self.options.max_runs_below)
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// Whether a retry of a run in this status makes sense.
fn may_be_retried(status: RunStatus) -> bool {
    matches!(status, RunStatus::Failed | RunStatus::Cancelled)
}
