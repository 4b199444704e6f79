//! The chains of chatflows: `conversationChain` and `llmChain`, each with its model, prompt, memory and parser.

use super::memory::Memory;
use super::model::{self, ask, chat, message, output, said};
use super::{Handed, done, error, is_true, prompt};
use crate::engine::llm::{Chat, fitting_value};
use crate::engine::prediction::Hearing;
use crate::engine::schema::Schema;
use crate::engine::step::{Effects, Given};
use crate::model::flow::passed::NodeResult;
use crate::model::flow::text_of;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

/// What a conversation begins with where the chain does not say.
const SYSTEM: &str = "You are in a conversation with a human. You are talkative and give specific details from what you are \
                      told. Where you do not know an answer, you say so.";

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    Box::pin(async move {
        let node = Handed::read(&config)?;
        answered(effects, &node).await
    })
}

/// A node that is a part of the chain: what it is, and its inputs.
struct Part<'a> {
    name: &'a str,
    inputs: &'a Map<String, Value>,
}

fn part<'a>(node: &Handed<'a>, name: &str) -> Option<Part<'a>> {
    let part = node.input(name)?;
    Some(Part {
        name: part.get("name")?.as_str()?,
        inputs: part.get("inputs")?.as_object()?,
    })
}

async fn answered(effects: &Effects, node: &Handed<'_>) -> Result<Given, StepError> {
    if let Some(refusal) = moderated(node) {
        if let Some(hearing) = heard(effects, node) {
            hearing.token(refusal.clone()).await;
        }
        return Ok(given(json!({}), json!({ "content": refusal })));
    }
    let model = part(node, "model").ok_or_else(|| error("the chain has no model"))?;
    let chain = part(node, "chain").ok_or_else(|| error("the node is no chain"))?;
    let mut chat = chat(effects, model.inputs, effects.now_ms);
    chat.messages = match chain.name {
        "conversationChain" => conversation(effects, node, &chain, &chat).await?,
        _ => prompted(node)?,
    };
    let parser = part(node, "parser");
    if let Some(parser) = &parser {
        chat.messages.push(message("system", &instructions(parser)));
        chat.schema = schema(parser);
    }
    let streams = model.inputs.get("streaming");
    let streams = streams.is_none_or(|streams| is_true(Some(streams)));
    let hearing = heard(effects, node).filter(|_| streams && parser.is_none());
    let input = json!({ "messages": chat.messages });
    let answer = ask(effects, &chat, hearing).await?;
    let mut output = output(&answer);
    if let Some(parser) = &parser {
        let value = parsed(
            parser,
            &chat,
            &answer.content,
            answer.finish_reason.as_deref(),
        )?;
        output.insert("content".to_owned(), json!(format!("{value:#}")));
        output.insert("json".to_owned(), value);
    }
    Ok(given(input, Value::Object(output)))
}

fn given(input: Value, output: Value) -> Given {
    done(NodeResult {
        input,
        ..NodeResult::of(output)
    })
    .output
    .into()
}

fn heard<'a>(effects: &'a Effects, node: &Handed<'_>) -> Option<&'a Hearing> {
    let hearing = effects.hearing.as_deref();
    hearing.filter(|_| node.told("isLast") == &Value::Bool(true))
}

/// What is answered in place of the model, where the question has something that is not wanted.
fn moderated(node: &Handed<'_>) -> Option<String> {
    let part = part(node, "moderation")?;
    let question = node.told_text("question").to_lowercase();
    let mut denied = text_of(part.inputs, "denyList").lines().map(str::trim);
    denied.find(|phrase| !phrase.is_empty() && question.contains(&phrase.to_lowercase()))?;
    Some(match text_of(part.inputs, "moderationErrorMessage") {
        "" => "Cannot Process! Input violates content moderation policies.".to_owned(),
        message => message.to_owned(),
    })
}

