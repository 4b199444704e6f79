//! `POST /workflows/:id/layout`: moves nodes to where they are seen well, and changes nothing else.

use super::workflows::{TAG, WRITE, kept};
use super::{Answer, Data, about, data, graph};
use crate::clock::iso_utc;
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::graph::Graph;
use crate::model::graph::layout::{Bounds, Gaps, Layout, Point, arrange, moved, position};
use crate::model::workflow::Workflow;
use crate::store::{Beside, BesideGraph, WorkflowDraft};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as example};
use std::collections::{BTreeMap, HashSet};
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const DEFAULT_GAPS: Gaps = Gaps { x: 80.0, y: 40.0 };
const MAX_GAP: f64 = 10_000.0;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LAYOUT: &str = "/api/v1/workflows/:id/layout";
    vec![
        Endpoint::new(Door::Wireflow, Method::POST, LAYOUT, WRITE, |guard| {
            json(guard).then(lay_out)
        })
        .described(
            about(TAG, "Lay out the nodes")
                .says("In layers from left to right. Notes and groups stay where they are.")
                .path::<WorkflowId>()
                .body::<LayoutBody>(example!({ "gapX": 80, "gapY": 40, "scope": "all" }))
                .gives_bare::<Data<LayoutView>>(200),
        ),
    ]
}

/// How to lay out.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowLayoutBody")]
struct LayoutBody {
    /// Between layers, default 80.
    #[schemars(range(min = 0, max = 10_000))]
    gap_x: Option<f64>,
    /// Between the nodes of a layer, default 40.
    #[schemars(range(min = 0, max = 10_000))]
    gap_y: Option<f64>,
    /// Which nodes; default all.
    scope: Option<Scope>,
}

/// Which nodes.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "WireflowScope")]
enum Scope {
    /// A word: `all`.
    Word(All),
    /// Those with these ids.
    Ids(Vec<String>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "WireflowScopeWord")]
enum All {
    All,
}

/// Where the nodes are now.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WireflowLayout")]
struct LayoutView {
    /// By node id: every node that was laid out.
    positions: BTreeMap<String, Point>,
    /// How many of them stood elsewhere before.
    moved: usize,
    /// Around those nodes.
    bounds: Bounds,
    /// When the workflow was changed last: now.
    #[schemars(extend("format" = "date-time"))]
    updated_at: String,
}

async fn lay_out(ctx: Ctx, asked: LayoutBody) -> Answer {
    let id = graph(&ctx)?.workflow.id.clone();
    let gaps = Gaps {
        x: gap("gapX", asked.gap_x, DEFAULT_GAPS.x)?,
        y: gap("gapY", asked.gap_y, DEFAULT_GAPS.y)?,
    };
    let scope: Option<HashSet<String>> = match asked.scope {
        Some(Scope::Ids(ids)) => Some(ids.into_iter().collect()),
        Some(Scope::Word(All::All)) | None => None,
    };
    let mut done = (Layout::default(), 0);
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        let body = &now.definition.body;
        let layout = arrange(body, gaps, scope.as_ref());
        let record = kept(&ctx, now)?;
        let mut draft = WorkflowDraft::of(now);
        draft.definition.body = moved(body, &layout.positions);
        draft.beside = Some(Beside::Graph(BesideGraph {
            details: record.details,
            link_permission: record.link_permission,
        }));
        done = (layout.clone(), elsewhere(body, &layout));
        Ok(draft)
    };
    let workflows = ctx.api().engine.workflows();
    let edited = workflows.edit(&id, draft, None, None, ctx.editor()).await?;
    let (layout, moved) = done;
    let view = LayoutView {
        positions: layout.positions,
        moved,
        bounds: layout.bounds,
        updated_at: iso_utc(edited.workflow.updated_at_ms),
    };
    data(StatusCode::OK, &view)
}

fn gap(field: &str, sent: Option<f64>, default: f64) -> Result<f64, Problem> {
    let gap = sent.unwrap_or(default);
    if (0.0..=MAX_GAP).contains(&gap) {
        return Ok(gap);
    }
    Err(Problem::InvalidField {
        field: field.to_owned(),
        message: format!("`{field}` is {gap}; it goes from 0 to {MAX_GAP}"),
    })
}

/// How many nodes stood elsewhere.
fn elsewhere(body: &Value, layout: &Layout) -> usize {
    let nodes = Graph::of(body).nodes;
    let before = |id: &str| {
        nodes
            .iter()
            .find(|node| node.id == Some(id))
            .and_then(position)
    };
    let has_moved = |(id, point): &(&String, &Point)| before(id) != Some(**point);
    layout.positions.iter().filter(has_moved).count()
}
