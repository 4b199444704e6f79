//! What is sent and told about agents.

use crate::clock::iso_utc;
use crate::http::body::sent;
use crate::http::describe::FILLED_PATTERN;
use crate::id::AgentId;
use crate::model::agent::{Agent, AgentDraft, AgentProvider, AgentStatus, AgentType};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;

/// Which agents are listed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ListQuery {
    /// Only of this type.
    #[serde(rename = "type")]
    #[schemars(with = "Option<TypeWord>")]
    pub(super) agent_type: Option<AgentType>,
    /// Only in this status.
    #[schemars(with = "Option<StatusWord>")]
    pub(super) status: Option<AgentStatus>,
    /// Only with this in the name, letter case aside.
    pub(super) search: Option<String>,
    /// Whether those that came with the server are listed too, behind the others; true when it is not said.
    pub(super) include_built_in: Option<bool>,
    /// 1 to 100, default 50.
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// Where the former page ended.
    pub(super) cursor: Option<String>,
}

/// A new agent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "NewAgent")]
pub(super) struct CreateBody {
    /// 1 to 255 characters.
    #[schemars(length(min = 1, max = 255), regex(pattern = FILLED_PATTERN))]
    pub(super) name: String,
    /// What it is for.
    #[serde(rename = "type")]
    #[schemars(with = "TypeWord")]
    pub(super) agent_type: AgentType,
    /// The instructions, at most 64 KiB.
    #[schemars(length(min = 1, max = 65_536), regex(pattern = FILLED_PATTERN))]
    pub(super) system_prompt: String,
    /// For people, at most 4 KiB.
    #[schemars(length(max = 4096))]
    pub(super) description: Option<String>,
    /// Default `active`.
    #[schemars(with = "Option<StatusWord>")]
    pub(super) status: Option<AgentStatus>,
    /// Default `openai`.
    #[schemars(with = "Option<ProviderWord>")]
    pub(super) provider: Option<AgentProvider>,
    /// As the provider calls it; default the setting `llm_model`.
    #[schemars(length(min = 1, max = 200), regex(pattern = FILLED_PATTERN))]
    pub(super) model: Option<String>,
    /// A JSON Schema that every answer must fit.
    #[schemars(extend("type" = ["object", "boolean", "null"]))]
    pub(super) output_schema: Option<Value>,
    /// 0 to 2.
    #[schemars(range(min = 0, max = 2))]
    pub(super) temperature: Option<f64>,
    /// The longest answer, 1 to 1,000,000 tokens.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) max_tokens: Option<u32>,
    /// The connection with the provider's key; default the provider's default one.
    #[schemars(length(max = 200))]
    pub(super) connection_id: Option<String>,
}

/// What is to change; what is left out stays, and `null` takes away what an agent can be without.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "AgentChange")]
pub(super) struct EditBody {
    /// 1 to 255 characters.
    #[schemars(length(min = 1, max = 255), regex(pattern = FILLED_PATTERN))]
    pub(super) name: Option<String>,
    /// What it is for.
    #[serde(rename = "type")]
    #[schemars(with = "Option<TypeWord>")]
    pub(super) agent_type: Option<AgentType>,
    /// The instructions, at most 64 KiB.
    #[schemars(length(min = 1, max = 65_536), regex(pattern = FILLED_PATTERN))]
    pub(super) system_prompt: Option<String>,
    /// For people, at most 4 KiB.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<String>", length(max = 4096))]
    pub(super) description: Option<Option<String>>,
    /// `active` or `deprecated`.
    #[schemars(with = "Option<StatusWord>")]
    pub(super) status: Option<AgentStatus>,
    /// `openai` or `anthropic`.
    #[schemars(with = "Option<ProviderWord>")]
    pub(super) provider: Option<AgentProvider>,
    /// As the provider calls it.
    #[schemars(length(min = 1, max = 200), regex(pattern = FILLED_PATTERN))]
    pub(super) model: Option<String>,
    /// A JSON Schema that every answer must fit.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(extend("type" = ["object", "boolean", "null"]))]
    pub(super) output_schema: Option<Option<Value>>,
    /// 0 to 2.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<f64>", range(min = 0, max = 2))]
    pub(super) temperature: Option<Option<f64>>,
    /// The longest answer, 1 to 1,000,000 tokens.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 1_000_000))]
    pub(super) max_tokens: Option<Option<u32>>,
    /// The connection with the provider's key.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<String>", length(max = 200))]
    pub(super) connection_id: Option<Option<String>>,
}

/// A question for an agent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "AgentQuestion")]
pub(super) struct ExecuteBody {
    /// What it is about; shown to the model as JSON.
    pub(super) input: Option<Value>,
    /// What the user says.
    pub(super) user_message: Option<String>,
}

