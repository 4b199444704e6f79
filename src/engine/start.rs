//! How runs begin: by a request, or as the retry of a run that failed or was cancelled.
//! Promise: a run's task belongs to the server, not to the request, so a caller who goes away harms nothing.

use super::driving::Asking;
use super::launch::Start;
use super::requested::{As, idempotency, new_run, requested_run, retried_run};
use super::start_trigger::StartTrigger;
use super::started_by::StartedBy;
use super::workflows::{CompiledDefinition, CompiledWorkflow};
use super::{Editor, Engine, EngineError, may_be_retried};
use crate::engine::step::ChildRequest;
use crate::id::RunId;
use crate::model::plan::{DefinitionProblem, settled_events};
use crate::model::run::{Event, Run, RunStatus, RunSummary};
use crate::model::workflow::{Definition, Reach, Workflow, WorkflowStatus};
use crate::store::Started;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a start is tried again because its workflow was edited meanwhile.
const MAX_STARTS: usize = 4;

/// A run that somebody asks for.
pub struct RunRequest {
    /// What to run: its current version.
    pub workflow: Arc<CompiledWorkflow>,
    /// The input, any JSON value.
    pub input: Box<RawValue>,
    /// The same key within 24 hours is the same run, whatever became of the workflow meanwhile.
    pub idempotency_key: Option<String>,
    /// Who asks.
    pub by: StartedBy,
    /// What starts it.
    pub trigger: StartTrigger,
    /// A definition that was sent for this run alone; `None` runs the workflow's own.
    pub sent: Option<SentDefinition>,
}

/// What a run does in place of what its workflow says.
#[derive(Debug, Clone, PartialEq)]
pub struct SentDefinition {
    /// The definition.
    pub definition: Definition,
    /// Results that the run begins with: their steps are not run.
    pub finished: Vec<Event>,
    /// What its sender reaches: the definition may name nothing beyond it.
    pub reach: Reach,
}

/// A run that a step of another run starts.
pub(super) struct ChildRun {
    /// Its id: it is named before it is started.
    pub(super) id: RunId,
    /// The stable half of the keys that its steps send: the same for every attempt to start it.
    pub(super) root_id: RunId,
    pub(super) parent_sequence: i64,
    pub(super) parent_id: RunId,
    pub(super) depth: u32,
    /// The run at the top.
    pub(super) top_sequence: i64,
    /// Where calls count below a flow: of flows that it has asked, and of workflows between them.
    pub(super) flow_root: Option<i64>,
    /// Who started the parent.
    pub(super) by: StartedBy,
}

/// How long the caller waits for the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// Until it is recorded; what can be done without leaving the server is recorded with it.
    Begun,
    /// At most so long, in milliseconds.
    UpToMs(u64),
}

/// A run that is recorded.
#[derive(Debug)]
pub struct Accepted {
    /// The run as it stands.
    pub run: Run,
    /// Whether it is an earlier one, found by its idempotency key.
    pub replayed: bool,
}

/// Whom to tell how a run goes: once when it is recorded, once when it has ended.
#[derive(Default)]
pub(super) struct Telling {
    pub(super) accepted: Option<oneshot::Sender<Result<Accepted, EngineError>>>,
    pub(super) finished: Option<oneshot::Sender<Run>>,
}

impl Telling {
    pub(super) fn accepted(&mut self, answer: Result<Accepted, EngineError>) {
        if let Some(accepted) = self.accepted.take() {
            drop(accepted.send(answer));
        }
    }

    pub(super) fn finished(&mut self, run: &Run) {
        if let Some(finished) = self.finished.take()
            && !finished.is_closed()
        {
            drop(finished.send(run.clone()));
        }
    }
}

impl Engine {
    /// Starts a run of an active workflow. Inputs are the same when they are the same JSON value, however it was written.
    pub async fn start(&self, request: RunRequest, wait: Wait) -> Result<Accepted, EngineError> {
        self.start_as(As::first(), request, wait).await
    }

    /// The same, of a run of which something is decided.
    pub(super) async fn start_as(
        &self,
        started_as: As,
        mut request: RunRequest,
        wait: Wait,
    ) -> Result<Accepted, EngineError> {
        for _ in 1..MAX_STARTS {
            match self.start_once(&started_as, &request, wait).await {
                Err(EngineError::WorkflowChanged) => {
                    let id = &request.workflow.workflow.id;
                    let newest = self.0.workflows.get(id)?;
                    request.workflow = newest.ok_or(EngineError::NoWorkflow)?;
                }
                done => return done,
            }
        }
        self.start_once(&started_as, &request, wait).await
    }

