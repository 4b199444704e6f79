//! Apps: graphs that are published under a name. May not know what a graph does or who may run it. Promise: one name leads to
//! one graph that is not archived.

use super::workflows::find;
use super::{Edit, Store, StoreError, audit, column};
use crate::id::WorkflowId;
use crate::model::audit::ChangedBy;
use crate::model::workflow::{DefinitionFormat, WorkflowStatus};
use rusqlite::Connection;
use serde_json::json;

impl Store {
    /// Publishes a graph under this name, in place of one that it has; `None` takes its name away. Where it was called
    /// otherwise, with a row in the audit log. A conflict where the name is another graph's, or what has the id is no graph or
    /// archived.
    pub async fn publish_app(
        &self,
        workflow: WorkflowId,
        slug: Option<String>,
        by: ChangedBy,
        now_ms: i64,
    ) -> Result<Edit<()>, StoreError> {
        self.write(move |connection| publish(connection, &workflow, slug.as_deref(), &by, now_ms))
            .await
    }

    /// The graph that is published under this name. A point read.
    pub fn app(&self, slug: &str) -> Result<Option<WorkflowId>, StoreError> {
        self.read(|connection| behind(connection, slug))
    }
}

pub(super) const BEHIND: &str = "
    SELECT w.id FROM graph_record g CROSS JOIN workflow w ON w.sequence = g.workflow
    WHERE g.app_slug = ?1";

fn behind(connection: &Connection, slug: &str) -> Result<Option<WorkflowId>, StoreError> {
    connection
        .prepare_cached(BEHIND)?
        .query_and_then([slug], |row| column::id(row, 0))?
        .next()
        .transpose()
}

fn publish(
    connection: &Connection,
    id: &WorkflowId,
    slug: Option<&str>,
    by: &ChangedBy,
    now_ms: i64,
) -> Result<Edit<()>, StoreError> {
    let Some(workflow) = find(connection, id)? else {
        return Ok(Edit::NotFound);
    };
    if workflow.definition.format != DefinitionFormat::Graph {
        let why = "only a workflow of nodes and edges can be an app";
        return Ok(Edit::Conflict(why.to_owned()));
    }
    if workflow.status == WorkflowStatus::Archived {
        return Ok(Edit::Conflict("it is archived".to_owned()));
    }
    if let Some(slug) = slug
        && behind(connection, slug)?.is_some_and(|other| other != *id)
    {
        return Ok(Edit::Conflict(format!(
            "another app is called `{slug}`; choose another `slug`"
        )));
    }
    let changed = connection
        .prepare_cached(
            "UPDATE graph_record SET app_slug = ?2 WHERE workflow = ?1 AND app_slug IS NOT ?2",
        )?
        .execute((workflow.sequence, slug))?;
    if changed > 0 {
        let detail = json!({ "name": workflow.name, "version": workflow.version, "app": slug });
        let entry = by.entry(now_ms, "workflow.updated", id.as_str(), detail);
        audit::append(connection, &entry)?;
    }
    Ok(Edit::Done(()))
}
