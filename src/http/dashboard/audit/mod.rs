//! The audit log: looked through by actor, action, result, key and time, and its chain verified when somebody asks for it.
//! May not know how rows are chained. Promise: whatever a row holds is shown as text; one check of the chain runs at a time.

mod audit_view;

use super::frame::Frame;
use super::{moment, page, signed_in};
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::model::audit::{AuditSearch, ChainCheck};
use crate::model::page::{Cursor, Page};
use askama::Template;
use audit_view::{RowView, view};
use serde::{Deserialize, Serialize};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "audit";
/// How many rows a page has: what they hold may be long.
const ROWS: usize = 25;
/// The longest text of a field.
const MAX_FIELD_BYTES: usize = 300;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        signed_in(Method::GET, "/dashboard/audit", list),
        signed_in(Method::POST, "/dashboard/audit/verify", verify),
    ]
}

/// The fields of the form, as they were sent.
#[derive(Deserialize, Serialize, Clone, Default)]
#[serde(deny_unknown_fields, default)]
struct Asked {
    actor: String,
    action: String,
    result: String,
    key: String,
    from: String,
    to: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "audit/audit.html", config = "src/http/dashboard/askama.toml")]
struct AuditPage {
    frame: Frame,
    asked: Asked,
    rows: Vec<RowView>,
    /// The query of the next page.
    next: Option<String>,
}

#[derive(Template)]
#[template(
    path = "audit/verified.html",
    config = "src/http/dashboard/askama.toml"
)]
struct VerifiedPage {
    frame: Frame,
    check: ChainCheck,
}

async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let asked: Asked = read_query(&ctx.visit)?;
    let store = &ctx.api().store;
    let Page { items, next } = store.search_audit(search(&asked)?, ROWS).await?;
    let next = next.map(|last| {
        let next = Asked {
            cursor: last.encode(),
            ..asked.clone()
        };
        serde_urlencoded::to_string(&next)
    });
    let found = AuditPage {
        frame: Frame::of(&ctx.visit, PART),
        rows: items.into_iter().map(|row| view(&ctx, row)).collect(),
        next: next
            .transpose()
            .map_err(|error| Problem::internal(&error))?,
        asked,
    };
    page(StatusCode::OK, &found)
}

fn search(asked: &Asked) -> Result<AuditSearch, Problem> {
    let text = |name: &str, text: &str| {
        let text = text.trim();
        if text.len() > MAX_FIELD_BYTES {
            return Err(Problem::invalid(format!(
                "`{name}` is longer than {MAX_FIELD_BYTES} bytes."
            )));
        }
        Ok((!text.is_empty()).then(|| text.to_owned()))
    };
    let time = |name: &str, field: &str| match field.trim() {
        "" => Ok(None),
        time => moment::read(name, time).map(Some),
    };
    Ok(AuditSearch {
        actor: text("actor", &asked.actor)?,
        action: text("action", &asked.action)?,
        result: text("result", &asked.result)?,
        key: text("key", &asked.key)?,
        from_ms: time("from", &asked.from)?,
        to_ms: time("to", &asked.to)?,
        after: after(&asked.cursor)?,
    })
}

fn after(cursor: &str) -> Result<Option<(i64, i64)>, Problem> {
    if cursor.is_empty() {
        return Ok(None);
    }
    let after = Cursor::decode(cursor).and_then(|after| Some((after.ts, after.id.parse().ok()?)));
    after
        .map(Some)
        .ok_or_else(|| Problem::invalid("`cursor` is not one of this list."))
}

async fn verify(ctx: Ctx) -> Result<Response, Problem> {
    // It reads the whole log.
    let Ok(_turn) = ctx.api().audit_check.try_lock() else {
        return Err(Problem::Conflict(
            "The chain is being verified already; ask again when that is done.".to_owned(),
        ));
    };
    let verified = VerifiedPage {
        frame: Frame::of(&ctx.visit, PART),
        check: ctx.api().store.check_audit_chain().await?,
    };
    page(StatusCode::OK, &verified)
}
