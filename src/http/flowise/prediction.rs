//! `POST /prediction/:id`: asks a flow; and the end of what was asked.
//! May not know how a flow goes on. Promises: nobody is let in after a stream has opened; a caller who goes away takes the run
//! with them; what was asked and answered is kept before the answer is told.

use super::chatflows::TAG;
use super::entry::{Caller, asks, enter_to_run, refused_origin};
use super::flows::Flow;
use super::form;
use super::prediction_body::{Asked, PLACE, PredictionBody, PredictionForm, mistake};
use super::stream::{Teller, respond};
use super::told::{EventView, Outcome, reason, said};
use super::{Answer, about, ok, text, worded};
use crate::engine::prediction::{Executed, Prediction, PredictionEnd, PredictionRequest};
use crate::engine::{EngineError, StartTrigger};
use crate::http::body;
use crate::http::describe::Word;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::multipart::boundary;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::id::{ChatMessageId, RunId, WorkflowId};
use crate::model::chatflow::{ApiConfig, ChatMessage};
use crate::model::flow::StartKind;
use crate::model::limit::Category;
use crate::store::StoreError;
use crate::to_its_end::to_its_end;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ASK: &str = "/api/v1/prediction/:id";
    const ABORT: &str = "/api/v1/chatmessage/abort/:id/:chatId";
    let (door, needs) = (Door::Flowise, asks(Category::Execute));
    vec![
        Endpoint::unless_open(door, Method::POST, ASK, needs, predict)
            .with_key_in_query()
            .described(
                about(TAG, "Ask a flow")
                    .says(
                        "A flow that is bound to a key is asked with that key, whatever it may do; any other with a key that \
                         may send messages, or without one where it is public. With `streaming` the answer is told as it \
                         comes, where the flow can. In a form, `files` are images and texts that are sent along.",
                    )
                    .path::<WorkflowId>()
                    .query::<KeyQuery>()
                    .body::<PredictionBody>(json!({ "question": "Hello" }))
                    .or_multipart::<PredictionForm>()
                    .gives_bare::<Map<String, Value>>(200)
                    .or_streams::<EventView>()
                    .may(500, "The flow failed; `message` says how."),
            ),
        Endpoint::unless_open(door, Method::PUT, ABORT, needs, abort).described(
            about(TAG, "End what is under way in a conversation")
                .path::<WorkflowId>()
                .path::<Word>()
                .gives_bare::<AbortedView>(200),
        ),
    ]
}

/// Where a key may stand, too.
#[derive(Deserialize, JsonSchema)]
#[allow(
    dead_code,
    reason = "the door reads it before any endpoint is known; this describes it"
)]
struct KeyQuery {
    /// A key, where the client cannot send the header, which wins over it.
    apikey: Option<String>,
}

/// What was under way was ended.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChatAborted")]
struct AbortedView {
    /// Always 200.
    status: u16,
    /// Always the same.
    message: &'static str,
}

/// What belongs to one question on its way.
pub(super) struct Asking {
    pub(super) visit: Arc<Visit>,
    pub(super) flow: Flow,
    pub(super) asked: Asked,
    /// Whether the caller may look at what the flow does.
    pub(super) shows_all: bool,
    /// The run of which nothing is kept yet.
    pub(super) unkept: Mutex<Option<RunId>>,
}

