//! Webhook ids of graphs. May not know requests. Promise: one webhook id leads to one workflow.

use super::WorkflowProblem;
use crate::id::WorkflowId;
use crate::model::trigger::HookTrigger;
use crate::store::Store;

/// Refuses a webhook id that is another workflow's. For who holds the turn of edits.
pub(super) fn require_free(
    store: &Store,
    id: &WorkflowId,
    hook: &HookTrigger,
) -> Result<(), WorkflowProblem> {
    match store.graph_behind_webhook(&hook.id)? {
        Some((other, _)) if other != *id => Err(WorkflowProblem::Conflict(format!(
            "the webhook id `{}` is another workflow's; choose another, or leave it out",
            hook.id
        ))),
        _ => Ok(()),
    }
}
