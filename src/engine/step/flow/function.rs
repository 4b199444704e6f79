//! `customFunctionAgentflow`: JavaScript, the body of a function.
//! Promise: the code is taken as it was written; values reach it as `$name`, `$vars`, `$flow` and `$input` alone.

use super::{Handed, done, error};
use crate::engine::script::Script;
use crate::engine::step::{Effects, Given};
use crate::model::flow::passed::NodeResult;
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    Box::pin(evaluate(effects, config))
}

async fn evaluate(effects: &Effects, config: Value) -> Result<Given, StepError> {
    let node = Handed::read(&config)?;
    let code = node.text("customFunctionJavascriptFunction");
    let mut input = Map::new();
    input.insert("$input".to_owned(), node.told("question").clone());
    input.insert("$vars".to_owned(), node.told("variables").clone());
    input.insert("$flow".to_owned(), node.told("flow").clone());
    for variable in node.list("customFunctionInputVariables") {
        let name = variable
            .get("variableName")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let name = name.trim_start_matches('$');
        if !is_identifier(name) {
            return Err(error(format!(
                "`{name}` is no name of a variable: letters, digits and `_`"
            )));
        }
        let value = variable.get("variableValue").cloned().unwrap_or_default();
        input.insert(format!("${name}"), value);
    }
    let names: Vec<&str> = input.keys().map(String::as_str).collect();
    // Before the first line, so that the numbers of lines in errors are right.
    let code = format!("const {{ {} }} = input; {code}", names.join(", "));
    let shown = Value::Object(input.clone());
    let script = Script {
        code,
        input: Value::Object(input),
        timeout_ms: effects.timeout_ms,
        max_result_bytes: None,
    };
    let came_to = effects
        .scripts
        .evaluate(script)
        .await
        .map_err(|error| StepError {
            message: format!("Error in Custom Function node: {}", error.message),
            ..error
        })?;
    let content = match came_to.value {
        Value::String(text) => text,
        Value::Null => String::new(),
        value @ (Value::Object(_) | Value::Array(_)) => format!("{value:#}"),
        other => other.to_string(),
    };
    let result = NodeResult {
        input: json!({ "inputVariables": shown }),
        ..NodeResult::of(json!({ "content": content }))
    };
    let logs = (!came_to.logs.is_empty()).then(|| json!(came_to.logs));
    Ok(Given {
        output: done(result).output,
        logs,
        way: None,
    })
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.len() <= 64
}
