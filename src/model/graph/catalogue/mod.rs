//! The node types that the server runs itself, as data: ports, parameters, and how the planner treats them.
//! May not know how a node does its work. Promise: what is listed here has a behaviour; whatever is not listed is another
//! server's business, accepted with a warning and run through a configured backend.

mod listed;

pub use listed::{ANY_LLM, NODE_TYPES};

use crate::model::plan::Kind;

/// What a port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum PortType {
    /// A text.
    Text,
    /// The URL of an image.
    Image,
    /// The URL of a video.
    Video,
    /// The URL of a sound.
    Audio,
    /// Any JSON value.
    Json,
    /// Whatever the edge brings.
    Any,
}

impl PortType {
    /// The type as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            PortType::Text => "TEXT",
            PortType::Image => "IMAGE",
            PortType::Video => "VIDEO",
            PortType::Audio => "AUDIO",
            PortType::Json => "JSON",
            PortType::Any => "ANY",
        }
    }

    /// Whether a port of this type can feed one of the type `to`. JSON holds every value; a text can be made of every
    /// JSON value. Media are interchangeable with nothing else.
    pub fn feeds(self, to: PortType) -> bool {
        use PortType::{Any, Json, Text};
        self == to || matches!((self, to), (Any, _) | (_, Any | Json) | (Json, Text))
    }
}

/// One input or output of a node type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Port {
    /// Handles are `in-<id>` and `out-<id>`.
    pub id: &'static str,
    /// What it carries.
    pub port_type: PortType,
    /// Whether the node cannot run without it. A parameter of the same name serves too.
    pub is_required: bool,
    /// Whether several edges may lead to it; their values make an array.
    pub is_list: bool,
}

/// What the planner makes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Nothing: it is for people to look at.
    Note,
    /// Its value comes from its configuration, or from whoever starts the run.
    Input(InputType),
    /// A step of this kind.
    Step(Kind),
    /// Runs what comes after it once for each item of a list.
    Iterator,
    /// Ends an iteration: its input is the list of what the iterations came to.
    Collector,
}

/// What an input node asks of whoever starts a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// A text.
    Text,
    /// The URL of an image.
    Image,
    /// The URL of something else.
    Url,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// One of the node's `options`.
    Select,
}

impl InputType {
    /// The type as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            InputType::Text => "text",
            InputType::Image => "image",
            InputType::Url => "url",
            InputType::Number => "number",
            InputType::Boolean => "boolean",
            InputType::Select => "select",
        }
    }
}

/// One node type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NodeType {
    /// `input:text`: family and name.
    pub node_type: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// `input`, `utility`, …
    pub category: &'static str,
    /// What it takes.
    pub inputs: &'static [Port],
    /// What it gives.
    pub outputs: &'static [Port],
    /// The parameters that it reads from its configuration.
    pub params: &'static [&'static str],
    /// The parameters under which an input node keeps its value; the first is the one that is written.
    pub value_names: &'static [&'static str],
    /// Whether it takes inputs that are not listed.
    pub has_dynamic_inputs: bool,
    /// Whether it gives outputs that are not listed.
    pub has_dynamic_outputs: bool,
    /// `image1` stands for as many as `image<this>`; 0 where there is no such port.
    pub expanded_image_inputs: u32,
    /// Whether it is accepted for the sake of older graphs only.
    pub is_deprecated: bool,
    /// What the planner makes of it.
    pub role: Role,
}

impl NodeType {
    /// The name under which the engine finds what the node does: a step type of its own for every listed one.
    pub fn step_type(&self) -> &'static str {
        self.node_type
    }

    /// How the planner treats it; none of notes.
    pub fn kind(&self) -> Option<Kind> {
        match self.role {
            Role::Note => None,
            Role::Input(_) | Role::Collector => Some(Kind::Pure),
            Role::Step(kind) => Some(kind),
            Role::Iterator => Some(Kind::Parallel),
        }
    }

    /// The input with this id, `image2` for `image1` included.
    pub fn input(&self, id: &str) -> Option<Port> {
        let known = self.inputs.iter().find(|port| port.id == id);
        known.copied().or_else(|| {
            let number: u32 = id.strip_prefix("image")?.parse().ok()?;
            let is_one = (1..=self.expanded_image_inputs).contains(&number);
            let first = self.inputs.iter().find(|port| port.id == "image1")?;
            is_one.then_some(*first)
        })
    }

    /// The output with this id.
    pub fn output(&self, id: &str) -> Option<Port> {
        self.outputs.iter().find(|port| port.id == id).copied()
    }
}

/// The step type of nodes that are not listed: a call to a configured backend.
pub const BACKEND_STEP: &str = "node_backend";

/// The node type of this name, or the family of language models.
pub fn find(node_type: &str) -> Option<&'static NodeType> {
    let listed = NODE_TYPES.iter().find(|known| known.node_type == node_type);
    listed.or_else(|| node_type.starts_with("llm:").then_some(&ANY_LLM))
}

/// Whether the name belongs to a family of which some are listed.
pub fn is_of_known_family(node_type: &str) -> bool {
    node_type.split_once(':').is_some_and(|(family, _)| {
        let mut known = NODE_TYPES
            .iter()
            .filter_map(|known| known.node_type.split_once(':'));
        known.any(|(known, _)| known == family)
    })
}

#[cfg(test)]
mod tests {
    use super::PortType::{Any, Audio, Image, Json, Text, Video};
    use super::*;

    #[test]
    fn node_types_have_names_of_their_own_and_a_category() {
        for (at, known) in NODE_TYPES.iter().enumerate() {
            assert_eq!(find(known.node_type), Some(known));
            let same = NODE_TYPES
                .iter()
                .position(|other| other.node_type == known.node_type);
            assert_eq!(same, Some(at), "{}", known.node_type);
            assert!(!known.label.is_empty() && !known.category.is_empty());
            assert_eq!(known.kind().is_none(), known.role == Role::Note);
            if let Role::Input(_) = known.role {
                assert!(
                    known.inputs.is_empty() && !known.value_names.is_empty(),
                    "{}",
                    known.node_type
                );
            }
        }
        assert_eq!(find("llm:anything"), Some(&ANY_LLM));
        assert_eq!(find("generate:flux"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn families_are_known_by_their_first_word() {
        assert!(is_of_known_family("utility:image_resize"));
        assert!(!is_of_known_family("generate:flux") && !is_of_known_family("compv3"));
    }

    #[test]
    fn image_inputs_are_numbered_up_to_their_cap() {
        let llm = find("llm:openrouter_router");
        let has = |id: &str| llm.and_then(|llm| llm.input(id)).is_some();
        assert!(has("image1") && has("image8") && has("prompt"));
        assert!(!has("image9") && !has("image0") && !has("image") && !has("imagex"));
        assert!(find("input:text").is_some_and(|text| text.input("image2").is_none()));
    }

    #[test]
    fn media_feed_media_and_json_takes_everything() {
        let all = [Text, Image, Video, Audio, Json];
        for from in all {
            for to in all {
                let expected = from == to || to == Json || (from, to) == (Json, Text);
                assert_eq!(from.feeds(to), expected, "{from:?} {to:?}");
            }
            assert!(from.feeds(Any) && Any.feeds(from));
        }
    }
}
