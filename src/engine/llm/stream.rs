//! The pieces of a streamed chat completion, and what they add up to. May not know where they come from.

use super::LLM_ANSWER;
use super::answer::cut;
use super::chat::{ChatAnswer, ToolCall};
use crate::model::run::StepError;
use serde_json::{Value, json};

/// The most functions that one answer may call.
const MAX_CALLS: usize = 64;

/// Bytes of a stream of events, taken apart into the lines that carry data.
#[derive(Default)]
pub(super) struct Deltas {
    bytes: Vec<u8>,
    /// How far lines were taken out.
    taken: usize,
}

impl Deltas {
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(chunk);
    }

    /// What stands behind `data:` in the next whole line that has it.
    pub(super) fn next_line(&mut self) -> Option<String> {
        loop {
            let rest = self.bytes.get(self.taken..)?;
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let line = String::from_utf8_lossy(rest.get(..end)?).into_owned();
            self.taken += end + 1;
            if let Some(data) = line.strip_prefix("data:") {
                return Some(data.trim().to_owned());
            }
        }
    }
}

/// What one piece adds.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) thought: String,
}

/// What the pieces add up to so far.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) answer: ChatAnswer,
    pub(super) is_done: bool,
    /// How much of the text somebody was told.
    pub(super) told_bytes: usize,
}

impl Gathered {
    /// Takes in one piece.
    pub(super) fn line(&mut self, what: &str, line: &str) -> Result<Told, StepError> {
        if line == "[DONE]" {
            self.is_done = true;
            return Ok(Told::default());
        }
        let piece: Value = serde_json::from_str(line).map_err(|error| {
            let message = format!("a piece of the answer to {what} is not JSON: {error}");
            StepError::transient(LLM_ANSWER, message)
        })?;
        self.usage(&piece);
        require_no_error(what, &piece)?;
        let Some(choice) = piece.pointer("/choices/0") else {
            return Ok(Told::default());
        };
        self.finish(choice);
        let delta = choice.get("delta").unwrap_or(&Value::Null);
        for call in delta
            .get("tool_calls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.call(call);
        }
        let text = text(delta, "content");
        let thought = thought(delta);
        self.answer.content.push_str(&text);
        self.answer.reasoning.push_str(&thought);
        Ok(Told { text, thought })
    }

    /// Takes in an answer that came whole.
    pub(super) fn whole(&mut self, what: &str, body: &[u8]) -> Result<(), StepError> {
        let wrong =
            |why: String| StepError::transient(LLM_ANSWER, format!("the answer to {what} {why}"));
        let completion: Value =
            serde_json::from_slice(body).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        require_no_error(what, &completion)?;
        let choice = completion
            .pointer("/choices/0")
            .ok_or_else(|| wrong("is no chat completion: it has no `choices`".to_owned()))?;
        let message = choice.get("message").unwrap_or(&Value::Null);
        if let Some(refusal) = message.get("refusal").and_then(Value::as_str) {
            let message = format!("the model refused: {}", cut(refusal));
            return Err(StepError::fatal(LLM_ANSWER, message));
        }
        self.usage(&completion);
        self.finish(choice);
        for call in message
            .get("tool_calls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.call(call);
        }
        self.answer.content = text(message, "content");
        self.answer.reasoning = thought(message);
        Ok(())
    }

    fn finish(&mut self, choice: &Value) {
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.answer.finish_reason = Some(cut(reason));
        }
    }

    fn usage(&mut self, piece: &Value) {
        let tokens = |name: &str| piece.get("usage")?.get(name)?.as_u64();
        if let Some(input) = tokens("prompt_tokens") {
            let output = tokens("completion_tokens").unwrap_or_default();
            let total = tokens("total_tokens").unwrap_or(input + output);
            self.answer.usage = Some(
                json!({ "input_tokens": input, "output_tokens": output, "total_tokens": total }),
            );
        }
    }

    /// A call of a function, or a further piece of one.
    fn call(&mut self, piece: &Value) {
        let index = piece.get("index").and_then(Value::as_u64);
        let index = index.and_then(|index| usize::try_from(index).ok());
        let index = index.unwrap_or(self.answer.calls.len());
        if index >= MAX_CALLS {
            return;
        }
        let calls = &mut self.answer.calls;
        if calls.len() <= index {
            calls.resize(index + 1, ToolCall::default());
        }
        let Some(call) = calls.get_mut(index) else {
            return;
        };
        let part = |pointer: &str| piece.pointer(pointer).and_then(Value::as_str);
        if let Some(id) = part("/id") {
            id.clone_into(&mut call.id);
        }
        if let Some(name) = part("/function/name") {
            call.name.push_str(name);
        }
        match piece.pointer("/function/arguments") {
            Some(Value::String(arguments)) => call.arguments.push_str(arguments),
            Some(Value::Null) | None => {}
            // Some servers send the object itself.
            Some(other) => call.arguments = other.to_string(),
        }
    }
}

fn require_no_error(what: &str, piece: &Value) -> Result<(), StepError> {
    match piece.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(StepError::transient(
            LLM_ANSWER,
            format!(
                "the answer to {what} is an error: {}",
                cut(&error.to_string())
            ),
        )),
        None => Ok(()),
    }
}

fn text(message: &Value, name: &str) -> String {
    match message.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect()
        }
        _ => String::new(),
    }
}

/// What a model thought: the names that servers give it.
fn thought(message: &Value) -> String {
    let names = ["reasoning_content", "reasoning"];
    let mut thoughts = names.iter().map(|name| text(message, name));
    thoughts
        .find(|thought| !thought.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pieces_add_up_wherever_the_stream_is_cut() {
        let stream = concat!(
            ": a comment\n\n",
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"Grü\"}}]}\n\n",
            "data:{\"choices\":[{\"delta\":{\"content\":\"ße\"}}]}\r\n\r\n",
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"add\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n",
            "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
            "data: [DONE]\n\n",
        )
        .as_bytes();
        for size in [1, 2, 7, 4096] {
            let (mut deltas, mut gathered) = (Deltas::default(), Gathered::default());
            let mut told = String::new();
            for chunk in stream.chunks(size) {
                deltas.feed(chunk);
                while let Some(line) = deltas.next_line() {
                    told.push_str(&gathered.line("x", &line).unwrap().text);
                }
            }
            assert_eq!(told, "Grüße");
            assert!(gathered.is_done);
            let answer = gathered.answer;
            assert_eq!(answer.content, "Grüße");
            assert_eq!(
                (
                    answer.calls[0].name.as_str(),
                    answer.calls[0].arguments.as_str()
                ),
                ("add", "{\"a\":1}")
            );
            assert_eq!(answer.usage.unwrap()["total_tokens"], 5);
            assert_eq!(answer.finish_reason.as_deref(), Some("tool_calls"));
        }
    }

    #[test]
    fn what_is_no_piece_is_told() {
        for line in ["{", "<html>", "{\"error\":{\"message\":\"overloaded\"}}"] {
            let error = Gathered::default().line("x", line).unwrap_err();
            assert!(error.retryable && error.code == LLM_ANSWER, "{line}");
        }
    }
}
