//! What people and editors are told of step types and triggers: their fields, what each is for, what comes out. The catalogue
//! of blocks is made of this. Promise: every step type has a form, and every field in it is one that its type knows.

use FieldKind::{Flag, Json, Number, Steps, Text};

/// How a step type or a trigger is filled in.
#[derive(Debug)]
pub struct Form {
    /// The name of the step type (`api.request`) or of the trigger (`api`).
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it belongs to: `Data`, `Flow`, `Network`, `Trigger`.
    pub category: &'static str,
    /// Whether it speaks to one certain kind of service.
    pub is_integration: bool,
    /// Its fields.
    pub fields: &'static [FormField],
    /// The fields of its output.
    pub outputs: &'static [&'static str],
}

/// A field of a configuration.
#[derive(Debug)]
pub struct FormField {
    /// Its name.
    pub name: &'static str,
    /// What is to be put in; everything may be a template as well.
    pub kind: FieldKind,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it is for, with its unit and default.
    pub description: &'static str,
    /// What it may be, where that is a closed set.
    pub options: &'static [&'static str],
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// One line of text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// One of the field's options.
    Choice,
    /// Any JSON.
    Json,
    /// Ids of steps.
    Steps,
}

const fn field(name: &'static str, kind: FieldKind, description: &'static str) -> FormField {
    FormField {
        name,
        kind,
        is_required: false,
        description,
        options: &[],
    }
}

const fn required(name: &'static str, kind: FieldKind, description: &'static str) -> FormField {
    FormField {
        is_required: true,
        ..field(name, kind, description)
    }
}

const fn choice(
    name: &'static str,
    options: &'static [&'static str],
    description: &'static str,
) -> FormField {
    FormField {
        options,
        ..field(name, FieldKind::Choice, description)
    }
}

/// The form of each step type, in the order of their names.
static STEPS: [Form; 4] = [
    Form {
        name: "api.request",
        title: "API request",
        category: "Network",
        is_integration: false,
        fields: &[
            required("url", Text, "An absolute http or https URL."),
            choice(
                "method",
                &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
                "Default GET.",
            ),
            field("headers", Json, "An object, or rows of `Key` and `Value`."),
            field("params", Json, "Query parameters, in the same forms."),
            field("body", Json, "What is sent: JSON or a text."),
            choice(
                "responseFormat",
                &["auto", "json", "csv", "text", "pdf", "binary"],
                "How the answer is read; default by its content type.",
            ),
            field("csvDelimiter", Text, "One character; default a comma."),
            field("timeout", Number, "For one attempt, in milliseconds."),
            field("maxResponseBytes", Number, "A longer answer is an error."),
            field(
                "failOnError",
                Flag,
                "Whether a status from 400 is an error; default true.",
            ),
            field("retries", Number, "How often to try again; default 0."),
            field(
                "retryDelayMs",
                Number,
                "Before the second attempt, in milliseconds.",
            ),
            field(
                "retryMaxDelayMs",
                Number,
                "No delay is longer, in milliseconds.",
            ),
            field(
                "retryNonIdempotent",
                Flag,
                "Whether POST and PATCH are tried again too.",
            ),
        ],
        outputs: &[
            "data",
            "status",
            "headers",
            "ok",
            "text",
            "rows",
            "columns",
            "content",
            "contentType",
            "sizeBytes",
        ],
    },
    Form {
        name: "condition",
        title: "Condition",
        category: "Flow",
        is_integration: false,
        fields: &[
            required(
                "conditions",
                Json,
                "`{left, operator, right}`, a group of such, or rows of `{field, operator, value}`.",
            ),
            choice(
                "combineOperator",
                &["AND", "OR"],
                "How rows are joined; default AND.",
            ),
            field("then", Steps, "The steps that run when it is true."),
            field("else", Steps, "The steps that run when it is false."),
        ],
        outputs: &["result", "true", "false"],
    },
    Form {
        name: "transform",
        title: "Transform",
        category: "Data",
        is_integration: false,
        fields: &[
            choice(
                "action",
                &["transform", "map", "normalize", "validate", "enrich"],
                "What for; default `transform`.",
            ),
            required("sourceData", Json, "What is transformed."),
            field(
                "mappingRules",
                Json,
                "Rows of `{source, target, transform, default}`; without rules the output is the source.",
            ),
            field(
                "targetSchema",
                Json,
                "JSON Schema that the output must fit.",
            ),
            field(
                "strict",
                Flag,
                "Whether a rule that does not work is an error; default false.",
            ),
        ],
        outputs: &[],
    },
    Form {
        name: "wait",
        title: "Wait",
        category: "Flow",
        is_integration: false,
        fields: &[
            required(
                "duration",
                Number,
                "How long, in milliseconds or in `unit`s.",
            ),
            choice(
                "unit",
                &["milliseconds", "seconds", "minutes", "hours", "days"],
                "What `duration` counts; default milliseconds.",
            ),
        ],
        outputs: &["waited", "durationMs", "completedAt"],
    },
];

/// The form of each kind of trigger.
static TRIGGERS: [Form; 3] = [
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

/// The form of a step type.
pub fn of_step(name: &str) -> Option<&'static Form> {
    STEPS.iter().find(|form| form.name == name)
}

/// The forms of all triggers.
pub fn triggers() -> &'static [Form] {
    &TRIGGERS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::super::rules;
    use super::*;
    use crate::model::plan::Problems;
    use serde_json::{Map, Value};

    #[test]
    fn every_step_type_has_a_form_whose_fields_it_knows() {
        for rule in rules() {
            let form = of_step(rule.name);
            let form = form.unwrap_or_else(|| panic!("`{}` has no form in form.rs", rule.name));
            for field in form.fields {
                // A slip of the pen is answered with the name that was meant, if that is a name.
                let slip = format!("{}z", field.name);
                let config = Map::from_iter([(slip.clone(), Value::Null)]);
                let mut found = Vec::new();
                (rule.check)(
                    &config,
                    &mut Problems {
                        place: "config".to_owned(),
                        found: &mut found,
                    },
                );
                let meant = format!("did you mean `{}`?", field.name);
                assert!(
                    found.iter().any(|problem| problem.message.contains(&meant)),
                    "`{}` does not know `{}`: {found:?}",
                    rule.name,
                    field.name
                );
            }
        }
        assert_eq!(STEPS.len(), rules().len());
    }
}
