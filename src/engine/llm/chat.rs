//! A conversation with a model: messages, tools, a schema; the answer whole, or piece by piece as it comes.
//! May not know flows. Promises: what is sent is a chat completion as OpenAI publishes its form; of an answer that was told in
//! part no second one is asked for.

use super::passing::Passing;
use super::stream::{Deltas, Gathered};
use super::{CONFIG, LLM_ANSWER, Llm, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES};
use crate::engine::connections::OpenConnection;
use crate::engine::outbound::{OutboundRequest, Streaming, status::status_error, url};
use crate::engine::prediction::Hearing;
use crate::engine::redact::Redactor;
use crate::model::agent::AgentProvider;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

/// What is said of a model's server that refuses the key: what it says itself may hold a part of that, and flows tell visitors why
/// they failed.
const WRONG_KEY: &str =
    "401 Unauthorized – check your API key and ensure it has access to the requested model.";

/// What a model is asked.
#[derive(Debug, Clone, Default)]
pub struct Chat {
    /// The model, as the flow calls it.
    pub model: String,
    /// `{"role", "content"}`, oldest first.
    pub messages: Vec<Value>,
    /// Functions that it may call, each `{"name", "description", "parameters"}`.
    pub tools: Vec<Value>,
    /// A JSON Schema that the answer must fit.
    pub schema: Option<Value>,
    /// Further settings by the names that OpenAI's form has for them: `temperature`, `top_p`, …
    pub settings: Map<String, Value>,
    /// Shorter than the setting's, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Sent along, so that a provider that looks at it does the work once.
    pub idempotency_key: String,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatAnswer {
    /// Its text.
    pub content: String,
    /// What it thought, where it tells.
    pub reasoning: String,
    /// The functions that it calls.
    pub calls: Vec<ToolCall>,
    /// `{"input_tokens", "output_tokens", "total_tokens"}`; `None` where the provider does not say.
    pub usage: Option<Value>,
    /// `stop`, `length`, `tool_calls`, …
    pub finish_reason: Option<String>,
}

/// A function that a model calls.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    /// Names the call.
    pub id: String,
    /// The function.
    pub name: String,
    /// JSON text.
    pub arguments: String,
}

impl ToolCall {
    /// As it is sent back.
    pub fn message(&self) -> Value {
        json!({ "id": self.id, "type": "function",
            "function": { "name": self.name, "arguments": self.arguments } })
    }
}

impl Llm {
    /// Asks a model. With `hearing` the answer is told as it comes.
    pub async fn chat(
        &self,
        chat: &Chat,
        connection: Option<&OpenConnection>,
        redactor: &Redactor,
        hearing: Option<&Hearing>,
    ) -> Result<ChatAnswer, StepError> {
        let mut request = self.chat_request(chat, hearing.is_some())?;
        match connection {
            Some(connection) => connection.authorize(&mut request)?,
            None => self.0.authorize(&mut request, redactor),
        }
        let what = format!("POST {}", url::shown(&request.url));
        let streaming = self.0.outbound.open(request).await?;
        if !(200..300).contains(&streaming.status()) {
            let response = redactor.response(streaming.whole().await?).await;
            return Err(match response.status {
                401 => StepError::fatal("HTTP_STATUS", WRONG_KEY),
                _ => status_error(&what, &response, true, chat.now_ms),
            });
        }
        let is_stream = streaming
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let mut gathered = Gathered::default();
        let read = match is_stream {
            true => follow(&what, streaming, redactor, hearing, &mut gathered).await,
            false => {
                let response = redactor.response(streaming.whole().await?).await;
                gathered.whole(&what, &response.body)
            }
        };
        let told = gathered.told_bytes > 0;
        read.map_err(|error| StepError {
            retryable: error.retryable && !told,
            ..error
        })?;
        if !is_stream && let Some(hearing) = hearing {
            hearing.token(gathered.answer.content.clone()).await;
        }
        Ok(gathered.answer)
    }

    fn chat_request(&self, chat: &Chat, streams: bool) -> Result<OutboundRequest, StepError> {
        let base = self.base_url(AgentProvider::OpenAi);
        let mut body = Map::new();
        body.insert("model".into(), self.0.model(&chat.model).into());
        body.insert("messages".into(), chat.messages.clone().into());
        body.extend(chat.settings.clone());
        // OpenAI's newer models refuse the name that everybody else knows.
        if self.0.base_url.is_none()
            && let Some(tokens) = body.remove("max_tokens")
        {
            body.insert("max_completion_tokens".into(), tokens);
        }
        if !chat.tools.is_empty() {
            let tools = chat.tools.iter();
            let tools = tools.map(|tool| json!({ "type": "function", "function": tool }));
            body.insert("tools".into(), tools.collect());
        }
        if let Some(schema) = &chat.schema {
            let format =
                json!({"type": "json_schema", "json_schema": {"name": "output", "schema": schema}});
            body.insert("response_format".into(), format);
        }
        if streams {
            body.insert("stream".into(), true.into());
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        let body = Value::Object(body).to_string().into_bytes();
        if body.len() > MAX_REQUEST_BYTES {
            let message = format!(
                "the messages have {} bytes, more than {MAX_REQUEST_BYTES}",
                body.len()
            );
            return Err(StepError::fatal(CONFIG, message));
        }
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let accept = if streams {
            "text/event-stream"
        } else {
            "application/json"
        };
        Ok(OutboundRequest {
            method: "POST".into(),
            url: format!("{base}/chat/completions"),
            headers: vec![
                header("content-type", "application/json"),
                header("accept", accept),
                header("idempotency-key", &url::header_text(&chat.idempotency_key)),
            ],
            body: Some(body),
            timeout_ms: chat.timeout_ms,
            max_response_bytes: Some(MAX_ANSWER_BYTES),
            confined: None,
        })
    }
}

/// Reads a stream to its end, and tells what comes.
async fn follow(
    what: &str,
    mut streaming: Streaming,
    redactor: &Redactor,
    hearing: Option<&Hearing>,
    gathered: &mut Gathered,
) -> Result<(), StepError> {
    let mut deltas = Deltas::default();
    let mut passing = hearing.map(|hearing| Passing::new(hearing, redactor));
    while let Some(chunk) = streaming.chunk().await? {
        deltas.feed(&chunk);
        while let Some(line) = deltas.next_line() {
            let told = gathered.line(what, &line)?;
            if let Some(passing) = &mut passing {
                passing.think(&told.thought).await;
                gathered.told_bytes += passing.say(&told.text).await;
            }
        }
        if gathered.is_done {
            break;
        }
    }
    if gathered.is_done || gathered.answer.finish_reason.is_some() {
        if let Some(passing) = passing {
            passing.finish().await;
        }
        let answer = &mut gathered.answer;
        answer.content = redactor.text(std::mem::take(&mut answer.content)).await;
        return Ok(());
    }
    let message = format!("the answer to {what} broke off in the middle of a stream");
    Err(StepError::transient(LLM_ANSWER, message))
}
