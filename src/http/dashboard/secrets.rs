//! The secrets of one workflow: their names, a new one, another value, the end of one. May not know how values are kept.
//! Promise: a value stands on no page, not even on the one that says what was wrong with it.

use super::form::Form;
use super::frame::Frame;
use super::{go_to, page, signed_in};
use crate::clock::iso_utc;
use crate::engine::CompiledWorkflow;
use crate::engine::secrets::SecretError;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::model::secret::{SecretName, SecretSummary};
use askama::Template;
use std::sync::Arc;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "workflows";

/// So many names without a value are told at once.
const MAX_MISSING: usize = 50;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ALL: &str = "/dashboard/workflows/:id/secrets";
    const ONE: &str = "/dashboard/workflows/:id/secrets/:name";
    const DELETE: &str = "/dashboard/workflows/:id/secrets/:name/delete";
    vec![
        signed_in(Method::GET, ALL, list),
        signed_in(Method::POST, ALL, create),
        signed_in(Method::POST, ONE, replace),
        signed_in(Method::GET, DELETE, ask_to_delete),
        signed_in(Method::POST, DELETE, delete),
    ]
}

/// One secret.
struct SecretRow {
    name: String,
    created: String,
    updated: String,
}

#[derive(Template)]
#[template(
    path = "secrets/secrets.html",
    config = "src/http/dashboard/askama.toml"
)]
struct SecretsPage<'a> {
    frame: Frame,
    workflow_id: &'a str,
    workflow_name: &'a str,
    secrets: Vec<SecretRow>,
    /// Names that steps use and that have no value.
    missing: Vec<&'a str>,
    /// How many more of them there are.
    more_missing: usize,
    /// The name of the secret that was not kept.
    typed_name: &'a str,
    refusal: Option<String>,
}

#[derive(Template)]
#[template(
    path = "secrets/secret_delete.html",
    config = "src/http/dashboard/askama.toml"
)]
struct DeletePage<'a> {
    frame: Frame,
    workflow_id: &'a str,
    workflow_name: &'a str,
    name: &'a str,
    /// Whether the workflow's steps use it.
    is_used: bool,
}

async fn list(ctx: Ctx) -> Result<Response, Problem> {
    secrets_page(&ctx, &*reachable(&ctx)?, StatusCode::OK, "", None)
}

fn secrets_page(
    ctx: &Ctx,
    compiled: &CompiledWorkflow,
    status: StatusCode,
    typed_name: &str,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    let (workflow, secrets) = (&compiled.workflow, ctx.api().engine.secrets());
    let names = compiled.definition.plan.secret_names();
    let missing = secrets.missing(workflow, names)?;
    let list = SecretsPage {
        frame: Frame::of(&ctx.visit, PART),
        workflow_id: workflow.id.as_str(),
        workflow_name: &workflow.name,
        secrets: secrets.list(workflow)?.iter().map(row).collect(),
        more_missing: missing.len().saturating_sub(MAX_MISSING),
        missing: missing.into_iter().take(MAX_MISSING).collect(),
        typed_name,
        refusal,
    };
    page(status, &list)
}

fn row(secret: &SecretSummary) -> SecretRow {
    SecretRow {
        name: secret.name.to_string(),
        created: iso_utc(secret.created_at_ms),
        updated: iso_utc(secret.updated_at_ms),
    }
}

async fn create(ctx: Ctx) -> Result<Response, Problem> {
    let compiled = reachable(&ctx)?;
    let form = Form::read_of(&ctx).await?;
    let typed = form.text("name").unwrap_or_default();
    let refused = |status, refusal| secrets_page(&ctx, &compiled, status, typed, Some(refusal));
    let name: SecretName = match typed.parse() {
        Ok(name) => name,
        Err(error) => {
            let error: crate::model::secret::BadSecretName = error;
            return refused(StatusCode::BAD_REQUEST, error.to_string());
        }
    };
    let (secrets, by) = (ctx.api().engine.secrets(), ctx.changed_by());
    let workflow = &compiled.workflow;
    if secrets.list(workflow)?.iter().any(|one| one.name == name) {
        let message = format!("There is a secret {name} already. Give it another value below.");
        return refused(StatusCode::CONFLICT, message);
    }
    match secrets
        .create(&by, workflow, name, &form.secret("value"))
        .await
    {
        Ok(_) => Ok(back_to(&ctx, &compiled)),
        Err(SecretError::Invalid(message)) => refused(StatusCode::BAD_REQUEST, message),
        Err(SecretError::Conflict(message)) => refused(StatusCode::CONFLICT, message),
        Err(error) => Err(error.into()),
    }
}

async fn replace(ctx: Ctx) -> Result<Response, Problem> {
    let (compiled, name) = named(&ctx)?;
    let form = Form::read_of(&ctx).await?;
    let (secrets, by) = (ctx.api().engine.secrets(), ctx.changed_by());
    let value = form.secret("value");
    match secrets.replace(&by, &compiled.workflow, name, &value).await {
        Ok(_) => Ok(back_to(&ctx, &compiled)),
        Err(SecretError::Invalid(message)) => {
            secrets_page(&ctx, &compiled, StatusCode::BAD_REQUEST, "", Some(message))
        }
        Err(error) => Err(error.into()),
    }
}

async fn ask_to_delete(ctx: Ctx) -> Result<Response, Problem> {
    let (compiled, name) = named(&ctx)?;
    let workflow = &compiled.workflow;
    let secrets = ctx.api().engine.secrets().list(workflow)?;
    if !secrets.iter().any(|secret| secret.name == name) {
        return Err(Problem::NotFound("secret"));
    }
    let mut used = compiled.definition.plan.secret_names().into_iter();
    let question = DeletePage {
        frame: Frame::of(&ctx.visit, PART),
        workflow_id: workflow.id.as_str(),
        workflow_name: &workflow.name,
        name: name.as_str(),
        is_used: used.any(|used| used == name.as_str()),
    };
    page(StatusCode::OK, &question)
}

async fn delete(ctx: Ctx) -> Result<Response, Problem> {
    let (compiled, name) = named(&ctx)?;
    let (secrets, by) = (ctx.api().engine.secrets(), ctx.changed_by());
    secrets.delete(&by, &compiled.workflow, name).await?;
    Ok(back_to(&ctx, &compiled))
}

fn back_to(ctx: &Ctx, compiled: &CompiledWorkflow) -> Response {
    let page = format!("workflows/{}/secrets", compiled.workflow.id);
    go_to(&ctx.visit, &page)
}

/// The workflow and the name that the path has.
fn named(ctx: &Ctx) -> Result<(Arc<CompiledWorkflow>, SecretName), Problem> {
    let name = ctx.text(1).parse();
    let name = name.map_err(|_| Problem::NotFound("secret"))?;
    Ok((reachable(ctx)?, name))
}
