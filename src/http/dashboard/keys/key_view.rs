//! A key as pages show it: one row of the list, and how to use a text that was just made. May not know how keys are kept.
//! Promise: a key's text is shown where it was made, and nowhere else.

use super::super::alert_view::sentence;
use super::super::chart::Spark;
use super::super::frame::seen_url;
use crate::auth::KeyText;
use crate::clock::iso_utc;
use crate::http::visit::{Ctx, Visit};
use crate::model::alert::{Alert, AlertKind};
use crate::model::key::{KeyFormat, KeyRecord, KeySecret, Standing};
use crate::model::limit::{Category, Limit};
use crate::model::scope::PermissionSet;
use crate::model::usage::{DayUsage, Usage, UtcDay};
use crate::model::workflow::Reach;
use std::collections::HashMap;

const DAY_MS: i64 = 86_400_000;
/// How many days the small chart of a key's use covers, and the look for what it does not use.
pub(super) const CHART_DAYS: u32 = 30;
/// What is pointed out: a key that was not used for so long, and a text that is so old.
const LONG_MS: i64 = 90 * DAY_MS;
/// So much of a beginning of names is shown.
const MAX_PREFIX_CHARS: usize = 80;
/// For so long unusual activity of a key is pointed out.
const UNUSUAL_MS: i64 = 7 * DAY_MS;

/// One key.
pub(super) struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    /// How its texts begin: the one in use first.
    pub(super) texts: Vec<TextRow>,
    pub(super) format: &'static str,
    pub(super) scopes: Vec<String>,
    pub(super) bound_to: Option<String>,
    pub(super) limits: [String; 3],
    pub(super) created: String,
    pub(super) last_used: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) status: &'static str,
    pub(super) chart: Spark,
    pub(super) warnings: Vec<String>,
}

/// One of a key's texts.
pub(super) struct TextRow {
    pub(super) begins: String,
    /// What it is good for, where that is not simply "in use".
    pub(super) note: Option<String>,
}

impl KeyRow {
    /// Whether it can still be changed.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.status, "active" | "disabled")
    }
}

/// The row of a key.
pub(super) fn row(
    ctx: &Ctx,
    record: &KeyRecord,
    days: &HashMap<UtcDay, Usage>,
    alerts: &[Alert],
) -> KeyRow {
    let now_ms = ctx.api().clock.now_ms();
    let limits = ctx
        .api()
        .keyring
        .limits_of(record)
        .map(|limit| match limit {
            Limit::PerMinute(number) => number.to_string(),
            Limit::Unlimited => "none".to_owned(),
        });
    KeyRow {
        id: record.id.to_string(),
        name: record.name.clone(),
        texts: texts(record, now_ms),
        format: record.format.as_str(),
        scopes: record.scopes.clone(),
        bound_to: match &record.reach {
            Reach::All => None,
            Reach::Workflow(id) => Some(format!("workflow {id}")),
            Reach::Prefix(prefix) => {
                let prefix: String = prefix.chars().take(MAX_PREFIX_CHARS).collect();
                Some(format!("workflows named {prefix}…"))
            }
        },
        limits,
        created: iso_utc(record.created_at_ms),
        last_used: record.last_use.as_ref().map(|used| iso_utc(used.at_ms)),
        expires: record.expires_at_ms.map(iso_utc),
        status: record.standing(now_ms).as_str(),
        chart: chart(days, UtcDay::of(now_ms)),
        warnings: warnings(record, known_days(ctx, days), alerts, now_ms),
    }
}

fn texts(record: &KeyRecord, now_ms: i64) -> Vec<TextRow> {
    let begins = |secret: &KeySecret| format!("{}{}…", record.format.prefix(), secret.public_id);
    let mut texts = vec![TextRow {
        begins: begins(&record.current),
        note: None,
    }];
    if let Some(pending) = &record.pending
        && !pending.secret.has_ended(now_ms)
    {
        texts.push(TextRow {
            begins: begins(&pending.secret),
            note: Some("takes over when it is first used".to_owned()),
        });
    }
    if let Some(former) = &record.former
        && !former.has_ended(now_ms)
    {
        let until = former.valid_until_ms.map(iso_utc).unwrap_or_default();
        texts.push(TextRow {
            begins: begins(former),
            note: Some(format!("works until {until}")),
        });
    }
    texts
}

/// The days, where usage is kept for as long as they are.
fn known_days<'a>(
    ctx: &Ctx,
    days: &'a HashMap<UtcDay, Usage>,
) -> Option<&'a HashMap<UtcDay, Usage>> {
    let kept_days = ctx.api().engine.retention().usage_days;
    kept_days
        .is_none_or(|kept| kept >= u64::from(CHART_DAYS))
        .then_some(days)
}

