//! Who changes something that the audit log has a row for. May not know what is changed.

use crate::model::audit::AuditEntry;
use serde_json::Value;

/// Who, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedBy {
    /// A key's public id, or `control`.
    pub actor: String,
    /// The peer's address, or `control`.
    pub address: String,
}

impl ChangedBy {
    pub(super) fn entry(
        &self,
        at_ms: i64,
        action: &'static str,
        target: &str,
        detail: Value,
    ) -> AuditEntry {
        AuditEntry {
            at_ms,
            actor: self.actor.clone(),
            action,
            target: Some(target.to_owned()),
            address: Some(self.address.clone()),
            result: "ok".to_owned(),
            detail,
        }
    }
}
