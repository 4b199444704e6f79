//! Turns: what a run has to wait for, and the tasks that drive whoever has got a slot.
//! May not know what a run does in its turn. Promise: a run that nobody drives any more gives its slot back, whatever became
//! of it, and one that has ended all its places.

use super::admission::{Demand, Found, WorkflowDemand};
use super::execution::Execution;
use super::workflows::CompiledWorkflow;
use super::{EngineError, Shared};
use crate::id::RunId;
use crate::model::plan::OnConflict;
use crate::model::run::{Run, RunError, TriggerType};
use crate::store::{Appended, Edit, OpenRun, StoreError};
use std::sync::Arc;

/// How long to wait before a cancel that could not be written is tried again.
const CANCEL_RETRY_MS: u64 = 250;
/// Who cancels a run because of its workflow's `onConflict`, as its journal names it.
pub(super) const ON_CONFLICT: &str = "onConflict";

/// Who asks for a run, as far as limits go.
pub(super) struct Asking<'a> {
    /// The id of a key.
    pub(super) started_by: Option<&'a str>,
    pub(super) trigger: TriggerType,
    pub(super) parent_sequence: Option<i64>,
    /// See [`Demand`]. Nothing waits above a run that was found after a restart: whoever asked a tool asks anew.
    pub(super) waiting_above: u32,
}

impl<'a> Asking<'a> {
    pub(super) fn of(run: &'a Run) -> Asking<'a> {
        Asking {
            started_by: run.started_by.as_deref(),
            trigger: run.summary.trigger,
            parent_sequence: run.parent_sequence,
            waiting_above: 0,
        }
    }

    /// The same, for a run below so many that keep their slot while they wait.
    pub(super) fn below(self, waiting_above: u32) -> Asking<'a> {
        Asking {
            waiting_above,
            ..self
        }
    }
}

/// What becomes of a run's places when its task lets it go.
enum Left {
    /// It has ended, or was never recorded: it needs none.
    Over,
    /// It is recorded and waits in its turn.
    Queued,
    /// It has begun and waits without a slot.
    Parked,
}

/// A run that the book knows, in the hands of a task.
pub(super) struct Driving {
    shared: Arc<Shared>,
    run: RunId,
    left: Left,
}

impl Driving {
    /// If it is let go as it is, it has come to nothing.
    pub(super) fn new(shared: &Arc<Shared>, run: RunId) -> Driving {
        Driving {
            shared: shared.clone(),
            run,
            left: Left::Over,
        }
    }

    /// The run is recorded and nobody drives it: whoever gives it its turn reads it back.
    pub(super) fn queue(mut self) {
        self.left = Left::Queued;
    }

    /// Goes on with the run as far as it goes now.
    pub(super) async fn drive(mut self, execution: Box<Execution>) {
        self.left = Left::Parked;
        let left = execution.drive().await;
        if left.status.is_final() || left.sequence == 0 {
            self.left = Left::Over;
        }
    }

    /// Reads a recorded run back and goes on with it.
    pub(super) async fn drive_recorded(mut self, sequence: i64) {
        self.left = Left::Parked;
        let shared = self.shared.clone();
        if shared.is_stopping() {
            return;
        }
        match Execution::recorded(shared.clone(), sequence) {
            Ok(Some(execution)) => self.drive(execution).await,
            Ok(None) => match shared.store.run_by_sequence(sequence) {
                Ok(Some(run)) if !run.summary.status.is_final() => {}
                _ => self.left = Left::Over,
            },
            Err(error) if is_damage(&error) => {
                let error = RunError {
                    code: "JOURNAL_DAMAGED".to_owned(),
                    message: format!("what is stored of the run cannot be read: {error}"),
                    step_id: None,
                };
                shared.end_unread(&self.run, sequence, error).await;
            }
            Err(error) => {
                log::error!("run number {sequence} cannot go on now: {error}");
                shared.look_again_later(sequence);
            }
        }
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        let admission = &self.shared.admission;
        match self.left {
            Left::Over => admission.leave(&self.run),
            Left::Queued => admission.arrived(&self.run),
            Left::Parked => admission.park(&self.run),
        }
    }
}

/// Whether reading again would find the same.
fn is_damage(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::Internal(_) | EngineError::Store(StoreError::Damaged(_))
    )
}

/// Drives whoever gets a slot, until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let granted = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            granted = shared.admission.granted() => granted,
        };
        for (run, sequence) in granted {
            tokio::spawn(Driving::new(&shared, run).drive_recorded(sequence));
        }
    }
}

