//! `/workflows`: list, create, read, replace, delete.

use super::workflow_body::{Save, SaveBody};
use super::workflow_view::{Gathered, SavedView, SummaryView, WorkflowView, summary};
use super::{Answer, about, bare, graph, graph_by};
use crate::clock::iso_utc;
use crate::http::body::{query, query_and_json};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::http::reach::require_name_within_reach;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::Finding;
use crate::model::graph::record::{GraphDetails, GraphFilter, GraphRecord};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::{Definition, Reach, Workflow, WorkflowStatus};
use crate::store::{Beside, BesideGraph, WorkflowDraft};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as example};
use warp::Filter as _;
use warp::http::{Method, StatusCode};

pub(super) const READ: Access = Access::Needs(Permission::WorkflowsRead, Category::Read);
pub(super) const WRITE: Access = Access::Needs(Permission::WorkflowsWrite, Category::Write);
pub(super) const TAG: &str = "Wireflow: workflows";
/// A list has so many at most.
const MAX_LISTED_GRAPHS: usize = 1_000;
/// When a save is a 409.
pub(super) const STALE: &str =
    "`stale_write`: it was changed after `baseUpdatedAt`. Or the webhook id is another workflow's.";
const UNFIT: &str = "`invalid_graph`: every violation, with what mends it.";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/workflows";
    const ONE: &str = "/api/v1/workflows/:id";
    vec![
        Endpoint::new(Door::Wireflow, Method::GET, LIST, READ, |guard| {
            query(guard).then(list)
        })
        .described(
            about(TAG, "List workflows")
                .says("The graphs that the key reaches, at most 1000, those that were changed last first.")
                .query::<ListQuery>()
                .gives_bare::<Vec<SummaryView<'_>>>(200),
        ),
        Endpoint::new(Door::Wireflow, Method::POST, LIST, WRITE, |guard| {
            query_and_json(guard).then(post)
        })
        .described(
            about(TAG, "Create a workflow")
                .says("It can be run at once. With `id`, that workflow is replaced as `PUT` does.")
                .query::<SaveQuery>()
                .body::<SaveBody>(save_example())
                .gives_bare::<SavedView<'_>>(201)
                .gives_bare::<SavedView<'_>>(200)
                .may(404, "There is no workflow with this `id`.")
                .may(409, STALE)
                .may(422, UNFIT),
        ),
        Endpoint::new(Door::Wireflow, Method::GET, ONE, READ, |guard| guard.then(get)).described(
            about(TAG, "Read a workflow")
                .path::<WorkflowId>()
                .gives_bare::<WorkflowView<'_>>(200),
        ),
        Endpoint::new(Door::Wireflow, Method::PUT, ONE, WRITE, |guard| {
            query_and_json(guard).then(put)
        })
        .described(
            about(TAG, "Replace a workflow")
                .says("Name, nodes and edges; what else is left out stays, and `null` takes it away.")
                .path::<WorkflowId>()
                .query::<SaveQuery>()
                .body::<SaveBody>(save_example())
                .gives_bare::<SavedView<'_>>(200)
                .may(409, STALE)
                .may(422, UNFIT),
        ),
        Endpoint::new(Door::Wireflow, Method::DELETE, ONE, WRITE, |guard| {
            guard.then(delete)
        })
        .described(
            about(TAG, "Delete a workflow")
                .says("With its versions and what is kept of its executions.")
                .path::<WorkflowId>()
                .gives_bare::<DeletedView<'_>>(200)
                .may(409, "An execution is unfinished."),
        ),
    ]
}

fn save_example() -> Value {
    example!({
        "name": "Greeting",
        "nodes": [
            { "id": "name", "type": "basedNode", "position": { "x": 0, "y": 0 },
              "data": { "label": "Name", "nodeType": "input:text", "config": { "prompt": "Ada" } } },
            { "id": "shown", "type": "basedNode", "position": { "x": 400, "y": 0 },
              "data": { "label": "Shown", "nodeType": "output:preview", "config": {} } },
        ],
        "edges": [
            { "id": "e1", "source": "name", "target": "shown", "sourceHandle": "out-text", "targetHandle": "in-value" },
        ],
    })
}

/// Which workflows to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ListQuery {
    /// Only those that can be run, or only others.
    is_active: Option<bool>,
    /// Only those that the client counts to this project.
    media_id: Option<String>,
    /// Only those that the client counts to this team.
    team_id: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// How to save.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SaveQuery {
    /// `false` saves a graph in spite of its violations, as long as it could be run at all: circles, edges that lead
    /// nowhere and ids that are there twice are refused all the same.
    strict: Option<bool>,
}

/// A workflow that is gone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowDeleted")]
struct DeletedView<'a> {
    /// Its id.
    id: &'a WorkflowId,
    /// Always `true`.
    deleted: bool,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let limit = asked.limit.unwrap_or(MAX_LISTED_GRAPHS);
    if !(1..=MAX_LISTED_GRAPHS).contains(&limit) {
        return Err(Problem::invalid(format!(
            "`limit` is {limit}; it goes from 1 to {MAX_LISTED_GRAPHS}."
        )));
    }
    let filter = GraphFilter {
        is_active: asked.is_active,
        media_id: asked.media_id,
        team_id: asked.team_id,
        reach: ctx.key().reach().clone(),
    };
    let found = ctx.api().store.list_graphs(filter, limit).await?;
    let base_url = ctx.api().engine.base_url();
    let views: Vec<SummaryView<'_>> = found.iter().map(|one| summary(one, base_url)).collect();
    bare(StatusCode::OK, &views)
}

