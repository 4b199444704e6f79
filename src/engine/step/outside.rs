//! What a step names that does not belong to its own workflow. May not know who may reach it. Promise: whatever a
//! configuration could come to use there is named, also where a template decides it.

use super::field::{self, Fields};
use serde_json::Value;

/// A field that names something outside of the workflow, and what kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The field of the configuration.
    pub field: &'static str,
    /// What it names.
    pub thing: Thing,
}

/// What a step can use beside what belongs to its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// Another workflow, which it runs.
    Workflow,
    /// A credential for a service.
    Connection,
    /// A stored agent, or a language model.
    Agent,
    /// The data tables.
    Table,
}

/// Of a step type that uses nothing but its own workflow.
pub(super) fn nothing(_: &Fields) -> Vec<Named> {
    Vec::new()
}

/// Those of `fields` that are set.
pub(super) fn named(config: &Fields, fields: &[&'static str], thing: Thing) -> Vec<Named> {
    let is_set = |field: &&&'static str| match field::present(config, field) {
        Some(Value::String(text)) => !text.trim().is_empty(),
        other => other.is_some(),
    };
    let set = fields.iter().filter(is_set);
    set.map(|field| Named { field, thing }).collect()
}

/// The fields in which a step names its connection.
pub(super) fn connection(config: &Fields) -> Vec<Named> {
    named(config, &["connection", "connectionId"], Thing::Connection)
}

/// The same, of a step that also takes the word of a provider.
pub(super) fn connection_or_provider(config: &Fields) -> Vec<Named> {
    named(
        config,
        &["connection", "connectionId", "provider"],
        Thing::Connection,
    )
}
