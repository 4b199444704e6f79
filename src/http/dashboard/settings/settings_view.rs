//! The server as its owner reads it. May not know where the facts are kept. Promise: numbers have their unit, and what was not
//! set is told from what was.

use crate::clock::iso_utc;
use crate::config::{Origin, ShownSetting};
use crate::engine::{LastSweep, Retention};
use crate::http::Api;
use crate::http::problem::Problem;
use crate::store::NEWEST_VERSION;

const MINUTE_MS: i64 = 60_000;
const UNITS: [(&str, i64); 3] = [
    ("day", 24 * 60 * MINUTE_MS),
    ("hour", 60 * MINUTE_MS),
    ("minute", MINUTE_MS),
];

/// What is so now.
pub(super) struct Facts {
    pub(super) version: &'static str,
    pub(super) instance: String,
    pub(super) started: String,
    pub(super) up_for: String,
    pub(super) schema_version: i64,
    /// The database and the uploaded files together.
    pub(super) all: String,
    pub(super) database: String,
    pub(super) database_free: String,
    pub(super) media: String,
    pub(super) media_files: u64,
    pub(super) public_url: Option<String>,
    pub(super) base_path: Option<String>,
    pub(super) has_given_master_key: bool,
    pub(super) last_sweep: Option<SweepRow>,
}

/// When what need not be kept was last removed.
pub(super) struct SweepRow {
    pub(super) at: String,
    pub(super) runs: u64,
    pub(super) bytes: String,
}

/// How long something is kept.
pub(super) struct KeptRow {
    pub(super) what: &'static str,
    pub(super) how_long: String,
}

/// One setting.
pub(super) struct SettingRow<'a> {
    pub(super) key: &'static str,
    pub(super) about: &'static str,
    /// Empty for none.
    pub(super) value: &'a str,
    pub(super) origin: &'static str,
    pub(super) is_default: bool,
}

/// What is so now. Reads the numbers of the database's pages and the table of uploaded files.
pub(super) async fn facts(api: &Api) -> Result<Facts, Problem> {
    let (space, media) = (api.store.space()?, api.store.media_use().await?);
    let facts = &api.facts;
    Ok(Facts {
        version: env!("CARGO_PKG_VERSION"),
        instance: api.store.instance_id().to_owned(),
        started: iso_utc(facts.started_at_ms),
        up_for: duration(api.clock.now_ms() - facts.started_at_ms),
        schema_version: NEWEST_VERSION,
        all: size(space.total_bytes.saturating_add(media.bytes)),
        database: size(space.total_bytes),
        database_free: size(space.free_bytes),
        media: size(media.bytes),
        media_files: media.files,
        public_url: api.options.public_url.clone(),
        base_path: Some(api.options.base_path.clone()).filter(|path| !path.is_empty()),
        has_given_master_key: facts.has_given_master_key,
        last_sweep: api.engine.last_sweep().map(sweep_row),
    })
}

fn sweep_row(last: LastSweep) -> SweepRow {
    SweepRow {
        at: iso_utc(last.at_ms),
        runs: last.swept.runs,
        bytes: size(last.swept.bytes),
    }
}

/// What is kept, for workflows that do not say it themselves.
pub(super) fn kept(keep: &Retention) -> [KeptRow; 5] {
    let days = |what, limit: Option<u64>| KeptRow {
        what,
        how_long: limit.map_or_else(|| "for ever".to_owned(), |limit| plural(limit, "day")),
    };
    [
        days("Finished runs", keep.max_age_days),
        KeptRow {
            what: "Number of finished runs",
            how_long: keep
                .max_runs
                .map_or_else(|| "any".to_owned(), |runs| format!("the newest {runs}")),
        },
        KeptRow {
            what: "Size of the database",
            how_long: keep.max_bytes.map_or_else(
                || "any".to_owned(),
                |bytes| format!("{}; then the oldest finished runs go", size(bytes)),
            ),
        },
        days("Audit log", keep.audit_days),
        days("Usage", keep.usage_days),
    ]
}

/// Every setting.
pub(super) fn settings(shown: &[ShownSetting]) -> Vec<SettingRow<'_>> {
    let rows = shown.iter().map(|one| SettingRow {
        key: one.key,
        about: one.about,
        value: &one.value,
        is_default: one.is_default,
        origin: match one.origin {
            Some(Origin::File) => "file",
            Some(Origin::Environment) => "environment",
            Some(Origin::Flag) => "flag",
            None if one.is_default => "default",
            None => "program",
        },
    });
    rows.collect()
}

/// The two largest units.
fn duration(ms: i64) -> String {
    let mut left_ms = ms.max(0);
    let mut parts = Vec::new();
    for (unit, unit_ms) in UNITS {
        let count = left_ms / unit_ms;
        left_ms %= unit_ms;
        if count > 0 {
            parts.push(plural(count.unsigned_abs(), unit));
        }
    }
    parts.truncate(2);
    match parts.is_empty() {
        true => "less than a minute".to_owned(),
        false => parts.join(", "),
    }
}

fn plural(count: u64, unit: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{ending}")
}

/// In the largest decimal unit, to a tenth.
fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => plural(bytes, "byte"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_their_units() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (20_971_520, "20.9 MB"),
            (5_000_000_000, "5.0 GB"),
            (u64::MAX, "18446744073.7 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
        for (minutes, text) in [
            (-5, "less than a minute"),
            (0, "less than a minute"),
            (1, "1 minute"),
            (61, "1 hour, 1 minute"),
            (2 * 24 * 60 + 61, "2 days, 1 hour"),
        ] {
            assert_eq!(duration(minutes * MINUTE_MS), text);
        }
    }
}
