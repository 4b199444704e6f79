//! What the nodes that ask a model have in common: which model, its settings, what it is told was said.
//! May not know how a model is called.

use super::{Handed, is_true, number};
use crate::engine::llm::{Chat, ChatAnswer};
use crate::engine::prediction::{Hearing, PredictionEvent};
use crate::engine::step::Effects;
use crate::model::run::StepError;
use serde_json::{Map, Value, json};

/// A setting of a node's model, and the name that OpenAI's form has for it.
const SETTINGS: [(&str, &str); 5] = [
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("maxTokens", "max_tokens"),
    ("frequencyPenalty", "frequency_penalty"),
    ("presencePenalty", "presence_penalty"),
];
const MAX_IMAGES: usize = 32;

/// A conversation with the model that `config` describes; no messages yet.
pub(super) fn chat(effects: &Effects, config: &Map<String, Value>, now_ms: i64) -> Chat {
    let named = ["modelName", "customModelName", "model"];
    let named = named.iter().find_map(|name| {
        let text = config.get(*name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    });
    let mut settings = Map::new();
    for (name, theirs) in SETTINGS {
        let Some(value) = number(config.get(name)) else {
            continue;
        };
        let value = match theirs {
            "max_tokens" => json!(value as u64),
            _ => json!(value),
        };
        settings.insert(theirs.to_owned(), value);
    }
    // In milliseconds, as the editor has it; not longer than a day.
    let timeout = number(config.get("timeout")).filter(|ms| (1.0..86_400_000.0).contains(ms));
    Chat {
        model: named
            .unwrap_or_else(|| effects.agents.default_model())
            .to_owned(),
        settings,
        timeout_ms: timeout
            .map(|ms| ms as u64)
            .into_iter()
            .chain(effects.timeout_ms)
            .min(),
        idempotency_key: effects.idempotency_key.clone(),
        now_ms,
        ..Chat::default()
    }
}

/// The conversation of an agentflow's node with its model.
pub(super) fn chat_of(effects: &Effects, node: &Handed<'_>) -> Result<Chat, StepError> {
    let model = node
        .own("Model")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if model.is_empty() {
        return Err(super::error("Model is required"));
    }
    let nothing = Map::new();
    let config = node.own("ModelConfig").and_then(Value::as_object);
    Ok(chat(effects, config.unwrap_or(&nothing), effects.now_ms))
}

/// Asks, as often as the run may, and tells how many tokens it took.
pub(super) async fn ask(
    effects: &Effects,
    chat: &Chat,
    hearing: Option<&Hearing>,
) -> Result<ChatAnswer, StepError> {
    if let Some(flows) = &effects.flows {
        flows.count_model_call().await?;
    }
    let answer = effects
        .agents
        .chat(chat, &effects.connections, &effects.redactor, hearing)
        .await?;
    if let (Some(hearing), Some(usage)) = (&effects.hearing, &answer.usage) {
        hearing.tell(PredictionEvent::Usage(usage.clone())).await;
    }
    Ok(answer)
}

/// Who is told the answer as it comes: whoever hears the run, where the node is the last and its model streams.
pub(super) fn heard<'a>(effects: &'a Effects, node: &Handed<'_>) -> Option<&'a Hearing> {
    let config = node.own("ModelConfig").and_then(Value::as_object);
    let streams = config.and_then(|config| config.get("streaming"));
    let streams =
        streams.is_none_or(|streams| streams.as_str() == Some("") || is_true(Some(streams)));
    let hearing = effects.hearing.as_deref();
    hearing.filter(|_| streams && node.told("isLast") == &Value::Bool(true))
}

/// `{"role", "content"}`.
pub(super) fn message(role: &str, content: &str) -> Value {
    json!({ "role": role, "content": content })
}

/// The messages that the node itself sets, those of `system` roles first. Empty ones are left out.
pub(super) fn configured(list: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let messages = list.iter().filter_map(|said| {
        let role = said.get("role")?.as_str()?;
        let content = said.get("content")?.as_str()?;
        let is_known = matches!(role, "system" | "developer" | "user" | "assistant");
        (is_known && !content.is_empty()).then(|| message(role, content))
    });
    messages.partition(|message| {
        let role = message.get("role").and_then(Value::as_str);
        matches!(role, Some("system" | "developer"))
    })
}

/// What was said, without what only the journal needs.
pub(super) fn said(list: &[Value]) -> Vec<Value> {
    let messages = list.iter().filter_map(|said| {
        let role = said.get("role")?.as_str()?;
        let content = said.get("content")?.as_str()?;
        Some(message(role, content))
    });
    messages.collect()
}

/// What the user asks, with files before it and images beside it. The URLs of images are fetched by the model's server, which may
/// stand where their senders do not reach: one that names an address which calls may not reach is an error.
pub(super) fn question(effects: &Effects, node: &Handed<'_>) -> Result<Value, StepError> {
    let files = node.told_text("fileAttachment");
    let asked = node.told_text("question");
    let text = match files {
        "" => asked.to_owned(),
        files => format!("{files}\n\n{asked}"),
    };
    let images: Vec<&str> = node
        .told_list("images")
        .iter()
        .filter_map(Value::as_str)
        .take(MAX_IMAGES)
        .collect();
    if images.is_empty() {
        return Ok(message("user", &text));
    }
    for url in images.iter().filter(|url| !url.starts_with("data:")) {
        effects.outbound.check_written(url)?;
    }
    let mut parts = vec![json!({ "type": "text", "text": text })];
    parts.extend(
        images
            .iter()
            .map(|url| json!({ "type": "image_url", "image_url": { "url": url } })),
    );
    Ok(json!({ "role": "user", "content": parts }))
}

/// The output of a node that has asked a model.
pub(super) fn output(answer: &ChatAnswer) -> Map<String, Value> {
    let mut output = Map::new();
    output.insert("content".to_owned(), json!(answer.content));
    if let Some(usage) = &answer.usage {
        output.insert("usageMetadata".to_owned(), usage.clone());
    }
    if !answer.reasoning.is_empty() {
        output.insert(
            "reasonContent".to_owned(),
            json!({ "thinking": answer.reasoning }),
        );
    }
    output
}

/// The error of a node, as Flowise words it.
pub(super) fn failed(kind: &str, error: StepError) -> StepError {
    StepError {
        message: format!("Error in {kind} node: {}", error.message),
        ..error
    }
}
