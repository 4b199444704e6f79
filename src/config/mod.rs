//! The configuration: defaults < file < environment (`FLOWLATCH_…`) < flags.
//! May not know what the settings are used for. Promise: an unknown key or variable is an error that names the nearest
//! known one, every problem is reported at once, and every limit has its name, unit and range in one table: [`SETTINGS`].

mod file;
mod load;
mod settings;
mod shown;
mod value;

pub use load::{CLIENT_VARIABLES, ConfigError, FILE_NAME, MASTER_KEY_VARIABLE, Sources, load};
pub use settings::{Kind, SETTINGS, Setting, table_markdown};
pub use shown::{Origin, Origins, ShownSetting};
pub use value::parse_limit;

use crate::model::chatflow::ChatBounds;
use crate::model::credit::Prices;
use crate::model::event::EventRetention;
use crate::model::limit::Limit;
use crate::model::table::TableLimits;
use crate::secret::MasterKey;
use crate::secret::SecretText;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which API answers where neither path nor credential says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultDoor {
    /// The Workflows API.
    Native,
    /// Wireflow's API.
    Wireflow,
    /// Flowise's API.
    Flowise,
}

/// Who is spoken to, who is let in without a key, and how much is kept of what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorSettings {
    /// Who is spoken to on `/api/v1` where neither path nor credential says.
    pub default: DefaultDoor,
    /// Whether chatflows that are bound to no key are asked without one, as in Flowise.
    pub flowise_open_predictions: bool,
    /// Whether the dashboard is served.
    pub dashboard: bool,
    /// How much is kept of what people say to one flow.
    pub chats: ChatBounds,
}

impl DoorSettings {
    const DEFAULT: DoorSettings = DoorSettings {
        default: DefaultDoor::Native,
        flowise_open_predictions: false,
        dashboard: true,
        chats: ChatBounds::DEFAULT,
    };
}

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
    /// Who is spoken to, who is let in without a key, and how much is kept of what they say.
    pub doors: DoorSettings,
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
    /// How much of its steps' outputs a run holds at once, in bytes; the step that would go over it fails.
    pub max_run_output_bytes: usize,
    /// The largest answer of an outgoing call, in bytes.
    pub max_response_bytes: usize,
    /// How long an outgoing call may take, in milliseconds.
    pub http_timeout_ms: u64,
    /// Certificates (PEM) that may sign those of mail servers.
    pub smtp_ca: Option<PathBuf>,
    /// A server of language models that speaks OpenAI's protocol; without it providers are asked themselves.
    pub llm_base_url: Option<String>,
    /// Sent there with calls that name no connection.
    pub llm_api_key: Option<SecretText>,
    /// What models are called there: the name that is asked for, and that one's.
    pub llm_models: Vec<(String, String)>,
    /// Node types, and the URLs that nodes of them are posted to.
    pub node_backends: Vec<(String, String)>,
    /// How long such a call may take, in milliseconds.
    pub node_backend_timeout_ms: u64,
    /// The model of agents that name none.
    pub llm_model: String,
    /// How long a language model may take, in milliseconds.
    pub llm_timeout_ms: u64,
    /// How long a synchronous start waits, in milliseconds.
    pub sync_wait_ms: u64,
    /// How long it waits at most when the caller says how long, in milliseconds.
    pub max_sync_wait_ms: u64,
    /// Runs under way at once, each with its input and outputs in memory; further ones wait in order, on disk.
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
    /// How many days usage goes back; 0 is for ever.
    pub usage_days: u64,
    /// What nodes of graphs cost.
    pub node_prices: Prices,
    /// Credits granted since ever; `None` is without end.
    pub credit_balance: Option<u64>,
    /// Where unusual activity is told, and with what that is signed.
    pub alerts: AlertSettings,
    /// Iterations of a loop.
    pub max_iterations: u32,
    /// Runs that may stand above a run.
    pub max_depth: u32,
    /// Unfinished runs that may stand below a run: those that its steps have started, and theirs.
    pub max_runs_below: u32,
    /// Calls of models and of other flows that a flow may make for one question, with all flows that it asks.
    pub max_flow_calls: u32,
    /// Read connections to the database.
    pub read_connections: u32,
    /// What data tables may hold.
    pub tables: TableLimits,
    /// Webhooks a minute and address.
    pub limit_webhook: Limit,
    /// The largest body of a webhook, in bytes.
    pub max_webhook_bytes: usize,
    /// For how many days webhook events are kept.
    pub webhook_events_days: u32,
    /// How many webhook events are kept.
    pub webhook_events_count: u64,
    /// How many bytes the bodies of the kept webhook events have together.
    pub webhook_events_bytes: u64,
    /// Uploaded files.
    pub media: MediaLimits,
    /// The key that secrets are encrypted with; without it the data folder's own. Only from the variable
    /// [`MASTER_KEY_VARIABLE`]: a flag would show it to every process, and a file has a place of its own.
    pub master_key: Option<MasterKey>,
    /// The program that runs scripts: the `flowlatch` binary, or one that runs it with the arguments that it is given.
    pub script_program: Option<PathBuf>,
    /// How long a script may take that does not say itself, in milliseconds.
    pub script_timeout_ms: u64,
    /// How much memory a script may use, in bytes.
    pub script_memory_bytes: usize,
    /// Scripts under way at once; further ones wait in order.
    pub max_running_scripts: usize,
    /// Which of all these were set, and by whom.
    pub origins: Origins,
}

