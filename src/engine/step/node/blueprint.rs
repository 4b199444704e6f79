//! `blueprint:invoke`: runs another workflow of this server, and gives what that came to.
//! May not know how runs are started.
//!
//! `workflowId` (or `blueprintId`) names it. What comes in at a port is the input of the other graph's input node with this
//! id or label. What goes out at a port is the output of the other graph's node with this id; where it has one result only,
//! that is what goes out of every other port.

use super::Handed;
use super::output::{Fields, OutputTooLarge};
use crate::engine::step::{ChildRequest, field};
use crate::model::run::StepError;
use serde_json::Value;

pub(super) fn request(config: &Value) -> Result<ChildRequest, StepError> {
    let node = Handed::read(config)?;
    let named = ["workflowId", "blueprintId"]
        .into_iter()
        .find_map(|name| field::present(node.params, name));
    let text = named.and_then(Value::as_str).unwrap_or_default();
    let workflow_id = text.parse().map_err(|_| {
        let message = match named {
            None => "`workflowId` is missing: the workflow to run".to_owned(),
            Some(other) => format!(
                "`workflowId`: {} is not the id of a workflow",
                field::shown(other)
            ),
        };
        node.error("CONFIG", &message)
    })?;
    let ports: Vec<String> = node.ports().map(str::to_owned).collect();
    Ok(ChildRequest {
        workflow_id,
        input: Value::Object(node.inputs.clone()),
        waits: true,
        timeout_ms: None,
        idempotency_key: None,
        ports: Some(ports),
        flow: None,
    })
}

/// What goes out of each port of a node, from what the other run came to; all of it together may have so many bytes.
pub(in crate::engine) fn output(
    ports: &[String],
    result: &Value,
    max_bytes: usize,
) -> Result<Value, OutputTooLarge> {
    let only = result
        .as_object()
        .filter(|results| results.len() == 1)
        .and_then(|results| results.values().next());
    let mut output = Fields::new(max_bytes)?;
    output.put("result", result)?;
    for port in ports {
        let value = result.get(port).or(only).unwrap_or(result);
        output.put(port, of_node(value, port))?;
    }
    Ok(Value::Object(output.done()))
}

/// A node's output is an object with a field for each port; the one of this name, or the only one.
fn of_node<'a>(output: &'a Value, port: &str) -> &'a Value {
    let fields = output.as_object();
    let only = fields
        .filter(|fields| fields.len() == 1)
        .and_then(|fields| fields.values().next());
    fields
        .and_then(|fields| fields.get(port))
        .or(only)
        .unwrap_or(output)
}
