//! The one client of language models: chat completions in OpenAI's form, as many providers and local servers speak it.
//! May not know steps or stored agents. Promises: a key goes only where its connection is bound to; what comes back is bounded
//! and, where a schema is given, fits it.
//!
//! Where a call goes: to the setting `llm_base_url` where it is set, else to the provider's own address.

mod answer;
mod chat;
mod passing;
mod stream;

pub(in crate::engine) use answer::fitting_value;
pub use chat::{Chat, ChatAnswer, ToolCall};

use crate::engine::connections::OpenConnection;
use crate::engine::outbound::{Confined, Outbound, OutboundRequest, status::status_error, url};
use crate::engine::redact::Redactor;
use crate::engine::schema::Schema;
use crate::model::agent::AgentProvider;
use crate::model::connection::BoundHost;
use crate::model::run::StepError;
use crate::secret::SecretText;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The answer is no chat completion, or has no text.
pub const LLM_ANSWER: &str = "LLM_ANSWER";
/// The answer does not fit the schema.
pub const OUTPUT_SCHEMA: &str = "OUTPUT_SCHEMA";
/// The call cannot be made as it stands: no key, or too large.
const CONFIG: &str = "CONFIG";

/// The largest request, in bytes.
const MAX_REQUEST_BYTES: usize = 4 << 20;
/// The largest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// A question for a model.
pub struct Question {
    /// Who serves the model.
    pub provider: AgentProvider,
    /// The model, as the provider calls it.
    pub model: String,
    /// The instructions.
    pub system: Option<String>,
    /// What is asked.
    pub prompt: String,
    /// Shown to the model as JSON, behind the prompt.
    pub input: Option<Value>,
    /// URLs of images that the model is shown, behind the text.
    pub images: Vec<String>,
    /// A JSON Schema that the answer must fit.
    pub schema: Option<Value>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// The longest answer.
    pub max_tokens: Option<u32>,
    /// Shorter than the setting's, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Sent along, so that a provider that looks at it does the work once.
    pub idempotency_key: String,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The value, where a schema was given; else the text.
    pub result: Value,
    /// The text as it came.
    pub text: String,
    /// How many tokens it took: `promptTokens`, `completionTokens`, `totalTokens`; each null where the provider does not say.
    pub usage: Value,
    /// The model that answered, as the provider says.
    pub model: String,
    /// `stop`, `length`, …
    pub finish_reason: Option<String>,
}

impl Answer {
    /// Without the secrets of the attempt, which a server may have echoed.
    pub async fn redacted(self, redactor: &Redactor) -> Answer {
        Answer {
            result: redactor.value(self.result).await,
            text: redactor.text(self.text).await,
            model: redactor.text(self.model).await,
            ..self
        }
    }
}

/// A handle to the client; clones share it.
#[derive(Clone)]
pub struct Llm(Arc<Client>);

struct Client {
    outbound: Outbound,
    base_url: Option<String>,
    api_key: Option<SecretText>,
    /// The host of `base_url`, which alone may see `api_key`.
    base_host: Option<BoundHost>,
    models: Vec<(String, String)>,
}

/// What the client takes from the configuration.
#[derive(Debug, Clone, Default)]
pub struct LlmOptions {
    /// The setting `llm_base_url`: its host may be called for this use, wherever it is.
    pub base_url: Option<String>,
    /// The setting `llm_api_key`: sent to `base_url` with calls that name no connection.
    pub api_key: Option<SecretText>,
    /// The setting `llm_models`: what a model that is asked for is called there.
    pub models: Vec<(String, String)>,
    /// The setting `llm_timeout_ms`: how long a call may take, in milliseconds.
    pub timeout_ms: u64,
}

impl Llm {
    /// The error says what is wrong with `base_url`.
    pub fn new(outbound: &Outbound, options: LlmOptions) -> Result<Llm, String> {
        let base_url = options.base_url.as_deref();
        let authority = base_url.map(url::authority).transpose()?;
        let base_host = authority
            .as_deref()
            .map(|authority| authority.parse().map_err(|error| format!("{error}")));
        let allow: Vec<String> = authority.clone().into_iter().collect();
        Ok(Llm(Arc::new(Client {
            outbound: outbound.for_use(&allow, options.timeout_ms, Some("llm_timeout_ms"))?,
            base_url: base_url.map(|url| url.trim_end_matches('/').to_owned()),
            api_key: options.api_key,
            base_host: base_host.transpose()?,
            models: options.models,
        })))
    }

    /// Whether the setting `llm_base_url` says where calls go.
    pub fn has_base_url(&self) -> bool {
        self.0.base_url.is_some()
    }

