//! What clients ask of the server itself: whether it is there, which API it speaks, and how it sees them.

use super::{Answer, OVER_ADDRESS_LIMIT, about, ok, text};
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::describe::Description;
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// The release of Flowise whose API this is.
const VERSION: &str = "3.1.3";

pub(super) fn endpoints() -> Vec<Endpoint> {
    let say = |summary| -> Description {
        about("Flowise: server", summary).limits_addresses(OVER_ADDRESS_LIMIT)
    };
    vec![
        open("/api/v1/ping", |_| {
            Ok(text(StatusCode::OK, "pong"))
        })
        .described(say("Whether the server is there").gives_text(200, "text/plain")),
        open("/api/v1/version", |_| ok(&VersionView { version: VERSION }))
            .described(say("The release of Flowise whose API this is").gives_bare::<VersionView>(200)),
        open("/api/v1/ip", |visit| {
            ok(&AddressView {
                ip: visit.peer.address.to_canonical().to_string(),
                msg: "The address that limits are counted for. Behind a proxy it is the proxy's, until the setting `trusted_proxies` names it.",
            })
        })
        .described(say("Which address the server takes the caller's for").gives_bare::<AddressView>(200)),
        open("/api/v1/settings", |_| {
            ok(&SettingsView {
                platform_type: "open source",
            })
        })
        .described(say("What kind of server it is").gives_bare::<SettingsView>(200)),
    ]
}

/// An endpoint for anybody, within the limit of their address.
fn open(
    pattern: &'static str,
    answer: impl Fn(&Visit) -> Answer + Clone + Send + Sync + 'static,
) -> Endpoint {
    Endpoint::unkeyed(
        Door::Flowise,
        Method::GET,
        pattern,
        move |visit: Arc<Visit>| {
            let answered: Result<Response, Problem> =
                within_address_limit(&visit, AddressCategory::Read).and_then(|()| answer(&visit));
            std::future::ready(answered)
        },
    )
}

/// Which API is spoken.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowiseVersion")]
struct VersionView {
    /// A release of Flowise.
    version: &'static str,
}

/// How the server sees the caller.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowiseAddress")]
struct AddressView {
    /// The caller's address.
    ip: String,
    /// What it means.
    msg: &'static str,
}

/// What kind of server it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(rename = "FlowiseSettings")]
struct SettingsView {
    /// Always `open source`.
    platform_type: &'static str,
}
