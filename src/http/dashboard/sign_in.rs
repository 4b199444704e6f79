//! The way in: the set-up link, the sign-in form, the way out.
//! May not know how passwords are kept. Promises: a form of another site's page changes nothing here; every attempt that
//! fails is audited by its network; who signs in gets a session that nobody has seen before.

use super::cookie::{forget, hold, session_text};
use super::form::Form;
use super::frame::Frame;
use super::{go_to, page, signed_in};
use crate::auth::{MIN_PASSWORD_CHARS, SignInError};
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::secret::SecretText;
use crate::store::StoreError;
use askama::Template;
use std::sync::Arc;
use warp::http::{HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const SIGN_IN: &str = "/dashboard/sign-in";
    const SET_UP: &str = "/dashboard/set-up/:token";
    let door = Door::Dashboard;
    vec![
        Endpoint::unkeyed(door, Method::GET, "/", |visit| async move {
            Ok(go_to(&visit, ""))
        }),
        signed_in(Method::GET, "/dashboard", |ctx| async move {
            Ok(go_to(&ctx.visit, "workflows"))
        }),
        Endpoint::unkeyed(door, Method::GET, SIGN_IN, look),
        Endpoint::unkeyed(door, Method::POST, SIGN_IN, sign_in),
        Endpoint::unkeyed(door, Method::GET, SET_UP, look_at_set_up),
        Endpoint::unkeyed(door, Method::POST, SET_UP, set_up),
        signed_in(Method::POST, "/dashboard/sign-out", sign_out),
    ]
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/http/dashboard/askama.toml")]
struct SignInPage {
    frame: Frame,
    is_set_up: bool,
    refusal: Option<String>,
}

#[derive(Template)]
#[template(path = "set_up.html", config = "src/http/dashboard/askama.toml")]
struct SetUpPage {
    frame: Frame,
    min_chars: usize,
    refusal: Option<String>,
}

async fn look(visit: Arc<Visit>) -> Result<Response, Problem> {
    sign_in_page(&visit, StatusCode::OK, None)
}

async fn sign_in(visit: Arc<Visit>) -> Result<Response, Problem> {
    refuse_other_sites(&visit)?;
    let password = Form::read(&visit).await?.secret("password");
    let peer = visit.peer.address;
    match visit.api.sign_in.sign_in(password, peer).await {
        Ok(session) => begin(&visit, &session).await,
        Err(error) => {
            let status = refused(&visit, &error, "password")?;
            let mut response = sign_in_page(&visit, status, Some(error.to_string()))?;
            tell_when(&mut response, &error);
            Ok(response)
        }
    }
}

fn sign_in_page(
    visit: &Visit,
    status: StatusCode,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    let form = SignInPage {
        frame: Frame::outside(visit),
        is_set_up: visit.api.sign_in.is_set_up(),
        refusal,
    };
    page(status, &form)
}

async fn look_at_set_up(visit: Arc<Visit>) -> Result<Response, Problem> {
    let (token, peer) = (visit.parameter(0), visit.peer.address);
    match visit.api.sign_in.is_set_up_token(token, peer) {
        Ok(()) => set_up_page(&visit, StatusCode::OK, None),
        Err(error) => no_set_up(&visit, &error),
    }
}

async fn set_up(visit: Arc<Visit>) -> Result<Response, Problem> {
    refuse_other_sites(&visit)?;
    let form = Form::read(&visit).await?;
    let (password, again) = (form.secret("password"), form.secret("again"));
    if password != again {
        let refusal = "The two passwords are not the same.".to_owned();
        return set_up_page(&visit, StatusCode::BAD_REQUEST, Some(refusal));
    }
    let (token, peer) = (visit.parameter(0), visit.peer.address);
    match visit.api.sign_in.set_up(token, password, peer).await {
        Ok(session) => begin(&visit, &session).await,
        Err(SignInError::Weak(weakness)) => {
            set_up_page(&visit, StatusCode::BAD_REQUEST, Some(weakness.to_string()))
        }
        Err(error) => no_set_up(&visit, &error),
    }
}

fn set_up_page(
    visit: &Visit,
    status: StatusCode,
    refusal: Option<String>,
) -> Result<Response, Problem> {
    let form = SetUpPage {
        frame: Frame::outside(visit),
        min_chars: MIN_PASSWORD_CHARS,
        refusal,
    };
    page(status, &form)
}

/// A set-up link that does not lead to its form.
fn no_set_up(visit: &Visit, error: &SignInError) -> Result<Response, Problem> {
    let status = refused(visit, error, "set_up_link")?;
    let mut response = sign_in_page(visit, status, Some(error.to_string()))?;
    tell_when(&mut response, error);
    Ok(response)
}

/// The status of a refusal; what was guessed is audited.
fn refused(
    visit: &Visit,
    error: &SignInError,
    reason: &'static str,
) -> Result<StatusCode, Problem> {
    let status = match error {
        SignInError::WrongPassword | SignInError::WrongLink => StatusCode::FORBIDDEN,
        SignInError::NotSetUp => StatusCode::CONFLICT,
        SignInError::Weak(_) => StatusCode::BAD_REQUEST,
        SignInError::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
        SignInError::NotHashed => return Err(Problem::internal(error)),
        SignInError::Store(error) => return Err(error.clone().into()),
    };
    let (keyring, peer) = (&visit.api.keyring, visit.peer.address);
    keyring.note_refusal(reason, None, peer);
    Ok(status)
}

pub(super) fn tell_when(response: &mut Response, error: &SignInError) {
    if let SignInError::Throttled { retry_after_s } = error {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
    }
}

/// Lets the browser in. A session that it held before ends.
async fn begin(visit: &Visit, session: &SecretText) -> Result<Response, Problem> {
    end_held(visit).await?;
    let mut response = go_to(visit, "workflows");
    hold(visit, &mut response, session);
    Ok(response)
}

async fn sign_out(ctx: Ctx) -> Result<Response, Problem> {
    end_held(&ctx.visit).await?;
    let mut response = go_to(&ctx.visit, "sign-in");
    forget(&ctx.visit, &mut response);
    Ok(response)
}

async fn end_held(visit: &Visit) -> Result<(), StoreError> {
    match session_text(visit) {
        Some(held) => visit.api.sign_in.sign_out(held, visit.peer.address).await,
        None => Ok(()),
    }
}

/// A form comes from a page of this server, or is refused: browsers say where a form was sent from.
pub(in crate::http) fn refuse_other_sites(visit: &Visit) -> Result<(), Problem> {
    let text = |name| {
        let value = visit.headers.get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let options = &visit.api.options;
    let public = options.public_url.as_deref();
    let is_own = text(header::ORIGIN)
        .zip(text(header::HOST))
        .is_some_and(|(origin, host)| is_own(origin, host, public, options.secure_cookies));
    if is_own {
        return Ok(());
    }
    let (keyring, peer) = (&visit.api.keyring, visit.peer.address);
    keyring.note_refusal("other_site", None, peer);
    Err(Problem::OtherSite)
}

/// Whether pages of this origin are the server's own: those of its public URL, or those of the host that was asked. As to the host of
/// the public URL, or where all is behind TLS, a page that came without it may be anybody's.
fn is_own(origin: &str, host: &str, public: Option<&str>, behind_tls: bool) -> bool {
    if public == Some(origin) {
        return true;
    }
    let Some((scheme, from)) = origin.split_once("://") else {
        return false;
    };
    let is_scheme = scheme == "https" || scheme == "http" && (public.is_some() || !behind_tls);
    let public_host = public.and_then(|public| public.split_once("://"));
    let is_public_host = public_host.is_some_and(|(_, known)| known.eq_ignore_ascii_case(host));
    is_scheme && !is_public_host && from.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_servers_own_pages_send_forms() {
        let public = Some("https://flow.example");
        for (origin, host, public, behind_tls, expected) in [
            ("http://localhost:3000", "localhost:3000", None, false, true),
            ("http://LOCALHOST:3000", "localhost:3000", None, false, true),
            ("https://flow.example", "flow.example", None, false, true),
            ("https://flow.example", "flow.example", None, true, true),
            ("https://flow.example", "127.0.0.1:3000", public, true, true),
            (
                "http://127.0.0.1:3000",
                "127.0.0.1:3000",
                public,
                true,
                true,
            ),
            ("null", "localhost:3000", None, false, false),
            ("", "", None, false, false),
            ("localhost:3000", "localhost:3000", None, false, false),
            ("//localhost:3000", "localhost:3000", None, false, false),
            (
                "file://localhost:3000",
                "localhost:3000",
                None,
                false,
                false,
            ),
            (
                "http://localhost:3000/x",
                "localhost:3000",
                None,
                false,
                false,
            ),
            (
                "http://localhost:3000.evil.example",
                "localhost:3000",
                None,
                false,
                false,
            ),
            (
                "http://localhost:3000@evil.example",
                "localhost:3000",
                None,
                false,
                false,
            ),
            ("http://localhost", "localhost:3000", None, false, false),
            // Without TLS somebody on the way may have written the page.
            ("http://flow.example", "flow.example", None, true, false),
            ("http://flow.example", "flow.example", public, true, false),
            ("http://flow.example", "127.0.0.1:3000", public, true, false),
        ] {
            let found = is_own(origin, host, public, behind_tls);
            assert_eq!(
                found, expected,
                "{origin} to {host}, {public:?}, {behind_tls}"
            );
        }
    }
}
