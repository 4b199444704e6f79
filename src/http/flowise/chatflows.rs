//! `/chatflows`: list, make, read, change and delete flows; whether one has changed; and the flows of one key.
//! Promises: with which types of flows a key does something, its permissions say; who has nothing but a key's text sees the
//! flows that are bound to that key alone.

use super::chatflow_body::ChatflowBody;
use super::chatflow_view::{ChatflowView, Drawn, view};
use super::flows::{Flow, Needed, find, named};
use super::keys::recognised;
use super::paging::Paging;
use super::{Answer, OVER_ADDRESS_LIMIT, RemovedView, about, ok, text, worded};
use crate::clock::iso_utc;
use crate::engine::CompiledWorkflow;
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::body::{json, query};
use crate::http::describe::KeyText;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::reach::require_name_within_reach;
use crate::http::visit::{Ctx, Visit};
use crate::id::WorkflowId;
use crate::model::chatflow::{Chatflow, ChatflowDetails, ChatflowFilter};
use crate::model::flow::{FlowKind, definition, flow_data};
use crate::model::limit::Category;
use crate::model::scope::Permission::{self, *};
use crate::model::workflow::{Reach, Workflow, WorkflowStatus};
use crate::store::{Beside, WorkflowDraft};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json as example;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{HeaderValue, Method, StatusCode, header};

pub(super) const TAG: &str = "Flowise: flows";

pub(super) const LIST: Needed = Needed {
    of_chatflows: &[ChatflowsView],
    of_agentflows: &[AgentflowsView],
    either: &[ChatflowsView, AgentflowsView],
};
const LOOK: Needed = Needed {
    of_chatflows: &[ChatflowsView, ChatflowsDelete],
    of_agentflows: &[AgentflowsView, AgentflowsDelete],
    either: &[
        ChatflowsView,
        ChatflowsDelete,
        AgentflowsView,
        AgentflowsDelete,
    ],
};
const CREATE: Needed = Needed {
    of_chatflows: &[ChatflowsCreate, ChatflowsUpdate],
    of_agentflows: &[AgentflowsCreate, AgentflowsUpdate],
    either: &[
        ChatflowsCreate,
        ChatflowsUpdate,
        AgentflowsCreate,
        AgentflowsUpdate,
    ],
};
const UPDATE: Needed = Needed {
    of_chatflows: &[ChatflowsUpdate],
    of_agentflows: &[AgentflowsUpdate],
    either: &[ChatflowsUpdate, AgentflowsUpdate],
};
const DELETE: Needed = Needed {
    of_chatflows: &[ChatflowsDelete],
    of_agentflows: &[AgentflowsDelete],
    either: &[ChatflowsDelete, AgentflowsDelete],
};

const fn needs(needed: &Needed, category: Category) -> Access {
    let either: &'static [Permission] = needed.either;
    Access::NeedsOneOf(either, category)
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Category::{Read, Write};
    const ALL: &str = "/api/v1/chatflows";
    const ONE: &str = "/api/v1/chatflows/:id";
    const CHANGED: &str = "/api/v1/chatflows/has-changed/:id/:since";
    let door = Door::Flowise;
    vec![
        Endpoint::new(door, Method::GET, ALL, needs(&LIST, Read), |guard| query(guard).then(list)).described(
            about(TAG, "List flows")
                .says("Those that were changed last first, of the types that the key may view. With `page` and `limit` one page.")
                .query::<ListQuery>()
                .gives_bare::<Listed<'_>>(200)
                .may(412, "`page` or `limit` is negative."),
        ),
        Endpoint::new(door, Method::POST, ALL, needs(&CREATE, Write), |guard| json(guard).then(create)).described(
            about(TAG, "Make a flow")
                .says("It can be asked at once. What could not be run is refused, with the node's name.")
                .body::<ChatflowBody>(flow_example())
                .gives_bare::<ChatflowView<'_>>(200),
        ),
        Endpoint::new(door, Method::GET, ONE, needs(&LOOK, Read), |guard| guard.then(get)).described(
            about(TAG, "Read a flow").path::<WorkflowId>().gives_bare::<ChatflowView<'_>>(200),
        ),
        Endpoint::new(door, Method::PUT, ONE, needs(&UPDATE, Write), |guard| json(guard).then(update)).described(
            about(TAG, "Change a flow")
                .says("What is left out stays.")
                .path::<WorkflowId>()
                .body::<ChatflowBody>(example!({ "isPublic": true }))
                .gives_bare::<ChatflowView<'_>>(200)
                .may(409, "It is archived."),
        ),
        Endpoint::new(door, Method::DELETE, ONE, needs(&DELETE, Write), |guard| guard.then(delete)).described(
            about(TAG, "Delete a flow")
                .says("With its executions, its messages and what belongs to them.")
                .path::<WorkflowId>()
                .gives_bare::<RemovedView>(200)
                .may(409, "An execution is unfinished."),
        ),
        Endpoint::new(door, Method::GET, CHANGED, needs(&LOOK, Read), |guard| guard.then(has_changed)).described(
            about(TAG, "Whether a flow was changed since")
                .says("`since` is the `updatedDate` that the client has, with its colons and dot written as they are.")
                .path::<WorkflowId>()
                .path::<String>()
                .gives_bare::<ChangedView>(200),
        ),
        Endpoint::unkeyed(door, Method::GET, "/api/v1/chatflows/apikey/:apikey", of_key).described(
            about(TAG, "The flows of a key")
                .says("Those that are bound to the key whose text stands in the path, by name.")
                .path::<KeyText>()
                .gives_bare::<Vec<ChatflowView<'_>>>(200)
                .may(401, "It is no key in force.")
                .limits_addresses(OVER_ADDRESS_LIMIT),
        ),
    ]
}

