//! `/feedback` and `/leads`: what people leave with the widget of a flow.
//! Promise: who may ask a flow may leave something with it, and read nothing of what others left.

use super::chatflows::TAG;
use super::entry::{asks, enter, enter_flow};
use super::flows::named;
use super::{Answer, about, ok, worded};
use crate::clock::iso_utc;
use crate::http::body;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::id::{ChatMessageId, FeedbackId, LeadId, WorkflowId};
use crate::model::chatflow::{Feedback, Lead, Rating};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::store::Edit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json as example;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const VIEW: Access = Access::NeedsOneOf(
    &[Permission::ChatflowsView, Permission::AgentflowsView],
    Category::Read,
);
/// The longest text that is kept, in characters.
const MAX_CHARS: usize = 10_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let (door, needs) = (Door::Flowise, asks(Category::Write));
    vec![
        Endpoint::unless_open(door, Method::POST, "/api/v1/feedback/:id", needs, rate).described(
            about(TAG, "Say what one thinks of a message")
                .says("In place of what was said of it before.")
                .path::<WorkflowId>()
                .body::<FeedbackBody>(example!({
                    "chatId": "a-chat", "messageId": "0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5", "rating": "THUMBS_UP", "content": ""
                }))
                .gives_bare::<FeedbackView>(200),
        ),
        Endpoint::unless_open(door, Method::POST, "/api/v1/leads", needs, leave).described(
            about(TAG, "Leave a name or an address")
                .body::<LeadBody>(example!({ "chatflowid": "0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5", "email": "ada@example.com" }))
                .gives_bare::<LeadView>(200)
                .may(404, "There is no such flow."),
        ),
        Endpoint::new(door, Method::GET, "/api/v1/leads/:id", VIEW, |guard| guard.then(leads)).described(
            about(TAG, "Who has left a name or an address with a flow")
                .path::<WorkflowId>()
                .gives_bare::<Vec<LeadView>>(200),
        ),
    ]
}

/// What somebody thinks of a message.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FeedbackBody")]
struct FeedbackBody {
    /// The conversation.
    chat_id: Option<String>,
    /// The message.
    message_id: Option<String>,
    /// Good or not.
    rating: Option<Rating>,
    /// In their own words.
    content: Option<String>,
}

/// What somebody thought of a message.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Feedback")]
struct FeedbackView {
    /// A UUID.
    id: FeedbackId,
    /// The flow.
    chatflowid: WorkflowId,
    /// The conversation.
    chat_id: String,
    /// The message.
    message_id: ChatMessageId,
    /// Good or not.
    rating: Rating,
    /// In their own words.
    content: String,
    /// When it was said first.
    #[schemars(extend("format" = "date-time"))]
    created_date: String,
}

/// How somebody is reached.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "LeadBody")]
struct LeadBody {
    /// The flow.
    chatflowid: Option<String>,
    /// The conversation.
    chat_id: Option<String>,
    /// What they are called.
    name: Option<String>,
    /// Where mail reaches them.
    email: Option<String>,
    /// Where calls reach them.
    phone: Option<String>,
}

/// Who has left a name or an address.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Lead")]
struct LeadView {
    /// A UUID.
    id: LeadId,
    /// The flow.
    chatflowid: WorkflowId,
    /// The conversation.
    chat_id: String,
    /// What they are called.
    name: Option<String>,
    /// Where mail reaches them.
    email: Option<String>,
    /// Where calls reach them.
    phone: Option<String>,
    /// When they left it.
    #[schemars(extend("format" = "date-time"))]
    created_date: String,
}

async fn rate(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, _) = enter(&visit, access).await?;
    let body: FeedbackBody = body::read_json(&visit, usize::MAX).await?;
    let bad = |message: &str| worded(StatusCode::BAD_REQUEST, message);
    let named = body.message_id.filter(|id| !id.is_empty());
    let named = named.ok_or_else(|| bad("Message ID is required"))?;
    let unknown = || {
        worded(
            StatusCode::NOT_FOUND,
            format!("Message with ID {named} not found"),
        )
    };
    let message: ChatMessageId = named.parse().map_err(|_| unknown())?;
    let content = body.content.unwrap_or_default();
    require_short("content", &content)?;
    let feedback = Feedback {
        id: FeedbackId::generate(),
        message,
        chat_id: body.chat_id.ok_or_else(|| bad("Chat ID is required"))?,
        rating: body.rating.ok_or_else(|| bad("Rating is required"))?,
        content,
        created_at_ms: visit.api.clock.now_ms(),
    };
    let workflow = flow.compiled.workflow.sequence;
    match visit.api.store.save_feedback(workflow, feedback).await? {
        Edit::Done(saved) => ok(&FeedbackView {
            id: saved.id,
            chatflowid: flow.id().clone(),
            chat_id: saved.chat_id,
            message_id: saved.message,
            rating: saved.rating,
            content: saved.content,
            created_date: iso_utc(saved.created_at_ms),
        }),
        Edit::NotFound => Err(unknown()),
        // The conversation's name is what opens it: it is not told.
        Edit::Conflict(_) => Err(bad("Inconsistent chat ID: the message is of another chat")),
    }
}

fn require_short(name: &str, text: &str) -> Result<(), Problem> {
    if text.chars().count() > MAX_CHARS {
        let message = format!("`{name}` has {MAX_CHARS} characters at most.");
        return Err(Problem::invalid(message));
    }
    Ok(())
}

async fn leave(visit: Arc<Visit>, access: Access) -> Answer {
    // The flow stands in the body, so that is read first, within the size of such a form.
    let body: LeadBody = body::read_json(&visit, 64 << 10).await?;
    let named = body.chatflowid.unwrap_or_default();
    let (flow, _) = enter_flow(&visit, access, &named).await?;
    let texts = [&body.chat_id, &body.name, &body.email, &body.phone];
    for text in texts.into_iter().flatten() {
        require_short("name, email, phone or chatId", text)?;
    }
    let lead = Lead {
        id: LeadId::generate(),
        chat_id: body
            .chat_id
            .unwrap_or_else(|| ChatMessageId::generate().to_string()),
        name: body.name,
        email: body.email,
        phone: body.phone,
        created_at_ms: visit.api.clock.now_ms(),
    };
    let workflow = flow.compiled.workflow.sequence;
    visit.api.store.add_lead(workflow, lead.clone()).await?;
    ok(&lead_view(flow.id(), lead))
}

fn lead_view(flow: &WorkflowId, lead: Lead) -> LeadView {
    LeadView {
        id: lead.id,
        chatflowid: flow.clone(),
        chat_id: lead.chat_id,
        name: lead.name,
        email: lead.email,
        phone: lead.phone,
        created_date: iso_utc(lead.created_at_ms),
    }
}

async fn leads(ctx: Ctx) -> Answer {
    let flow = named(&ctx)?;
    super::chatflows::LIST.require(&ctx, flow.kind)?;
    let found = ctx
        .api()
        .store
        .leads(flow.compiled.workflow.sequence)
        .await?;
    let told = found.into_iter().map(|lead| lead_view(flow.id(), lead));
    ok(&told.collect::<Vec<_>>())
}
