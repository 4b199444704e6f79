//! `/workflows`: list, create, read, edit, archive, activate, pause, validate.

use super::workflow_body::{AnyWorkflow, NewWorkflow, WorkflowBody, WorkflowFields};
use super::workflow_view::{
    ArchivedView, DeleteQuery, ListQuery, SummaryView, ValidityView, WorkflowView, summary, view,
};
use super::{Answer, created, json as json_response, ok, page, page_request};
use crate::engine::{CompiledWorkflow, WorkflowProblem};
use crate::http::body::{json, query};
use crate::http::describe::{Description, about};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::http::reach::{reachable, require_name_within_reach};
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::plan::DefinitionProblem;
use crate::model::scope::Permission;
use crate::model::workflow::{
    Definition, DefinitionFormat, Reach, Workflow, WorkflowFilter, WorkflowStatus,
};
use bytes::Bytes;
use serde_json::{Value, json as example};
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/workflows";
    const ONE: &str = "/api/v1/workflows/:id";
    const VALIDATE: &str = "/api/v1/workflows/validate";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    [
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Workflows", "List workflows")
                .says("Newest first.")
                .query::<ListQuery>()
                .lists::<SummaryView<'_>>(),
        ),
        Endpoint::new(Door::Native, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        })
        .described(
            about("Workflows", "Create a workflow")
                .says("As a draft. All mistakes are told at once, each with its place.")
                .body::<NewWorkflow>(definition_example())
                .gives::<WorkflowView<'_>>(201),
        ),
        Endpoint::new(Door::Native, Method::POST, VALIDATE, write, |guard| {
            json(guard).then(validate)
        })
        .described(
            about("Workflows", "Check a definition")
                .says("Stores and runs nothing.")
                .body::<AnyWorkflow>(definition_example())
                .gives::<ValidityView>(200),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Workflows", "Read a workflow")
                .path::<WorkflowId>()
                .gives::<WorkflowView<'_>>(200)
                .with_header("ETag", "Changes with every change; `If-Match` of an edit."),
        ),
        Endpoint::new(Door::Native, Method::PUT, ONE, write, |guard| {
            json(guard).then(edit)
        })
        .described(
            about("Workflows", "Edit a workflow")
                .says("What is absent stays, `null` takes an optional field away. A version that is active or that a run has used is kept, and a new one made.")
                .path::<WorkflowId>()
                .heeds("If-Match", "The `ETag` that GET gave: another state is a conflict.", Some("^(\\*|\"[0-9-]{1,40}\")$"))
                .body::<WorkflowFields>(example!({ "description": "Says hello.", "changeSummary": "A description" }))
                .gives::<WorkflowView<'_>>(200)
                .may(409, "The workflow is archived, not as `If-Match` or `expectedVersion` says, or its webhook's path is another's."),
        ),
        Endpoint::new(Door::Native, Method::DELETE, ONE, write, |guard| {
            query(guard).then(archive)
        })
        .described(
            about("Workflows", "Archive a workflow")
                .path::<WorkflowId>()
                .query::<DeleteQuery>()
                .gives::<ArchivedView<'_>>(200)
                .may(409, "With `purge`: a run is unfinished."),
        ),
    ]
    .into_iter()
    .chain(moves_of_status(write))
    .collect()
}

/// The life cycle.
fn moves_of_status(write: Access) -> [Endpoint; 2] {
    const ACTIVATE: &str = "/api/v1/workflows/:id/activate";
    const PAUSE: &str = "/api/v1/workflows/:id/pause";
    [
        Endpoint::new(Door::Native, Method::POST, ACTIVATE, write, |guard| {
            guard.then(|ctx| set_status(ctx, WorkflowStatus::Active))
        })
        .described(moves("Activate a workflow")),
        Endpoint::new(Door::Native, Method::POST, PAUSE, write, |guard| {
            guard.then(|ctx| set_status(ctx, WorkflowStatus::Paused))
        })
        .described(moves("Pause a workflow").says("Triggers rest, and unfinished runs go on.")),
    ]
}

fn moves(summary: &'static str) -> Description {
    about("Workflows", summary)
        .path::<WorkflowId>()
        .gives::<WorkflowView<'_>>(200)
        .may(
            409,
            "Its status does not allow it, or its webhook's path is another's.",
        )
}

