//! One run under way: asks the plan what comes next, does it, records it.
//! May not know how runs are started or woken. Promise: what happened is in the journal before anybody is told, a step with
//! effects is recorded before it is called, and everything pure shares the next commit.

mod asking;
mod attempt;
mod bounds;
mod child;
mod flights;
mod flow;
mod handover;
mod nested;
mod recording;
mod secrets;
mod waiting;

use super::start::Telling;
use super::under_way::Claim;
use super::webhook::raw_body;
use super::workflows::CompiledDefinition;
use super::{EngineError, Shared, step};
use crate::id::RunId;
use crate::model::graph::record::NodeOutput;
use crate::model::plan::{Activation, Next, Outcome, RunState, Task, in_words, next};
use crate::model::run::{Event, Run, RunError, RunStatus, RunSummary, StepError, TriggerType};
use crate::store::NewRun;
use flights::Flights;
use flow::Told;
use futures_util::future::BoxFuture;
use handover::Recorder;
pub(super) use handover::{Handover, Recipient, handover};
use recording::OpenChunk;
use serde_json::{Value, value::to_raw_value};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Why a run does not go on now.
enum Halt {
    /// It waits for a moment, an answer or another run; whoever brings that wakes it.
    Parked,
    /// It was cancelled, or its caller was told why it never began.
    Over,
    /// The server is stopping.
    Stopping,
}

/// One run under way. It lies in a box, since it is handed from task to task.
pub(super) struct Execution {
    shared: Arc<Shared>,
    run: Box<Run>,
    /// What is to be recorded first, and by whom, until it is.
    unrecorded: Option<(Box<NewRun>, Recorder)>,
    definition: Arc<CompiledDefinition>,
    input: Value,
    /// What `{{trigger}}` shows, once a template has asked.
    trigger: OnceLock<Value>,
    state: RunState,
    chunk: OpenChunk,
    telling: Telling,
    /// The right to drive the run; given back when it is parked.
    claim: Option<Claim>,
    /// What is being done outside.
    flights: Flights,
    /// The runs that steps wait for, as far as this execution has looked at them.
    awaited: HashMap<Activation, RunId>,
    /// Whether somebody may have answered, or another run may have ended, since that was looked at.
    has_news: bool,
    /// Who hears a run of a flow.
    told: Option<Told>,
}

impl Execution {
    /// A run that is not recorded yet. `run` is how it will look.
    pub(super) fn fresh(
        shared: Arc<Shared>,
        run: Box<Run>,
        new_run: Box<NewRun>,
        definition: Arc<CompiledDefinition>,
        input: Value,
        telling: Telling,
    ) -> Box<Execution> {
        let state = RunState::new(&definition.plan);
        // Its id is new, so nobody else can have it.
        let claim = shared.under_way.claim(&run.summary.id);
        Box::new(Execution {
            told: told(&shared, &definition, &run),
            trigger: OnceLock::new(),
            shared,
            run,
            unrecorded: Some((new_run, Recorder::Itself)),
            definition,
            input,
            state,
            chunk: OpenChunk::default(),
            telling,
            claim,
            flights: Flights::default(),
            awaited: HashMap::new(),
            has_news: false,
        })
    }

    /// A run as its journal has it; `None` when it has ended meanwhile, or somebody drives it already. Attempts of which
    /// nobody knows how they ended are marked.
    pub(super) fn recorded(
        shared: Arc<Shared>,
        run_sequence: i64,
    ) -> Result<Option<Box<Execution>>, EngineError> {
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
        let state = shared.folded(&definition, run_sequence)?;
        // What the journal says is newer than the row that was read before it.
        run.summary.started_at_ms = state.started_at_ms();
        let mut execution = Box::new(Execution {
            told: told(&shared, &definition, &run),
            trigger: OnceLock::new(),
            shared,
            run: Box::new(run),
            unrecorded: None,
            definition,
            input,
            chunk: OpenChunk::beginning_at(state.next_sequence()),
            state,
            telling: Telling::default(),
            claim: Some(claim),
            flights: Flights::default(),
            awaited: HashMap::new(),
            has_news: true,
        });
        let under_way: Vec<Activation> = execution.state.under_way().collect();
        for step in under_way {
            let attempt = execution.attempts_of(step);
            let step = execution.name_of(step);
            execution.push(&Event::StepUnknown { step, attempt })?;
        }
        Ok(Some(execution))
    }

