//! Settings › API keys: the list, a new key, one key, its rotation and its end. May not know how keys are kept.
//! Promise: a key's text stands on the page that answers its making or its rotation, once, and on no other.

mod key_form;
mod key_view;

use super::form::Form;
use super::frame::Frame;
use super::{go_to, page, signed_in};
use crate::auth::{KeyChange, KeyError, KeyText};
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::KeyId;
use crate::model::alert::AlertKind;
use crate::model::key::KeyRecord;
use crate::model::page::{Cursor, PageRequest};
use crate::model::usage::{Usage, UtcDay};
use askama::Template;
use key_form::{Group, PRESETS, Preset};
use key_view::{CHART_DAYS, KeyRow, MadeKey, by_account, made, row};
use serde::Deserialize;
use std::collections::HashMap;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "keys";
const DEFAULT_GRACE_SECONDS: u32 = 3_600;
/// So many keys are on a page: with the longest names and every warning it stays a small one.
const ROWS: u32 = 20;
/// How many alerts are looked at for what is to be pointed out.
const MAX_ALERTS: u32 = 200;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        signed_in(Method::GET, "/dashboard/keys", list),
        signed_in(Method::POST, "/dashboard/keys", create),
        signed_in(Method::GET, "/dashboard/keys/new", new),
        signed_in(Method::GET, "/dashboard/keys/:id", look),
        signed_in(Method::POST, "/dashboard/keys/:id", update),
        signed_in(Method::POST, "/dashboard/keys/:id/disable", |ctx| {
            switch(ctx, true)
        }),
        signed_in(Method::POST, "/dashboard/keys/:id/enable", |ctx| {
            switch(ctx, false)
        }),
        // Who loads the page of a rotation again is shown the key.
        signed_in(
            Method::GET,
            "/dashboard/keys/:id/rotate",
            |ctx| async move {
                record(&ctx).map(|record| go_to(&ctx.visit, &format!("keys/{}", record.id)))
            },
        ),
        signed_in(Method::POST, "/dashboard/keys/:id/rotate", rotate),
        signed_in(Method::GET, "/dashboard/keys/:id/revoke", ask_to_revoke),
        signed_in(Method::POST, "/dashboard/keys/:id/revoke", revoke),
    ]
}

#[derive(Template)]
#[template(path = "keys/keys.html", config = "src/http/dashboard/askama.toml")]
struct KeysPage {
    frame: Frame,
    keys: Vec<KeyRow>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "keys/key_new.html", config = "src/http/dashboard/askama.toml")]
struct NewKeyPage {
    frame: Frame,
    groups: Vec<Group>,
    presets: [Preset; 3],
    preset: String,
    own_limits: [String; 3],
}

#[derive(Template)]
#[template(path = "keys/key_made.html", config = "src/http/dashboard/askama.toml")]
struct MadePage {
    frame: Frame,
    name: String,
    id: String,
    is_rotation: bool,
    made: MadeKey,
}

#[derive(Template)]
#[template(path = "keys/key.html", config = "src/http/dashboard/askama.toml")]
struct KeyPage {
    frame: Frame,
    key: KeyRow,
    groups: Vec<Group>,
    /// The end as the field for a date has it.
    end: String,
    own_limits: [String; 3],
}

#[derive(Template)]
#[template(
    path = "keys/key_revoke.html",
    config = "src/http/dashboard/askama.toml"
)]
struct RevokePage {
    frame: Frame,
    key: KeyRow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewQuery {
    #[serde(default)]
    preset: String,
}

async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let ListQuery { cursor } = read_query(&ctx.visit)?;
    let request = PageRequest {
        after: cursor.as_deref().and_then(Cursor::decode),
        limit: ROWS,
    };
    let found = ctx.api().keyring.list(ctx.key(), &request);
    let used = used(&ctx, &found.items).await?;
    let none = HashMap::new();
    let alerts = ctx
        .api()
        .store
        .newest_alerts(&AlertKind::UNUSUAL, MAX_ALERTS);
    let alerts = alerts.await?;
    let keys = found.items.iter().map(|record| {
        let days = used.get(record.id.as_str()).unwrap_or(&none);
        row(&ctx, record, days, &alerts)
    });
    let page_of_keys = KeysPage {
        keys: keys.collect(),
        next: found.next.map(|cursor| cursor.encode()),
        frame: Frame::of(&ctx.visit, PART),
    };
    page(StatusCode::OK, &page_of_keys)
}

/// The usage of these keys, by day.
async fn used(
    ctx: &Ctx,
    records: &[KeyRecord],
) -> Result<HashMap<String, HashMap<UtcDay, Usage>>, Problem> {
    let api = ctx.api();
    let today = UtcDay::of(api.clock.now_ms());
    let accounts = records.iter().map(|record| record.id.to_string()).collect();
    let days = api
        .store
        .usage_days(accounts, today.minus(CHART_DAYS - 1), today)
        .await?;
    Ok(by_account(days))
}

