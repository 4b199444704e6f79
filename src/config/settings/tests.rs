//! The table against the configuration: no setting is missing, and each has the default that it says.

use super::*;
use crate::config::shown::value;
use crate::config::{AlertSettings, DefaultDoor, DoorSettings, MediaLimits, Origin, Origins};
use crate::model::chatflow::ChatBounds;
use crate::model::credit::Prices;
use crate::model::limit::Limit;
use crate::model::table::TableLimits;
use crate::secret::SecretText;

const OTHER_CHATS: ChatBounds = ChatBounds {
    max_messages: 1,
    max_bytes: 1,
    max_leads: 1,
};

const OTHER_TABLES: TableLimits = TableLimits {
    max_tables: 1,
    max_columns: 1,
    max_rows: 1,
    max_row_bytes: 1,
};

const OTHER_MEDIA: MediaLimits = MediaLimits {
    max_file_bytes: 1,
    max_total_bytes: 1,
    link_hours: 1,
};

const OTHER_DOORS: DoorSettings = DoorSettings {
    default: DefaultDoor::Wireflow,
    flowise_open_predictions: true,
    dashboard: false,
    chats: OTHER_CHATS,
};

fn other_alerts() -> AlertSettings {
    AlertSettings {
        url: Some(SecretText::new("http://a".to_owned())),
        secret: Some(SecretText::new("s".to_owned())),
    }
}

/// A configuration in which no field is at its default.
fn all_different() -> Config {
    Config {
        host: "0.0.0.0".into(),
        port: 1,
        data: "elsewhere".into(),
        public_url: Some("https://a.example".into()),
        allowed_hosts: vec!["a".into()],
        cors_origins: vec!["http://a".into()],
        trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
        base_path: "/x".into(),
        doors: OTHER_DOORS,
        tls_cert: Some("c".into()),
        tls_key: Some("k".into()),
        outbound_allow: vec!["a".into()],
        template_env: vec!["A".into()],
        limit_read: Limit::Unlimited,
        limit_write: Limit::Unlimited,
        limit_execute: Limit::Unlimited,
        max_connections: 1,
        max_body_bytes: 1,
        header_timeout_ms: 1,
        body_timeout_ms: 1,
        write_timeout_ms: 1,
        max_steps: 1,
        max_definition_bytes: 1,
        max_input_bytes: 1,
        max_output_bytes: 1,
        max_run_output_bytes: 1,
        max_response_bytes: 1,
        http_timeout_ms: 1,
        smtp_ca: Some("c".into()),
        llm_base_url: Some("http://a".into()),
        llm_api_key: Some(SecretText::new("k".to_owned())),
        llm_models: vec![("a".into(), "b".into())],
        node_backends: vec![("a:*".into(), "http://a".into())],
        node_backend_timeout_ms: 1,
        llm_model: "m".into(),
        llm_timeout_ms: 1,
        sync_wait_ms: 1,
        max_sync_wait_ms: 1,
        max_running_runs: 1,
        max_running_runs_per_key: 1,
        retention_days: 1,
        retention_runs: 1,
        retention_bytes: 1,
        audit_days: 1,
        usage_days: 1,
        node_prices: Prices::new(vec!["a=1".parse().expect("a price")]).expect("prices"),
        credit_balance: Some(1),
        alerts: other_alerts(),
        max_iterations: 1,
        max_depth: 1,
        max_runs_below: 1,
        max_flow_calls: 1,
        read_connections: 1,
        tables: OTHER_TABLES,
        limit_webhook: Limit::Unlimited,
        max_webhook_bytes: 1,
        webhook_events_days: 1,
        webhook_events_count: 1,
        webhook_events_bytes: 1,
        media: OTHER_MEDIA,
        master_key: None,
        script_program: Some("s".into()),
        script_timeout_ms: 1,
        script_memory_bytes: 1,
        max_running_scripts: 1,
        origins: Origins::new(),
    }
}

#[test]
fn the_table_has_every_field_with_its_default() {
    let mut config = all_different();
    for setting in SETTINGS.iter().filter(|setting| setting.key != "data") {
        setting
            .apply(&mut config, setting.default)
            .unwrap_or_else(|problem| panic!("{}: {problem}", setting.key));
    }
    assert_eq!(config, Config::new("elsewhere"));
}

#[test]
fn every_setting_is_shown_with_its_own_value() {
    let (plain, different) = (Config::new("here"), all_different());
    for setting in SETTINGS {
        let (plain, different) = (value(&plain, setting.key), value(&different, setting.key));
        assert_ne!(plain, different, "{}", setting.key);
        if setting.key != "data" {
            assert_eq!(plain, setting.default, "{}", setting.key);
        }
        let mut config = Config::new("here");
        if setting.key != "data"
            && different != "set"
            && setting.apply(&mut config, &different).is_ok()
        {
            assert_eq!(value(&config, setting.key), different, "{}", setting.key);
        }
    }
}

#[test]
fn of_a_secret_only_that_it_is_set_is_shown() {
    let mut config = Config::new("here");
    for (key, text) in [
        ("llm_api_key", "planted-1"),
        ("tls_key", "/planted-2"),
        (
            "node_backends",
            "a:*=http://a.example/x?key=planted-3,b=http://b.example/x",
        ),
    ] {
        let setting = Setting::named(key).expect("a setting");
        setting.apply(&mut config, text).expect("taken");
    }
    config.origins.insert("llm_api_key", Origin::Environment);
    let shown = config.shown();
    assert!(!format!("{shown:?}").contains("planted"), "{shown:?}");
    let of = |key: &str| shown.iter().find(|one| one.key == key).expect("shown");
    assert_eq!(of("llm_api_key").value, "set");
    assert_eq!(of("llm_api_key").origin, Some(Origin::Environment));
    assert_eq!(
        of("node_backends").value,
        "a:*=http://a.example/x?…, b=http://b.example/x"
    );
    assert!(of("port").is_default && !of("tls_key").is_default);
}

#[test]
fn the_markdown_table_has_a_row_for_each_setting() {
    let table = table_markdown();
    assert_eq!(table.lines().count(), SETTINGS.len() + 2);
    assert!(table.contains(
        "| `max_body_bytes` | `2097152` | Largest request body: an input or a definition and what stands around it. 1024 to 268435456 bytes. |\n"
    ));
}
