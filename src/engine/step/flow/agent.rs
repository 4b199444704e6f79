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
use std::collections::HashSet;

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
        let mut answer = ask(effects, &chat, heard(effects, node)).await?;
        tell_apart(&mut answer.calls, round);
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

/// Gives every call an id of its own: some servers send none, or one several times, and none takes that back. What calls nothing
/// is left out.
fn tell_apart(calls: &mut Vec<ToolCall>, round: usize) {
    calls.retain(|call| !call.name.is_empty());
    let mut seen = HashSet::new();
    for (number, call) in calls.iter_mut().enumerate() {
        if call.id.is_empty() || seen.contains(&call.id) {
            call.id = format!("call_{round}_{number}");
        }
        seen.insert(call.id.clone());
    }
}

/// The arguments of a call; `None`: they are no object, and nobody may guess what was meant.
fn read_arguments(call: &ToolCall) -> Option<Value> {
    match call.arguments.trim() {
        // Functions that take nothing are called so.
        "" | "null" => Some(json!({})),
        text => serde_json::from_str(text).ok().filter(Value::is_object),
    }
}

/// The arguments as they are shown.
fn arguments(call: &ToolCall) -> Value {
    read_arguments(call).unwrap_or_else(|| Value::String(call.arguments.clone()))
}

/// What a tool answers. That it failed is an answer too: the model decides what to make of it.
async fn call_tool(effects: &Effects, tools: &[Tool], call: &ToolCall, key: &str) -> String {
    let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
        return format!("Error: there is no tool `{}`", call.name);
    };
    let Some(arguments) = read_arguments(call) else {
        return format!("Error: the arguments of `{}` are no JSON object", call.name);
    };
    match tool.call(effects, &arguments, key).await {
        Ok(text) => text,
        Err(error) => format!("Error: {}", error.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    #[test]
    fn every_call_has_an_id_of_its_own() {
        let mut calls: Vec<ToolCall> = ["", "a", "a", "b", ""].map(|id| call(id, "add", "")).into();
        calls.push(ToolCall::default());
        tell_apart(&mut calls, 3);
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, ["call_3_0", "a", "call_3_2", "b", "call_3_4"]);
    }

    #[test]
    fn what_is_no_object_is_no_arguments() {
        for (text, read) in [
            ("{\"a\":1}", Some(json!({ "a": 1 }))),
            (" ", Some(json!({}))),
            ("null", Some(json!({}))),
            ("{\"a\":", None),
            ("[1]", None),
            ("5", None),
        ] {
            assert_eq!(read_arguments(&call("c", "add", text)), read, "{text}");
        }
    }
}
