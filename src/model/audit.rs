//! What the audit log says: one row for each change that somebody makes, and folded rows for refusals.
//! May not know how rows are stored or chained.

use serde::Serialize;
use serde_json::Value;

/// Who makes a change that the audit log has a row for, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedBy {
    /// A key's public id, `control` or `dashboard`.
    pub actor: String,
    /// The peer's address; for who is on the server's own machine the actor's word again.
    pub address: String,
}

impl ChangedBy {
    /// Somebody on the server's own machine.
    pub fn local(actor: &str) -> ChangedBy {
        ChangedBy {
            actor: actor.to_owned(),
            address: actor.to_owned(),
        }
    }

    /// The row of a change that was made.
    pub fn entry(
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

/// A row to be written. The store adds its number and its place in the hash chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Who: a key's id, `control` for the owner of the data folder, `anonymous` for nobody, `server` for what it noticed itself.
    pub actor: String,
    /// What: `key.created`, `key.imported`, `key.updated`, `key.disabled`, `key.enabled`, `key.rotated`, `key.activated`, `key.revoked`, `workflow.updated`, `variable.deleted`, `request.refused`, `alert.burst` …
    pub action: &'static str,
    /// On what: the id of the key or of what else was changed, or the path's pattern.
    pub target: Option<String>,
    /// From where: the peer's address, or the network of folded refusals.
    pub address: Option<String>,
    /// `ok`, or why it was refused.
    pub result: String,
    /// Particulars; never a secret.
    pub detail: Value,
}

/// A row as it is read back.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRow {
    /// The row's number, rising by one.
    pub sequence: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Who, as in [`AuditEntry::actor`].
    pub actor: String,
    /// What, as in [`AuditEntry::action`].
    pub action: String,
    /// On what.
    pub target: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// `ok`, or why it was refused.
    pub result: String,
    /// Particulars.
    pub detail: Value,
    /// BLAKE3 over the former row's hash and this row, in hexadecimal.
    pub hash: String,
}

/// Which rows are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditFilter {
    /// Only this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only this result.
    pub result: Option<String>,
    /// Only rows with a smaller number.
    pub before: Option<i64>,
}

/// Which rows are wanted, for who looks around in the log: of each only what was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AuditSearch {
    /// Only this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only this result.
    pub result: Option<String>,
    /// Only what this key did, or what was done to it.
    pub key: Option<String>,
    /// Only from this moment on, in milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Only before this moment.
    pub to_ms: Option<i64>,
    /// Only after this place in the list: the moment and the number of its row.
    pub after: Option<(i64, i64)>,
}

impl AuditSearch {
    /// Whether a row is wanted; its place in the list is not asked for.
    pub fn fits(&self, row: &AuditRow) -> bool {
        let is = |wanted: &Option<String>, word: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == word)
        };
        let is_keys = self
            .key
            .as_deref()
            .is_none_or(|key| row.actor == key || row.target.as_deref() == Some(key));
        is(&self.actor, &row.actor)
            && is(&self.action, &row.action)
            && is(&self.result, &row.result)
            && is_keys
            && self.from_ms.is_none_or(|from_ms| row.at_ms >= from_ms)
            && self.to_ms.is_none_or(|to_ms| row.at_ms < to_ms)
    }
}

/// What checking the hash chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainCheck {
    /// Every row follows from the one before it.
    Intact {
        /// How many rows were checked.
        rows: u64,
    },
    /// The row with this number does not follow from the one before it.
    Broken {
        /// The first row that does not fit.
        sequence: i64,
    },
}
