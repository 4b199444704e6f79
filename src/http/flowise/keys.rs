//! `/apikey`: list, make, change and delete keys; and whether a text is a key.
//! Promises: a key's text stands in the answer that makes it and nowhere else; who asks about texts is throttled like who
//! presents them.

use super::key_view::{BoundView, KeyBody, KeyPage, KeyView, KeysView, ListQuery, view};
use super::paging::Paging;
use super::{Answer, OVER_ADDRESS_LIMIT, RemovedView, about, ok, worded};
use crate::auth::{KeyChange, KeyEntry, KeyError, NewKey, Refusal};
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::body::{json, query};
use crate::http::describe::KeyText;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::id::KeyId;
use crate::model::chatflow::BoundFlow;
use crate::model::key::{KeyFormat, KeyRecord};
use crate::model::limit::{Category, KeyLimits};
use crate::model::page::{MAX_PAGE_LIMIT, PageRequest};
use crate::model::scope::{Permission, parse_scope};
use percent_encoding::percent_decode_str;
use serde_json::json as example;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const TAG: &str = "Flowise: keys";

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Access::Needs;
    use Category::{Read, Write};
    use Permission::{KeysCreate, KeysDelete, KeysUpdate, KeysView as View};
    const KEYS: &str = "/api/v1/apikey";
    const ONE: &str = "/api/v1/apikey/:id";
    let door = Door::Flowise;
    let body = example!({ "keyName": "website", "permissions": ["predictions:create"] });
    vec![
        Endpoint::new(door, Method::GET, KEYS, Needs(View, Read), |guard| query(guard).then(list))
        .described(
            about(TAG, "List keys")
                .says("Those that were changed last first, and only keys that hold no more than the calling one.")
                .query::<ListQuery>()
                .gives_bare::<KeysView>(200)
                .may(412, "`page` or `limit` is negative."),
        ),
        Endpoint::new(door, Method::POST, KEYS, Needs(KeysCreate, Write), |guard| json(guard).then(create))
        .described(
            about(TAG, "Make a key")
                .says("The answer is the only place where the key's text ever stands.")
                .body::<KeyBody>(body.clone())
                .gives_bare::<KeyView>(200)
                .may(412, "`keyName` or `permissions` is missing."),
        ),
        Endpoint::new(door, Method::PUT, ONE, Needs(KeysUpdate, Write), |guard| json(guard).then(update))
        .described(
            about(TAG, "Change a key")
                .says("Name, permissions and end; the change is in force for the very next request.")
                .path::<KeyId>()
                .body::<KeyBody>(body)
                .gives_bare::<KeyView>(200)
                .may(409, "The key has expired.")
                .may(412, "`keyName` or `permissions` is missing."),
        ),
        Endpoint::new(door, Method::DELETE, ONE, Needs(KeysDelete, Write), |guard| guard.then(delete))
        .described(
            about(TAG, "Delete a key")
                .says("It is revoked: the native API shows it for 90 days more.")
                .path::<KeyId>()
                .gives_bare::<RemovedView>(200),
        ),
        Endpoint::unkeyed(door, Method::GET, "/api/v1/verify/apikey/:apikey", verify)
        .described(
            about(TAG, "Whether a text is a key in force")
                .path::<KeyText>()
                .gives_bare::<String>(200)
                .may(401, "It is none.")
                .limits_addresses(OVER_ADDRESS_LIMIT),
        ),
    ]
}

/// Every key that the caller may see and that was not deleted, those that were changed last first.
fn seen_by(ctx: &Ctx) -> Vec<KeyRecord> {
    let mut request = PageRequest {
        limit: MAX_PAGE_LIMIT,
        after: None,
    };
    let mut seen = Vec::new();
    loop {
        let page = ctx.api().keyring.list(ctx.key(), &request);
        seen.extend(page.items);
        if page.next.is_none() {
            break;
        }
        request.after = page.next;
    }
    seen.retain(|record| record.revoked_at_ms.is_none());
    seen.sort_by_key(|record| std::cmp::Reverse(record.updated_at_ms));
    seen
}

/// The flows that are bound to keys, by the keys' ids.
type BoundFlows = HashMap<String, Vec<BoundFlow>>;

async fn bound_flows(ctx: &Ctx) -> Result<BoundFlows, Problem> {
    let reach = ctx.key().reach().clone();
    Ok(ctx.api().store.flows_of_keys(reach).await?)
}