    /// Somebody else records the run, with what starts it.
    pub(super) fn handed_over(mut self: Box<Self>, handover: Handover) -> Box<Execution> {
        if let Some(unrecorded) = &mut self.unrecorded {
            unrecorded.1 = Recorder::Other(handover);
        }
        self
    }

    /// Records the run as pending, which tells its caller, and gives it back to be driven.
    pub(super) async fn record(mut self: Box<Self>) -> Option<Box<Execution>> {
        // Also with results that it has from another run: it has not begun.
        let mut row = self.row(RunStatus::Pending);
        row.started_at_ms = None;
        self.commit(row).await.ok().map(|()| self)
    }

    /// Copies what another run has recorded: the results of its finished steps.
    pub(super) fn copy(&mut self, events: &[Event]) -> Result<(), EngineError> {
        events.iter().try_for_each(|event| self.push(event))
    }

    /// Goes on until the run has ended, waits, or the server stops. Gives how it was left; a run that was never recorded has
    /// no number. Boxed, since a run may start others: a future must not hold its own type.
    pub(super) fn drive(mut self: Box<Self>) -> BoxFuture<'static, RunSummary> {
        Box::pin(async move {
            while self.go_on().await.is_ok() {}
            self.run.summary
        })
    }

    /// One look at the plan, and all that it says to do now.
    async fn go_on(&mut self) -> Result<(), Halt> {
        if self.shared.is_stopping() && self.unrecorded.is_none() {
            return self.wind_up().await;
        }
        self.look_around().await?;
        let tasks = match next(&self.definition.plan, &self.state) {
            Next::Finish(outcome) => return self.finish(outcome).await,
            Next::Ended => return Err(Halt::Over),
            Next::Do(tasks) => tasks,
            Next::Wait => Vec::new(),
        };
        let now_ms = self.shared.clock.now_ms();
        let mut due_ms: Option<i64> = None;
        let mut has_begun = false;
        for task in tasks {
            match task.due_ms().filter(|due_ms| *due_ms > now_ms) {
                Some(later_ms) => due_ms = Some(due_ms.map_or(later_ms, |due| due.min(later_ms))),
                None => has_begun |= self.perform(task, now_ms).await?,
            }
        }
        self.depart().await?;
        if has_begun {
            self.commit_when_due().await
        } else {
            self.wait(due_ms).await
        }
    }

    /// Does one task. False when there was nothing to do: it is being done already.
    async fn perform(&mut self, task: Task, now_ms: i64) -> Result<bool, Halt> {
        // A task before this one may have ended the step with what it is inside of.
        let is_over = |step| !self.state.is_open(&self.definition.plan, step);
        if task
            .step()
            .is_some_and(|step| self.flights.has(step) || is_over(step))
        {
            return Ok(false);
        }
        match task {
            Task::Attempt { step, attempt, .. } => self.attempt(step, attempt, now_ms).await?,
            Task::Wake { step, .. } => self.wake_up(step, now_ms)?,
            Task::Expire { step, .. } => self.expire(step).await?,
            Task::Decide { step, index } => self.decide(step, index, now_ms)?,
            Task::Collect { step } => self.collect(step)?,
            Task::ExpireRun { .. } => {
                let timeout_ms = self.definition.plan.settings.timeout_ms.unwrap_or_default();
                let error = RunError {
                    code: "TIMEOUT".to_owned(),
                    message: format!(
                        "the run took longer than the {timeout_ms} ms that `settings.timeoutMs` allows"
                    ),
                    step_id: None,
                };
                self.finish(Outcome::Failed(error)).await?;
            }
        }
        Ok(true)
    }

    /// The moment of a `wait` has come.
    fn wake_up(&mut self, step: Activation, now_ms: i64) -> Result<(), Halt> {
        let record = self.state.record(&self.definition.plan, step);
        let began_ms = record.and_then(|record| record.started_at_ms);
        let waited_ms = now_ms - began_ms.unwrap_or(now_ms);
        let output = Arc::new(step::wait::output(waited_ms, now_ms));
        self.note(&Event::StepCompleted {
            step: self.name_of(step),
            output,
            way: None,
            logs: None,
            reused: false,
        })
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
        self.chunk.node_outputs = self.node_outputs();
        self.commit(row).await?;
        // Whoever goes on now may drive a run that needs this one's claim.
        self.claim = None;
        self.shared.run_ended(&self.run.summary.id);
        self.telling.finished(&self.run);
        Err(Halt::Over)
    }

    /// What the nodes of a graph came to, those inside of iterations and those that were not run aside; `None` for a run of
    /// steps.
    fn node_outputs(&self) -> Option<Vec<NodeOutput>> {
        let plan = &self.definition.plan;
        let is_graph = plan.nodes.iter().any(|node| node.wiring.is_some());
        let now_ms = self.shared.clock.now_ms();
        let records = self.state.top_records(plan);
        let own = records.filter(|(_, record)| !record.is_reused);
        let outputs = own.filter_map(|(index, record)| {
            let node = plan.nodes.get(index)?;
            Some(NodeOutput {
                node_id: node.id.clone(),
                params: node.config.source().get("config").cloned()?,
                output: (**record.output.as_ref()?).clone(),
                run: self.run.summary.id.clone(),
                at_ms: now_ms,
            })
        });
        is_graph.then(|| outputs.collect())
    }

    /// The server stops: what is being done outside is waited for, nothing else is begun.
    async fn wind_up(&mut self) -> Result<(), Halt> {
        self.commit_open().await?;
        if self.flights.is_empty() {
            return Err(Halt::Stopping);
        }
        let landed = self.flights.next().await;
        self.land(landed)
    }

    /// What the trigger handed over.
    fn trigger(&self) -> &Value {
        self.trigger.get_or_init(|| trigger_of(&self.run))
    }

    fn name_of(&self, step: Activation) -> String {
        self.state.name_of(&self.definition.plan, step)
    }

    fn attempts_of(&self, step: Activation) -> u32 {
        let record = self.state.record(&self.definition.plan, step);
        record.map_or(0, |record| record.attempts)
    }

    /// Notes that an attempt has failed, and decides whether there is another one. What goes on beside it may end with it, and
    /// is dropped.
    fn failed(&mut self, step: Activation, attempt: u32, error: StepError) -> Result<(), Halt> {
        let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
        let plan = &self.definition.plan;
        let failed_before = self
            .state
            .record(plan, step)
            .map_or(0, |record| record.failures);
        let event = crate::model::plan::after_failure(
            &plan.nodes[step.node],
            self.name_of(step),
            attempt,
            failed_before,
            error,
            self.shared.clock.now_ms(),
            random,
        );
        self.note(&event)?;
        self.drop_closed();
        Ok(())
    }
}

/// Who hears the run, if it is a flow's and somebody does.
fn told(shared: &Shared, definition: &CompiledDefinition, run: &Run) -> Option<Told> {
    definition.plan.flow.as_ref()?;
    shared.predictions.of(&run.summary.id).map(Told::new)
}

/// What the trigger handed over; a run's own trigger data was JSON when it was recorded.
fn trigger_of(run: &Run) -> Value {
    let data = run.trigger_data.as_ref();
    let data = data.and_then(|data| serde_json::from_str(data.get()).ok());
    let mut data: Value = data.unwrap_or_default();
    if run.summary.trigger == TriggerType::Webhook {
        raw_body::hide(&mut data);
    }
    data
}
