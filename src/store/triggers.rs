//! What a workflow's trigger needs on disk, and where it is looked up by what it names, follows the workflow: written in the
//! same job as every change of its status, its definition or its name. May not know who changes workflows, or why.

use super::{StoreError, chatflows, connection_uses, graph_records, schedules, webhook_routes};
use crate::model::workflow::Workflow;
use rusqlite::Connection;

/// Brings these rows to what the workflow is now. Only an active workflow is served.
pub(super) fn follow(
    connection: &Connection,
    workflow: &Workflow,
    now_ms: i64,
) -> Result<(), StoreError> {
    schedules::follow(connection, workflow, now_ms)?;
    webhook_routes::follow(connection, workflow)?;
    chatflows::follow(connection, workflow)?;
    connection_uses::follow(connection, workflow)?;
    graph_records::follow(connection, workflow)
}
