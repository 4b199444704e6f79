//! The schemas of all types that are read or written, each under its name.
//! May not know endpoints. Promise: a type that is read is described as it is read (what may be left out), one that is
//! written as it is written (what is always there).

use crate::http::describe::SchemaOf;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// Collects schemas and the named ones that they point to.
pub(super) struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Schemas {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Schemas {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
        }
    }

    /// The schema of what clients send.
    pub(super) fn read(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.read).to_value()
    }

    /// The schema of what the server sends.
    pub(super) fn written(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.written).to_value()
    }

    /// A schema that was collected, by its reference.
    pub(super) fn resolve_read(&self, schema: &Value) -> Option<Value> {
        let name = schema["$ref"].as_str()?.rsplit('/').next()?;
        self.read.definitions().get(name).cloned()
    }

    /// Every named schema. A name that means one thing where it is read and another where it is written would be wrong
    /// in one of both; a test looks for such names.
    pub(super) fn into_components(mut self) -> Map<String, Value> {
        let mut components = self.written.take_definitions(true);
        for (name, schema) in self.read.take_definitions(true) {
            let name = match components.get(&name) {
                Some(other) if *other != schema => format!("{name} as read"),
                _ => name,
            };
            components.insert(name, schema);
        }
        components
    }
}
