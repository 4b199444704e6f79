//! Launching: a run that is asked for is recorded, and driven at once, in its turn, or never.
//! May not know who asks. Promise: a run has its places before it is recorded as begun, and its caller is told after the commit.

use super::admission::{Demand, Entry};
use super::driving::{Driving, ON_CONFLICT};
use super::execution::Execution;
use super::start::{Accepted, Telling, Wait};
use super::workflows::CompiledDefinition;
use super::{Engine, EngineError, Shared};
use crate::model::run::{Event, Run, RunError, RunStatus};
use crate::store::{Chunk, NewRun, RunRow, Started};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A run that is about to be recorded, with what it needs.
pub(super) struct Start {
    pub(super) run: Box<Run>,
    pub(super) new_run: Box<NewRun>,
    pub(super) definition: Arc<CompiledDefinition>,
    pub(super) input: Value,
    /// What another run has recorded, and this one need not do again.
    pub(super) finished_steps: Vec<Event>,
    pub(super) demand: Demand,
}

impl Start {
    /// The run, ready to be driven.
    pub(super) fn execution(
        self,
        shared: Arc<Shared>,
        telling: Telling,
    ) -> Result<Box<Execution>, EngineError> {
        let mut execution = Execution::fresh(
            shared,
            self.run,
            self.new_run,
            self.definition,
            self.input,
            telling,
        );
        execution.copy(&self.finished_steps)?;
        Ok(execution)
    }
}

impl Engine {
    /// Records the run and drives it in its turn; a task of the server's own does.
    pub(super) async fn launch(&self, start: Start, wait: Wait) -> Result<Accepted, EngineError> {
        if self.0.is_stopping() {
            return Err(EngineError::Stopping);
        }
        let (accepted, told_accepted) = oneshot::channel();
        let (finished, told_finished) = oneshot::channel();
        let telling = Telling {
            accepted: Some(accepted),
            finished: Some(finished),
        };
        let (id, shared) = (start.run.summary.id.clone(), self.0.clone());
        let entry = shared.admission.enter(&id, &start.demand);
        if entry == Entry::Skipped {
            return Box::pin(self.record_skipped(start)).await;
        }
        let driving = Driving::new(&shared, id);
        let execution = start.execution(shared, telling)?;
        // A command that starts a run on the files resumes no other, but this one may have to wait for its time too.
        self.0.keep_time();
        tokio::spawn(async move {
            // In its turn at once: the first pure stretch shares the commit of the start itself.
            if entry == Entry::Admitted && wait != Wait::No {
                return driving.drive(execution).await;
            }
            match execution.record().await {
                Some(execution) if entry == Entry::Admitted => driving.drive(execution).await,
                Some(execution) => {
                    // Whoever reads it back needs the right to drive it.
                    drop(execution);
                    driving.queue();
                }
                None => {}
            }
        });
        let stopped = |_| {
            EngineError::Internal("the run's task ended before the run was recorded".to_owned())
        };
        let accepted = told_accepted.await.map_err(stopped)??;
        self.awaited(accepted, Some(told_finished), wait).await
    }

    /// Records a run that does not begin, since its workflow has as many as it may: `onConflict: skip`.
    async fn record_skipped(&self, start: Start) -> Result<Accepted, EngineError> {
        let Start {
            mut run,
            mut new_run,
            ..
        } = start;
        let chunk = skipped(run.summary.created_at_ms)?;
        run.summary.status = chunk.row.status;
        run.summary.error.clone_from(&chunk.row.error);
        run.summary.finished_at_ms = chunk.row.finished_at_ms;
        new_run.first = Some(chunk);
        new_run.charge = None;
        let (run, replayed) = match self.0.store.start_run(new_run).await? {
            Started::New(sequence) => {
                run.summary.sequence = sequence;
                (run, false)
            }
            Started::Replayed(known) => (known, true),
            Started::OtherRequest => return Err(EngineError::OtherRequest),
            Started::InsufficientCredits(shortfall) => {
                return Err(EngineError::InsufficientCredits(shortfall));
            }
            Started::VersionChanged | Started::NotDue => {
                return Err(EngineError::WorkflowChanged);
            }
            Started::ParentEnded => return Err(EngineError::parent_ended()),
            Started::TooManyBelowTop => return Err(self.0.too_many_below()),
        };
        Ok(Accepted {
            run: *run,
            replayed,
        })
    }
}

/// The whole journal of a run that never begins.
pub(super) fn skipped(now_ms: i64) -> Result<Chunk, EngineError> {
    let by = ON_CONFLICT.to_owned();
    let events = serde_json::to_string(&[Event::RunCancelled { by }])
        .map_err(|error| EngineError::Internal(error.to_string()))?;
    let message = "the workflow has as many unfinished runs as its `settings.maxConcurrentRuns` allows, and its \
                   `settings.onConflict` is `skip`";
    let error = RunError {
        code: "SKIPPED".to_owned(),
        message: message.to_owned(),
        step_id: None,
    };
    Ok(Chunk {
        from: 0,
        at_ms: now_ms,
        count: 1,
        steps_ended: 0,
        events,
        node_outputs: None,
        row: RunRow {
            status: RunStatus::Cancelled,
            started_at_ms: None,
            due_at_ms: None,
            awaits_others: false,
            finished_at_ms: Some(now_ms),
            output: None,
            error: Some(error),
        },
    })
}
