//! `/workflows/:id/execute`: runs the graph that is sent, or the part of it that one node needs.
//! May not know how results are kept. Promises: a graph that is not the saved one needs `workflows:write` too, since it does
//! what its sender wrote; results that are used again are told, and so are those that their nodes have outgrown.

use super::execution_view::{BatchView, batch};
use super::run::{start, start_saved};
use super::{Answer, about, bare, graph};
use crate::engine::{CompiledWorkflow, SentDefinition, StartTrigger};
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::target::{self, StaleDependency};
use crate::model::graph::{GraphLimits, difference, inputs, items, lint, outputs, refusal};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::{Definition, DefinitionFormat};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json as value};
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{HeaderValue, Method, StatusCode, header};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const EXECUTE: &str = "/api/v1/workflows/:id/execute";
    let execute = Access::Needs(Permission::WorkflowsExecute, Category::Execute);
    vec![
        Endpoint::new(Door::Wireflow, Method::POST, EXECUTE, execute, |guard| json(guard).then(run)).described(
            about("Executions", "Execute a graph")
                .says(
                    "The graph that is sent, not the saved one. With `targetNodeId` that node and what it needs; nodes that have \
                     a `data.output` are not run again, unless `force` says so. Without `nodes` the saved graph is run with \
                     `inputs`. A graph that differs from the saved one needs `workflows:write` too.",
                )
                .path::<WorkflowId>()
                .body::<ExecuteBody>(value!({ "inputs": { "prompt": "A lighthouse at dusk" } }))
                .gives_bare::<BatchView<'_>>(201)
                .with_header("Location", "Where the execution is read.")
                .may(402, "The credits are not enough.")
                .may(422, "The graph breaks the rules of graphs; every violation is listed."),
        ),
    ]
}

/// The field of a graph that names the nodes whose values a run may be given.
const EXPOSED: &str = "exposedInputs";

/// A graph to execute.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "GraphExecution")]
struct ExecuteBody {
    /// The nodes; without them the saved graph is run.
    nodes: Option<Vec<Value>>,
    /// The edges.
    edges: Option<Vec<Value>>,
    /// Only this node, and what it needs.
    target_node_id: Option<String>,
    /// Use no result of an earlier execution.
    force: Option<bool>,
    /// Values for input nodes, by id or label; names that no node has are left aside.
    trigger_data: Option<Map<String, Value>>,
    /// Values for input nodes, by id or label.
    inputs: Option<Map<String, Value>>,
    /// Lists that iterators go over, in place of what comes in at their `list`.
    iterator_configs: Option<Vec<IteratorItems>>,
}

/// What an iterator goes over.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IteratorItems {
    /// A node of the type `iterator:list`.
    node_id: String,
    /// The items.
    items: Vec<Value>,
}

impl ExecuteBody {
    /// Whether the saved graph is meant, as it is.
    fn is_of_saved(&self) -> bool {
        self.is_without_graph() && self.target_node_id.is_none() && !self.has_items()
    }

    fn is_without_graph(&self) -> bool {
        self.nodes.is_none() && self.edges.is_none()
    }

    fn has_items(&self) -> bool {
        self.iterator_configs
            .as_ref()
            .is_some_and(|configs| !configs.is_empty())
    }
}

