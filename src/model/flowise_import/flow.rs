//! A flow of Flowise's, as it is kept here.

use super::{Cell, filled, id, moment, needed, shown, tidy_name};
use crate::id::{KeyId, WorkflowId};
use crate::model::chatflow::ChatflowDetails;
use crate::model::flow::{FlowKind, definition};
use crate::model::workflow::Definition;
use serde_json::{Map, Value};

/// A row of `chat_flow`, in the names of its columns.
#[derive(Debug, Clone, Default)]
pub struct SourceFlow {
    /// `id`.
    pub id: Cell,
    /// `name`.
    pub name: Cell,
    /// `flowData`.
    pub flow_data: Cell,
    /// `type`.
    pub kind: Cell,
    /// `deployed`.
    pub deployed: Cell,
    /// `isPublic`.
    pub is_public: Cell,
    /// `apikeyid`.
    pub apikeyid: Cell,
    /// `category`.
    pub category: Cell,
    /// `chatbotConfig`.
    pub chatbot_config: Cell,
    /// `apiConfig`.
    pub api_config: Cell,
    /// `analytic`.
    pub analytic: Cell,
    /// `speechToText`.
    pub speech_to_text: Cell,
    /// `textToSpeech`.
    pub text_to_speech: Cell,
    /// `followUpPrompts`.
    pub follow_up_prompts: Cell,
    /// `mcpServerConfig`.
    pub mcp_server_config: Cell,
    /// `createdDate`.
    pub created: Cell,
    /// `updatedDate`.
    pub updated: Cell,
}

/// A flow to be kept here; whether it can run is not looked at yet.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedFlow {
    /// The id that clients use.
    pub id: WorkflowId,
    /// For people.
    pub name: String,
    /// What it does.
    pub definition: Definition,
    /// What is kept beside.
    pub details: ChatflowDetails,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

impl SourceFlow {
    /// The flow that the row holds; otherwise why it holds none.
    pub fn read(self) -> Result<ImportedFlow, String> {
        let kind = kind(self.kind.as_deref())?;
        let flow_data = needed("flowData", self.flow_data)?;
        Ok(ImportedFlow {
            id: id("id", &self.id)?,
            name: tidy_name(self.name.as_deref(), "flow"),
            definition: definition(kind, &flow_data),
            details: ChatflowDetails {
                is_public: switch("isPublic", &self.is_public)?,
                is_deployed: switch("deployed", &self.deployed)?,
                api_key: filled(self.apikeyid)
                    .map(|text| id::<KeyId>("apikeyid", &Some(text)))
                    .transpose()?,
                category: self.category,
                chatbot_config: object("chatbotConfig", self.chatbot_config)?,
                api_config: object("apiConfig", self.api_config)?,
                analytic: object("analytic", self.analytic)?,
                speech_to_text: object("speechToText", self.speech_to_text)?,
                text_to_speech: object("textToSpeech", self.text_to_speech)?,
                follow_up_prompts: object("followUpPrompts", self.follow_up_prompts)?,
                mcp_server_config: object("mcpServerConfig", self.mcp_server_config)?,
            },
            created_at_ms: moment("createdDate", &self.created)?,
            updated_at_ms: moment("updatedDate", &self.updated)?,
        })
    }
}

fn kind(text: Option<&str>) -> Result<FlowKind, String> {
    match text {
        None | Some("" | "CHATFLOW") => Ok(FlowKind::Chatflow),
        Some("AGENTFLOW") => Ok(FlowKind::Agentflow),
        Some(other) => Err(format!(
            "its type is `{}`, and only `CHATFLOW` and `AGENTFLOW` run here",
            shown(other)
        )),
    }
}

fn switch(column: &str, cell: &Cell) -> Result<Option<bool>, String> {
    match cell.as_deref() {
        None | Some("") => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(other) => Err(format!("`{column}` is `{}`, not 0 or 1", shown(other))),
    }
}

/// A text of JSON that is an object. A broken one is no flow: it may say who may ask, and how often.
fn object(column: &str, cell: Cell) -> Result<Option<String>, String> {
    let text = filled(cell).filter(|text| text != "null");
    if let Some(text) = &text {
        serde_json::from_str::<Map<String, Value>>(text)
            .map_err(|error| format!("`{column}` is no object in JSON: {error}"))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn row() -> SourceFlow {
        let text = |text: &str| Some(text.to_owned());
        SourceFlow {
            id: text("d2b0b1a4-3a1b-4a6e-9f0e-0d7d6f6c2a11"),
            name: text("Support"),
            flow_data: text("{}"),
            created: text("2026-01-31 10:00:00"),
            updated: text("2026-02-01 10:00:00.500"),
            ..SourceFlow::default()
        }
    }

    #[test]
    fn a_row_becomes_a_flow_with_what_it_says_and_nothing_else() {
        let text = |text: &str| Some(text.to_owned());
        let flow = SourceFlow {
            is_public: text("1"),
            deployed: text("0"),
            apikeyid: text(""),
            analytic: text(""),
            api_config: text("{\"rateLimit\":{}}"),
            ..row()
        };
        let flow = flow.read().expect("a flow");
        assert_eq!(flow.definition, definition(FlowKind::Chatflow, "{}"));
        let expected = ChatflowDetails {
            is_public: Some(true),
            is_deployed: Some(false),
            api_config: text("{\"rateLimit\":{}}"),
            ..ChatflowDetails::default()
        };
        assert_eq!(flow.details, expected);
        assert_eq!(flow.updated_at_ms - flow.created_at_ms, 86_400_500);
    }

    #[test]
    fn a_row_that_says_something_else_is_no_flow() {
        type Change = fn(&mut SourceFlow);
        let cases: [(Change, &str); 8] = [
            (|row| row.id = None, "`id`"),
            (|row| row.id = Some("a/b".into()), "`id`"),
            (|row| row.flow_data = None, "`flowData` is empty"),
            (
                |row| row.kind = Some("ASSISTANT".into()),
                "type is `ASSISTANT`",
            ),
            (
                |row| row.is_public = Some("yes".into()),
                "`isPublic` is `yes`",
            ),
            (|row| row.apikeyid = Some("a b".into()), "`apikeyid`"),
            (
                |row| row.chatbot_config = Some("[".into()),
                "`chatbotConfig`",
            ),
            (|row| row.created = None, "`createdDate`"),
        ];
        for (change, part) in cases {
            let mut broken = row();
            change(&mut broken);
            let refused = broken.read().expect_err(part);
            assert!(refused.contains(part), "{part}: {refused}");
        }
    }
}
