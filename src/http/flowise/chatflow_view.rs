//! What is told about flows.

use super::WORKSPACE;
use crate::clock::iso_utc;
use crate::id::{KeyId, WorkflowId};
use crate::model::chatflow::{ChatbotConfig, ChatflowDetails, kind_of};
use crate::model::flow::{FlowKind, flow_data};
use crate::model::workflow::Workflow;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A flow. What was never set is `null`; what is JSON is a text.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Chatflow")]
pub(super) struct ChatflowView<'a> {
    /// A UUID.
    id: &'a WorkflowId,
    /// For people.
    name: &'a str,
    /// The drawing, as it was sent.
    flow_data: String,
    /// Kept for clients; every flow is served.
    deployed: Option<bool>,
    /// Whether it is asked without a key.
    is_public: Option<bool>,
    /// The only key that may ask it.
    apikeyid: Option<&'a KeyId>,
    /// What its widget shows, and from where it may be asked: `allowedOrigins`.
    chatbot_config: Option<Cow<'a, str>>,
    /// How often it may be asked, and what callers may override.
    api_config: Option<&'a str>,
    /// Kept for clients.
    analytic: Option<&'a str>,
    /// Kept for clients.
    speech_to_text: Option<&'a str>,
    /// Kept for clients.
    text_to_speech: Option<&'a str>,
    /// Kept for clients.
    follow_up_prompts: Option<&'a str>,
    /// Categories, with `;` between them.
    category: Option<&'a str>,
    /// `CHATFLOW` or `AGENTFLOW`.
    #[schemars(extend("enum" = ["CHATFLOW", "AGENTFLOW"]))]
    r#type: &'static str,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_date: String,
    /// When it was changed last.
    #[schemars(extend("format" = "date-time"))]
    updated_date: String,
    /// Kept for clients.
    mcp_server_config: Option<&'a str>,
    /// Always `false`: how webhooks are signed stands in the trigger.
    webhook_secret_configured: bool,
    /// Always `default`.
    workspace_id: &'static str,
}

/// How much of a drawing is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    /// As it was sent.
    Whole,
    /// Without credentials: see [`scrubbed`].
    Scrubbed,
    /// As everybody may see it: see [`outlined`].
    Outlined,
}

/// A flow as it is told.
pub(super) fn view<'a>(
    workflow: &'a Workflow,
    details: &'a ChatflowDetails,
    drawn: Drawn,
) -> ChatflowView<'a> {
    let kind = kind_of(workflow).unwrap_or(FlowKind::Agentflow);
    let data = flow_data(&workflow.definition).unwrap_or_default();
    // These hold tokens and ids of credentials, and are read by who may change them.
    let of_owners = |text: &'a Option<String>| text.as_deref().filter(|_| drawn == Drawn::Whole);
    ChatflowView {
        id: &workflow.id,
        name: &workflow.name,
        flow_data: match drawn {
            Drawn::Whole => data.to_owned(),
            Drawn::Scrubbed => scrubbed(data),
            Drawn::Outlined => outlined(data),
        },
        deployed: details.is_deployed,
        is_public: details.is_public,
        apikeyid: details.api_key.as_ref(),
        chatbot_config: match drawn {
            Drawn::Whole => details.chatbot_config.as_deref().map(Cow::from),
            Drawn::Scrubbed | Drawn::Outlined => details.chatbot_config.as_deref().map(|text| {
                let shown = ChatbotConfig::read(Some(text)).shown();
                Value::Object(shown).to_string().into()
            }),
        },
        api_config: of_owners(&details.api_config),
        analytic: of_owners(&details.analytic),
        speech_to_text: of_owners(&details.speech_to_text),
        text_to_speech: of_owners(&details.text_to_speech),
        follow_up_prompts: of_owners(&details.follow_up_prompts),
        category: details.category.as_deref(),
        r#type: kind.as_str(),
        created_date: iso_utc(workflow.created_at_ms),
        updated_date: iso_utc(workflow.updated_at_ms),
        mcp_server_config: of_owners(&details.mcp_server_config),
        webhook_secret_configured: false,
        workspace_id: WORKSPACE,
    }
}

/// Inputs of these types are not shown to everybody.
const HIDDEN_TYPES: [&str; 3] = ["password", "file", "folder"];
/// Nor are headers of these names.
const HIDDEN_HEADERS: [&str; 4] = ["authorization", "x-api-key", "x-auth-token", "cookie"];

