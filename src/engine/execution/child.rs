//! Steps that start another run: the run is named in the journal before it exists, so that it is started once.
//! May not know what the other run does. Promises: one attempt, one run, whatever crashes; whoever waits for it sees its end;
//! a run that nobody waits for any more is cancelled.

use super::{Execution, Halt};
use crate::engine::start::ChildRun;
use crate::engine::started_by::StartedBy;
use crate::engine::step::{self, Behaviour, ChildRequest, Done};
use crate::engine::{Engine, EngineError, Shared};
use crate::id::RunId;
use crate::model::plan::Activation;
use crate::model::run::{Event, Run, RunStatus, StepError};
use serde_json::{Value, json};
use std::sync::Arc;

impl Execution {
    pub(super) async fn begin_child(
        &mut self,
        step: Activation,
        attempt: u32,
        request: ChildRequest,
        now_ms: i64,
    ) -> Result<(), Halt> {
        let max_depth = self.shared.options.max_depth;
        if self.run.depth >= max_depth {
            let message = format!(
                "{} runs stand above this one; sub-workflows are nested at most {max_depth} deep (setting `max_depth`)",
                self.run.depth
            );
            return self.failed(step, attempt, StepError::fatal("TOO_DEEP", message));
        }
        // A child names its parent by the number of its row.
        if self.unrecorded.is_some() {
            self.commit(self.row(RunStatus::Running)).await?;
        }
        // A run with a key is found again by it; any other is named before it is started.
        let child = match request.idempotency_key {
            None => RunId::generate(),
            Some(_) => match self.start_child(step, &RunId::generate(), &request).await {
                Ok(run) => run.summary.id,
                Err(error) => return self.child_refused(step, attempt, &error),
            },
        };
        self.note(&Event::StepChild {
            step: self.name_of(step),
            attempt,
            run: child.clone(),
            until_ms: self.deadline_ms(step, request.timeout_ms, now_ms),
        })?;
        self.commit(self.row(RunStatus::Running)).await?;
        self.follow_child(step, &child, &request).await
    }

    /// Looks at the run that the step has started: it may have to be started still, and it may have ended.
    pub(super) async fn look_at_child(&mut self, step: Activation) -> Result<(), Halt> {
        let Some(child) = self.child_of(step) else {
            return Ok(());
        };
        let step_type = self.definition.plan.nodes[step.node].step_type;
        let config = self.config_of(step, self.shared.clock.now_ms());
        let request = match step::behaviour(step_type) {
            Some(Behaviour::Child(request)) => config.and_then(|config| request(&config)),
            _ => Err(StepError::fatal("INTERNAL", "the step starts no run")),
        };
        match request {
            Ok(request) => self.follow_child(step, &child, &request).await,
            Err(error) => self.failed(step, self.attempts_of(step), error),
        }
    }

    async fn follow_child(
        &mut self,
        step: Activation,
        child: &RunId,
        request: &ChildRequest,
    ) -> Result<(), Halt> {
        let waiter = (self.run.summary.sequence, self.run.summary.id.clone());
        // First registered, then looked at: an end in between is not missed.
        self.shared.children.wait_for(child, waiter);
        let run = match self.read(|execution| execution.shared.store.run(child))? {
            Some(run) => run,
            None => match self.start_child(step, child, request).await {
                Ok(run) => run,
                Err(error) => return self.child_refused(step, self.attempts_of(step), &error),
            },
        };
        let is_reused = run.root_id != self.child_root(step);
        self.awaited.remove(&step);
        match run.summary.status {
            RunStatus::Pending | RunStatus::Running if request.waits => {
                self.awaited.insert(step, run.summary.id);
                Ok(())
            }
            RunStatus::Failed | RunStatus::Cancelled if request.waits => {
                self.failed(step, self.attempts_of(step), child_error(&run, request))
            }
            _ => {
                let max_bytes = self.shared.options.max_output_bytes;
                let output = match (&request.ports, &request.flow) {
                    (Some(ports), _) => step::blueprint_output(ports, &result_of(&run), max_bytes),
                    (None, Some(handed)) => Ok(step::flow::executed(handed, &result_of(&run))),
                    (None, None) => Ok(child_output(&run, is_reused)),
                };
                match output {
                    Ok(output) => self.completed(step, Done { output, way: None }),
                    Err(error) => self.failed(step, self.attempts_of(step), error.into()),
                }
            }
        }
    }

