//! The catalogue of node types, and the change of one node.

use super::workflows::{READ, STALE, TAG, WRITE, kept, require_fresh};
use super::{Answer, Data, about, bare, data, graph};
use crate::clock::iso_utc;
use crate::http::body::json_up_to;
use crate::http::describe::Word;
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::fields::Fields;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::catalogue::{NODE_TYPES, NodeType, Port, PortType};
use crate::model::graph::patch::{self, MAX_PATCH_BYTES, PatchError};
use crate::model::graph::{outputs, shown};
use crate::model::workflow::Workflow;
use crate::store::{Beside, BesideGraph, WorkflowDraft};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as example};
use std::borrow::Cow;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const NODES: &str = "/api/v1/nodes";
    const NODE: &str = "/api/v1/workflows/:id/nodes/:nodeId";
    vec![
        Endpoint::new(Door::Wireflow, Method::GET, NODES, READ, |guard| {
            guard.then(catalogue)
        })
        .described(
            about(TAG, "The catalogue of node types")
                .says("Those that the server runs itself. Others are accepted, and need a configured backend to run.")
                .gives_bare::<CatalogueView>(200),
        ),
        Endpoint::new(Door::Wireflow, Method::PATCH, NODE, WRITE, |guard| {
            json_up_to(MAX_PATCH_BYTES, guard).then(change)
        })
        .described(
            about(TAG, "Change one node")
                .says("`config` and `params` are merged by key, and `null` deletes a key; `label` and `position` replace what was there. At most 256 KiB.")
                .path::<WorkflowId>()
                .path::<Word>()
                .body::<PatchBody>(example!({ "config": { "prompt": "Grace" } }))
                .gives_bare::<Data<PatchedView>>(200)
                .may(409, STALE),
        ),
    ]
}

/// The node types.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowCatalogue")]
struct CatalogueView {
    /// Those that the server runs itself.
    nodes: Vec<NodeTypeView>,
}

/// A node type.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowNodeType")]
struct NodeTypeView {
    /// `data.nodeType` of such nodes.
    node_type: &'static str,
    /// For people.
    label: &'static str,
    /// Its group.
    category: &'static str,
    /// What it takes: ports, and parameters of its `config` that are no ports.
    inputs: Vec<InputView>,
    /// What it gives.
    outputs: Vec<OutputView>,
    /// Whether it takes or gives more than is listed.
    dynamic_ports: bool,
    /// As many ports `image1`, `image2`, … it has, in place of `image1` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    expanded_image_inputs: Option<u32>,
    /// Whether it is there for older graphs only.
    deprecated: bool,
}

/// What a node type takes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowInput")]
struct InputView {
    /// An edge leads to `in-<id>`; a parameter is `config.<id>`.
    id: &'static str,
    /// What it carries.
    #[serde(rename = "type")]
    port_type: PortType,
    /// Whether edges may lead to it.
    is_port: bool,
    /// Whether the node cannot run without it.
    required: bool,
    /// Whether several edges may lead to it.
    list: bool,
}

/// What a node type gives.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowOutput")]
struct OutputView {
    /// An edge comes from `out-<id>`.
    id: &'static str,
    /// What it carries.
    #[serde(rename = "type")]
    port_type: PortType,
}

async fn catalogue(_: Ctx) -> Answer {
    let nodes = NODE_TYPES.iter().map(described).collect();
    bare(StatusCode::OK, &CatalogueView { nodes })
}

fn described(known: &NodeType) -> NodeTypeView {
    let ports = known.inputs.iter().map(input);
    let is_no_port = |name: &&str| known.input(name).is_none();
    let params = known.params.iter().copied().filter(is_no_port);
    let params = params.map(|id| InputView {
        id,
        port_type: PortType::Json,
        is_port: false,
        required: false,
        list: false,
    });
    NodeTypeView {
        node_type: known.node_type,
        label: known.label,
        category: known.category,
        inputs: ports.chain(params).collect(),
        outputs: known
            .outputs
            .iter()
            .map(|port| OutputView {
                id: port.id,
                port_type: port.port_type,
            })
            .collect(),
        dynamic_ports: known.has_dynamic_inputs || known.has_dynamic_outputs,
        expanded_image_inputs: Some(known.expanded_image_inputs).filter(|count| *count > 0),
        deprecated: known.is_deprecated,
    }
}

fn input(port: &Port) -> InputView {
    InputView {
        id: port.id,
        port_type: port.port_type,
        is_port: true,
        required: port.is_required,
        list: port.is_list,
    }
}

/// What is changed of a node.
#[derive(Deserialize)]
#[serde(transparent)]
struct PatchBody(Fields);

impl JsonSchema for PatchBody {
    fn schema_name() -> Cow<'static, str> {
        "WireflowPatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "config": { "type": "object", "description": "Parameters; written to `params` too." },
                "params": { "type": "object", "description": "Parameters." },
                "label": { "type": "string", "maxLength": 255, "description": "For people." },
                "position": {
                    "type": "object",
                    "properties": { "x": { "type": "number" }, "y": { "type": "number" } },
                    "required": ["x", "y"],
                    "description": "Where an editor draws it.",
                },
                "baseUpdatedAt": { "type": ["string", "null"], "description": "The `updatedAt` that the change was made from; another state is a 409." },
            },
            "additionalProperties": false,
            "minProperties": 1,
        })
    }
}

/// A node that was changed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowPatched")]
struct PatchedView {
    /// The node as it is now.
    node: Value,
    /// When the workflow was changed last: now.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

async fn change(ctx: Ctx, PatchBody(Fields(patch)): PatchBody) -> Answer {
    let id = graph(&ctx)?.workflow.id.clone();
    let patch = Value::Object(patch);
    let base = patch["baseUpdatedAt"].as_str();
    let mut changed = Value::Null;
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        let (body, node) = patch::apply(&now.definition.body, ctx.text(1), &patch)?;
        require_fresh(now, base)?;
        let record = kept(&ctx, now)?;
        let mut draft = WorkflowDraft::of(now);
        draft.definition.body = outputs::without(&body);
        draft.beside = Some(Beside::Graph(BesideGraph {
            details: record.details,
            link_permission: record.link_permission,
        }));
        changed = node;
        Ok(draft)
    };
    let workflows = ctx.api().engine.workflows();
    let edited = workflows.edit(&id, draft, None, None, ctx.editor()).await?;
    let mut alone = example!({ "nodes": [changed] });
    shown::show(&mut alone, |_| None);
    let view = PatchedView {
        node: alone["nodes"][0].take(),
        updated_at: iso_utc(edited.workflow.updated_at_ms),
    };
    data(StatusCode::OK, &view)
}

impl From<PatchError> for Problem {
    fn from(error: PatchError) -> Problem {
        match error {
            PatchError::UnknownNode => Problem::NotFound("node"),
            PatchError::TooLarge { .. } => Problem::TooLarge(MAX_PATCH_BYTES),
            PatchError::InvalidField { field, message } => Problem::InvalidField { field, message },
        }
    }
}
