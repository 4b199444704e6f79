//! The body of `POST /workflows`, `PUT /workflows/:id` and `POST /workflows/validate`. Read field by field, so that every
//! mistake is told at once. Fields that the server itself writes (`id`, `status`, …) are ignored, so that what GET gave can
//! be sent back; a field that looks like a slip of a known one is refused.

use crate::http::problem::Problem;
use crate::model::plan::DefinitionProblem;
use crate::model::workflow::{Definition, DefinitionFormat, Workflow};
use crate::store::WorkflowDraft;
use serde_json::{Map, Value};

/// The fields of a definition; the rest of a body is about the workflow.
const DEFINITION_FIELDS: [&str; 6] = [
    "trigger",
    "steps",
    "inputSchema",
    "outputSchema",
    "settings",
    "variables",
];
const OTHER_FIELDS: [&str; 4] = ["name", "description", "changeSummary", "expectedVersion"];
const MAX_NAME_CHARS: usize = 255;
const MAX_TEXT_CHARS: usize = 10_000;

/// A body, checked for form; the definition itself is checked by the engine.
pub(super) struct WorkflowBody {
    name: Option<String>,
    /// `Some(None)`: sent as `null`.
    description: Option<Option<String>>,
    pub(super) change_summary: Option<String>,
    pub(super) expected_version: Option<i64>,
    definition: Map<String, Value>,
}

impl WorkflowBody {
    pub(super) fn read(mut body: Map<String, Value>) -> Result<WorkflowBody, Problem> {
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
        if problems.is_empty() {
            Ok(WorkflowBody {
                name,
                description,
                change_summary,
                expected_version,
                definition,
            })
        } else {
            Err(Problem::Invalid(
                "Invalid workflow configuration".to_owned(),
                problems,
            ))
        }
    }

    /// The definition alone, as `POST /workflows/validate` checks it.
    pub(super) fn definition(self) -> Definition {
        steps(self.definition)
    }

    /// A new workflow.
    pub(super) fn draft(self) -> Result<WorkflowDraft, Problem> {
        let name = self.name.ok_or_else(|| {
            let mut problems = Vec::new();
            problem(
                &mut problems,
                "name",
                "it is missing; give the workflow a name of 1 to 255 characters",
            );
            Problem::Invalid("Invalid workflow configuration".to_owned(), problems)
        })?;
        Ok(WorkflowDraft {
            name,
            description: self.description.flatten(),
            definition: steps(self.definition),
        })
    }

    /// An edit: what was not sent stays as it is; `null` takes an optional field away.
    pub(super) fn over(self, workflow: &Workflow) -> WorkflowDraft {
        let mut definition = workflow
            .definition
            .body
            .as_object()
            .cloned()
            .unwrap_or_default();
        definition.extend(self.definition);
        WorkflowDraft {
            name: self.name.unwrap_or_else(|| workflow.name.clone()),
            description: self
                .description
                .unwrap_or_else(|| workflow.description.clone()),
            definition: steps(definition),
        }
    }
}

fn steps(mut fields: Map<String, Value>) -> Definition {
    fields.retain(|_, value| !value.is_null());
    Definition {
        format: DefinitionFormat::Steps,
        body: Value::Object(fields),
    }
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
    if matches!(field, "nodes" | "edges" | "flowData") {
        problem(
            problems,
            field,
            "this version of the server reads definitions as `steps` only",
        );
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
