//! Flows as this door finds them, and which permissions are needed for which type of flow.
//! May not know what is done with them. Promise: a flow that the caller does not reach is not there for it.

use super::worded;
use crate::engine::CompiledWorkflow;
use crate::http::Api;
use crate::http::guard::forbidden;
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::id::WorkflowId;
use crate::model::chatflow::{ChatbotConfig, ChatflowDetails, kind_of};
use crate::model::flow::FlowKind;
use crate::model::scope::Permission;
use crate::model::workflow::{Reach, WorkflowStatus};
use std::sync::Arc;
use warp::http::StatusCode;

/// A flow and what is kept of it.
pub(super) struct Flow {
    pub(super) compiled: Arc<CompiledWorkflow>,
    pub(super) details: ChatflowDetails,
    pub(super) kind: FlowKind,
}

impl Flow {
    pub(super) fn id(&self) -> &WorkflowId {
        &self.compiled.workflow.id
    }

    /// How its widget looks, and from which pages it may be asked.
    pub(super) fn chatbot(&self) -> ChatbotConfig {
        ChatbotConfig::read(self.details.chatbot_config.as_deref())
    }

    pub(super) fn is_within(&self, reach: &Reach) -> bool {
        reach.covers(self.id(), &self.compiled.workflow.name)
    }
}

/// The flow that a path names.
pub(super) fn find(api: &Api, named: &str, reach: &Reach) -> Result<Flow, Problem> {
    let id: WorkflowId = match (uuid::Uuid::try_parse(named), named.parse()) {
        (Ok(_), Ok(id)) => id,
        _ => return Err(worded(StatusCode::BAD_REQUEST, "Invalid Chatflow ID")),
    };
    let compiled = api.engine.workflows().get(&id)?;
    let flow = compiled.and_then(|compiled| {
        let workflow = &compiled.workflow;
        let kind = kind_of(workflow).filter(|_| workflow.status != WorkflowStatus::Archived)?;
        Some((compiled, kind))
    });
    let (compiled, kind) = flow.ok_or_else(|| not_found(named))?;
    let details = api.store.chatflow(compiled.workflow.sequence)?;
    let flow = Flow {
        compiled,
        details: details.unwrap_or_default(),
        kind,
    };
    flow.is_within(reach)
        .then_some(flow)
        .ok_or_else(|| not_found(named))
}

/// Whether a request comes without any credential.
pub(super) fn is_anonymous(visit: &Visit) -> bool {
    visit.credential.is_none() && !visit.peer.control
}

/// The flow that the path's first parameter names, if the key reaches it.
pub(super) fn named(ctx: &Ctx) -> Result<Flow, Problem> {
    find(ctx.api(), ctx.text(0), ctx.key().reach())
}

pub(super) fn not_found(named: &str) -> Problem {
    worded(
        StatusCode::NOT_FOUND,
        format!("Chatflow {named} not found in the database!"),
    )
}

/// Of which permissions one is needed for a flow, by its type.
pub(super) struct Needed {
    pub(super) of_chatflows: &'static [Permission],
    pub(super) of_agentflows: &'static [Permission],
    /// Both together: with one of them a request is looked at.
    pub(super) either: &'static [Permission],
}

impl Needed {
    fn of(&self, kind: FlowKind) -> &'static [Permission] {
        match kind {
            FlowKind::Chatflow => self.of_chatflows,
            FlowKind::Agentflow => self.of_agentflows,
        }
    }

    /// Refuses a key that may not do this with flows of this type.
    pub(super) fn require(&self, ctx: &Ctx, kind: FlowKind) -> Result<(), Problem> {
        if self.holds(ctx, kind) {
            return Ok(());
        }
        Err(forbidden(ctx, self.of(kind)))
    }

    /// The types of flows with which a key may do this.
    pub(super) fn kinds(&self, ctx: &Ctx) -> Vec<FlowKind> {
        let mut kinds = vec![FlowKind::Chatflow, FlowKind::Agentflow];
        kinds.retain(|kind| self.holds(ctx, *kind));
        kinds
    }

    /// Whether a key may do this with flows of this type.
    pub(super) fn holds(&self, ctx: &Ctx, kind: FlowKind) -> bool {
        let mut needed = self.of(kind).iter();
        needed.any(|permission| ctx.key().may(*permission))
    }
}
