//! One run under way: asks the plan what comes next, does it, records it.
//! May not know how runs are started or woken. Promise: what happened is in the journal before anybody is told, a step with
//! effects is recorded before it is called, and everything pure shares the next commit.

mod attempt;
mod recording;

use super::logs::fold;
use super::start::Telling;
use super::under_way::Claim;
use super::workflows::CompiledDefinition;
use super::{EngineError, Shared, step};
use crate::model::plan::{Next, NodeIndex, Outcome, RunState, Task, in_words, next};
use crate::model::run::{Event, Run, RunError, RunStatus, RunSummary};
use crate::store::NewRun;
use recording::OpenChunk;
use serde_json::{Value, value::to_raw_value};
use std::sync::Arc;

/// Why a run does not go on now.
enum Halt {
    /// It waits for a moment; the timers have it.
    Parked,
    /// It was cancelled, or its caller was told why it never began.
    Over,
    /// The server is stopping.
    Stopping,
}

/// One run under way.
pub(super) struct Execution {
    shared: Arc<Shared>,
    run: Box<Run>,
    /// What is to be recorded first, until it is.
    unrecorded: Option<Box<NewRun>>,
    definition: Arc<CompiledDefinition>,
    input: Value,
    state: RunState,
    chunk: OpenChunk,
    telling: Telling,
    /// The right to drive the run; given back when it is parked.
    claim: Option<Claim>,
}

impl Execution {
    /// A run that is not recorded yet. `run` is how it will look.
    pub(super) fn fresh(
        shared: Arc<Shared>,
        run: Run,
        new_run: NewRun,
        definition: Arc<CompiledDefinition>,
        input: Value,
        telling: Telling,
    ) -> Execution {
        let state = RunState::new(&definition.plan);
        let unrecorded = Some(Box::new(new_run));
        // Its id is new, so nobody else can have it.
        let claim = shared.under_way.claim(&run.summary.id);
        let (run, chunk) = (Box::new(run), OpenChunk::default());
        Execution {
            shared,
            run,
            unrecorded,
            definition,
            input,
            state,
            chunk,
            telling,
            claim,
        }
    }

    /// A run as its journal has it; `None` when it has ended meanwhile, or somebody drives it already. Attempts of which
    /// nobody knows how they ended are marked.
    pub(super) fn recorded(
        shared: Arc<Shared>,
        run_sequence: i64,
    ) -> Result<Option<Execution>, EngineError> {
        let Some(mut run) = shared.store.run_by_sequence(run_sequence)? else {
            return Ok(None);
        };
        let Some(claim) = shared.under_way.claim(&run.summary.id) else {
            return Ok(None);
        };
        if run.summary.status.is_final() {
            return Ok(None);
        }
        let definition = shared
            .workflows
            .pinned(&run.summary.workflow_id, run.definition_sequence)?;
        let input = serde_json::from_str(run.input.get())
            .map_err(|error| EngineError::Internal(format!("its input is not JSON: {error}")))?;
        let journal = shared.store.journal(run_sequence, 0)?;
        let state = fold(&definition, &journal)?;
        let from = journal.last().map_or(0, |last| last.sequence + 1);
        // What the journal says is newer than the row that was read before it.
        run.summary.started_at_ms = state.started_at_ms();
        let chunk = OpenChunk::beginning_at(from);
        let (run, telling) = (Box::new(run), Telling::default());
        let mut execution = Execution {
            shared,
            run,
            unrecorded: None,
            definition,
            input,
            state,
            chunk,
            telling,
            claim: Some(claim),
        };
        let under_way: Vec<(NodeIndex, u32)> = execution.state.under_way().collect();
        for (node, attempt) in under_way {
            let step = execution.name_of(node);
            execution.push(&Event::StepUnknown { step, attempt })?;
        }
        Ok(Some(execution))
    }

