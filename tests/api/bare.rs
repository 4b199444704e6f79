//! The accept loop and the front alone, with endpoints of the test's own beside the health check.

use flowlatch::auth::{Keyring, KeyringOptions, SignIn};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use flowlatch::engine::llm::{Llm, LlmOptions};
use flowlatch::engine::mail::Mailer;
use flowlatch::engine::media::{Media, MediaOptions};
use flowlatch::engine::outbound::{Lookup, Outbound, OutboundOptions};
use flowlatch::engine::script::ScriptOptions;
use flowlatch::engine::step::{BackendOptions, Backends};
use flowlatch::engine::{Engine, EngineOptions, Messengers, Workflows};
use flowlatch::http::{
    self, AddressLimitOptions, AddressLimits, Api, ApiOptions, Door, Endpoint, FlowLimits, Front,
    Hosts, Ingestion, Listen, ServeOptions, Table, Tls,
};
use flowlatch::model::key::ForeignLookup;
use flowlatch::model::limit::Limit;
use flowlatch::model::plan::DefinitionLimits;
use flowlatch::secret::MasterKey;
use flowlatch::store::{Store, StoreOptions};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use warp::Filter as _;
use warp::http::Method;
use warp::reply::Response;

/// An accept loop that serves.
pub(crate) struct BareServer {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl BareServer {
    pub(crate) async fn start(
        database: &Path,
        endpoints: Vec<Endpoint>,
        tls: Option<Tls>,
    ) -> BareServer {
        let front = Arc::new(front(database, endpoints).await);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let options = ServeOptions {
            max_connections: 10,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(1),
        };
        let (stop, stopped) = watch::channel(false);
        let listens = vec![Listen::Public(listener, tls)];
        let served = tokio::spawn(http::serve(front, listens, options, stopped));
        BareServer {
            address,
            stop,
            served,
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.served.await.expect("it ends");
    }
}

/// An endpoint that anybody may get.
pub(crate) fn open(pattern: &'static str, handler: fn() -> Response) -> Endpoint {
    Endpoint::open(Door::Native, Method::GET, pattern, warp::any().map(handler))
}

pub(crate) fn engine_options() -> EngineOptions {
    EngineOptions {
        max_running_runs: 1,
        max_running_runs_per_key: None,
        retention: flowlatch::engine::Retention::default(),
        credits: flowlatch::engine::CreditOptions::default(),
        max_output_bytes: 1024,
        max_run_output_bytes: 1024,
        max_iterations: 100,
        max_depth: 10,
        max_runs_below: 1_000,
        max_flow_calls: 1_000,
        link_key: [7; 32],
        max_input_bytes: 1024,
        environment: BTreeMap::new(),
        scripts: ScriptOptions {
            program: None,
            max_running: 1,
            timeout_ms: 1000,
            memory_bytes: 1 << 26,
            max_result_bytes: 1024,
        },
        table_limits: Config::new("").tables,
    }
}

const NO_LIMITS: AddressLimitOptions = AddressLimitOptions {
    read: Limit::Unlimited,
    execute: Limit::Unlimited,
    webhook: Limit::Unlimited,
};

fn outbound() -> Outbound {
    let options = OutboundOptions {
        allow: Vec::new(),
        max_response_bytes: 1024,
        timeout_ms: 1000,
        lookup: Lookup::system(),
    };
    Outbound::new(options).expect("a client")
}

async fn media(database: &Path, store: &Store, clock: &Clock) -> Media {
    let folder = database.with_extension("media");
    std::fs::create_dir_all(&folder).expect("a folder");
    let options = MediaOptions {
        folder,
        max_file_bytes: 1024,
        max_total_bytes: 1024,
        link_lifetime_ms: 1000,
        link_key: [7; 32],
    };
    let media = Media::open(store.clone(), clock.clone(), outbound(), options);
    media.await.expect("an empty folder")
}

/// An engine that no server stands around.
pub(crate) fn engine(store: &Store, clock: &Clock, options: EngineOptions) -> Engine {
    let outbound = outbound();
    let limits = DefinitionLimits::of_new(3);
    let workflows = Workflows::new(store.clone(), clock.clone(), limits, 1024);
    let messengers = Messengers {
        mailer: Mailer::new(outbound.clone(), Vec::new(), 1000),
        backends: Backends::new(
            &outbound,
            BackendOptions {
                urls: Vec::new(),
                timeout_ms: 1000,
            },
        )
        .expect("no URL"),
        llm: Llm::new(&outbound, LlmOptions::default()).expect("no URL"),
        llm_model: "none".to_owned(),
    };
    Engine::new(
        store.clone(),
        clock.clone(),
        workflows,
        outbound,
        MasterKey::generate().expect("randomness"),
        messengers,
        options,
    )
}

async fn front(database: &Path, mut endpoints: Vec<Endpoint>) -> Front {
    let clock = Clock::system();
    let store_options = StoreOptions {
        readers: 1,
        commit_hook: None,
    };
    let store = Store::open(database, store_options).expect("a store");
    let keyring_options = KeyringOptions {
        default_limits: [Limit::Unlimited; 3],
        foreign_lookup: ForeignLookup::new(&[7; 32]),
        tells_alerts: false,
    };
    let keyring = Keyring::open(store.clone(), clock.clone(), keyring_options);
    let engine = engine(&store, &clock, engine_options());
    let api = Api {
        openapi: OnceLock::new(),
        facts: flowlatch::http::ServerFacts::default(),
        keyring: keyring.await.expect("no keys"),
        sign_in: SignIn::open(store.clone(), clock.clone()).expect("nobody"),
        engine,
        media: media(database, &store, &clock).await,
        store,
        clock,
        options: ApiOptions {
            base_path: String::new(),
            instance: "bare".to_owned(),
            max_body_bytes: 1024,
            body_timeout_ms: 1000,
            default_door: Door::Native,
            flowise_open_predictions: false,
            chat_bounds: flowlatch::model::chatflow::ChatBounds::DEFAULT,
            sync_wait_ms: 1,
            max_sync_wait_ms: 1,
            max_webhook_bytes: 1024,
            address_limits: NO_LIMITS,
            public_url: None,
            secure_cookies: false,
        },
        stopping: watch::channel(false).1,
        requests: AtomicU64::new(0),
        audit_check: tokio::sync::Mutex::default(),
        address_limits: AddressLimits::default(),
        ingestion: Ingestion::default(),
        flow_limits: FlowLimits::default(),
    };
    endpoints.push(open("/api/health", Response::default));
    Front::new(
        Arc::new(api),
        Table::new(endpoints),
        Hosts::default(),
        Vec::new(),
        String::new(),
        Vec::new(),
    )
}