fn flow_example() -> serde_json::Value {
    let drawing = example!({
        "nodes": [
            { "id": "startAgentflow_0", "type": "agentFlow", "position": { "x": 0, "y": 0 },
              "data": { "id": "startAgentflow_0", "label": "Start", "name": "startAgentflow",
                        "inputs": { "startInputType": "chatInput" } } },
            { "id": "directReplyAgentflow_0", "type": "agentFlow", "position": { "x": 300, "y": 0 },
              "data": { "id": "directReplyAgentflow_0", "label": "Reply", "name": "directReplyAgentflow",
                        "inputs": { "directReplyMessage": "You said: {{question}}" } } },
        ],
        "edges": [
            { "id": "e1", "source": "startAgentflow_0", "target": "directReplyAgentflow_0",
              "sourceHandle": "startAgentflow_0-output-startAgentflow", "targetHandle": "directReplyAgentflow_0" },
        ],
    });
    example!({ "name": "Echo", "type": "AGENTFLOW", "flowData": drawing.to_string() })
}

/// Which flows to list.
#[derive(Deserialize, JsonSchema)]
struct ListQuery {
    /// Only those of this type: `CHATFLOW` or `AGENTFLOW`; another word is no filter.
    r#type: Option<String>,
    /// Which page, from 1; all flows without it.
    page: Option<i64>,
    /// How many a page.
    limit: Option<i64>,
}

/// Some flows: all of them, or one page.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Chatflows")]
enum Listed<'a> {
    /// All.
    All(Vec<ChatflowView<'a>>),
    /// One page.
    Page(ChatflowPage<'a>),
}

/// A page of flows.
#[derive(Serialize, JsonSchema)]
struct ChatflowPage<'a> {
    /// Those of this page.
    data: Vec<ChatflowView<'a>>,
    /// How many there are on all pages.
    total: usize,
    /// Which page this is.
    page: usize,
    /// How many pages there are.
    pages: usize,
}

/// Whether a flow was changed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatflowChanged")]
struct ChangedView {
    /// Whether it was.
    has_changed: bool,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let paging = Paging::read(asked.page, asked.limit)?;
    let mut kinds = LIST.kinds(&ctx);
    if let Some(only) = asked.r#type.as_deref().and_then(FlowKind::parse) {
        kinds.retain(|kind| *kind == only);
    }
    let filter = ChatflowFilter {
        kinds,
        api_key: None,
        reach: ctx.key().reach().clone(),
    };
    let found = ctx.api().store.list_chatflows(filter).await?;
    let told = |flow| told(flow, Drawn::Whole);
    let Some(paging) = paging else {
        return ok(&Listed::All(found.iter().map(told).collect()));
    };
    ok(&Listed::Page(ChatflowPage {
        data: paging.of(&found).map(told).collect(),
        total: found.len(),
        page: paging.page(),
        pages: found.len().div_ceil(paging.limit),
    }))
}

fn told(flow: &Chatflow, drawn: Drawn) -> ChatflowView<'_> {
    view(&flow.workflow, &flow.details, drawn)
}

async fn get(ctx: Ctx) -> Answer {
    let flow = named(&ctx)?;
    LOOK.require(&ctx, flow.kind)?;
    answer(&flow)
}

