//! What a step sees of its workflow's secrets and of the links of its run's approvals. May not know how they are kept or
//! signed. Promise: what was seen is known to the attempt's redactor, and a secret that cannot be had fails the attempt:
//! nothing is sent with an empty one.

use super::Execution;
use crate::engine::redact::Redactor;
use crate::model::plan::{Activation, FrameId};
use crate::model::run::StepError;
use crate::model::template::SecretName;
use crate::secret::SecretText;
use serde_json::Value;
use std::cell::RefCell;
use std::sync::Arc;

impl Execution {
    /// The step's configuration with its templates replaced, secrets among them.
    pub(super) fn config_with_secrets(
        &self,
        step: Activation,
        now_ms: i64,
        redactor: &Redactor,
    ) -> Result<Value, StepError> {
        let plan = &self.definition.plan;
        let template = &plan.nodes[step.node].config;
        if template.secret_references().is_empty() {
            return self.config_of(step, now_ms);
        }
        let missed = RefCell::new(None);
        let secret = |secret: &SecretName| match secret {
            SecretName::ApprovalLink(id) => self.approval_link(step.frame, id, redactor),
            SecretName::OfWorkflow(name) => match self.secret(name) {
                Ok(value) => {
                    redactor.learn(value.expose());
                    Some(value.expose().to_owned())
                }
                Err(error) => {
                    missed.replace(Some(error));
                    None
                }
            },
        };
        let loops = self.state.loops_around(plan, step.frame);
        let rendered = self.render(template, step.frame, &loops, &secret, now_ms);
        missed.take().map_or(rendered, Err)
    }

    /// The link of the approval with this id, as steps of the frame see it; nothing where there is no such step.
    fn approval_link(&self, frame: FrameId, id: &str, redactor: &Redactor) -> Option<String> {
        let plan = &self.definition.plan;
        let node = plan.index_of(id)?;
        let name = self.state.name_of(plan, Activation { frame, node });
        let (run, links) = (&self.run.summary.id, &self.shared.links);
        let url = links.url(run, &name);
        // Not its parts: the run's id stands in what everybody may read.
        redactor.learn_exactly(&url);
        redactor.learn_exactly(&links.token(run, &name));
        Some(url)
    }

    fn secret(&self, name: &str) -> Result<Arc<SecretText>, StepError> {
        let workflow = &self.run.summary.workflow_id;
        match self.shared.secrets.value(workflow, name) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(StepError::fatal(
                "SECRET_MISSING",
                format!("the workflow has no secret `{name}` any more"),
            )),
            Err(error) => {
                log::error!("workflow {workflow}: {error}");
                let message =
                    format!("the secret `{name}` cannot be read; the server's log has the cause");
                Err(StepError::transient("INTERNAL", message))
            }
        }
    }
}
