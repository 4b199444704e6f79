//! The table of settings: the one place that says what can be set, in which unit and range, and what it is by default.
//! May not know where a value came from. Promise: file keys, environment variables, flags, error messages and the
//! README's table are all made from it, so none of them can lag behind.

use super::Config;
use super::value::Given;

/// What a setting's text may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Switch,
    /// A file or folder.
    Path,
    /// Values separated by commas; an array in a file.
    List,
    /// A whole number between `min` and `max`, both included.
    Number {
        /// The smallest allowed value.
        min: u64,
        /// The largest allowed value.
        max: u64,
        /// What is counted; empty for a bare number.
        unit: &'static str,
    },
    /// Requests a minute, or `none`.
    Limit,
    /// A whole number, or `unlimited`.
    Balance,
}

/// One thing that can be set.
pub struct Setting {
    /// Its key in a file. `FLOWLATCH_` and the key in capitals is its variable, `--` and the key with hyphens its flag.
    pub key: &'static str,
    /// What it is, in one line, with its unit.
    pub about: &'static str,
    /// The default, as it would be written; empty for none.
    pub default: &'static str,
    /// What its text may look like.
    pub kind: Kind,
    pub(super) set: fn(&mut Config, &Given<'_>) -> Result<(), String>,
}

impl Setting {
    /// The setting with this key.
    pub fn named(key: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("FLOWLATCH_{}", self.key.to_ascii_uppercase())
    }

