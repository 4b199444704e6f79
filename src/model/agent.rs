//! Agents: a language model with instructions, ready to be given an input.
//! May not know how a model is called. Promise: what [`AgentDraft::problems`] passes can be stored and sent.

use super::plan::DefinitionProblem;
use crate::id::AgentId;
use crate::model::json::json_bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 255;
/// The longest description, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 4 * 1024;
/// The longest instructions, in bytes.
const MAX_PROMPT_BYTES: usize = 64 * 1024;
/// The largest schema of an answer, in bytes.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// The longest name of a model or a connection, in bytes.
const MAX_WORD_BYTES: usize = 200;
/// The most tokens that an answer may be given.
pub const MAX_TOKENS: u32 = 1_000_000;
/// The range of `temperature`.
pub const TEMPERATURE: std::ops::RangeInclusive<f64> = 0.0..=2.0;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every one.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The word that is stored and sent.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }

            /// Reads the word that is stored and sent.
            pub fn parse(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }
    };
}

words! {
    /// What an agent is for; it says nothing of what it does.
    AgentType {
        /// Takes facts out of text.
        Extraction = "extraction",
        /// Writes text.
        Content = "content",
        /// Brings data into another form.
        Transform = "transform",
        /// Decides.
        Decision = "decision",
        /// Writes code.
        Code = "code",
        /// Sorts into classes.
        Classification = "classification",
        /// Anything else.
        Custom = "custom",
    }
}

words! {
    /// Whether an agent should still be used.
    AgentStatus {
        /// It should.
        Active = "active",
        /// It works as before, and should be replaced.
        Deprecated = "deprecated",
    }
}

words! {
    /// Who serves the model.
    AgentProvider {
        /// OpenAI, and whoever speaks its protocol.
        OpenAi = "openai",
        /// Anthropic, by its endpoint that speaks OpenAI's protocol.
        Anthropic = "anthropic",
    }
}

/// What a client says of an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentDraft {
    /// What people call it.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What it is for.
    pub agent_type: AgentType,
    /// Whether it should still be used.
    pub status: AgentStatus,
    /// Who serves the model.
    pub provider: AgentProvider,
    /// The model, as the provider calls it.
    pub model: String,
    /// The instructions.
    pub system_prompt: String,
    /// A JSON Schema that every answer must fit.
    pub output_schema: Option<Value>,
    /// 0 to 2; the provider's own where it is absent.
    pub temperature: Option<f64>,
    /// The longest answer; the provider's own where it is absent.
    pub max_tokens: Option<u32>,
    /// The connection that holds the provider's key; the provider's default one where it is absent.
    pub connection_id: Option<String>,
}

/// An agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Stays.
    pub id: AgentId,
    /// What it is.
    pub draft: AgentDraft,
    /// Whether it came with the server; such a one cannot be changed.
    pub is_built_in: bool,
    /// In milliseconds since the Unix epoch; 0 for built-in ones.
    pub created_at_ms: i64,
    /// In milliseconds since the Unix epoch; 0 for built-in ones.
    pub updated_at_ms: i64,
}

/// Which agents are wanted.
#[derive(Debug, Clone, Default)]
pub struct AgentFilter {
    /// Only of this type.
    pub agent_type: Option<AgentType>,
    /// Only in this status.
    pub status: Option<AgentStatus>,
    /// Only with this in the name, letter case aside.
    pub search: Option<String>,
}

impl AgentFilter {
    /// Whether `agent` is wanted.
    pub fn wants(&self, agent: &AgentDraft) -> bool {
        let has_text = |needle: &String| {
            let name = agent.name.to_lowercase();
            name.contains(&needle.to_lowercase())
        };
        self.agent_type
            .is_none_or(|wanted| wanted == agent.agent_type)
            && self.status.is_none_or(|wanted| wanted == agent.status)
            && self.search.as_ref().is_none_or(has_text)
    }
}

impl AgentDraft {
    /// Every mistake with its place, but for those in `outputSchema`, which only a compiler of schemas finds.
    pub fn problems(&self) -> Vec<DefinitionProblem> {
        let mut found = Vec::new();
        let mut add = |place: &str, message: String| {
            found.push(DefinitionProblem {
                place: place.to_owned(),
                message,
            });
        };
        let chars = self.name.chars().count();
        if self.name.trim().is_empty() || chars > MAX_NAME_CHARS {
            add(
                "name",
                format!(
                    "it has {chars} characters; a name has 1 to {MAX_NAME_CHARS}, not only spaces"
                ),
            );
        }
        if self.system_prompt.trim().is_empty() {
            add(
                "systemPrompt",
                "it is empty; say what the agent is to do".to_owned(),
            );
        }
        for (place, bytes, most) in self.sizes() {
            if bytes > most {
                add(place, format!("it has {bytes} bytes, more than {most}"));
            }
        }
        if self.model.trim().is_empty() || self.model.len() > MAX_WORD_BYTES {
            add(
                "model",
                format!(
                    "it has {} bytes; the name of a model has 1 to {MAX_WORD_BYTES}",
                    self.model.len()
                ),
            );
        }
        if let Some(temperature) = self
            .temperature
            .filter(|number| !TEMPERATURE.contains(number))
        {
            add(
                "temperature",
                format!("{temperature} is not between 0 and 2"),
            );
        }
        if let Some(tokens) = self
            .max_tokens
            .filter(|number| !(1..=MAX_TOKENS).contains(number))
        {
            add(
                "maxTokens",
                format!("{tokens} is not between 1 and {MAX_TOKENS}"),
            );
        }
        found
    }

    /// What has a size: its place, its bytes, and the most that it may have.
    fn sizes(&self) -> [(&'static str, usize, usize); 4] {
        let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let schema = self.output_schema.as_ref();
        let schema_bytes = schema.map_or(0, json_bytes);
        [
            ("systemPrompt", self.system_prompt.len(), MAX_PROMPT_BYTES),
            (
                "description",
                bytes(&self.description),
                MAX_DESCRIPTION_BYTES,
            ),
            ("outputSchema", schema_bytes, MAX_SCHEMA_BYTES),
            ("connectionId", bytes(&self.connection_id), MAX_WORD_BYTES),
        ]
    }
}
