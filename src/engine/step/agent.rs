//! `agent`: asks a language model.
//! May not know the model's protocol (`llm` does). Promise: an answer that does not fit `outputSchema` is no output.

use super::field::{self, Fields};
use super::outside::{self, Named, Thing};
use super::{Behaviour, Effects, StepType};
use crate::engine::agents::AGENT_NOT_FOUND;
use crate::engine::llm::Question;
use crate::engine::schema::Schema;
use crate::id::AgentId;
use crate::model::agent::{Agent, AgentProvider, MAX_TOKENS, TEMPERATURE};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

const KNOWN: [&str; 15] = [
    "agentId",
    "connection",
    "connectionId",
    "connections",
    "input",
    "maxTokens",
    "maxToolIterations",
    "model",
    "outputSchema",
    "prompt",
    "provider",
    "systemPrompt",
    "temperature",
    "timeout",
    "tools",
];
const PROVIDERS: [&str; 2] = ["openai", "anthropic"];
const DAY_MS: f64 = 86_400_000.0;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "agent",
        description: "Asks a language model, and checks its answer against a schema.",
        kind: Kind::Effect,
        check,
        untimed: field::timed,
        raw: &[],
        lists: &[],
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Effect(run),
    names,
};

/// An agent that names no connection asks with the provider's own, or at the server's own model.
fn names(config: &Fields) -> Vec<Named> {
    let mut names = outside::connection(config);
    names.extend(outside::named(
        config,
        &["agentId", "provider"],
        Thing::Agent,
    ));
    if names.is_empty() {
        names.push(Named {
            field: "provider",
            thing: Thing::Agent,
        });
    }
    names
}

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    let is_empty = |value: &Value| match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        other => other.is_null(),
    };
    if config.get("tools").is_some_and(|tools| !is_empty(tools)) {
        problems.add(
            "tools",
            "a model is given no tools by this server; call them by steps of their own, before and after this one",
        );
    }
    if config
        .get("connections")
        .is_some_and(|list| !is_empty(list))
    {
        problems.add(
            "connections",
            "they are for tools, and a model is given none by this server; the provider's key is named in `connection`",
        );
    }
    field::check_word(config, "provider", &PROVIDERS, problems);
    field::check_number(config, "temperature", TEMPERATURE, problems);
    field::check_number(config, "maxTokens", 1.0..=f64::from(MAX_TOKENS), problems);
    field::check_number(config, "timeout", 1.0..=DAY_MS, problems);
    for name in [
        "agentId",
        "connection",
        "connectionId",
        "model",
        "systemPrompt",
    ] {
        field::check_text(config, name, problems);
    }
    match field::reference(config, &["agentId"]) {
        Some(id) if !field::has_template(&Value::from(id)) && !crate::id::is_id(id) => {
            problems.add(
                "agentId",
                format!("`{}` is not the id of an agent", field::cut(id, 60)),
            );
        }
        Some(_) => {}
        None => {
            if config.get("prompt").is_none_or(is_empty) {
                problems.add("prompt", "`prompt` is missing: what the model is asked; or name a stored agent in `agentId`");
            }
            if config
                .get("model")
                .is_some_and(|model| model.is_string() && is_empty(model))
            {
                problems.add(
                    "model",
                    "`model` is empty; name one, or leave it out for the setting `llm_model`",
                );
            }
        }
    }
    if let Some(schema) =
        field::present(config, "outputSchema").filter(|schema| !field::has_template(schema))
        && let Err(message) =
            read_schema(schema).and_then(|schema| Schema::compile(&schema).map(|_| ()))
    {
        problems.add("outputSchema", message);
    }
}

fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(ask(effects, config))
}

