//! The configuration: defaults < file < environment (`FLOWLATCH_…`) < flags.
//! May not know what the settings are used for. Promise: an unknown key or variable is an error that names the nearest
//! known one, every problem is reported at once, and every limit has its name, unit and range in one table: [`SETTINGS`].

mod file;
mod load;
mod settings;
mod value;

pub use load::{CLIENT_VARIABLES, ConfigError, FILE_NAME, Sources, load};
pub use settings::{Kind, SETTINGS, Setting, table_markdown};
pub use value::parse_limit;

use crate::model::limit::Limit;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything that can be set, with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The address to listen on. `127.0.0.1` also listens on `[::1]` where possible.
    pub host: String,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// The data folder.
    pub data: PathBuf,
    /// The URL under which clients see the server, when a proxy stands before it.
    pub public_url: Option<String>,
    /// Further values of `Host` that are answered.
    pub allowed_hosts: Vec<String>,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Peers whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// A path that stands before every other (`/flowlatch`), empty for none.
    pub base_path: String,
    /// Certificate chain (PEM); with `tls_key` the server speaks TLS.
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM).
    pub tls_key: Option<PathBuf>,
    /// `host`, `host:port` or address ranges that outgoing calls may reach although they are loopback, private or link-local.
    pub outbound_allow: Vec<String>,
    /// Environment variables that `{{env.NAME}}` may see.
    pub template_env: Vec<String>,
    /// GET requests a minute and key.
    pub limit_read: Limit,
    /// Other requests a minute and key.
    pub limit_write: Limit,
    /// Run starts, cancels and retries a minute and key.
    pub limit_execute: Limit,
    /// Open connections at once.
    pub max_connections: u32,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// How long a request's head may take, in milliseconds.
    pub header_timeout_ms: u64,
    /// How long a request's body may take, in milliseconds.
    pub body_timeout_ms: u64,
    /// How long a client may take nothing of its answer, in milliseconds.
    pub write_timeout_ms: u64,
    /// Steps in a definition.
    pub max_steps: usize,
    /// The largest definition, in bytes.
    pub max_definition_bytes: usize,
    /// The largest input of a run, in bytes.
    pub max_input_bytes: usize,
    /// How much of a step's output is kept, in bytes; the rest is cut, with a mark.
    pub max_output_bytes: usize,
    /// The largest answer of an outgoing call, in bytes.
    pub max_response_bytes: usize,
    /// How long an outgoing call may take, in milliseconds.
    pub http_timeout_ms: u64,
    /// How long a synchronous start waits, in milliseconds.
    pub sync_wait_ms: u64,
    /// How long it waits at most when the caller says how long, in milliseconds.
    pub max_sync_wait_ms: u64,
    /// Runs under way at once; further ones wait in order.
    pub max_running_runs: usize,
    /// Runs of one key that have begun and not ended; 0 is no limit.
    pub max_running_runs_per_key: usize,
    /// How many days finished runs are kept; 0 is for ever.
    pub retention_days: u64,
    /// How many finished runs are kept; 0 is any number.
    pub retention_runs: u64,
    /// How large the database may be before the oldest finished runs go, in bytes; 0 is any size.
    pub retention_bytes: u64,
    /// How many days the audit log goes back; 0 is for ever.
    pub audit_days: u64,
    /// Iterations of a loop.
    pub max_iterations: u32,
    /// Runs that may stand above a run.
    pub max_depth: u32,
    /// Read connections to the database.
    pub read_connections: u32,
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Config {
    /// The defaults, with this data folder: what a program that embeds the server starts from.
    pub fn new(data: impl Into<PathBuf>) -> Config {
        Config {
            host: "127.0.0.1".into(),
            port: 3000,
            data: data.into(),
            public_url: None,
            allowed_hosts: Vec::new(),
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            base_path: String::new(),
            tls_cert: None,
            tls_key: None,
            outbound_allow: Vec::new(),
            template_env: Vec::new(),
            limit_read: Limit::PerMinute(1000),
            limit_write: Limit::PerMinute(100),
            limit_execute: Limit::PerMinute(500),
            max_connections: 1024,
            max_body_bytes: 2 * MIB,
            header_timeout_ms: 10_000,
            body_timeout_ms: 30_000,
            write_timeout_ms: 30_000,
            max_steps: 500,
            max_definition_bytes: MIB,
            max_input_bytes: MIB,
            max_output_bytes: MIB,
            max_response_bytes: 5 * MIB,
            http_timeout_ms: 30_000,
            sync_wait_ms: 30_000,
            max_sync_wait_ms: 300_000,
            max_running_runs: 256,
            max_running_runs_per_key: 0,
            retention_days: 30,
            retention_runs: 0,
            retention_bytes: 5_000_000_000,
            audit_days: 365,
            max_iterations: 10_000,
            max_depth: 10,
            read_connections: 4,
        }
    }

    /// The variables that `{{env.NAME}}` may see (`template_env`), with their values now; unset ones are left out.
    pub fn template_environment(&self) -> BTreeMap<String, String> {
        self.template_env
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
            .collect()
    }
}
