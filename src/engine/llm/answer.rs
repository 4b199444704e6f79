//! From a chat completion to an answer. May not know how it was got.

use super::{Answer, LLM_ANSWER, OUTPUT_SCHEMA};
use crate::engine::schema::Schema;
use crate::model::run::StepError;
use serde_json::{Value, json};

/// How much of a text an error shows, in characters.
const SHOWN_CHARS: usize = 200;

/// Reads a chat completion.
pub(super) fn read(what: &str, body: &[u8]) -> Result<Answer, StepError> {
    let wrong =
        |why: String| StepError::transient(LLM_ANSWER, format!("the answer to {what} {why}"));
    let completion: Value =
        serde_json::from_slice(body).map_err(|error| wrong(format!("is not JSON: {error}")))?;
    if let Some(error) = completion.get("error").filter(|error| !error.is_null()) {
        return Err(wrong(format!("is an error: {}", cut(&error.to_string()))));
    }
    let choice = completion
        .pointer("/choices/0")
        .ok_or_else(|| wrong("is no chat completion: it has no `choices`".to_owned()))?;
    let finish_reason = choice.get("finish_reason").and_then(Value::as_str);
    let message = choice.get("message").unwrap_or(&Value::Null);
    if let Some(refusal) = message.get("refusal").and_then(Value::as_str) {
        return Err(StepError::fatal(
            LLM_ANSWER,
            format!("the model refused: {}", cut(refusal)),
        ));
    }
    let text = text_of(message.get("content").unwrap_or(&Value::Null)).ok_or_else(|| {
        let reason = finish_reason.unwrap_or("none");
        wrong(format!("has no text (finish reason: {})", cut(reason)))
    })?;
    let tokens = |name: &str| {
        completion
            .pointer(&format!("/usage/{name}"))
            .and_then(Value::as_u64)
    };
    Ok(Answer {
        result: Value::String(text.clone()),
        usage: json!({
            "promptTokens": tokens("prompt_tokens"),
            "completionTokens": tokens("completion_tokens"),
            "totalTokens": tokens("total_tokens"),
        }),
        model: completion
            .get("model")
            .and_then(Value::as_str)
            .map(cut)
            .unwrap_or_default(),
        finish_reason: finish_reason.map(cut),
        text,
    })
}

/// The text of a message: a string, or parts of which some are text.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            Some(texts.collect())
        }
        _ => None,
    }
}

/// The value in the answer's text, if it fits the schema.
pub(super) fn fitting(answer: &Answer, schema: &Schema) -> Result<Value, StepError> {
    fitting_value(&answer.text, answer.finish_reason.as_deref(), schema)
}

/// The value in a model's text, if it fits the schema.
pub(in crate::engine) fn fitting_value(
    text: &str,
    finish_reason: Option<&str>,
    schema: &Schema,
) -> Result<Value, StepError> {
    let wrong = |why: String| {
        let cut_off = match finish_reason {
            Some("length") => "; it was cut off: raise `maxTokens`",
            _ => "",
        };
        StepError::transient(OUTPUT_SCHEMA, format!("the model's answer {why}{cut_off}"))
    };
    let text = without_fence(text);
    let value: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("is not JSON ({error}): {}", cut(text))))?;
    schema.check(&value).map_err(|misfits| {
        let misfits = misfits.iter().take(3).map(|misfit| {
            let place = if misfit.pointer.is_empty() {
                "the whole"
            } else {
                &misfit.pointer
            };
            format!("{place}: {}", misfit.message)
        });
        wrong(format!(
            "does not fit `outputSchema`: {}",
            misfits.collect::<Vec<_>>().join("; ")
        ))
    })?;
    Ok(value)
}

/// The text without the fence of a code block, in which models like to put JSON.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```")
        .and_then(|text| text.strip_suffix("```"));
    match inner.and_then(|inner| inner.split_once('\n')) {
        Some((word, inner))
            if word
                .trim()
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric()) =>
        {
            inner.trim()
        }
        _ => text,
    }
}

/// The beginning of a text, in one line.
pub(super) fn cut(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(SHOWN_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn answer(text: &str) -> Answer {
        let body = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "model": "m"});
        read("POST x", body.to_string().as_bytes()).expect("a completion")
    }

    #[test]
    fn values_are_found_with_and_without_a_fence() {
        let schema = Schema::compile(&json!({"type": "object"})).expect("a schema");
        for text in [
            "{\"a\":1}",
            " {\"a\":1}\n",
            "```json\n{\"a\":1}\n```",
            "```\n{\"a\":1}\n```",
        ] {
            assert_eq!(
                fitting(&answer(text), &schema),
                Ok(json!({"a": 1})),
                "{text}"
            );
        }
        for text in [
            "",
            "Sure! {\"a\":1}",
            "[1]",
            "```json\n[1]\n```",
            "{\"a\":1} {\"a\":2}",
            "```",
        ] {
            let error = fitting(&answer(text), &schema).expect_err("a misfit");
            assert!(
                error.retryable && error.code == OUTPUT_SCHEMA,
                "{text}: {error:?}"
            );
        }
    }

    #[test]
    fn what_is_no_completion_is_said_and_may_be_tried_again() {
        for (body, part) in [
            ("", "not JSON"),
            ("<html>", "not JSON"),
            ("[]", "no `choices`"),
            ("{}", "no `choices`"),
            ("{\"choices\":[]}", "no `choices`"),
            ("{\"choices\":[{}]}", "no text"),
            (
                "{\"choices\":[{\"message\":{\"content\":null},\"finish_reason\":\"content_filter\"}]}",
                "content_filter",
            ),
            ("{\"error\":{\"message\":\"overloaded\"}}", "overloaded"),
        ] {
            let error = read("POST x", body.as_bytes()).expect_err("no completion");
            assert!(
                error.retryable && error.message.contains(part),
                "{body}: {error:?}"
            );
        }
        let refusal = "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"}}]}";
        assert!(
            !read("POST x", refusal.as_bytes())
                .expect_err("a refusal")
                .retryable
        );
    }
}
