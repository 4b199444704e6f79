//! Connections: the list, a new one, one connection, its test and its end. May not know how credentials are kept or sent.
//! Promise: what of a credential was typed stands on no page, not even on the one that says what was wrong with it.

mod connection_form;
mod connection_view;

use super::form::Form;
use super::frame::Frame;
use super::{go_to, page, signed_in};
use crate::engine::connections::{ConnectionChange, ConnectionError};
use crate::http::body::read_query;
use crate::http::endpoint::Endpoint;
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::ConnectionId;
use crate::model::connection::{Connection, ConnectionFilter, ConnectionKind, MAX_NAME_CHARACTERS};
use crate::model::page::{Cursor, PageRequest};
use crate::model::plan::DefinitionProblem;
use askama::Template;
use connection_form::{KINDS, KindChoice, Typed};
use connection_view::{ConnectionRow, Uses, row, uses};
use serde::Deserialize;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

/// Which part of the dashboard this is.
const PART: &str = "connections";
/// A row shows hosts and workflows too, so a page has fewer of them.
const ROWS: u32 = 25;
/// How many workflows are named in a row, and on a connection's own page.
const FEW_USES: usize = 3;
const MANY_USES: usize = 50;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const ALL: &str = "/dashboard/connections";
    const DELETE: &str = "/dashboard/connections/:id/delete";
    vec![
        signed_in(Method::GET, ALL, list),
        signed_in(Method::POST, ALL, create),
        signed_in(Method::GET, "/dashboard/connections/new", new),
        signed_in(Method::GET, "/dashboard/connections/:id", look),
        signed_in(Method::POST, "/dashboard/connections/:id/test", test),
        signed_in(
            Method::POST,
            "/dashboard/connections/:id/default",
            make_default,
        ),
        signed_in(Method::GET, DELETE, ask_to_delete),
        signed_in(Method::POST, DELETE, delete),
    ]
}

#[derive(Template)]
#[template(
    path = "connections/connections.html",
    config = "src/http/dashboard/askama.toml"
)]
struct ConnectionsPage {
    frame: Frame,
    connections: Vec<ConnectionRow>,
    next: Option<String>,
}

#[derive(Template)]
#[template(
    path = "connections/connection_new.html",
    config = "src/http/dashboard/askama.toml"
)]
struct NewPage {
    frame: Frame,
    kinds: [KindChoice; 4],
    typed: Typed,
    max_name: usize,
    /// What is wrong with what was typed, each with its place.
    mistakes: Vec<DefinitionProblem>,
}

#[derive(Template)]
#[template(
    path = "connections/connection.html",
    config = "src/http/dashboard/askama.toml"
)]
struct ConnectionPage {
    frame: Frame,
    connection: ConnectionRow,
    refusal: Option<String>,
    /// The URL that was to be called, where it was refused.
    url: String,
}

