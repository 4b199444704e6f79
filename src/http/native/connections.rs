//! `/connections`: list, create, read, change, delete and test the credentials of outside services. A credential goes in and
//! never comes out. Connections serve every workflow, so a key that is bound to workflows sees none.

use super::connection_view::{
    ChangeBody, ConnectionView, CreateBody, DeletedView, ListQuery, TestBody, TestView, view,
};
use super::{Answer, created, ok, page, page_request};
use crate::clock::iso_utc;
use crate::engine::connections::{ConnectionChange, NewConnection};
use crate::http::body::{json, query};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::ConnectionId;
use crate::model::connection::ConnectionFilter;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use serde_json::json as example;
use warp::Filter as _;
use warp::http::Method;

const UNREADABLE: &str = "The credential that is kept cannot be read; send it anew.";

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
        })
        .described(
            about("Connections", "List connections")
                .says("Newest first. A key that is bound to workflows sees none.")
                .query::<ListQuery>()
                .lists::<ConnectionView<'_>>(),
        ),
        Endpoint::new(door, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        })
        .described(
            about("Connections", "Create a connection")
                .says("Its credential is never shown again, and is sent to the bound hosts alone.")
                .body::<CreateBody>(example!({
                    "name": "Payments", "provider": "stripe", "type": "bearer",
                    "credentials": { "token": "sk_test_example" }, "hosts": ["api.stripe.com"],
                }))
                .gives::<ConnectionView<'_>>(201)
                .may(409, "There are as many connections as are kept."),
        ),
        Endpoint::new(door, Method::GET, ONE, read, |guard| guard.then(get)).described(
            about("Connections", "Read a connection")
                .path::<ConnectionId>()
                .gives::<ConnectionView<'_>>(200),
        ),
        Endpoint::new(door, Method::PUT, ONE, write, |guard| {
            json(guard).then(change)
        })
        .described(
            about("Connections", "Change a connection")
                .says("What is left out stays. A new host needs the credential again.")
                .path::<ConnectionId>()
                .body::<ChangeBody>(example!({ "name": "Payments, live", "isDefault": true }))
                .gives::<ConnectionView<'_>>(200)
                .may(409, UNREADABLE),
        ),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(delete)).described(
            about("Connections", "Delete a connection")
                .path::<ConnectionId>()
                .gives::<DeletedView<'_>>(200),
        ),
        Endpoint::new(door, Method::POST, TEST, write, |guard| {
            json(guard).then(test)
        })
        .described(
            about("Connections", "Test a connection")
                .says(
                    "Makes one call with the credential: a GET, or a login at a mail server, which sends no mail. `ok` says \
                     whether the other side took it.",
                )
                .path::<ConnectionId>()
                .body::<TestBody>(example!({ "url": "/v1/balance" }))
                .gives::<TestView<'_>>(200)
                .may(409, UNREADABLE),
        ),
    ]
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
