//! What stands before every handler, as warp filters in this order: authenticate → within limit → authorize.
//! May not know what the handler does. Promise: a [`Ctx`] is made here and nowhere else, so a handler that takes one is
//! guarded, and a body is read only after its sender was let in.

use super::dashboard::{refuse_other_sites, session_text};
use super::door::Door;
use super::endpoint::Access;
use super::problem::Problem;
use super::visit::{Ctx, Visit};
use crate::auth::{KeyEntry, Refusal};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use std::future::ready;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

/// The first part of a guarded endpoint's chain.
pub(super) type Guard = BoxedFilter<(Ctx,)>;

/// The guard that an access asks for.
pub(super) fn guard(access: Access) -> Guard {
    warp::ext::get::<Arc<Visit>>()
        .and_then(move |visit: Arc<Visit>| async move {
            let let_in = match access {
                Access::SignedIn => signed_in(&visit).await,
                _ => authenticate(&visit).await,
            };
            let_in.map_err(|problem| visit.refuse(problem))
        })
        .and_then(move |ctx| ready(stopping(ctx, |ctx| within_limit(access, ctx))))
        .and_then(move |ctx| ready(stopping(ctx, |ctx| authorize(access, ctx))))
        .boxed()
}

/// The same three questions, for an endpoint that asks them of some requests only.
pub(super) async fn admit(visit: &Arc<Visit>, access: Access) -> Result<Ctx, Problem> {
    let ctx = authenticate(visit).await?;
    within_limit(access, &ctx)?;
    authorize(access, &ctx)?;
    Ok(ctx)
}

/// The request goes on, or stops with what `check` says.
fn stopping(ctx: Ctx, check: impl Fn(&Ctx) -> Result<(), Problem>) -> Result<Ctx, Rejection> {
    match check(&ctx) {
        Ok(()) => Ok(ctx),
        Err(problem) => Err(ctx.visit.refuse(problem)),
    }
}

/// Somebody whose browser holds a session, and whose form comes from a page of this server.
async fn signed_in(visit: &Arc<Visit>) -> Result<Ctx, Problem> {
    if !matches!(visit.method.as_str(), "GET" | "HEAD") {
        refuse_other_sites(visit)?;
    }
    let sign_in = &visit.api.sign_in;
    let owner = match session_text(visit) {
        Some(session) => sign_in.owner(session).await,
        None => None,
    };
    Ok(Ctx {
        visit: visit.clone(),
        key: owner.ok_or(Problem::NotSignedIn)?,
    })
}

async fn authenticate(visit: &Arc<Visit>) -> Result<Ctx, Problem> {
    match who(visit).await {
        Ok(key) => Ok(Ctx {
            visit: visit.clone(),
            key,
        }),
        Err(refusal) => {
            let in_url = visit.door == Door::Native
                && refusal == Refusal::Missing
                && has_key_in_query(visit.query());
            Err(if in_url {
                key_in_url()
            } else {
                Problem::Unauthorized(refusal)
            })
        }
    }
}

/// Whom the visit's credential lets in. Also asked where no endpoint was found, so that an answer to a known caller always
/// carries its limit.
pub(super) async fn who(visit: &Arc<Visit>) -> Result<Arc<KeyEntry>, Refusal> {
    let keyring = &visit.api.keyring;
    let result = match &visit.credential {
        _ if visit.peer.control => Ok(keyring.control()),
        None => Err(Refusal::Missing),
        Some(credential) => match keyring.check(credential.text(), visit.peer.address) {
            Some(known) => known,
            // Once a process and key: in a box, so that it does not make every request's future larger.
            None => Box::pin(keyring.verify(credential.text(), visit.peer.address)).await,
        },
    };
    match &result {
        Ok(key) => drop(visit.who.set(key.clone())),
        Err(refusal) => keyring.note_refusal(refusal.as_str(), None, visit.peer.address),
    }
    result
}

fn within_limit(access: Access, ctx: &Ctx) -> Result<(), Problem> {
    let (Access::AnyKey(category)
    | Access::Needs(_, category)
    | Access::NeedsOneOf(_, category)
    | Access::NeedsUnlessOpen(_, category)) = access
    else {
        return Ok(());
    };
    let clock = &ctx.visit.api.clock;
    let counted = ctx.key.count(category, clock);
    ctx.key
        .touch(clock.now_ms(), ctx.visit.peer.address, category);
    let (state, limited) = match counted {
        Ok(state) => (state, None),
        Err(state) => (Some(state), Some(state)),
    };
    ctx.visit.limit.get_or_init(|| state);
    let Some(state) = limited else {
        return Ok(());
    };
    ctx.key.note_limited();
    note_refusal(ctx, "limited");
    Err(Problem::Limited {
        state,
        of_executions: category == Category::Execute,
    })
}

fn authorize(access: Access, ctx: &Ctx) -> Result<(), Problem> {
    let category = match access {
        Access::Open | Access::SignedIn => return Ok(()),
        Access::AnyKey(category)
        | Access::Needs(_, category)
        | Access::NeedsOneOf(_, category)
        | Access::NeedsUnlessOpen(_, category) => category,
    };
    let permissions = access.permissions();
    if !permissions.is_empty()
        && !permissions
            .iter()
            .any(|permission| ctx.key.may(*permission))
    {
        return Err(forbidden(ctx, permissions));
    }
    ctx.key.note_let_in(category);
    Ok(())
}

/// What is answered to a key that has none of these permissions; the refusal is noted.
pub(super) fn forbidden(ctx: &Ctx, permissions: &[Permission]) -> Problem {
    ctx.key.note_refused();
    note_refusal(ctx, "forbidden");
    let words = permissions.iter().map(|permission| permission.word());
    Problem::Forbidden(words.map(str::to_owned).collect())
}

fn note_refusal(ctx: &Ctx, reason: &'static str) {
    let keyring = &ctx.visit.api.keyring;
    keyring.note_refusal(reason, Some(&ctx.key), ctx.visit.peer.address);
}

/// The category of a request for which no endpoint was found, by its method.
pub(super) fn category_of(method: &warp::http::Method) -> Category {
    if matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        Category::Read
    } else {
        Category::Write
    }
}

fn has_key_in_query(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair
            .split('=')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        matches!(
            name.as_str(),
            "apikey" | "api_key" | "api-key" | "x-api-key" | "key" | "token" | "access_token"
        )
    })
}

fn key_in_url() -> Problem {
    Problem::invalid(
        "Send the API key in the `x-api-key` header. A key in a URL ends up in logs and histories: if it was a real one, rotate it.",
    )
}