/// What of a key in force deserves a look.
fn warnings(
    record: &KeyRecord,
    days: Option<&HashMap<UtcDay, Usage>>,
    alerts: &[Alert],
    now_ms: i64,
) -> Vec<String> {
    if record.standing(now_ms) != Standing::InForce {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    let last_ms = record.last_use.as_ref().map(|used| used.at_ms);
    if now_ms - last_ms.unwrap_or(record.created_at_ms) >= LONG_MS {
        warnings.push("Not used for 90 days.".to_owned());
    }
    if now_ms - record.current.created_at_ms >= LONG_MS {
        warnings.push("Its text is older than 90 days: rotate it.".to_owned());
    }
    if let Some(end_ms) = record.soon_end_ms(now_ms) {
        warnings.push(format!("Ends at {}.", iso_utc(end_ms)));
    }
    // Its scopes may be as new as its last change.
    let since_ms = record.created_at_ms.max(record.updated_at_ms);
    if now_ms - since_ms >= i64::from(CHART_DAYS) * DAY_MS {
        warnings.extend(days.and_then(|days| wider(record.permissions, days)));
    }
    warnings.extend(unusual(record, alerts, now_ms));
    warnings
}

/// Of a key that is used: what it may do and has not done.
fn wider(permissions: PermissionSet, days: &HashMap<UtcDay, Usage>) -> Option<String> {
    let mut used = Usage::default();
    days.values().for_each(|day| used += day);
    let kinds = [
        (Category::Read, used.read_requests, "read"),
        (Category::Write, used.write_requests, "written"),
        (Category::Execute, used.execute_requests, "executed"),
    ];
    let may = |kind| {
        permissions
            .iter()
            .any(|permission| permission.category() == kind)
    };
    let unused = kinds.map(|(kind, requests, word)| (requests == 0 && may(kind)).then_some(word));
    let unused: Vec<&str> = unused.into_iter().flatten().collect();
    (used.requests() > 0 && !unused.is_empty()).then(|| {
        let done = unused.join(" and ");
        format!("Wider than what it uses: it has {done} nothing for {CHART_DAYS} days.")
    })
}

/// What was unusual lately; the end of a key is told by itself.
fn unusual(record: &KeyRecord, alerts: &[Alert], now_ms: i64) -> Vec<String> {
    let mut warnings = Vec::new();
    for kind in AlertKind::UNUSUAL {
        let is_of_key = |alert: &&Alert| {
            let key = alert.key.as_ref();
            alert.kind == kind && key.is_some_and(|(id, _)| *id == record.id)
        };
        let latest = alerts
            .iter()
            .filter(is_of_key)
            .max_by_key(|alert| alert.at_ms);
        if let Some(alert) = latest.filter(|alert| now_ms - alert.at_ms <= UNUSUAL_MS) {
            warnings.push(format!(
                "Unusual at {}: {}",
                iso_utc(alert.at_ms),
                sentence(alert)
            ));
        }
    }
    warnings
}

/// The usage of each account by day.
pub(super) fn by_account(days: Vec<DayUsage>) -> HashMap<String, HashMap<UtcDay, Usage>> {
    let mut all: HashMap<String, HashMap<UtcDay, Usage>> = HashMap::new();
    for day in days {
        all.entry(day.account)
            .or_default()
            .insert(day.day, day.usage);
    }
    all
}

fn chart(days: &HashMap<UtcDay, Usage>, today: UtcDay) -> Spark {
    let days = (0..CHART_DAYS)
        .rev()
        .map(|back| days.get(&today.minus(back)));
    let days: Vec<u64> = days.map(|day| day.map_or(0, Usage::requests)).collect();
    Spark::new(&days)
}

/// A text that was just made, with lines that use it.
pub(super) struct MadeKey {
    pub(super) text: String,
    pub(super) examples: [Example; 3],
}

/// A line that uses a key.
pub(super) struct Example {
    pub(super) id: &'static str,
    /// In which language it is.
    pub(super) label: &'static str,
    pub(super) line: String,
}

/// Lines that ask the server something with a new key, in the words of the door that its format belongs to.
pub(super) fn made(visit: &Visit, format: KeyFormat, text: &KeyText) -> MadeKey {
    let text = text.reveal();
    let server = seen_url(visit);
    let (header, value, path) = match format {
        KeyFormat::Wfk => ("x-api-key", text.to_owned(), "/api/v1/workflows"),
        KeyFormat::Sk => (
            "Authorization",
            format!("Bearer {text}"),
            "/wireflow/api/v1/workflows",
        ),
        KeyFormat::Flowise => (
            "Authorization",
            format!("Bearer {text}"),
            "/api/v1/chatflows",
        ),
    };
    let examples = [
        Example {
            id: "curl",
            label: "Shell",
            line: format!("curl -H '{header}: {value}' {server}{path}"),
        },
        Example {
            id: "javascript",
            label: "JavaScript",
            line: format!(
                "const answer = await fetch(\"{server}{path}\", {{ headers: {{ \"{header}\": \"{value}\" }} }});"
            ),
        },
        Example {
            id: "python",
            label: "Python",
            line: format!(
                "answer = requests.get(\"{server}{path}\", headers={{\"{header}\": \"{value}\"}})"
            ),
        },
    ];
    MadeKey {
        text: text.to_owned(),
        examples,
    }
}
