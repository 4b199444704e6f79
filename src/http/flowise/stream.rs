//! An answer that is told as it comes: server-sent events in Flowise's form.
//! May not know who may hear it. Promises: the first event says that it begins, the last one is `end`; what is told of the whole
//! answer was kept before; when nobody takes the events any more, or whoever asked sends no more, the run is cancelled.

use super::prediction::Asking;
use super::prediction_body::PLACE;
use super::told::{HEARTBEAT, event, failure, nodes, tools};
use crate::engine::prediction::{Executed, Prediction, PredictionEnd, PredictionEvent};
use crate::model::flow::passed::NodeStatus;
use crate::model::flow::{ExecutedNode, FlowKind};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use sync_wrapper::SyncStream;
use warp::Reply as _;
use warp::http::{HeaderName, HeaderValue, header};
use warp::reply::Response;

/// How often something is told on a connection where nothing else is. Who has gone without a word, or behind a proxy that keeps
/// the connection, is found only so, and until then a model goes on answering nobody.
const HEARTBEAT_MS: u64 = 2_000;

/// Of how many nodes it is told after each one what all of them came to. Of a longer run it is told when a quarter more have come,
/// and at the end: clients take it whole each time, and a run of a thousand nodes would be told five hundred times over.
const NODES_TOLD_EACH: usize = 64;

/// Tells one prediction to one client.
pub(super) struct Teller {
    asking: Asking,
    prediction: Prediction,
    executed: Executed,
    /// Of how many nodes it was told what they came to.
    nodes_told: usize,
    /// Whether one has come to something since.
    has_untold: bool,
    used_tools: Option<Value>,
    ready: VecDeque<Bytes>,
    /// Whether a piece of a chatflow's answer was told.
    has_started: bool,
    is_over: bool,
}

/// The answer whose body is what the teller tells.
pub(super) fn respond(teller: Teller) -> Response {
    let body = stream::unfold(teller, |mut teller| async move {
        let chunk = teller.next().await?;
        Some((Ok::<Bytes, Infallible>(chunk), teller))
    });
    let mut response = warp::reply::stream(SyncStream::new(body)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Teller {
    pub(super) fn new(asking: Asking, prediction: Prediction) -> Teller {
        let mut ready = VecDeque::new();
        if asking.flow.kind == FlowKind::Agentflow {
            ready.push_back(event("agentFlowEvent", &json!("INPROGRESS")));
        }
        Teller {
            executed: prediction.earlier().clone(),
            asking,
            prediction,
            nodes_told: 0,
            has_untold: false,
            used_tools: None,
            ready,
            has_started: false,
            is_over: false,
        }
    }

    /// What is told next; `None` after the last of it.
    async fn next(&mut self) -> Option<Bytes> {
        let clock = self.asking.visit.api.clock.clone();
        loop {
            if !self.ready.is_empty() {
                let mut all = Vec::new();
                self.ready
                    .drain(..)
                    .for_each(|piece| all.extend_from_slice(&piece));
                return Some(all.into());
            }
            if self.is_over {
                return None;
            }
            let heard = tokio::select! {
                biased;
                heard = self.prediction.next() => heard,
                () = self.asking.visit.client_gone() => Some(PredictionEvent::Ended(PredictionEnd::Cancelled)),
                () = clock.sleep_ms(HEARTBEAT_MS) => return Some(HEARTBEAT),
            };
            match heard {
                // In a box: a stream is open for long, and ends once.
                Some(PredictionEvent::Ended(end)) => Box::pin(self.tell_end(end)).await,
                Some(heard) => self.tell(heard),
                None => self.is_over = true,
            }
        }
    }

    fn put(&mut self, name: &str, data: &Value) {
        self.ready.push_back(event(name, data));
    }

    fn is_agentflow(&self) -> bool {
        self.asking.flow.kind == FlowKind::Agentflow
    }

    fn tell(&mut self, heard: PredictionEvent) {
        match heard {
            PredictionEvent::NodeBegan { node_id, label } if self.is_agentflow() => {
                let began =
                    json!({ "nodeId": node_id, "nodeLabel": label, "status": "INPROGRESS" });
                self.put("nextAgentFlow", &began);
            }
            PredictionEvent::NodeEnded(node) => {
                self.executed.push(node.clone());
                if self.is_agentflow() {
                    self.put("nextAgentFlow", &passed(&node, self.asking.shows_all));
                    self.has_untold = true;
                    let count = self.executed.nodes.len();
                    if count <= NODES_TOLD_EACH || count >= self.nodes_told + self.nodes_told / 4 {
                        self.tell_nodes();
                    }
                }
            }
            PredictionEvent::Token(token) => {
                self.begin(&token);
                self.put("token", &json!(token));
            }
            PredictionEvent::Thought(thought) => self.put("thinking", &json!(thought)),
            PredictionEvent::CalledTools(called) => {
                let told = tools(called, self.asking.shows_all);
                self.put("calledTools", &told);
            }
            PredictionEvent::UsedTools(used) => {
                let told = tools(used.clone(), self.asking.shows_all);
                self.put("usedTools", &told);
                self.used_tools = Some(used);
            }
            PredictionEvent::Usage(usage) => self.put("usageMetadata", &usage),
            PredictionEvent::NodeBegan { .. } | PredictionEvent::Ended(_) => {}
        }
    }

    /// What all nodes came to so far, unless that was told.
    fn tell_nodes(&mut self) {
        if std::mem::take(&mut self.has_untold) {
            self.nodes_told = self.executed.nodes.len();
            let all = nodes(&self.executed, self.asking.shows_all);
            self.put("agentFlowExecutedData", &all);
        }
    }

    /// A widget opens a bubble once: with this event for chatflows.
    fn begin(&mut self, first: &str) {
        if !self.is_agentflow() && !self.has_started {
            self.has_started = true;
            self.put("start", &json!(first));
        }
    }

    async fn tell_end(&mut self, end: PredictionEnd) {
        self.is_over = true;
        let word = match &end {
            PredictionEnd::Completed { .. } => "FINISHED",
            PredictionEnd::Stopped { .. } => "STOPPED",
            PredictionEnd::Cancelled => "TERMINATED",
            PredictionEnd::Failed(_) | PredictionEnd::Stopping => "ERROR",
        };
        let (run, executed) = (self.prediction.run().clone(), self.executed.clone());
        let used_tools = self.used_tools.clone();
        let outcome = self.asking.ended(run, executed, end, used_tools).await;
        if self.is_agentflow() {
            self.tell_nodes();
            self.put("agentFlowEvent", &json!(word));
        }
        match outcome {
            Ok(outcome) => {
                if let Some(action) = &outcome.action {
                    self.put("action", action);
                }
                match self.asking.keep(&outcome).await {
                    Ok(()) => self.put("metadata", &outcome.metadata(&self.asking.asked)),
                    Err(_) => {
                        let lost = format!("{PLACE}The answer could not be kept.");
                        self.put("error", &json!(lost));
                    }
                }
            }
            Err(message) => self.put("error", &json!(format!("{PLACE}{message}"))),
        }
        self.put("end", &json!("[DONE]"));
    }
}

/// That a node has ended, and how.
fn passed(node: &ExecutedNode, shows_all: bool) -> Value {
    let mut passed = json!({
        "nodeId": node.node_id,
        "nodeLabel": node.label,
        "status": node.status.as_str(),
    });
    if node.status == NodeStatus::Failed
        && let Some(error) = failure(node, shows_all)
    {
        passed["error"] = json!(error);
    }
    passed
}
