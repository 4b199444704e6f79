//! What people and editors are told of step types and triggers: their fields, what each is for, what comes out. The catalogue
//! of blocks is made of this. Promise: every step type has a form, with every field that its type knows but those that
//! `UNSHOWN` names.

mod data;
mod services;
mod steps;
mod triggers;

use steps::STEPS;
use triggers::TRIGGERS;

/// How a step type or a trigger is filled in.
#[derive(Debug)]
pub struct Form {
    /// The name of the step type (`api.request`) or of the trigger (`api`).
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it belongs to: `AI`, `Data`, `Flow`, `Messages`, `Network`, `Trigger`.
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

impl Form {
    /// Whether it does nothing without a connection.
    pub fn needs_connection(&self) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.name == "connection" && field.is_required)
    }
}

/// The form of a step type.
pub fn of_step(name: &str) -> Option<&'static Form> {
    STEPS.iter().find(|form| form.name == name)
}

/// The forms of all triggers.
pub fn of_triggers() -> &'static [Form] {
    &TRIGGERS
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::super::{REGISTRY, StepType};
    use super::*;
    use crate::model::plan::Problems;
    use serde_json::{Map, Value, json};

    /// What forms leave out: other spellings of what they have, and what is known to be refused or without effect.
    const UNSHOWN: [(&str, &[&str]); 9] = [
        (
            "agent",
            &["connectionId", "connections", "maxToolIterations", "tools"],
        ),
        ("api.request", &["connectionId"]),
        ("approval", &["escalateTo", "notifyChannels", "requireAll"]),
        ("email", &["action", "connectionId", "provider"]),
        ("email.send", &["action", "connectionId", "provider"]),
        ("slack", &["action", "connectionId", "provider"]),
        (
            "slack.send_message",
            &["action", "connectionId", "provider"],
        ),
        (
            "subworkflow",
            &["input", "machine", "queueConcurrencyLimit", "queueName"],
        ),
        ("transform", &["code"]),
    ];

    /// What the step type says of a configuration.
    fn problems(step: &StepType, config: &Map<String, Value>) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut problems = Problems {
            place: "config".to_owned(),
            is_new: true,
            found: &mut found,
        };
        (step.rule.check)(config, &mut problems);
        let told = found.into_iter();
        told.map(|problem| (problem.place, problem.message))
            .collect()
    }

    #[test]
    fn every_step_type_has_a_form_with_every_field_that_it_knows() {
        for step in &REGISTRY {
            let name = step.rule.name;
            let form = of_step(name);
            let form = form.unwrap_or_else(|| panic!("`{name}` has no form"));
            let shown = form.fields.iter().map(|field| field.name);
            let unshown = UNSHOWN.iter().filter(|(step, _)| *step == name);
            let unshown = unshown.flat_map(|(_, fields)| fields.iter().copied());
            let mut told: Vec<&str> = shown.chain(unshown).collect();
            let mut known = step.known.concat();
            told.sort_unstable();
            known.sort_unstable();
            known.dedup();
            assert_eq!(told, known, "`{name}`: the form beside what the step knows");
        }
        assert_eq!(STEPS.len(), REGISTRY.len());
    }

    #[test]
    fn what_a_step_knows_is_what_it_checks() {
        for step in &REGISTRY {
            for list in step.known {
                // Where code is written, a transformation knows other fields.
                let with_code = list.contains(&"script");
                for name in *list {
                    // A slip of the pen is answered with the name that was meant, if that is a name.
                    let mut config = Map::from_iter([(format!("{name}z"), Value::Null)]);
                    if with_code {
                        config.insert("script".to_owned(), json!("return 1"));
                    }
                    let meant = format!("did you mean `{name}`?");
                    let found = problems(step, &config);
                    assert!(
                        found.iter().any(|(_, message)| message.contains(&meant)),
                        "`{}` does not know `{name}`: {found:?}",
                        step.rule.name
                    );
                }
            }
        }
    }

    #[test]
    fn who_needs_a_connection_says_so() {
        for step in &REGISTRY {
            let form = of_step(step.rule.name).expect("a form");
            let found = problems(step, &Map::new());
            let is_missed = found.iter().any(|(place, _)| place == "config.connection");
            assert_eq!(form.needs_connection(), is_missed, "`{}`", form.name);
        }
        assert!(STEPS.iter().any(Form::needs_connection));
    }
}
