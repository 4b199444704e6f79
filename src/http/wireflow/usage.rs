//! `/developer/usage` and `/workflows/:id/estimate`: what was used, and what an execution would cost.
//! May not know prices or balances; the engine does.

use super::{Answer, Data, about, bare, data, graph};
use crate::http::body::query;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::usage::{UsageQuery, UsageView, usage};
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::catalogue::Role;
use crate::model::graph::{Graph, GraphNode};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const USAGE: &str = "/api/v1/developer/usage";
    const ESTIMATE: &str = "/api/v1/workflows/:id/estimate";
    let door = Door::Wireflow;
    let read_usage = Access::Needs(Permission::UsageRead, Category::Read);
    // It asks, and changes nothing.
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    vec![
        Endpoint::new(door, Method::GET, USAGE, read_usage, |guard| {
            query(guard).then(show)
        })
        .described(
            about("Usage", "What keys have used, and the balance of credits")
                .query::<UsageQuery>()
                .gives_bare::<UsageView>(200)
                .may(
                    404,
                    "There is no such key, or the calling one may not see it.",
                ),
        ),
        Endpoint::new(door, Method::POST, ESTIMATE, read, |guard| {
            guard.then(estimate)
        })
        .described(
            about("Usage", "What an execution of the saved graph costs")
                .path::<WorkflowId>()
                .gives_bare::<Data<EstimateView<'_>>>(200),
        ),
    ]
}

/// What an execution costs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "GraphEstimate")]
struct EstimateView<'a> {
    /// The workflow.
    workflow_id: &'a WorkflowId,
    /// All nodes together.
    estimated_credits: u64,
    /// Always `null`: what a provider charges is not known here.
    estimated_provider_cost_usd: Option<f64>,
    /// What is left; `null` is without end.
    available_credits: Option<u64>,
    /// Whose credits: the server has one balance for all.
    credit_source: &'static str,
    /// Whether they are enough.
    sufficient: bool,
    /// Always `true`: each node is charged once, however often an iterator runs it.
    estimate_complete: bool,
    /// The nodes that cost something.
    breakdown: Vec<NodeEstimateView<'a>>,
    /// Always empty.
    warnings: [String; 0],
}

/// What one node costs.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NodeEstimate")]
struct NodeEstimateView<'a> {
    /// The node.
    node_id: &'a str,
    /// For people.
    node_label: &'a str,
    /// The model that its parameters name.
    model: Option<&'a str>,
    /// What it costs.
    credits: u64,
    /// The same: a node is charged once.
    unit_credits: u64,
    /// Always 1: a node is charged once.
    iterations: u32,
    /// Whether an iterator runs it for each item.
    unknown_iterations: bool,
    /// Always `none`: a node is charged once.
    fan_out_uncertainty: &'static str,
}

async fn show(ctx: Ctx, asked: UsageQuery) -> Answer {
    bare(StatusCode::OK, &usage(&ctx, asked).await?)
}

async fn estimate(ctx: Ctx) -> Answer {
    let compiled = graph(&ctx)?;
    let body = &compiled.workflow.definition.body;
    let estimate = ctx.api().engine.estimate(&compiled.definition.plan);
    let available = ctx.api().engine.balance()?.available();
    let nodes = Graph::of(body);
    let has_iterators = nodes
        .nodes
        .iter()
        .any(|node| node.known.is_some_and(|known| known.role == Role::Iterator));
    let breakdown = estimate.breakdown.iter().map(|cost| NodeEstimateView {
        node_id: &cost.id,
        node_label: &cost.label,
        model: nodes.node(&cost.id).and_then(model_of),
        credits: cost.credits,
        unit_credits: cost.credits,
        iterations: 1,
        unknown_iterations: has_iterators,
        fan_out_uncertainty: "none",
    });
    let view = EstimateView {
        workflow_id: &compiled.workflow.id,
        estimated_credits: estimate.credits,
        estimated_provider_cost_usd: None,
        available_credits: available,
        credit_source: "server",
        sufficient: available.is_none_or(|available| available >= estimate.credits),
        estimate_complete: true,
        breakdown: breakdown.collect(),
        warnings: [],
    };
    data(StatusCode::OK, &view)
}

fn model_of<'a>(node: &GraphNode<'a>) -> Option<&'a str> {
    node.param("model")?.as_str()
}