async fn new(ctx: Ctx) -> Result<Response, Problem> {
    let NewQuery { preset } = read_query(&ctx.visit)?;
    let form = NewKeyPage {
        frame: Frame::of(&ctx.visit, PART),
        groups: key_form::groups_of_preset(&preset),
        presets: PRESETS,
        preset,
        own_limits: Default::default(),
    };
    page(StatusCode::OK, &form)
}

async fn create(ctx: Ctx) -> Result<Response, Problem> {
    let form = Form::read_of(&ctx).await?;
    let new = key_form::new_key(&form, ctx.api().clock.now_ms())?;
    let keyring = &ctx.api().keyring;
    let issued = keyring.issue(ctx.key(), &ctx.address(), new).await;
    let (record, text) = issued?;
    made_page(&ctx, &record, &text, false)
}

fn made_page(
    ctx: &Ctx,
    record: &KeyRecord,
    text: &KeyText,
    is_rotation: bool,
) -> Result<Response, Problem> {
    let made = MadePage {
        frame: Frame::of(&ctx.visit, PART),
        name: record.name.clone(),
        id: record.id.to_string(),
        is_rotation,
        made: made(&ctx.visit, record.format, text),
    };
    page(StatusCode::OK, &made)
}

async fn look(ctx: Ctx) -> Result<Response, Problem> {
    let record = record(&ctx)?;
    let key = row_of(&ctx, &record).await?;
    let own = [
        record.limits.read,
        record.limits.write,
        record.limits.execute,
    ];
    let own_limits = own.map(|limit| match limit.map(Option::<u32>::from) {
        None => String::new(),
        Some(None) => "none".to_owned(),
        Some(Some(number)) => number.to_string(),
    });
    let detail = KeyPage {
        frame: Frame::of(&ctx.visit, PART),
        groups: key_form::groups(|permission| record.permissions.has(permission)),
        end: key.expires.clone().unwrap_or_default(),
        own_limits,
        key,
    };
    page(StatusCode::OK, &detail)
}

async fn update(ctx: Ctx) -> Result<Response, Problem> {
    let now = record(&ctx)?;
    let form = Form::read_of(&ctx).await?;
    let change = key_form::change(&form, &now)?;
    changed(&ctx, &now.id, change).await
}

async fn switch(ctx: Ctx, disabled: bool) -> Result<Response, Problem> {
    let id: KeyId = ctx.id(0, "API key")?;
    let change = KeyChange {
        disabled: Some(disabled),
        ..KeyChange::default()
    };
    changed(&ctx, &id, change).await
}

async fn changed(ctx: &Ctx, id: &KeyId, change: KeyChange) -> Result<Response, Problem> {
    let keyring = &ctx.api().keyring;
    keyring
        .update(ctx.key(), &ctx.address(), id, change)
        .await?;
    Ok(go_to(&ctx.visit, &format!("keys/{id}")))
}

async fn rotate(ctx: Ctx) -> Result<Response, Problem> {
    let id: KeyId = ctx.id(0, "API key")?;
    let form = Form::read_of(&ctx).await?;
    let grace_seconds = match form.text("grace") {
        None => DEFAULT_GRACE_SECONDS,
        Some(text) => text.parse().map_err(|_| {
            Problem::invalid("The time for which the old text works on is a number of seconds.")
        })?,
    };
    let keyring = &ctx.api().keyring;
    let rotated = keyring
        .rotate(ctx.key(), &ctx.address(), &id, grace_seconds)
        .await;
    let (record, text) = rotated?;
    made_page(&ctx, &record, &text, true)
}

async fn ask_to_revoke(ctx: Ctx) -> Result<Response, Problem> {
    let record = record(&ctx)?;
    let question = RevokePage {
        frame: Frame::of(&ctx.visit, PART),
        key: row_of(&ctx, &record).await?,
    };
    page(StatusCode::OK, &question)
}

async fn revoke(ctx: Ctx) -> Result<Response, Problem> {
    let id: KeyId = ctx.id(0, "API key")?;
    let keyring = &ctx.api().keyring;
    let revoked: Result<KeyRecord, KeyError> = keyring.revoke(ctx.key(), &ctx.address(), &id).await;
    revoked?;
    Ok(go_to(&ctx.visit, "keys"))
}

fn record(ctx: &Ctx) -> Result<KeyRecord, Problem> {
    let id: KeyId = ctx.id(0, "API key")?;
    let found = ctx.api().keyring.get(ctx.key(), &id);
    found.ok_or(Problem::NotFound("API key"))
}

async fn row_of(ctx: &Ctx, record: &KeyRecord) -> Result<KeyRow, Problem> {
    let mut used = used(ctx, std::slice::from_ref(record)).await?;
    let days = used.remove(record.id.as_str()).unwrap_or_default();
    let store = &ctx.api().store;
    let alerts = store
        .newest_alerts_of(record.id.to_string(), MAX_ALERTS)
        .await?;
    Ok(row(ctx, record, &days, &alerts))
}
