//! Who changes workflows. May not know what is changed, or what anybody may do.

use crate::model::audit::ChangedBy;
use crate::model::workflow::Reach;
use std::net::IpAddr;

/// Who saves a definition or changes a workflow.
#[derive(Debug, Clone, Copy)]
pub struct Editor<'a> {
    /// A key's public id, or `control`.
    pub label: &'a str,
    /// From where; `None` for who is on the server's own machine.
    pub address: Option<IpAddr>,
    /// The workflows that are open to them.
    pub reach: &'a Reach,
}

impl Editor<'_> {
    /// The same, for the audit log.
    pub(super) fn changed_by(&self) -> ChangedBy {
        match self.address {
            Some(address) => ChangedBy {
                actor: self.label.to_owned(),
                address: address.to_string(),
            },
            None => ChangedBy::local(self.label),
        }
    }
}
