//! `/tables`: list, create, read, edit, remove. Tables belong to the workspace: a key that is bound to workflows gets 404.

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
use crate::model::table::{TableForm, TableProblem, TableView, read_form};
use crate::model::workflow::Reach;
use crate::store::{Changed, TableChange, TableFilter};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json as example};
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
                .says("`name` has to be sent; without `columns`, rows take any fields.")
                .body::<TableBody>(example!({
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

/// A table as it shall be. What is not sent stays as it is; null takes an optional field away. What only the server writes is
/// ignored, so that what GET gave can be sent back.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "TableForm")]
struct TableBody {
    /// A string of 1 to 100 characters; no two tables share one.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    name: Option<Value>,
    /// A string: what the table is for.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    description: Option<Value>,
    /// A list of `{"name", "type": "text|number|boolean|date|json", "required"}`; without any, rows take any fields.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Vec<Map<String, Value>>>")]
    columns: Option<Value>,
    /// A list of names: columns in which no two rows hold the same value.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Vec<String>>")]
    unique_columns: Option<Value>,
    /// A list of names: further columns by whose values rows are found at once.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<Vec<String>>")]
    indexed_columns: Option<Value>,
    /// A number: how many rows the table may have, if less than the configuration allows.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<u64>")]
    max_rows: Option<Value>,
    /// A string: the folder to lie in.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    folder_id: Option<Value>,
    /// A string: the folder to lie in by its name, made where there is none.
    #[serde(
        default,
        deserialize_with = "sent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    folder_name: Option<Value>,
    /// Ignored.
    #[serde(rename = "id", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _id: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "rowCount", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _row_count: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "createdAt", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _created_at: Option<IgnoredAny>,
    /// Ignored.
    #[serde(rename = "updatedAt", skip_serializing)]
    #[schemars(with = "Option<Value>")]
    _updated_at: Option<IgnoredAny>,
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

/// A field that was sent, also as null.
pub(super) fn sent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl TableBody {
    fn read(&self) -> Result<TableForm, Problem> {
        let value = serde_json::to_value(self).map_err(|error| Problem::internal(&error))?;
        let mut found = Vec::new();
        let form = read_form(&value.as_object().cloned().unwrap_or_default(), &mut found);
        if found.is_empty() {
            Ok(form)
        } else {
            Err(TableError::from(TableProblem::invalid(found)).into())
        }
    }
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

async fn create(ctx: Ctx, body: TableBody) -> Answer {
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
