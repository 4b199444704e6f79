//! What was said in chats with flows of Flowise's, and the variables of its flows, as they are kept here.

use super::{Cell, filled, id, moment, needed, shown};
use crate::id::{VariableId, WorkflowId};
use crate::model::chatflow::{
    ChatMessage, ChatRole, ChatType, Feedback, FlowVariable, Rating, VariableKind,
};
use serde_json::{Map, Value};

/// A row of `chat_message`, in the names of its columns.
#[derive(Debug, Clone, Default)]
pub struct SourceMessage {
    /// `id`.
    pub id: Cell,
    /// `chatflowid`.
    pub chatflowid: Cell,
    /// `role`.
    pub role: Cell,
    /// `content`.
    pub content: Cell,
    /// `chatType`.
    pub chat_type: Cell,
    /// `chatId`.
    pub chat_id: Cell,
    /// `sessionId`.
    pub session_id: Cell,
    /// `leadEmail`.
    pub lead_email: Cell,
    /// `createdDate`.
    pub created: Cell,
    /// What else belongs to it: the names of columns, and what stands in them.
    pub more: Vec<(&'static str, Cell)>,
}

/// A message, and the flow that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedMessage {
    /// The flow.
    pub flow: WorkflowId,
    /// The message.
    pub message: ChatMessage,
}

/// A row of `chat_message_feedback`, in the names of its columns.
#[derive(Debug, Clone, Default)]
pub struct SourceFeedback {
    /// `id`.
    pub id: Cell,
    /// `chatflowid`.
    pub chatflowid: Cell,
    /// `messageId`.
    pub message_id: Cell,
    /// `chatId`.
    pub chat_id: Cell,
    /// `rating`.
    pub rating: Cell,
    /// `content`.
    pub content: Cell,
    /// `createdDate`.
    pub created: Cell,
}

/// What somebody thought of a message, and the flow that the message belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedFeedback {
    /// The flow.
    pub flow: WorkflowId,
    /// The feedback.
    pub feedback: Feedback,
}

/// A row of `variable`, in the names of its columns.
#[derive(Debug, Clone, Default)]
pub struct SourceVariable {
    /// `id`.
    pub id: Cell,
    /// `name`.
    pub name: Cell,
    /// `value`.
    pub value: Cell,
    /// `type`.
    pub kind: Cell,
    /// `createdDate`.
    pub created: Cell,
    /// `updatedDate`.
    pub updated: Cell,
}

impl SourceMessage {
    /// The message that the row holds; otherwise why it holds none. The execution that it came of stays behind.
    pub fn read(self) -> Result<ImportedMessage, String> {
        let role = needed("role", self.role)?;
        let chat_id = filled(self.chat_id);
        let session_id = filled(self.session_id);
        let either = chat_id.clone().or_else(|| session_id.clone());
        let either = either.ok_or("it belongs to no conversation")?;
        let message = ChatMessage {
            id: id("id", &self.id)?,
            role: ChatRole::parse(&role).ok_or_else(|| format!("`role` is `{}`", shown(&role)))?,
            content: self.content.unwrap_or_default(),
            chat_type: chat_type(self.chat_type.as_deref())?,
            chat_id: chat_id.unwrap_or_else(|| either.clone()),
            session_id: session_id.unwrap_or(either),
            execution: None,
            lead_email: filled(self.lead_email),
            more: more(self.more)?,
            files: Vec::new(),
            created_at_ms: moment("createdDate", &self.created)?,
        };
        Ok(ImportedMessage {
            flow: id("chatflowid", &self.chatflowid)?,
            message,
        })
    }
}

/// By which way a message came. Flowise has two ways more: what its MCP server was asked came by the API, and evaluations are
/// made from its own pages.
fn chat_type(text: Option<&str>) -> Result<ChatType, String> {
    match text.unwrap_or("INTERNAL") {
        "MCP" => Ok(ChatType::External),
        "EVALUATION" => Ok(ChatType::Internal),
        text => ChatType::parse(text).ok_or_else(|| format!("`chatType` is `{}`", shown(text))),
    }
}

