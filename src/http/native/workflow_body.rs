//! The body of `POST /workflows`, `PUT /workflows/:id` and `POST /workflows/validate`. Read field by field, so that every
//! mistake is told at once, together with those of the definition. Fields that the server itself writes (`id`, `status`, …)
//! are ignored, so that what GET gave can be sent back; a field that looks like a slip of a known one, or that comes twice,
//! is refused.

use crate::http::describe::NAME_PATTERN;
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::id::ID_PATTERN;
use crate::model::flow;
use crate::model::graph::outputs;
use crate::model::plan::DefinitionProblem;
use crate::model::workflow::{Definition, DefinitionFormat, Workflow};
use crate::store::WorkflowDraft;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The fields of a definition; the rest of a body is about the workflow.
const DEFINITION_FIELDS: [&str; 11] = [
    "trigger",
    "steps",
    "nodes",
    "edges",
    "exposedInputs",
    "flowData",
    "flowType",
    "inputSchema",
    "outputSchema",
    "settings",
    "variables",
];
/// What only a graph has, and what only steps have.
const OF_GRAPHS: [&str; 3] = ["nodes", "edges", "exposedInputs"];
const OF_STEPS: [&str; 2] = ["steps", "variables"];
const OF_FLOWS: [&str; 2] = ["flowData", "flowType"];
const OTHER_FIELDS: [&str; 4] = ["name", "description", "changeSummary", "expectedVersion"];
pub(in crate::http) const MAX_NAME_CHARS: usize = 255;
const MAX_TEXT_CHARS: usize = 10_000;

/// The body of a new workflow.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct NewWorkflow(pub(super) Fields);

impl JsonSchema for NewWorkflow {
    fn schema_name() -> Cow<'static, str> {
        "NewWorkflow".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = schema(&["name"]);
        let either = json!([{ "required": ["trigger", "steps"] }, { "required": ["nodes", "edges"] }, { "required": ["flowData"] }]);
        schema.insert("anyOf".to_owned(), either);
        schema
    }
}

/// A definition to check: whatever is wrong with it is the answer.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct AnyWorkflow(pub(super) Fields);

impl JsonSchema for AnyWorkflow {
    fn schema_name() -> Cow<'static, str> {
        "AnyWorkflow".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "As the body of a new workflow; whatever is wrong with it is told in the answer.",
        })
    }
}

/// The body of an edit: every field may be absent.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct WorkflowFields(pub(super) Fields);

impl JsonSchema for WorkflowFields {
    fn schema_name() -> Cow<'static, str> {
        "WorkflowFields".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema(&[])
    }
}

/// The schema of a body. Other fields than these are let be, unless they look like a slip of one.
fn schema(required: &[&str]) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS, "pattern": NAME_PATTERN, "description": "For people." },
            "description": { "type": ["string", "null"], "maxLength": MAX_TEXT_CHARS, "description": "What people should know." },
            "changeSummary": { "type": ["string", "null"], "maxLength": MAX_TEXT_CHARS, "description": "What is changed, kept with the version." },
            "expectedVersion": { "type": ["integer", "null"], "minimum": 1, "maximum": i64::MAX, "description": "Another version is a conflict." },
            "trigger": {
                "type": "object",
                "required": ["type"],
                "properties": { "type": { "enum": ["api", "webhook", "schedule"] } },
                "description": "What starts runs.",
            },
            "steps": {
                "type": ["array", "null"],
                "items": step(),
                "description": "The steps, in the order in which they run. `GET /api/v1/blocks` describes every type.",
            },
            "nodes": {
                "type": ["array", "null"],
                "items": { "type": "object", "required": ["id"] },
                "description": "In place of `steps`: the nodes of a graph. `GET /wireflow/api/v1/nodes` describes every type.",
            },
            "edges": { "type": ["array", "null"], "items": { "type": "object", "required": ["source", "target"] }, "description": "What leads from node to node." },
            "flowData": { "type": ["string", "object", "null"], "description": "In place of `steps`: a chatflow or an agentflow, as Flowise's editor saves it." },
            "flowType": { "enum": ["AGENTFLOW", "CHATFLOW", null], "description": "Which of the two it is; an agentflow where it does not say." },
            "exposedInputs": { "type": ["array", "null"], "description": "The nodes of a graph whose values a run may be given; absent, every input node." },
            "inputSchema": { "type": ["object", "null"], "description": "JSON Schema (2020-12) of the input." },
            "outputSchema": { "type": ["object", "null"], "description": "JSON Schema (2020-12) of the output." },
            "settings": { "type": ["object", "null"], "description": "How it is run." },
            "variables": { "type": ["object", "null"], "description": "What `{{variables}}` is." },
        },
        "required": required,
    })
}