/// Whom unusual activity is told to. Both are set, or neither.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertSettings {
    /// An http or https URL; its path may be as good as a password, so it is shown nowhere.
    pub url: Option<SecretText>,
    /// The key of the signatures.
    pub secret: Option<SecretText>,
}

/// What uploaded files may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaLimits {
    /// The largest one, in bytes.
    pub max_file_bytes: u64,
    /// All of them together, in bytes.
    pub max_total_bytes: u64,
    /// How long a link opens one, in hours.
    pub link_hours: u32,
}

impl MediaLimits {
    const DEFAULT: MediaLimits = MediaLimits {
        max_file_bytes: 20 << 20,
        max_total_bytes: 1 << 30,
        link_hours: 7 * 24,
    };
}

/// What data tables may hold where no setting says otherwise.
const TABLES: TableLimits = TableLimits {
    max_tables: 1_000,
    max_columns: 100,
    max_rows: 100_000,
    max_row_bytes: 64 * KIB,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Config {
    /// How many webhook events are kept.
    pub fn event_retention(&self) -> EventRetention {
        const DAY_MS: i64 = 86_400_000;
        EventRetention {
            age_ms: i64::from(self.webhook_events_days) * DAY_MS,
            count: self.webhook_events_count,
            bytes: self.webhook_events_bytes,
        }
    }

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
            doors: DoorSettings::DEFAULT,
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
            max_run_output_bytes: 64 * MIB,
            max_response_bytes: 5 * MIB,
            http_timeout_ms: 30_000,
            smtp_ca: None,
            llm_base_url: None,
            llm_api_key: None,
            llm_models: Vec::new(),
            node_backends: Vec::new(),
            node_backend_timeout_ms: 300_000,
            llm_model: "gpt-4o".into(),
            llm_timeout_ms: 120_000,
            sync_wait_ms: 30_000,
            max_sync_wait_ms: 300_000,
            max_running_runs: 256,
            max_running_runs_per_key: 0,
            retention_days: 30,
            retention_runs: 0,
            retention_bytes: 5_000_000_000,
            audit_days: 365,
            usage_days: 400,
            node_prices: Prices::default(),
            credit_balance: None,
            alerts: AlertSettings::default(),
            max_iterations: 10_000,
            max_depth: 10,
            max_runs_below: 1_000,
            max_flow_calls: 1_000,
            read_connections: 4,
            tables: TABLES,
            limit_webhook: Limit::PerMinute(10_000),
            max_webhook_bytes: 5 * MIB,
            webhook_events_days: 30,
            webhook_events_count: 10_000,
            webhook_events_bytes: 1 << 30,
            media: MediaLimits::DEFAULT,
            master_key: None,
            script_program: None,
            script_timeout_ms: 10_000,
            script_memory_bytes: 64 * MIB,
            max_running_scripts: 4,
            origins: Origins::new(),
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
