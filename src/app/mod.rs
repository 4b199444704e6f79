//! The composition root: the only one that knows every layer. Opens the parts in order, serves, closes them in order.
//! May not hold rules of its own. Promise: what is opened here is what the binary, the tests and a program that embeds the
//! server use alike.

mod alerts;
mod first_start;
mod flowise_import;
mod listen;
mod master_key;
mod messengers;
mod parts;

pub use flowise_import::{FlowiseImport, import_flowise};
pub use master_key::{Rekeyed, rekey};

pub use crate::engine::script::serve as serve_scripts;

use crate::auth::{KeyText, Keyring, KeyringOptions, SignIn};
use crate::clock::{Clock, iso_utc};
use crate::config::Config;
use crate::data_folder::{DataFolder, ServerFile};
use crate::engine::Engine;
use crate::engine::alerts::AlertPost;
use crate::engine::outbound::Outbound;
use crate::error::{Error, Result};
use crate::http::{
    self, AddressLimits, Api, FlowLimits, Front, Ingestion, Listen, Peer, ServeOptions, Tls,
};
use crate::model::alert::ALERTS_KEPT_MS;
use crate::model::key::ForeignLookup;
use crate::secret::SecretText;
use crate::store::{CommitHook, Store, StoreOptions};
use parts::{api_options, engine, front, link_key, media, outbound, server_facts};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests under way are given at a stop, and how much of it before those that wait for a run are answered
/// without its end.
const DRAIN: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(1);
/// How often what need not be kept any more is removed.
const SWEEP_EVERY_MS: u64 = 60 * 1_000;
/// How long a change of a table by a step is remembered after its run has ended: a retry of a run that was cancelled in the
/// middle of it still finds it.
const OPERATIONS_KEPT_MS: i64 = 60 * 60 * 1_000;
/// How long the firings of schedules stay in their log: 90 days.
const FIRINGS_KEPT_MS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// What is handed in beside the configuration.
pub struct Options {
    /// The time.
    pub clock: Clock,
    /// Called around every commit; crash tests stop the process there.
    pub commit_hook: Option<CommitHook>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            clock: Clock::system(),
            commit_hook: None,
        }
    }
}

/// The server listens.
pub struct Bound {
    /// `http://127.0.0.1:3000`: no path, no trailing slash.
    pub url: String,
    /// The path before every other; empty for none.
    pub base_path: String,
    /// The port.
    pub port: u16,
    /// The admin key's text, if this start made it: the first one on an empty folder does.
    pub first_key: Option<KeyText>,
    /// The link that sets the dashboard's password, while none is set.
    pub set_up_url: Option<SecretText>,
}

/// An opened server; clones share it. The data folder is held until the last clone is dropped.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    config: Config,
    clock: Clock,
    store: Store,
    keyring: Keyring,
    sign_in: SignIn,
    engine: Engine,
    outbound: Outbound,
    /// Tells unusual activity, where somebody is to be told.
    alerts: Option<Arc<AlertPost>>,
    front: Arc<Front>,
    stopping: watch::Sender<bool>,
    // Dropped last: the store is closed by then.
    folder: DataFolder,
}

impl App {
    /// Takes the data folder and opens everything in it. Resumes nothing and listens nowhere.
    pub async fn open(config: Config, options: Options) -> Result<App> {
        let folder = DataFolder::open(&config.data)?;
        let store_options = StoreOptions {
            readers: config.read_connections,
            commit_hook: options.commit_hook,
        };
        let store = Store::open(&folder.database(), store_options).map_err(|error| {
            Error::caused_by(
                format!("cannot open the database {}", folder.database().display()),
                error,
            )
            .hint("`flowlatch doctor` looks at it without changing it")
        })?;
        let clock = options.clock;
        let link_key = link_key(&store).await?;
        let limits = [config.limit_read, config.limit_write, config.limit_execute];
        let keyring = Keyring::open(
            store.clone(),
            clock.clone(),
            KeyringOptions {
                default_limits: limits,
                foreign_lookup: ForeignLookup::new(&link_key),
                tells_alerts: config.alerts.url.is_some(),
            },
        )
        .await
        .map_err(|error| Error::caused_by("cannot read the API keys", error))?;
        let sign_in = SignIn::open(store.clone(), clock.clone())
            .map_err(|error| Error::caused_by("cannot read who is signed in", error))?;
        let outbound = outbound(&config)?;
        let key = master_key::settle(&config, &folder, &store).await?;
        let alerts = alerts::post(&config, &store, &clock, &outbound)?.map(Arc::new);
        let messengers = messengers::of(&config, &outbound)?;
        let engine = engine(
            &config, &store, &clock, &outbound, key, link_key, messengers,
        );
        let media = media(&config, &folder, &store, &clock, &outbound, link_key).await?;
        let stopping = watch::Sender::new(false);
        let api = Api {
            keyring: keyring.clone(),
            sign_in: sign_in.clone(),
            engine: engine.clone(),
            media,
            store: store.clone(),
            clock: clock.clone(),
            options: api_options(&config, store.instance_id()),
            stopping: stopping.subscribe(),
            requests: AtomicU64::new(0),
            audit_check: tokio::sync::Mutex::default(),
            address_limits: AddressLimits::default(),
            ingestion: Ingestion::default(),
            flow_limits: FlowLimits::default(),
            openapi: OnceLock::new(),
            facts: server_facts(&config, &clock),
        };
        let front = Arc::new(front(&config, Arc::new(api)));
        Ok(App(Arc::new(Parts {
            config,
            clock,
            store,
            keyring,
            sign_in,
            engine,
            outbound,
            alerts,
            front,
            stopping,
            folder,
        })))
    }

