//! What the server runs with, for its owner to read. May not know who shows it. Promises: every setting is there with the value
//! that is in force; of a secret, and of where one lies, only whether it is set.

use super::{Config, DefaultDoor, SETTINGS};
use crate::model::limit::Limit;
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;

/// Which source has set a setting last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File,
    /// A variable of the environment.
    Environment,
    /// A flag of the command line.
    Flag,
}

/// Which settings were set, by their keys; the others are at their defaults, or were set by the program that embeds the
/// server.
pub type Origins = BTreeMap<&'static str, Origin>;

/// A setting with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSetting {
    /// Its key in a file.
    pub key: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// The value in force, as it would be written; `set` of a secret; empty for none.
    pub value: String,
    /// Whether this is the value that it has without being set.
    pub is_default: bool,
    /// Who has set it.
    pub origin: Option<Origin>,
}

impl Config {
    /// Every setting with its value, in the order of the table.
    pub fn shown(&self) -> Vec<ShownSetting> {
        let plain = Config::new(self.data.clone());
        let settings = SETTINGS.iter().map(|setting| {
            let value = value(self, setting.key);
            ShownSetting {
                key: setting.key,
                about: setting.about,
                is_default: value == self::value(&plain, setting.key),
                origin: self.origins.get(setting.key).copied(),
                value,
            }
        });
        settings.collect()
    }
}

/// A setting's value as it would be written.
pub(super) fn value(config: &Config, key: &str) -> String {
    texts(config, key)
        .or_else(|| bounds(config, key))
        .or_else(|| kept(config, key))
        .unwrap_or_default()
}

fn texts(config: &Config, key: &str) -> Option<String> {
    Some(match key {
        "host" => config.host.clone(),
        "data" => config.data.to_string_lossy().into_owned(),
        "public_url" => config.public_url.clone().unwrap_or_default(),
        "allowed_hosts" => config.allowed_hosts.join(", "),
        "cors_origins" => config.cors_origins.join(", "),
        "trusted_proxies" => listed(&config.trusted_proxies),
        "base_path" => config.base_path.clone(),
        "default_door" => door(config.doors.default).to_owned(),
        "flowise_open_predictions" => config.doors.flowise_open_predictions.to_string(),
        "dashboard" => config.doors.dashboard.to_string(),
        "tls_cert" => path(config.tls_cert.as_ref()),
        "tls_key" => set(config.tls_key.is_some()),
        "outbound_allow" => config.outbound_allow.join(", "),
        "template_env" => config.template_env.join(", "),
        "limit_read" => limit(config.limit_read),
        "limit_write" => limit(config.limit_write),
        "limit_execute" => limit(config.limit_execute),
        "limit_webhook" => limit(config.limit_webhook),
        "alert_url" => set(config.alerts.url.is_some()),
        "alert_secret" => set(config.alerts.secret.is_some()),
        "smtp_ca" => path(config.smtp_ca.as_ref()),
        "llm_base_url" => config.llm_base_url.clone().unwrap_or_default(),
        "llm_api_key" => set(config.llm_api_key.is_some()),
        "llm_models" => pairs(&config.llm_models, str::to_owned),
        "node_backends" => pairs(&config.node_backends, without_query),
        "llm_model" => config.llm_model.clone(),
        "node_prices" => listed(config.node_prices.iter()),
        "credit_balance" => match config.credit_balance {
            Some(credits) => credits.to_string(),
            None => "unlimited".to_owned(),
        },
        "script_program" => path(config.script_program.as_ref()),
        _ => return None,
    })
}