async fn predict(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, caller) = match enter_to_run(&visit, access).await? {
        Ok(entered) => entered,
        Err(refused) => return Ok(refused),
    };
    let config = ApiConfig::read(flow.details.api_config.as_deref());
    let asked = sent(&visit).await?.read(&flow, &config.overrides)?;
    let chatbot = flow.chatbot();
    if let Some(message) = refused_origin(&visit, &chatbot) {
        return if asked.is_streaming {
            Ok(text(StatusCode::FORBIDDEN, message.to_owned()))
        } else {
            Err(worded(StatusCode::FORBIDDEN, message))
        };
    }
    let facts = flow.compiled.flow();
    if facts.is_some_and(|facts| facts.start == StartKind::Webhook) {
        return Err(mistake(format!(
            "This flow is configured as a Webhook Trigger. Call POST /api/v1/webhook/{} instead of the prediction API.",
            flow.id()
        )));
    }
    let is_streamed = asked.is_streaming
        && facts.is_some_and(|facts| facts.is_streamable)
        && !chatbot.is_post_processed()
        && !is_called_by_a_flow(&visit);
    let asking = Asking {
        shows_all: caller.may_view(&flow),
        visit,
        flow,
        asked,
        unkept: Mutex::default(),
    };
    if is_streamed {
        let prediction = start(&asking, &caller).await?;
        return Ok(respond(Teller::new(asking, prediction)));
    }
    run_whole(asking, &caller).await
}

/// The body: JSON, or a form with files.
async fn sent(visit: &Visit) -> Result<PredictionBody, Problem> {
    match boundary(&visit.headers)? {
        Some(boundary) => PredictionBody::of_form(form::read(visit, boundary).await?),
        None => body::read_json(visit, usize::MAX).await,
    }
}

/// Flowise's own flows ask others so, and take no stream.
fn is_called_by_a_flow(visit: &Visit) -> bool {
    let tool = visit.headers.get("flowise-tool");
    tool.is_some_and(|value| value.as_bytes() == b"true")
}

async fn start(asking: &Asking, caller: &Caller) -> Result<Prediction, Problem> {
    let prediction = begin(asking, caller).await?;
    *asking.unkept() = Some(prediction.run().clone());
    Ok(prediction)
}

async fn begin(asking: &Asking, caller: &Caller) -> Result<Prediction, Problem> {
    let api = &asking.visit.api;
    let (workflow, input) = (&asking.flow.compiled, &asking.asked.input);
    let sequence = workflow.workflow.sequence;
    let by = caller.started_by();
    let last = || api.store.last_execution(sequence, &input.session_id);
    if let Some(answer) = &asking.asked.human_input {
        let run = match last()? {
            Some(run) => api.store.run(&run)?,
            None => None,
        };
        let run = run.ok_or_else(|| {
            mistake(format!(
                "No previous execution found for session {}",
                input.session_id
            ))
        })?;
        let resumed = api
            .engine
            .resume_prediction(&run, answer, &input.chat_id, &by.label)
            .await;
        return resumed.map_err(failed);
    }
    let facts = workflow.flow();
    let previous = match facts {
        Some(facts) if facts.persists_state => last()?,
        _ => None,
    };
    let request = PredictionRequest {
        workflow: workflow.clone(),
        input: input.clone(),
        previous,
        by,
        trigger: StartTrigger::API,
    };
    api.engine.predict(request).await.map_err(failed)
}

/// What a flow cannot do now, in the form in which clients show it.
fn failed(error: EngineError) -> Problem {
    match error {
        EngineError::Conflict(message) => mistake(message),
        error => error.into(),
    }
}

/// Runs the flow to its end: the answer in one piece.
pub(super) async fn run_whole(asking: Asking, caller: &Caller) -> Answer {
    let prediction = start(&asking, caller).await?;
    let chatbot = asking.flow.chatbot();
    let run = prediction.run().clone();
    // Dropped at the end of this, and the run cancelled, where it is not over: what was asked is kept by then.
    let mut ending = std::pin::pin!(prediction.end());
    let (executed, end) = tokio::select! {
        biased;
        ended = ending.as_mut() => ended,
        () = asking.is_given_up() => (Executed::default(), PredictionEnd::Cancelled),
    };
    let mut outcome = match asking.ended(run, executed, end, None).await {
        Ok(outcome) => outcome,
        Err(message) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Err(worded(status, format!("{PLACE}{message}")));
        }
    };
    if let Some(code) = &chatbot.post_processing()
        && outcome.action.is_none()
    {
        let engine = &asking.visit.api.engine;
        let workflow = asking.flow.compiled.workflow.sequence;
        let changed = engine.post_processed(code, workflow, &asking.asked.input, &outcome.text);
        outcome.text = changed.await.map_err(|error| {
            worded(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("{PLACE}{}", error.message),
            )
        })?;
    }
    asking.keep(&outcome).await?;
    ok(&outcome.answer(&asking.asked))
}