/// What every step is like.
pub(super) fn step() -> Value {
    json!({
        "type": "object",
        "required": ["id", "type"],
        "properties": {
            "id": { "type": "string", "pattern": ID_PATTERN },
            "type": { "type": "string", "minLength": 1 },
        },
    })
}

/// A body, checked for form; the definition itself is checked by the engine.
pub(super) struct WorkflowBody {
    name: Option<String>,
    /// `Some(None)`: sent as `null`.
    description: Option<Option<String>>,
    pub(super) change_summary: Option<String>,
    pub(super) expected_version: Option<i64>,
    definition: Map<String, Value>,
    /// What is wrong with the fields beside the definition.
    problems: Vec<DefinitionProblem>,
}

impl WorkflowBody {
    pub(super) fn read(Fields(mut body): Fields) -> WorkflowBody {
        let mut problems = Vec::new();
        for field in body.keys() {
            check_field(field, &mut problems);
        }
        let name = text(&mut body, "name", MAX_NAME_CHARS, &mut problems).flatten();
        if name
            .as_ref()
            .is_some_and(|name| name.trim().is_empty() || name.chars().any(char::is_control))
        {
            problem(
                &mut problems,
                "name",
                "it has 1 to 255 characters, not only spaces, and no control characters",
            );
        }
        let description = text(&mut body, "description", MAX_TEXT_CHARS, &mut problems);
        let change_summary =
            text(&mut body, "changeSummary", MAX_TEXT_CHARS, &mut problems).flatten();
        let expected_version = match body.remove("expectedVersion") {
            None | Some(Value::Null) => None,
            Some(version) => {
                let version = version.as_i64().filter(|version| *version > 0);
                if version.is_none() {
                    problem(
                        &mut problems,
                        "expectedVersion",
                        "it is a whole number from 1",
                    );
                }
                version
            }
        };
        let definition = DEFINITION_FIELDS
            .into_iter()
            .filter_map(|field| body.remove(field).map(|value| (field.to_owned(), value)))
            .collect();
        WorkflowBody {
            name,
            description,
            change_summary,
            expected_version,
            definition,
            problems,
        }
    }

    /// For `POST /workflows/validate`: the definition alone, and what is wrong beside it.
    pub(super) fn definition(self) -> (Definition, Vec<DefinitionProblem>) {
        let (definition, mixed) = definition(self.definition, None);
        (definition, self.problems.into_iter().chain(mixed).collect())
    }

    /// A new workflow. `check` finds the mistakes of its definition.
    pub(super) fn draft(
        mut self,
        check: impl FnOnce(&Definition) -> Result<Vec<DefinitionProblem>, Problem>,
    ) -> Result<WorkflowDraft, Problem> {
        let is_told = self.problems.iter().any(|problem| problem.place == "name");
        if self.name.is_none() && !is_told {
            problem(
                &mut self.problems,
                "name",
                "it is missing; give the workflow a name of 1 to 255 characters",
            );
        }
        let (definition, mixed) = definition(self.definition, None);
        self.problems.extend(mixed);
        let (name, description) = (self.name.unwrap_or_default(), self.description.flatten());
        let draft = WorkflowDraft::new(name, description, definition);
        without_problems(draft, self.problems, check)
    }

    /// An edit: what was not sent stays as it is; `null` takes an optional field away.
    pub(super) fn over(
        mut self,
        workflow: &Workflow,
        check: impl FnOnce(&Definition) -> Result<Vec<DefinitionProblem>, Problem>,
    ) -> Result<WorkflowDraft, Problem> {
        let before = workflow.definition.body.as_object();
        let mut fields = before.cloned().unwrap_or_default();
        fields.extend(self.definition);
        let (definition, mixed) = definition(fields, Some(workflow.definition.format));
        self.problems.extend(mixed);
        let draft = WorkflowDraft {
            name: self.name.unwrap_or_else(|| workflow.name.clone()),
            description: self
                .description
                .unwrap_or_else(|| workflow.description.clone()),
            definition,
            ..WorkflowDraft::of(workflow)
        };
        without_problems(draft, self.problems, check)
    }
}

