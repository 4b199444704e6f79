//! `/apps/:slug`: graphs that are published under a name, for keys that may run nothing else; and their publishing.
//! May not know what nodes do. Promise: whoever may execute apps learns what one may be given, and nothing of its graph.

use super::execution_view::AcceptedView;
use super::run::{DescribedRun, RunBody, accepted_answer, start_saved};
use super::workflows::WRITE;
use super::{Answer, Data, about, data, graph, graph_by};
use crate::engine::CompiledWorkflow;
use crate::http::apps::{PublicationView, PublishBody, endpoint_of, publish, unpublish};
use crate::http::body::json;
use crate::http::describe::Word;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use serde_json::json as example;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{Method, StatusCode};

const TAG: &str = "Apps";

pub(super) fn endpoints() -> Vec<Endpoint> {
    const PUBLISH: &str = "/api/v1/workflows/:id/publish";
    let door = Door::Wireflow;
    let [describes, runs] = running();
    vec![
        describes,
        runs,
        Endpoint::new(door, Method::POST, PUBLISH, WRITE, |guard| {
            json(guard).then(post)
        })
        .described(
            about(TAG, "Publish a graph as an app")
                .says(
                    "An extension of this server. Under a name of its own, in place of the one that it has. What is saved later \
                     is what the app does then.",
                )
                .path::<WorkflowId>()
                .body::<PublishBody>(example!({ "slug": "greeting" }))
                .gives_bare::<Data<PublicationView>>(200)
                .may(409, "Another app has this name."),
        ),
        Endpoint::new(door, Method::DELETE, PUBLISH, WRITE, |guard| {
            guard.then(delete)
        })
        .described(
            about(TAG, "Make an app none")
                .says("An extension of this server. Its executions go on.")
                .path::<WorkflowId>()
                .gives_bare::<Data<PublicationView>>(200),
        ),
    ]
}

fn running() -> [Endpoint; 2] {
    const APP: &str = "/api/v1/apps/:slug";
    const EXECUTE: &str = "/api/v1/apps/:slug/execute";
    let read = Access::Needs(Permission::AppsExecute, Category::Read);
    let execute = Access::Needs(Permission::AppsExecute, Category::Execute);
    [
        Endpoint::new(Door::Wireflow, Method::GET, APP, read, |guard| {
            guard.then(describe)
        })
        .described(
            about(TAG, "What an app may be given")
                .says("An extension of this server.")
                .path::<Word>()
                .gives_bare::<Data<DescribedRun<'_>>>(200),
        ),
        Endpoint::new(Door::Wireflow, Method::POST, EXECUTE, execute, |guard| {
            json(guard).then(run)
        })
        .described(
            about(TAG, "Run an app")
                .says("An extension of this server. Every node runs afresh. The answer does not wait for the end.")
                .path::<Word>()
                .body::<RunBody>(example!({ "inputs": { "prompt": "A lighthouse at dusk" } }))
                .gives_bare::<Data<AcceptedView<'_>>>(202)
                .may(402, "The credits are not enough."),
        ),
    ]
}

async fn describe(ctx: Ctx) -> Answer {
    let app = app(&ctx)?;
    let endpoint = endpoint_of(&ctx, ctx.visit.parameter(0));
    data(StatusCode::OK, &DescribedRun::of(&app.workflow, endpoint))
}

async fn run(ctx: Ctx, body: RunBody) -> Answer {
    let app = app(&ctx)?;
    accepted_answer(&start_saved(&ctx, app, body.into_inputs()).await?)
}

async fn post(ctx: Ctx, body: PublishBody) -> Answer {
    graph(&ctx)?;
    data(StatusCode::OK, &publish(&ctx, body).await?)
}

async fn delete(ctx: Ctx) -> Answer {
    graph(&ctx)?;
    data(StatusCode::OK, &unpublish(&ctx).await?)
}

/// The graph that is published under the name in the path, if the key reaches it.
fn app(ctx: &Ctx) -> Result<Arc<CompiledWorkflow>, Problem> {
    let found = ctx.api().store.app(ctx.visit.parameter(0))?;
    let id = found.ok_or(Problem::NotFound("app"))?;
    match graph_by(ctx, &id) {
        Err(Problem::NotFound(_)) => Err(Problem::NotFound("app")),
        answered => answered,
    }
}
