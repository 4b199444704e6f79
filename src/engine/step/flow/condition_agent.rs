//! `conditionAgentAgentflow`: a model chooses one of the scenarios, and with it the way.

use super::model::{ask, chat_of, failed, message};
use super::{Handed, llm, structured, took};
use crate::engine::step::{Effects, Given};
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

const INSTRUCTIONS: &str = "You decide which scenario an input belongs to. You are given instructions, the input, and a list of \
                            scenarios. Choose the one scenario that fits best, and answer with JSON in which `output` is that \
                            scenario, letter for letter: {\"output\": \"<scenario>\"}.";

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    Box::pin(async move {
        let node = Handed::read(&config)?;
        chosen(effects, &node)
            .await
            .map_err(|error| failed("Condition Agent", error))
    })
}

async fn chosen(effects: &Effects, node: &Handed<'_>) -> Result<Given, StepError> {
    let scenarios: Vec<&str> = node
        .list("conditionAgentScenarios")
        .iter()
        .filter_map(|scenario| scenario.get("scenario")?.as_str())
        .collect();
    if scenarios.is_empty() {
        return Err(super::error(
            "there are no scenarios to choose from: `conditionAgentScenarios` is empty",
        ));
    }
    let mut chat = chat_of(effects, node)?;
    let instructions = match node.text("conditionAgentSystemPrompt") {
        own if super::is_true(node.own("OverrideSystemPrompt")) && !own.is_empty() => own,
        _ => INSTRUCTIONS,
    };
    let given = json!({
        "instructions": node.text("conditionAgentInstructions"),
        "input": node.text("conditionAgentInput"),
        "scenarios": scenarios,
    });
    let mut messages = vec![message("system", instructions)];
    messages.extend(llm::remembered(effects, node, &chat).await?);
    messages.push(message("user", &given.to_string()));
    chat.messages = messages;
    let input = json!({ "messages": chat.messages });
    structured::want(
        &mut chat,
        json!({
            "type": "object",
            "properties": { "output": { "type": "string", "enum": scenarios } },
            "required": ["output"],
            "additionalProperties": false,
        }),
    );
    let answer = ask(effects, &chat, None).await?;
    let way = matching(&scenarios, &said(&answer.content));
    let conditions: Vec<Value> = scenarios
        .iter()
        .enumerate()
        .map(|(index, scenario)| json!({ "output": scenario, "isFulfilled": index == way }))
        .collect();
    let result = NodeResult {
        input,
        ..NodeResult::of(json!({ "conditions": conditions, "usageMetadata": answer.usage }))
    };
    let done = took(result, u32::try_from(way).ok());
    Ok(Given {
        output: done.output,
        logs: None,
        way: done.way,
    })
}

/// What stands at `output` in the answer; the answer as a whole where that is not JSON.
fn said(content: &str) -> String {
    let inside = content.find('{').zip(content.rfind('}'));
    let inside = inside.and_then(|(from, to)| content.get(from..=to));
    let value: Option<Value> = inside.and_then(|inside| serde_json::from_str(inside).ok());
    let output = value
        .as_ref()
        .and_then(|value| value.get("output")?.as_str());
    output.unwrap_or(content).trim().to_lowercase()
}

/// The scenario that is meant: the same, one that begins so, one that has it inside, else the last one. One without a text, as the
/// editor leaves it, is meant by nothing.
fn matching(scenarios: &[&str], said: &str) -> usize {
    let lower: Vec<String> = scenarios
        .iter()
        .map(|scenario| scenario.trim().to_lowercase())
        .collect();
    let find = |fits: &dyn Fn(&String) -> bool| {
        let mut named = lower.iter().enumerate().filter(|(_, one)| !one.is_empty());
        named.find(|(_, one)| fits(one)).map(|(index, _)| index)
    };
    let last = scenarios.len().saturating_sub(1);
    if said.is_empty() {
        return last;
    }
    find(&|scenario| scenario == said)
        .or_else(|| {
            find(&|scenario| scenario.starts_with(said) || said.starts_with(scenario.as_str()))
        })
        .or_else(|| find(&|scenario| scenario.contains(said) || said.contains(scenario.as_str())))
        .unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_that_is_meant_is_found() {
        let scenarios = ["Ask about pizza", "Ask about the weather", "Anything else"];
        for (content, expected) in [
            ("{\"output\": \"Ask about the weather\"}", 1),
            ("```json\n{\"output\": \"ask about pizza\"}\n```", 0),
            ("{\"output\": \"Ask about the\"}", 1),
            ("weather", 1),
            ("{\"output\": \"none of them\"}", 2),
            ("", 2),
        ] {
            assert_eq!(matching(&scenarios, &said(content)), expected, "{content}");
        }
        let unfilled = ["", "Ask about the weather", " ", "Anything else"];
        for (said, expected) in [("the weather", 1), ("nonsense", 3), ("", 3)] {
            assert_eq!(matching(&unfilled, said), expected, "{said}");
        }
    }
}
