//! `/auth/api-keys`: list, create, read, change, rotate and revoke keys. A key's text stands in the answer that creates it
//! (POST, rotate) and nowhere else.

use super::key_view::{CreateBody, KeyView, ListQuery, RotateBody, UpdateBody, view};
use super::{Answer, created, ok, page, page_request};
use crate::auth::{KeyChange, NewKey};
use crate::clock::parse_iso;
use crate::http::body::{json, query};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{KeyId, WorkflowId};
use crate::model::key::KeyFormat;
use crate::model::limit::{Category, KeyLimits};
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde_json::json as example;
use warp::Filter as _;
use warp::http::Method;

const DEFAULT_GRACE_SECONDS: u32 = 3_600;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use Access::{AnyKey, Needs};
    use Category::{Read, Write};
    use Permission::{KeysCreate, KeysDelete, KeysUpdate, KeysView};
    const KEYS: &str = "/api/v1/auth/api-keys";
    const SELF: &str = "/api/v1/auth/api-keys/self";
    const ONE: &str = "/api/v1/auth/api-keys/:id";
    const ROTATE: &str = "/api/v1/auth/api-keys/:id/rotate";
    let door = Door::Native;
    vec![
        Endpoint::new(door, Method::GET, KEYS, Needs(KeysView, Read), |guard| {
            query(guard).then(list)
        })
        .described(
            about("Keys", "List keys")
                .says("Newest first, and only keys that hold no more than the calling one.")
                .query::<ListQuery>()
                .lists::<KeyView>(),
        ),
        Endpoint::new(door, Method::POST, KEYS, Needs(KeysCreate, Write), |guard| json(guard).then(create))
        .described(
            about("Keys", "Make a key")
                .says("The answer is the only place where the key's text ever stands.")
                .body::<CreateBody>(example!({
                    "name": "orders", "scopes": ["workflows:execute", "runs:read"], "expiresInSeconds": 2_592_000
                }))
                .gives::<KeyView>(201),
        ),
        Endpoint::new(door, Method::GET, SELF, AnyKey(Read), |guard| {
            guard.then(own)
        })
        .described(about("Keys", "Read the calling key").gives::<KeyView>(200).may(404, "The request came without a key of the list.")),
        Endpoint::new(door, Method::GET, ONE, Needs(KeysView, Read), |guard| {
            guard.then(get)
        })
        .described(about("Keys", "Read a key").path::<KeyId>().gives::<KeyView>(200)),
        Endpoint::new(door, Method::PATCH, ONE, Needs(KeysUpdate, Write), |guard| json(guard).then(update))
        .described(
            about("Keys", "Change a key")
                .says("The change is in force for the very next request.")
                .path::<KeyId>()
                .body::<UpdateBody>(example!({ "name": "orders", "limits": { "execute": 50 } }))
                .gives::<KeyView>(200)
                .may(409, "The key is revoked or has expired."),
        ),
        Endpoint::new(door, Method::DELETE, ONE, Needs(KeysDelete, Write), |guard| guard.then(revoke))
        .described(
            about("Keys", "Revoke a key")
                .says("It stays in the list as `revoked` for 90 days. Its event streams end, its runs do not.")
                .path::<KeyId>()
                .gives::<KeyView>(200)
                .may(409, "The key is revoked already."),
        ),
        Endpoint::new(door, Method::POST, ROTATE, Needs(KeysUpdate, Write), |guard| json(guard).then(rotate))
        .described(
            about("Keys", "Give a key a new text")
                .says("The new text takes over when it is first used; the old one then works for `graceSeconds`.")
                .path::<KeyId>()
                .body::<RotateBody>(example!({ "graceSeconds": 3_600 }))
                .gives::<KeyView>(200)
                .may(409, "The key is revoked or has expired."),
        ),
    ]
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let found = ctx.api().keyring.list(ctx.key(), &request);
    let records = found.items.iter();
    let keys: Vec<KeyView> = records.map(|record| view(&ctx, record, None)).collect();
    page(&keys, found.next.as_ref())
}

async fn own(ctx: Ctx) -> Answer {
    let record = ctx
        .api()
        .keyring
        .record(ctx.key())
        .ok_or(Problem::NotFound("API key"))?;
    ok(&view(&ctx, &record, None))
}

async fn get(ctx: Ctx) -> Answer {
    let id: KeyId = ctx.id(0, "API key")?;
    let record = ctx
        .api()
        .keyring
        .get(ctx.key(), &id)
        .ok_or(Problem::NotFound("API key"))?;
    ok(&view(&ctx, &record, None))
}

