//! What a definition may use that does not belong to its workflow, by who saves it. May not know what step types do with it.
//! Promise: a definition that a bound key has saved reaches nothing that the key does not reach, whoever runs it and
//! whatever its templates come to.
//!
//! What somebody else has put into the workflow stays: a step that stands in it exactly so, and in which no template
//! decides what it names, may be kept, moved or removed, not changed.

mod flow;
mod graph;

use super::Workflows;
use crate::engine::step::{self, outside::Named, outside::Thing};
use crate::id::WorkflowId;
use crate::model::plan::{DefinitionProblem, MAX_PROBLEMS};
use crate::model::workflow::{Definition, DefinitionFormat, Reach};
use crate::store::StoreError;
use serde_json::{Map, Value};

/// Every step that names what is beyond `reach`, with its place. `before` is the definition that is replaced.
pub(super) fn problems(
    workflows: &Workflows,
    definition: &Definition,
    before: Option<&Definition>,
    reach: &Reach,
) -> Result<Vec<DefinitionProblem>, StoreError> {
    let mut found = Vec::new();
    if *reach == Reach::All || before == Some(definition) {
        return Ok(found);
    }
    match definition.format {
        DefinitionFormat::Graph => {
            return graph::problems(workflows, &definition.body, before, reach);
        }
        DefinitionFormat::Flow => return flow::problems(workflows, definition, before, reach),
        DefinitionFormat::Steps => {}
    }
    let known = before.map_or(&[][..], steps);
    for (index, step) in steps(definition).iter().enumerate() {
        let Some((name, config)) = type_and_config(step) else {
            continue;
        };
        let names = step::find(name).map_or_else(Vec::new, |known| (known.names)(config));
        for named in names {
            let problem = problem(workflows, named, config, known.contains(step), reach)?;
            if let Some(message) = problem {
                let place = format!("steps[{index}].config.{}", named.field);
                found.push(DefinitionProblem { place, message });
                break;
            }
        }
        if found.len() >= MAX_PROBLEMS {
            break;
        }
    }
    Ok(found)
}

fn steps(definition: &Definition) -> &[Value] {
    let steps = definition.body.get("steps").and_then(Value::as_array);
    steps.map_or(&[], Vec::as_slice)
}

fn type_and_config(step: &Value) -> Option<(&str, &Map<String, Value>)> {
    let name = match step.get("type")?.as_str()? {
        "action" => step.get("action")?.as_str()?,
        name => name,
    };
    Some((name, step.get("config")?.as_object()?))
}

/// Why a bound key may not save what a field names.
fn problem(
    workflows: &Workflows,
    named: Named,
    config: &Map<String, Value>,
    is_kept: bool,
    reach: &Reach,
) -> Result<Option<String>, StoreError> {
    let value = config.get(named.field).unwrap_or(&Value::Null);
    let text = value.as_str().unwrap_or_default();
    let has_template = value.to_string().contains('{');
    if is_kept && !has_template {
        return Ok(None);
    }
    let bound = "this key is bound to workflows";
    let elsewhere = "a key that is not bound can save such a step";
    Ok(Some(match named.thing {
        Thing::Workflow if has_template => {
            format!("{bound}: write the id of one that it reaches; a template could name any")
        }
        Thing::Workflow => {
            if covers(workflows, text, reach)? {
                return Ok(None);
            }
            let shown: String = text.chars().take(80).collect();
            format!("there is no workflow `{shown}` that this key reaches")
        }
        Thing::Connection => format!("{bound} and sees no connections; {elsewhere}"),
        Thing::Agent => format!("{bound} and sees no agents and models; {elsewhere}"),
        Thing::Table => format!("{bound} and sees no data tables; {elsewhere}"),
    }))
}

fn covers(workflows: &Workflows, id: &str, reach: &Reach) -> Result<bool, StoreError> {
    let Ok(id) = id.parse::<WorkflowId>() else {
        return Ok(false);
    };
    let known = workflows.get(&id)?;
    Ok(known.is_some_and(|known| reach.covers(&id, &known.workflow.name)))
}
