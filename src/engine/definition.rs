//! A definition, compiled: its plan, and the schemas of what goes in and comes out.
//! May not know workflows or where definitions are kept. Promise: every mistake is told at once, each place once.

use crate::engine::schema::{self, Misfit, Schema};
use crate::engine::step;
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
    pub(super) input_schema: Option<Schema>,
    pub(super) output_schema: Option<Schema>,
}

impl CompiledDefinition {
    /// Whether `input` fits the `inputSchema`; otherwise every problem with its place.
    pub fn check_input(&self, input: &Value) -> Result<(), Vec<DefinitionProblem>> {
        check(self.input_schema.as_ref(), "input", input)
    }

    /// Whether `output` fits the `outputSchema`; otherwise every problem with its place.
    pub fn check_output(&self, output: &Value) -> Result<(), Vec<DefinitionProblem>> {
        check(self.output_schema.as_ref(), "output", output)
    }
}

/// Compiles a definition with its schemas; every mistake otherwise.
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
