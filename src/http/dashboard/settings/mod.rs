//! Settings: what the server runs with, what is removed when, the dashboard's password. May not know how either is kept.
//! Promise: of a secret this page says whether it is set, and nothing else.

mod settings_view;

use super::cookie::forget;
use super::form::Form;
use super::frame::Frame;
use super::sign_in::tell_when;
use super::{go_to, page, signed_in};
use crate::auth::{MIN_PASSWORD_CHARS, SignInError};
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use askama::Template;
use settings_view::{Facts, KeptRow, SettingRow, facts, kept, settings};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "settings";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        signed_in(Method::GET, "/dashboard/settings", look),
        signed_in(Method::POST, "/dashboard/settings/retention", sweep),
        signed_in(Method::POST, "/dashboard/settings/password", set_password),
        signed_in(
            Method::POST,
            "/dashboard/settings/sign-out-everywhere",
            sign_out_everywhere,
        ),
    ]
}

#[derive(Template)]
#[template(
    path = "settings/settings.html",
    config = "src/http/dashboard/askama.toml"
)]
struct SettingsPage<'a> {
    frame: Frame,
    facts: Facts,
    kept: [KeptRow; 5],
    settings: Vec<SettingRow<'a>>,
    sessions: usize,
    min_chars: usize,
    /// Why the password is not changed.
    refusal: Option<String>,
}

async fn look(ctx: Ctx) -> Result<Response, Problem> {
    settings_page(&ctx, StatusCode::OK, None).await
}

async fn settings_page(
    ctx: &Ctx,
    status: StatusCode,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    let api = ctx.api();
    let everything = SettingsPage {
        frame: Frame::of(&ctx.visit, PART),
        facts: facts(api).await?,
        kept: kept(api.engine.retention()),
        settings: settings(&api.facts.settings),
        sessions: api.sign_in.sessions_now(),
        min_chars: MIN_PASSWORD_CHARS,
        refusal,
    };
    page(status, &everything)
}

/// Removes now what need not be kept. The page then says what was removed.
async fn sweep(ctx: Ctx) -> Result<Response, Problem> {
    ctx.api().engine.sweep_for(&ctx.changed_by()).await?;
    Ok(go_to(&ctx.visit, "settings"))
}

/// Sets another password. Everybody has to sign in again, whoever did it too.
async fn set_password(ctx: Ctx) -> Result<Response, Problem> {
    let form = Form::read_of(&ctx).await?;
    let (current, next) = (form.secret("current"), form.secret("password"));
    if next != form.secret("again") {
        let refusal = Some("The two new passwords are not the same.".to_owned());
        return settings_page(&ctx, StatusCode::BAD_REQUEST, refusal).await;
    }
    let (sign_in, peer) = (&ctx.api().sign_in, ctx.visit.peer.address);
    match sign_in.replace_password(current, next, peer).await {
        Ok(()) => Ok(signed_out(&ctx)),
        Err(error) => refused(&ctx, &error).await,
    }
}

/// The page with the reason why the password stays as it is. A wrong one is audited as at the sign-in.
async fn refused(ctx: &Ctx, error: &SignInError) -> Result<Response, Problem> {
    let status = match error {
        SignInError::Weak(_) => StatusCode::BAD_REQUEST,
        SignInError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        SignInError::WrongPassword => StatusCode::FORBIDDEN,
        SignInError::Store(error) => return Err(error.clone().into()),
        SignInError::NotSetUp | SignInError::WrongLink | SignInError::NotHashed => {
            return Err(Problem::internal(error));
        }
    };
    if !matches!(error, SignInError::Weak(_)) {
        let (keyring, peer) = (&ctx.api().keyring, ctx.visit.peer.address);
        keyring.note_refusal("password", None, peer);
    }
    let mut response = settings_page(ctx, status, Some(error.to_string())).await?;
    tell_when(&mut response, error);
    Ok(response)
}

async fn sign_out_everywhere(ctx: Ctx) -> Result<Response, Problem> {
    let (sign_in, peer) = (&ctx.api().sign_in, ctx.visit.peer.address);
    match sign_in.sign_out_everywhere(peer).await {
        Ok(()) => Ok(signed_out(&ctx)),
        Err(error) => refused(&ctx, &error).await,
    }
}

fn signed_out(ctx: &Ctx) -> Response {
    let mut response = go_to(&ctx.visit, "sign-in");
    forget(&ctx.visit, &mut response);
    response
}
