//! What a webhook trigger still lacks before its workflow may be active, and whose path it may not share. May not know
//! requests. Promises: an active workflow that asks for signatures has a secret to check them with; of the workflows behind
//! one path all check signatures or none does, so that nobody gets what was sent to another by asking for less; and no
//! bound key leads its workflow to a path of one that it does not reach.

use super::{MAX_SHARING, trigger_of};
use crate::engine::workflows::{CompiledDefinition, Editor, WorkflowProblem, Workflows};
use crate::id::WorkflowId;
use crate::model::plan::DefinitionProblem;
use crate::model::trigger::Trigger;
use crate::model::trigger::webhook::WebhookTrigger;
use crate::model::workflow::{Workflow, WorkflowStatus};
use crate::store::{Store, StoreError};

/// Refuses a definition whose trigger could not take requests, with every reason, and one that would get those of others.
/// `workflow` is as it stands before.
pub(in crate::engine) fn require_ready(
    store: &Store,
    workflows: &Workflows,
    workflow: &Workflow,
    definition: &CompiledDefinition,
    by: Editor<'_>,
) -> Result<(), WorkflowProblem> {
    let Trigger::Webhook(trigger) = &definition.plan.trigger else {
        return Ok(());
    };
    let mut problems: Vec<DefinitionProblem> = trigger.missing().into_iter().collect();
    problems.extend(unset_secret(store, workflow, trigger)?);
    problems.extend(crowded_path(store, &workflow.id, trigger)?);
    if !problems.is_empty() {
        return Err(WorkflowProblem::Invalid(problems));
    }
    require_own_path(store, workflows, workflow, trigger, by)
}

fn require_own_path(
    store: &Store,
    workflows: &Workflows,
    workflow: &Workflow,
    trigger: &WebhookTrigger,
    by: Editor<'_>,
) -> Result<(), WorkflowProblem> {
    let Some(path) = trigger.path.as_deref() else {
        return Ok(());
    };
    let conflict = |message: String| Err(WorkflowProblem::Conflict(message));
    if let Ok(id) = path.parse::<WorkflowId>()
        && id != workflow.id
        && workflows.get(&id)?.is_some()
    {
        return conflict(format!(
            "`trigger.path` is the id of another workflow, under which that one takes requests; use another than `{path}`"
        ));
    }
    let name = trigger.provider.name;
    let is_held = workflow.status == WorkflowStatus::Active
        && WebhookTrigger::of(&workflow.definition.body).is_some_and(|held| {
            held.provider == trigger.provider && held.path.as_deref() == Some(path)
        });
    for id in store.webhook_workflows(name, path, MAX_SHARING)? {
        let Some(other) = workflows.get(&id)?.filter(|_| id != workflow.id) else {
            continue;
        };
        if !is_held && !by.reach.covers(&id, &other.workflow.name) {
            return conflict(format!(
                "the path `{path}` of `{name}` belongs to a workflow that this key does not reach; use another"
            ));
        }
        let is_signed = trigger_of(&other).is_some_and(|other| other.must_be_signed);
        if is_signed != trigger.must_be_signed {
            let (theirs, own) = match is_signed {
                true => ("checks signatures", "would not"),
                false => ("lets unsigned requests in", "checks signatures"),
            };
            return conflict(format!(
                "an active workflow behind the path `{path}` of `{name}` {theirs}, and this one {own}; all that share a path do the \
                 same: use another path, or change `verifySignature` or `verify`"
            ));
        }
    }
    Ok(())
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
