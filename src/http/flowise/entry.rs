//! Who may ask a flow, and what belongs to its chat: with the key that the flow is bound to, with a key that may send messages,
//! or without one where the flow is open.
//! May not know what is asked. Promises: a bound flow is asked with its key and no other, whatever else that may do; a caller
//! without a key obeys the limits of its address; who shows no good key does not learn which flows there are.

use super::chatflows::LIST;
use super::flow_limit::within_flow_limit;
use super::flows::{Flow, find, is_anonymous};
use super::worded;
use crate::engine::StartedBy;
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::endpoint::Access;
use crate::http::guard::admit;
use crate::http::problem::Problem;
use crate::http::visit::{Ctx, Visit};
use crate::model::chatflow::{ApiConfig, ChatbotConfig};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use std::sync::Arc;
use warp::http::{StatusCode, header};
use warp::reply::Response;

/// Who was let in: a key, or nobody that is known.
pub(super) struct Caller(Option<Ctx>);

impl Caller {
    /// Who starts a run.
    pub(super) fn started_by(&self) -> StartedBy {
        self.0
            .as_ref()
            .map_or_else(StartedBy::visitor, Ctx::started_by)
    }

    /// Whether it may look at what a flow is made of and does, not only at what it says.
    pub(super) fn may_view(&self, flow: &Flow) -> bool {
        self.0.as_ref().is_some_and(|ctx| {
            let sees = ctx.key().may(Permission::ExecutionsView) || LIST.holds(ctx, flow.kind);
            sees && flow.is_within(ctx.key().reach())
        })
    }
}

/// What an endpoint of a flow's chat asks of a key where the flow is not open.
pub(super) const fn asks(category: Category) -> (Permission, Category) {
    (Permission::PredictionsCreate, category)
}

/// The flow that the path's first parameter names, and who was let in to it.
pub(super) async fn enter(visit: &Arc<Visit>, access: Access) -> Result<(Flow, Caller), Problem> {
    enter_flow(visit, access, visit.parameter(0)).await
}

/// The same, of a flow that is named elsewhere.
pub(super) async fn enter_flow(
    visit: &Arc<Visit>,
    access: Access,
    named: &str,
) -> Result<(Flow, Caller), Problem> {
    within_limit_of_anonymous(visit, access)?;
    let flow = find_to_ask(visit, access, named).await?;
    let caller = let_in(visit, access, &flow).await?;
    match refused_origin(visit, &flow.chatbot()) {
        Some(message) => Err(worded(StatusCode::FORBIDDEN, message)),
        None => Ok((flow, caller)),
    }
}

/// What the page that asks is refused with, where the flow does not let it. A form can be sent by any page, and unlike JSON
/// without asking the server first.
pub(super) fn refused_origin<'a>(visit: &Visit, chatbot: &'a ChatbotConfig) -> Option<&'a str> {
    let origin = visit.headers.get(header::ORIGIN)?;
    chatbot.refuses_origin(origin.to_str().unwrap_or_default())
}

/// The flow that the path's first parameter names and that is to run, and who was let in to it. An answer: it was asked more
/// often than its owner lets one address, which comes before keys.
pub(super) async fn enter_to_run(
    visit: &Arc<Visit>,
    access: Access,
) -> Result<Result<(Flow, Caller), Response>, Problem> {
    within_limit_of_anonymous(visit, access)?;
    let flow = find_to_ask(visit, access, visit.parameter(0)).await?;
    let config = ApiConfig::read(flow.details.api_config.as_deref());
    if let Some(limit) = &config.rate_limit
        && let Err(refused) = within_flow_limit(visit, flow.id(), limit)
    {
        return Ok(Err(*refused));
    }
    let caller = let_in(visit, access, &flow).await?;
    Ok(Ok((flow, caller)))
}

/// What is said where nothing is: who shows no good key does not learn that, and `problem` is for everybody else.
pub(super) async fn nowhere(visit: &Arc<Visit>, access: Access, problem: Problem) -> Problem {
    match within_limit_of_anonymous(visit, access) {
        Ok(()) => unless_unknown(visit, access, problem).await,
        Err(limited) => limited,
    }
}

/// The flow that may be asked by this name. The limit of a caller's address was asked for by whoever calls this.
pub(super) async fn find_to_ask(
    visit: &Arc<Visit>,
    access: Access,
    named: &str,
) -> Result<Flow, Problem> {
    match find(&visit.api, named, &Reach::All) {
        Err(problem @ Problem::Worded(StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST, _)) => {
            Err(unless_unknown(visit, access, problem).await)
        }
        found => found,
    }
}

/// The problem for who shows a good key; for everybody else, that they show none.
async fn unless_unknown(visit: &Arc<Visit>, access: Access, problem: Problem) -> Problem {
    match admit(visit, Access::AnyKey(category_of(access))).await {
        Ok(_) => problem,
        Err(refused) => refused,
    }
}

fn within_limit_of_anonymous(visit: &Visit, access: Access) -> Result<(), Problem> {
    if is_anonymous(visit) {
        within_address_limit(visit, by_address(category_of(access)))?;
    }
    Ok(())
}

/// Who is let in to this flow. The limit of a caller's address was asked for by whoever calls this.
pub(super) async fn let_in(
    visit: &Arc<Visit>,
    access: Access,
    flow: &Flow,
) -> Result<Caller, Problem> {
    let any_key = Access::AnyKey(category_of(access));
    if let Some(bound_to) = &flow.details.api_key {
        let ctx = admit(visit, any_key).await?;
        if ctx.key().id() != bound_to && !visit.peer.control {
            return Err(other_key(&ctx));
        }
        return Ok(Caller(Some(ctx)));
    }
    let is_open =
        flow.details.is_public == Some(true) || visit.api.options.flowise_open_predictions;
    if !is_open {
        let ctx = admit(visit, access).await?;
        if !flow.is_within(ctx.key().reach()) {
            return Err(other_key(&ctx));
        }
        return Ok(Caller(Some(ctx)));
    }
    if is_anonymous(visit) {
        return Ok(Caller(None));
    }
    match admit(visit, any_key).await {
        Ok(ctx) => Ok(Caller(
            Some(ctx).filter(|ctx| flow.is_within(ctx.key().reach())),
        )),
        // What is open to everybody is open to who shows a bad key.
        Err(Problem::Unauthorized(_)) => {
            within_address_limit(visit, by_address(category_of(access)))?;
            Ok(Caller(None))
        }
        Err(problem) => Err(problem),
    }
}

fn other_key(ctx: &Ctx) -> Problem {
    let (keyring, peer) = (&ctx.api().keyring, ctx.visit.peer.address);
    ctx.key().note_refused();
    keyring.note_refusal("other_key", Some(ctx.key()), peer);
    Problem::OtherKey
}

fn category_of(access: Access) -> Category {
    match access {
        Access::NeedsUnlessOpen(_, category) => category,
        _ => Category::Read,
    }
}

/// Addresses have no limit of writes of their own: what a visitor leaves counts as asking does.
fn by_address(category: Category) -> AddressCategory {
    match category {
        Category::Read => AddressCategory::Read,
        Category::Write | Category::Execute => AddressCategory::Execute,
    }
}
