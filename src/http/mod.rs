//! The doors: the only layer that knows warp and hyper.
//! May not know SQL, argon2 or how runs work; it asks `auth`, `engine` and `store`. Promise: no handler is reached without
//! its guard, and every answer leaves through one exit.

mod address_limits;
mod apps;
mod body;
mod connection;
mod cors;
mod dashboard;
mod describe;
mod door;
mod endpoint;
mod fields;
mod finish;
mod flowise;
mod follow;
mod front;
mod guard;
mod health;
mod host;
mod html;
mod media_links;
mod multipart;
mod native;
mod openapi;
mod pages;
mod parameter;
mod problem;
mod reach;
mod serve;
mod tls;
mod usage;
mod visit;
mod webhooks;
mod wireflow;

pub use address_limits::{AddressLimitOptions, AddressLimits};
pub use describe::Description;
pub use door::Door;
pub use endpoint::{Access, Endpoint, Table};
pub use flowise::FlowLimits;
pub use front::Front;
pub use host::Hosts;
pub use openapi::{Rendered, document};
pub use problem::Problem;
pub use serve::{Listen, ServeOptions, serve};
pub use tls::Tls;
pub use visit::Peer;
pub use webhooks::Ingestion;

use crate::auth::{Keyring, SignIn};
use crate::clock::Clock;
use crate::config::ShownSetting;
use crate::engine::Engine;
use crate::engine::media::Media;
use crate::model::chatflow::ChatBounds;
use crate::store::Store;
use bytes::Bytes;
use http_body_util::{Either, Full};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use tokio::sync::watch;

/// A request's body: from the wire, or handed in by a command of this process.
pub type RequestBody = Either<hyper::body::Incoming, Full<Bytes>>;

/// What every endpoint may use, put together by `app`.
pub struct Api {
    /// Who is calling.
    pub keyring: Keyring,
    /// Who is in front of the dashboard.
    pub sign_in: SignIn,
    /// Runs and workflows.
    pub engine: Engine,
    /// Uploaded files.
    pub media: Media,
    /// Reads.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// What the doors take from the configuration.
    pub options: ApiOptions,
    /// Turns true when the server stops: event streams end.
    pub stopping: watch::Receiver<bool>,
    /// Numbers requests.
    pub requests: AtomicU64,
    /// Held by whoever verifies the chain of the audit log.
    pub audit_check: tokio::sync::Mutex<()>,
    /// Limits of callers without a key.
    pub address_limits: AddressLimits,
    /// Bounds of what comes in without a key.
    pub ingestion: Ingestion,
    /// How often addresses have asked flows that say how often they may.
    pub flow_limits: FlowLimits,
    /// The OpenAPI document, made when it is first asked for.
    pub openapi: OnceLock<Rendered>,
    /// What the dashboard tells of the server itself.
    pub facts: ServerFacts,
}

/// What the dashboard tells of the server itself.
#[derive(Debug, Clone, Default)]
pub struct ServerFacts {
    /// When it was opened, in milliseconds since the Unix epoch.
    pub started_at_ms: i64,
    /// What it runs with.
    pub settings: Vec<ShownSetting>,
    /// Whether the master key was handed in; else it lies in the data folder.
    pub has_given_master_key: bool,
}

/// What the doors take from the configuration.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// The first half of every request id.
    pub instance: String,
    /// Who is spoken to on `/api/v1` where neither path nor credential says.
    pub default_door: Door,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long a request's body may take, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long a synchronous start waits, in milliseconds.
    pub sync_wait_ms: u64,
    /// How long it waits at most, in milliseconds.
    pub max_sync_wait_ms: u64,
    /// The largest body of a webhook, in bytes.
    pub max_webhook_bytes: usize,
    /// Whether flows that are bound to no key are asked without one.
    pub flowise_open_predictions: bool,
    /// How much is kept of what people say to one flow.
    pub chat_bounds: ChatBounds,
    /// What one address may do without a key.
    pub address_limits: AddressLimitOptions,
    /// The URL under which other services see the server, without a path; `None`: what they say in `Host`.
    pub public_url: Option<String>,
    /// What stands before every path: empty, or a slash and no slash at its end.
    pub base_path: String,
    /// Whether browsers may send the dashboard's cookie over TLS alone.
    pub secure_cookies: bool,
}

/// Every endpoint of the APIs, and what is open beside them.
pub fn table() -> Table {
    Table::new(apis())
}

/// Every endpoint that a server answers: those of the APIs, what the owner's commands ask, and the dashboard if it is wanted.
pub fn whole_table(has_dashboard: bool) -> Table {
    let mut endpoints = apis();
    endpoints.extend(native::dashboard_password::endpoints());
    if has_dashboard {
        endpoints.extend(dashboard::endpoints());
    }
    Table::new(endpoints)
}

fn apis() -> Vec<Endpoint> {
    native::endpoints()
        .into_iter()
        .chain(wireflow::endpoints())
        .chain(flowise::endpoints())
        .chain(health::endpoints())
        .chain(webhooks::endpoints())
        .chain(pages::endpoints())
        .chain(media_links::endpoints())
        .chain(openapi::endpoints())
        .collect()
}