impl Shared {
    /// What a run has to wait for, beside a slot.
    pub(super) fn demand(
        &self,
        asking: &Asking<'_>,
        workflow: &CompiledWorkflow,
    ) -> Result<Demand, StoreError> {
        let settings = &workflow.definition.plan.settings;
        let sequence = workflow.workflow.sequence;
        // A run above this one would wait for it, and it for the place that the other one has.
        let has_place = match asking.parent_sequence {
            Some(parent) => self.store.is_at_or_below(parent, sequence)?,
            None => false,
        };
        let limit = settings.max_concurrent_runs;
        let wanted = WorkflowDemand {
            workflow: sequence,
            limit: limit.map_or(usize::MAX, |limit| limit as usize),
            skips: settings.on_conflict == OnConflict::Skip,
            cancels: settings.on_conflict == OnConflict::CancelPrevious,
        };
        let limit = self.options.max_running_runs_per_key;
        let key = asking
            .started_by
            .filter(|_| asking.trigger == TriggerType::Api && asking.parent_sequence.is_none());
        Ok(Demand {
            key: key.zip(limit).map(|(key, limit)| (Arc::from(key), limit)),
            workflow: (!has_place).then_some(wanted),
            waiting_above: asking.waiting_above,
        })
    }

    /// The run is recorded under this number: from now on it can be woken, and others can end for it.
    pub(super) fn run_recorded(self: &Arc<Self>, run: &RunId, sequence: i64) {
        let superseded = self.admission.recorded(run, sequence);
        self.cancel_superseded(superseded);
    }

    /// Goes on with a recorded run in a task of its own, as soon as it has a slot.
    pub(super) fn go_on(self: Arc<Self>, run_sequence: i64) {
        if self.admission.wake(run_sequence) {
            return;
        }
        match self.store.open_run(run_sequence) {
            Ok(Some(open)) => {
                self.take_in(&[open]);
                self.admission.wake(run_sequence);
            }
            Ok(None) => {}
            Err(error) => {
                log::error!("run number {run_sequence} cannot go on now: {error}");
                self.look_again_later(run_sequence);
            }
        }
    }

    /// Takes in runs that were found unfinished in the store, oldest first: those without a moment go on.
    pub(super) fn take_in(self: &Arc<Self>, open: &[OpenRun]) {
        let found: Vec<Found> = open.iter().map(|open| self.found(open)).collect();
        let superseded = self.admission.restore(&found);
        self.cancel_superseded(superseded);
    }

    fn found(&self, open: &OpenRun) -> Found {
        let asking = Asking {
            started_by: open.started_by.as_deref(),
            trigger: open.trigger,
            parent_sequence: open.parent_sequence,
            waiting_above: 0,
        };
        let workflow = self.workflows.get(&open.workflow_id);
        let demand = workflow.and_then(|workflow| {
            let demand = workflow.map(|workflow| self.demand(&asking, &workflow));
            demand.transpose()
        });
        // Whether the run itself can be read is found out in its turn.
        let demand = demand.unwrap_or_else(|error| {
            log::error!(
                "run {}: the limits of its workflow are not known: {error}",
                open.id
            );
            None
        });
        Found {
            run: open.id.clone(),
            sequence: open.sequence,
            demand: demand.unwrap_or_default(),
            has_begun: open.has_begun,
            wants_slot: open.due_at_ms.is_none() || open.awaits_others,
        }
    }

    fn cancel_superseded(self: &Arc<Self>, runs: Vec<RunId>) {
        if runs.is_empty() {
            return;
        }
        let shared = self.clone();
        tokio::spawn(async move {
            for run in runs {
                while let Err(error) = shared.cancel(&run, ON_CONFLICT).await {
                    match error {
                        EngineError::Store(StoreError::NotCommitted(why)) => {
                            log::warn!("run {run} is not cancelled yet: {why}; trying again");
                            shared.clock.sleep_ms(CANCEL_RETRY_MS).await;
                        }
                        // It has ended by itself.
                        EngineError::Conflict(_) | EngineError::NotFound => break,
                        other => {
                            log::error!("run {run} is not cancelled: {other}");
                            break;
                        }
                    }
                }
            }
        });
    }

    /// Ends a run that cannot be read as failed.
    async fn end_unread(self: &Arc<Self>, run: &RunId, sequence: i64, error: RunError) {
        log::error!("run {run} ends here: {}", error.message);
        let now_ms = self.clock.now_ms();
        match self.store.fail_run(sequence, error, now_ms).await {
            Ok(appended) => {
                self.watchers.tell(sequence);
                self.run_ended(run);
                if let Appended::Done(cancelled) = appended {
                    self.let_go(&cancelled);
                }
            }
            Err(error) => {
                log::warn!("the end of run {run} is not written yet: {error}");
                self.look_again_later(sequence);
            }
        }
    }

    /// Cancels an unfinished run and all below it.
    pub(super) async fn cancel(self: &Arc<Self>, id: &RunId, by: &str) -> Result<Run, EngineError> {
        let now_ms = self.clock.now_ms();
        let cancelled = self.store.cancel_run(id.clone(), by.to_owned(), now_ms);
        match cancelled.await? {
            Edit::NotFound => Err(EngineError::NotFound),
            Edit::Conflict(reason) => Err(EngineError::Conflict(format!(
                "{reason}; only an unfinished run can be cancelled"
            ))),
            Edit::Done(cancelled) => {
                self.let_go(cancelled.iter().map(|run| &run.summary));
                cancelled.into_iter().next().ok_or(EngineError::NotFound)
            }
        }
    }
}