/// What bounds a request, a definition, a run and a call.
fn bounds(config: &Config, key: &str) -> Option<String> {
    Some(match key {
        "port" => config.port.to_string(),
        "max_connections" => config.max_connections.to_string(),
        "max_body_bytes" => config.max_body_bytes.to_string(),
        "header_timeout_ms" => config.header_timeout_ms.to_string(),
        "body_timeout_ms" => config.body_timeout_ms.to_string(),
        "write_timeout_ms" => config.write_timeout_ms.to_string(),
        "max_steps" => config.max_steps.to_string(),
        "max_definition_bytes" => config.max_definition_bytes.to_string(),
        "max_input_bytes" => config.max_input_bytes.to_string(),
        "max_output_bytes" => config.max_output_bytes.to_string(),
        "max_run_output_bytes" => config.max_run_output_bytes.to_string(),
        "max_response_bytes" => config.max_response_bytes.to_string(),
        "http_timeout_ms" => config.http_timeout_ms.to_string(),
        "node_backend_timeout_ms" => config.node_backend_timeout_ms.to_string(),
        "llm_timeout_ms" => config.llm_timeout_ms.to_string(),
        "sync_wait_ms" => config.sync_wait_ms.to_string(),
        "max_sync_wait_ms" => config.max_sync_wait_ms.to_string(),
        "max_running_runs" => config.max_running_runs.to_string(),
        "max_running_runs_per_key" => config.max_running_runs_per_key.to_string(),
        "max_iterations" => config.max_iterations.to_string(),
        "max_depth" => config.max_depth.to_string(),
        "max_runs_below" => config.max_runs_below.to_string(),
        "max_flow_calls" => config.max_flow_calls.to_string(),
        "script_timeout_ms" => config.script_timeout_ms.to_string(),
        "script_memory_bytes" => config.script_memory_bytes.to_string(),
        "max_running_scripts" => config.max_running_scripts.to_string(),
        "read_connections" => config.read_connections.to_string(),
        "max_webhook_bytes" => config.max_webhook_bytes.to_string(),
        _ => return None,
    })
}

/// How much is kept.
fn kept(config: &Config, key: &str) -> Option<String> {
    let (media, chats) = (&config.media, &config.doors.chats);
    Some(match key {
        "retention_days" => config.retention_days.to_string(),
        "retention_runs" => config.retention_runs.to_string(),
        "retention_bytes" => config.retention_bytes.to_string(),
        "audit_days" => config.audit_days.to_string(),
        "usage_days" => config.usage_days.to_string(),
        "max_tables" => config.tables.max_tables.to_string(),
        "max_table_columns" => config.tables.max_columns.to_string(),
        "max_table_rows" => config.tables.max_rows.to_string(),
        "max_row_bytes" => config.tables.max_row_bytes.to_string(),
        "webhook_events_days" => config.webhook_events_days.to_string(),
        "webhook_events_count" => config.webhook_events_count.to_string(),
        "webhook_events_bytes" => config.webhook_events_bytes.to_string(),
        "max_media_bytes" => media.max_file_bytes.to_string(),
        "max_media_total_bytes" => media.max_total_bytes.to_string(),
        "media_link_hours" => media.link_hours.to_string(),
        "max_chat_messages" => chats.max_messages.to_string(),
        "max_chat_bytes" => chats.max_bytes.to_string(),
        "max_leads" => chats.max_leads.to_string(),
        _ => return None,
    })
}

fn door(door: DefaultDoor) -> &'static str {
    match door {
        DefaultDoor::Native => "native",
        DefaultDoor::Wireflow => "wireflow",
        DefaultDoor::Flowise => "flowise",
    }
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::PerMinute(requests) => requests.to_string(),
        Limit::Unlimited => "none".to_owned(),
    }
}

fn set(is_set: bool) -> String {
    if is_set { "set" } else { "" }.to_owned()
}

fn path(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| path.to_string_lossy().into_owned())
}

fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    let texts = items.into_iter().map(|item| item.to_string());
    texts.collect::<Vec<_>>().join(", ")
}

fn pairs(pairs: &[(String, String)], shown: impl Fn(&str) -> String) -> String {
    listed(
        pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", shown(value))),
    )
}

/// What stands behind a `?` may be a key.
fn without_query(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return String::new();
    };
    if parsed.query().is_none() && parsed.password().is_none() {
        return url.to_owned();
    }
    parsed.set_query(Some("…").filter(|_| parsed.query().is_some()));
    if parsed.set_password(None).is_err() {
        return String::new();
    }
    parsed.to_string().replace("%E2%80%A6", "…")
}
