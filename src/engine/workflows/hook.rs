//! Webhook ids of graphs. May not know requests. Promise: one webhook id leads to one workflow, and none takes the place
//! of another's own id.

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
    let hooked = store.graph_behind_webhook(&hook.id)?;
    let is_others = hooked.is_some_and(|(other, _)| other != *id);
    // A workflow is found by its own id too.
    let is_their_id = match hook.id.parse::<WorkflowId>() {
        Ok(other) if other != *id => store.workflow(&other)?.is_some(),
        _ => false,
    };
    if is_others || is_their_id {
        return Err(WorkflowProblem::Conflict(format!(
            "the webhook id `{}` is another workflow's; choose another, or leave it out",
            hook.id
        )));
    }
    Ok(())
}