    async fn start_once(
        &self,
        started_as: &As,
        request: &RunRequest,
        wait: Wait,
    ) -> Result<Accepted, EngineError> {
        let workflow = &request.workflow.workflow;
        let input = self.read_input(&request.input)?;
        let now_ms = self.0.clock.now_ms();
        let idempotency = idempotency(request, &input, now_ms);
        if let Some(idempotency) = &idempotency
            && let Some(known) = self
                .0
                .store
                .known_start(workflow.sequence, idempotency, now_ms)?
        {
            let Started::Replayed(run) = known else {
                return Err(EngineError::OtherRequest);
            };
            let accepted = Accepted {
                run: *run,
                replayed: true,
            };
            return self.awaited(accepted, None, wait).await;
        }
        require_active(workflow.status)?;
        let (definition, finished_steps) = match &request.sent {
            Some(sent) => {
                let by = Editor {
                    label: &request.by.label,
                    address: None,
                    reach: &sent.reach,
                };
                let compiled = self.0.workflows.compile_sent(&sent.definition, by)?;
                (
                    compiled.map_err(EngineError::BadInput)?,
                    sent.finished.clone(),
                )
            }
            None => (request.workflow.definition.clone(), Vec::new()),
        };
        definition
            .check_input(&input)
            .map_err(EngineError::BadInput)?;
        self.check_secrets(workflow, &definition)?;
        let charge = self.0.charge(&definition.plan, &finished_steps)?;
        let mut run = requested_run(&started_as.id, request, now_ms);
        (run.depth, run.top_sequence) = (started_as.depth, started_as.top_sequence);
        let input = (self.0).tell_flow(&definition.plan, workflow.sequence, &mut run, input)?;
        let mut new_run = new_run(&run, workflow.sequence);
        new_run.idempotency = idempotency;
        new_run.charge = charge;
        new_run.flow_root = started_as.flow_root;
        new_run.max_below_top = self.0.options.max_runs_below;
        new_run.own_definition = request.sent.as_ref().map(|sent| sent.definition.clone());
        let asking = Asking::of(&run).below(started_as.waiting_above);
        let start = Start {
            demand: self.0.demand(&asking, &request.workflow)?,
            definition,
            finished_steps,
            run,
            new_run,
            input,
        };
        self.launch(start, wait).await
    }

    /// A run that would stop for want of a secret does not begin.
    fn check_secrets(
        &self,
        workflow: &Workflow,
        definition: &CompiledDefinition,
    ) -> Result<(), EngineError> {
        let names = definition.plan.secret_names();
        let missing = self.0.secrets.missing(workflow, names)?;
        if missing.is_empty() {
            Ok(())
        } else {
            Err(EngineError::MissingSecrets(missing.join("`, `")))
        }
    }

    fn read_input(&self, input: &RawValue) -> Result<Value, EngineError> {
        let misfit = |message: String| {
            let place = "input".to_owned();
            EngineError::BadInput(vec![DefinitionProblem { place, message }])
        };
        let (bytes, max_bytes) = (input.get().len(), self.0.options.max_input_bytes);
        if bytes > max_bytes {
            return Err(misfit(format!(
                "it has {bytes} bytes; at most {max_bytes} are allowed (setting `max_input_bytes`)",
            )));
        }
        serde_json::from_str(input.get())
            .map_err(|error| misfit(format!("it is not JSON: {error}")))
    }

    /// Starts a new run with the input, version and recorded step results of one that failed or was cancelled. It is charged
    /// nothing: the first one was. The same `idempotency_key` is the same retry.
    pub async fn retry(
        &self,
        of: &Run,
        by: &StartedBy,
        idempotency_key: Option<String>,
    ) -> Result<Accepted, EngineError> {
        if !may_be_retried(of.summary.status) {
            return Err(EngineError::Conflict(format!(
                "the run is {}; only a failed or cancelled run can be retried",
                of.summary.status.as_str()
            )));
        }
        let workflow = self
            .0
            .workflows
            .get(&of.summary.workflow_id)?
            .ok_or(EngineError::NotFound)?;
        require_active(workflow.workflow.status)?;
        let definition = self
            .0
            .workflows
            .pinned(&of.summary.workflow_id, of.definition_sequence)?;
        self.check_secrets(&workflow.workflow, &definition)?;
        let input: Value = serde_json::from_str(of.input.get()).map_err(|error| {
            EngineError::Internal(format!("the input of the former run is not JSON: {error}"))
        })?;
        let journal = self.0.store.journal(of.summary.sequence, 0)?;
        let now_ms = self.0.clock.now_ms();
        let finished = settled_events(&definition.plan, &journal, now_ms);

        let mut run = Box::new(of.clone());
        run.summary = RunSummary {
            sequence: 0,
            id: RunId::generate(),
            status: RunStatus::Pending,
            error: None,
            retry_of: Some(of.summary.id.clone()),
            created_at_ms: now_ms,
            started_at_ms: None,
            finished_at_ms: None,
            ..of.summary.clone()
        };
        run.output = None;
        run.started_by = Some(by.label.clone());
        run.account.clone_from(&by.account);
        let start = Start {
            demand: self.0.demand(&Asking::of(&run), &workflow)?,
            new_run: retried_run(&run, workflow.workflow.sequence, idempotency_key, now_ms),
            finished_steps: finished,
            run,
            definition,
            input,
        };
        self.launch(start, Wait::No).await
    }

