//! `/stats/:id`: how much was said in the chats with a flow, and what was thought of it.

use super::chat_messages::ListQuery;
use super::chatflows::TAG;
use super::flows::named;
use super::{Answer, about, ok};
use crate::http::body::query;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let view = Access::Needs(Permission::ExecutionsView, Category::Read);
    vec![
        Endpoint::new(
            Door::Flowise,
            Method::GET,
            "/api/v1/stats/:id",
            view,
            |guard| query(guard).then(stats),
        )
        .described(
            about(TAG, "How much was said to a flow and by it")
                .says("Of the messages that the same query lists.")
                .path::<WorkflowId>()
                .query::<ListQuery>()
                .gives_bare::<StatsView>(200),
        ),
    ]
}

/// How much was said.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ChatStats")]
struct StatsView {
    /// How many messages there are.
    total_messages: u64,
    /// In how many sessions.
    total_sessions: u64,
    /// Of how many somebody has said what they thought.
    total_feedback: u64,
    /// Of how many they thought well.
    positive_feedback: u64,
}

async fn stats(ctx: Ctx, asked: ListQuery) -> Answer {
    let flow = named(&ctx)?;
    let (workflow, filter) = (flow.compiled.workflow.sequence, asked.filter()?);
    let found = ctx.api().store.chat_stats(workflow, filter).await?;
    ok(&StatsView {
        total_messages: found.messages,
        total_sessions: found.sessions,
        total_feedback: found.rated,
        positive_feedback: found.rated_well,
    })
}
