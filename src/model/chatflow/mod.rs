//! What Flowise's API keeps of a flow beside its definition: who may ask it, from where and how often, and what its chat
//! widget shows. May not know HTTP, keys' texts or how it is stored. Promise: texts of JSON are kept as they were sent; what
//! of them has a meaning here is read in one place.

mod api_config;
mod chat;
mod chatbot_config;
mod execution;

pub use api_config::{ApiConfig, FlowRateLimit, OverrideRules};
pub use chat::{
    ChatBounds, ChatFile, ChatMessage, ChatRole, ChatStats, ChatType, Feedback, FlowVariable, Lead,
    MessageFilter, Rating, VariableKind, VariableName,
};
pub use chatbot_config::ChatbotConfig;
pub use execution::{Execution, ExecutionFilter, ExecutionRemoval, ExecutionState};

use crate::id::KeyId;
use crate::model::flow::FlowKind;
use crate::model::workflow::{DefinitionFormat, Reach, Workflow};
use serde_json::Value;

/// What is kept of one flow. `None` of a text is what was never sent, or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatflowDetails {
    /// Whether it is asked without a key.
    pub is_public: Option<bool>,
    /// Kept for clients; every flow is served.
    pub is_deployed: Option<bool>,
    /// The only key that may ask it. The key may be gone; then nobody may.
    pub api_key: Option<KeyId>,
    /// Categories, with `;` between them.
    pub category: Option<String>,
    /// JSON: see [`ChatbotConfig`].
    pub chatbot_config: Option<String>,
    /// JSON: see [`ApiConfig`].
    pub api_config: Option<String>,
    /// JSON, kept for clients.
    pub analytic: Option<String>,
    /// JSON, kept for clients.
    pub speech_to_text: Option<String>,
    /// JSON, kept for clients.
    pub text_to_speech: Option<String>,
    /// JSON, kept for clients.
    pub follow_up_prompts: Option<String>,
    /// JSON, kept for clients.
    pub mcp_server_config: Option<String>,
}

/// Of which of Flowise's types a workflow is; `None` of other formats.
pub fn kind_of(workflow: &Workflow) -> Option<FlowKind> {
    let definition = &workflow.definition;
    let kind = definition.body.get("flowType").and_then(Value::as_str);
    kind.filter(|_| definition.format == DefinitionFormat::Flow)
        .and_then(FlowKind::parse)
}

/// A flow and what is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chatflow {
    /// The workflow that it is.
    pub workflow: Workflow,
    /// What is kept beside.
    pub details: ChatflowDetails,
}

/// What is told of a flow beside the key that it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundFlow {
    /// What it is called.
    pub name: String,
    /// Its categories, with `;` between them.
    pub category: Option<String>,
    /// When it was changed last, in milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// Which flows a list should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatflowFilter {
    /// Only those of these types.
    pub kinds: Vec<FlowKind>,
    /// Only those that are bound to this key.
    pub api_key: Option<KeyId>,
    /// Only those within this reach.
    pub reach: Reach,
}
