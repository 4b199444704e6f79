//! `/connections`: list, create, read, change, delete and test the credentials of outside services. A credential goes in and
//! never comes out. Connections serve every workflow, so a key that is bound to workflows sees none.

use super::{Answer, created, ok, page, page_request};
use crate::clock::iso_utc;
use crate::engine::connections::{ConnectionChange, Credentials, NewConnection};
use crate::http::body::{json, query};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::ConnectionId;
use crate::model::connection::{
    BoundHost, Connection, ConnectionFilter, ConnectionKind, ConnectionStatus,
};
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde::{Deserialize, Serialize};
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/connections";
    const ONE: &str = "/api/v1/connections/:id";
    const TEST: &str = "/api/v1/connections/:id/test";
    let read = Access::Needs(Permission::ConnectionsRead, Category::Read);
    let write = Access::Needs(Permission::ConnectionsWrite, Category::Write);
    let door = Door::Native;
    vec![
        Endpoint::new(door, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        }),
        Endpoint::new(door, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        }),
        Endpoint::new(door, Method::GET, ONE, read, |guard| guard.then(get)),
        Endpoint::new(door, Method::PUT, ONE, write, |guard| {
            json(guard).then(change)
        }),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(delete)),
        Endpoint::new(door, Method::POST, TEST, write, |guard| {
            json(guard).then(test)
        }),
    ]
}

/// Which connections are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only those of this provider.
    provider: Option<String>,
    /// Only those in this status.
    status: Option<ConnectionStatus>,
    /// How many at most, 1 to 100; 50 when it is left out.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A connection to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateBody {
    /// What people call it, 1 to 255 characters.
    name: String,
    /// The service, one word: what steps name.
    provider: String,
    /// How the credential is presented.
    #[serde(rename = "type")]
    kind: ConnectionKind,
    /// The credential; its fields go by the type.
    credentials: Credentials,
    /// Where it may be sent: `host` (every port) or `host:port`. A mail server may leave it out: it is its own host.
    #[serde(default)]
    hosts: Vec<String>,
    /// Whether it is the one that is meant when several of its provider are active; the former one steps back.
    #[serde(default)]
    is_default: bool,
}

/// What is to be changed of a connection; what is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ChangeBody {
    /// What people call it.
    name: Option<String>,
    /// Another credential, whole.
    credentials: Option<Credentials>,
    /// Where the credential may be sent. A new host needs `credentials` too.
    hosts: Option<Vec<String>>,
    /// Whether it is its provider's default one.
    is_default: Option<bool>,
}

/// How a connection is tested.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestBody {
    /// A URL on a bound host, or a path on the first one over https; `/` when it is left out.
    url: Option<String>,
}

/// A connection; its credential is not shown to anybody.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionView<'a> {
    /// `conn_` and a UUID.
    id: &'a ConnectionId,
    /// What people call it.
    name: &'a str,
    /// The service.
    provider: &'a str,
    /// How the credential is presented.
    #[serde(rename = "type")]
    kind: ConnectionKind,
    /// `active`, or `error` after a test that was refused.
    status: ConnectionStatus,
    /// Where the credential may be sent.
    hosts: &'a [BoundHost],
    /// Whether it is its provider's default one.
    is_default: bool,
    /// Always null: no account is asked for.
    external_account_id: Option<&'a str>,
    /// Always null: nothing is synchronised.
    last_synced_at: Option<String>,
    /// What the last test found, in words.
    last_test: Option<&'a str>,
    /// When it was last tested.
    last_tested_at: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
}

/// What a test found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TestView<'a> {
    /// Whether the other side took the call.
    ok: bool,
    /// Its status; null when there was no answer.
    status: Option<u16>,
    /// In words.
    message: &'a str,
    /// When.
    tested_at: String,
}

/// What deleting answers.
#[derive(Serialize)]
struct DeletedView<'a> {
    /// What is gone.
    id: &'a ConnectionId,
    /// Always true.
    deleted: bool,
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    if *ctx.key().reach() != Reach::All {
        return page::<ConnectionView<'_>>(&[], None);
    }
    let filter = ConnectionFilter {
        provider: asked.provider,
        status: asked.status,
    };
    let found = ctx.api().engine.connections().list(filter, request).await?;
    let views: Vec<ConnectionView<'_>> = found.items.iter().map(view).collect();
    page(&views, found.next.as_ref())
}

async fn get(ctx: Ctx) -> Answer {
    let id = reachable(&ctx)?;
    let found = ctx.api().engine.connections().get(&id)?;
    ok(&view(&found.ok_or(Problem::NotFound("connection"))?))
}

async fn create(ctx: Ctx, body: CreateBody) -> Answer {
    if *ctx.key().reach() != Reach::All {
        return Err(Problem::NotHeld(
            "This key is bound to workflows; a connection serves every workflow.".to_owned(),
        ));
    }
    let new = NewConnection {
        name: body.name,
        provider: body.provider,
        kind: body.kind,
        credentials: body.credentials,
        hosts: body.hosts,
        is_default: body.is_default,
    };
    let connections = ctx.api().engine.connections();
    created(&view(&connections.create(&ctx.changed_by(), new).await?))
}

async fn change(ctx: Ctx, body: ChangeBody) -> Answer {
    let id = reachable(&ctx)?;
    let change = ConnectionChange {
        name: body.name,
        credentials: body.credentials,
        hosts: body.hosts,
        is_default: body.is_default,
    };
    let connections = ctx.api().engine.connections();
    ok(&view(
        &connections.change(&ctx.changed_by(), &id, change).await?,
    ))
}

async fn delete(ctx: Ctx) -> Answer {
    let id = reachable(&ctx)?;
    let connections = ctx.api().engine.connections();
    connections.delete(&ctx.changed_by(), &id).await?;
    ok(&DeletedView {
        id: &id,
        deleted: true,
    })
}

async fn test(ctx: Ctx, body: TestBody) -> Answer {
    let id = reachable(&ctx)?;
    let connections = ctx.api().engine.connections();
    let found = connections
        .test(&ctx.changed_by(), &id, body.url.as_deref())
        .await?;
    ok(&TestView {
        ok: found.ok,
        status: found.status,
        message: &found.message,
        tested_at: iso_utc(found.at_ms),
    })
}

/// The id in the path. For a key that is bound to workflows there are no connections.
fn reachable(ctx: &Ctx) -> Result<ConnectionId, Problem> {
    let id = ctx.id(0, "connection")?;
    if *ctx.key().reach() == Reach::All {
        Ok(id)
    } else {
        Err(Problem::NotFound("connection"))
    }
}

fn view(connection: &Connection) -> ConnectionView<'_> {
    ConnectionView {
        id: &connection.id,
        name: &connection.name,
        provider: &connection.provider,
        kind: connection.kind,
        status: connection.status,
        hosts: &connection.hosts,
        is_default: connection.is_default,
        external_account_id: None,
        last_synced_at: None,
        last_test: connection.last_test.as_deref(),
        last_tested_at: connection.last_tested_at_ms.map(iso_utc),
        created_at: iso_utc(connection.created_at_ms),
        updated_at: iso_utc(connection.updated_at_ms),
    }
}