/// A drawing without credentials, passwords, files and the headers that hold such.
pub(super) fn scrubbed(flow_data: &str) -> String {
    let Ok(mut drawing) = serde_json::from_str::<Value>(flow_data) else {
        return String::new();
    };
    let nodes = drawing.get_mut("nodes").and_then(Value::as_array_mut);
    for data in nodes
        .into_iter()
        .flatten()
        .filter_map(|node| node.get_mut("data"))
    {
        let hidden: Vec<String> = data["inputParams"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|input| {
                let kind = input["type"].as_str().unwrap_or_default();
                HIDDEN_TYPES.contains(&kind)
            })
            .filter_map(|input| input["name"].as_str().map(str::to_owned))
            .collect();
        if let Some(fields) = data.as_object_mut() {
            fields.remove("credential");
        }
        if let Some(inputs) = data.get_mut("inputs").and_then(Value::as_object_mut) {
            inputs.retain(|name, _| !hidden.contains(name));
            inputs.values_mut().for_each(scrub);
        }
    }
    drawing.to_string()
}

/// A scrubbed drawing in which only the beginning has inputs: a widget shows the form that stands there, and what other nodes are
/// set to, such as a prompt, code or a URL, is nobody's business.
pub(super) fn outlined(flow_data: &str) -> String {
    let mut drawing: Value = serde_json::from_str(&scrubbed(flow_data)).unwrap_or_default();
    let nodes = drawing.get_mut("nodes").and_then(Value::as_array_mut);
    for data in nodes
        .into_iter()
        .flatten()
        .filter_map(|node| node.get_mut("data"))
    {
        if data["name"] != "startAgentflow"
            && let Some(fields) = data.as_object_mut()
        {
            fields.insert("inputs".to_owned(), json!({}));
        }
    }
    drawing.to_string()
}

/// Takes credentials and headers out of a value, wherever in it they are.
fn scrub(value: &mut Value) {
    let is_hidden = |header: &Value| {
        let name = header.as_str().unwrap_or_default().to_ascii_lowercase();
        HIDDEN_HEADERS.contains(&name.as_str())
    };
    match value {
        Value::Array(items) => {
            items.retain(|item| !item.get("key").is_some_and(is_hidden));
            items.iter_mut().for_each(scrub);
        }
        Value::Object(fields) => {
            fields.retain(|name, _| {
                name != "FLOWISE_CREDENTIAL_ID"
                    && !HIDDEN_HEADERS.contains(&name.to_ascii_lowercase().as_str())
            });
            fields.values_mut().for_each(scrub);
        }
        // The editor keeps headers as a text of JSON, too.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            if let Ok(mut parsed) = serde_json::from_str::<Value>(text) {
                let before = parsed.clone();
                scrub(&mut parsed);
                if parsed != before {
                    *text = parsed.to_string();
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_left_of_a_drawing() {
        let drawing = json!({ "nodes": [{ "id": "a", "data": {
            "credential": "SECRET-1",
            "inputParams": [{ "name": "token", "type": "password" }, { "name": "url", "type": "string" }],
            "inputs": {
                "token": "SECRET-2",
                "url": "http://a.example",
                "headers": [{ "key": "Authorization", "value": "SECRET-3" }, { "key": "Accept", "value": "text" }],
                "more": "{\"x-api-key\":\"SECRET-4\",\"a\":1}",
                "list": "[{\"key\":\"Cookie\",\"value\":\"SECRET-7\"},{\"key\":\"b\"}]",
                "model": { "FLOWISE_CREDENTIAL_ID": "SECRET-5", "cookie": "SECRET-6" },
            },
        } }], "edges": [] });
        let left = scrubbed(&drawing.to_string());
        assert!(!left.contains("SECRET"), "{left}");
        for kept in ["http://a.example", "Accept", "\\\"a\\\":1", "inputParams"] {
            assert!(left.contains(kept), "{kept}: {left}");
        }
        assert_eq!(scrubbed("no JSON"), "");
    }

    #[test]
    fn of_an_outline_the_beginning_alone_has_inputs() {
        let node = |name: &str, input: &str| json!({ "id": name, "data": { "name": name, "credential": "SECRET", "inputs": { "a": input } } });
        let drawing = json!({ "nodes": [node("startAgentflow", "form"), node("llmAgentflow", "SECRET")], "edges": [{ "source": "x" }] });
        let left = outlined(&drawing.to_string());
        assert!(!left.contains("SECRET"), "{left}");
        for kept in ["form", "llmAgentflow", "\"source\":\"x\""] {
            assert!(left.contains(kept), "{kept}: {left}");
        }
    }
}
