//! What a workflow's trigger needs on disk follows the workflow: written in the same job as every change of its status, its
//! definition or its name. May not know who changes workflows, or why.

use super::{StoreError, chatflows, graph_records, schedules, webhook_routes};
use crate::model::workflow::Workflow;
use rusqlite::Connection;

/// Brings the rows of a workflow's trigger to what the workflow is now. Only an active workflow is served.
pub(super) fn follow(
    connection: &Connection,
    workflow: &Workflow,
    now_ms: i64,
) -> Result<(), StoreError> {
    schedules::follow(connection, workflow, now_ms)?;
    webhook_routes::follow(connection, workflow)?;
    chatflows::follow(connection, workflow)?;
    graph_records::follow(connection, workflow)
}
