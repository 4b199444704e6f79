//! What a prediction is asked: the input of a flow's run, as it stands in the journal.
//! May not know how it came in. What may be changed of a flow by who asks was decided before.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The input of a flow's run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PredictionInput {
    /// What the user says; with `form` the lines `key: value`.
    pub question: String,
    /// The values of a form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Map<String, Value>>,
    /// The id of the flow, as clients know it.
    pub chatflow_id: String,
    /// The conversation.
    pub chat_id: String,
    /// What memory goes by; usually the conversation.
    pub session_id: String,
    /// What the caller says was said before: shown to the first model only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Turn>,
    /// What was said in the session before, oldest first; needed only where the flow reads it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Turn>,
    /// The text of files that were sent along, each wrapped as `<doc name='…'>…</doc>`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file_attachment: String,
    /// URLs of images (`https:` or `data:`) that were sent along.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Variables by name, as `{{$vars.x}}` shows them; needed only where the flow reads them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// For nodes by id, inputs that replace the flow's own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, Map<String, Value>>,
    /// The request that started the run, of flows that begin so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookCall>,
    /// The state that the session's last run left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Map<String, Value>>,
}

/// A request of another service, as `{{$webhook.…}}` shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookCall {
    /// Its body.
    pub body: Value,
    /// Its headers, names in lower case; none that is a credential.
    pub headers: Map<String, Value>,
    /// Its query.
    pub query: Map<String, Value>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// By whom.
    pub role: Role,
    /// The text.
    pub content: String,
}

/// Who says something, as models are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The flow's instructions.
    System,
    /// The same, for newer models of OpenAI.
    Developer,
}

impl Role {
    /// As models are told.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::Developer => "developer",
        }
    }
}

/// Somebody's answer to a flow that waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HumanInput {
    /// Yes or no.
    pub proceeds: bool,
    /// The node that waits; `None`: the one that does.
    pub node_id: Option<String>,
    /// In their own words.
    pub feedback: Option<String>,
}

impl PredictionInput {
    /// The lines that stand for a form where a text is needed.
    pub fn form_text(form: &Map<String, Value>) -> String {
        let line = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}: {text}"),
            other => format!("{name}: {other}"),
        };
        form.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
