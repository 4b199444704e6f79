//! `GET /retention`: what is kept and what would go. `POST /retention/prune`: remove it now.

use super::{Answer, ok};
use crate::engine::{Retention, Swept};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let look = Access::Needs(Permission::Admin, Category::Read);
    let prune = Access::Needs(Permission::Admin, Category::Write);
    vec![
        Endpoint::new(
            Door::Native,
            Method::GET,
            "/api/v1/retention",
            look,
            |guard| guard.then(would_go),
        )
        .described(
            about("Server", "What is kept, and what would go")
                .gives::<RetentionView>(200)
                .may(404, "The key is bound to workflows."),
        ),
        Endpoint::new(
            Door::Native,
            Method::POST,
            "/api/v1/retention/prune",
            prune,
            |guard| guard.then(pruned),
        )
        .described(
            about("Server", "Remove now what is not kept")
                .gives::<RetentionView>(200)
                .may(404, "The key is bound to workflows."),
        ),
    ]
}

/// What is kept, what would go or went, and how large the database is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Retention")]
struct RetentionView {
    /// The server's own limits; workflows may have others in `settings.retention`.
    keep: KeepView,
    /// How many finished runs would go, or went.
    runs: u64,
    /// What they and their journals hold, in bytes.
    bytes: u64,
    /// How large the database is.
    database: SpaceView,
}

/// What is kept; `null` is no limit.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "RetentionLimits")]
struct KeepView {
    /// Finished runs of so many days.
    max_age_days: Option<u64>,
    /// So many finished runs.
    max_runs: Option<u64>,
    /// Finished runs as long as the database holds no more bytes.
    max_bytes: Option<u64>,
    /// Audit rows of so many days.
    audit_days: Option<u64>,
    /// Usage of so many days.
    usage_days: Option<u64>,
}

/// How large the database is, in bytes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DatabaseSpace")]
struct SpaceView {
    /// The size of its file.
    bytes: u64,
    /// What is in use.
    used_bytes: u64,
    /// What is empty: given back to the disk little by little.
    free_bytes: u64,
}

async fn would_go(ctx: Ctx) -> Answer {
    for_the_whole_server(&ctx)?;
    let engine = &ctx.api().engine;
    ok(&view(engine.retention(), &engine.would_sweep().await?))
}

async fn pruned(ctx: Ctx) -> Answer {
    for_the_whole_server(&ctx)?;
    let engine = &ctx.api().engine;
    ok(&view(
        engine.retention(),
        &engine.sweep_for(&ctx.changed_by()).await?,
    ))
}

/// A key that is bound to workflows does not learn of others.
fn for_the_whole_server(ctx: &Ctx) -> Result<(), Problem> {
    if *ctx.key().reach() == Reach::All {
        Ok(())
    } else {
        Err(Problem::NotFound("server-wide retention"))
    }
}

fn view(keep: &Retention, swept: &Swept) -> RetentionView {
    RetentionView {
        keep: KeepView {
            max_age_days: keep.max_age_days,
            max_runs: keep.max_runs,
            max_bytes: keep.max_bytes,
            audit_days: keep.audit_days,
            usage_days: keep.usage_days,
        },
        runs: swept.runs,
        bytes: swept.bytes,
        database: SpaceView {
            bytes: swept.space.total_bytes,
            used_bytes: swept.space.used_bytes(),
            free_bytes: swept.space.free_bytes,
        },
    }
}