fn definition_example() -> Value {
    example!({
        "name": "hello",
        "trigger": { "type": "api" },
        "steps": [{
            "id": "greet",
            "type": "transform",
            "config": { "sourceData": "{{input}}", "mappingRules": [{ "source": "name", "target": "greeted" }] },
        }],
    })
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let filter = WorkflowFilter {
        status: asked.status,
        search: asked.search,
        reach: ctx.key().reach().clone(),
        max_looked_at: None,
    };
    let found = ctx.api().store.list_workflows(filter, request).await?;
    let views: Vec<SummaryView<'_>> = found.items.iter().map(summary).collect();
    page(&views, found.next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    let compiled = reachable(&ctx)?;
    if let Some(ready) = compiled.rendering.get() {
        return Ok(rendered(ready.clone(), &compiled.workflow));
    }
    let view = view(&ctx, &compiled)?;
    // Where a schedule stands changes without the workflow, so it is read each time.
    let is_lasting = !view.has_schedule();
    let body = render(view)?;
    if !is_lasting {
        return Ok(rendered(body, &compiled.workflow));
    }
    Ok(rendered(
        compiled.rendering.get_or_init(|| body).clone(),
        &compiled.workflow,
    ))
}

async fn create(ctx: Ctx, NewWorkflow(body): NewWorkflow) -> Answer {
    let compiled = create_workflow(&ctx, body).await?;
    created(&view(&ctx, &compiled)?)
}

/// Makes the workflow that the fields of a body ask for.
pub(in crate::http) async fn create_workflow(
    ctx: &Ctx,
    fields: Fields,
) -> Result<Arc<CompiledWorkflow>, Problem> {
    let body = WorkflowBody::read(fields);
    let draft = body.draft(|definition| problems_of(ctx, definition, None))?;
    require_sound(ctx, &draft.definition, None)?;
    require_name_within_reach(ctx, &draft.name)?;
    let workflows = ctx.api().engine.workflows();
    Ok(workflows.create(draft, ctx.editor()).await?)
}

async fn edit(ctx: Ctx, WorkflowFields(body): WorkflowFields) -> Answer {
    let compiled = reachable(&ctx)?;
    let if_match = ctx.header("if-match")?.filter(|tag| *tag != "*");
    let edited = edit_workflow(&ctx, &compiled.workflow.id, body, if_match).await?;
    ok(&view(&ctx, &edited)?)
}

/// Edits a workflow as the fields of a body ask for. Where `if_match` is given, a workflow that has another [`tag`] is a
/// conflict.
pub(in crate::http) async fn edit_workflow(
    ctx: &Ctx,
    id: &WorkflowId,
    fields: Fields,
    if_match: Option<&str>,
) -> Result<Arc<CompiledWorkflow>, Problem> {
    let body = WorkflowBody::read(fields);
    let expected = body.expected_version;
    let change_summary = body.change_summary.clone();
    let draft = |now: &Workflow| {
        if if_match.is_some_and(|seen| seen != tag(now)) {
            return Err(Problem::Conflict(
                "The workflow is not as `If-Match` says: read it again and send the `ETag` that GET gives."
                    .to_owned(),
            ));
        }
        let known = Some(&now.definition);
        let draft = body.over(now, |definition| problems_of(ctx, definition, known))?;
        if draft.definition != now.definition {
            require_sound(ctx, &draft.definition, known)?;
        }
        if draft.name != now.name && matches!(ctx.key().reach(), Reach::Prefix(_)) {
            require_name_within_reach(ctx, &draft.name)?;
        }
        Ok::<_, Problem>(draft)
    };
    let workflows = ctx.api().engine.workflows();
    workflows
        .edit(id, draft, change_summary, expected, ctx.editor())
        .await
}

async fn archive(ctx: Ctx, asked: DeleteQuery) -> Answer {
    let compiled = reachable(&ctx)?;
    let id = compiled.workflow.id.clone();
    if asked.purge {
        ctx.api()
            .engine
            .workflows()
            .purge(&id, ctx.editor())
            .await?;
        return ok(&ArchivedView::Purged {
            id: &id,
            purged: true,
        });
    }
    let archived = ctx
        .api()
        .engine
        .workflows()
        .set_status(&id, WorkflowStatus::Archived, ctx.editor())
        .await?;
    ok(&ArchivedView::Archived(Box::new(view(&ctx, &archived)?)))
}

async fn set_status(ctx: Ctx, status: WorkflowStatus) -> Answer {
    let id = reachable(&ctx)?.workflow.id.clone();
    let workflows = ctx.api().engine.workflows();
    let moved = workflows.set_status(&id, status, ctx.editor()).await?;
    ok(&view(&ctx, &moved)?)
}

/// Says whether a definition would be accepted. Stores and runs nothing.
async fn validate(ctx: Ctx, AnyWorkflow(body): AnyWorkflow) -> Answer {
    let (definition, mut problems) = WorkflowBody::read(body).definition();
    problems.extend(problems_of(&ctx, &definition, None)?);
    ok(&ValidityView {
        valid: problems.is_empty(),
        problems,
    })
}

fn problems_of(
    ctx: &Ctx,
    definition: &Definition,
    before: Option<&Definition>,
) -> Result<Vec<DefinitionProblem>, Problem> {
    let workflows = ctx.api().engine.workflows();
    let checked = workflows.problems(definition, before, ctx.editor())?;
    if definition.format != DefinitionFormat::Graph {
        return Ok(checked);
    }
    let violations = workflows.lint(&definition.body).violations;
    let mut problems: Vec<DefinitionProblem> = violations.into_iter().map(Into::into).collect();
    let further: Vec<DefinitionProblem> = checked
        .into_iter()
        .filter(|one| !problems.contains(one))
        .collect();
    problems.extend(further);
    Ok(problems)
}

/// What the compiler lets pass, the rules of graphs may not: a handle that no node has, a parameter that is no object.
fn require_sound(
    ctx: &Ctx,
    definition: &Definition,
    before: Option<&Definition>,
) -> Result<(), Problem> {
    if definition.format != DefinitionFormat::Graph {
        return Ok(());
    }
    match problems_of(ctx, definition, before)? {
        problems if problems.is_empty() => Ok(()),
        problems => Err(WorkflowProblem::Invalid(problems).into()),
    }
}

/// Changes with every change, also where a draft keeps its version.
pub(in crate::http) fn tag(workflow: &Workflow) -> String {
    format!("\"{}-{}\"", workflow.version, workflow.updated_at_ms)
}

fn rendered(body: Bytes, workflow: &Workflow) -> Response {
    let mut response = json_response(StatusCode::OK, body);
    if let Ok(tag) = HeaderValue::try_from(tag(workflow)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn render(view: WorkflowView<'_>) -> Result<Bytes, Problem> {
    let envelope = super::Envelope {
        success: true,
        data: view,
        meta: None::<super::Meta>,
    };
    Ok(serde_json::to_vec(&envelope)
        .map_err(|error| Problem::internal(&error))?
        .into())
}