fn told(record: &KeyRecord, flows: &mut BoundFlows) -> KeyView {
    let bound = flows.remove(record.id.as_str()).unwrap_or_default();
    view(record, None, bound.into_iter().map(BoundView::of).collect())
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let page = Paging::read(asked.page, asked.limit)?;
    let seen = seen_by(&ctx);
    let total = seen.len();
    let mut flows = bound_flows(&ctx).await?;
    let mut told = |record: &KeyRecord| told(record, &mut flows);
    let Some(page) = page else {
        return ok(&KeysView::All(seen.iter().map(&mut told).collect()));
    };
    ok(&KeysView::Page(KeyPage {
        total,
        data: page.of(&seen).map(told).collect(),
    }))
}

async fn create(ctx: Ctx, body: KeyBody) -> Answer {
    let asked = body.read("createApiKey")?;
    check_permissions(ctx.key(), &asked.permissions, "create")?;
    let new = NewKey {
        name: asked.name,
        scopes: asked.permissions,
        format: KeyFormat::Flowise,
        expires_at_ms: asked.expires_at_ms,
        reach: ctx.key().reach().clone(),
        limits: KeyLimits::default(),
    };
    let (record, text) = ctx
        .api()
        .keyring
        .issue(ctx.key(), &ctx.address(), new)
        .await?;
    ok(&view(&record, Some(&text), Vec::new()))
}

async fn update(ctx: Ctx, body: KeyBody) -> Answer {
    let id: KeyId = ctx.id(0, "API key")?;
    let asked = body.read("updateApiKey")?;
    check_permissions(ctx.key(), &asked.permissions, "update")?;
    let change = KeyChange {
        name: Some(asked.name),
        scopes: Some(asked.permissions),
        expires_at_ms: asked.expires_at_ms.map(Some),
        ..KeyChange::default()
    };
    let keyring = &ctx.api().keyring;
    let changed = keyring.update(ctx.key(), &ctx.address(), &id, change).await;
    let record = changed.map_err(|error| about_key(&id, error))?;
    let mut flows = bound_flows(&ctx).await?;
    ok(&told(&record, &mut flows))
}

async fn delete(ctx: Ctx) -> Answer {
    let id: KeyId = ctx.id(0, "API key")?;
    let keyring = &ctx.api().keyring;
    match keyring.revoke(ctx.key(), &ctx.address(), &id).await {
        Ok(_) => ok(&RemovedView::of(1)),
        // What was revoked before is not there for this door.
        Err(KeyError::Conflict(_)) => Err(about_key(&id, KeyError::NotFound)),
        Err(error) => Err(about_key(&id, error)),
    }
}

fn about_key(id: &KeyId, error: KeyError) -> Problem {
    match error {
        KeyError::NotFound => worded(StatusCode::NOT_FOUND, format!("ApiKey {id} not found")),
        error => error.into(),
    }
}

/// Refuses what no key may hold, and what the caller does not hold itself.
fn check_permissions(by: &KeyEntry, words: &[String], doing: &str) -> Result<(), Problem> {
    let cannot = |what: &str| Problem::invalid(format!("Cannot {doing} API key with {what}"));
    let is_foreign = |word: &String| word.starts_with("workspace:") || word.starts_with("admin:");
    if words.iter().any(is_foreign) {
        return Err(cannot("workspace or admin permissions"));
    }
    for word in words {
        let given = parse_scope(word).map_err(|error| Problem::invalid(error.to_string()))?;
        if !by.permissions().includes(given) {
            return Err(cannot("permissions that exceed your own permissions"));
        }
    }
    Ok(())
}

async fn verify(visit: Arc<Visit>) -> Answer {
    within_address_limit(&visit, AddressCategory::Read)?;
    recognised(&visit, visit.parameter(0)).await?;
    ok(&"OK")
}

/// The key with this text, for a request that has the text in its path. Failed attempts count as everywhere.
pub(super) async fn recognised(visit: &Visit, text: &str) -> Result<Arc<KeyEntry>, Problem> {
    let (keyring, peer) = (&visit.api.keyring, visit.peer.address);
    let text: Cow<'_, [u8]> = percent_decode_str(text).into();
    let result = match keyring.check(&text, peer) {
        Some(known) => known,
        None => keyring.verify(&text, peer).await,
    };
    result.map_err(|refusal: Refusal| {
        keyring.note_refusal(refusal.as_str(), None, peer);
        Problem::Unauthorized(refusal)
    })
}
