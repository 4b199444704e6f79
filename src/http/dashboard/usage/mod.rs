//! Usage: requests, runs and refusals over time, of one key or of all, as charts with their tables; and what was unusual.
//! May not know how usage is counted. Promise: the numbers are those that `GET /usage` gives to who may see as much.

mod usage_view;

use super::alert_view::{self, AlertRow};
use super::chart::Chart;
use super::frame::Frame;
use super::{page, signed_in};
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::alert::AlertKind;
use crate::model::usage::UtcHour;
use askama::Template;
use serde::Deserialize;
use std::cmp::Reverse;
use usage_view::{ALL, AccountRow, Range, Span, accounts, charts, named};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "usage";
/// How many alerts are shown.
const MAX_ALERTS: u32 = 20;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![signed_in(Method::GET, "/dashboard/usage", show)]
}

#[derive(Template)]
#[template(path = "usage/usage.html", config = "src/http/dashboard/askama.toml")]
struct UsagePage {
    frame: Frame,
    ranges: &'static [Range],
    range: Range,
    /// Which account is shown: an id, or `all`.
    key: String,
    /// What people read for it.
    key_name: String,
    accounts: Vec<AccountRow>,
    charts: Vec<Chart>,
    alerts: Vec<AlertRow>,
    /// How many days usage is kept, where that is shorter than what is asked for.
    kept_days: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageQuery {
    #[serde(default)]
    range: String,
    #[serde(default)]
    key: String,
}

async fn show(ctx: Ctx) -> Result<Response, Problem> {
    let UsageQuery { range, key } = read_query(&ctx.visit)?;
    let range = Range::named(&range)?;
    let key = if key.is_empty() { ALL.to_owned() } else { key };
    let api = ctx.api();
    let seen = api.keyring.usage_seen_by(ctx.key());
    let wanted = match key.as_str() {
        ALL => seen,
        one if seen.iter().any(|account| account == one) => vec![key.clone()],
        _ => return Err(Problem::NotFound("API key")),
    };
    let span = Span::new(range, api.clock.now_ms());
    let (from, to) = span.hours();
    api.keyring.write_usage().await;
    let used = api.store.usage(wanted, from, to).await?;
    let refusals = match key.as_str() {
        ALL => api.store.refusal_hours(from, to).await?,
        _ => Vec::new(),
    };
    let kept_days = api.engine.retention().usage_days;
    let shown = UsagePage {
        frame: Frame::of(&ctx.visit, PART),
        ranges: &Range::ALL,
        key_name: named(&ctx, &key),
        accounts: accounts(&ctx, used.by_account),
        charts: charts(&span, &used.by_hour, &refusals),
        alerts: alerts(&ctx, &key, from).await?,
        kept_days: kept_days.filter(|days| *days < u64::from(range.days)),
        range,
        key,
    };
    page(StatusCode::OK, &shown)
}

/// What was noticed since an hour. Where much was unusual, fewer ends of keys are told, and never the other way round.
async fn alerts(ctx: &Ctx, key: &str, since: UtcHour) -> Result<Vec<AlertRow>, Problem> {
    let store = &ctx.api().store;
    let mut found = match key {
        ALL => store.newest_alerts(&AlertKind::UNUSUAL, MAX_ALERTS).await?,
        key => store.newest_alerts_of(key.to_owned(), MAX_ALERTS).await?,
    };
    found.retain(|alert| UtcHour::of(alert.at_ms) >= since);
    if key == ALL {
        let room = MAX_ALERTS.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        let mut ends = store.newest_alerts(&[AlertKind::KeyExpiring], room).await?;
        ends.retain(|alert| UtcHour::of(alert.at_ms) >= since);
        found.extend(ends);
        found.sort_by_key(|alert| Reverse(alert.at_ms));
    }
    Ok(found
        .iter()
        .map(|alert| alert_view::row(ctx, alert))
        .collect())
}