#[derive(Template)]
#[template(
    path = "connections/connection_delete.html",
    config = "src/http/dashboard/askama.toml"
)]
struct DeletePage {
    frame: Frame,
    connection: ConnectionRow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewQuery {
    #[serde(default)]
    r#type: String,
}

async fn list(ctx: Ctx) -> Result<Response, Problem> {
    let ListQuery { cursor } = read_query(&ctx.visit)?;
    let request = PageRequest {
        limit: ROWS,
        after: cursor.as_deref().and_then(Cursor::decode),
    };
    let api = ctx.api();
    let connections = api.engine.connections();
    let found = connections
        .list(ConnectionFilter::default(), request)
        .await?;
    let rows = found.items.iter();
    let rows = rows.map(|one| Ok(row(one, used(&ctx, one, FEW_USES)?)));
    let page_of_connections = ConnectionsPage {
        frame: Frame::of(&ctx.visit, PART),
        connections: rows.collect::<Result<_, Problem>>()?,
        next: found.next.map(|cursor| cursor.encode()),
    };
    page(StatusCode::OK, &page_of_connections)
}

/// Which workflows name a connection: one more is read than shown, to know whether there are more.
fn used(ctx: &Ctx, connection: &Connection, most: usize) -> Result<Uses, Problem> {
    let limit = u32::try_from(most + 1).unwrap_or(u32::MAX);
    let (id, provider) = (connection.id.as_str(), connection.provider.as_str());
    let found = ctx.api().store.connection_uses(id, provider, limit)?;
    Ok(uses(connection, found, most))
}

async fn new(ctx: Ctx) -> Result<Response, Problem> {
    let NewQuery { r#type } = read_query(&ctx.visit)?;
    let kind = ConnectionKind::parse(&r#type).unwrap_or(ConnectionKind::Bearer);
    new_page(&ctx, StatusCode::OK, Typed::nothing(kind), Vec::new())
}

fn new_page(
    ctx: &Ctx,
    status: StatusCode,
    typed: Typed,
    mistakes: Vec<DefinitionProblem>,
) -> Result<Response, Problem> {
    let form = NewPage {
        frame: Frame::of(&ctx.visit, PART),
        kinds: KINDS,
        typed,
        max_name: MAX_NAME_CHARACTERS,
        mistakes,
    };
    page(status, &form)
}

async fn create(ctx: Ctx) -> Result<Response, Problem> {
    let form = Form::read_of(&ctx).await?;
    let connections = ctx.api().engine.connections();
    let new = connection_form::new_connection(&form);
    match connections.create(&ctx.changed_by(), new).await {
        Ok(made) => Ok(go_to(&ctx.visit, &format!("connections/{}", made.id))),
        Err(ConnectionError::Invalid(mistakes)) => {
            new_page(&ctx, StatusCode::BAD_REQUEST, Typed::of(&form), mistakes)
        }
        Err(error) => Err(error.into()),
    }
}

async fn look(ctx: Ctx) -> Result<Response, Problem> {
    connection_page(&ctx, StatusCode::OK, None, "")
}

fn connection_page(
    ctx: &Ctx,
    status: StatusCode,
    refusal: Option<String>,
    url: &str,
) -> Result<Response, Problem> {
    let detail = ConnectionPage {
        frame: Frame::of(&ctx.visit, PART),
        connection: named(ctx)?,
        refusal,
        url: url.to_owned(),
    };
    page(status, &detail)
}

/// Makes a call and shows the connection, which then says what came of it.
async fn test(ctx: Ctx) -> Result<Response, Problem> {
    let id: ConnectionId = ctx.id(0, "connection")?;
    let form = Form::read_of(&ctx).await?;
    let (connections, url) = (ctx.api().engine.connections(), form.text("url"));
    match connections.test(&ctx.changed_by(), &id, url).await {
        Ok(_) => Ok(go_to(&ctx.visit, &format!("connections/{id}"))),
        Err(ConnectionError::Invalid(mistakes)) => {
            let messages: Vec<String> = mistakes.into_iter().map(|one| one.message).collect();
            let refusal = Some(messages.join("; "));
            connection_page(
                &ctx,
                StatusCode::BAD_REQUEST,
                refusal,
                url.unwrap_or_default(),
            )
        }
        Err(error) => Err(error.into()),
    }
}

async fn make_default(ctx: Ctx) -> Result<Response, Problem> {
    let id: ConnectionId = ctx.id(0, "connection")?;
    let change = ConnectionChange {
        is_default: Some(true),
        ..ConnectionChange::default()
    };
    let connections = ctx.api().engine.connections();
    connections.change(&ctx.changed_by(), &id, change).await?;
    Ok(go_to(&ctx.visit, &format!("connections/{id}")))
}

async fn ask_to_delete(ctx: Ctx) -> Result<Response, Problem> {
    let question = DeletePage {
        frame: Frame::of(&ctx.visit, PART),
        connection: named(&ctx)?,
    };
    page(StatusCode::OK, &question)
}

async fn delete(ctx: Ctx) -> Result<Response, Problem> {
    let id: ConnectionId = ctx.id(0, "connection")?;
    let connections = ctx.api().engine.connections();
    connections.delete(&ctx.changed_by(), &id).await?;
    Ok(go_to(&ctx.visit, "connections"))
}

/// The connection that the path names.
fn named(ctx: &Ctx) -> Result<ConnectionRow, Problem> {
    let id: ConnectionId = ctx.id(0, "connection")?;
    let found = ctx.api().engine.connections().get(&id)?;
    let found = found.ok_or(Problem::NotFound("connection"))?;
    Ok(row(&found, used(ctx, &found, MANY_USES)?))
}
