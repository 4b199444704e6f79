//! What is kept of the chats with flows: messages, what people thought of them, who they are; and the variables that all
//! flows share.

use crate::id::{ChatMessageId, FeedbackId, LeadId, RunId, VariableId};
use serde_json::{Map, Value};

/// Who a message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub enum ChatRole {
    /// Who asks.
    #[serde(rename = "userMessage")]
    User,
    /// The flow.
    #[serde(rename = "apiMessage")]
    Api,
}

impl ChatRole {
    /// The role as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            ChatRole::User => "userMessage",
            ChatRole::Api => "apiMessage",
        }
    }

    /// Reads a role as it is stored and sent.
    pub fn parse(text: &str) -> Option<ChatRole> {
        [ChatRole::User, ChatRole::Api]
            .into_iter()
            .find(|role| role.as_str() == text)
    }
}

/// By which way a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChatType {
    /// From Flowise's own pages.
    Internal,
    /// By the API.
    External,
    /// By the clock.
    Scheduled,
    /// By a request of another service.
    Webhook,
}

impl ChatType {
    /// The type as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            ChatType::Internal => "INTERNAL",
            ChatType::External => "EXTERNAL",
            ChatType::Scheduled => "SCHEDULED",
            ChatType::Webhook => "WEBHOOK",
        }
    }

    /// Reads a type as it is stored and sent.
    pub fn parse(text: &str) -> Option<ChatType> {
        [
            ChatType::Internal,
            ChatType::External,
            ChatType::Scheduled,
            ChatType::Webhook,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == text)
    }
}

/// A message of a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatMessage {
    /// The id that clients use.
    pub id: ChatMessageId,
    /// Who it is from.
    pub role: ChatRole,
    /// Its text.
    pub content: String,
    /// By which way it came.
    pub chat_type: ChatType,
    /// The conversation, in the client's words.
    pub chat_id: String,
    /// What the flow remembers by; mostly the conversation.
    pub session_id: String,
    /// The run that it came of.
    pub execution: Option<RunId>,
    /// Who asked, where a widget has found out.
    pub lead_email: Option<String>,
    /// What else belongs to it, under Flowise's names: `fileUploads`, `usedTools`, `action` and others.
    pub more: Map<String, Value>,
    /// The files in it; left out where messages are read.
    pub files: Vec<ChatFile>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// A file that was sent along with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatFile {
    /// What its sender calls it: one line, no path.
    pub name: String,
    /// What it is served as.
    pub content_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// How much is kept of what people say to one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatBounds {
    /// How many messages; with one more the oldest goes.
    pub max_messages: u64,
    /// How many bytes they have together, with the files in them; with more the oldest go.
    pub max_bytes: u64,
    /// How many people may leave an address; one more is refused.
    pub max_leads: u64,
}

impl ChatBounds {
    /// What is kept where no setting says otherwise.
    pub const DEFAULT: ChatBounds = ChatBounds {
        max_messages: 100_000,
        max_bytes: 256 << 20,
        max_leads: 10_000,
    };
}

/// How much was said to a flow, and what was thought of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChatStats {
    /// How many messages there are.
    pub messages: u64,
    /// In how many sessions.
    pub sessions: u64,
    /// Of how many somebody has said what they thought.
    pub rated: u64,
    /// Of how many they thought well.
    pub rated_well: u64,
}

/// Which messages of a flow are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageFilter {
    /// Only of this conversation.
    pub chat_id: Option<String>,
    /// Only of this session.
    pub session_id: Option<String>,
    /// Only this one.
    pub message: Option<String>,
    /// Only of these types; all, if none.
    pub chat_types: Vec<ChatType>,
    /// Only from this moment on, in milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Only up to this moment.
    pub until_ms: Option<i64>,
    /// Only those of which somebody has said what they thought, and this.
    pub rating: Option<Rating>,
    /// Newest first.
    pub is_descending: bool,
}

/// What somebody thought of a message.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rating {
    /// It was good.
    ThumbsUp,
    /// It was not.
    ThumbsDown,
}

impl Rating {
    /// The rating as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Rating::ThumbsUp => "THUMBS_UP",
            Rating::ThumbsDown => "THUMBS_DOWN",
        }
    }

    /// Reads a rating as it is stored and sent.
    pub fn parse(text: &str) -> Option<Rating> {
        [Rating::ThumbsUp, Rating::ThumbsDown]
            .into_iter()
            .find(|rating| rating.as_str() == text)
    }
}

/// What somebody said of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The id that clients use.
    pub id: FeedbackId,
    /// The message.
    pub message: ChatMessageId,
    /// The conversation that the message is of.
    pub chat_id: String,
    /// What they thought.
    pub rating: Rating,
    /// What they wrote.
    pub content: String,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// Somebody who has left a name or an address with a widget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The id that clients use.
    pub id: LeadId,
    /// The conversation.
    pub chat_id: String,
    /// What they are called.
    pub name: Option<String>,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Where calls reach them.
    pub phone: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// Where a variable's value comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum VariableKind {
    /// It is kept.
    Static,
    /// From the server's environment, if the setting `template_env` names it.
    Runtime,
}

impl VariableKind {
    /// The kind as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            VariableKind::Static => "static",
            VariableKind::Runtime => "runtime",
        }
    }

    /// Reads a kind as it is stored and sent.
    pub fn parse(text: &str) -> Option<VariableKind> {
        [VariableKind::Static, VariableKind::Runtime]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// A variable that all flows share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowVariable {
    /// The id that clients use.
    pub id: VariableId,
    /// By what flows call it: `{{$vars.name}}`.
    pub name: String,
    /// Its value; not looked at where that comes from the environment.
    pub value: String,
    /// Where its value comes from.
    pub kind: VariableKind,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// A variable without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName {
    /// The id that clients use.
    pub id: VariableId,
    /// By what flows call it.
    pub name: String,
    /// Where its value comes from.
    pub kind: VariableKind,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

impl FlowVariable {
    /// How many there are at most.
    pub const MAX_COUNT: u32 = 1_000;
    /// How long a value is at most, in bytes.
    pub const MAX_VALUE_BYTES: usize = 64 << 10;

    /// What a name is, in words.
    pub const NAME_RULE: &str = "a name has 1 to 255 characters, and no white space at its ends";

    /// Whether a variable may have this name.
    pub fn is_name(name: &str) -> bool {
        (1..=255).contains(&name.chars().count()) && name.trim() == name
    }
}
