//! What templates name beside their own values: steps, and what is secret. May not know how a path is written down.

use std::fmt;

/// A step that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReference {
    /// Where: a JSON pointer inside the template's source.
    pub pointer: String,
    /// The step's id.
    pub step: String,
}

/// What only steps that call outside may be given. Shown as a template writes it: `secrets.API_KEY`, `approvals.pay.url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretName {
    /// The secret of the workflow with this name.
    OfWorkflow(String),
    /// The link that answers the approval with this step id: whoever has it needs no key.
    ApprovalLink(String),
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretName::OfWorkflow(name) => write!(f, "secrets.{name}"),
            SecretName::ApprovalLink(step) => write!(f, "approvals.{step}.url"),
        }
    }
}

/// A secret that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// Where: a JSON pointer inside the template's source.
    pub pointer: String,
    /// Which one.
    pub secret: SecretName,
}