fn answer(flow: &Flow) -> Answer {
    ok(&view(&flow.compiled.workflow, &flow.details, Drawn::Whole))
}

async fn create(ctx: Ctx, body: ChatflowBody) -> Answer {
    let body = body.read();
    let kind = body.kind()?.unwrap_or(FlowKind::Chatflow);
    CREATE.require(&ctx, kind)?;
    let name = body
        .name()?
        .ok_or_else(|| Problem::invalid("`name` is missing."))?;
    require_name_within_reach(&ctx, name)?;
    let definition = body
        .definition(kind)?
        .ok_or_else(|| Problem::invalid("`flowData` is missing."))?;
    let draft = WorkflowDraft {
        status: Some(WorkflowStatus::Active),
        beside: Some(beside(body.details(ChatflowDetails::default())?)),
        ..WorkflowDraft::new(name.to_owned(), None, definition)
    };
    let workflows = ctx.api().engine.workflows();
    let made = workflows.create(draft, ctx.editor()).await?;
    saved(&ctx, &made)
}

fn beside(details: ChatflowDetails) -> Beside {
    Beside::Flow(Box::new(details))
}

fn saved(ctx: &Ctx, made: &CompiledWorkflow) -> Answer {
    answer(&find(ctx.api(), made.workflow.id.as_str(), &Reach::All)?)
}

async fn update(ctx: Ctx, body: ChatflowBody) -> Answer {
    let flow = named(&ctx)?;
    UPDATE.require(&ctx, flow.kind)?;
    let body = body.read();
    let kind = body.kind()?.unwrap_or(flow.kind);
    UPDATE.require(&ctx, kind)?;
    if let Some(name) = body.name()?
        && matches!(ctx.key().reach(), Reach::Prefix(_))
    {
        require_name_within_reach(&ctx, name)?;
    }
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        let kept = ctx.api().store.chatflow(now.sequence)?.unwrap_or_default();
        let drawn = || definition(kind, flow_data(&now.definition).unwrap_or_default());
        Ok(WorkflowDraft {
            name: body.name()?.unwrap_or(&now.name).to_owned(),
            definition: body.definition(kind)?.unwrap_or_else(drawn),
            beside: Some(beside(body.details(kept)?)),
            ..WorkflowDraft::of(now)
        })
    };
    let workflows = ctx.api().engine.workflows();
    let edited = workflows
        .edit(flow.id(), draft, None, None, ctx.editor())
        .await?;
    saved(&ctx, &edited)
}

async fn delete(ctx: Ctx) -> Answer {
    let flow = named(&ctx)?;
    DELETE.require(&ctx, flow.kind)?;
    ctx.api()
        .engine
        .workflows()
        .purge(flow.id(), ctx.editor())
        .await?;
    ok(&RemovedView::of(1))
}

async fn has_changed(ctx: Ctx) -> Answer {
    let flow = named(&ctx)?;
    LOOK.require(&ctx, flow.kind)?;
    ok(&ChangedView {
        has_changed: iso_utc(flow.compiled.workflow.updated_at_ms) != ctx.text(1),
    })
}

async fn of_key(visit: Arc<Visit>) -> Answer {
    within_address_limit(&visit, AddressCategory::Read)?;
    let key = match recognised(&visit, visit.parameter(0)).await {
        Ok(key) => key,
        Err(Problem::Unauthorized(crate::auth::Refusal::Throttled { retry_after_s })) => {
            return Err(Problem::Unauthorized(crate::auth::Refusal::Throttled {
                retry_after_s,
            }));
        }
        Err(_) => {
            let mut refused = text(StatusCode::UNAUTHORIZED, "Unauthorized");
            let challenge = HeaderValue::from_static("Bearer realm=\"flowlatch\"");
            refused
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
            return Ok(refused);
        }
    };
    let filter = ChatflowFilter {
        kinds: vec![FlowKind::Chatflow, FlowKind::Agentflow],
        api_key: Some(key.id().clone()),
        reach: Reach::All,
    };
    let mut found = visit.api.store.list_chatflows(filter).await?;
    if found.is_empty() {
        return Err(worded(
            StatusCode::NOT_FOUND,
            "Chatflow not found in the database!",
        ));
    }
    found.sort_by(|one, other| one.workflow.name.cmp(&other.workflow.name));
    let told: Vec<ChatflowView<'_>> = found
        .iter()
        .map(|flow| told(flow, Drawn::Scrubbed))
        .collect();
    ok(&told)
}
