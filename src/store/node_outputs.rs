//! What the nodes of a graph came to when they last ran. May not know what nodes do. Promises: only nodes that the workflow
//! has now are kept, one row each, so that whatever is executed the rows stay as few as the nodes; and all of a workflow's
//! together are never larger than what is read at once.

use super::{Store, StoreError, column, graph_records};
use crate::model::graph::Graph;
use crate::model::graph::record::NodeOutput;
use crate::model::workflow::Workflow;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};

/// What is larger, as JSON, is not kept: a workflow is read with the outputs of all its nodes.
pub const MAX_KEPT_OUTPUT_BYTES: usize = 256 << 10;
/// The outputs of a workflow's nodes together, with the parameters that made them; what would go over it is not kept.
pub(super) const MAX_KEPT_BYTES: usize = 4 << 20;

impl Store {
    /// The outputs of a workflow's nodes. Read aside: there may be megabytes of them.
    pub async fn node_outputs(&self, workflow: i64) -> Result<Vec<NodeOutput>, StoreError> {
        self.scan(move |connection| {
            connection
                .prepare_cached(OF_WORKFLOW)?
                .query_and_then([workflow], |row| {
                    Ok(NodeOutput {
                        node_id: row.get(0)?,
                        params: column::json(row, 1)?,
                        output: column::json(row, 2)?,
                        run: column::id(row, 3)?,
                        at_ms: row.get(4)?,
                    })
                })?
                .collect()
        })
        .await
    }

    /// Records that an execution of a graph has ended, and what its nodes came to.
    pub async fn record_execution(
        &self,
        workflow: i64,
        outputs: Vec<NodeOutput>,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(move |connection| record_execution(connection, workflow, &outputs, at_ms))
            .await
    }
}

pub(super) const OF_WORKFLOW: &str =
    "SELECT node_id, params, output, run_id, at_ms FROM node_output WHERE workflow = ?1";

pub(super) const NODES_NOW: &str = "
    SELECT json_extract(e.value, '$.id')
    FROM workflow w
    CROSS JOIN workflow_version v ON v.workflow = w.sequence AND v.version = w.version
    CROSS JOIN definition d ON d.sequence = v.definition
    CROSS JOIN json_each(d.body, '$.nodes') e
    WHERE w.sequence = ?1 AND e.type = 'object'";

/// The same, within the job that ends the run.
pub(super) fn record_execution(
    connection: &Connection,
    workflow: i64,
    outputs: &[NodeOutput],
    at_ms: i64,
) -> Result<(), StoreError> {
    graph_records::count_execution(connection, workflow, at_ms)?;
    if outputs.is_empty() {
        return Ok(());
    }
    // A graph that was sent for one execution may have nodes that the workflow has not.
    let known: HashSet<String> = connection
        .prepare_cached(NODES_NOW)?
        .query_map([workflow], |row| row.get::<_, Option<String>>(0))?
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()?;
    let mut kept = kept(connection, workflow)?;
    for output in outputs.iter().filter(|one| known.contains(&one.node_id)) {
        kept.remove(&output.node_id);
        let left = MAX_KEPT_BYTES.saturating_sub(kept.values().sum());
        let bytes = write(connection, workflow, output, left)?;
        kept.insert(output.node_id.clone(), bytes);
    }
    Ok(())
}

/// The nodes of which an output is kept, and how large each is with its parameters.
fn kept(connection: &Connection, workflow: i64) -> Result<HashMap<String, usize>, StoreError> {
    let kept = connection
        .prepare_cached(KEPT)?
        .query_map([workflow], |row| {
            let bytes: i64 = row.get(1)?;
            Ok((row.get(0)?, usize::try_from(bytes).unwrap_or(usize::MAX)))
        })?
        .collect::<Result<_, _>>()?;
    Ok(kept)
}

/// Keeps an output, or forgets the former one where there is no room for it. Gives how many bytes are kept.
fn write(
    connection: &Connection,
    workflow: i64,
    output: &NodeOutput,
    left: usize,
) -> Result<usize, StoreError> {
    let (params, value) = (
        column::to_json(&output.params)?,
        column::to_json(&output.output)?,
    );
    let bytes = params.len() + value.len();
    if value.len() > MAX_KEPT_OUTPUT_BYTES || bytes > left {
        forget(connection, workflow, &output.node_id)?;
        return Ok(0);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO node_output (workflow, node_id, params, output, run_id, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            workflow,
            &output.node_id,
            params,
            value,
            output.run.as_str(),
            output.at_ms,
        ))?;
    Ok(bytes)
}

fn forget(connection: &Connection, workflow: i64, node_id: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM node_output WHERE workflow = ?1 AND node_id = ?2")?
        .execute((workflow, node_id))?;
    Ok(())
}

/// Forgets the outputs of nodes that the workflow does not have any more.
pub(super) fn forget_gone(connection: &Connection, workflow: &Workflow) -> Result<(), StoreError> {
    let kept = kept(connection, workflow.sequence)?;
    if kept.is_empty() {
        return Ok(());
    }
    let graph = Graph::of(&workflow.definition.body);
    for node_id in kept.keys().filter(|id| graph.node(id).is_none()) {
        forget(connection, workflow.sequence, node_id)?;
    }
    Ok(())
}

pub(super) const KEPT: &str = "SELECT node_id, octet_length(params) + octet_length(output) FROM node_output WHERE workflow = ?1";
