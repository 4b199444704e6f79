//! Durable runs: start, cancel, retry, watch, and go on after a restart.
//! May not know HTTP or keys. Promises: a recorded step is never run again; nothing is told before its commit; a finished
//! status never changes; timers are absolute times; a run keeps the version it started with.

mod approvals;
mod children;
mod execution;
mod logs;
pub mod outbound;
mod schema;
mod start;
pub mod step;
mod timer;
mod under_way;
mod watch;
pub mod workflows;

pub use approvals::{Pending, Reply};
pub use logs::StepLog;
pub use start::{Accepted, RunRequest, StartTrigger, Wait};
pub use watch::Subscription;
pub use workflows::{CompiledWorkflow, WorkflowProblem, Workflows};

use crate::clock::Clock;
use crate::engine::outbound::Outbound;
use crate::id::RunId;
use crate::model::plan::{DefinitionProblem, in_words};
use crate::model::run::{Run, RunStatus};
use crate::store::{Edit, Store, StoreError};
use approvals::Links;
use children::Children;
use execution::Execution;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use timer::Timers;
use tokio::sync::{Semaphore, watch as signal};
use under_way::UnderWay;
use watch::Watchers;

/// How long runs under way are given to record what they are doing when the server stops.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// How long a run rests that could not be read back.
const RESUME_RETRY_MS: i64 = 30_000;

/// What the engine takes from the configuration.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Runs under way at once; further ones wait in order.
    pub max_running_runs: usize,
    /// The largest output of a step, in bytes; of a larger one the size and the beginning are kept.
    pub max_output_bytes: usize,
    /// The largest input of a run, in bytes.
    pub max_input_bytes: usize,
    /// The most iterations of a loop.
    pub max_iterations: u32,
    /// How many runs may stand above a run: sub-workflows of sub-workflows.
    pub max_depth: u32,
    /// What the links of approvals are signed with.
    pub link_key: [u8; 32],
    /// What `{{env.NAME}}` may see.
    pub environment: BTreeMap<String, String>,
}

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The workflow is not active: its status.
    #[error("the workflow is {0}; only an active workflow can be run: activate it first")]
    NotActive(&'static str),
    /// The input does not fit: every problem with its place.
    #[error("{}", in_words(.0))]
    BadInput(Vec<DefinitionProblem>),
    /// The idempotency key was used with another request.
    #[error(
        "this idempotency key was used with another request in the last 24 hours; send a new key, or the same body"
    )]
    OtherRequest,
    /// The workflow was edited or removed between the look at it and the start.
    #[error("the workflow was edited or removed meanwhile; try again")]
    WorkflowChanged,
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
    watchers: Watchers,
    timers: Timers,
    keeps_time: AtomicBool,
    slots: Arc<Semaphore>,
    under_way: UnderWay,
    children: Children,
    links: Links,
    stopping: signal::Sender<bool>,
}

impl Engine {
    /// An engine at rest: nothing is resumed before [`Engine::resume`].
    pub fn new(
        store: Store,
        clock: Clock,
        workflows: Workflows,
        outbound: Outbound,
        options: EngineOptions,
    ) -> Engine {
        Engine(Arc::new(Shared {
            slots: Arc::new(Semaphore::new(options.max_running_runs)),
            timers: Timers::default(),
            keeps_time: AtomicBool::new(false),
            watchers: Watchers::default(),
            under_way: UnderWay::default(),
            children: Children::default(),
            links: Links::new(&options.link_key),
            stopping: signal::Sender::new(false),
            store,
            clock,
            options,
            workflows,
            outbound,
        }))
    }

    /// The workflows, compiled.
    pub fn workflows(&self) -> &Workflows {
        &self.0.workflows
    }

    /// Starts the timers and goes on with every unfinished run. Gives their number.
    pub async fn resume(&self) -> Result<usize, EngineError> {
        self.0.keep_time();
        let open = self.0.store.open_runs().await?;
        for run in &open {
            match run.due_at_ms {
                Some(due_ms) if !run.awaits_others => self.0.timers.park(run.sequence, due_ms),
                _ => self.0.clone().go_on(run.sequence),
            }
        }
        Ok(open.len())
    }

    /// Cancels an unfinished run, and every unfinished run below it. What it is doing outside is dropped; what it has recorded stays.
    pub async fn cancel(&self, run: &Run, by: &str) -> Result<Run, EngineError> {
        self.cancel_by_id(&run.summary.id, by).await
    }

    async fn cancel_by_id(&self, id: &RunId, by: &str) -> Result<Run, EngineError> {
        let now_ms = self.0.clock.now_ms();
        match self
            .0
            .store
            .cancel_run(id.clone(), by.to_owned(), now_ms)
            .await?
        {
            Edit::NotFound => Err(EngineError::NotFound),
            Edit::Conflict(reason) => Err(EngineError::Conflict(format!(
                "{reason}; only an unfinished run can be cancelled"
            ))),
            Edit::Done(cancelled) => {
                for run in &cancelled {
                    self.0.timers.forget(run.summary.sequence);
                    self.0.under_way.cancel(&run.summary.id);
                    self.0.watchers.tell(run.summary.sequence);
                    self.0.run_ended(&run.summary.id);
                }
                cancelled.into_iter().next().ok_or(EngineError::NotFound)
            }
        }
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
        let all = u32::try_from(self.0.options.max_running_runs).unwrap_or(u32::MAX);
        if tokio::time::timeout(STOP_GRACE, self.0.slots.acquire_many(all))
            .await
            .is_err()
        {
            log::warn!("some runs were in the middle of a step; they go on at the next start");
        }
        self.0.slots.close();
    }
}

impl Shared {
    /// Starts the timers, once.
    fn keep_time(self: &Arc<Self>) {
        if !self.keeps_time.swap(true, Ordering::Relaxed) {
            tokio::spawn(timer::run(self.clone()));
        }
    }

    /// Wakes every run that waits for this one, which has ended.
    fn run_ended(self: &Arc<Self>, id: &RunId) {
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

    /// Cancels every unfinished run below one that has failed: nobody waits for them any more.
    async fn cancel_children(self: Arc<Self>, run_sequence: i64) {
        let children = match self.store.unfinished_children(run_sequence) {
            Ok(children) => children,
            Err(error) => return log::warn!("the runs below number {run_sequence} go on: {error}"),
        };
        for child in children {
            let by = "parent";
            if let Err(error) = Engine(self.clone()).cancel_by_id(&child, by).await {
                log::info!("run {child} goes on without its parent: {error}");
            }
        }
    }

    /// What could not be read now is read again after a while.
    fn look_again_later(&self, run_sequence: i64) {
        let again_ms = self.clock.now_ms().saturating_add(RESUME_RETRY_MS);
        self.timers.park(run_sequence, again_ms);
    }

    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Goes on with a recorded run in a task of its own, as soon as there is a slot.
    fn go_on(self: Arc<Self>, run_sequence: i64) {
        tokio::spawn(async move {
            let Ok(_slot) = self.slots.clone().acquire_owned().await else {
                return;
            };
            if self.is_stopping() {
                return;
            }
            match Execution::recorded(self.clone(), run_sequence) {
                Ok(Some(execution)) => execution.drive().await,
                Ok(None) => {}
                Err(error) => {
                    log::error!("run number {run_sequence} cannot go on now: {error}");
                    self.look_again_later(run_sequence);
                }
            }
        });
    }
}

/// Whether a retry of a run in this status makes sense.
fn may_be_retried(status: RunStatus) -> bool {
    matches!(status, RunStatus::Failed | RunStatus::Cancelled)
}
