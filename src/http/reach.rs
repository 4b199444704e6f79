//! Which workflows a key reaches. May not know any door. Promise: what a key does not reach is not there for it.

use super::problem::Problem;
use super::visit::Ctx;
use crate::engine::{CompiledWorkflow, Editor};
use crate::id::WorkflowId;
use crate::model::workflow::Reach;
use std::sync::Arc;

/// The workflow that the path names, if the key reaches it.
pub(super) fn reachable(ctx: &Ctx) -> Result<Arc<CompiledWorkflow>, Problem> {
    let id: WorkflowId = ctx.id(0, "workflow")?;
    reachable_by(ctx, &id)
}

/// The workflow with this id, if the key reaches it.
pub(super) fn reachable_by(ctx: &Ctx, id: &WorkflowId) -> Result<Arc<CompiledWorkflow>, Problem> {
    let compiled = ctx.api().engine.workflows().get(id)?;
    compiled
        .filter(|compiled| ctx.key().reach().covers(id, &compiled.workflow.name))
        .ok_or(Problem::NotFound("workflow"))
}

/// A key that is bound to workflows may name only such.
pub(super) fn require_name_within_reach(ctx: &Ctx, name: &str) -> Result<(), Problem> {
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

/// The key that asks, as one that changes workflows.
pub(super) fn editor(ctx: &Ctx) -> Editor<'_> {
    Editor {
        label: ctx.key().label(),
        reach: ctx.key().reach(),
    }
}
