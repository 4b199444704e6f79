//! The nodes that only hand values on: inputs, joined prompts, routers, previews.
//! May not know where values come from. Promise: a value goes on as it came.

use super::Handed;
use super::output::Fields as Output;
use crate::engine::step::Done;
use crate::model::graph::catalogue;
use crate::model::graph::inputs;
use crate::model::run::StepError;
use serde_json::{Value, json};

/// What stands between two prompts where the node does not say.
const SEPARATOR: &str = "\n";

/// `input:*`: its value under each of its ports.
pub(super) fn input(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let known = catalogue::find(node.node_type)
        .ok_or_else(|| node.error("INTERNAL", "there is no such input"))?;
    done(inputs::output(known, node.params))
}

/// `utility:prompt_concat`: `prompt1` and `prompt2`, with `separator` (a line break) between them; an empty one is left out.
pub(super) fn join_prompts(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let separator = node.params.get("separator").and_then(Value::as_str);
    let prompts: Vec<String> = ["prompt1", "prompt2"]
        .into_iter()
        .filter_map(|name| node.text(&[name]))
        .collect();
    done(json!({ "prompt": prompts.join(separator.unwrap_or(SEPARATOR)) }))
}

/// `logic:router`: what came in goes out of every port; all of that together may have so many bytes.
pub(super) fn route(config: &Value, max_bytes: usize) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    let value = node.inputs.get("value").or(node.inputs.values().next());
    let mut output = Output::new(max_bytes)?;
    for port in node.ports().chain(["value"]) {
        output.put(port, value.unwrap_or(&Value::Null))?;
    }
    done(Value::Object(output.done()))
}

/// `output:preview`: what came in, for whoever looks at the execution.
pub(super) fn preview(config: &Value) -> Result<Done, StepError> {
    let node = Handed::read(config)?;
    done(match node.inputs.len() {
        0 => json!({ "value": null }),
        1 => json!({ "value": node.inputs.values().next() }),
        _ => json!({ "value": node.inputs }),
    })
}

fn done(output: Value) -> Result<Done, StepError> {
    Ok(Done { output, way: None })
}
