//! `/auth/api-keys`: list, create, read, change, rotate and revoke keys. A key's text stands in the answer that creates it
//! (POST, rotate) and nowhere else.

use super::{Answer, created, ok, page, page_request};
use crate::auth::{KeyChange, KeyText, NewKey};
use crate::clock::{iso_utc, parse_iso};
use crate::http::body::{json, query};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{KeyId, WorkflowId};
use crate::model::key::{KeyFormat, KeyRecord, KeySecret, Standing};
use crate::model::limit::{Category, KeyLimits, Limit};
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde::{Deserialize, Deserializer, Serialize};
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
        }),
        Endpoint::new(
            door,
            Method::POST,
            KEYS,
            Needs(KeysCreate, Write),
            |guard| json(guard).then(create),
        ),
        Endpoint::new(door, Method::GET, SELF, AnyKey(Read), |guard| {
            guard.then(own)
        }),
        Endpoint::new(door, Method::GET, ONE, Needs(KeysView, Read), |guard| {
            guard.then(get)
        }),
        Endpoint::new(
            door,
            Method::PATCH,
            ONE,
            Needs(KeysUpdate, Write),
            |guard| json(guard).then(update),
        ),
        Endpoint::new(
            door,
            Method::DELETE,
            ONE,
            Needs(KeysDelete, Write),
            |guard| guard.then(revoke),
        ),
        Endpoint::new(
            door,
            Method::POST,
            ROTATE,
            Needs(KeysUpdate, Write),
            |guard| json(guard).then(rotate),
        ),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

/// `{"read":100,"write":null}`: absent leaves a limit as it is, `null` takes it away.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LimitsBody {
    #[serde(default, deserialize_with = "sent")]
    read: Option<Option<u32>>,
    #[serde(default, deserialize_with = "sent")]
    write: Option<Option<u32>>,
    #[serde(default, deserialize_with = "sent")]
    execute: Option<Option<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateBody {
    name: String,
    scopes: Vec<String>,
    format: Option<KeyFormat>,
    expires_at: Option<String>,
    expires_in_seconds: Option<i64>,
    workflow_id: Option<WorkflowId>,
    workflow_prefix: Option<String>,
    limits: Option<LimitsBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct UpdateBody {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "sent")]
    expires_at: Option<Option<String>>,
    limits: Option<LimitsBody>,
    disabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RotateBody {
    grace_seconds: Option<u32>,
}

/// Tells a field that was sent as `null` from one that was not sent.
fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyView {
    id: KeyId,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    key_prefix: String,
    format: KeyFormat,
    scopes: Vec<String>,
    status: &'static str,
    workflow_id: Option<WorkflowId>,
    workflow_prefix: Option<String>,
    limits: LimitsView,
    expires_at: Option<String>,
    created_at: String,
    updated_at: String,
    created_by: String,
    last_used_at: Option<String>,
    last_used_from: Option<String>,
    revoked_at: Option<String>,
    pending: Option<PendingView>,
    former: Option<FormerView>,
}

/// The limits in force a minute; `null` is no limit.
#[derive(Serialize)]
struct LimitsView {
    read: Limit,
    write: Limit,
    execute: Limit,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PendingView {
    key_prefix: String,
    created_at: String,
    lapses_at: Option<String>,
    grace_seconds: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FormerView {
    key_prefix: String,
    valid_until: Option<String>,
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

impl LimitsBody {
    fn over(self, now: KeyLimits) -> KeyLimits {
        KeyLimits {
            read: self.read.map(Limit::from).or(now.read),
            write: self.write.map(Limit::from).or(now.write),
            execute: self.execute.map(Limit::from).or(now.execute),
        }
    }
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

fn view(ctx: &Ctx, record: &KeyRecord, text: Option<&KeyText>) -> KeyView {
    let [read, write, execute] = ctx.api().keyring.limits_of(record);
    let shown = |secret: &KeySecret| format!("{}{}", record.format.prefix(), secret.public_id);
    let (workflow_id, workflow_prefix) = match &record.reach {
        Reach::All => (None, None),
        Reach::Workflow(id) => (Some(id.clone()), None),
        Reach::Prefix(prefix) => (None, Some(prefix.clone())),
    };
    KeyView {
        id: record.id.clone(),
        name: record.name.clone(),
        key: text.map(|text| text.reveal().to_owned()),
        key_prefix: shown(&record.current),
        format: record.format,
        scopes: record.scopes.clone(),
        status: status(record, ctx.api().clock.now_ms()),
        workflow_id,
        workflow_prefix,
        limits: LimitsView {
            read,
            write,
            execute,
        },
        expires_at: record.expires_at_ms.map(iso_utc),
        created_at: iso_utc(record.created_at_ms),
        updated_at: iso_utc(record.updated_at_ms),
        created_by: record.created_by.clone(),
        last_used_at: record.last_use.as_ref().map(|used| iso_utc(used.at_ms)),
        last_used_from: record.last_use.as_ref().map(|used| used.address.clone()),
        revoked_at: record.revoked_at_ms.map(iso_utc),
        pending: record.pending.as_ref().map(|pending| PendingView {
            key_prefix: shown(&pending.secret),
            created_at: iso_utc(pending.secret.created_at_ms),
            lapses_at: pending.secret.valid_until_ms.map(iso_utc),
            grace_seconds: pending.grace_seconds,
        }),
        former: record.former.as_ref().map(|former| FormerView {
            key_prefix: shown(former),
            valid_until: former.valid_until_ms.map(iso_utc),
        }),
    }
}

fn status(record: &KeyRecord, now_ms: i64) -> &'static str {
    match record.standing(now_ms) {
        Standing::InForce => "active",
        Standing::Revoked => "revoked",
        Standing::Expired => "expired",
        Standing::Disabled => "disabled",
    }
}
