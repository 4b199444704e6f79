//! A definition, ready to run. May not know which workflow it is of. Promise: what compiles has schemas that compile.

use crate::engine::schema::{self, Misfit, Schema};
use crate::engine::step;
use crate::model::json::json_bytes;
use crate::model::plan::{DefinitionLimits, DefinitionProblem, Plan, compile};
use crate::model::workflow::Definition;
use serde_json::Value;

/// A definition, ready to run.
#[derive(Debug)]
pub struct CompiledDefinition {
    /// Row number of the definition.
    pub sequence: i64,
    /// The plan.
    pub plan: Plan,
    input_schema: Option<Schema>,
    output_schema: Option<Schema>,
}

impl CompiledDefinition {
    /// How much memory the regular expressions of its schemas take.
    pub(super) fn schema_bytes(&self) -> usize {
        let schemas = [&self.input_schema, &self.output_schema];
        schemas
            .into_iter()
            .flatten()
            .map(Schema::memory_bytes)
            .sum()
    }

    /// Whether `input` fits the `inputSchema`; otherwise every problem with its place.
    pub fn check_input(&self, input: &Value) -> Result<(), Vec<DefinitionProblem>> {
        check(self.input_schema.as_ref(), "input", input)
    }

    /// Whether `output` fits the `outputSchema`; otherwise every problem with its place.
    pub fn check_output(&self, output: &Value) -> Result<(), Vec<DefinitionProblem>> {
        check(self.output_schema.as_ref(), "output", output)
    }
}

/// Every mistake of a definition that is to be kept; whoever keeps it may use whatever it names.
pub fn mistakes(
    definition: &Definition,
    limits: &DefinitionLimits,
    max_definition_bytes: usize,
) -> Vec<DefinitionProblem> {
    let compiled = compile_new(definition, 0, limits, max_definition_bytes);
    compiled.err().unwrap_or_default()
}

/// Compiles a definition that is not kept yet; otherwise every problem with its place.
pub(super) fn compile_new(
    definition: &Definition,
    sequence: i64,
    limits: &DefinitionLimits,
    max_definition_bytes: usize,
) -> Result<CompiledDefinition, Vec<DefinitionProblem>> {
    let bytes = json_bytes(&definition.body);
    if bytes > max_definition_bytes {
        let message = format!(
            "the definition has {bytes} bytes; at most {max_definition_bytes} are allowed (setting `max_definition_bytes`)"
        );
        return Err(vec![DefinitionProblem {
            place: String::new(),
            message,
        }]);
    }
    compile_within(definition, sequence, limits)
}

/// Compiles a definition; otherwise every problem with its place.
pub(super) fn compile_within(
    definition: &Definition,
    sequence: i64,
    limits: &DefinitionLimits,
) -> Result<CompiledDefinition, Vec<DefinitionProblem>> {
    let mut problems = Vec::new();
    let plan = compile(definition, step::rules(), limits);
    let input_schema = schema::of(&definition.body, "inputSchema", &mut problems);
    let output_schema = schema::of(&definition.body, "outputSchema", &mut problems);
    match plan {
        Ok(plan) if problems.is_empty() => Ok(CompiledDefinition {
            sequence,
            plan,
            input_schema,
            output_schema,
        }),
        Ok(_) => Err(problems),
        Err(found) => {
            let known: Vec<String> = found.iter().map(|problem| problem.place.clone()).collect();
            let further = problems
                .into_iter()
                .filter(|problem| !known.contains(&problem.place));
            Err(found.into_iter().chain(further).collect())
        }
    }
}

fn check(schema: Option<&Schema>, root: &str, value: &Value) -> Result<(), Vec<DefinitionProblem>> {
    let Some(schema) = schema else { return Ok(()) };
    let say = |misfit: Misfit| DefinitionProblem {
        place: format!("{root}{}", misfit.pointer.replace('/', ".")),
        message: misfit.message,
    };
    schema
        .check(value)
        .map_err(|misfits| misfits.into_iter().map(say).collect())
}
