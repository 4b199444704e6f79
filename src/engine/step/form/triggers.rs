//! The form of each kind of trigger.

use super::FieldKind::{Flag, Json, Text};
use super::{Form, choice, field};

/// The form of each kind of trigger.
pub(super) static TRIGGERS: [Form; 3] = [
    Form {
        name: "api",
        title: "API",
        category: "Trigger",
        is_integration: false,
        fields: &[],
        outputs: &["input"],
    },
    Form {
        name: "schedule",
        title: "Schedule",
        category: "Trigger",
        is_integration: false,
        fields: &[
            field(
                "cron",
                Text,
                "Five fields: minute, hour, day, month, weekday. Or `interval`.",
            ),
            field(
                "interval",
                Json,
                "`{value, unit}`, unit `minutes`, `hours`, `days` or `weeks`.",
            ),
            field("timezone", Text, "IANA name; default `UTC`."),
            field("enabled", Flag, "Default true."),
            choice(
                "missedFires",
                &["skip", "once"],
                "What becomes of times that passed while the server was not running.",
            ),
        ],
        outputs: &["input"],
    },
    Form {
        name: "webhook",
        title: "Webhook",
        category: "Trigger",
        is_integration: false,
        fields: &[
            field(
                "provider",
                Text,
                "Who sends: `custom`, or a service whose signatures are known.",
            ),
            field("events", Json, "Event types that start runs; default all."),
            field("path", Text, "Of `custom`: the last part of the URL."),
        ],
        outputs: &["input", "body", "headers"],
    },
];
