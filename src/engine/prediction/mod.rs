//! Predictions: runs of flows, each with somebody who waits for its answer and may hear it while it comes.
//! May not know HTTP, chat messages, or what a caller may change of a flow: that was decided before. Promises: a prediction is
//! a run like any other, in the journal before anybody is told; who goes away takes the run with them, and the model's call.

mod after;
mod calls;
mod hearing;
mod known;
mod shown;
mod tool;

use hearing::Heard;
pub(in crate::engine) use hearing::Predictions;
pub use hearing::{Hearing, PredictionEnd, PredictionEvent};
pub use shown::Executed;
pub use tool::Flows;

use super::requested::As;
use super::start::{RunRequest, Wait};
use super::{CompiledWorkflow, Engine, EngineError, Reply, Shared, StartTrigger, StartedBy};
use crate::id::{RunId, WorkflowId};
use crate::model::chatflow::ExecutionState;
use crate::model::flow::{FlowFacts, HumanInput, PredictionInput, sight};
use crate::model::run::{Run, RunStatus};
use serde_json::value::to_raw_value;
use std::sync::Arc;

/// Who cancels a run whose caller has gone away, as its journal names it.
const GONE: &str = "caller gone";

/// A prediction that somebody asks for.
pub struct PredictionRequest {
    /// The flow: its current version.
    pub workflow: Arc<CompiledWorkflow>,
    /// What is asked. What was said before and the variables are filled in, where the flow reads them.
    pub input: PredictionInput,
    /// The session's last run; read only where the flow goes on with the state that it left.
    pub previous: Option<RunId>,
    /// Who asks.
    pub by: StartedBy,
    /// What starts it.
    pub trigger: StartTrigger,
}

/// A prediction under way. Dropped before its last event, it is cancelled.
pub struct Prediction {
    shared: Arc<Shared>,
    run: RunId,
    events: Heard,
    is_over: bool,
    /// What the run had done before, where it goes on.
    earlier: Executed,
}

impl CompiledWorkflow {
    /// What holds for the flow as a whole; `None`: the workflow is no flow.
    pub fn flow(&self) -> Option<&FlowFacts> {
        self.definition.plan.flow.as_ref()
    }
}

impl Engine {
    /// Starts a prediction. Returns when its run is recorded.
    pub async fn predict(&self, request: PredictionRequest) -> Result<Prediction, EngineError> {
        self.predict_as(As::first(), request).await
    }

    async fn predict_as(
        &self,
        started_as: As,
        request: PredictionRequest,
    ) -> Result<Prediction, EngineError> {
        let PredictionRequest {
            workflow,
            mut input,
            previous,
            by,
            trigger,
        } = request;
        let Some(flow) = workflow.flow() else {
            return Err(EngineError::Conflict("the workflow is no flow".to_owned()));
        };
        if let (true, Some(previous)) = (flow.persists_state, &previous) {
            input.state = self.state_left(previous).await?;
        }
        if let (true, Some(form)) = (input.question.is_empty(), &input.form) {
            input.question = PredictionInput::form_text(form);
        }
        let workflow_id = workflow.workflow.id.clone();
        let prediction = self.prediction(&started_as.id, workflow_id, input.chat_id.clone())?;
        let input =
            to_raw_value(&input).map_err(|error| EngineError::Internal(error.to_string()))?;
        let request = RunRequest {
            workflow,
            input,
            idempotency_key: None,
            by,
            trigger,
            sent: None,
        };
        self.start_as(started_as, request, Wait::Begun).await?;
        Ok(prediction)
    }

    /// Goes on with a run that waits for somebody's yes or no. `Conflict`: it does not wait.
    pub async fn resume_prediction(
        &self,
        run: &Run,
        answer: &HumanInput,
        chat_id: &str,
        by: &str,
    ) -> Result<Prediction, EngineError> {
        let id = &run.summary.id;
        let pending = self.pending_answers(run).await?;
        let wanted = answer.node_id.as_deref();
        let mut asking = pending.iter().filter(|pending| pending.is_approval);
        let asked = asking.find(|asked| wanted.is_none_or(|wanted| asked.step_id == wanted));
        let Some(asked) = asked else {
            if let (Some(wanted), Some(waiting)) = (wanted, pending.first()) {
                return Err(EngineError::Conflict(format!(
                    "Cannot resume execution {id} at `{wanted}`: it waits at `{}`",
                    waiting.step_id
                )));
            }
            let execution = self.0.store.execution(id)?;
            let state = execution.map_or(ExecutionState::InProgress, |found| found.state);
            let status = state.as_str();
            return Err(EngineError::Conflict(format!(
                "Cannot resume execution {id} because it is in '{status}' state. Only a stopped execution can be resumed"
            )));
        };
        let workflow = run.summary.workflow_id.clone();
        let mut prediction = self.prediction(id, workflow, chat_id.to_owned())?;
        prediction.earlier = self.executed(run).await?;
        let reply = Reply {
            approved: answer.proceeds,
            comment: answer.feedback.clone(),
            output: None,
        };
        match self.answer(run, &asked.step, reply, by).await {
            Ok(_) => Ok(prediction),
            Err(error) => {
                // The run goes on waiting.
                self.0.predictions.forget(id);
                prediction.is_over = true;
                Err(error)
            }
        }
    }

