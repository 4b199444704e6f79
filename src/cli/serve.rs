//! `flowlatch serve`: starts the server, says where it is, and stops it when asked.
//! May not know what the server does. Promise: with `--json-ready` stdout carries one line and nothing else ever; the
//! first key's text goes to a terminal or into that line, never into a log; a second signal ends the process at once.

use super::args::{Global, Serve};
use super::descriptors::take_all_allowed;
use super::parent::{Parent, stop_at_stdin_end};
use super::{Failure, output, read_config};
use crate::app::{App, Bound, Options};
use crate::clock::Clock;
use crate::error::{Error, Result};
use serde_json::json;
use std::io::IsTerminal as _;
use tokio::sync::watch;

/// What a shell shows for a process that was interrupted.
const INTERRUPTED: i32 = 130;

pub(super) async fn run(global: &Global, arguments: Serve) -> std::result::Result<(), Failure> {
    if global.url.is_some() {
        let error = Error::new("`serve` runs a server of its own: it takes no --url");
        return Err(Failure::Usage(
            error.hint("`--public-url` says under which URL clients see it"),
        ));
    }
    let mut config = read_config(global, arguments.settings.0)?;
    config.doors.dashboard &= !arguments.no_dashboard;
    start_log("info");
    take_all_allowed();
    let (stop, stopped) = watch::channel(false);
    let parent = match arguments.parent_pid.map(Parent::find).transpose()? {
        Some(None) => {
            log::warn!("the parent process has already ended: not starting");
            return Ok(());
        }
        found => found.flatten(),
    };
    watch_signals(stop.clone())?;
    if arguments.exit_on_stdin_eof {
        stop_at_stdin_end(stop.clone())?;
    }
    if let Some(parent) = parent {
        tokio::spawn(parent.stop_when_gone(stop.clone()));
    }
    let options = Options {
        clock: Clock::system(),
        commit_hook: None,
    };
    let app = App::open(config, options).await?;
    let greeting = Greeting {
        instance: app.instance().to_owned(),
        as_json: arguments.json_ready,
    };
    app.serve(stopped, |bound| greeting.say(&bound)).await?;
    // The sender lives until here, so that the server's end never looks like a request to stop.
    drop(stop);
    Ok(())
}

/// Logs go to stderr. `RUST_LOG` chooses what is logged.
fn start_log(default_filter: &str) {
    let environment = env_logger::Env::default().default_filter_or(default_filter);
    env_logger::Builder::from_env(environment).init();
}

/// What is said once the port is bound.
struct Greeting {
    instance: String,
    as_json: bool,
}

impl Greeting {
    fn say(self, bound: &Bound) {
        let address = format!("{}{}", bound.url, bound.base_path);
        log::info!("listening on {address}");
        let said = if self.as_json {
            output::print(&self.ready_line(bound))
        } else if std::io::stdout().is_terminal() {
            output::print(&Greeting::welcome(bound, &address))
        } else {
            if bound.first_key.is_some() {
                log::warn!(
                    "this is a new data folder; nobody has seen its first key: make one with \
                     `flowlatch keys create --name NAME --scope SCOPE`"
                );
            }
            if bound.set_up_url.is_some() {
                log::warn!("the dashboard has no password yet: set one with `flowlatch password`");
            }
            Ok(())
        };
        if let Err(error) = said {
            log::error!("{}", error.chain());
        }
    }

    fn ready_line(&self, bound: &Bound) -> String {
        let mut line = json!({
            "url": bound.url,
            "basePath": bound.base_path,
            "pid": std::process::id(),
            "instance": self.instance,
        });
        if let Some(url) = &bound.set_up_url {
            line["setupUrl"] = url.expose().into();
        }
        if let Some(key) = &bound.first_key {
            line["adminKey"] = key.reveal().into();
        }
        line.to_string()
    }

    fn welcome(bound: &Bound, address: &str) -> String {
        let mut text = format!("Flowlatch listens on {address}");
        if let Some(key) = &bound.first_key {
            let key = key.reveal();
            text.push_str(&format!(
                "\n\nThis is a new data folder. Its admin key, shown only now:\n\n  {key}\n\nTry it:\n\n  \
                 curl -H 'x-api-key: {key}' {address}/api/v1/workflows\n"
            ));
        }
        if let Some(url) = &bound.set_up_url {
            let url = url.expose();
            text.push_str(&format!(
                "\n\nThe dashboard has no password yet. Set it, once, at:\n\n  {url}\n"
            ));
        }
        text
    }
}

/// The first signal stops the server in order; the second ends the process at once.
fn watch_signals(stop: watch::Sender<bool>) -> Result<()> {
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        log::info!("stopping; a second signal ends at once");
        stop.send_replace(true);
        signals.next().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| Error::caused_by("cannot listen for signals", error))
        };
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
