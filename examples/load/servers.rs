//! The servers under load, as child processes: a bare warp route, and Flowlatch.

use crate::Result;
use crate::workflows;
use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use flowlatch::model::limit::Limit;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tokio::sync::watch;
use warp::Filter as _;

/// A server in a child process; it is stopped when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    key: String,
    workflows: Value,
}

impl Server {
    /// Flowlatch on this folder, with these workflows made anew.
    pub(crate) fn flowlatch(folder: &Path, workflows: &[&str]) -> Result<Server> {
        let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
        Server::start(&[&["serve", folder], workflows].concat())
    }

    /// The same, with a model behind its flows.
    pub(crate) fn flowlatch_with_model(
        folder: &Path,
        workflows: &[&str],
        model: &str,
    ) -> Result<Server> {
        let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
        Server::start(&[&["serve", folder, "--model", model], workflows].concat())
    }

    /// A bare warp route that answers with this body.
    pub(crate) fn bare(body: &str) -> Result<Server> {
        Server::start(&["serve-bare", body])
    }

    fn start(arguments: &[&str]) -> Result<Server> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the child has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let said: Value = serde_json::from_str(&line)?;
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        Ok(Server {
            child,
            address: text("address"),
            key: text("key"),
            workflows: said["workflows"].clone(),
        })
    }

    /// The id of a workflow.
    pub(crate) fn workflow(&self, name: &str) -> &str {
        self.workflows[name].as_str().unwrap_or_default()
    }

    /// The head of a request with the key, without the empty line at its end.
    pub(crate) fn head(&self, line: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\n",
            self.key
        )
    }

    /// The same with the key as Wireflow's clients send it.
    pub(crate) fn bearer_head(&self, line: &str) -> String {
        format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n",
            self.key
        )
    }

    /// Resident memory, as the kernel counts it.
    pub(crate) fn resident_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
        Ok(kilobytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its stdin is the child's sign to stop in order.
        drop(self.child.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("a server did not end: {error}");
        }
    }
}

/// Runs this program with other arguments to its end.
pub(crate) fn run_to_end(arguments: &[&str]) -> Result<()> {
    let status = Command::new(std::env::current_exe()?)
        .args(arguments)
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{arguments:?} ended with {status}").into())
    }
}

/// From the start of a process to its first answer, median, in milliseconds.
pub(crate) fn start_ms(attempts: usize, folder: impl Fn(usize) -> PathBuf) -> Result<f64> {
    let mut times = Vec::new();
    for attempt in 0..attempts {
        let folder = folder(attempt);
        let began = Instant::now();
        let server = Server::flowlatch(&folder, &[])?;
        crate::client::Load::get(&server, "/api/health").body()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        drop(server);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Child: this body from a bare warp route.
pub(crate) fn serve_bare(body: &str) -> Result<()> {
    let body = bytes::Bytes::from(body.to_owned());
    runtime()?.block_on(async {
        let route = warp::path!("api" / "v1" / "workflows" / String)
            .and(warp::get())
            .map(move |_| {
                warp::http::Response::builder()
                    .header("content-type", "application/json")
                    .body(body.clone())
            });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!(
            "{}",
            json!({ "address": listener.local_addr()?.to_string() })
        );
        tokio::select! {
            () = warp::serve(route).incoming(listener).run() => {}
            () = stdin_end() => {}
        }
        Ok(())
    })
}

/// Child: Flowlatch on this folder, with a key without limits, these workflows and, maybe, a model.
pub(crate) fn serve(folder: &str, model: Option<&str>, names: &[&str]) -> Result<()> {
    let mut config = Config::new(folder);
    config.port = 0;
    // The history that is measured is long over.
    config.retention_days = 0;
    config.limit_webhook = Limit::Unlimited;
    if let Some(model) = model {
        config.llm_base_url = Some(model.to_owned());
        // Each open stream is a run.
        config.max_running_runs = 1_000;
    }
    runtime()?.block_on(async {
        let app = App::open(config, Options::default()).await?;
        let body = json!({
            "name": "load",
            "scopes": ["workflows:read", "workflows:execute", "runs:read", "predictions:create"],
            "limits": { "read": null, "write": null, "execute": null },
        });
        let (_, created) = app
            .control("POST", "/api/v1/auth/api-keys", Some(body))
            .await?;
        let mut workflows = BTreeMap::new();
        for name in names {
            workflows.insert(*name, workflows::create(&app, name).await?);
        }
        let (stop, stopped) = watch::channel(false);
        let say = move |bound: flowlatch::app::Bound| {
            let address = bound.url.trim_start_matches("http://");
            println!(
                "{}",
                json!({ "address": address, "key": created["data"]["key"], "workflows": workflows })
            );
        };
        tokio::spawn(async move {
            stdin_end().await;
            stop.send_replace(true);
        });
        app.serve(stopped, say).await?;
        Ok(())
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}

async fn stdin_end() {
    let (ended, waiting) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        drop(ended);
    });
    drop(waiting.await);
}
