//! `llmAgentflow`: asks a model.

use super::memory::Memory;
use super::model::{ask, chat_of, configured, failed, heard, message, output, question, said};
use super::{Handed, done, is_true, structured};
use crate::engine::llm::{Chat, ChatAnswer};
use crate::engine::step::{Effects, Given};
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    Box::pin(async move {
        let node = Handed::read(&config)?;
        answered(effects, &node)
            .await
            .map_err(|error| failed("LLM", error))
    })
}

async fn answered(effects: &Effects, node: &Handed<'_>) -> Result<Given, StepError> {
    let mut chat = chat_of(effects, node)?;
    let asked = messages(effects, node, &mut chat).await?;
    let fields = node.own("StructuredOutput").and_then(Value::as_array);
    let schema = fields.and_then(|fields| structured::schema(fields));
    let input = json!({ "messages": chat.messages });
    let mut answer = match &schema {
        Some(schema) => {
            structured::want(&mut chat, schema.clone());
            ask(effects, &chat, None).await?
        }
        None => ask(effects, &chat, heard(effects, node)).await?,
    };
    let mut more = Map::new();
    if let Some(schema) = &schema {
        more = structured::read(&answer, schema)?;
        answer.content = format!("{:#}", Value::Object(more.clone()));
    }
    more.extend(output(&answer));
    Ok(result(node, input, asked, &answer, more))
}

/// Fills in what the model is told, and gives what of it this run's later nodes are to know.
pub(super) async fn messages(
    effects: &Effects,
    node: &Handed<'_>,
    chat: &mut Chat,
) -> Result<Vec<Value>, StepError> {
    let own = node.own("Messages").and_then(Value::as_array);
    let (system, others) = configured(own.map_or(&[], Vec::as_slice));
    let is_first = node.told("isFirst") == &Value::Bool(true);
    let user = node
        .own("UserMessage")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut messages = system;
    if is_first {
        messages.extend(said(node.told_list("history")));
    }
    messages.extend(others);
    let mut asked = Vec::new();
    messages.extend(remembered(effects, node, chat).await?);
    if is_first && (remembers(node) || user.is_empty()) {
        messages.push(question(effects, node)?);
        asked.push(message("user", node.told_text("question")));
    }
    if !user.is_empty() {
        messages.push(message("user", user));
        asked.push(message("user", user));
    }
    if messages.is_empty() {
        return Err(super::error(
            "there is nothing to ask: the node has no messages, and the flow no question",
        ));
    }
    chat.messages = messages;
    Ok(asked)
}

/// What the model is told of what was said before, in the session and in this run: nothing where the node has no memory.
pub(super) async fn remembered(
    effects: &Effects,
    node: &Handed<'_>,
    chat: &Chat,
) -> Result<Vec<Value>, StepError> {
    if !remembers(node) {
        return Ok(Vec::new());
    }
    let mut before = said(node.told_list("past"));
    before.extend(said(node.told_list("messages")));
    let kind = node
        .own("MemoryType")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let memory = Memory::read(
        kind,
        node.own("MemoryWindowSize"),
        node.own("MemoryMaxTokenLimit"),
    );
    // In a box: it may ask a model itself.
    Box::pin(memory.shown(effects, chat, before)).await
}

fn remembers(node: &Handed<'_>) -> bool {
    is_true(node.own("EnableMemory"))
}

/// What the node comes to: the answer under the role that it is given.
pub(super) fn result(
    node: &Handed<'_>,
    input: Value,
    mut asked: Vec<Value>,
    answer: &ChatAnswer,
    output: Map<String, Value>,
) -> Given {
    let role = match node.own("ReturnResponseAs").and_then(Value::as_str) {
        Some("assistantMessage") => "assistant",
        _ => "user",
    };
    asked.push(json!({ "role": role, "content": answer.content, "name": node.speaker() }));
    let result = NodeResult {
        input,
        output: Value::Object(output),
        state: None,
        messages: asked,
    };
    done(result).output.into()
}
