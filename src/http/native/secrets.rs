//! `/workflows/:id/secrets`: what `{{secrets.X}}` stands for in the steps of one workflow. A value goes in and never comes out.

use super::{Answer, created, ok};
use crate::clock::iso_utc;
use crate::http::body::json;
use crate::http::describe::{Word, about};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::secret::{SecretName, SecretSummary};
use crate::secret::SecretText;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json as example;
use warp::Filter as _;
use warp::http::Method;

/// What can be a secret's name, for documents.
const NAME_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/workflows/:id/secrets";
    const ONE: &str = "/api/v1/workflows/:id/secrets/:name";
    let read = Access::Needs(Permission::SecretsWrite, Category::Read);
    let write = Access::Needs(Permission::SecretsWrite, Category::Write);
    let door = Door::Native;
    vec![
        Endpoint::new(door, Method::GET, LIST, read, |guard| guard.then(list)).described(
            about("Secrets", "List a workflow's secrets")
                .says("All of them at once, without their values.")
                .path::<WorkflowId>()
                .lists::<SecretView<'_>>(),
        ),
        Endpoint::new(door, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        })
        .described(
            about("Secrets", "Keep a secret")
                .says("Steps of the workflow name it as `{{secrets.NAME}}`. Its value is never shown again.")
                .path::<WorkflowId>()
                .body::<CreateBody>(example!({ "key": "STRIPE_KEY", "value": "sk_test_example" }))
                .gives::<SecretView<'_>>(201)
                .may(409, "The workflow has a secret of this name, or the most that are kept."),
        ),
        Endpoint::new(door, Method::PUT, ONE, write, |guard| {
            json(guard).then(replace)
        })
        .described(
            about("Secrets", "Give a secret another value")
                .path::<WorkflowId>()
                .path::<Word>()
                .body::<ReplaceBody>(example!({ "value": "sk_test_another" }))
                .gives::<SecretView<'_>>(200),
        ),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(delete)).described(
            about("Secrets", "Delete a secret")
                .path::<WorkflowId>()
                .path::<Word>()
                .gives::<DeletedView<'_>>(200),
        ),
    ]
}

/// A secret to be kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSecret")]
struct CreateBody {
    /// Its name: `{{secrets.NAME}}`.
    #[schemars(with = "String", regex(pattern = NAME_PATTERN))]
    key: SecretName,
    /// Its value, 4 characters to 16 KiB.
    #[schemars(schema_with = "secret_value")]
    value: SecretText,
}

/// Another value of a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SecretValue")]
struct ReplaceBody {
    /// 4 characters to 16 KiB.
    #[schemars(schema_with = "secret_value")]
    value: SecretText,
}

/// A text, or a whole number as its digits.
fn secret_value(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "integer"],
        "minLength": 4,
        "maxLength": 16_384,
        "minimum": 1_000,
        "maximum": u64::MAX,
        "writeOnly": true,
    })
}

/// A secret; its value is not shown to anybody.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Secret")]
struct SecretView<'a> {
    /// Its name.
    #[schemars(with = "String")]
    key: &'a SecretName,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When it last got a value.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

/// What deleting answers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeletedSecret")]
struct DeletedView<'a> {
    /// What is gone.
    #[schemars(with = "String")]
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
