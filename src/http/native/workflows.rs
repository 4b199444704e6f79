//! `/workflows`: list, create, read, edit, archive, activate, pause, validate.

use super::workflow_body::{Fields, WorkflowBody};
use super::{Answer, created, json as json_response, ok, page, page_request};
use crate::clock::iso_utc;
use crate::engine::CompiledWorkflow;
use crate::http::body::{json, query};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::plan::DefinitionProblem;
use crate::model::scope::Permission;
use crate::model::trigger::{FiringOutcome, ScheduleStatus, Trigger};
use crate::model::workflow::{
    Definition, Reach, Workflow, WorkflowFilter, WorkflowStatus, WorkflowSummary,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        }),
        Endpoint::new(Door::Native, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        }),
        Endpoint::new(Door::Native, Method::POST, VALIDATE, write, |guard| {
            json(guard).then(validate)
        }),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        }),
        Endpoint::new(Door::Native, Method::PUT, ONE, write, |guard| {
            json(guard).then(edit)
        }),
        Endpoint::new(Door::Native, Method::DELETE, ONE, write, |guard| {
            query(guard).then(archive)
        }),
        Endpoint::new(
            Door::Native,
            Method::POST,
            "/api/v1/workflows/:id/activate",
            write,
            |guard| guard.then(|ctx| set_status(ctx, WorkflowStatus::Active)),
        ),
        Endpoint::new(
            Door::Native,
            Method::POST,
            "/api/v1/workflows/:id/pause",
            write,
            |guard| guard.then(|ctx| set_status(ctx, WorkflowStatus::Paused)),
        ),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    status: Option<WorkflowStatus>,
    search: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteQuery {
    #[serde(default)]
    purge: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryView<'a> {
    id: &'a WorkflowId,
    name: &'a str,
    description: Option<&'a str>,
    status: WorkflowStatus,
    version: i64,
    trigger: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleView>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkflowView<'a> {
    id: &'a WorkflowId,
    name: &'a str,
    description: Option<&'a str>,
    status: WorkflowStatus,
    version: i64,
    #[serde(flatten)]
    definition: DefinitionView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<ScheduleView>,
    created_at: String,
    updated_at: String,
}

/// The fields of a definition; those that it does not have are `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DefinitionView<'a> {
    trigger: &'a Value,
    steps: &'a Value,
    input_schema: &'a Value,
    output_schema: &'a Value,
    settings: &'a Value,
    variables: &'a Value,
}

impl<'a> DefinitionView<'a> {
    pub(super) fn of(body: &'a Value) -> DefinitionView<'a> {
        DefinitionView {
            trigger: &body["trigger"],
            steps: &body["steps"],
            input_schema: &body["inputSchema"],
            output_schema: &body["outputSchema"],
            settings: &body["settings"],
            variables: &body["variables"],
        }
    }
}

/// Where a schedule stands.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleView {
    /// When it fires next; `null` while it does not.
    next_run_at: Option<String>,
    /// When it last started a run.
    last_run_at: Option<String>,
    /// What became of the last of its times: `started`, `skipped_missed` or `failed`.
    last_outcome: Option<FiringOutcome>,
}