async fn get(ctx: Ctx) -> Answer {
    let compiled = graph(&ctx)?;
    bare(
        StatusCode::OK,
        &Gathered::new(&ctx, &compiled).await?.view(),
    )
}

async fn post(ctx: Ctx, how: SaveQuery, body: SaveBody) -> Answer {
    let link_permission = body.0.0.get("linkPermission").cloned();
    let save = Save::read(body)?;
    match &save.id {
        None => create(&ctx, &how, &save).await,
        Some(id) => {
            require_no_link_permission(link_permission.as_ref())?;
            let id = graph_by(&ctx, id)?.workflow.id.clone();
            replace(&ctx, &how, &id, &save).await
        }
    }
}

async fn put(ctx: Ctx, how: SaveQuery, body: SaveBody) -> Answer {
    let id = graph(&ctx)?.workflow.id.clone();
    let SaveBody(Fields(fields)) = &body;
    require_no_link_permission(fields.get("linkPermission"))?;
    replace(&ctx, &how, &id, &Save::read(body)?).await
}

/// Who may follow the link is said in one place only, so that a save does not make public what was private.
fn require_no_link_permission(sent: Option<&Value>) -> Result<(), Problem> {
    match sent {
        None => Ok(()),
        Some(_) => Err(Problem::InvalidField {
            field: "linkPermission".to_owned(),
            message:
                "`linkPermission` is not saved with a workflow; use POST /workflows/:id/visibility"
                    .to_owned(),
        }),
    }
}

async fn create(ctx: &Ctx, how: &SaveQuery, save: &Save) -> Answer {
    require_name_within_reach(ctx, &save.name)?;
    let definition = save.definition(None)?;
    let warnings = require_sound(ctx, how, &definition)?;
    let is_active = save.is_active.unwrap_or(true);
    let draft = WorkflowDraft {
        status: Some(if is_active {
            WorkflowStatus::Active
        } else {
            WorkflowStatus::Paused
        }),
        beside: Some(Beside::Graph(BesideGraph {
            details: save.details(GraphDetails::default()),
            ..BesideGraph::default()
        })),
        ..WorkflowDraft::new(
            save.name.clone(),
            save.description.clone().flatten(),
            definition,
        )
    };
    let workflows = ctx.api().engine.workflows();
    let compiled = workflows.create(draft, ctx.editor()).await?;
    Gathered::new(ctx, &compiled)
        .await?
        .saved(StatusCode::CREATED, &warnings)
}

async fn replace(ctx: &Ctx, how: &SaveQuery, id: &WorkflowId, save: &Save) -> Answer {
    let warnings = require_sound(ctx, how, &save.definition(None)?)?;
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        require_fresh(now, save.base_updated_at.as_deref())?;
        if save.name != now.name && matches!(ctx.key().reach(), Reach::Prefix(_)) {
            require_name_within_reach(ctx, &save.name)?;
        }
        let record = kept(ctx, now)?;
        Ok(WorkflowDraft {
            name: save.name.clone(),
            description: save
                .description
                .clone()
                .unwrap_or_else(|| now.description.clone()),
            definition: save.definition(Some(&now.definition))?,
            status: save.is_active.map(|is_active| moved(now.status, is_active)),
            beside: Some(Beside::Graph(BesideGraph {
                details: save.details(record.details),
                link_permission: record.link_permission,
            })),
            ..WorkflowDraft::of(now)
        })
    };
    let workflows = ctx.api().engine.workflows();
    let compiled = workflows.edit(id, draft, None, None, ctx.editor()).await?;
    Gathered::new(ctx, &compiled)
        .await?
        .saved(StatusCode::OK, &warnings)
}

/// Where a workflow stands once it is or is not active: a draft of the native API is not, and stays one.
fn moved(now: WorkflowStatus, is_active: bool) -> WorkflowStatus {
    match (now, is_active) {
        (_, true) => WorkflowStatus::Active,
        (WorkflowStatus::Active, false) => WorkflowStatus::Paused,
        (other, false) => other,
    }
}

/// What is kept beside a graph now.
pub(super) fn kept(ctx: &Ctx, workflow: &Workflow) -> Result<GraphRecord, Problem> {
    let record = ctx.api().store.graph_record(workflow.sequence)?;
    Ok(record.unwrap_or_default())
}

/// Refuses a change that was made from another state than the workflow is in. Moments are compared as they are sent.
pub(super) fn require_fresh(workflow: &Workflow, base: Option<&str>) -> Result<(), Problem> {
    let current = iso_utc(workflow.updated_at_ms);
    match base {
        Some(yours) if yours != current => Err(Problem::StaleWrite {
            current,
            yours: yours.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Refuses a graph that breaks the rules of graphs; gives what is to be said of it otherwise. What could never be run is
/// refused also where the rules are not asked for.
fn require_sound(
    ctx: &Ctx,
    how: &SaveQuery,
    definition: &Definition,
) -> Result<Vec<Finding>, Problem> {
    let workflows = ctx.api().engine.workflows();
    let mut lint = workflows.lint(&definition.body);
    if lint.is_ok() {
        return Ok(lint.warnings);
    }
    if how.strict.unwrap_or(true) || !workflows.compiles(definition) {
        return Err(Problem::InvalidGraph(Box::new(lint)));
    }
    lint.violations.append(&mut lint.warnings);
    Ok(lint.violations)
}

async fn delete(ctx: Ctx) -> Answer {
    let id = graph(&ctx)?.workflow.id.clone();
    ctx.api()
        .engine
        .workflows()
        .purge(&id, ctx.editor())
        .await?;
    let gone = DeletedView {
        id: &id,
        deleted: true,
    };
    bare(StatusCode::OK, &gone)
}
