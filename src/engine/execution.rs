//! One run under way: asks the plan what comes next, does it, records it.
//! May not know how runs are started or woken. Promise: what happened is in the journal before anybody is told, a step with
//! effects is recorded before it is called, and everything pure shares the next commit.

use super::logs::fold;
use super::start::{Accepted, Telling};
use super::step::{self, Behaviour, Done, Effects};
use super::workflows::CompiledDefinition;
use super::{EngineError, Shared};
use crate::model::plan::{Next, NodeIndex, Outcome, RunState, Task, after_failure, next};
use crate::model::run::{Event, Run, RunError, RunStatus, StepError};
use crate::model::template::Scope;
use crate::store::{Appended, Chunk, NewRun, RunRow, Started, StoreError};
use futures_util::FutureExt as _;
use serde_json::{Value, json, value::to_raw_value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A stretch of pure steps is committed after so many events, or after so long.
const CHUNK_EVENTS: u32 = 256;
const CHUNK_MS: i64 = 20;
/// How long to wait before a commit that failed is tried again.
const COMMIT_RETRY_MS: u64 = 250;
/// How much of an output that was too large is kept for people to look at.
const PREVIEW_CHARS: usize = 4_096;

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
    cancelled: Option<watch::Receiver<bool>>,
}

/// Events that are not committed yet.
#[derive(Default)]
struct OpenChunk {
    from: u64,
    at_ms: i64,
    count: u32,
    /// The events in JSON, separated by commas.
    events: String,
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
            cancelled: None,
        }
    }

    /// A run as its journal has it; `None` when it has ended meanwhile. Attempts of which nobody knows how they ended are marked.
    pub(super) fn recorded(
        shared: Arc<Shared>,
        run_sequence: i64,
    ) -> Result<Option<Execution>, EngineError> {
        let Some(run) = shared.store.run_by_sequence(run_sequence)? else {
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
        let cancel = watch::Sender::new(false);
        let cancelled = Some(cancel.subscribe());
        shared.cancels().insert(run_sequence, cancel);
        let chunk = OpenChunk {
            from,
            ..OpenChunk::default()
        };
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
            cancelled,
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
        let row = self.row(if self.chunk.count == 0 {
            RunStatus::Pending
        } else {
            RunStatus::Running
        });
        self.commit(row).await.ok().map(|()| self)
    }

    /// Copies what another run has recorded: the results of its finished steps.
    pub(super) fn copy(&mut self, events: &[Event]) -> Result<(), EngineError> {
        events.iter().try_for_each(|event| self.push(event))
    }

    /// Goes on until the run has ended, waits for a moment, or the server stops.
    pub(super) async fn drive(mut self) {
        while self.go_one_step().await.is_ok() {}
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

    async fn attempt(&mut self, node: NodeIndex, attempt: u32, now_ms: i64) -> Result<(), Halt> {
        let plan_node = &self.definition.plan.nodes[node];
        let Some(step_type) = step::find(plan_node.step_type) else {
            let error = StepError::fatal(
                "INTERNAL",
                format!("there is no step type `{}`", plan_node.step_type),
            );
            return self.failed(node, attempt, error);
        };
        let config = match self.render(node, now_ms) {
            Ok(config) => config,
            Err(error) => return self.failed(node, attempt, error),
        };
        match step_type.behaviour {
            Behaviour::Pure(run) => match guarded(|| run(&config)) {
                Ok(done) => self.completed(node, done),
                Err(error) => self.failed(node, attempt, error),
            },
            Behaviour::Wait(duration) => match guarded(|| duration(&config)) {
                Ok(wait_ms) => {
                    let until_ms = now_ms.saturating_add(wait_ms);
                    self.note(&Event::StepWaiting {
                        step: self.name_of(node),
                        until_ms,
                    })
                }
                Err(error) => self.failed(node, attempt, error),
            },
            Behaviour::Effect(call) => {
                self.note(&Event::StepStarted {
                    step: self.name_of(node),
                    attempt,
                })?;
                self.commit(self.row(RunStatus::Running)).await?;
                let effects = self.effects(node, now_ms);
                let result = self.call_outside(call(&effects, config), node).await?;
                match result {
                    Ok(output) => self.completed(node, Done { output, way: None }),
                    Err(error) => self.failed(node, attempt, error),
                }
            }
        }
    }

    async fn call_outside(
        &mut self,
        call: futures_util::future::BoxFuture<'_, Result<Value, StepError>>,
        node: NodeIndex,
    ) -> Result<Result<Value, StepError>, Halt> {
        let timeout_ms = self.definition.plan.nodes[node].timeout_ms;
        let call = AssertUnwindSafe(call).catch_unwind();
        let bounded = async {
            match timeout_ms {
                None => call.await.unwrap_or_else(|_| Err(panicked())),
                Some(ms) => match tokio::time::timeout(Duration::from_millis(ms), call).await {
                    Ok(result) => result.unwrap_or_else(|_| Err(panicked())),
                    Err(_) => Err(StepError::transient(
                        "TIMEOUT",
                        format!("the step took longer than {ms} ms"),
                    )),
                },
            }
        };
        let Some(cancelled) = self.cancelled.as_mut() else {
            return Ok(bounded.await);
        };
        tokio::select! {
            result = bounded => Ok(result),
            _ = cancelled.wait_for(|cancelled| *cancelled) => Err(Halt::Over),
        }
    }

    fn effects(&self, node: NodeIndex, now_ms: i64) -> Effects {
        Effects {
            outbound: self.shared.outbound.clone(),
            idempotency_key: format!(
                "{}:{}",
                self.run.root_id, self.definition.plan.nodes[node].id
            ),
            timeout_ms: self.definition.plan.nodes[node].timeout_ms,
            now_ms,
        }
    }

    fn render(&self, node: NodeIndex, now_ms: i64) -> Result<Value, StepError> {
        let plan = &self.definition.plan;
        let step_output = |id: &str| self.state.output_of(plan, id);
        let scope = Scope {
            input: &self.input,
            step_output: &step_output,
            variables: &plan.variables,
            env: &self.shared.options.environment,
            now_ms,
            run_id: self.run.summary.id.as_str(),
            run_started_at_ms: self.run.summary.started_at_ms.unwrap_or(now_ms),
        };
        plan.nodes[node]
            .config
            .render(&scope)
            .map_err(|error| StepError::fatal("TEMPLATE", error.to_string()))
    }

    fn completed(&mut self, node: NodeIndex, done: Done) -> Result<(), Halt> {
        let max_bytes = self.shared.options.max_output_bytes;
        let output = Arc::new(cut_to(done.output, max_bytes));
        self.note(&Event::StepCompleted {
            step: self.name_of(node),
            output,
            way: done.way,
        })
    }

    fn failed(&mut self, node: NodeIndex, attempt: u32, error: StepError) -> Result<(), Halt> {
        let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
        let failed_before = self.state.record(node).map_or(0, |record| record.failures);
        let plan_node = &self.definition.plan.nodes[node];
        let event = after_failure(
            plan_node,
            attempt,
            failed_before,
            error,
            self.shared.clock.now_ms(),
            random,
        );
        self.note(&event)
    }

    async fn finish(&mut self, outcome: Outcome) -> Result<(), Halt> {
        let outcome = match outcome {
            Outcome::Completed(output) => match self.definition.check_output(&output) {
                Ok(()) => Outcome::Completed(output),
                Err(problems) => Outcome::Failed(RunError {
                    code: "OUTPUT_INVALID".to_owned(),
                    message: format!(
                        "the output does not fit the outputSchema: {}",
                        problems.join("; ")
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
        self.shared.timers.park(self.run.summary.sequence, due_ms);
        Err(Halt::Parked)
    }

    fn name_of(&self, node: NodeIndex) -> String {
        self.definition.plan.nodes[node].id.clone()
    }

    fn row(&self, status: RunStatus) -> RunRow {
        RunRow {
            status,
            started_at_ms: self.run.summary.started_at_ms,
            due_at_ms: None,
            finished_at_ms: None,
            output: None,
            error: None,
        }
    }

    /// Adds an event, and before the first one that the run has begun. An event that does not fit ends the execution.
    fn note(&mut self, event: &Event) -> Result<(), Halt> {
        self.push(event).map_err(|error| {
            log::error!("run {} cannot go on: {error}", self.run.summary.id);
            Halt::Over
        })
    }

    fn push(&mut self, event: &Event) -> Result<(), EngineError> {
        if self.chunk.count == 0 {
            self.chunk.at_ms = self.shared.clock.now_ms();
        }
        if self.run.summary.started_at_ms.is_none() {
            self.run.summary.started_at_ms = Some(self.chunk.at_ms);
            self.run.summary.status = RunStatus::Running;
            self.fold_in(&Event::RunStarted)?;
        }
        self.fold_in(event)
    }

    fn fold_in(&mut self, event: &Event) -> Result<(), EngineError> {
        let internal = |error: &dyn std::fmt::Display| EngineError::Internal(error.to_string());
        self.state
            .apply(&self.definition.plan, self.chunk.at_ms, event)
            .map_err(|error| internal(&error))?;
        if self.chunk.count > 0 {
            self.chunk.events.push(',');
        }
        self.chunk
            .events
            .push_str(&serde_json::to_string(event).map_err(|error| internal(&error))?);
        self.chunk.count += 1;
        Ok(())
    }

    async fn commit_when_due(&mut self) -> Result<(), Halt> {
        let age_ms = self.shared.clock.now_ms() - self.chunk.at_ms;
        if self.chunk.count > 0 && (self.chunk.count >= CHUNK_EVENTS || age_ms >= CHUNK_MS) {
            self.commit(self.row(RunStatus::Running)).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Records the open chunk and the row. Where the store cannot now (full disk, full queue), a recorded run waits and
    /// tries again; a run that was never recorded is refused.
    async fn commit(&mut self, row: RunRow) -> Result<(), Halt> {
        match self.unrecorded.take() {
            Some(new_run) => self.commit_first(*new_run, row).await?,
            None => self.commit_further(&row).await?,
        }
        self.chunk = OpenChunk {
            from: self.chunk.from + u64::from(self.chunk.count),
            ..OpenChunk::default()
        };
        self.shared.watchers.tell(self.run.summary.sequence);
        Ok(())
    }

    async fn commit_first(&mut self, mut new_run: NewRun, row: RunRow) -> Result<(), Halt> {
        self.show(&row);
        new_run.first = (self.chunk.count > 0).then(|| self.chunk.close(row));
        let answer = match self.shared.store.start_run(new_run).await {
            Ok(Started::New(sequence)) => {
                self.run.summary.sequence = sequence;
                if !self.run.summary.status.is_final() {
                    let cancel = watch::Sender::new(false);
                    self.cancelled = Some(cancel.subscribe());
                    self.shared.cancels().insert(sequence, cancel);
                }
                self.telling.accepted(Ok(Accepted {
                    run: (*self.run).clone(),
                    replayed: false,
                }));
                return Ok(());
            }
            Ok(Started::Replayed(run)) => Ok(Accepted {
                run: *run,
                replayed: true,
            }),
            Ok(Started::OtherRequest) => Err(EngineError::OtherRequest),
            Err(error) => Err(error.into()),
        };
        self.telling.accepted(answer);
        Err(Halt::Over)
    }

    async fn commit_further(&mut self, row: &RunRow) -> Result<(), Halt> {
        if self.chunk.count == 0 && row.due_at_ms.is_none() {
            return Ok(());
        }
        loop {
            match self
                .shared
                .store
                .append(self.run.summary.sequence, self.chunk.close(row.clone()))
                .await
            {
                Ok(Appended::Done) => {
                    self.show(row);
                    return Ok(());
                }
                Ok(Appended::Superseded) => return Err(Halt::Over),
                Err(StoreError::Closed) => return Err(Halt::Stopping),
                Err(error) => {
                    log::warn!("run {}: {error}; trying again", self.run.summary.id);
                    let mut stopping = self.shared.stopping.subscribe();
                    tokio::select! {
                        _ = stopping.wait_for(|stopping| *stopping) => return Err(Halt::Stopping),
                        () = self.shared.clock.sleep_ms(COMMIT_RETRY_MS) => {}
                    }
                }
            }
        }
    }

    /// Brings the run, as its caller will be shown it, to what was recorded.
    fn show(&mut self, row: &RunRow) {
        self.run.summary.status = row.status;
        self.run.summary.finished_at_ms = row.finished_at_ms;
        self.run.summary.error.clone_from(&row.error);
        self.run.output.clone_from(&row.output);
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if self.cancelled.is_some() {
            self.shared.cancels().remove(&self.run.summary.sequence);
        }
    }
}

impl OpenChunk {
    fn close(&self, row: RunRow) -> Chunk {
        let events = format!("[{}]", self.events);
        Chunk {
            from: self.from,
            at_ms: self.at_ms,
            count: self.count,
            events,
            row,
        }
    }
}

/// Runs a step's own code so that a panic in it fails the step and nothing else.
fn guarded<T>(run: impl FnOnce() -> Result<T, StepError>) -> Result<T, StepError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> StepError {
    StepError::fatal(
        "INTERNAL",
        "the step's own code panicked; the server's log has the place",
    )
}

/// An output that is too large is replaced by a mark with its size and its beginning.
fn cut_to(output: Value, max_bytes: usize) -> Value {
    let small = matches!(&output, Value::Null | Value::Bool(_) | Value::Number(_));
    if small {
        return output;
    }
    let text = output.to_string();
    if text.len() <= max_bytes {
        return output;
    }
    let preview: String = text.chars().take(PREVIEW_CHARS).collect();
    json!({ "truncated": true, "sizeBytes": text.len(), "preview": preview })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_output_is_cut_with_a_mark_and_a_small_one_is_not() {
        let large = json!({ "text": "ä".repeat(5_000) });
        let cut = cut_to(large.clone(), 1_000);
        assert_eq!(cut["truncated"], json!(true));
        assert_eq!(cut["sizeBytes"], json!(large.to_string().len()));
        assert_eq!(cut_to(large.clone(), 1 << 20), large);
    }
}
