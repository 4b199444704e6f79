//! `/workflows/:id/secrets`: what `{{secrets.X}}` stands for in the steps of one workflow. A value goes in and never comes out.

use super::workflows::reachable;
use super::{Answer, created, ok};
use crate::clock::iso_utc;
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::secret::{SecretName, SecretSummary};
use crate::secret::SecretText;
use serde::{Deserialize, Serialize};
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/workflows/:id/secrets";
    const ONE: &str = "/api/v1/workflows/:id/secrets/:name";
    let read = Access::Needs(Permission::SecretsWrite, Category::Read);
    let write = Access::Needs(Permission::SecretsWrite, Category::Write);
    let door = Door::Native;
    vec![
        Endpoint::new(door, Method::GET, LIST, read, |guard| guard.then(list)),
        Endpoint::new(door, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        }),
        Endpoint::new(door, Method::PUT, ONE, write, |guard| {
            json(guard).then(replace)
        }),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(delete)),
    ]
}

/// A secret to be kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    /// Its name: `{{secrets.NAME}}`.
    key: SecretName,
    /// Its value, 4 characters to 16 KiB.
    value: SecretText,
}

/// Another value of a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplaceBody {
    /// 4 characters to 16 KiB.
    value: SecretText,
}

/// A secret; its value is not shown to anybody.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretView<'a> {
    /// Its name.
    key: &'a SecretName,
    /// When it was made.
    created_at: String,
    /// When it last got a value.
    updated_at: String,
}

/// What deleting answers.
#[derive(Serialize)]
struct DeletedView<'a> {
    /// What is gone.
    key: &'a SecretName,
    /// Always true.
    deleted: bool,
}

async fn list(ctx: Ctx) -> Answer {
    let workflow = &reachable(&ctx)?.workflow;
    let found = ctx.api().engine.secrets().list(workflow)?;
    let views: Vec<SecretView<'_>> = found.iter().map(view).collect();
    super::page(&views, None)
}

async fn create(ctx: Ctx, body: CreateBody) -> Answer {
    let workflow = &reachable(&ctx)?.workflow;
    let (secrets, by) = (ctx.api().engine.secrets(), ctx.changed_by());
    let kept = secrets.create(&by, workflow, body.key, &body.value).await?;
    created(&view(&kept))
}

async fn replace(ctx: Ctx, body: ReplaceBody) -> Answer {
    let workflow = &reachable(&ctx)?.workflow;
    let name = named(&ctx)?;
    let (secrets, by) = (ctx.api().engine.secrets(), ctx.changed_by());
    let kept = secrets.replace(&by, workflow, name, &body.value).await?;
    ok(&view(&kept))
}

async fn delete(ctx: Ctx) -> Answer {
    let workflow = &reachable(&ctx)?.workflow;
    let name = named(&ctx)?;
    let (secrets, by) = (ctx.api().engine.secrets(), ctx.changed_by());
    secrets.delete(&by, workflow, name.clone()).await?;
    ok(&DeletedView {
        key: &name,
        deleted: true,
    })
}

fn named(ctx: &Ctx) -> Result<SecretName, Problem> {
    let text = ctx.text(1);
    text.parse().map_err(|_| Problem::NotFound("secret"))
}

fn view(secret: &SecretSummary) -> SecretView<'_> {
    SecretView {
        key: &secret.name,
        created_at: iso_utc(secret.created_at_ms),
        updated_at: iso_utc(secret.updated_at_ms),
    }
}
