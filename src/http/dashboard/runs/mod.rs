//! Runs: the list, one run as it goes on, what it has recorded, and what may be done to it. May not know how runs are driven or
//! kept. Promises: a page has a bounded size and costs a bounded time, whatever a run holds; whatever was recorded is shown as
//! text, the first of it, and given whole as a file.

mod act;
mod asked;
mod detail;
mod download;
mod drawn;
mod list;
mod shown;
mod step_view;
mod timeline;

use super::{HEADERS, signed_in};
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::follow::{first_wanted, follow};
use crate::http::native::reachable_run;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::run::Recorded;
use bytes::Bytes;
use serde::Deserialize;
use warp::http::Method;
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "runs";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ONE: &str = "/dashboard/runs/:id";
    vec![
        signed_in(Method::GET, "/dashboard/runs", list::list),
        signed_in(Method::GET, ONE, detail::look),
        signed_in(Method::GET, "/dashboard/runs/:id/events", events),
        signed_in(Method::POST, "/dashboard/runs/:id/cancel", act::cancel),
        signed_in(Method::POST, "/dashboard/runs/:id/retry", act::retry),
        signed_in(Method::POST, "/dashboard/runs/:id/answer", act::answer),
        signed_in(Method::GET, "/dashboard/runs/:id/config", download::config),
        signed_in(
            Method::GET,
            "/dashboard/runs/:id/data/:part",
            download::data,
        ),
        signed_in(
            Method::GET,
            "/dashboard/runs/:id/journal/:number/:part",
            download::recorded,
        ),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// The first event that the page does not show.
    #[serde(default)]
    from: u64,
}

/// Tells a page that its run has gone on. What happened is on the page when it is fetched anew.
async fn events(ctx: Ctx) -> Result<Response, Problem> {
    let run = reachable_run(&ctx)?;
    let EventsQuery { from } = read_query(&ctx.visit)?;
    let from = first_wanted(&ctx)?.unwrap_or(from);
    let mut response = follow(&ctx, &run, from, number)?;
    response.headers_mut().extend(HEADERS);
    Ok(response)
}

fn number(recorded: &Recorded) -> Option<Bytes> {
    let number = recorded.sequence;
    Some(format!("id: {number}\ndata: {number}\n\n").into())
}
