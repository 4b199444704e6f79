//! The server inside another program: opened on a folder, served on a free port, called, and stopped.
//!
//! `cargo run --example embed`

#![allow(clippy::print_stdout)]

use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use serde_json::Value;
use std::error::Error;
use tokio::sync::{oneshot, watch};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A folder of this run's own; a program that is to keep its keys and runs names a folder that stays.
    let folder = std::env::temp_dir().join(format!("flowlatch-embed-{}", std::process::id()));
    let mut config = Config::new(&folder);
    config.port = 0;

    let app = App::open(config, Options::default()).await?;
    let (stop, stopped) = watch::channel(false);
    let (ready, bound) = oneshot::channel();
    let serving = tokio::spawn(
        app.clone()
            .serve(stopped, move |bound| drop(ready.send(bound))),
    );
    let bound = bound.await?;
    println!("listening on {}", bound.url);

    // The first start on an empty folder makes a key that may do everything.
    let key = bound.first_key.ok_or("the folder is not new")?;
    // The client has no TLS of its own; any program may choose one. A second choice changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().no_proxy().build()?;
    let workflows: Value = client
        .get(format!("{}/api/v1/workflows", bound.url))
        .header("x-api-key", key.reveal())
        .send()
        .await?
        .error_for_status()?
        .json()
        .await?;
    println!("over HTTP: {}", names(&workflows));

    // The program that holds the folder needs neither port nor key.
    let (status, workflows) = app.control("GET", "/api/v1/workflows", None).await?;
    println!("without a port: {status} {}", names(&workflows));

    stop.send_replace(true);
    serving.await??;
    drop(app);
    std::fs::remove_dir_all(&folder)?;
    println!("stopped");
    Ok(())
}

/// The names in a list of workflows.
fn names(answer: &Value) -> String {
    let items = answer["data"].as_array().into_iter().flatten();
    let names: Vec<&str> = items.filter_map(|item| item["name"].as_str()).collect();
    names.join(", ")
}
