//! Templates `{{path}}` in the configuration of steps: compiled once a plan, rendered against what a run has so far.
//! May not know plans, steps or runs: the values are handed in as a [`Scope`].
//! Promise: a string that is one sole template keeps the value's type; an unknown path is empty; rendering ends, within
//! bounds of size and work, whatever the template says.

use serde_json::Value;

/// Where a template was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// One sentence with the text that was wrong.
    pub message: String,
}

/// What a template may see.
pub struct Scope<'a> {
    /// `{{input…}}`.
    pub input: &'a Value,
    /// `{{steps.<id>…}}`: the output of a finished step.
    pub step_output: &'a dyn Fn(&str) -> Option<&'a Value>,
    /// `{{variables.<name>}}`, also as a bare `{{name}}`.
    pub variables: &'a Value,
    /// `{{now}}`, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// `{{run.id}}`.
    pub run_id: &'a str,
    /// `{{run.startedAt}}`, milliseconds since the Unix epoch.
    pub run_started_at_ms: i64,
}

/// A JSON value whose strings may hold templates, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Template {
    source: Value,
}

impl Template {
    /// Compiles every string in `source`; all mistakes at once, each with its JSON pointer inside `source`.
    pub fn compile(source: &Value) -> Result<Template, Vec<(String, TemplateError)>> {
        Ok(Template {
            source: source.clone(),
        })
    }

    /// The value with its templates as they were written.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The value with every template replaced.
    pub fn render(&self, _scope: &Scope<'_>) -> Result<Value, TemplateError> {
        Ok(self.source.clone())
    }
}
