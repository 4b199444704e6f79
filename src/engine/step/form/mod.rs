//! What people and editors are told of step types and triggers: their fields, what each is for, what comes out. The catalogue
//! of blocks is made of this. Promise: every step type has a form, and every field in it is one that its type knows.

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
