//! Flows as tools: what an agent's model asks another flow, it is answered.
//! May not know models. Promises: flows ask flows no deeper than the setting `max_depth`, and no more often than `max_flow_calls`;
//! a tool that is dropped takes its run with it.

use super::{Prediction, PredictionEnd, PredictionRequest};
use crate::engine::requested::As;
use crate::engine::{Engine, EngineError, Shared, StartTrigger, StartedBy};
use crate::id::{RunId, WorkflowId};
use crate::model::flow::PredictionInput;
use crate::model::run::StepError;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// The other flows, as one run may ask them.
#[derive(Clone)]
pub struct Flows {
    shared: Arc<Shared>,
    by: StartedBy,
    depth: u32,
    /// The uppermost run above it; `None`: there is none.
    top_sequence: Option<i64>,
    parent: RunId,
    chat_id: String,
    session_id: String,
    own: WorkflowId,
}

impl Flows {
    /// For a run at this depth, below the one with this row number, with this input.
    pub(in crate::engine) fn new(
        shared: Arc<Shared>,
        by: StartedBy,
        depth: u32,
        top_sequence: Option<i64>,
        parent: RunId,
        own: WorkflowId,
        input: &Value,
    ) -> Flows {
        let text = |name: &str| {
            let text = input.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Flows {
            shared,
            by,
            depth,
            top_sequence,
            parent,
            chat_id: text("chatId"),
            session_id: text("sessionId"),
            own,
        }
    }

    /// Counts a call of a model that the run is about to make.
    pub(in crate::engine) async fn count_model_call(&self) -> Result<(), StepError> {
        let counted = self.shared.count_flow_call(&self.parent).await;
        counted.map(drop).map_err(|error| match error {
            EngineError::Store(error) => StepError::transient("STORE", error.to_string()),
            other => StepError::fatal("TOO_MANY_CALLS", other.to_string()),
        })
    }

    /// What the flow with this id answers. Boxed, since the run of a flow may ask flows.
    pub fn ask<'a>(
        &'a self,
        id: &'a str,
        question: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<String, StepError>> + Send + 'a>> {
        Box::pin(async move {
            let refused = |message: String| StepError::fatal("NOT_STARTED", message);
            let prediction = self.start(id, question).await.map_err(refused)?;
            match prediction.end().await.1 {
                PredictionEnd::Completed { text, .. } => Ok(text),
                PredictionEnd::Failed(message) => {
                    Err(StepError::fatal("SUBWORKFLOW_FAILED", message))
                }
                PredictionEnd::Stopped { .. } => {
                    let message = "the flow waits for somebody, and so cannot be a tool";
                    Err(StepError::fatal("SUBWORKFLOW_FAILED", message))
                }
                PredictionEnd::Cancelled | PredictionEnd::Stopping => Err(StepError::transient(
                    "SUBWORKFLOW_CANCELLED",
                    "the flow was cancelled",
                )),
            }
        })
    }

    async fn start(&self, id: &str, question: &str) -> Result<Prediction, String> {
        let max_depth = self.shared.options.max_depth;
        if self.depth >= max_depth {
            return Err(format!(
                "{} runs stand above this one; flows are nested at most {max_depth} deep (setting `max_depth`)",
                self.depth
            ));
        }
        let id: WorkflowId = id
            .parse()
            .map_err(|_| format!("`{id}` is not the id of a flow"))?;
        if id == self.own {
            return Err("Cannot call the same agentflow!".to_owned());
        }
        let workflow = self
            .shared
            .workflows
            .get(&id)
            .map_err(|error| error.to_string())?;
        let workflow = workflow.ok_or_else(|| format!("there is no flow `{id}`"))?;
        let request = PredictionRequest {
            input: PredictionInput {
                question: question.to_owned(),
                chatflow_id: id.as_str().to_owned(),
                chat_id: self.chat_id.clone(),
                session_id: self.session_id.clone(),
                ..PredictionInput::default()
            },
            workflow,
            previous: None,
            by: self.by.clone(),
            trigger: StartTrigger::step_of(&self.parent),
        };
        let root = self.shared.count_flow_call(&self.parent).await;
        let root = root.map_err(|error| error.to_string())?;
        let engine = Engine(self.shared.clone());
        let started_as = As {
            id: RunId::generate(),
            depth: self.depth + 1,
            // Nobody has asked a run above which no other stands: its calls count at itself.
            top_sequence: self.top_sequence.or(Some(root)),
            flow_root: Some(root),
            // The run that asks keeps its slot until it is answered.
            waiting_above: self.shared.admission.waiting_above(&self.parent) + 1,
        };
        let started = engine.predict_as(started_as, request).await;
        started.map_err(|error| error.to_string())
    }
}
