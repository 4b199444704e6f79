//! The parts of the server, each made from the configuration.
//! May not open anything or serve.

use crate::clock::Clock;
use crate::config::{Config, DefaultDoor};
use crate::data_folder::DataFolder;
use crate::engine::media::{Media, MediaOptions};
use crate::engine::outbound::{Lookup, Outbound, OutboundOptions};
use crate::engine::script::ScriptOptions;
use crate::engine::{CreditOptions, Engine, EngineOptions, Messengers, Retention, Workflows};
use crate::error::{Error, Result};
use crate::http::{self, AddressLimitOptions, Api, ApiOptions, Door, Front, Hosts, ServerFacts};
use crate::model::plan::DefinitionLimits;
use crate::secret::MasterKey;
use crate::store::{Store, StoreError};
use std::sync::Arc;

/// The name in `meta` of the secret below.
const LINK_KEY: &str = "link_key";

/// What the links of approvals are signed with, and under what texts of imported keys are looked up: made once, kept in the
/// database, so that links and keys outlive a restart.
pub(super) async fn link_key(store: &Store) -> Result<[u8; 32]> {
    if let Some(known) = known_link_key(store)? {
        return Ok(known);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| Error::caused_by("no random bytes", error))?;
    store
        .set_meta(LINK_KEY, hex::encode(key))
        .await
        .map_err(no_link_key)?;
    Ok(key)
}

/// The same, where it was made before.
pub(super) fn known_link_key(store: &Store) -> Result<Option<[u8; 32]>> {
    let known = store.meta(LINK_KEY).map_err(no_link_key)?;
    let bytes = known.and_then(|known| hex::decode(known).ok());
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
}

fn no_link_key(error: StoreError) -> Error {
    Error::caused_by("cannot read the key of approval links", error)
}

pub(super) fn outbound(config: &Config) -> Result<Outbound> {
    Outbound::new(OutboundOptions {
        allow: config.outbound_allow.clone(),
        max_response_bytes: config.max_response_bytes,
        timeout_ms: config.http_timeout_ms,
        lookup: Lookup::system(),
    })
    .map_err(Error::new)
}

pub(super) fn engine(
    config: &Config,
    store: &Store,
    clock: &Clock,
    outbound: &Outbound,
    key: MasterKey,
    link_key: [u8; 32],
    messengers: Messengers,
) -> Engine {
    let definition_limits = definition_limits(config);
    let workflows = Workflows::new(
        store.clone(),
        clock.clone(),
        definition_limits,
        config.max_definition_bytes,
    );
    Engine::new(
        store.clone(),
        clock.clone(),
        workflows,
        outbound.clone(),
        key,
        messengers,
        EngineOptions {
            max_running_runs: config.max_running_runs,
            max_running_runs_per_key: Some(config.max_running_runs_per_key)
                .filter(|limit| *limit > 0),
            max_output_bytes: config.max_output_bytes,
            max_run_output_bytes: config.max_run_output_bytes,
            max_input_bytes: config.max_input_bytes,
            retention: retention(config),
            credits: CreditOptions {
                prices: config.node_prices.clone(),
                granted: config.credit_balance,
            },
            max_iterations: config.max_iterations,
            max_depth: config.max_depth,
            max_runs_below: config.max_runs_below,
            max_flow_calls: config.max_flow_calls,
            link_key,
            environment: config.template_environment(),
            scripts: ScriptOptions {
                program: config.script_program.clone(),
                max_running: config.max_running_scripts,
                timeout_ms: config.script_timeout_ms,
                memory_bytes: config.script_memory_bytes,
                max_result_bytes: config.max_output_bytes,
            },
            table_limits: config.tables,
        },
    )
}

/// The bounds of definitions.
pub(super) fn definition_limits(config: &Config) -> DefinitionLimits {
    DefinitionLimits::of_new(config.max_steps)
}

/// The uploaded files, in the folder's own folder for them.
pub(super) async fn media(
    config: &Config,
    folder: &DataFolder,
    store: &Store,
    clock: &Clock,
    outbound: &Outbound,
    link_key: [u8; 32],
) -> Result<Media> {
    const HOUR_MS: i64 = 60 * 60 * 1_000;
    let options = MediaOptions {
        folder: folder.media()?,
        max_file_bytes: config.media.max_file_bytes,
        max_total_bytes: config.media.max_total_bytes,
        link_lifetime_ms: i64::from(config.media.link_hours) * HOUR_MS,
        link_key,
    };
    Media::open(store.clone(), clock.clone(), outbound.clone(), options)
        .await
        .map_err(|error| Error::caused_by("cannot open the uploaded files", error))
}

/// Zero is no limit.
fn retention(config: &Config) -> Retention {
    let limit = |number: u64| Some(number).filter(|number| *number > 0);
    Retention {
        max_age_days: limit(config.retention_days),
        max_runs: limit(config.retention_runs),
        max_bytes: limit(config.retention_bytes),
        audit_days: limit(config.audit_days),
        usage_days: limit(config.usage_days),
    }
}

pub(super) fn api_options(config: &Config, instance: &str) -> ApiOptions {
    ApiOptions {
        instance: instance
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(8)
            .collect(),
        default_door: match config.doors.default {
            DefaultDoor::Native => Door::Native,
            DefaultDoor::Wireflow => Door::Wireflow,
            DefaultDoor::Flowise => Door::Flowise,
        },
        flowise_open_predictions: config.doors.flowise_open_predictions,
        chat_bounds: config.doors.chats,
        max_body_bytes: config.max_body_bytes,
        body_timeout_ms: config.body_timeout_ms,
        sync_wait_ms: config.sync_wait_ms,
        max_sync_wait_ms: config.max_sync_wait_ms,
        max_webhook_bytes: config.max_webhook_bytes,
        address_limits: AddressLimitOptions {
            read: config.limit_read,
            execute: config.limit_execute,
            webhook: config.limit_webhook,
        },
        public_url: config.public_url.clone(),
        base_path: config.base_path.clone(),
        secure_cookies: config.tls_cert.is_some()
            || config
                .public_url
                .as_deref()
                .is_some_and(|url| url.starts_with("https:")),
    }
}

/// What the dashboard tells of the server itself.
pub(super) fn server_facts(config: &Config, clock: &Clock) -> ServerFacts {
    ServerFacts {
        started_at_ms: clock.now_ms(),
        settings: config.shown(),
        has_given_master_key: config.master_key.is_some(),
    }
}

pub(super) fn front(config: &Config, api: Arc<Api>) -> Front {
    let own = [config.host.as_str()]
        .into_iter()
        .chain(config.public_url.as_deref());
    let hosts = Hosts::new(own.chain(config.allowed_hosts.iter().map(String::as_str)));
    let (cors, base_path) = (config.cors_origins.clone(), config.base_path.clone());
    Front::new(
        api,
        http::whole_table(config.doors.dashboard),
        hosts,
        cors,
        base_path,
        config.trusted_proxies.clone(),
    )
}