    /// Cancels what is under way in a conversation. Gives how many runs there were.
    pub async fn abort_predictions(&self, workflow: &WorkflowId, chat_id: &str, by: &str) -> usize {
        let runs = self.0.predictions.of_chat(workflow, chat_id);
        for run in &runs {
            if let Err(error) = self.0.cancel(run, by).await {
                log::info!("run {run} is not cancelled: {error}");
            }
        }
        runs.len()
    }

    fn prediction(
        &self,
        run: &RunId,
        workflow: WorkflowId,
        chat_id: String,
    ) -> Result<Prediction, EngineError> {
        let (hearing, events) = Hearing::new(workflow, chat_id);
        if !self.0.predictions.add(run, hearing) {
            let message = format!("execution {run} goes on already");
            return Err(EngineError::Conflict(message));
        }
        Ok(Prediction {
            shared: self.0.clone(),
            run: run.clone(),
            events,
            is_over: false,
            earlier: Executed::default(),
        })
    }

    /// The state that a run has left.
    async fn state_left(
        &self,
        run: &RunId,
    ) -> Result<Option<serde_json::Map<String, serde_json::Value>>, EngineError> {
        let Some(run) = self.0.store.run(run)? else {
            return Ok(None);
        };
        let (_, state) = self.folded(&run).await?;
        Ok(Some(sight::state(&state)))
    }
}

impl Prediction {
    /// Its run: `executionId`.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// What the run had done before, where it goes on after somebody's answer; else nothing.
    pub fn earlier(&self) -> &Executed {
        &self.earlier
    }

    /// The next event; `None` after the last one, which is [`PredictionEvent::Ended`].
    pub async fn next(&mut self) -> Option<PredictionEvent> {
        if self.is_over {
            return None;
        }
        if self.events.is_deaf() {
            // The run is under way still, and is cancelled with this handle.
            let message = "nobody has read the answer for 30 seconds";
            return Some(PredictionEvent::Ended(PredictionEnd::Failed(
                message.to_owned(),
            )));
        }
        let mut stopping = self.shared.stopping.subscribe();
        let event = tokio::select! {
            biased;
            event = self.events.next() => event.unwrap_or_else(|| self.ended_otherwise()),
            _ = stopping.wait_for(|stopping| *stopping) => {
                PredictionEvent::Ended(PredictionEnd::Stopping)
            }
        };
        self.is_over = matches!(event, PredictionEvent::Ended(_));
        if self.is_over {
            self.shared.predictions.forget(&self.run);
        }
        Some(event)
    }

    /// How the run stands that nobody tells of any more.
    fn ended_otherwise(&self) -> PredictionEvent {
        let run = self.shared.store.run(&self.run);
        let summary = run.ok().flatten().map(|run| run.summary);
        PredictionEvent::Ended(match summary {
            Some(run) if run.status == RunStatus::Cancelled => PredictionEnd::Cancelled,
            run => {
                let error = run.and_then(|run| run.error);
                let message =
                    error.map_or_else(|| "the run ended unseen".to_owned(), |error| error.message);
                PredictionEnd::Failed(message)
            }
        })
    }

    /// Waits for the end, and leaves out everything before it but what nodes came to.
    pub async fn end(mut self) -> (Executed, PredictionEnd) {
        let mut executed = std::mem::take(&mut self.earlier);
        while let Some(event) = self.next().await {
            match event {
                PredictionEvent::NodeEnded(node) => executed.push(node),
                PredictionEvent::Ended(end) => return (executed, end),
                _ => {}
            }
        }
        (executed, PredictionEnd::Stopping)
    }
}

impl Drop for Prediction {
    fn drop(&mut self) {
        // The run of one that is over may be heard by another already.
        if self.is_over {
            return;
        }
        self.shared.predictions.forget(&self.run);
        let (shared, run) = (self.shared.clone(), self.run.clone());
        tokio::spawn(async move {
            match shared.cancel(&run, GONE).await {
                Ok(_) | Err(EngineError::Conflict(_) | EngineError::NotFound) => {}
                Err(error) => {
                    log::warn!("run {run}, whose caller has gone, is not cancelled: {error}")
                }
            }
        });
    }
}