    /// Its flag, without the leading hyphens.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Reads `text` into `config`; the error is a sentence without the setting's name.
    pub(super) fn apply(&self, config: &mut Config, text: &str) -> Result<(), String> {
        (self.set)(
            config,
            &Given {
                text,
                kind: self.kind,
            },
        )
    }
}

const fn setting(
    key: &'static str,
    default: &'static str,
    kind: Kind,
    about: &'static str,
    set: fn(&mut Config, &Given<'_>) -> Result<(), String>,
) -> Setting {
    Setting {
        key,
        about,
        default,
        kind,
        set,
    }
}

const fn number(min: u64, max: u64, unit: &'static str) -> Kind {
    Kind::Number { min, max, unit }
}

const BYTES: Kind = number(1024, 256 * 1024 * 1024, "bytes");
const HOUR_MS: u64 = 3_600_000;

/// Everything that can be set, in the order of the README's table.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("host", "127.0.0.1", Kind::Text,
        "Address to listen on; `127.0.0.1` also listens on `[::1]` where possible.",
        |config, given| given.host().map(|value| config.host = value)),
    setting("port", "3000", number(0, 65_535, ""),
        "Port to listen on; 0 takes a free one.",
        |config, given| given.number().map(|value| config.port = value)),
    setting("data", "", Kind::Path,
        "Data folder; by default `flowlatch` in the user's data folder of the platform.",
        |config, given| given.path().map(|value| config.data = value)),
    setting("public_url", "", Kind::Text,
        "URL under which clients see the server when a proxy stands before it, without a path.",
        |config, given| given.public_url().map(|value| config.public_url = value)),
    setting("allowed_hosts", "", Kind::List,
        "Further values of the `Host` header that are answered.",
        |config, given| given.hosts().map(|value| config.allowed_hosts = value)),
    setting("cors_origins", "", Kind::List,
        "Origins (`scheme://host[:port]`) whose pages may call from a browser.",
        |config, given| given.origins().map(|value| config.cors_origins = value)),
    setting("trusted_proxies", "", Kind::List,
        "Address ranges of proxies whose `X-Forwarded-For` counts.",
        |config, given| given.networks().map(|value| config.trusted_proxies = value)),
    setting("base_path", "", Kind::Text,
        "Path that stands before every other, such as `/flowlatch`; a proxy may hand it on or take it off.",
        |config, given| given.base_path().map(|value| config.base_path = value)),
    setting("default_door", "native", Kind::Text,
        "Who answers on `/api/v1` where neither path nor credential says: `native`, `wireflow` or `flowise`.",
        |config, given| given.door().map(|value| config.doors.default = value)),
    setting("flowise_open_predictions", "false", Kind::Switch,
        "Whether chatflows that are bound to no key answer callers without one, as Flowise does.",
        |config, given| given.switch().map(|value| config.doors.flowise_open_predictions = value)),
    setting("dashboard", "true", Kind::Switch,
        "Whether the dashboard is served; `--no-dashboard` is short for `--dashboard false`.",
        |config, given| given.switch().map(|value| config.doors.dashboard = value)),
    setting("tls_cert", "", Kind::Path,
        "Certificate chain (PEM); together with `tls_key` the server speaks TLS.",
        |config, given| given.optional_path().map(|value| config.tls_cert = value)),
    setting("tls_key", "", Kind::Path,
        "Private key (PEM) of the certificate.",
        |config, given| given.optional_path().map(|value| config.tls_key = value)),
    setting("outbound_allow", "", Kind::List,
        "`host`, `host:port` or address ranges that steps may call although they are loopback, private or link-local.",
        |config, given| given.outbound().map(|value| config.outbound_allow = value)),
    setting("template_env", "", Kind::List,
        "Environment variables that `{{env.NAME}}` may see.",
        |config, given| given.variable_names().map(|value| config.template_env = value)),
    setting("limit_read", "1000", Kind::Limit,
        "GET requests per minute and key, or `none`.",
        |config, given| given.limit().map(|value| config.limit_read = value)),
    setting("limit_write", "100", Kind::Limit,
        "Other requests per minute and key, or `none`.",
        |config, given| given.limit().map(|value| config.limit_write = value)),
    setting("limit_execute", "500", Kind::Limit,
        "Run starts, cancels and retries per minute and key, or `none`.",
        |config, given| given.limit().map(|value| config.limit_execute = value)),
    setting("max_connections", "1024", number(1, 100_000, ""),
        "Connections open at once; above it idle ones are closed first.",
        |config, given| given.number().map(|value| config.max_connections = value)),
    setting("max_body_bytes", "2097152", BYTES,
        "Largest request body: an input or a definition and what stands around it.",
        |config, given| given.number().map(|value| config.max_body_bytes = value)),
    setting("header_timeout_ms", "10000", number(100, HOUR_MS, "milliseconds"),
        "How long the head of a request may take.",
        |config, given| given.number().map(|value| config.header_timeout_ms = value)),
    setting("body_timeout_ms", "30000", number(100, HOUR_MS, "milliseconds"),
        "How long the body of a request may take.",
        |config, given| given.number().map(|value| config.body_timeout_ms = value)),
    setting("write_timeout_ms", "30000", number(100, HOUR_MS, "milliseconds"),
        "How long a client may take nothing of its answer before its connection is closed.",
        |config, given| given.number().map(|value| config.write_timeout_ms = value)),
    setting("max_steps", "500", number(1, 10_000, ""),
        "Steps in a definition.",
        |config, given| given.number().map(|value| config.max_steps = value)),
    setting("max_definition_bytes", "1048576", BYTES,
        "Largest definition of a workflow.",
        |config, given| given.number().map(|value| config.max_definition_bytes = value)),
    setting("max_input_bytes", "1048576", BYTES,
        "Largest input of a run.",
        |config, given| given.number().map(|value| config.max_input_bytes = value)),
    setting("max_output_bytes", "1048576", BYTES,
        "Largest output of a step; of a larger one the size and the beginning are kept.",
        |config, given| given.number().map(|value| config.max_output_bytes = value)),
    setting("max_run_output_bytes", "67108864", number(1024, 1 << 32, "bytes"),
        "Outputs of steps that a run holds at once, all together; the step that would go over it fails.",
        |config, given| given.number().map(|value| config.max_run_output_bytes = value)),
    setting("max_response_bytes", "5242880", BYTES,
        "Largest answer of a call that a step makes.",
        |config, given| given.number().map(|value| config.max_response_bytes = value)),
    setting("http_timeout_ms", "30000", number(1, HOUR_MS, "milliseconds"),
        "How long a call that a step makes may take.",
        |config, given| given.number().map(|value| config.http_timeout_ms = value)),
    setting("smtp_ca", "", Kind::Path,
        "Certificates (PEM) that may sign those of mail servers, beside the ones of the public web.",
        |config, given| given.optional_path().map(|value| config.smtp_ca = value)),
    setting("llm_base_url", "", Kind::Text,
        "URL of a server that speaks OpenAI's protocol, up to `/chat/completions`; without it agents ask their provider.",
        |config, given| given.llm_base_url().map(|value| config.llm_base_url = value)),
    setting("llm_api_key", "", Kind::Text,
        "Key that is sent to `llm_base_url` with calls that name no connection; best set as a variable.",
        |config, given| given.secret().map(|value| config.llm_api_key = value)),
    setting("llm_models", "", Kind::List,
        "What models are called there, as `asked=name`; a model that is not listed keeps its name.",
        |config, given| given.pairs().map(|value| config.llm_models = value)),
    setting("node_backends", "", Kind::List,
        "What runs nodes of graphs that the server does not run itself, as `type=URL`; a `*` at the end of the type stands for any ending, and the longest type wins: `generate:*=http://127.0.0.1:9000/generate`.",
        |config, given| given.backends().map(|value| config.node_backends = value)),
    setting("node_backend_timeout_ms", "300000", number(1, 3_600_000, "milliseconds"),
        "How long a backend of `node_backends` may take.",
        |config, given| given.number().map(|value| config.node_backend_timeout_ms = value)),
    setting("llm_model", "gpt-4o", Kind::Text,
        "Model of agents and `agent` steps that name none.",
        |config, given| given.word().map(|value| config.llm_model = value)),
    setting("llm_timeout_ms", "120000", number(1, HOUR_MS, "milliseconds"),
        "How long a language model may take.",
        |config, given| given.number().map(|value| config.llm_timeout_ms = value)),
    setting("sync_wait_ms", "30000", number(1, HOUR_MS, "milliseconds"),
        "How long a synchronous start waits for the run's end.",
        |config, given| given.number().map(|value| config.sync_wait_ms = value)),
    setting("max_sync_wait_ms", "300000", number(1, HOUR_MS, "milliseconds"),
        "How long it waits at most when the caller says how long.",
        |config, given| given.number().map(|value| config.max_sync_wait_ms = value)),
    setting("max_running_runs", "256", number(1, 100_000, ""),
        "Runs under way at once, each with its input and outputs in memory; further ones wait in order, on disk.",
        |config, given| given.number().map(|value| config.max_running_runs = value)),
    setting("max_running_runs_per_key", "0", number(0, 100_000, ""),
        "Runs of one key that have begun and not ended, waiting ones included; further ones wait in order. 0 is no limit.",
        |config, given| given.number().map(|value| config.max_running_runs_per_key = value)),
    setting("retention_days", "30", number(0, 3_650, "days"),
        "How long finished runs are kept; 0 is for ever.",
        |config, given| given.number().map(|value| config.retention_days = value)),
    setting("retention_runs", "0", number(0, 1_000_000_000, ""),
        "How many finished runs are kept, the newest; 0 is any number.",
        |config, given| given.number().map(|value| config.retention_runs = value)),
    setting("retention_bytes", "5000000000", number(0, 1 << 50, "bytes"),
        "Once the database holds more, the oldest finished runs go; 0 is any size.",
        |config, given| given.number().map(|value| config.retention_bytes = value)),
    setting("audit_days", "365", number(0, 3_650, "days"),
        "How long the audit log goes back; 0 is for ever.",
        |config, given| given.number().map(|value| config.audit_days = value)),
    setting("usage_days", "400", number(0, 36_500, "days"),
        "How long what keys have used is known, by the day; 0 is for ever.",
        |config, given| given.number().map(|value| config.usage_days = value)),
    setting("node_prices", "", Kind::List,
        "What nodes of graphs and steps cost, as `type=credits`; a `*` at the end of the type stands for any ending, and the longest type wins: `llm:*=2`.",
        |config, given| given.prices().map(|value| config.node_prices = value)),
    setting("credit_balance", "unlimited", Kind::Balance,
        "Credits granted since ever, to all keys together, or `unlimited`; raise it to grant more.",
        |config, given| given.balance().map(|value| config.credit_balance = value)),
    setting("alert_url", "", Kind::Text,
        "URL that unusual activity and ends of keys are posted to, signed with `alert_secret`; on a private address it needs `outbound_allow` too.",
        |config, given| given.alert_url().map(|value| config.alerts.url = value)),
    setting("alert_secret", "", Kind::Text,
        "Secret that these posts are signed with; best set as a variable.",
        |config, given| given.secret().map(|value| config.alerts.secret = value)),
    setting("max_iterations", "10000", number(1, 1_000_000, ""),
        "Iterations of a loop, or items of a parallel step.",
        |config, given| given.number().map(|value| config.max_iterations = value)),
    setting("max_depth", "10", number(1, 100, ""),
        "Runs that may stand above a run: sub-workflows of sub-workflows.",
        |config, given| given.number().map(|value| config.max_depth = value)),
    setting("max_runs_below", "1000", number(1, 1_000_000, ""),
        "Unfinished runs that may stand below a run: those that its steps have started, and theirs.",
        |config, given| given.number().map(|value| config.max_runs_below = value)),
    setting("max_flow_calls", "1000", number(1, 1_000_000, ""),
        "Calls of models and of other flows for one question to a flow: its own, and those of all flows that it asks.",
        |config, given| given.number().map(|value| config.max_flow_calls = value)),
    setting("read_connections", "4", number(1, 64, ""),
        "Read connections to the database.",
        |config, given| given.number().map(|value| config.read_connections = value)),
    setting("script_program", "", Kind::Path,
        "Program that runs the JavaScript of steps; by default `flowlatch` itself. Another one runs `flowlatch` with the arguments that it is given, in a sandbox of its own.",
        |config, given| given.optional_path().map(|value| config.script_program = value)),
    setting("script_timeout_ms", "10000", number(1, 30_000, "milliseconds"),
        "How long a script may take that does not say itself.",
        |config, given| given.number().map(|value| config.script_timeout_ms = value)),
    setting("script_memory_bytes", "67108864", number(4 * 1024 * 1024, 1024 * 1024 * 1024, "bytes"),
        "How much memory a script may use.",
        |config, given| given.number().map(|value| config.script_memory_bytes = value)),
    setting("max_running_scripts", "4", number(1, 64, ""),
        "Scripts under way at once, each in a process of its own; further ones wait in order.",
        |config, given| given.number().map(|value| config.max_running_scripts = value)),
    setting("max_tables", "1000", number(1, 100_000, ""),
        "Data tables, and as many folders of them.",
        |config, given| given.number().map(|value| config.tables.max_tables = value)),
    setting("max_table_columns", "100", number(1, 1_000, ""),
        "Columns of a data table; without columns, fields of a row.",
        |config, given| given.number().map(|value| config.tables.max_columns = value)),
    setting("max_table_rows", "100000", number(1, 1_000_000, ""),
        "Rows of a data table.",
        |config, given| given.number().map(|value| config.tables.max_rows = value)),
    setting("max_row_bytes", "65536", number(1024, 1024 * 1024, "bytes"),
        "Largest row of a data table.",
        |config, given| given.number().map(|value| config.tables.max_row_bytes = value)),
    setting("limit_webhook", "10000", Kind::Limit,
        "Webhooks per minute and address, or `none`.",
        |config, given| given.limit().map(|value| config.limit_webhook = value)),
    setting("max_webhook_bytes", "5242880", BYTES,
        "Largest body of a webhook; it may be larger than other inputs of runs.",
        |config, given| given.number().map(|value| config.max_webhook_bytes = value)),
    setting("webhook_events_days", "30", number(1, 3_650, "days"),
        "For how long webhook events are kept.",
        |config, given| given.number().map(|value| config.webhook_events_days = value)),
    setting("webhook_events_count", "10000", number(0, 1_000_000, ""),
        "How many webhook events are kept; older ones are forgotten first.",
        |config, given| given.number().map(|value| config.webhook_events_count = value)),
    setting("webhook_events_bytes", "1073741824", number(0, 1 << 40, "bytes"),
        "How large the bodies of the kept webhook events are together.",
        |config, given| given.number().map(|value| config.webhook_events_bytes = value)),
    setting("max_media_bytes", "20971520", number(1024, 1 << 40, "bytes"),
        "Largest uploaded file.",
        |config, given| given.number().map(|value| config.media.max_file_bytes = value)),
    setting("max_media_total_bytes", "1073741824", number(0, 1 << 50, "bytes"),
        "All uploaded files together.",
        |config, given| given.number().map(|value| config.media.max_total_bytes = value)),
    setting("media_link_hours", "168", number(1, 87_600, "hours"),
        "How long a link to an uploaded file opens it.",
        |config, given| given.number().map(|value| config.media.link_hours = value)),
    setting("max_chat_messages", "100000", number(2, 10_000_000, ""),
        "Messages that are kept of the chats with one flow; the oldest go first, with what was thought of them.",
        |config, given| given.number().map(|value| config.doors.chats.max_messages = value)),
    setting("max_chat_bytes", "268435456", number(16 << 20, 1 << 40, "bytes"),
        "What these messages and the images in them have together; the oldest go first.",
        |config, given| given.number().map(|value| config.doors.chats.max_bytes = value)),
    setting("max_leads", "10000", number(0, 1_000_000, ""),
        "People who may leave an address with one flow; one more is refused.",
        |config, given| given.number().map(|value| config.doors.chats.max_leads = value)),
];

/// The README's table of settings.
pub fn table_markdown() -> String {
    let mut table = String::from("| setting | default | what it is |\n|---|---|---|\n");
    for setting in SETTINGS {
        let default = match setting.default {
            "" => String::from("–"),
            text => format!("`{text}`"),
        };
        let range = match setting.kind {
            Kind::Number { min, max, unit } => {
                format!(" {min} to {max} {unit}").trim_end().to_owned() + "."
            }
            Kind::Text | Kind::Switch | Kind::Path | Kind::List | Kind::Limit | Kind::Balance => {
                String::new()
            }
        };
        table.push_str(&format!(
            "| `{}` | {default} | {}{range} |\n",
            setting.key, setting.about
        ));
    }
    table
}

#[cfg(test)]
mod tests;