/// The draft, if nothing is wrong; otherwise everything that is. The definition is looked at here only where something
/// else is wrong already: whoever saves it looks at it anyway.
fn without_problems(
    draft: WorkflowDraft,
    mut problems: Vec<DefinitionProblem>,
    check: impl FnOnce(&Definition) -> Result<Vec<DefinitionProblem>, Problem>,
) -> Result<WorkflowDraft, Problem> {
    if problems.is_empty() {
        return Ok(draft);
    }
    problems.extend(check(&draft.definition)?);
    Err(Problem::Invalid(
        "Invalid workflow configuration".to_owned(),
        problems,
    ))
}

/// A definition of these fields, and what they have of other formats: a workflow keeps the one that it has, and a new one
/// is a flow when it has `flowData`, and a graph when it has nodes or edges.
fn definition(
    mut fields: Map<String, Value>,
    format: Option<DefinitionFormat>,
) -> (Definition, Vec<DefinitionProblem>) {
    fields.retain(|_, value| !value.is_null());
    let has_one_of = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
    let format = format.unwrap_or(match (has_one_of(&OF_FLOWS), has_one_of(&OF_GRAPHS)) {
        (true, _) if !has_one_of(&OF_STEPS) => DefinitionFormat::Flow,
        (_, true) => DefinitionFormat::Graph,
        _ => DefinitionFormat::Steps,
    });
    let (others, message) = match format {
        DefinitionFormat::Steps => ([&OF_GRAPHS[..], &OF_FLOWS], "the workflow has `steps`"),
        DefinitionFormat::Graph => (
            [&OF_STEPS[..], &OF_FLOWS],
            "the workflow is a graph of `nodes` and `edges`",
        ),
        DefinitionFormat::Flow => ([&OF_STEPS[..], &OF_GRAPHS], "the workflow has `flowData`"),
    };
    let mut mixed = Vec::new();
    let others = others.into_iter().flatten();
    for field in others.filter(|field| fields.contains_key(**field)) {
        problem(&mut mixed, field, message);
    }
    let body = match format {
        DefinitionFormat::Steps => Value::Object(fields),
        DefinitionFormat::Graph => {
            let api = || json!({ "type": "api" });
            fields.entry("trigger").or_insert_with(api);
            outputs::without(&Value::Object(fields))
        }
        DefinitionFormat::Flow => flow::definition_of(&fields).body,
    };
    (Definition { format, body }, mixed)
}

fn text(
    body: &mut Map<String, Value>,
    field: &str,
    max_chars: usize,
    problems: &mut Vec<DefinitionProblem>,
) -> Option<Option<String>> {
    match body.remove(field)? {
        Value::Null => Some(None),
        Value::String(text) if text.chars().count() <= max_chars => Some(Some(text)),
        Value::String(_) => {
            problem(
                problems,
                field,
                &format!("it is longer than {max_chars} characters"),
            );
            None
        }
        _ => {
            problem(problems, field, "it is not a string");
            None
        }
    }
}

fn check_field(field: &str, problems: &mut Vec<DefinitionProblem>) {
    let known = || DEFINITION_FIELDS.iter().chain(&OTHER_FIELDS).copied();
    if known().any(|known| known == field) {
        return;
    }
    let nearest = known().min_by_key(|known| strsim::damerau_levenshtein(known, field));
    if let Some(nearest) = nearest
        && strsim::damerau_levenshtein(nearest, field) <= 2
    {
        problem(
            problems,
            &field.chars().take(80).collect::<String>(),
            &format!("unknown field; did you mean `{nearest}`?"),
        );
    }
}

fn problem(problems: &mut Vec<DefinitionProblem>, place: &str, message: &str) {
    problems.push(DefinitionProblem {
        place: place.to_owned(),
        message: message.to_owned(),
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn the_schema_has_exactly_the_known_fields() {
        let schema = schema(&[]).to_value();
        let described = schema["properties"].as_object().expect("properties");
        let mut known: Vec<&str> = DEFINITION_FIELDS
            .iter()
            .chain(&OTHER_FIELDS)
            .copied()
            .collect();
        known.sort_unstable();
        assert_eq!(described.keys().collect::<Vec<_>>(), known);
    }
}
