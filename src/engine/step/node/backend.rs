//! Nodes that the server does not run itself: each is posted to the backend that the configuration names for its type.
//! May not know what the backend does with it. Promises: a node that no backend runs fails with its type and the setting;
//! hosts in the setting may be called for this use alone, and of a URL in it errors show no more than the host.
//!
//! The backend gets `{"nodeId","nodeType","label","config","inputs","outputs"}` and an `Idempotency-Key`, and answers with the
//! node's output: an object with a field for each port. What is no object is the value of every port.

use super::Handed;
use crate::engine::outbound::{Outbound, OutboundRequest, status::status_error, url};
use crate::engine::step::{Effects, field};
use crate::model::run::StepError;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;

/// The largest answer of a backend, in bytes.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// What the setting `node_backends` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendOptions {
    /// A node type, or its beginning and `*`, and the URL that its nodes are posted to.
    pub urls: Vec<(String, String)>,
    /// How long a backend may take, in milliseconds: the setting `node_backend_timeout_ms`.
    pub timeout_ms: u64,
}

/// The backends; clones share them.
#[derive(Clone)]
pub struct Backends(Arc<Parts>);

struct Parts {
    outbound: Outbound,
    urls: Vec<(String, String)>,
}

impl Backends {
    /// The error names the URL that is wrong.
    pub fn new(outbound: &Outbound, options: BackendOptions) -> Result<Backends, String> {
        let authorities: Result<Vec<String>, String> = options
            .urls
            .iter()
            .map(|(_, url)| url::authority(url))
            .collect();
        let setting = Some("node_backend_timeout_ms");
        Ok(Backends(Arc::new(Parts {
            outbound: outbound.for_use(&authorities?, options.timeout_ms, setting)?,
            urls: options.urls,
        })))
    }

    /// The URL for this node type: of several entries that fit, the longest.
    fn url(&self, node_type: &str) -> Option<&str> {
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => node_type.starts_with(start),
            None => pattern == node_type,
        };
        let fitting = self.0.urls.iter().filter(|(pattern, _)| fits(pattern));
        let longest = fitting.max_by_key(|(pattern, _)| pattern.len());
        longest.map(|(_, url)| url.as_str())
    }

    /// Whether a backend runs nodes of this type.
    pub fn runs(&self, node_type: &str) -> bool {
        self.url(node_type).is_some()
    }
}

pub(super) fn run(effects: &Effects, config: Value) -> BoxFuture<'_, Result<Value, StepError>> {
    Box::pin(post(effects, config))
}

async fn post(effects: &Effects, config: Value) -> Result<Value, StepError> {
    let node = Handed::read(&config)?;
    let Some(backend) = effects.backends.url(node.node_type) else {
        let family = node.node_type.split(':').next().unwrap_or_default();
        let message = format!(
            "nothing here runs this type of node; name what does in the setting `node_backends`, as in `{}:*=https://…`",
            field::cut(family, 40)
        );
        return Err(node.error("NO_BACKEND", &message));
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = OutboundRequest {
        method: "POST".to_owned(),
        url: backend.to_owned(),
        headers: vec![
            header("content-type", "application/json"),
            header("accept", "application/json"),
            header(
                "idempotency-key",
                &url::header_text(&effects.idempotency_key),
            ),
        ],
        body: Some(config.to_string().into_bytes()),
        timeout_ms: effects.timeout_ms,
        max_response_bytes: Some(MAX_ANSWER_BYTES),
        confined: None,
    };
    let what = format!("POST {}", url::shown_host(backend));
    let response = effects.backends.0.outbound.send(request).await?;
    if !(200..300).contains(&response.status) {
        return Err(status_error(&what, &response, true, effects.now_ms));
    }
    serde_json::from_slice(&response.body).map_err(|error| {
        let message = format!("{what} answered with what is no JSON: {error}");
        StepError::transient("BACKEND_ANSWER", message)
    })
}