    async fn start_child(
        &mut self,
        step: Activation,
        id: &RunId,
        request: &ChildRequest,
    ) -> Result<Run, EngineError> {
        let flow_root = match &request.flow {
            Some(_) => Some(self.shared.count_flow_call(&self.run.summary.id).await?),
            // What a flow has asked may ask flows further on.
            None => self.shared.store.flow_root(self.run.summary.sequence)?,
        };
        let child = ChildRun {
            flow_root,
            id: id.clone(),
            root_id: self.child_root(step),
            parent_sequence: self.run.summary.sequence,
            parent_id: self.run.summary.id.clone(),
            depth: self.run.depth + 1,
            top_sequence: self.run.top_sequence.unwrap_or(self.run.summary.sequence),
            by: StartedBy::starter_of(&self.run),
        };
        let engine = Engine(self.shared.clone());
        // In a box: few runs start others, and every run's future would have room for it.
        Box::pin(engine.start_child(child, request)).await
    }

    fn child_refused(
        &mut self,
        step: Activation,
        attempt: u32,
        error: &EngineError,
    ) -> Result<(), Halt> {
        let message = format!("the run cannot be started: {error}");
        match error {
            EngineError::Stopping => Err(Halt::Stopping),
            // There is room again when some of them have ended.
            EngineError::TooManyBelow(_) => self.failed(
                step,
                attempt,
                StepError::transient("TOO_MANY_RUNS", message),
            ),
            EngineError::Store(_) => {
                self.failed(step, attempt, StepError::transient("NOT_STARTED", message))
            }
            _ => self.failed(step, attempt, StepError::fatal("NOT_STARTED", message)),
        }
    }

    /// Nobody waits for the run any more.
    pub(super) async fn cancel_child(&mut self, step: Activation) -> Result<(), Halt> {
        self.awaited.remove(&step);
        let Some(child) = self.child_of(step) else {
            return Ok(());
        };
        let Some(run) = self.read(|execution| execution.shared.store.run(&child))? else {
            return Ok(());
        };
        cancel(&self.shared, &run, self.run.summary.sequence, "timeout").await;
        Ok(())
    }

    /// Cancels the runs whose steps are open no more: they have ended with what they were inside of. One that is missed in a
    /// crash is cancelled with the end of this run.
    pub(super) fn drop_children(&mut self) {
        let (plan, state) = (&self.definition.plan, &self.state);
        let closed = self
            .awaited
            .extract_if(|step, _| !state.is_open(plan, *step));
        for (_, child) in closed {
            let (shared, parent) = (self.shared.clone(), self.run.summary.sequence);
            tokio::spawn(async move {
                if let Ok(Some(run)) = shared.store.run(&child) {
                    cancel(&shared, &run, parent, "parent").await;
                }
            });
        }
    }

    /// Stable over attempts and retries, as the keys are that other steps send.
    fn child_root(&self, step: Activation) -> RunId {
        RunId::derived(&format!("{}:{}", self.run.root_id, self.name_of(step)))
    }

    fn child_of(&self, step: Activation) -> Option<RunId> {
        let record = self.state.record(&self.definition.plan, step)?;
        record.child.clone()
    }
}

/// Cancels a run, if it is this parent's: one that was found by its key may be another one's.
async fn cancel(shared: &Arc<Shared>, run: &Run, parent_sequence: i64, by: &str) {
    let id = &run.summary.id;
    if run.parent_sequence == Some(parent_sequence)
        && let Err(error) = shared.cancel(id, by).await
    {
        log::info!("run {id} is not cancelled with the step that waited for it: {error}");
    }
}

fn child_output(run: &Run, is_reused: bool) -> Value {
    let (from_ms, to_ms) = (run.summary.started_at_ms, run.summary.finished_at_ms);
    json!({
        "result": result_of(run),
        "runId": run.summary.id,
        "status": run.summary.status,
        "durationMs": from_ms.zip(to_ms).map(|(from_ms, to_ms)| to_ms.saturating_sub(from_ms).max(0)),
        "reusedExistingRun": is_reused,
    })
}

/// What the run came to; null of one that has not ended.
fn result_of(run: &Run) -> Value {
    let output = run.output.as_ref();
    let output = output.and_then(|output| serde_json::from_str(output.get()).ok());
    output.unwrap_or_default()
}

/// Another attempt with the same key would find the same run again, so it is of no use.
fn child_error(run: &Run, request: &ChildRequest) -> StepError {
    let id = &run.summary.id;
    match &run.summary.error {
        Some(error) if request.idempotency_key.is_some() => StepError::fatal(
            "SUBWORKFLOW_FAILED",
            format!(
                "run {id} failed: {}. `idempotencyKey` names this run for 24 hours, so no attempt starts another: use another \
                 key to run the workflow again",
                error.message
            ),
        ),
        Some(error) => StepError::transient(
            "SUBWORKFLOW_FAILED",
            format!("run {id} failed: {}", error.message),
        ),
        None => StepError::fatal("SUBWORKFLOW_CANCELLED", format!("run {id} was cancelled")),
    }
}
