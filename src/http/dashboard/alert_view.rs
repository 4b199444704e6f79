//! An alert as pages show it. May not know how alerts are found. Promise: it is named in words, never by a colour alone.

use crate::clock::iso_utc;
use crate::http::visit::Ctx;
use crate::model::alert::{Alert, AlertKind};

/// One alert.
pub(super) struct AlertRow {
    /// When.
    pub(super) at: String,
    /// The key's id and name, where there is one.
    pub(super) key: Option<(String, String)>,
    /// Whether the key is still there.
    pub(super) has_page: bool,
    /// What it is, in a word or two.
    pub(super) mark: &'static str,
    /// What was noticed, as a sentence.
    pub(super) sentence: String,
}

/// The row of an alert.
pub(super) fn row(ctx: &Ctx, alert: &Alert) -> AlertRow {
    let key = alert.key.as_ref();
    let keyring = &ctx.api().keyring;
    AlertRow {
        at: iso_utc(alert.at_ms),
        mark: match alert.kind {
            AlertKind::KeyExpiring => "ends soon",
            _ => "unusual",
        },
        has_page: key.is_some_and(|(id, _)| keyring.get(ctx.key(), id).is_some()),
        key: key.map(|(id, name)| (id.to_string(), name.clone())),
        sentence: sentence(alert),
    }
}

/// What was noticed.
pub(super) fn sentence(alert: &Alert) -> String {
    let count = alert.count;
    let address = alert.address.as_deref();
    let from = address.map_or(String::new(), |address| format!(" of {address}"));
    match alert.kind {
        AlertKind::NewAddress => format!(
            "Used from {}, from where it was not used before.",
            address.unwrap_or("an address")
        ),
        AlertKind::ManyRefusals => {
            format!("{count} requests{from} were refused within five minutes.")
        }
        AlertKind::Burst => {
            format!("{count} requests within a minute, more than ten times what is usual.")
        }
        AlertKind::KeyExpiring => {
            let end = alert.expires_at_ms.map(iso_utc).unwrap_or_default();
            format!("The key ends at {end}.")
        }
        AlertKind::OftenLimited => {
            format!("{count} requests{from} were over the limit within five minutes.")
        }
    }
}
