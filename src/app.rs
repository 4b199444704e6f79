//! The composition root. (Stands in for the real one.)

use crate::auth::KeyText;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Result;
use crate::store::CommitHook;
use tokio::sync::watch;

/// The server.
#[derive(Clone)]
pub struct App;

/// What is handed in.
pub struct Options {
    /// The time.
    pub clock: Clock,
    /// For crash tests.
    pub commit_hook: Option<CommitHook>,
}

/// Where it listens.
pub struct Bound {
    /// No path.
    pub url: String,
    /// Empty or `/x`.
    pub base_path: String,
    /// The port.
    pub port: u16,
}

impl App {
    /// Opens everything.
    pub async fn open(_config: Config, _options: Options) -> Result<App> {
        Ok(App)
    }
    /// The admin key's text, if this start made it.
    pub fn take_first_key(&self) -> Option<KeyText> {
        None
    }
    /// The database's id.
    pub fn instance(&self) -> &str {
        "instance"
    }
    /// Serves.
    pub async fn serve(
        self,
        mut stop: watch::Receiver<bool>,
        ready: impl FnOnce(Bound) + Send,
    ) -> Result<()> {
        ready(Bound {
            url: "http://127.0.0.1:1".into(),
            base_path: String::new(),
            port: 1,
        });
        drop(stop.wait_for(|stop| *stop).await);
        Ok(())
    }
    /// Answers one request.
    pub async fn control(
        &self,
        _method: &str,
        _path: &str,
        _body: Option<serde_json::Value>,
    ) -> Result<(u16, serde_json::Value)> {
        unimplemented!()
    }
    /// Closes.
    pub async fn close(self) {
        unimplemented!()
    }
}
