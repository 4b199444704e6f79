//! The forms of the steps that speak to one certain kind of service: models, mail, chat.

use super::FieldKind::{Json, Number, Text};
use super::{Form, choice, field, required};

pub(super) const AGENT: Form = Form {
    name: "agent",
    title: "Agent",
    category: "AI",
    is_integration: true,
    fields: &[
        field(
            "prompt",
            Text,
            "What the model is asked; needed where no `agentId` is set.",
        ),
        field(
            "agentId",
            Text,
            "A stored agent; what the step sets goes before what the agent says.",
        ),
        field(
            "input",
            Json,
            "What it is about; shown to the model as JSON.",
        ),
        field("systemPrompt", Text, "The instructions."),
        choice(
            "provider",
            &["openai", "anthropic"],
            "Who serves the model; default `openai`.",
        ),
        field(
            "model",
            Text,
            "As the provider calls it; default the setting `llm_model`.",
        ),
        field(
            "outputSchema",
            Json,
            "JSON Schema that the answer must fit; the result is then its value.",
        ),
        field("temperature", Number, "0 to 2; default the provider's own."),
        field("maxTokens", Number, "The longest answer, in tokens."),
        field(
            "connection",
            Text,
            "The connection with the provider's key, by id or provider; default the provider's.",
        ),
        field("timeout", Number, "For one attempt, in milliseconds."),
    ],
    outputs: &["result", "text", "usage", "model", "finishReason"],
};

pub(super) const EMAIL: Form = Form {
    name: "email",
    title: "Mail",
    category: "Messages",
    is_integration: true,
    fields: &[
        required(
            "connection",
            Text,
            "A connection of the type `smtp`, by id or provider.",
        ),
        field(
            "to",
            Json,
            "An address, several with commas between them, or an array. `to`, `cc` or `bcc` must be there.",
        ),
        field("cc", Json, "Who gets a copy, in the same forms."),
        field(
            "bcc",
            Json,
            "Who gets a copy that the others do not see, in the same forms.",
        ),
        field(
            "from",
            Text,
            "The sender; default the one of the connection.",
        ),
        field(
            "replyTo",
            Json,
            "Where answers go, in the same forms as `to`.",
        ),
        required("subject", Text, "One line of text."),
        field(
            "text",
            Text,
            "The body as plain text. `text`, `html` or both must be there.",
        ),
        field("html", Text, "The body as HTML."),
        field("timeout", Number, "For one attempt, in milliseconds."),
    ],
    outputs: &["messageId", "accepted", "rejected", "rejections"],
};

pub(super) const EMAIL_SEND: Form = Form {
    name: "email.send",
    title: "Send a mail",
    ..EMAIL
};

pub(super) const SLACK: Form = Form {
    name: "slack",
    title: "Slack",
    category: "Messages",
    is_integration: true,
    fields: &[
        field(
            "webhookUrl",
            Text,
            "The address of an incoming webhook, as `{{secrets.NAME}}`; or set `connection`.",
        ),
        field(
            "connection",
            Text,
            "A connection whose secret is the webhook's address, by id or provider.",
        ),
        field(
            "text",
            Text,
            "The message. `text`, `blocks` or both must be there.",
        ),
        field("blocks", Json, "An array of at most 50 blocks of Slack."),
        field(
            "channel",
            Text,
            "Where to post, for webhooks that let it be chosen.",
        ),
        field("timeout", Number, "For one attempt, in milliseconds."),
    ],
    outputs: &["ok", "status"],
};

pub(super) const SLACK_SEND_MESSAGE: Form = Form {
    name: "slack.send_message",
    title: "Send a message to Slack",
    ..SLACK
};
