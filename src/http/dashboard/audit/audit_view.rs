//! A row of the audit log as its page shows it. May not know how rows are found. Promise: what may be long is cut, so that a
//! page stays small.

use crate::clock::iso_utc;
use crate::engine::redact::cut;
use crate::http::visit::Ctx;
use crate::model::audit::AuditRow;

/// So many characters of what else there is to know are shown.
const MAX_DETAIL_CHARS: usize = 600;

/// One row.
pub(super) struct RowView {
    pub(super) sequence: i64,
    pub(super) at: String,
    pub(super) actor: Named,
    pub(super) action: String,
    pub(super) target: Option<Named>,
    pub(super) address: Option<String>,
    pub(super) result: String,
    pub(super) detail: String,
    pub(super) hash: String,
    /// Whether it is an alert.
    pub(super) is_alert: bool,
}

/// Somebody or something: as it stands in the log, and the name of the key that it is.
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: Option<String>,
}

/// The view of a row.
pub(super) fn view(ctx: &Ctx, row: AuditRow) -> RowView {
    RowView {
        sequence: row.sequence,
        at: iso_utc(row.at_ms),
        actor: named(ctx, row.actor),
        is_alert: row.action.starts_with("alert."),
        action: row.action,
        target: row.target.map(|target| named(ctx, target)),
        address: row.address,
        result: row.result,
        detail: cut(&row.detail.to_string(), MAX_DETAIL_CHARS),
        hash: row.hash,
    }
}

fn named(ctx: &Ctx, id: String) -> Named {
    let key = id.parse().ok();
    let key = key.and_then(|key| ctx.api().keyring.get(ctx.key(), &key));
    Named {
        name: key.map(|key| key.name),
        id,
    }
}
