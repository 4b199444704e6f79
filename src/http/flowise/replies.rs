//! `/feedback` and `/leads`: what people leave with the widget of a flow.
//! Promises: who may ask a flow may leave something with it, and read nothing of what others left; what they leave has bounds.

use super::chatflows::TAG;
use super::entry::{asks, enter, enter_flow, nowhere};
use super::flows::named;
use super::paging::Paging;
use super::{Answer, about, ok, worded};
use crate::clock::iso_utc;
use crate::http::body::{self, query};
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
/// The longest text of feedback, in characters.
const MAX_FEEDBACK_CHARS: usize = 2_000;
/// The longest name, address or number, in characters.
const MAX_LEAD_CHARS: usize = 255;
/// A list has so many leads at most.
const MAX_LISTED: usize = 1_000;

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
        Endpoint::unless_open(door, Method::PUT, "/api/v1/feedback/:id", needs, rate_again).described(
            about(TAG, "Say something else of a message")
                .says("What is left out stays.")
                .path::<FeedbackId>()
                .body::<FeedbackChange>(example!({ "content": "Better than I thought" }))
                .gives_bare::<FeedbackView>(200)
                .may(404, "There is no such feedback."),
        ),
        Endpoint::unless_open(door, Method::POST, "/api/v1/leads", needs, leave).described(
            about(TAG, "Leave a name or an address")
                .body::<LeadBody>(example!({ "chatflowid": "0190a8f2-7c3e-7d11-9a40-5be1c2d3e4f5", "email": "ada@example.com" }))
                .gives_bare::<LeadView>(200)
                .may(404, "There is no such flow.")
                .may(507, "As many people have left one as the setting `max_leads` says."),
        ),
        Endpoint::new(door, Method::GET, "/api/v1/leads/:id", VIEW, |guard| query(guard).then(leads)).described(
            about(TAG, "Who has left a name or an address with a flow")
                .says("The newest 1000, oldest first. With `page` and `limit` (up to 1000) one page, newest first.")
                .path::<WorkflowId>()
                .query::<LeadQuery>()
                .gives_bare::<Vec<LeadView>>(200)
                .may(412, "`page` or `limit` is negative."),
        ),
    ]
}

/// What somebody thinks of a message.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FeedbackBody")]
struct FeedbackBody {
    /// The conversation.
    #[schemars(with = "String", required)]
    chat_id: Option<String>,
    /// The message.
    #[schemars(with = "String", required)]
    message_id: Option<String>,
    /// Good or not.
    #[schemars(with = "Rating", required)]
    rating: Option<Rating>,
    /// In their own words, 2000 characters at most.
    content: Option<String>,
}

/// What somebody thinks of a message by now.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FeedbackChange")]
struct FeedbackChange {
    /// Good or not.
    rating: Option<Rating>,
    /// In their own words.
    content: Option<String>,
}

/// Which leads to list.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "LeadQuery")]
struct LeadQuery {
    /// Which page, from 1.
    page: Option<i64>,
    /// How many a page, up to 1000.
    limit: Option<i64>,
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
    #[schemars(with = "String", required)]
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
    require_short("content", &content, MAX_FEEDBACK_CHARS)?;
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
        Edit::Done(saved) => ok(&feedback_view(flow.id(), saved)),
        Edit::NotFound => Err(unknown()),
        // The conversation's name is what opens it: it is not told.
        Edit::Conflict(_) => Err(bad("Inconsistent chat ID: the message is of another chat")),
    }
}

fn feedback_view(flow: &WorkflowId, saved: Feedback) -> FeedbackView {
    FeedbackView {
        id: saved.id,
        chatflowid: flow.clone(),
        chat_id: saved.chat_id,
        message_id: saved.message,
        rating: saved.rating,
        content: saved.content,
        created_date: iso_utc(saved.created_at_ms),
    }
}

/// Who holds the id of what was said may say something else, if they may ask the flow.
async fn rate_again(visit: Arc<Visit>, access: Access) -> Answer {
    let named = visit.parameter(0);
    let id: Option<FeedbackId> = named.parse().ok();
    let known = id.map(|id| visit.api.store.feedback(&id)).transpose()?;
    let unknown = || worded(StatusCode::NOT_FOUND, format!("Feedback {named} not found"));
    let Some((flow, before)) = known.flatten() else {
        return Err(nowhere(&visit, access, unknown()).await);
    };
    let (flow, _) = enter_flow(&visit, access, flow.as_str()).await?;
    let body: FeedbackChange = body::read_json(&visit, usize::MAX).await?;
    if let Some(content) = &body.content {
        require_short("content", content, MAX_FEEDBACK_CHARS)?;
    }
    let store = &visit.api.store;
    match store
        .change_feedback(before.id, body.rating, body.content)
        .await?
    {
        Edit::Done(saved) => ok(&feedback_view(flow.id(), saved)),
        Edit::NotFound | Edit::Conflict(_) => Err(unknown()),
    }
}

fn require_short(name: &str, text: &str, max_chars: usize) -> Result<(), Problem> {
    if text.chars().count() > max_chars {
        let message = format!("`{name}` has {max_chars} characters at most.");
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
        require_short("name, email, phone or chatId", text, MAX_LEAD_CHARS)?;
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
    let (store, bounds) = (&visit.api.store, visit.api.options.chat_bounds);
    match store.add_lead(workflow, lead.clone(), bounds).await? {
        Edit::Done(()) => ok(&lead_view(flow.id(), lead)),
        // What others have left is worth more than what comes in a flood.
        Edit::Conflict(_) | Edit::NotFound => Err(Problem::NoRoom(format!(
            "{} people have left an address with this flow, as many as may (setting `max_leads`).",
            bounds.max_leads
        ))),
    }
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

async fn leads(ctx: Ctx, asked: LeadQuery) -> Answer {
    let flow = named(&ctx)?;
    super::chatflows::LIST.require(&ctx, flow.kind)?;
    let paging = Paging::read(asked.page, asked.limit)?;
    let paging = paging.map(|page| page.at_most(MAX_LISTED)).transpose()?;
    let (skipped, limit) = match &paging {
        Some(paging) => (paging.skipped, paging.limit),
        None => (0, MAX_LISTED),
    };
    let store = &ctx.api().store;
    let workflow = flow.compiled.workflow.sequence;
    let mut found = store.leads(workflow, skipped, limit).await?;
    if paging.is_none() {
        found.reverse();
    }
    let told = found.into_iter().map(|lead| lead_view(flow.id(), lead));
    ok(&told.collect::<Vec<_>>())
}