    /// Asks a model. Retryable are what api calls that repeat without harm are (no answer in time, 408, 429, 5xx), and an
    /// answer that is no completion or does not fit the schema.
    pub async fn ask(
        &self,
        question: &Question,
        connection: Option<&OpenConnection>,
        redactor: &Redactor,
    ) -> Result<Answer, StepError> {
        let schema = question
            .schema
            .as_ref()
            .map(Schema::compile)
            .transpose()
            .map_err(|message| StepError::fatal(CONFIG, format!("`outputSchema`: {message}")))?;
        let mut request = self.request(question)?;
        match connection {
            Some(connection) => connection.authorize(&mut request)?,
            None if self.0.base_url.is_some() => self.0.authorize(&mut request, redactor),
            None => {
                let provider = question.provider.as_str();
                return Err(StepError::fatal(
                    CONFIG,
                    format!(
                        "there is no key for {provider}: make a connection with `\"provider\": \"{provider}\"` and name it in `connection`, or set `llm_base_url`"
                    ),
                ));
            }
        }
        let what = format!("POST {}", url::shown_host(&request.url));
        let response = redactor
            .response(self.0.outbound.send(request).await?)
            .await;
        if !(200..300).contains(&response.status) {
            return Err(status_error(&what, &response, true, question.now_ms));
        }
        let mut answer = answer::read(&what, &response.body)?;
        if let Some(schema) = schema {
            answer.result = answer::fitting(&answer, &schema)?;
        }
        Ok(answer)
    }

    /// Where calls go: without a slash at its end.
    fn base_url(&self, provider: AgentProvider) -> &str {
        let base_url = self.0.base_url.as_deref();
        base_url.unwrap_or(match provider {
            AgentProvider::OpenAi => "https://api.openai.com/v1",
            AgentProvider::Anthropic => "https://api.anthropic.com/v1",
        })
    }

    fn request(&self, question: &Question) -> Result<OutboundRequest, StepError> {
        let base = self.base_url(question.provider);
        let body = self.body(question).to_string().into_bytes();
        if body.len() > MAX_REQUEST_BYTES {
            return Err(StepError::fatal(
                CONFIG,
                format!(
                    "prompt and input have {} bytes, more than {MAX_REQUEST_BYTES}",
                    body.len()
                ),
            ));
        }
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Ok(OutboundRequest {
            method: "POST".into(),
            url: format!("{base}/chat/completions"),
            headers: vec![
                header("content-type", "application/json"),
                header("accept", "application/json"),
                header(
                    "idempotency-key",
                    &url::header_text(&question.idempotency_key),
                ),
            ],
            body: Some(body),
            timeout_ms: question.timeout_ms,
            max_response_bytes: Some(MAX_ANSWER_BYTES),
            confined: None,
        })
    }

    fn body(&self, question: &Question) -> Value {
        // Some providers and most local servers know no schemas, so the model is told of it as well.
        let wanted = question.schema.as_ref().map(|schema| {
            format!("Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{schema}")
        });
        let system: Vec<&str> = question
            .system
            .as_deref()
            .into_iter()
            .chain(wanted.as_deref())
            .collect();
        let mut messages = Vec::new();
        if !system.is_empty() {
            messages.push(json!({"role": "system", "content": system.join("\n\n")}));
        }
        messages.push(json!({"role": "user", "content": content(question)}));
        let mut body = Map::new();
        body.insert("model".into(), self.0.model(&question.model).into());
        body.insert("messages".into(), messages.into());
        if let Some(temperature) = question.temperature {
            body.insert("temperature".into(), temperature.into());
        }
        if let Some(tokens) = question.max_tokens {
            // OpenAI's newer models refuse the name that everybody else knows.
            let is_openai = self.0.base_url.is_none() && question.provider == AgentProvider::OpenAi;
            let name = if is_openai {
                "max_completion_tokens"
            } else {
                "max_tokens"
            };
            body.insert(name.into(), tokens.into());
        }
        if let Some(schema) = &question.schema {
            let format =
                json!({"type": "json_schema", "json_schema": {"name": "output", "schema": schema}});
            body.insert("response_format".into(), format);
        }
        body.into()
    }
}

impl Client {
    /// What a model is called where the calls go.
    fn model<'a>(&'a self, asked: &'a str) -> &'a str {
        let mut models = self.models.iter();
        let found = models.find(|(name, _)| name == asked);
        found.map_or(asked, |(_, model)| model)
    }

    /// Puts the key of the configuration into a call to `base_url`, if there is one.
    fn authorize(&self, request: &mut OutboundRequest, redactor: &Redactor) {
        let (Some(key), Some(host)) = (&self.api_key, &self.base_host) else {
            return;
        };
        redactor.learn(key.expose());
        let header = (
            "authorization".to_owned(),
            format!("Bearer {}", key.expose()),
        );
        request.headers.push(header);
        request.confined = Some(Confined {
            hosts: vec![host.clone()],
            secrets: redactor.clone(),
        });
    }
}

/// What the user says: a text, or where there are images a list of parts.
fn content(question: &Question) -> Value {
    let text = user_message(question);
    if question.images.is_empty() {
        return Value::from(text);
    }
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(json!({ "type": "text", "text": text }));
    }
    let images = question.images.iter();
    parts.extend(images.map(|url| json!({ "type": "image_url", "image_url": { "url": url } })));
    Value::Array(parts)
}

/// The prompt, and the input behind it.
fn user_message(question: &Question) -> String {
    let input = match &question.input {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    match (question.prompt.as_str(), input) {
        (prompt, None) => prompt.to_owned(),
        ("", Some(input)) => input,
        (prompt, Some(input)) => format!("{prompt}\n\nInput:\n{input}"),
    }
}