/// Instructions, what was said before, the question.
async fn conversation(
    effects: &Effects,
    node: &Handed<'_>,
    chain: &Part<'_>,
    chat: &Chat,
) -> Result<Vec<Value>, StepError> {
    let mut values = Map::new();
    values.insert("input".to_owned(), node.told("question").clone());
    let prompt = part(node, "prompt");
    let own = |name: &str| {
        prompt
            .as_ref()
            .map_or("", |prompt| text_of(prompt.inputs, name))
    };
    let system = [
        own("systemMessagePrompt"),
        text_of(chain.inputs, "systemMessagePrompt"),
        SYSTEM,
    ];
    let system = system
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let mut messages = vec![message("system", &prompt::filled(system, &values))];
    messages.extend(said(node.told_list("history")));
    if let Some(memory) = part(node, "memory") {
        let tokens = memory.inputs.get("maxTokenLimit");
        let memory = Memory::read(memory.name, memory.inputs.get("k"), tokens);
        messages.extend(
            memory
                .shown(effects, chat, said(node.told_list("past")))
                .await?,
        );
    }
    let human = own("humanMessagePrompt");
    if human.is_empty() {
        messages.push(model::question(effects, node)?);
    } else {
        messages.push(message("user", &prompt::filled(human, &values)));
    }
    Ok(messages)
}

/// The chain's prompt, filled in.
fn prompted(node: &Handed<'_>) -> Result<Vec<Value>, StepError> {
    let part = part(node, "prompt").ok_or_else(|| error("the chain has no prompt"))?;
    let human = match part.name {
        "chatPromptTemplate" => text_of(part.inputs, "humanMessagePrompt"),
        _ => text_of(part.inputs, "template"),
    };
    let system = match part.name {
        "chatPromptTemplate" => text_of(part.inputs, "systemMessagePrompt"),
        _ => "",
    };
    let mut values = match part.inputs.get("promptValues") {
        Some(Value::Object(values)) => values.clone(),
        _ => Map::new(),
    };
    let mut missing = prompt::names(system);
    missing.extend(prompt::names(human));
    missing.dedup();
    missing.retain(|name| !values.contains_key(*name));
    match missing.as_slice() {
        [] => {}
        [one] => {
            values.insert((*one).to_owned(), node.told("question").clone());
        }
        several => {
            let several = several.join(", ");
            return Err(error(format!(
                "Please provide Prompt Values for: {several}"
            )));
        }
    }
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(message("system", &prompt::filled(system, &values)));
    }
    messages.push(message("user", &prompt::filled(human, &values)));
    Ok(messages)
}

/// What the model is told of the form of its answer.
fn instructions(parser: &Part<'_>) -> String {
    match parser.name {
        "csvOutputParser" => "Answer with a list of values, separated by commas, and with nothing else, such as: `foo, bar, baz`".to_owned(),
        "customListOutputParser" => {
            let separator = match text_of(parser.inputs, "separator") {
                "" => ",",
                separator => separator,
            };
            format!("Answer with a list of values, separated by `{separator}`, and with nothing else.")
        }
        "structuredOutputParser" => format!(
            "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n{}",
            schema(parser).unwrap_or_default()
        ),
        _ => format!(
            "Answer with one JSON value of this form, and with nothing else:\n{}",
            text_of(parser.inputs, "exampleJson")
        ),
    }
}

/// The schema that a structured parser describes: a list of `property`, `type` and `description`.
fn schema(parser: &Part<'_>) -> Option<Value> {
    if parser.name != "structuredOutputParser" {
        return None;
    }
    let fields = match parser.inputs.get("jsonStructure") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    let fields: Vec<Value> = fields
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|field| json!({ "key": field["property"], "type": field["type"], "description": field["description"] }))
        .collect();
    super::structured::schema(&fields)
}

fn parsed(
    parser: &Part<'_>,
    chat: &Chat,
    content: &str,
    finish_reason: Option<&str>,
) -> Result<Value, StepError> {
    let list = |separator: &str| {
        let values = content.split(separator).map(str::trim);
        let values = values.filter(|value| !value.is_empty()).map(Value::from);
        Value::Array(values.collect())
    };
    match parser.name {
        "csvOutputParser" => Ok(list(",")),
        "customListOutputParser" => Ok(list(match text_of(parser.inputs, "separator") {
            "" => ",",
            separator => separator,
        })),
        _ => {
            let any = json!({});
            let schema = chat.schema.as_ref().unwrap_or(&any);
            let schema = Schema::compile(schema).map_err(error)?;
            fitting_value(content, finish_reason, &schema)
        }
    }
}