async fn run(ctx: Ctx, mut body: ExecuteBody) -> Answer {
    let workflow = graph(&ctx)?;
    let (data, given) = (body.trigger_data.take(), body.inputs.take());
    let (data, mut given) = (data.unwrap_or_default(), given.unwrap_or_default());
    let mut stale = Vec::new();
    let accepted = if body.is_of_saved() {
        let known = inputs::describe(&workflow.workflow.definition.body);
        let mut all = inputs::for_inputs(&known, &data);
        all.extend(given);
        start_saved(&ctx, workflow, all).await?
    } else {
        let graph = meant_graph(&ctx, &workflow, &mut body)?;
        given = data.into_iter().chain(given).collect();
        given = inputs::for_inputs(&inputs::describe(&graph), &given);
        let sent = match &body.target_node_id {
            Some(target) => {
                let selected =
                    selected(&ctx, &workflow, graph, target, body.force == Some(true)).await?;
                stale = selected.1;
                Some(selected.0)
            }
            None => sent(&ctx, &workflow, &graph),
        };
        let (api, by) = (ctx.api(), ctx.started_by());
        start(api, by, workflow, given, StartTrigger::API, sent).await?
    };
    // By its id: what was sent with the request is recorded by now.
    let run = ctx.api().store.run(&accepted.run.summary.id)?;
    let run = run.unwrap_or(accepted.run);
    let logs = ctx.api().engine.logs_of(&run).await?;
    let mut response = bare(StatusCode::CREATED, &batch(&run, &logs.steps(), &stale))?;
    let place = format!(
        "{}/api/v1/workflows/executions/{}",
        ctx.api().options.base_path,
        run.summary.id
    );
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// The graph that was sent, or else the saved one, with the lists that its iterators are given. The lists are values, as
/// inputs are: they make no other graph of it. Where the graph is somebody else's, so is what its runs may be given.
fn meant_graph(
    ctx: &Ctx,
    workflow: &CompiledWorkflow,
    body: &mut ExecuteBody,
) -> Result<Value, Problem> {
    let mut graph = if body.is_without_graph() && body.has_items() {
        let saved = &workflow.workflow.definition.body;
        value!({ "nodes": saved["nodes"], "edges": saved["edges"] })
    } else {
        let graph = sent_graph(body.nodes.as_deref(), body.edges.as_deref())?;
        require_own_or_write(ctx, workflow, &graph)?;
        if ctx.key().may(Permission::WorkflowsWrite) {
            graph
        } else {
            // Results are the server's own, not the sender's.
            outputs::without(&graph)
        }
    };
    let saved = &workflow.workflow.definition.body;
    let is_own = ctx.key().may(Permission::WorkflowsWrite) && !difference::is_same(&graph, saved);
    if let (false, Some(exposed), Some(fields)) =
        (is_own, saved.get(EXPOSED), graph.as_object_mut())
    {
        fields.insert(EXPOSED.to_owned(), exposed.clone());
    }
    for given in body.iterator_configs.take().unwrap_or_default() {
        if !items::give(&mut graph, &given.node_id, given.items) {
            let shown: String = given.node_id.chars().take(80).collect();
            return Err(Problem::invalid(format!(
                "The graph has no `iterator:list` node `{shown}` for `iteratorConfigs`."
            )));
        }
    }
    Ok(graph)
}

/// The graph that was sent, if it is one.
fn sent_graph(nodes: Option<&[Value]>, edges: Option<&[Value]>) -> Result<Value, Problem> {
    let graph = value!({ "nodes": nodes, "edges": edges });
    refusal::of_executed(&graph).map_err(Problem::NoGraph)?;
    let found = lint(&graph, &GraphLimits::DEFAULT);
    if found.violations.is_empty() {
        Ok(graph)
    } else {
        Err(Problem::InvalidGraph(Box::new(found)))
    }
}

/// Whoever may only execute executes what somebody who may write has saved.
fn require_own_or_write(
    ctx: &Ctx,
    workflow: &CompiledWorkflow,
    graph: &Value,
) -> Result<(), Problem> {
    let is_saved = difference::is_same(graph, &workflow.workflow.definition.body);
    if is_saved || ctx.key().may(Permission::WorkflowsWrite) {
        return Ok(());
    }
    let needed = Permission::WorkflowsWrite.word().to_owned();
    Err(Problem::Forbidden(vec![needed]))
}

/// The whole graph; nothing where it is the saved one, whose version is pinned then.
fn sent(ctx: &Ctx, workflow: &CompiledWorkflow, graph: &Value) -> Option<SentDefinition> {
    let is_saved = difference::is_same(graph, &workflow.workflow.definition.body);
    (!is_saved).then(|| SentDefinition {
        definition: Definition {
            format: DefinitionFormat::Graph,
            body: as_saved(workflow, outputs::without(graph), None),
        },
        finished: Vec::new(),
        reach: ctx.key().reach().clone(),
    })
}

/// The graph with the settings of the workflow, such as its time limit, and what runs of it may be given.
fn as_saved(workflow: &CompiledWorkflow, mut graph: Value, exposed: Option<Value>) -> Value {
    let settings = workflow.workflow.definition.body.get("settings").cloned();
    if let Some(fields) = graph.as_object_mut() {
        let beside = [("settings", settings), (EXPOSED, exposed)];
        let beside = beside
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        fields.extend(beside);
    }
    graph
}

/// The part of the graph that a node needs, and which of the results that it uses are outgrown. Results that the sender has
/// left out are those of the last executions.
async fn selected(
    ctx: &Ctx,
    workflow: &Arc<CompiledWorkflow>,
    mut graph: Value,
    target: &str,
    force: bool,
) -> Result<(SentDefinition, Vec<StaleDependency>), Problem> {
    let kept = ctx.api().store.node_outputs(workflow.workflow.sequence);
    let kept = kept.await?;
    let nodes = kept
        .iter()
        .map(|kept| value!({ "id": kept.node_id, "data": { "config": kept.params } }));
    let ran = value!({ "nodes": nodes.collect::<Vec<_>>(), "edges": [] });
    if !force {
        let of = |id: &str| {
            let found = kept.iter().find(|kept| kept.node_id == id);
            found.map(|kept| kept.output.clone())
        };
        outputs::put_missing(&mut graph, of);
    }
    let selected = target::select(&graph, target, force, Some(&ran)).ok_or_else(|| {
        let shown: String = target.chars().take(80).collect();
        Problem::invalid(format!(
            "The graph has no node `{shown}` for `targetNodeId`."
        ))
    })?;
    let (finished, exposed) = (selected.events(), graph.get(EXPOSED).cloned());
    let definition = Definition {
        format: DefinitionFormat::Graph,
        body: as_saved(workflow, selected.graph, exposed),
    };
    Ok((
        SentDefinition {
            definition,
            finished,
            reach: ctx.key().reach().clone(),
        },
        selected.stale,
    ))
}
