//! `PATCH /workflows/:id/canvas`: how an editor draws a workflow, and with it the steps that are drawn.

use super::workflow_body::step;
use super::workflow_view::{WorkflowView, view};
use super::{Answer, ok};
use crate::http::body::json;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::reach::reachable;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::json::json_bytes;
use crate::model::limit::Category;
use crate::model::plan::DefinitionProblem;
use crate::model::scope::Permission;
use crate::model::workflow::{DefinitionFormat, Workflow};
use crate::store::WorkflowDraft;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value, json as example};
use std::sync::Arc;
use warp::Filter as _;
use warp::http::Method;

/// The largest drawing, as JSON text.
const MAX_CANVAS_BYTES: usize = 512 << 10;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const CANVAS: &str = "/api/v1/workflows/:id/canvas";
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::PATCH, CANVAS, write, |guard| {
            json(guard).then(draw)
        })
        .described(
            about("Workflows", "Save an editor's drawing")
                .says(
                    "The drawing is kept as it is sent and is no part of the definition: it makes no version. Steps that are \
                     sent with it replace the workflow's, as an edit does.",
                )
                .path::<WorkflowId>()
                .body::<CanvasBody>(example!({
                    "canvasState": { "blocks": {}, "edges": [], "loops": {}, "parallels": {} },
                    "steps": [{ "id": "rest", "type": "wait", "config": { "duration": 5, "unit": "seconds" } }],
                }))
                .gives::<WorkflowView<'_>>(200)
                .may(409, "The workflow is archived."),
        ),
    ]
}

/// A drawing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "Canvas")]
struct CanvasBody {
    /// Whatever the editor keeps, at most 512 KiB; `null` or nothing leaves it as it is.
    canvas_state: Option<Map<String, Value>>,
    /// The steps, in the order in which they run; `null` or nothing leaves them as they are.
    #[serde(default)]
    #[schemars(schema_with = "steps_or_null")]
    steps: Option<Vec<Map<String, Value>>>,
}

fn steps_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["array", "null"], "items": step() })
}

async fn draw(ctx: Ctx, body: CanvasBody) -> Answer {
    let compiled = reachable(&ctx)?;
    let canvas = body.canvas_state.map(Value::Object);
    let bytes = canvas.as_ref().map_or(0, json_bytes);
    if bytes > MAX_CANVAS_BYTES {
        let message = format!("it has {bytes} bytes; at most {MAX_CANVAS_BYTES} are allowed");
        return Err(Problem::Invalid(
            "The drawing is too large".to_owned(),
            vec![DefinitionProblem {
                place: "canvasState".to_owned(),
                message,
            }],
        ));
    }
    let steps = body
        .steps
        .map(|steps| Value::Array(steps.into_iter().map(Value::Object).collect()));
    let draft = |now: &Workflow| -> Result<WorkflowDraft, Problem> {
        let mut draft = WorkflowDraft::of(now);
        if let Some(steps) = steps {
            require_steps(now)?;
            draft.definition.body["steps"] = steps;
        }
        if let Some(canvas) = canvas {
            draft.canvas = Some(Arc::new(canvas));
        }
        Ok(draft)
    };
    let (id, by) = (&compiled.workflow.id, ctx.editor());
    let workflows = ctx.api().engine.workflows();
    let drawn = workflows.edit(id, draft, None, None, by).await?;
    ok(&view(&ctx, &drawn)?)
}

/// Graphs and flows have no steps to replace.
fn require_steps(workflow: &Workflow) -> Result<(), Problem> {
    if workflow.definition.format == DefinitionFormat::Steps {
        return Ok(());
    }
    Err(Problem::Invalid(
        "Invalid workflow configuration".to_owned(),
        vec![DefinitionProblem {
            place: "steps".to_owned(),
            message: "the workflow has no steps: edit its `nodes` and `edges`, or its `flowData`, with PUT"
                .to_owned(),
        }],
    ))
}
