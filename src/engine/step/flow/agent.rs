//! `agentAgentflow`: asks a model, which may call tools, as often as it likes up to a bound.
//! Promise: a model is asked and tools are called a bounded number of times.

use super::model::{ask, chat_of, failed, heard, output};
use super::tool::{Tool, tools};
use super::{Handed, llm, number};
use crate::engine::llm::{ChatAnswer, ToolCall};
use crate::engine::prediction::PredictionEvent;
use crate::engine::step::{Effects, Given};
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

/// How often a model may call tools before it has to answer, where the node does not say, and at most.
const DEFAULT_ROUNDS: f64 = 15.0;
const MAX_ROUNDS: f64 = 50.0;

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    Box::pin(async move {
        let node = Handed::read(&config)?;
        answered(effects, &node)
            .await
            .map_err(|error| failed("Agent", error))
    })
}

async fn answered(effects: &Effects, node: &Handed<'_>) -> Result<Given, StepError> {
    let tools = tools(node)?;
    let mut chat = chat_of(effects, node)?;
    let asked = llm::messages(effects, node, &mut chat).await?;
    chat.tools = tools.iter().map(Tool::described).collect();
    let input = json!({ "messages": chat.messages });
    let rounds = number(node.own("MaxIterations")).unwrap_or(DEFAULT_ROUNDS);
    let rounds = rounds.clamp(1.0, MAX_ROUNDS) as usize;
    let mut used = Vec::new();
    let own_key = chat.idempotency_key.clone();
    for round in 0..=rounds {
        // The last word has to be an answer.
        if round == rounds {
            chat.tools.clear();
        }
        chat.idempotency_key = format!("{own_key}:{round}");
        let answer = ask(effects, &chat, heard(effects, node)).await?;
        if answer.calls.is_empty() || chat.tools.is_empty() {
            let mut output = output(&answer);
            if !used.is_empty() {
                output.insert("usedTools".to_owned(), Value::Array(used));
            }
            return Ok(llm::result(node, input, asked, &answer, output));
        }
        tell_calls(effects, &answer).await;
        chat.messages.push(said(&answer));
        let before = used.len();
        for (number, call) in answer.calls.iter().enumerate() {
            let key = format!("{own_key}:{round}:{number}");
            let answered = call_tool(effects, &tools, call, &key).await;
            chat.messages.push(json!({
                "role": "tool", "tool_call_id": call.id, "content": answered,
            }));
            used.push(json!({
                "tool": call.name, "toolInput": arguments(call), "toolOutput": answered,
            }));
        }
        if let (Some(hearing), Some(new)) = (&effects.hearing, used.get(before..)) {
            hearing.tell(PredictionEvent::UsedTools(json!(new))).await;
        }
    }
    Err(super::error("the model never came to an answer"))
}

/// The model's own message, as it is sent back with the answers of the tools.
fn said(answer: &ChatAnswer) -> Value {
    let content = (!answer.content.is_empty()).then_some(&answer.content);
    let calls: Vec<Value> = answer.calls.iter().map(ToolCall::message).collect();
    json!({ "role": "assistant", "content": content, "tool_calls": calls })
}

async fn tell_calls(effects: &Effects, answer: &ChatAnswer) {
    if let Some(hearing) = &effects.hearing {
        let calls = answer.calls.iter();
        let calls: Vec<Value> = calls
            .map(
                |call| json!({ "tool": call.name, "toolInput": arguments(call), "toolOutput": "" }),
            )
            .collect();
        hearing
            .tell(PredictionEvent::CalledTools(Value::Array(calls)))
            .await;
    }
}

fn arguments(call: &ToolCall) -> Value {
    serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}))
}

/// What a tool answers. That it failed is an answer too: the model decides what to make of it.
async fn call_tool(effects: &Effects, tools: &[Tool], call: &ToolCall, key: &str) -> String {
    let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
        return format!("Error: there is no tool `{}`", call.name);
    };
    match tool.call(effects, &arguments(call), key).await {
        Ok(text) => text,
        Err(error) => format!("Error: {}", error.message),
    }
}
