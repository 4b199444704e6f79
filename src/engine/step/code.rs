//! `code`: runs JavaScript that the user wrote, and what `transform` needs for doing the same.
//! May not know how scripts are run. Promise: the code is taken as it was written, never as a template, and never touched
//! by values: they reach it as `input` alone.

use super::field::{self, Fields};
use super::{Behaviour, Effects, Given, StepType, outside};
use crate::engine::script::{
    self, Evaluation, MAX_CODE_BYTES, MAX_RESULT_BYTES, MAX_TIMEOUT_MS, Script,
};
use crate::model::plan::{Kind, Problems, StepRule};
use crate::model::run::StepError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

const KNOWN: [&str; 5] = ["code", "input", "language", "sandbox", "timeout"];
const KNOWN_IN_SANDBOX: [&str; 2] = ["maxOutputSize", "timeoutMs"];
const TIMEOUT: std::ops::RangeInclusive<f64> = 1.0..=MAX_TIMEOUT_MS as f64;
const RESULT_BYTES: std::ops::RangeInclusive<f64> = 1.0..=MAX_RESULT_BYTES as f64;

pub(super) const STEP_TYPE: StepType = StepType {
    rule: StepRule {
        name: "code",
        description: "Runs JavaScript and hands on what it returns, with its console.",
        kind: Kind::Pure,
        raw: &["code"],
        lists: &[],
        check,
        untimed: field::timed,
    },
    known: &[&KNOWN],
    behaviour: Behaviour::Compute(run),
    names: outside::nothing,
};

fn check(config: &Fields, problems: &mut Problems<'_>) {
    field::check_names(config, &KNOWN, problems);
    if let Some(language) = field::present(config, "language") {
        check_language(language, problems);
    }
    check_code(config, "code", problems);
    check_limits(config, problems);
}

fn check_language(language: &Value, problems: &mut Problems<'_>) {
    let word = language.as_str().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "javascript" | "js" => {}
        "typescript" | "ts" => problems.add(
            "language",
            "TypeScript is not run here; take the types out and write `\"language\": \"javascript\"`",
        ),
        _ => problems.add(
            "language",
            format!("{} is not `javascript`", field::shown(language)),
        ),
    }
}

/// Points out what is wrong with the JavaScript in the field `name`.
pub(super) fn check_code(config: &Fields, name: &str, problems: &mut Problems<'_>) {
    let message = match field::present(config, name) {
        None => format!(
            "`{name}` is missing: JavaScript, the body of a function of `input`, which ends with `return`"
        ),
        Some(Value::String(code)) if code.trim().is_empty() => format!(
            "`{name}` is empty; it is the body of a function of `input`, such as `return input.a + 1`"
        ),
        Some(Value::String(code)) if code.len() > MAX_CODE_BYTES => format!(
            "the code has {} bytes; at most {MAX_CODE_BYTES} are allowed in one step",
            code.len()
        ),
        Some(Value::String(code)) => match script::check(code) {
            Ok(()) => return,
            Err(message) => format!("this is not JavaScript: {message}"),
        },
        Some(other) => format!("{} is not JavaScript code", field::shown(other)),
    };
    problems.add(name, message);
}

/// Points out what is wrong with `timeout` and `sandbox`.
pub(super) fn check_limits(config: &Fields, problems: &mut Problems<'_>) {
    field::check_number(config, "timeout", TIMEOUT, problems);
    let Some(sandbox) = field::present(config, "sandbox") else {
        return;
    };
    let Some(sandbox) = sandbox.as_object() else {
        let shown = field::shown(sandbox);
        return problems.add(
            "sandbox",
            format!("{shown} is not an object with `timeoutMs` and `maxOutputSize`"),
        );
    };
    let mut inner = Problems {
        place: format!("{}.sandbox", problems.place),
        is_new: problems.is_new,
        found: problems.found,
    };
    field::check_names(sandbox, &KNOWN_IN_SANDBOX, &mut inner);
    field::check_number(sandbox, "timeoutMs", TIMEOUT, &mut inner);
    field::check_number(sandbox, "maxOutputSize", RESULT_BYTES, &mut inner);
}

fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Given, StepError>> {
    async move {
        let Evaluation { value, logs } = evaluate(effects, config, "code").await?;
        Ok(json!({ "result": value, "logs": logs }).into())
    }
    .boxed()
}

