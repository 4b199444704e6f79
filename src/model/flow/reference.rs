//! What may stand between `{{` and `}}` in a flow's texts. May not know what it comes to.

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 500;

/// A name between braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `question`: what the user says.
    Question,
    /// `chat_history`: what was said before, as text.
    ChatHistory,
    /// `file_attachment`: the text of files that were sent along.
    FileAttachment,
    /// `runtime_messages_length`: how many messages this run has made.
    MessageCount,
    /// `loop_count`: how often a loop has gone back.
    LoopCount,
    /// `current_date_time`.
    Now,
    /// `$form.x`.
    Form(Path),
    /// `$webhook.body.x`, `$webhook.headers.x`, `$webhook.query.x`.
    Webhook(Path),
    /// `$vars.x`.
    Variable(Path),
    /// `$flow.sessionId`, `$flow.state.x`.
    Flow(Path),
    /// `$iteration`, `$iteration.x`.
    Iteration(Path),
    /// `output`, `output.x`: of the node itself, where it changes the state.
    Own(Path),
    /// `llmAgentflow_0`, `llmAgentflow_0.output.x`.
    Node(String, Path),
}

/// The names and numbers that lead to a place in a value.
pub type Path = Vec<String>;

impl Reference {
    /// Reads what stands between the braces; `None`: it is no name, and stays as it is written.
    pub fn parse(text: &str) -> Option<Reference> {
        let text = text.trim();
        let is_name = |letter: char| letter.is_alphanumeric() || "_-$.[]\"' ".contains(letter);
        if text.is_empty() || text.len() > MAX_NAME_BYTES || !text.chars().all(is_name) {
            return None;
        }
        let mut path = path(text);
        if path.is_empty() {
            return None;
        }
        let first = path.remove(0);
        Some(match first.as_str() {
            "question" if path.is_empty() => Reference::Question,
            "chat_history" if path.is_empty() => Reference::ChatHistory,
            "file_attachment" if path.is_empty() => Reference::FileAttachment,
            "runtime_messages_length" if path.is_empty() => Reference::MessageCount,
            "loop_count" if path.is_empty() => Reference::LoopCount,
            "current_date_time" if path.is_empty() => Reference::Now,
            "$form" => Reference::Form(path),
            "$webhook" => Reference::Webhook(path),
            "$vars" => Reference::Variable(path),
            "$flow" => Reference::Flow(path),
            "$iteration" => Reference::Iteration(path),
            "output" => Reference::Own(path),
            _ => Reference::Node(first, path),
        })
    }
}

/// `a.b[0]["odd key"]` as its parts.
fn path(text: &str) -> Path {
    let parts = text.split(['.', '[', ']']);
    parts
        .map(|part| part.trim().trim_matches(['"', '\'']).to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let path = |parts: &[&str]| {
            parts
                .iter()
                .map(|part| (*part).to_owned())
                .collect::<Path>()
        };
        for (text, expected) in [
            (" question ", Some(Reference::Question)),
            ("$form.name", Some(Reference::Form(path(&["name"])))),
            (
                "$flow.state.a",
                Some(Reference::Flow(path(&["state", "a"]))),
            ),
            ("$iteration", Some(Reference::Iteration(path(&[])))),
            ("output.a[0]", Some(Reference::Own(path(&["a", "0"])))),
            (
                "llmAgentflow_0.output.content",
                Some(Reference::Node(
                    "llmAgentflow_0".to_owned(),
                    path(&["output", "content"]),
                )),
            ),
            ("", None),
            ("\"a\": 1, {", None),
            ("a + b", None),
        ] {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
    }
}