    /// Records the run as pending, which tells its caller, and gives it back to be driven.
    pub(super) async fn record(mut self) -> Option<Execution> {
        // Also with results that it has from another run: it has not begun.
        let mut row = self.row(RunStatus::Pending);
        row.started_at_ms = None;
        self.commit(row).await.ok().map(|()| self)
    }

    /// Copies what another run has recorded: the results of its finished steps.
    pub(super) fn copy(&mut self, events: &[Event]) -> Result<(), EngineError> {
        events.iter().try_for_each(|event| self.push(event))
    }

    /// Goes on until the run has ended, waits for a moment, or the server stops. Gives how it was left; a run that was
    /// never recorded has no number.
    pub(super) async fn drive(mut self) -> RunSummary {
        while self.go_one_step().await.is_ok() {}
        self.run.summary
    }

    async fn go_one_step(&mut self) -> Result<(), Halt> {
        if self.shared.is_stopping() && self.unrecorded.is_none() {
            self.commit(self.row(RunStatus::Running)).await?;
            return Err(Halt::Stopping);
        }
        match next(&self.definition.plan, &self.state) {
            Next::Finish(outcome) => self.finish(outcome).await?,
            Next::Do(tasks) => match tasks.into_iter().next() {
                Some(task) => self.perform(task).await?,
                None => return Err(Halt::Over),
            },
            Next::Wait | Next::Ended => return Err(Halt::Over),
        }
        self.commit_when_due().await
    }

    async fn perform(&mut self, task: Task) -> Result<(), Halt> {
        let now_ms = self.shared.clock.now_ms();
        match task {
            Task::Attempt {
                not_before_ms: Some(due_ms),
                ..
            }
            | Task::Wake { due_ms, .. }
                if due_ms > now_ms =>
            {
                self.park(due_ms).await
            }
            Task::Wake { node, .. } => {
                let step = self.name_of(node);
                let began_ms = self
                    .state
                    .record(node)
                    .and_then(|record| record.started_at_ms);
                let waited_ms = now_ms - began_ms.unwrap_or(now_ms);
                let output = Arc::new(step::wait::output(waited_ms, now_ms));
                self.note(&Event::StepCompleted {
                    step,
                    output,
                    way: None,
                })
            }
            Task::Attempt { node, attempt, .. } => self.attempt(node, attempt, now_ms).await,
        }
    }

    async fn finish(&mut self, outcome: Outcome) -> Result<(), Halt> {
        let outcome = match outcome {
            Outcome::Completed(output) => match self.definition.check_output(&output) {
                Ok(()) => Outcome::Completed(output),
                Err(problems) => Outcome::Failed(RunError {
                    code: "OUTPUT_INVALID".to_owned(),
                    message: format!(
                        "the output does not fit the outputSchema: {}",
                        in_words(&problems)
                    ),
                    step_id: None,
                }),
            },
            failed @ Outcome::Failed(_) => failed,
        };
        let mut row = self.row(RunStatus::Failed);
        row.finished_at_ms = Some(self.shared.clock.now_ms());
        match outcome {
            Outcome::Completed(output) => {
                row.status = RunStatus::Completed;
                row.output = to_raw_value(&*output).ok();
                self.note(&Event::RunCompleted { output })?;
            }
            Outcome::Failed(error) => {
                row.error = Some(error.clone());
                self.note(&Event::RunFailed { error })?;
            }
        }
        row.started_at_ms = self.run.summary.started_at_ms;
        self.commit(row).await?;
        self.telling.finished(&self.run);
        Err(Halt::Over)
    }

    async fn park(&mut self, due_ms: i64) -> Result<(), Halt> {
        let mut row = self.row(RunStatus::Running);
        row.due_at_ms = Some(due_ms);
        self.commit(row).await?;
        // Whoever wakes the run claims it anew.
        self.claim = None;
        self.shared.timers.park(self.run.summary.sequence, due_ms);
        Err(Halt::Parked)
    }

    fn name_of(&self, node: NodeIndex) -> String {
        self.definition.plan.nodes[node].id.clone()
    }
}
