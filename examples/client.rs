//! A client of a running server: makes a workflow, runs it, follows its events, prints how it ended.
//! The server is at FLOWLATCH_URL (by default http://127.0.0.1:3000); the key in FLOWLATCH_API_KEY needs `workflows:write`,
//! `workflows:execute` and `runs:read`.
//!
//! `FLOWLATCH_API_KEY=wfk_… cargo run --example client`

#![allow(clippy::print_stdout)]

use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::env;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::from_environment()?;
    let workflow = server
        .data(
            Method::POST,
            "/api/v1/workflows",
            Some(json!({
                "name": "client-example",
                "trigger": { "type": "api" },
                "steps": [
                    { "id": "pause", "type": "wait", "config": { "duration": 200 } },
                    {
                        "id": "greet",
                        "type": "transform",
                        "config": { "sourceData": { "greeting": "Hello, {{input.name}}!" } }
                    }
                ]
            })),
        )
        .await?;
    let workflow = format!("/api/v1/workflows/{}", text(&workflow, "id")?);
    server
        .data(Method::POST, &format!("{workflow}/activate"), None)
        .await?;
    let input = json!({ "input": { "name": "Ada" } });
    let started = server
        .data(Method::POST, &format!("{workflow}/run"), Some(input))
        .await?;
    let run = format!("/api/v1/runs/{}", text(&started, "runId")?);

    // The stream ends with the run.
    let mut events = server
        .send(Method::GET, &format!("{run}/events"), None)
        .await?;
    let mut unread = String::new();
    while let Some(chunk) = events.chunk().await? {
        unread.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((event, rest)) = unread.split_once("\n\n") {
            if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                let event: Value = serde_json::from_str(data)?;
                let step = event["step"].as_str().unwrap_or_default();
                println!("{} {step}", text(&event, "type")?);
            }
            unread = rest.to_owned();
        }
    }

    let ended = server.data(Method::GET, &run, None).await?;
    println!("{}: {}", text(&ended, "status")?, ended["output"]);
    server.data(Method::DELETE, &workflow, None).await?;
    if ended["status"] == "completed" {
        Ok(())
    } else {
        Err(format!("the run did not complete: {}", ended["error"]).into())
    }
}

/// Where the server is, and the key for it.
struct Server {
    client: reqwest::Client,
    url: String,
    key: String,
}

impl Server {
    fn from_environment() -> Result<Server> {
        // The client has no TLS of its own; any program may choose one. A second choice changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        Ok(Server {
            client: reqwest::Client::builder().no_proxy().build()?,
            url: env::var("FLOWLATCH_URL").unwrap_or_else(|_| "http://127.0.0.1:3000".to_owned()),
            key: env::var("FLOWLATCH_API_KEY").map_err(|_| "set FLOWLATCH_API_KEY to a key")?,
        })
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Response> {
        let request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .header("x-api-key", &self.key);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer: Value = response.json().await?;
        Err(text(&answer["error"], "message")?.into())
    }

    /// What stands under `data` in an answer.
    async fn data(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut answer: Value = self.send(method, path, body).await?.json().await?;
        Ok(answer["data"].take())
    }
}

fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str> {
    let text = object[field].as_str();
    text.ok_or_else(|| format!("the answer has no `{field}`: {object}").into())
}