async fn ask(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let config = field::fields(&config)?;
    let agent = stored_agent(config, effects)?;
    let question = question(config, agent.as_ref(), effects)?;
    let connection = field::reference(config, &["connection", "connectionId"])
        .or_else(|| agent.as_ref()?.draft.connection_id.as_deref());
    let answer = effects
        .agents
        .ask(
            &question,
            connection,
            &effects.connections,
            &effects.redactor,
        )
        .await?;
    Ok(json!({
        "result": answer.result,
        "text": answer.text,
        "usage": answer.usage,
        "model": answer.model,
        "finishReason": answer.finish_reason,
    }))
}

fn stored_agent(config: &Fields, effects: &Effects) -> Result<Option<Agent>, StepError> {
    let Some(text) = field::reference(config, &["agentId"]) else {
        return Ok(None);
    };
    let id: AgentId = text
        .parse()
        .map_err(|error| field::config_error(format!("`agentId`: {error}")))?;
    match effects.agents.get(&id) {
        Ok(Some(agent)) => Ok(Some(agent)),
        Ok(None) => Err(StepError::fatal(
            AGENT_NOT_FOUND,
            format!("there is no agent {id}"),
        )),
        Err(error) => Err(StepError::transient(
            "STORE",
            format!("the agent {id} cannot be read: {error}"),
        )),
    }
}

/// What is asked: what the step says goes before what its agent says.
fn question(
    config: &Fields,
    agent: Option<&Agent>,
    effects: &Effects,
) -> Result<Question, StepError> {
    let stored = agent.map(|agent| &agent.draft);
    let text = |name: &str| match field::present(config, name) {
        None => Ok(None),
        Some(value) => field::scalar_text(value).map(Some).ok_or_else(|| {
            field::config_error(format!("`{name}`: {} is not a text", field::shown(value)))
        }),
    };
    let provider = match text("provider")?.filter(|word| !word.is_empty()) {
        None => stored.map_or(AgentProvider::OpenAi, |draft| draft.provider),
        Some(word) => AgentProvider::parse(&word.to_ascii_lowercase()).ok_or_else(|| {
            let word = field::cut(&word, 40);
            field::config_error(format!(
                "`provider`: {word} is none of {}",
                PROVIDERS.join(", ")
            ))
        })?,
    };
    let model = text("model")?.filter(|model| !model.trim().is_empty());
    let max_tokens = field::whole_number(config, "maxTokens", 1.0..=f64::from(MAX_TOKENS))?;
    let timeout_ms = field::whole_number(config, "timeout", 1.0..=DAY_MS)?;
    let schema = field::present(config, "outputSchema")
        .map(read_schema)
        .transpose();
    Ok(Question {
        provider,
        model: model
            .or_else(|| stored.map(|draft| draft.model.clone()))
            .unwrap_or_else(|| effects.agents.default_model().to_owned()),
        system: text("systemPrompt")?
            .filter(|system| !system.is_empty())
            .or_else(|| stored.map(|draft| draft.system_prompt.clone())),
        prompt: match field::present(config, "prompt") {
            None => String::new(),
            Some(prompt) => field::scalar_text(prompt).unwrap_or_else(|| prompt.to_string()),
        },
        input: field::present(config, "input").cloned(),
        images: Vec::new(),
        schema: schema
            .map_err(|message| field::config_error(format!("`outputSchema`: {message}")))?
            .or_else(|| stored?.output_schema.clone()),
        temperature: field::number(config, "temperature", TEMPERATURE)?
            .or_else(|| stored?.temperature),
        max_tokens: max_tokens
            .and_then(|tokens| u32::try_from(tokens).ok())
            .or_else(|| stored?.max_tokens),
        timeout_ms: [timeout_ms, effects.timeout_ms].into_iter().flatten().min(),
        idempotency_key: effects.idempotency_key.clone(),
        now_ms: effects.now_ms,
    })
}

/// A schema, written as JSON or as its text.
fn read_schema(value: &Value) -> Result<Value, String> {
    match value {
        Value::String(text) => {
            serde_json::from_str(text).map_err(|error| format!("the text is not JSON: {error}"))
        }
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests;
