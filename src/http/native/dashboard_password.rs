//! `PUT /dashboard/password`: what `flowlatch password` asks the server; no part of the API that others may count on. May not
//! know how passwords are kept.
//! Promise: only the owner of the data folder sets a password; over the network nobody does, whatever key they have.

use super::{Answer, ok};
use crate::auth::SignInError;
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::secret::SecretText;
use serde::{Deserialize, Serialize};
use warp::Filter as _;
use warp::http::Method;

pub(in crate::http) fn endpoints() -> Vec<Endpoint> {
    const PATH: &str = "/api/v1/dashboard/password";
    let access = Access::Needs(Permission::Admin, Category::Write);
    vec![Endpoint::new(
        Door::Native,
        Method::PUT,
        PATH,
        access,
        |guard| json(guard).then(set),
    )]
}

/// A new password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordBody {
    /// At least 12 characters, and none of those that are tried first.
    password: SecretText,
}

/// The password is set.
#[derive(Serialize)]
struct PasswordView {
    /// Always true.
    set: bool,
}

async fn set(ctx: Ctx, body: PasswordBody) -> Answer {
    if !ctx.visit.peer.control {
        return Err(Problem::NotHeld(
            "The password is set on the server's machine: `flowlatch password`.".to_owned(),
        ));
    }
    let sign_in = &ctx.api().sign_in;
    let set = sign_in.set_password(body.password, ctx.key().label(), ctx.address());
    match set.await {
        Ok(()) => ok(&PasswordView { set: true }),
        Err(SignInError::Store(error)) => Err(error.into()),
        Err(SignInError::Weak(weakness)) => Err(Problem::invalid(weakness.to_string())),
        Err(error) => Err(Problem::internal(&error)),
    }
}