/// An agent.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Agent")]
pub(super) struct AgentView<'a> {
    /// `agent_` and a UUID, or a word for those that came with the server.
    id: &'a AgentId,
    /// What people call it.
    name: &'a str,
    /// For people.
    description: Option<&'a str>,
    /// What it is for.
    #[serde(rename = "type")]
    #[schemars(with = "TypeWord")]
    agent_type: AgentType,
    /// `active` or `deprecated`.
    #[schemars(with = "StatusWord")]
    status: AgentStatus,
    /// `global` for those that came with the server, else `company`.
    #[schemars(extend("enum" = ["global", "company"]))]
    scope: &'static str,
    /// Whether it came with the server; such a one cannot be changed.
    is_built_in: bool,
    /// Who serves the model.
    #[schemars(with = "ProviderWord")]
    provider: AgentProvider,
    /// As the provider calls it.
    model: &'a str,
    /// The instructions.
    system_prompt: &'a str,
    /// A JSON Schema that every answer must fit.
    output_schema: Option<&'a Value>,
    /// 0 to 2.
    temperature: Option<f64>,
    /// The longest answer.
    max_tokens: Option<u32>,
    /// The connection with the provider's key.
    connection_id: Option<&'a str>,
    /// `null` for those that came with the server.
    #[schemars(extend("format" = "date-time"))]
    created_at: Option<String>,
    /// `null` for those that came with the server.
    #[schemars(extend("format" = "date-time"))]
    updated_at: Option<String>,
}

/// What an agent answered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AgentAnswer")]
pub(super) struct ExecuteView {
    /// The value where the agent has an `outputSchema`, else the text.
    pub(super) output: Value,
    /// The text as it came.
    pub(super) text: String,
    /// The model that answered, as its provider says.
    pub(super) model: String,
    /// Why the answer ended: `stop`, `length`, …
    pub(super) finish_reason: Option<String>,
    /// How many tokens it took; what the provider does not say is `null`.
    pub(super) usage: Value,
    /// How long it took, in milliseconds.
    pub(super) latency_ms: u64,
    /// What it cost.
    pub(super) cost: CostView,
}

/// What an answer cost.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AgentCost")]
pub(super) struct CostView {
    /// Always `null`: the server knows no prices.
    pub(super) total_cost: Option<f64>,
}

impl EditBody {
    /// Makes the change.
    pub(super) fn put_into(&self, draft: &mut AgentDraft) {
        fn put<T: Clone>(new: Option<&T>, field: &mut T) {
            if let Some(new) = new {
                *field = new.clone();
            }
        }
        put(self.name.as_ref(), &mut draft.name);
        put(self.agent_type.as_ref(), &mut draft.agent_type);
        put(self.system_prompt.as_ref(), &mut draft.system_prompt);
        put(self.description.as_ref(), &mut draft.description);
        put(self.status.as_ref(), &mut draft.status);
        put(self.provider.as_ref(), &mut draft.provider);
        put(self.model.as_ref(), &mut draft.model);
        put(self.output_schema.as_ref(), &mut draft.output_schema);
        put(self.temperature.as_ref(), &mut draft.temperature);
        put(self.max_tokens.as_ref(), &mut draft.max_tokens);
        put(self.connection_id.as_ref(), &mut draft.connection_id);
    }
}

/// An agent as it is shown.
pub(super) fn view(agent: &Agent) -> AgentView<'_> {
    let draft = &agent.draft;
    let moment = |at_ms| (!agent.is_built_in).then(|| iso_utc(at_ms));
    AgentView {
        id: &agent.id,
        name: &draft.name,
        description: draft.description.as_deref(),
        agent_type: draft.agent_type,
        status: draft.status,
        scope: if agent.is_built_in {
            "global"
        } else {
            "company"
        },
        is_built_in: agent.is_built_in,
        provider: draft.provider,
        model: &draft.model,
        system_prompt: &draft.system_prompt,
        output_schema: draft.output_schema.as_ref(),
        temperature: draft.temperature,
        max_tokens: draft.max_tokens,
        connection_id: draft.connection_id.as_deref(),
        created_at: moment(agent.created_at_ms),
        updated_at: moment(agent.updated_at_ms),
    }
}

/// How the document shows [`AgentType`].
enum TypeWord {}

impl JsonSchema for TypeWord {
    fn schema_name() -> Cow<'static, str> {
        "AgentType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What an agent is for; it says nothing of what it does.",
            "type": "string",
            "enum": AgentType::ALL,
        })
    }
}

/// How the document shows [`AgentStatus`].
enum StatusWord {}

impl JsonSchema for StatusWord {
    fn schema_name() -> Cow<'static, str> {
        "AgentStatus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whether an agent should still be used: a `deprecated` one works as before, and should be replaced.",
            "type": "string",
            "enum": AgentStatus::ALL,
        })
    }
}

/// How the document shows [`AgentProvider`].
enum ProviderWord {}

impl JsonSchema for ProviderWord {
    fn schema_name() -> Cow<'static, str> {
        "AgentProvider".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Who serves the model.",
            "type": "string",
            "enum": AgentProvider::ALL,
        })
    }
}