async fn create(ctx: Ctx, body: CreateBody) -> Answer {
    let now_ms = ctx.api().clock.now_ms();
    let expires_at_ms = match (body.expires_at, body.expires_in_seconds) {
        (None, None) => None,
        (Some(text), None) => Some(moment(&text)?),
        (None, Some(seconds)) if seconds < 1 => {
            return Err(Problem::invalid(format!(
                "`expiresInSeconds` is {seconds}; a key lives for 1 second or longer."
            )));
        }
        (None, Some(seconds)) => Some(now_ms.saturating_add(seconds.saturating_mul(1_000))),
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "Send `expiresAt` or `expiresInSeconds`, not both.",
            ));
        }
    };
    let new = NewKey {
        reach: reach(&ctx, body.workflow_id, body.workflow_prefix)?,
        name: body.name,
        scopes: body.scopes,
        format: body.format.unwrap_or(KeyFormat::Wfk),
        expires_at_ms,
        limits: body.limits.unwrap_or_default().over(KeyLimits::default()),
    };
    let (record, text) = ctx
        .api()
        .keyring
        .issue(ctx.key(), &ctx.address(), new)
        .await?;
    created(&view(&ctx, &record, Some(&text)))
}

async fn update(ctx: Ctx, body: UpdateBody) -> Answer {
    let id: KeyId = ctx.id(0, "API key")?;
    let now = ctx
        .api()
        .keyring
        .get(ctx.key(), &id)
        .ok_or(Problem::NotFound("API key"))?;
    let expires_at_ms = match body.expires_at {
        None => None,
        Some(None) => Some(None),
        Some(Some(text)) => Some(Some(moment(&text)?)),
    };
    let change = KeyChange {
        name: body.name,
        scopes: body.scopes,
        expires_at_ms,
        limits: body.limits.map(|limits| limits.over(now.limits)),
        disabled: body.disabled,
    };
    let record = ctx
        .api()
        .keyring
        .update(ctx.key(), &ctx.address(), &id, change)
        .await?;
    ok(&view(&ctx, &record, None))
}

async fn rotate(ctx: Ctx, body: RotateBody) -> Answer {
    let id: KeyId = ctx.id(0, "API key")?;
    let grace_seconds = body.grace_seconds.unwrap_or(DEFAULT_GRACE_SECONDS);
    let (record, text) = ctx
        .api()
        .keyring
        .rotate(ctx.key(), &ctx.address(), &id, grace_seconds)
        .await?;
    ok(&view(&ctx, &record, Some(&text)))
}

async fn revoke(ctx: Ctx) -> Answer {
    let id: KeyId = ctx.id(0, "API key")?;
    let record = ctx
        .api()
        .keyring
        .revoke(ctx.key(), &ctx.address(), &id)
        .await?;
    ok(&view(&ctx, &record, None))
}

fn moment(text: &str) -> Result<i64, Problem> {
    parse_iso(text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Problem::invalid(format!(
            "`expiresAt` is `{shown}`; send a date like 2030-01-31T00:00:00Z."
        ))
    })
}

fn reach(
    ctx: &Ctx,
    workflow_id: Option<WorkflowId>,
    prefix: Option<String>,
) -> Result<Reach, Problem> {
    match (workflow_id, prefix) {
        // A bound key that does not say otherwise mints keys with its own binding.
        (None, None) => Ok(ctx.key().reach().clone()),
        (Some(_), Some(_)) => Err(Problem::invalid(
            "Send `workflowId` or `workflowPrefix`, not both.",
        )),
        (None, Some(prefix)) if prefix.is_empty() || prefix.chars().count() > 255 => Err(
            Problem::invalid("`workflowPrefix` has 1 to 255 characters."),
        ),
        (None, Some(prefix)) => Ok(Reach::Prefix(prefix)),
        (Some(id), None) => {
            let known = ctx.api().engine.workflows().get(&id)?;
            let within = |found: &crate::engine::CompiledWorkflow| {
                ctx.key().reach().covers(&id, &found.workflow.name)
            };
            if known.is_some_and(|found| within(&found)) {
                Ok(Reach::Workflow(id))
            } else {
                Err(Problem::invalid(format!(
                    "`workflowId`: there is no workflow {id} that this key reaches."
                )))
            }
        }
    }
}
