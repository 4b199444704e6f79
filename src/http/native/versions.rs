//! `/workflows/:id/versions`: list, read, restore.

use super::workflow_view::{DefinitionView, WorkflowView, view as workflow_view};
use super::{Answer, numbered, ok, page, page_request};
use crate::clock::iso_utc;
use crate::http::body::query;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::reach::{editor, reachable};
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::page::Cursor;
use crate::model::scope::Permission;
use crate::model::workflow::{Workflow, WorkflowVersion};
use crate::store::WorkflowDraft;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/workflows/:id/versions";
    const ONE: &str = "/api/v1/workflows/:id/versions/:version";
    const RESTORE: &str = "/api/v1/workflows/:id/versions/:version/restore";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Workflows", "List a workflow's versions")
                .says("Newest first, without their definitions.")
                .path::<WorkflowId>()
                .query::<ListQuery>()
                .lists::<VersionView<'_>>(),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Workflows", "Read a version")
                .path::<WorkflowId>()
                .path::<NonZeroU32>()
                .gives::<VersionView<'_>>(200),
        ),
        Endpoint::new(Door::Native, Method::POST, RESTORE, write, |guard| {
            guard.then(restore)
        })
        .described(
            about("Workflows", "Restore a version")
                .says("Saves it again: as an edit, so that it becomes the newest version.")
                .path::<WorkflowId>()
                .path::<NonZeroU32>()
                .gives::<WorkflowView<'_>>(200)
                .may(
                    409,
                    "The workflow is archived, or its webhook's path is another's.",
                ),
        ),
    ]
}

/// Which versions to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `meta.cursor` of the page before.
    cursor: Option<String>,
}

/// A version of a workflow; its definition only where one version is read.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WorkflowVersion")]
struct VersionView<'a> {
    /// Counts up from 1.
    version: i64,
    /// The workflow's name in it.
    name: &'a str,
    /// What people should know.
    description: Option<&'a str>,
    /// What was changed, as its author said.
    change_summary: Option<&'a str>,
    /// The id of the key that saved it.
    created_by: &'a str,
    /// When it was saved.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    definition: Option<DefinitionView<'a>>,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let workflow = reachable(&ctx)?;
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let before = numbered(request.after.as_ref())?;
    let limit = request.limit as usize;
    let store = &ctx.api().store;
    let mut versions = store
        .workflow_versions(&workflow.workflow.id, before, request.limit + 1)
        .await?;
    let more = versions.len() > limit;
    versions.truncate(limit);
    let last = versions.last().filter(|_| more);
    let next = last.map(|version| Cursor {
        ts: version.created_at_ms,
        id: version.version.to_string(),
    });
    let views: Vec<VersionView<'_>> = versions.iter().map(view).collect();
    page(&views, next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    ok(&view(&found(&ctx)?))
}

/// Saves an older version again: as an edit, so it becomes the newest version and history stays whole.
async fn restore(ctx: Ctx) -> Answer {
    let workflow = reachable(&ctx)?;
    let version = found(&ctx)?;
    let number = version.version;
    let definition = version.definition.ok_or(Problem::NotFound("version"))?;
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        Ok(WorkflowDraft {
            description: version.description,
            definition,
            ..WorkflowDraft::of(now)
        })
    };
    let summary = Some(format!("Restored version {number}"));
    let (id, by) = (&workflow.workflow.id, editor(&ctx));
    let workflows = ctx.api().engine.workflows();
    let edited = workflows.edit(id, draft, summary, None, by).await?;
    ok(&workflow_view(&ctx, &edited)?)
}

fn found(ctx: &Ctx) -> Result<WorkflowVersion, Problem> {
    let workflow = reachable(ctx)?;
    let number = ctx.number(1, "version")?;
    ctx.api()
        .store
        .workflow_version(&workflow.workflow.id, number)?
        .ok_or(Problem::NotFound("version"))
}

fn view(version: &WorkflowVersion) -> VersionView<'_> {
    VersionView {
        version: version.version,
        name: &version.name,
        description: version.description.as_deref(),
        change_summary: version.change_summary.as_deref(),
        created_by: &version.created_by,
        created_at: iso_utc(version.created_at_ms),
        definition: version
            .definition
            .as_ref()
            .map(|definition| DefinitionView::of(&definition.body)),
    }
}
