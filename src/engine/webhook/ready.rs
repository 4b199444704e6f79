//! What a webhook trigger still lacks before its workflow may be active. May not know requests. Promise: an active workflow
//! that asks for signatures has a secret to check them with.

use super::MAX_SHARING;
use crate::engine::workflows::{CompiledDefinition, WorkflowProblem};
use crate::id::WorkflowId;
use crate::model::plan::DefinitionProblem;
use crate::model::trigger::Trigger;
use crate::model::trigger::webhook::WebhookTrigger;
use crate::model::workflow::Workflow;
use crate::store::{Store, StoreError};

/// Refuses a definition whose trigger could not take requests, with every reason.
pub(in crate::engine) fn require_ready(
    store: &Store,
    workflow: &Workflow,
    definition: &CompiledDefinition,
) -> Result<(), WorkflowProblem> {
    let Trigger::Webhook(trigger) = &definition.plan.trigger else {
        return Ok(());
    };
    let mut problems: Vec<DefinitionProblem> = trigger.missing().into_iter().collect();
    problems.extend(unset_secret(store, workflow, trigger)?);
    problems.extend(crowded_path(store, &workflow.id, trigger)?);
    if problems.is_empty() {
        return Ok(());
    }
    Err(WorkflowProblem::Invalid(problems))
}

fn unset_secret(
    store: &Store,
    workflow: &Workflow,
    trigger: &WebhookTrigger,
) -> Result<Option<DefinitionProblem>, StoreError> {
    let Some(signature) = trigger
        .signature
        .as_ref()
        .filter(|_| trigger.must_be_signed)
    else {
        return Ok(None);
    };
    let name = signature.secret.as_str();
    let known = store.secrets_of(workflow.sequence)?;
    if known.iter().any(|secret| secret.name.as_str() == name) {
        return Ok(None);
    }
    Ok(Some(DefinitionProblem {
        place: "trigger.verify.secret".to_owned(),
        message: format!(
            "the workflow has no secret `{name}` yet: set it with POST /api/v1/workflows/{}/secrets",
            workflow.id
        ),
    }))
}

fn crowded_path(
    store: &Store,
    id: &WorkflowId,
    trigger: &WebhookTrigger,
) -> Result<Option<DefinitionProblem>, StoreError> {
    let Some(path) = &trigger.path else {
        return Ok(None);
    };
    let sharing = store.webhook_workflows(trigger.provider.name, path, MAX_SHARING)?;
    if sharing.len() < MAX_SHARING || sharing.contains(id) {
        return Ok(None);
    }
    Ok(Some(DefinitionProblem {
        place: "trigger.path".to_owned(),
        message: format!(
            "{MAX_SHARING} active workflows have the path `{path}` already, the most that may share one; use another"
        ),
    }))
}