impl Asking {
    /// Returns when nobody is there to be answered. Who sends a webhook wants it to be done, and need not wait for the answer.
    async fn is_given_up(&self) {
        match self.asked.input.webhook {
            Some(_) => std::future::pending().await,
            None => self.visit.client_gone().await,
        }
    }

    /// What came of a prediction. `Err`: why it gave no answer; what was asked is kept then, and who asked is told why.
    pub(super) async fn ended(
        &self,
        run: RunId,
        executed: Executed,
        end: PredictionEnd,
        used_tools: Option<Value>,
    ) -> Result<Outcome, String> {
        let facts = self.flow.compiled.flow();
        let (text, value, action) = match end {
            PredictionEnd::Completed { text, json } => (text, json, None),
            PredictionEnd::Stopped { action, text } => (text, None, Some(action)),
            other => {
                let asked = said(&self.asked, &run, self.visit.api.clock.now_ms());
                if let Err(error) = self.keep_messages(vec![asked]).await {
                    log::warn!("what was asked of run {run} is not kept: {error}");
                }
                return Err(match other {
                    PredictionEnd::Failed(message) => {
                        log::info!("run {run} gave no answer: {message}");
                        reason(&message, self.shows_all)
                    }
                    PredictionEnd::Stopping => "The server is stopping.".to_owned(),
                    _ => "Flow execution was cancelled".to_owned(),
                });
            }
        };
        Ok(Outcome {
            kind: self.flow.kind,
            run,
            message: ChatMessageId::generate(),
            executed,
            text,
            value,
            action,
            used_tools,
            memory_type: facts.and_then(|facts| facts.memory_type),
            is_streamable: facts.is_some_and(|facts| facts.is_streamable),
            shows_all: self.shows_all,
        })
    }

    /// Keeps what was asked and answered.
    pub(super) async fn keep(&self, outcome: &Outcome) -> Result<(), Problem> {
        let now_ms = self.visit.api.clock.now_ms();
        let messages = outcome.messages(&self.asked, now_ms);
        Ok(self.keep_messages(messages).await?)
    }

    /// Keeps them, also when whoever has asked goes away meanwhile.
    fn keep_messages(
        &self,
        messages: Vec<ChatMessage>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        *self.unkept() = None;
        let api = self.visit.api.clone();
        let workflow = self.flow.compiled.workflow.sequence;
        to_its_end(async move {
            let bounds = api.options.chat_bounds;
            api.store
                .add_chat_messages(workflow, messages, bounds)
                .await
        })
    }

    fn unkept(&self) -> MutexGuard<'_, Option<RunId>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody waits for the answer any more, and it was not noticed in time: what was asked is kept all the same.
impl Drop for Asking {
    fn drop(&mut self) {
        let Some(run) = self.unkept().take() else {
            return;
        };
        let asked = said(&self.asked, &run, self.visit.api.clock.now_ms());
        let keeping = self.keep_messages(vec![asked]);
        tokio::spawn(async move {
            if let Err(error) = keeping.await {
                log::warn!("what was asked of run {run} is not kept: {error}");
            }
        });
    }
}

async fn abort(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, caller) = super::entry::enter(&visit, access).await?;
    let by = caller.started_by().label;
    let engine = &visit.api.engine;
    engine
        .abort_predictions(flow.id(), visit.parameter(1), &by)
        .await;
    ok(&AbortedView {
        status: 200,
        message: "Chat message aborted",
    })
}