/// Runs the code in the field `name` of a rendered configuration, on its `input` (null where there is none).
pub(super) async fn evaluate(
    effects: &Effects,
    mut config: Value,
    name: &str,
) -> Result<Evaluation, StepError> {
    let input = config.get_mut("input").map_or(Value::Null, Value::take);
    let config = field::fields(&config)?;
    let code = field::present(config, name).and_then(Value::as_str);
    let code = code.ok_or_else(|| field::config_error(format!("`{name}` is no text")))?;
    let nothing = Fields::new();
    let sandbox = field::present(config, "sandbox").and_then(Value::as_object);
    let sandbox = sandbox.unwrap_or(&nothing);
    let timeouts = [
        field::whole_number(config, "timeout", TIMEOUT)?,
        field::whole_number(sandbox, "timeoutMs", TIMEOUT)?,
        effects.timeout_ms,
    ];
    let max_result_bytes = field::whole_number(sandbox, "maxOutputSize", RESULT_BYTES)?;
    let script = Script {
        code: code.to_owned(),
        input,
        timeout_ms: timeouts.into_iter().flatten().min(),
        max_result_bytes: max_result_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
    };
    effects.scripts.evaluate(script).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// A configuration, the place of its one mistake, and a part of what is said of it.
    const MISTAKES: &str = r#"
{} ⇒ .code ⇒ missing
{"code": " "} ⇒ .code ⇒ empty
{"code": 5} ⇒ .code ⇒ not JavaScript
{"code": "return 1 +;"} ⇒ .code ⇒ line 1
{"code": "let a;\nlet a;\nreturn a"} ⇒ .code ⇒ line 2
{"code": "return import.meta"} ⇒ .code ⇒ SyntaxError
{"code": "return /(/"} ⇒ .code ⇒ SyntaxError
{"code": "const x: number = 1; return x"} ⇒ .code ⇒ SyntaxError
{"code": "}"} ⇒ .code ⇒ SyntaxError
{"code": "return 1", "language": "typescript"} ⇒ .language ⇒ take the types out
{"code": "return 1", "language": "python"} ⇒ .language ⇒ javascript
{"code": "return 1", "language": 5} ⇒ .language ⇒ javascript
{"code": "return 1", "timeout": 30001} ⇒ .timeout ⇒ 30000
{"code": "return 1", "timeout": "soon"} ⇒ .timeout ⇒ number
{"code": "return 1", "sandbox": 5} ⇒ .sandbox ⇒ object
{"code": "return 1", "sandbox": {"timeoutMs": 0}} ⇒ .sandbox.timeoutMs ⇒ between
{"code": "return 1", "sandbox": {"maxOutputSize": 10485761}} ⇒ .sandbox.maxOutputSize ⇒ between
{"code": "return 1", "sandbox": {"maxOutputsize": 5}} ⇒ .sandbox.maxOutputsize ⇒ `maxOutputSize`?
{"code": "return 1", "inputs": {}} ⇒ .inputs ⇒ `input`?
"#;

    fn problems(config: &Value) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut problems = Problems {
            place: "config".into(),
            is_new: true,
            found: &mut found,
        };
        check(config.as_object().expect("an object"), &mut problems);
        let found = found.into_iter();
        found
            .map(|problem| (problem.place, problem.message))
            .collect()
    }

    #[test]
    fn mistakes_are_found_before_the_run() {
        for line in MISTAKES.trim().lines() {
            let columns: Vec<_> = line.split(" ⇒ ").collect();
            let found = problems(&serde_json::from_str(columns[0]).expect(line));
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert_eq!(found[0].0, format!("config{}", columns[1]));
            assert!(found[0].1.contains(columns[2]), "{line}: {found:?}");
        }
        let long = json!({"code": " ".repeat(MAX_CODE_BYTES) + "return 1"});
        assert!(problems(&long)[0].1.contains("131080"));
    }

    #[test]
    fn what_runs_passes() {
        for code in [
            "return input.a",
            "a = 010; return a",
            "await null; for await (const x of []) {} return `{{x}}`",
            "// only this",
            "return {a: 1} // and a comment",
            "\"use strict\"; return this",
            "while (true) {}",
        ] {
            assert_eq!(problems(&json!({"code": code})), [], "{code}");
        }
        let templates = json!({"code": "return 1", "timeout": "{{input.t}}", "sandbox": {"timeoutMs": "{{input.t}}"}});
        assert_eq!(problems(&templates), []);
    }
}