impl ScheduleView {
    fn of(status: &ScheduleStatus) -> ScheduleView {
        ScheduleView {
            next_run_at: status.next_fire_ms.map(iso_utc),
            last_run_at: status.last_run_at_ms.map(iso_utc),
            last_outcome: status.last_outcome,
        }
    }
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let filter = WorkflowFilter {
        status: asked.status,
        search: asked.search,
        reach: ctx.key().reach().clone(),
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
    let is_lasting = view.schedule.is_none();
    let body = render(view)?;
    if !is_lasting {
        return Ok(rendered(body, &compiled.workflow));
    }
    Ok(rendered(
        compiled.rendering.get_or_init(|| body).clone(),
        &compiled.workflow,
    ))
}

async fn create(ctx: Ctx, body: Fields) -> Answer {
    let draft = WorkflowBody::read(body).draft(|definition| problems_of(&ctx, definition))?;
    require_name_within_reach(&ctx, &draft.name)?;
    let compiled = ctx
        .api()
        .engine
        .workflows()
        .create(draft, ctx.key().label())
        .await?;
    created(&view(&ctx, &compiled)?)
}

async fn edit(ctx: Ctx, body: Fields) -> Answer {
    let compiled = reachable(&ctx)?;
    let body = WorkflowBody::read(body);
    let expected = body.expected_version;
    let if_match = ctx.header("if-match")?.filter(|tag| *tag != "*");
    let change_summary = body.change_summary.clone();
    let draft = |now: &Workflow| {
        if if_match.is_some_and(|seen| seen != tag(now)) {
            return Err(Problem::Conflict(
                "The workflow is not as `If-Match` says: read it again and send the `ETag` that GET gives."
                    .to_owned(),
            ));
        }
        let draft = body.over(now, |definition| problems_of(&ctx, definition))?;
        if draft.name != now.name && matches!(ctx.key().reach(), Reach::Prefix(_)) {
            require_name_within_reach(&ctx, &draft.name)?;
        }
        Ok::<_, Problem>(draft)
    };
    let (id, by) = (&compiled.workflow.id, ctx.key().label());
    let workflows = ctx.api().engine.workflows();
    let edited = workflows
        .edit(id, draft, change_summary, expected, by)
        .await?;
    ok(&view(&ctx, &edited)?)
}

async fn archive(ctx: Ctx, asked: DeleteQuery) -> Answer {
    let compiled = reachable(&ctx)?;
    let id = compiled.workflow.id.clone();
    if asked.purge {
        ctx.api().engine.workflows().purge(&id).await?;
        return ok(&json!({ "id": id, "purged": true }));
    }
    let archived = ctx
        .api()
        .engine
        .workflows()
        .set_status(&id, WorkflowStatus::Archived)
        .await?;
    ok(&view(&ctx, &archived)?)
}

async fn set_status(ctx: Ctx, status: WorkflowStatus) -> Answer {
    let id = reachable(&ctx)?.workflow.id.clone();
    let moved = ctx.api().engine.workflows().set_status(&id, status).await?;
    ok(&view(&ctx, &moved)?)
}

/// Says whether a definition would be accepted. Stores and runs nothing.
async fn validate(ctx: Ctx, body: Fields) -> Answer {
    let (definition, mut problems) = WorkflowBody::read(body).definition();
    problems.extend(problems_of(&ctx, &definition));
    ok(&json!({ "valid": problems.is_empty(), "problems": problems }))
}

fn problems_of(ctx: &Ctx, definition: &Definition) -> Vec<DefinitionProblem> {
    let checked = ctx.api().engine.workflows().check(definition);
    checked.err().unwrap_or_default()
}

/// The workflow that the path names, if the key reaches it.
pub(super) fn reachable(ctx: &Ctx) -> Result<Arc<CompiledWorkflow>, Problem> {
    let id: WorkflowId = ctx.id(0, "workflow")?;
    let compiled = ctx.api().engine.workflows().get(&id)?;
    compiled
        .filter(|compiled| ctx.key().reach().covers(&id, &compiled.workflow.name))
        .ok_or(Problem::NotFound("workflow"))
}

fn require_name_within_reach(ctx: &Ctx, name: &str) -> Result<(), Problem> {
    match ctx.key().reach() {
        Reach::All => Ok(()),
        Reach::Prefix(prefix) if name.starts_with(prefix.as_str()) => Ok(()),
        Reach::Prefix(prefix) => Err(Problem::NotHeld(format!(
            "This key is bound to workflows whose name starts with `{prefix}`."
        ))),
        Reach::Workflow(id) => Err(Problem::NotHeld(format!(
            "This key is bound to the workflow {id} and cannot create another."
        ))),
    }
}

/// Changes with every change, also where a draft keeps its version.
fn tag(workflow: &Workflow) -> String {
    format!("\"{}-{}\"", workflow.version, workflow.updated_at_ms)
}

fn rendered(body: Bytes, workflow: &Workflow) -> Response {
    let mut response = json_response(StatusCode::OK, body);
    if let Ok(tag) = HeaderValue::from_str(&tag(workflow)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn render(view: WorkflowView<'_>) -> Result<Bytes, Problem> {
    let envelope = super::Envelope {
        success: true,
        data: view,
        meta: None,
    };
    Ok(serde_json::to_vec(&envelope)
        .map_err(|error| Problem::internal(&error))?
        .into())
}

/// A workflow as it is answered; with a schedule, also where that stands.
pub(super) fn view<'a>(
    ctx: &Ctx,
    compiled: &'a CompiledWorkflow,
) -> Result<WorkflowView<'a>, Problem> {
    let workflow = &compiled.workflow;
    let schedule = match &compiled.definition.plan.trigger {
        Trigger::Schedule(_) => Some(ctx.api().store.schedule_status(workflow.sequence)?),
        _ => None,
    };
    Ok(WorkflowView {
        id: &workflow.id,
        name: &workflow.name,
        description: workflow.description.as_deref(),
        status: workflow.status,
        version: workflow.version,
        definition: DefinitionView::of(&workflow.definition.body),
        schedule: schedule.as_ref().map(ScheduleView::of),
        created_at: iso_utc(workflow.created_at_ms),
        updated_at: iso_utc(workflow.updated_at_ms),
    })
}

fn summary(workflow: &WorkflowSummary) -> SummaryView<'_> {
    SummaryView {
        id: &workflow.id,
        name: &workflow.name,
        description: workflow.description.as_deref(),
        status: workflow.status,
        version: workflow.version,
        trigger: &workflow.trigger,
        schedule: workflow.schedule.as_ref().map(ScheduleView::of),
        created_at: iso_utc(workflow.created_at_ms),
        updated_at: iso_utc(workflow.updated_at_ms),
    }
}
