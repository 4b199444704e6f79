//! `/workflows/:id/publish`: makes a graph an app, and no app again. Apps are run at Wireflow's door.

use super::{Answer, ok};
use crate::http::apps::{PublicationView, PublishBody, publish, unpublish};
use crate::http::body::json;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::visit::Ctx;
use crate::id::WorkflowId;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use serde_json::json as example;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const PUBLISH: &str = "/api/v1/workflows/:id/publish";
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::POST, PUBLISH, write, |guard| {
            json(guard).then(post)
        })
        .described(
            about("Workflows", "Publish a graph as an app")
                .says("Under a name of its own, in place of the one that it has. Keys with `apps:execute` run it by that name.")
                .path::<WorkflowId>()
                .body::<PublishBody>(example!({ "slug": "greeting" }))
                .gives::<PublicationView>(200)
                .may(409, "Another app has this name, or the workflow is no graph."),
        ),
        Endpoint::new(Door::Native, Method::DELETE, PUBLISH, write, |guard| {
            guard.then(delete)
        })
        .described(
            about("Workflows", "Make an app none")
                .says("Its executions go on.")
                .path::<WorkflowId>()
                .gives::<PublicationView>(200)
                .may(409, "The workflow is no graph."),
        ),
    ]
}

async fn post(ctx: Ctx, body: PublishBody) -> Answer {
    ok(&publish(&ctx, body).await?)
}

async fn delete(ctx: Ctx) -> Answer {
    ok(&unpublish(&ctx).await?)
}
