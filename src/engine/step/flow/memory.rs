//! What a model is told of what was said before: all of it, its end, or a summary.
//! May not know which node asks.

use super::model::{ask, message};
use super::number;
use crate::engine::llm::Chat;
use crate::engine::step::Effects;
use crate::model::run::StepError;
use serde_json::Value;

/// How much a window shows that does not say: so many questions and answers.
const DEFAULT_WINDOW: usize = 20;
/// How many tokens a summary's buffer keeps that does not say.
const DEFAULT_TOKENS: usize = 2_000;
/// About how many bytes of text make a token.
const BYTES_PER_TOKEN: usize = 4;

/// How a node remembers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Memory {
    /// Everything.
    All,
    /// The last so many questions and answers.
    Window(usize),
    /// A summary of everything.
    Summary,
    /// The last so many tokens, and a summary of what was before.
    SummaryBuffer(usize),
}

impl Memory {
    /// Reads its kind, and the numbers that go with it.
    pub(super) fn read(kind: &str, window: Option<&Value>, tokens: Option<&Value>) -> Memory {
        let whole = |value: Option<&Value>, default: usize| {
            let value = number(value).filter(|value| *value >= 1.0);
            value.map_or(default, |value| value as usize)
        };
        match kind {
            "windowSize" | "bufferWindowMemory" => Memory::Window(whole(window, DEFAULT_WINDOW)),
            "conversationSummary" | "conversationSummaryMemory" => Memory::Summary,
            "conversationSummaryBuffer" | "conversationSummaryBufferMemory" => {
                Memory::SummaryBuffer(whole(tokens, DEFAULT_TOKENS))
            }
            _ => Memory::All,
        }
    }

    /// What is shown of what was said. A summary is asked of the model of `chat`.
    pub(super) async fn shown(
        self,
        effects: &Effects,
        chat: &Chat,
        said: Vec<Value>,
    ) -> Result<Vec<Value>, StepError> {
        let split = match self {
            Memory::All => 0,
            Memory::Window(most) => said.len().saturating_sub(most.saturating_mul(2)),
            Memory::Summary => said.len(),
            Memory::SummaryBuffer(tokens) => fits_from(&said, tokens),
        };
        let (before, kept) = said.split_at(split);
        if before.is_empty() || matches!(self, Memory::Window(_)) {
            return Ok(kept.to_vec());
        }
        let summary = summary(effects, chat, before).await?;
        let mut shown = vec![message(
            "system",
            &format!("What was said before, in short:\n{summary}"),
        )];
        shown.extend_from_slice(kept);
        Ok(shown)
    }
}

/// From where on what was said takes no more than so many tokens.
fn fits_from(said: &[Value], tokens: usize) -> usize {
    let mut left = tokens.saturating_mul(BYTES_PER_TOKEN);
    let mut from = said.len();
    for message in said.iter().rev() {
        let bytes = message
            .get("content")
            .and_then(Value::as_str)
            .map_or(0, str::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => break,
        }
        from -= 1;
    }
    from
}

async fn summary(effects: &Effects, chat: &Chat, said: &[Value]) -> Result<String, StepError> {
    let lines = said.iter().filter_map(|message| {
        let who = match message.get("role")?.as_str()? {
            "user" => "Human",
            _ => "AI",
        };
        Some(format!("{who}: {}", message.get("content")?.as_str()?))
    });
    let lines: Vec<String> = lines.collect();
    let instructions = "Summarise the conversation in a few sentences. Keep names, numbers, decisions and open questions.";
    let asked = Chat {
        messages: vec![
            message("system", instructions),
            message("user", &lines.join("\n")),
        ],
        idempotency_key: format!("{}:summary", chat.idempotency_key),
        ..chat.clone()
    };
    Ok(ask(effects, &asked, None).await?.content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_of_tokens_ends_with_what_was_said_last() {
        let said: Vec<Value> = (0..5).map(|_| message("user", &"x".repeat(40))).collect();
        for (tokens, from) in [(0, 5), (9, 5), (10, 4), (25, 3), (1_000, 0)] {
            assert_eq!(fits_from(&said, tokens), from, "{tokens}");
        }
    }

    #[test]
    fn kinds_are_known_by_the_words_of_both_types_of_flow() {
        for (kind, expected) in [
            ("allMessages", Memory::All),
            ("bufferMemory", Memory::All),
            ("", Memory::All),
            ("windowSize", Memory::Window(3)),
            ("conversationSummary", Memory::Summary),
            ("conversationSummaryBuffer", Memory::SummaryBuffer(7)),
        ] {
            assert_eq!(
                Memory::read(kind, Some(&json!("3")), Some(&json!(7))),
                expected
            );
        }
        assert_eq!(Memory::read("windowSize", None, None), Memory::Window(20));
    }
}