/// Columns with JSON under their names; `memoryType` is a plain text.
fn more(columns: Vec<(&'static str, Cell)>) -> Result<Map<String, Value>, String> {
    let mut read = Map::new();
    for (name, cell) in columns {
        let Some(text) = filled(cell) else {
            continue;
        };
        let value = match name {
            "memoryType" | "followUpPrompts" => Value::String(text),
            _ => serde_json::from_str(&text)
                .map_err(|error| format!("`{name}` is no JSON: {error}"))?,
        };
        if !value.is_null() {
            read.insert(name.to_owned(), value);
        }
    }
    Ok(read)
}

impl SourceFeedback {
    /// The feedback that the row holds; otherwise why it holds none.
    pub fn read(self) -> Result<ImportedFeedback, String> {
        let rating = needed("rating", self.rating)?;
        let feedback = Feedback {
            id: id("id", &self.id)?,
            message: id("messageId", &self.message_id)?,
            chat_id: needed("chatId", self.chat_id)?,
            rating: Rating::parse(&rating)
                .ok_or_else(|| format!("`rating` is `{}`", shown(&rating)))?,
            content: self.content.unwrap_or_default(),
            created_at_ms: moment("createdDate", &self.created)?,
        };
        Ok(ImportedFeedback {
            flow: id("chatflowid", &self.chatflowid)?,
            feedback,
        })
    }
}

impl SourceVariable {
    /// The variable that the row holds; otherwise why it holds none.
    pub fn read(self) -> Result<FlowVariable, String> {
        let name = needed("name", self.name)?;
        if !FlowVariable::is_name(&name) {
            return Err(format!(
                "`name` is `{}`: {}",
                shown(&name),
                FlowVariable::NAME_RULE
            ));
        }
        let kind = self.kind.as_deref().unwrap_or("static");
        let value = self.value.unwrap_or_default();
        if value.len() > FlowVariable::MAX_VALUE_BYTES {
            return Err(format!(
                "`value` has {} bytes; it may have {}",
                value.len(),
                FlowVariable::MAX_VALUE_BYTES
            ));
        }
        Ok(FlowVariable {
            id: id::<VariableId>("id", &self.id)?,
            name,
            value,
            kind: VariableKind::parse(kind)
                .ok_or_else(|| format!("`type` is `{}`", shown(kind)))?,
            created_at_ms: moment("createdDate", &self.created)?,
            updated_at_ms: moment("updatedDate", &self.updated)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use serde_json::json;

    fn text(text: &str) -> Cell {
        Some(text.to_owned())
    }

    fn message() -> SourceMessage {
        SourceMessage {
            id: text("m1"),
            chatflowid: text("f1"),
            role: text("userMessage"),
            content: text("hi"),
            chat_id: text("c1"),
            created: text("2026-01-31 10:00:00"),
            ..SourceMessage::default()
        }
    }

    #[test]
    fn a_message_keeps_its_conversation_and_what_belongs_to_it() {
        let mut row = message();
        row.more = vec![
            ("usedTools", text("[{\"tool\":\"calculator\"}]")),
            ("memoryType", text("Buffer Memory")),
            ("action", text("null")),
            ("artifacts", text("")),
        ];
        let read = row.read().expect("a message");
        assert_eq!(
            (&*read.message.session_id, read.message.chat_type),
            ("c1", ChatType::Internal)
        );
        let expected =
            json!({ "usedTools": [{ "tool": "calculator" }], "memoryType": "Buffer Memory" });
        assert_eq!(Value::Object(read.message.more), expected);
        let mut row = message();
        (row.chat_id, row.session_id) = (None, text("s1"));
        row.chat_type = text("MCP");
        let read = row.read().expect("a message").message;
        assert_eq!((&*read.chat_id, &*read.session_id), ("s1", "s1"));
        assert_eq!(read.chat_type, ChatType::External);
    }

    #[test]
    fn broken_rows_say_what_is_wrong_with_them() {
        type Change = fn(&mut SourceMessage);
        let cases: [(Change, &str); 7] = [
            (|row| row.id = text("a b"), "`id`"),
            (|row| row.role = text("system"), "`role` is `system`"),
            (|row| row.chat_id = None, "no conversation"),
            (|row| row.chat_type = text("X"), "`chatType` is `X`"),
            (|row| row.chatflowid = None, "`chatflowid`"),
            (|row| row.created = text("soon"), "`createdDate`"),
            (
                |row| row.more = vec![("usedTools", text("{"))],
                "`usedTools`",
            ),
        ];
        for (change, part) in cases {
            let mut broken = message();
            change(&mut broken);
            let refused = broken.read().expect_err(part);
            assert!(refused.contains(part), "{part}: {refused}");
        }
    }

    #[test]
    fn a_variable_has_a_name_and_a_kind() {
        let row = |name: &str, kind: Cell| SourceVariable {
            id: text("v1"),
            name: text(name),
            value: text("kind"),
            kind,
            created: text("2026-01-31 10:00:00"),
            updated: text("2026-01-31 10:00:00"),
        };
        let variable = row("tone", None).read().expect("a variable");
        assert_eq!(variable.kind, VariableKind::Static);
        assert!(row(" tone", None).read().is_err());
        assert!(row("tone", text("secret")).read().is_err());
    }
}
