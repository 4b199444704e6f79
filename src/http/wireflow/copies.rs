//! A workflow once more, and who may follow its link.

use super::workflows::{TAG, WRITE, kept};
use super::{Answer, Data, about, bare, data, graph, url_of};
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::reach::require_name_within_reach;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::record::LinkPermission;
use crate::model::workflow::{Workflow, WorkflowStatus};
use crate::store::{Beside, BesideGraph, WorkflowDraft};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json as example;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const MAX_NAME_CHARS: usize = 255;
const COPIED: &str = " (copy)";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const DUPLICATE: &str = "/api/v1/workflows/:id/duplicate";
    const VISIBILITY: &str = "/api/v1/workflows/:id/visibility";
    vec![
        Endpoint::new(Door::Wireflow, Method::POST, DUPLICATE, WRITE, |guard| {
            json(guard).then(duplicate)
        })
        .described(
            about(TAG, "Copy a workflow")
                .says("Its graph and labels. The copy is started by requests only, and has no webhook id.")
                .path::<WorkflowId>()
                .body::<DuplicateBody>(example!({ "name": "Greeting, once more" }))
                .gives_bare::<Data<DuplicateView>>(201),
        ),
        Endpoint::new(Door::Wireflow, Method::POST, VISIBILITY, WRITE, |guard| {
            json(guard).then(set_visibility)
        })
        .described(
            about(TAG, "Say who may follow the link")
                .says("Kept for clients: the server itself serves no page there.")
                .path::<WorkflowId>()
                .body::<VisibilityBody>(example!({ "visibility": "view" }))
                .gives_bare::<VisibilityView>(200),
        ),
    ]
}

/// What the copy is called.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "WireflowDuplicateBody")]
struct DuplicateBody {
    /// Without it, the name of the original and ` (copy)`.
    #[schemars(length(min = 1, max = 255))]
    name: Option<String>,
}

/// The copy.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowDuplicate")]
struct DuplicateView {
    /// A UUID.
    id: WorkflowId,
    /// For people.
    name: String,
    /// Where it is read.
    url: String,
}

/// Who may follow the link.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "WireflowVisibilityBody")]
struct VisibilityBody {
    /// `view` for everybody, `private` for the owner.
    visibility: Visibility,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "WireflowVisibilityWord")]
enum Visibility {
    Private,
    View,
}

/// Who may follow the link now.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowLink")]
struct LinkView {
    /// The workflow.
    id: WorkflowId,
    /// Who.
    link_permission: LinkPermission,
    /// Where it is read.
    url: String,
    /// When the workflow was changed last: now.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

/// The same in both places where clients look.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowVisibility")]
struct VisibilityView {
    #[serde(flatten)]
    link: LinkView,
    /// The same once more.
    data: LinkView,
}

async fn duplicate(ctx: Ctx, body: DuplicateBody) -> Answer {
    let original = graph(&ctx)?;
    let original = &original.workflow;
    let name = match body.name {
        Some(name) => named(name)?,
        None => copied(&original.name),
    };
    require_name_within_reach(&ctx, &name)?;
    let mut definition = original.definition.clone();
    definition.body["trigger"] = example!({ "type": "api" });
    let draft = WorkflowDraft {
        status: Some(match original.status {
            WorkflowStatus::Active => WorkflowStatus::Active,
            _ => WorkflowStatus::Paused,
        }),
        beside: Some(Beside::Graph(BesideGraph {
            details: kept(&ctx, original)?.details,
            ..BesideGraph::default()
        })),
        ..WorkflowDraft::new(name, original.description.clone(), definition)
    };
    let workflows = ctx.api().engine.workflows();
    let copy = workflows.create(draft, ctx.editor()).await?;
    let view = DuplicateView {
        url: url_of(&ctx, &copy.workflow.id),
        id: copy.workflow.id.clone(),
        name: copy.workflow.name.clone(),
    };
    data(StatusCode::CREATED, &view)
}

fn named(name: String) -> Result<String, Problem> {
    let is_name = (1..=MAX_NAME_CHARS).contains(&name.chars().count())
        && !name.trim().is_empty()
        && !name.chars().any(char::is_control);
    is_name.then_some(name).ok_or(Problem::InvalidField {
        field: "name".to_owned(),
        message: "`name` has 1 to 255 characters, not only spaces, and no control characters"
            .to_owned(),
    })
}

fn copied(name: &str) -> String {
    let kept = MAX_NAME_CHARS - COPIED.chars().count();
    let name: String = name.chars().take(kept).collect();
    format!("{name}{COPIED}")
}

async fn set_visibility(ctx: Ctx, body: VisibilityBody) -> Answer {
    let id = graph(&ctx)?.workflow.id.clone();
    let link_permission = match body.visibility {
        Visibility::Private => LinkPermission::Private,
        Visibility::View => LinkPermission::View,
    };
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        Ok(WorkflowDraft {
            beside: Some(Beside::Graph(BesideGraph {
                details: kept(&ctx, now)?.details,
                link_permission,
            })),
            ..WorkflowDraft::of(now)
        })
    };
    let workflows = ctx.api().engine.workflows();
    let edited = workflows.edit(&id, draft, None, None, ctx.editor()).await?;
    let link = LinkView {
        link_permission,
        url: url_of(&ctx, &id),
        updated_at: crate::clock::iso_utc(edited.workflow.updated_at_ms),
        id,
    };
    let data = link.clone();
    bare(StatusCode::OK, &VisibilityView { link, data })
}