    /// Starts the run of a step, or finds the one that its idempotency key names.
    pub(super) async fn start_child(
        &self,
        child: ChildRun,
        request: &ChildRequest,
    ) -> Result<Run, EngineError> {
        let workflow = self.0.workflows.get(&request.workflow_id)?;
        let workflow = workflow.ok_or(EngineError::NoWorkflow)?;
        require_active(workflow.workflow.status)?;
        workflow
            .definition
            .check_input(&request.input)
            .map_err(EngineError::BadInput)?;
        self.check_secrets(&workflow.workflow, &workflow.definition)?;
        let input = to_raw_value(&request.input)
            .map_err(|error| EngineError::Internal(error.to_string()))?;
        let asked = RunRequest {
            workflow: workflow.clone(),
            input,
            idempotency_key: request.idempotency_key.clone(),
            by: child.by,
            trigger: StartTrigger::step_of(&child.parent_id),
            sent: None,
        };
        let now_ms = self.0.clock.now_ms();
        let mut run = requested_run(&child.id, &asked, now_ms);
        run.root_id = child.root_id;
        run.parent_sequence = request.waits.then_some(child.parent_sequence);
        run.depth = child.depth;
        run.top_sequence = Some(child.top_sequence);
        let (plan, sequence) = (&workflow.definition.plan, workflow.workflow.sequence);
        let input = (self.0).tell_flow(plan, sequence, &mut run, request.input.clone())?;
        let mut new_run = new_run(&run, sequence);
        new_run.idempotency = idempotency(&asked, &request.input, now_ms);
        new_run.charge = self.0.charge(plan, &[])?;
        new_run.max_below_top = self.0.options.max_runs_below;
        new_run.flow_root = child.flow_root;
        // Its parent gives its own slot back; whoever waits for the parent may not.
        let waiting_above = self.0.admission.waiting_above(&child.parent_id);
        let asking = Asking::of(&run).below(waiting_above);
        let start = Start {
            demand: self.0.demand(&asking, &workflow)?,
            definition: workflow.definition.clone(),
            finished_steps: Vec::new(),
            input,
            run,
            new_run,
        };
        Ok(self.launch(start, Wait::No).await?.run)
    }

    /// The accepted run as it is when it has ended, or when the caller has waited for long enough. `finished` is told by
    /// the execution, where there is one; else, and once it was parked, the journal tells.
    pub(super) async fn awaited(
        &self,
        accepted: Accepted,
        finished: Option<oneshot::Receiver<Run>>,
        wait: Wait,
    ) -> Result<Accepted, EngineError> {
        let Wait::UpToMs(wait_ms) = wait else {
            return Ok(accepted);
        };
        if accepted.run.summary.status.is_final() {
            return Ok(accepted);
        }
        let id = accepted.run.summary.id.clone();
        let mut subscription = self.subscribe(accepted.run.summary.sequence);
        let end = async {
            if let Some(finished) = finished
                && let Ok(run) = finished.await
            {
                return Some(run);
            }
            loop {
                match self.0.store.run(&id) {
                    Ok(Some(run)) if run.summary.status.is_final() => return Some(run),
                    Ok(Some(_)) => subscription.grown().await,
                    _ => return None,
                }
            }
        };
        let mut stopping = self.0.stopping.subscribe();
        let ended = tokio::select! {
            ended = end => ended,
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => None,
            _ = stopping.wait_for(|stopping| *stopping) => None,
        };
        let run = match ended {
            Some(run) => run,
            None => self.0.store.run(&id)?.unwrap_or(accepted.run),
        };
        Ok(Accepted {
            run,
            replayed: accepted.replayed,
        })
    }
}

fn require_active(status: WorkflowStatus) -> Result<(), EngineError> {
    match status {
        WorkflowStatus::Active => Ok(()),
        other => Err(EngineError::NotActive(other.as_str())),
    }
}
