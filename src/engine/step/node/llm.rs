//! `llm:*`: asks a language model through the one client of models.
//! May not know the models' protocol. The model is the node's `model`, else the setting `llm_model`;
//! `prompt` (or `userPrompt`), `system_prompt`, `max_tokens` and `temperature` come from the inputs or the parameters, images
//! from `image1`, `image2` … and `frames`.

use super::Handed;
use crate::engine::llm::Question;
use crate::engine::step::{Effects, field};
use crate::model::agent::{AgentProvider, MAX_TOKENS, TEMPERATURE};
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// The most images that a model is shown at once.
const MAX_IMAGES: usize = 32;

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(ask(effects, config))
}

async fn ask(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let question = question(&Handed::read(&config)?, effects)?;
    let answer = effects
        .agents
        .ask(&question, None, &effects.connections, &effects.redactor)
        .await?;
    Ok(json!({
        "text": answer.text,
        "model": answer.model,
        "usage": answer.usage,
        "finishReason": answer.finish_reason,
    }))
}

fn question(node: &Handed<'_>, effects: &Effects) -> Result<Question, StepError> {
    let prompt = node.text(&["prompt", "userPrompt"]).unwrap_or_default();
    let images = images(node)?;
    if prompt.is_empty() && images.is_empty() {
        return Err(node.error("CONFIG", "there is nothing to ask: `prompt` is empty"));
    }
    let named = node.text(&["model"]);
    let max_tokens = field::whole_number(node.params, "max_tokens", 1.0..=f64::from(MAX_TOKENS))?;
    Ok(Question {
        provider: AgentProvider::OpenAi,
        model: named.unwrap_or_else(|| effects.agents.default_model().to_owned()),
        system: node.text(&["system_prompt", "systemPrompt"]),
        prompt,
        input: None,
        images,
        schema: None,
        temperature: field::number(node.params, "temperature", TEMPERATURE)?,
        max_tokens: max_tokens.and_then(|tokens| u32::try_from(tokens).ok()),
        timeout_ms: effects.timeout_ms,
        idempotency_key: effects.idempotency_key.clone(),
        now_ms: effects.now_ms,
    })
}

/// The URLs at `image1`, `image2` … in order, then those at `frames`.
fn images(node: &Handed<'_>) -> Result<Vec<String>, StepError> {
    let mut numbered: Vec<(u32, &Value)> = node
        .inputs
        .iter()
        .filter_map(|(port, value)| Some((port.strip_prefix("image")?.parse().ok()?, value)))
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    let frames = node.inputs.get("frames");
    let all = numbered.into_iter().map(|(_, value)| value).chain(frames);
    let urls: Vec<String> = all.flat_map(urls_of).collect();
    if urls.len() > MAX_IMAGES {
        let message = format!("{} images are more than {MAX_IMAGES}", urls.len());
        return Err(node.error("CONFIG", &message));
    }
    Ok(urls)
}

fn urls_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(url) => vec![url.clone()],
        Value::Array(list) => list.iter().flat_map(urls_of).collect(),
        Value::Object(fields) => fields.get("url").map(urls_of).unwrap_or_default(),
        _ => Vec::new(),
    }
}
