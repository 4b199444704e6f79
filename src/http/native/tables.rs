//! `/tables`: list, create, read, edit, remove. Tables belong to the workspace: a key that is bound to workflows gets 404.

use super::table_body::{NewTable, TableBody};
use super::{Answer, created, numbered, ok, page, page_request};
use crate::engine::{TableError, Tables};
use crate::http::body::{json, query};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::TableId;
use crate::model::limit::Category;
use crate::model::page::Cursor;
use crate::model::scope::Permission;
use crate::model::table::{TableProblem, TableView};
use crate::model::workflow::Reach;
use crate::store::{Changed, TableChange, TableFilter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json as example;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/tables";
    const ONE: &str = "/api/v1/tables/:id";
    const TAKEN: &str = "The name is taken, rows that are there do not allow it, or there are as many tables as there may be.";
    let read = Access::Needs(Permission::TablesRead, Category::Read);
    let write = Access::Needs(Permission::TablesWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Tables", "List tables").says("Newest first.").query::<ListQuery>().lists::<TableView<'_>>()
                .may(404, "A key that is bound to workflows sees no tables."),
        ),
        Endpoint::new(Door::Native, Method::POST, LIST, write, |guard| {
            json(guard).then(create)
        })
        .described(
            about("Tables", "Make a table")
                .says("Without `columns`, rows take any fields.")
                .body::<NewTable>(example!({
                    "name": "visits",
                    "columns": [{ "name": "page", "type": "text", "required": true }],
                    "uniqueColumns": ["page"],
                }))
                .gives::<TableView<'_>>(201)
                .may(404, "A key that is bound to workflows sees no tables.")
                .may(404, "There is no such folder, or the key is bound to workflows.")
                .may(409, TAKEN),
        ),
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Tables", "Read a table")
                .says("By its id, or by its name where that could be an id.")
                .path::<TableId>()
                .gives::<TableView<'_>>(200),
        ),
        Endpoint::new(Door::Native, Method::PUT, ONE, write, |guard| {
            json(guard).then(edit)
        })
        .described(
            about("Tables", "Change a table")
                .says("What is not sent stays; null takes an optional field away. New columns count for what is written from then on.")
                .path::<TableId>()
                .body::<TableBody>(example!({ "description": "Who was here", "maxRows": 1000 }))
                .gives::<TableView<'_>>(200)
                .may(409, TAKEN),
        ),
        Endpoint::new(Door::Native, Method::DELETE, ONE, write, |guard| {
            guard.then(remove)
        })
        .described(
            about("Tables", "Remove a table with its rows")
                .path::<TableId>()
                .gives::<RemovedView<'_>>(200),
        ),
    ]
}

impl From<TableError> for Problem {
    fn from(error: TableError) -> Problem {
        match error {
            TableError::Problem(TableProblem::NotFound { what, .. }) => Problem::NotFound(what),
            TableError::Problem(TableProblem::Invalid(details)) => {
                Problem::Invalid("Invalid table or rows".to_owned(), details)
            }
            TableError::Problem(TableProblem::Conflict(message)) => Problem::Conflict(message),
            TableError::Store(error) => error.into(),
        }
    }
}

/// Which tables to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListQuery {
    /// Those whose name holds this text, whatever its letter case.
    search: Option<String>,
    /// Those in the folder with this id or name.
    folder: Option<String>,
    /// How many, 1 to 100; 50 by default.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Where the former page ended.
    cursor: Option<String>,
}

/// A table was removed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RemovedTable")]
struct RemovedView<'a> {
    /// The table that was.
    id: &'a TableId,
    /// Always true.
    #[schemars(extend("const" = true))]
    deleted: bool,
}

/// The tables, for a key that is not bound to workflows.
pub(super) fn tables(ctx: &Ctx) -> Result<&Tables, Problem> {
    match ctx.key().reach() {
        Reach::All => Ok(ctx.api().engine.tables()),
        Reach::Workflow(_) | Reach::Prefix(_) => Err(Problem::NotFound("table")),
    }
}

/// The id or the name of a table that the path has; a name only where it could be an id.
pub(super) fn named(ctx: &Ctx) -> Result<String, Problem> {
    ctx.id::<TableId>(0, "table").map(String::from)
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let tables = tables(&ctx)?;
    let request = page_request(asked.limit, asked.cursor.as_deref())?;
    let before = numbered(request.after.as_ref())?;
    let filter = TableFilter {
        folder: asked.folder,
        search: asked.search,
    };
    let mut found = tables.list(filter, before, 0, request.limit + 1).await?;
    let more = found.len() > request.limit as usize;
    found.truncate(request.limit as usize);
    let next = found.last().filter(|_| more).map(|table| Cursor {
        ts: table.created_at_ms,
        id: table.sequence.to_string(),
    });
    let views: Vec<TableView<'_>> = found.iter().map(TableView::from).collect();
    page(&views, next.as_ref())
}

async fn create(ctx: Ctx, NewTable(body): NewTable) -> Answer {
    let change = TableChange::Create {
        form: body.read()?,
        or_find: false,
    };
    match tables(&ctx)?.change(change, None).await? {
        Changed::Table { table, .. } => created(&TableView::from(&*table)),
        other => Err(Problem::internal(&format!("{other:?} is no table"))),
    }
}

async fn get(ctx: Ctx) -> Answer {
    let table = tables(&ctx)?.table(&named(&ctx)?)?;
    ok(&TableView::from(&table))
}

async fn edit(ctx: Ctx, body: TableBody) -> Answer {
    let change = TableChange::Edit {
        table: named(&ctx)?,
        form: body.read()?,
    };
    match tables(&ctx)?.change(change, None).await? {
        Changed::Table { table, .. } => ok(&TableView::from(&*table)),
        other => Err(Problem::internal(&format!("{other:?} is no table"))),
    }
}

async fn remove(ctx: Ctx) -> Answer {
    let tables = tables(&ctx)?;
    let id = tables.table(&named(&ctx)?)?.id;
    tables.remove(id.as_str()).await?;
    ok(&RemovedView {
        id: &id,
        deleted: true,
    })
}
