//! What is sent about flows. Fields that are not known, and those that clients only read, are let be, since clients send back
//! what they were given.

use super::worded;
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::id::KeyId;
use crate::model::chatflow::ChatflowDetails;
use crate::model::flow::{FlowKind, definition};
use crate::model::workflow::Definition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use warp::http::StatusCode;

/// A flow to save.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct ChatflowBody(pub(super) Fields);

impl JsonSchema for ChatflowBody {
    fn schema_name() -> Cow<'static, str> {
        "ChatflowBody".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text =
            |what: &str| serde_json::json!({ "type": ["string", "null"], "description": what });
        let switch =
            |what: &str| serde_json::json!({ "type": ["boolean", "null"], "description": what });
        json_schema!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "For people, 1 to 255 characters." },
                "flowData": { "type": "string", "description": "The drawing: a text of JSON with `nodes` and `edges`, as the editor saves it." },
                "type": { "type": "string", "enum": ["CHATFLOW", "AGENTFLOW"], "description": "`CHATFLOW`, if absent." },
                "isPublic": switch("Whether it is asked without a key."),
                "deployed": switch("Kept for clients."),
                "apikeyid": text("The id of the only key that may ask it; `null` unbinds it."),
                "category": text("Categories, with `;` between them."),
                "chatbotConfig": text("A text of JSON: what its widget shows, and `allowedOrigins`."),
                "apiConfig": text("A text of JSON: `rateLimit` and `overrideConfig`."),
                "analytic": text("A text of JSON, kept for clients."),
                "speechToText": text("A text of JSON, kept for clients."),
                "textToSpeech": text("A text of JSON, kept for clients."),
                "followUpPrompts": text("A text of JSON, kept for clients."),
                "mcpServerConfig": text("A text of JSON, kept for clients."),
            },
        })
    }
}

/// A body, found to be what it should.
pub(super) struct Saved(Map<String, Value>);

impl ChatflowBody {
    pub(super) fn read(self) -> Saved {
        let ChatflowBody(Fields(fields)) = self;
        Saved(fields)
    }
}

impl Saved {
    /// The type that it names.
    pub(super) fn kind(&self) -> Result<Option<FlowKind>, Problem> {
        let invalid = || worded(StatusCode::BAD_REQUEST, "Invalid Chatflow Type");
        match self.0.get("type") {
            None | Some(Value::Null) => Ok(None),
            // Flowise's first multi-agent flows are another format under the same roof, and are not run here.
            Some(Value::String(text)) if text == "MULTIAGENT" => Err(invalid()),
            Some(kind) => kind
                .as_str()
                .and_then(FlowKind::parse)
                .map(Some)
                .ok_or_else(invalid),
        }
    }

    /// The name that it gives, without the white space around it.
    pub(super) fn name(&self) -> Result<Option<&str>, Problem> {
        match self.0.get("name") {
            None => Ok(None),
            Some(Value::String(name)) => {
                let length = name.chars().count();
                let is_good = (1..=255).contains(&length)
                    && !name.trim().is_empty()
                    && !name.chars().any(char::is_control);
                is_good.then_some(Some(name.as_str())).ok_or_else(|| {
                    Problem::invalid("`name` has 1 to 255 characters, and no control characters.")
                })
            }
            Some(_) => Err(Problem::invalid("`name` is a text.")),
        }
    }

    /// The definition that it sends, of a flow of this type.
    pub(super) fn definition(&self, kind: FlowKind) -> Result<Option<Definition>, Problem> {
        match self.0.get("flowData") {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(definition(kind, text))),
            Some(_) => Err(Problem::invalid(
                "`flowData` is a text of JSON, not the object itself.",
            )),
        }
    }

    /// What is kept beside the definition: what it says, over what was kept before.
    pub(super) fn details(&self, before: ChatflowDetails) -> Result<ChatflowDetails, Problem> {
        Ok(ChatflowDetails {
            is_public: self.switch("isPublic", before.is_public)?,
            is_deployed: self.switch("deployed", before.is_deployed)?,
            api_key: self.key(before.api_key)?,
            category: self.text("category", before.category)?,
            chatbot_config: self.json("chatbotConfig", before.chatbot_config)?,
            api_config: self.json("apiConfig", before.api_config)?,
            analytic: self.json("analytic", before.analytic)?,
            speech_to_text: self.json("speechToText", before.speech_to_text)?,
            text_to_speech: self.json("textToSpeech", before.text_to_speech)?,
            follow_up_prompts: self.json("followUpPrompts", before.follow_up_prompts)?,
            mcp_server_config: self.json("mcpServerConfig", before.mcp_server_config)?,
        })
    }

    fn switch(&self, name: &str, before: Option<bool>) -> Result<Option<bool>, Problem> {
        match self.0.get(name) {
            None => Ok(before),
            Some(Value::Null) => Ok(None),
            Some(Value::Bool(is_on)) => Ok(Some(*is_on)),
            Some(_) => Err(Problem::invalid(format!(
                "`{name}` is `true`, `false` or `null`."
            ))),
        }
    }

    fn text(&self, name: &str, before: Option<String>) -> Result<Option<String>, Problem> {
        match self.0.get(name) {
            None => Ok(before),
            Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Problem::invalid(format!("`{name}` is a text or `null`."))),
        }
    }

    /// A text of JSON. An empty one, as the editor sends it, says nothing.
    fn json(&self, name: &str, before: Option<String>) -> Result<Option<String>, Problem> {
        let text = self.text(name, before)?.filter(|text| !text.is_empty());
        if let Some(text) = &text {
            serde_json::from_str::<Map<String, Value>>(text).map_err(|error| {
                worded(StatusCode::BAD_REQUEST, format!("Invalid {name}: {error}"))
            })?;
        }
        Ok(text)
    }

    fn key(&self, before: Option<KeyId>) -> Result<Option<KeyId>, Problem> {
        if !self.0.contains_key("apikeyid") {
            return Ok(before);
        }
        let text = self.text("apikeyid", None)?.filter(|text| !text.is_empty());
        text.map(|text| text.parse())
            .transpose()
            .map_err(|_| Problem::invalid("`apikeyid` is the id of a key, or `null`."))
    }
}
