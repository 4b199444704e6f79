//! `GET /usage`: what keys have used by the day, and the balance of credits.

use super::{Answer, ok};
use crate::http::body::query;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::usage::{UsageQuery, UsageView, usage};
use crate::http::visit::Ctx;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let read = Access::Needs(Permission::UsageRead, Category::Read);
    vec![
        Endpoint::new(Door::Native, Method::GET, "/api/v1/usage", read, |guard| {
            query(guard).then(show)
        })
        .described(
            about("Server", "What keys have used")
                .says(
                    "Newest day first; days without usage are left out. A key sees its own usage, and with `keys:read` that of \
                     keys which hold no more than it does.",
                )
                .query::<UsageQuery>()
                .gives::<UsageView>(200)
                .may(404, "There is no such key, or the calling one may not see it."),
        ),
    ]
}

async fn show(ctx: Ctx, asked: UsageQuery) -> Answer {
    ok(&usage(&ctx, asked).await?)
}
