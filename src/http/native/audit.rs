//! `GET /audit`: the audit log, newest first, with filters.

use super::{Answer, numbered, page, page_request};
use crate::clock::iso_utc;
use crate::http::body::query;
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::visit::Ctx;
use crate::model::audit::{AuditFilter, AuditRow};
use crate::model::limit::Category;
use crate::model::page::Cursor;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let access = Access::Needs(Permission::AuditRead, Category::Read);
    vec![
        Endpoint::new(
            Door::Native,
            Method::GET,
            "/api/v1/audit",
            access,
            |guard| query(guard).then(list),
        )
        .described(
            about("Audit", "Read the audit log")
                .says("Newest first. Each row's `hash` covers the row before it.")
                .query::<ListQuery>()
                .lists::<AuditView>(),
        ),
    ]
}

/// Which rows to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only what this key did: its id.
    actor: Option<String>,
    /// Only this action, like `key.create`.
    action: Option<String>,
    /// Only with this result.
    result: Option<String>,
    /// How many at most, default 50.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `meta.cursor` of the page before.
    cursor: Option<String>,
}

/// One row of the audit log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditRow")]
struct AuditView {
    /// Counts up.
    sequence: i64,
    /// When.
    #[schemars(extend("format" = "date-time"))]
    at: String,
    /// Who: a key's id, or a word like `control`.
    actor: String,
    /// What was done.
    action: String,
    /// To whom.
    target: Option<String>,
    /// From where; of folded refusals the network.
    address: Option<String>,
    /// How it ended.
    result: String,
    /// What else there is to know.
    detail: Value,
    /// Covers this row and the hash of the row before it.
    hash: String,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let before = numbered(request.after.as_ref())?;
    // A key that is bound to workflows sees of the log what it did itself.
    let own = (*ctx.key().reach() != Reach::All).then(|| ctx.key().id().to_string());
    let filter = AuditFilter {
        actor: own.or(asked.actor),
        action: asked.action,
        result: asked.result,
        before,
    };
    let limit = request.limit as usize;
    let mut rows = ctx
        .api()
        .store
        .audit_rows(filter, request.limit + 1)
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).map(|row| Cursor {
        ts: row.at_ms,
        id: row.sequence.to_string(),
    });
    let views: Vec<AuditView> = rows.into_iter().map(view).collect();
    page(&views, last.as_ref())
}

fn view(row: AuditRow) -> AuditView {
    AuditView {
        sequence: row.sequence,
        at: iso_utc(row.at_ms),
        actor: row.actor,
        action: row.action,
        target: row.target,
        address: row.address,
        result: row.result,
        detail: row.detail,
        hash: row.hash,
    }
}
