//! The listed node types.
//! May not know anything but their shapes. A node type is added by one entry here and one behaviour in the engine.

use super::PortType::{Any, Audio, Image, Json, Text, Video};
use super::{InputType, NodeType, Port, PortType, Role};
use crate::model::plan::Kind;

const fn port(id: &'static str, port_type: PortType) -> Port {
    Port {
        id,
        port_type,
        is_required: false,
        is_list: false,
    }
}

const fn required(id: &'static str, port_type: PortType) -> Port {
    Port {
        is_required: true,
        ..port(id, port_type)
    }
}

const fn list(id: &'static str, port_type: PortType) -> Port {
    Port {
        is_list: true,
        ..port(id, port_type)
    }
}

const NOTE: NodeType = NodeType {
    node_type: "utility:sticky_note",
    label: "Sticky note",
    category: "utility",
    inputs: &[],
    outputs: &[],
    params: &["text"],
    value_names: &[],
    has_dynamic_inputs: false,
    has_dynamic_outputs: false,
    expanded_image_inputs: 0,
    is_deprecated: false,
    role: Role::Note,
};

const fn input(
    node_type: &'static str,
    label: &'static str,
    outputs: &'static [Port],
    value_names: &'static [&'static str],
    asks: InputType,
) -> NodeType {
    NodeType {
        node_type,
        label,
        category: "input",
        outputs,
        params: value_names,
        value_names,
        role: Role::Input(asks),
        ..NOTE
    }
}

const fn pure(
    node_type: &'static str,
    label: &'static str,
    category: &'static str,
    inputs: &'static [Port],
    outputs: &'static [Port],
    params: &'static [&'static str],
) -> NodeType {
    NodeType {
        node_type,
        label,
        category,
        inputs,
        outputs,
        params,
        role: Role::Step(Kind::Pure),
        ..NOTE
    }
}

const LLM_INPUTS: &[Port] = &[
    port("prompt", Text),
    port("system_prompt", Text),
    port("image1", Image),
    list("frames", Json),
];

const LLM_PARAMS: &[&str] = &[
    "model",
    "prompt",
    "userPrompt",
    "system_prompt",
    "systemPrompt",
    "max_tokens",
    "temperature",
];

/// Every `llm:*` node that is not listed by its full name.
pub const ANY_LLM: NodeType = NodeType {
    node_type: "llm:*",
    has_dynamic_inputs: true,
    has_dynamic_outputs: true,
    ..LLM
};

const LLM: NodeType = NodeType {
    node_type: "llm:openrouter_router",
    label: "Language model",
    category: "llm",
    inputs: LLM_INPUTS,
    outputs: &[port("text", Text)],
    params: LLM_PARAMS,
    expanded_image_inputs: 8,
    role: Role::Step(Kind::Effect),
    ..NOTE
};

/// Every listed node type, as `GET /nodes` shows them.
pub const NODE_TYPES: &[NodeType] = &[
    input(
        "input:text",
        "Text",
        &[port("prompt", Text), port("text", Text)],
        &["prompt", "text"],
        InputType::Text,
    ),
    NodeType {
        params: &["image", "imageUrl", "url", "inputType", "mediaType"],
        ..input(
            "input:image",
            "Import",
            &[port("image", Image), port("media", Any), port("url", Text)],
            &["image", "imageUrl", "url"],
            InputType::Image,
        )
    },
    NodeType {
        is_deprecated: true,
        ..input(
            "input:video",
            "Video",
            &[port("video", Video), port("media", Any), port("url", Text)],
            &["video", "videoUrl", "url"],
            InputType::Url,
        )
    },
    NodeType {
        is_deprecated: true,
        ..input(
            "input:audio",
            "Audio",
            &[port("audio", Audio), port("media", Any), port("url", Text)],
            &["audio", "audioUrl", "url"],
            InputType::Url,
        )
    },
    input(
        "input:number",
        "Number",
        VALUE,
        &["value", "number"],
        InputType::Number,
    ),
    input(
        "input:seed",
        "Seed",
        &[port("seed", Json), port("value", Json)],
        &["seed", "value"],
        InputType::Number,
    ),
    input(
        "input:toggle",
        "Toggle",
        VALUE,
        &["value", "toggle"],
        InputType::Boolean,
    ),
    NodeType {
        params: &["value", "selected", "options"],
        ..input(
            "input:select",
            "Select",
            VALUE,
            &["value", "selected"],
            InputType::Select,
        )
    },
    pure(
        "utility:prompt_concat",
        "Join prompts",
        "utility",
        &[port("prompt1", Text), port("prompt2", Text)],
        &[port("prompt", Text)],
        &["prompt1", "prompt2", "separator"],
    ),
    NodeType {
        has_dynamic_outputs: true,
        ..pure(
            "utility:json_multi_extract",
            "Extract from JSON",
            "utility",
            &[required("json", Json)],
            &[],
            &["json", "paths", "wrap"],
        )
    },
    pure(
        "utility:build_data",
        "Build data",
        "utility",
        &[
            Port {
                is_list: true,
                ..required("records", Json)
            },
            Port {
                is_list: true,
                ..required("images", Json)
            },
        ],
        &[port("data", Json)],
        &["records", "images", "imageKey"],
    ),
    NodeType {
        has_dynamic_inputs: true,
        has_dynamic_outputs: true,
        ..pure(
            "logic:router",
            "Router",
            "logic",
            &[port("value", Any)],
            &[port("value", Any)],
            &[],
        )
    },
    NodeType {
        has_dynamic_inputs: true,
        ..pure(
            "output:preview",
            "Preview",
            "output",
            &[list("value", Any)],
            &[],
            &[],
        )
    },
    NodeType {
        label: "Run a workflow",
        category: "blueprint",
        node_type: "blueprint:invoke",
        params: &["workflowId", "blueprintId", "slug"],
        has_dynamic_inputs: true,
        has_dynamic_outputs: true,
        role: Role::Step(Kind::Child),
        ..NOTE
    },
    NodeType {
        node_type: "iterator:list",
        label: "For each item",
        category: "iterator",
        inputs: &[Port {
            is_list: true,
            ..required("list", Json)
        }],
        outputs: &[port("item", Any), port("index", Json)],
        params: &["list", "items"],
        role: Role::Iterator,
        ..NOTE
    },
    NodeType {
        node_type: "iterator:collect",
        label: "Collect items",
        category: "iterator",
        inputs: &[required("item", Any)],
        outputs: &[port("list", Json)],
        params: &[],
        role: Role::Collector,
        ..NOTE
    },
    LLM,
    NOTE,
    NodeType {
        node_type: "stickyNote",
        ..NOTE
    },
    NodeType {
        node_type: "custom_group",
        label: "Group",
        params: &["childNodeIds"],
        ..NOTE
    },
];

const VALUE: &[Port] = &[port("value", Json)];