    /// The database's random id.
    pub fn instance(&self) -> &str {
        self.0.store.instance_id()
    }

    /// Serves until `stop` turns true, then drains and closes. Calls `ready` once, when the port is bound and answers.
    pub async fn serve(
        self,
        stop: watch::Receiver<bool>,
        ready: impl FnOnce(Bound) + Send,
    ) -> Result<()> {
        let tls = self.tls()?;
        self.require_set_up()?;
        let listeners = self.bind().await?;
        let port = listeners
            .first()
            .and_then(|listener| listener.local_addr().ok())
            .map_or(0, |addr| addr.port());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!(
            "{scheme}://{}:{port}",
            listen::bracketed(&self.0.config.host)
        );
        let base_path = self.0.config.base_path.clone();
        let (control, control_listen) = self.control_listener().await?;
        let mut ports = vec![port];
        if let Listen::ControlPort(listener, _) = &control_listen {
            ports.extend(listener.local_addr().map(|address| address.port()));
        }
        self.0.outbound.set_own_ports(&ports);
        let seen = self.0.config.public_url.as_deref().unwrap_or(&url);
        self.0.engine.set_base_url(&format!("{seen}{base_path}"));
        self.0.folder.announce(&ServerFile {
            pid: std::process::id(),
            url: url.clone(),
            base_path: base_path.clone(),
            instance: self.instance().to_owned(),
            started_at: iso_utc(self.0.clock.now_ms()),
            control,
        })?;
        let resumed = self
            .0
            .engine
            .resume()
            .await
            .map_err(|error| Error::caused_by("cannot resume runs", error))?;
        if resumed > 0 {
            log::info!("{resumed} unfinished runs go on");
        }

        // Last of what can fail: a first key that was made by a start that came to nothing would never be seen.
        let first_key = self.first_start().await?;
        let set_up_url = self.set_up_url(&format!("{seen}{base_path}"));
        let bound = Bound {
            url,
            base_path,
            port,
            first_key,
            set_up_url,
        };
        let mut background = JoinSet::new();
        self.spawn_background(&mut background, tls.clone(), stop.clone());
        let listens = listeners
            .into_iter()
            .map(|listener| Listen::Public(listener, tls.clone()));
        let listens: Vec<Listen> = listens.chain([control_listen]).collect();
        ready(bound);
        http::serve(self.0.front.clone(), listens, self.serve_options(), stop).await;
        background.shutdown().await;
        self.close().await;
        Ok(())
    }

    /// Answers one request of the native door with the rights of the data folder's owner, without a port.
    pub async fn control(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value)> {
        let peer = Peer {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            control: true,
        };
        let path = format!("{}{path}", self.0.config.base_path);
        let body = body.map(|body| body.to_string().into_bytes());
        self.0
            .front
            .serve_own(method, &path, body, peer)
            .await
            .map_err(|error| Error::caused_by("no answer", error))
    }

    /// Stops runs at their next commit, writes what is in memory, closes the database.
    pub async fn close(self) {
        self.0.stopping.send_replace(true);
        self.0.engine.stop().await;
        self.0.keyring.flush().await;
        self.0.store.close().await;
    }

    fn spawn_background(
        &self,
        background: &mut JoinSet<()>,
        tls: Option<Tls>,
        mut stop: watch::Receiver<bool>,
    ) {
        let (stopping, engine) = (self.0.stopping.clone(), self.0.engine.clone());
        let keyring = self.0.keyring.clone();
        let (keyring_stop, events_stop) = (stop.clone(), stop.clone());
        if let Some(alerts) = self.0.alerts.clone() {
            let alerts_stop = stop.clone();
            background.spawn(async move { alerts.deliver(alerts_stop).await });
        }
        background.spawn(async move { keyring.housekeeping(keyring_stop).await });
        background.spawn(async move {
            // Event streams end as soon as the stop is asked for, so that draining can.
            if stop.wait_for(|stop| *stop).await.is_ok() {
                stopping.send_replace(true);
                tokio::time::sleep(PATIENCE).await;
                engine.begin_stop();
            }
        });
        let (engine, kept) = (self.0.engine.clone(), self.0.config.event_retention());
        background.spawn(async move { engine.keep_events(kept, events_stop).await });
        let (engine, clock) = (self.0.engine.clone(), self.0.clock.clone());
        let store = self.0.store.clone();
        background.spawn(async move {
            loop {
                clock.sleep_ms(SWEEP_EVERY_MS).await;
                match engine.sweep().await {
                    Ok(swept) if swept.runs > 0 => {
                        log::info!("{} old runs are removed", swept.runs)
                    }
                    Ok(_) => {}
                    Err(error) => log::warn!("old runs stay for now: {error}"),
                }
                let old_ms = clock.now_ms() - FIRINGS_KEPT_MS;
                if let Err(error) = store.forget_firings_before(old_ms).await {
                    log::warn!("old firings of schedules stay for now: {error}");
                }
                let old_ms = clock.now_ms() - ALERTS_KEPT_MS;
                if let Err(error) = store.forget_alerts_before(old_ms).await {
                    log::warn!("old alerts stay for now: {error}");
                }
                let old_ms = clock.now_ms() - OPERATIONS_KEPT_MS;
                if let Err(error) = store.sweep_tables(old_ms).await {
                    log::warn!("what is left of tables stays for now: {error}");
                }
            }
        });
        if let Some(tls) = tls {
            background.spawn(tls.follow_files());
        }
    }

    fn serve_options(&self) -> ServeOptions {
        ServeOptions {
            max_connections: self.0.config.max_connections,
            header_timeout: Duration::from_millis(self.0.config.header_timeout_ms),
            write_timeout: Duration::from_millis(self.0.config.write_timeout_ms),
            drain: DRAIN,
        }
    }
}
