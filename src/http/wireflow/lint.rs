//! `POST /workflows/lint`: what is wrong with a graph. Stores and runs nothing.

use super::workflows::{READ, TAG};
use super::{Answer, Data, about, data};
use crate::http::body::json;
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::fields::Fields;
use crate::http::visit::Ctx;
use crate::model::graph::Finding;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as example};
use std::borrow::Cow;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LINT: &str = "/api/v1/workflows/lint";
    vec![
        Endpoint::new(Door::Wireflow, Method::POST, LINT, READ, |guard| {
            json(guard).then(lint)
        })
        .described(
            about(TAG, "Check a graph")
                .says("A graph that is wrong is a good answer all the same.")
                .body::<LintBody>(example!({ "nodes": [], "edges": [] }))
                .gives_bare::<Data<LintView>>(200),
        ),
    ]
}

/// A graph, or a whole workflow.
#[derive(Deserialize)]
#[serde(transparent)]
struct LintBody(Fields);

impl JsonSchema for LintBody {
    fn schema_name() -> Cow<'static, str> {
        "WireflowGraph".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "`nodes` and `edges`, or a whole workflow; whatever is wrong with it is told in the answer.",
        })
    }
}

/// What was found.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WireflowLint")]
struct LintView {
    /// Whether it can be saved: there is no violation.
    ok: bool,
    /// What has to be mended.
    violations: Vec<Finding>,
    /// What should be looked at.
    warnings: Vec<Finding>,
}

async fn lint(ctx: Ctx, LintBody(Fields(graph)): LintBody) -> Answer {
    let found = ctx.api().engine.workflows().lint(&Value::Object(graph));
    let view = LintView {
        ok: found.is_ok(),
        violations: found.violations,
        warnings: found.warnings,
    };
    data(StatusCode::OK, &view)
}
