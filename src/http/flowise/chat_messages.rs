//! `/chatmessage/:id`: what was said in the chats with a flow, listed and deleted.
//! Promise: who may not view executions reads nothing of what they were asked, and a key reads only what its flows were asked.

use super::chatflows::TAG;
use super::flows::named;
use super::paging::Paging;
use super::{Answer, RemovedView, about, ok};
use crate::clock::{iso_utc, parse_iso};
use crate::http::body::query;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{ChatMessageId, RunId, WorkflowId};
use crate::model::chatflow::{ChatMessage, ChatRole, ChatType, MessageFilter, Rating};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warp::Filter as _;
use warp::http::Method;

/// A list has so many messages at most.
const MAX_LISTED: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ALL: &str = "/api/v1/chatmessage/:id";
    let view = Access::Needs(Permission::ExecutionsView, Category::Read);
    let remove = Access::Needs(Permission::ExecutionsDelete, Category::Write);
    vec![
        Endpoint::new(Door::Flowise, Method::GET, ALL, view, |guard| {
            query(guard).then(list)
        })
        .described(
            about(TAG, "List what was said to a flow and by it")
                .says(
                    "Oldest first, or newest first with `order=DESC`. With `page` and `limit` (up to 1000) one page, else the \
                     newest 1000.",
                )
                .path::<WorkflowId>()
                .query::<ListQuery>()
                .gives_bare::<Vec<MessageView<'_>>>(200)
                .may(412, "`page` or `limit` is negative."),
        ),
        Endpoint::new(Door::Flowise, Method::DELETE, ALL, remove, |guard| {
            query(guard).then(delete)
        })
        .described(
            about(TAG, "Delete what was said to a flow and by it")
                .says("All of it, or what is of one conversation or one session.")
                .path::<WorkflowId>()
                .query::<DeleteQuery>()
                .gives_bare::<RemovedView>(200),
        ),
    ]
}

/// Which messages to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatMessageQuery")]
pub(super) struct ListQuery {
    /// Only those that came by this way: `INTERNAL`, `EXTERNAL`, `SCHEDULED` or `WEBHOOK`; several as a list in JSON.
    chat_type: Option<String>,
    /// `ASC`, oldest first, or `DESC`.
    order: Option<String>,
    /// Only of this conversation.
    chat_id: Option<String>,
    /// Only of this session.
    session_id: Option<String>,
    /// Only this one.
    message_id: Option<String>,
    /// Only from this moment on, in ISO 8601.
    start_date: Option<String>,
    /// Only up to this moment.
    end_date: Option<String>,
    /// Only those that were rated so: `THUMBS_UP` or `THUMBS_DOWN`.
    feedback_type: Option<String>,
    /// Which page, from 1; the newest 1000 messages without it.
    page: Option<i64>,
    /// How many a page, up to 1000.
    limit: Option<i64>,
}

/// Which messages to delete.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatMessageRemovalQuery")]
struct DeleteQuery {
    /// Only of this conversation.
    chat_id: Option<String>,
    /// Only of this session.
    session_id: Option<String>,
}

/// A message of a chat.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatMessage")]
struct MessageView<'a> {
    /// A UUID.
    id: &'a ChatMessageId,
    /// Who it is from.
    role: ChatRole,
    /// The flow's id.
    chatflowid: &'a WorkflowId,
    /// The execution that it came of, which may be gone.
    execution_id: Option<&'a RunId>,
    /// Its text.
    content: &'a str,
    /// By which way it came.
    chat_type: ChatType,
    /// The conversation.
    chat_id: &'a str,
    /// What the flow remembers by.
    session_id: &'a str,
    /// ISO 8601, in UTC.
    created_date: String,
    /// Who asked, where a widget has found out.
    lead_email: Option<&'a str>,
    /// `fileUploads`, `usedTools`, `action` and others, where there are any.
    #[serde(flatten)]
    more: &'a Map<String, Value>,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let flow = named(&ctx)?;
    let paging = Paging::read(asked.page, asked.limit)?;
    let paging = paging.map(|page| page.at_most(MAX_LISTED)).transpose()?;
    let (store, workflow) = (&ctx.api().store, flow.compiled.workflow.sequence);
    let mut filter = asked.filter()?;
    let is_descending = filter.is_descending;
    let (skipped, limit) = match &paging {
        Some(paging) => (paging.skipped, paging.limit),
        None => (0, MAX_LISTED),
    };
    // Of all, the newest are those that are wanted, in whatever order.
    filter.is_descending |= paging.is_none();
    let is_turned = filter.is_descending != is_descending;
    let mut found = store
        .chat_messages(workflow, filter, skipped, limit)
        .await?;
    if is_turned {
        found.reverse();
    }
    let told: Vec<Value> = found.iter().map(|one| told(flow.id(), one)).collect();
    ok(&told)
}

fn told(flow: &WorkflowId, message: &ChatMessage) -> Value {
    let view = MessageView {
        id: &message.id,
        role: message.role,
        chatflowid: flow,
        execution_id: message.execution.as_ref(),
        content: &message.content,
        chat_type: message.chat_type,
        chat_id: &message.chat_id,
        session_id: &message.session_id,
        created_date: iso_utc(message.created_at_ms),
        lead_email: message.lead_email.as_deref(),
        more: &message.more,
    };
    serde_json::to_value(view).unwrap_or_default()
}

async fn delete(ctx: Ctx, asked: DeleteQuery) -> Answer {
    let flow = named(&ctx)?;
    let store = &ctx.api().store;
    let removed = store
        .remove_chat_messages(
            flow.compiled.workflow.sequence,
            asked.chat_id,
            asked.session_id,
        )
        .await?;
    ok(&RemovedView::of(removed))
}

impl ListQuery {
    pub(super) fn filter(self) -> Result<MessageFilter, Problem> {
        let rating = self
            .feedback_type
            .map(|text| Rating::parse(&text).ok_or_else(|| no("feedbackType", &text)));
        Ok(MessageFilter {
            chat_id: self.chat_id,
            session_id: self.session_id,
            message: self.message_id,
            chat_types: self.chat_type.map_or_else(|| Ok(Vec::new()), types)?,
            from_ms: moment("startDate", self.start_date)?,
            until_ms: moment("endDate", self.end_date)?,
            rating: rating.transpose()?,
            is_descending: self.order.as_deref() == Some("DESC"),
        })
    }
}

/// The moment that a parameter says.
pub(super) fn moment(name: &str, text: Option<String>) -> Result<Option<i64>, Problem> {
    let moment = text.map(|text| parse_iso(&text).ok_or_else(|| no(name, &text)));
    moment.transpose()
}

/// One type, or a list in JSON, as Flowise's own pages send it.
fn types(text: String) -> Result<Vec<ChatType>, Problem> {
    let words = serde_json::from_str(&text).unwrap_or_else(|_| vec![text]);
    let read = |word: String| ChatType::parse(&word).ok_or_else(|| no("chatType", &word));
    words.into_iter().map(read).collect()
}

fn no(name: &str, text: &str) -> Problem {
    let shown: String = text.chars().take(40).collect();
    Problem::invalid(format!("`{name}` cannot be `{shown}`."))
}
