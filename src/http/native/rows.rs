//! `/tables/:id/rows`: list, find, add, change, remove rows.

use super::row_view::{
    InsertBody, ListQuery, QueryBody, RemovedView, UpdateBody, UpsertBody, WrittenRows, WrittenView,
};
use super::tables::{named, tables};
use super::{Answer, created, numbered, ok, page, page_request};
use crate::engine::{RowsWanted, TableError};
use crate::http::body::{json, query};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::{RowId, TableId};
use crate::model::limit::Category;
use crate::model::page::{Cursor, DEFAULT_PAGE_LIMIT};
use crate::model::plan::DefinitionProblem;
use crate::model::scope::Permission;
use crate::model::table::{
    Fields, MAX_ROWS_AT_ONCE, RowView, TableProblem, check_name, read_fields, read_rows,
};
use crate::store::{Changed, RowChoice, TableChange};
use serde_json::{Value, json as example};
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = of_all();
    endpoints.extend(of_one());
    endpoints
}

/// What is done with the rows of a table.
fn of_all() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/tables/:id/rows";
    const QUERY: &str = "/api/v1/tables/:id/rows/query";
    const FULL: &str = "A value that may be there only once is there, or the table is full.";
    let read = Access::Needs(Permission::TablesRead, Category::Read);
    let write = Access::Needs(Permission::TablesWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            query(guard).then(list)
        })
        .described(
            about("Tables", "List rows").path::<TableId>().query::<ListQuery>().lists::<RowView<'_>>(),
        ),
        Endpoint::new(Door::Native, Method::POST, LIST, write, |guard| {
            json(guard).then(insert)
        })
        .described(
            about("Tables", "Add rows")
                .says("One row in `data`, which is answered, or up to 1000 in `rows`, all or none of which are added: 200 where there was none.")
                .path::<TableId>()
                .body::<InsertBody>(example!({ "data": { "page": "/docs" } }))
                .gives::<WrittenView<'_>>(200)
                .gives::<WrittenView<'_>>(201)
                .may(409, FULL),
        ),
        Endpoint::new(Door::Native, Method::PUT, LIST, write, |guard| {
            json(guard).then(upsert)
        })
        .described(
            about("Tables", "Change rows or add them")
                .says("Rows that `matchKey` finds are changed, those that it does not are added: 201 where one was.")
                .path::<TableId>()
                .body::<UpsertBody>(example!({ "matchKey": "page", "data": { "page": "/docs", "seen": "2024-01-15" } }))
                .gives::<WrittenView<'_>>(200)
                .gives::<WrittenView<'_>>(201)
                .may(409, FULL),
        ),
        Endpoint::new(Door::Native, Method::POST, QUERY, read, |guard| {
            json(guard).then(find)
        })
        .described(
            about("Tables", "Find rows")
                .path::<TableId>()
                .body::<QueryBody>(example!({
                    "filter": [{ "field": "page", "operator": "startsWith", "value": "/docs" }],
                    "sort": "-seen",
                }))
                .lists::<RowView<'_>>(),
        ),
    ]
}

/// What is done with a single row.
fn of_one() -> Vec<Endpoint> {
    const ONE: &str = "/api/v1/tables/:id/rows/:rowId";
    let read = Access::Needs(Permission::TablesRead, Category::Read);
    let write = Access::Needs(Permission::TablesWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::GET, ONE, read, |guard| {
            guard.then(get)
        })
        .described(
            about("Tables", "Read a row")
                .path::<TableId>()
                .path::<RowId>()
                .gives::<RowView<'_>>(200),
        ),
        Endpoint::new(Door::Native, Method::PUT, ONE, write, |guard| {
            json(guard).then(update)
        })
        .described(
            about("Tables", "Change a row")
                .says("Fields that are not sent stay, null takes one away.")
                .path::<TableId>()
                .path::<RowId>()
                .body::<UpdateBody>(example!({ "data": { "seen": "2024-01-16" } }))
                .gives::<RowView<'_>>(200)
                .may(409, "A value that may be there only once is there."),
        ),
        Endpoint::new(Door::Native, Method::DELETE, ONE, write, |guard| {
            guard.then(remove)
        })
        .described(
            about("Tables", "Remove a row")
                .path::<TableId>()
                .path::<RowId>()
                .gives::<RemovedView<'_>>(200),
        ),
    ]
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let filter = match &asked.filter {
        None => Value::Null,
        Some(text) => serde_json::from_str(text)
            .map_err(|error| Problem::invalid(format!("`filter` is not JSON: {error}.")))?,
    };
    let value = Value::from(asked.match_value.as_deref());
    let sort = Value::from(asked.sort.as_deref());
    let wanted = RowsWanted {
        filter: Some(&filter),
        key: asked.match_key.as_deref().map(|key| (key, &value)),
        sort: Some(&sort),
        offset: asked.offset.unwrap_or(0),
        limit: asked.limit.unwrap_or(DEFAULT_PAGE_LIMIT),
        ..RowsWanted::default()
    };
    give(&ctx, wanted, asked.cursor.as_deref()).await
}

async fn find(ctx: Ctx, asked: QueryBody) -> Answer {
    let wanted = RowsWanted {
        filter: Some(&asked.filter),
        sort: Some(&asked.sort),
        offset: asked.offset.unwrap_or(0),
        limit: asked.limit.unwrap_or(DEFAULT_PAGE_LIMIT),
        ..RowsWanted::default()
    };
    give(&ctx, wanted, asked.cursor.as_deref()).await
}

async fn give(ctx: &Ctx, mut wanted: RowsWanted<'_>, cursor: Option<&str>) -> Answer {
    let table = named(ctx)?;
    wanted.table = &table;
    wanted.after = numbered(page_request(None, cursor)?.after.as_ref())?;
    let found = tables(ctx)?.find(wanted).await?;
    let last = found.rows.last().filter(|_| found.has_more);
    let next = last.map(|row| Cursor {
        ts: row.created_at_ms,
        id: row.sequence.to_string(),
    });
    let views: Vec<RowView<'_>> = found.rows.iter().map(RowView::from).collect();
    page(&views, next.as_ref())
}

async fn insert(ctx: Ctx, body: InsertBody) -> Answer {
    let table = named(&ctx)?;
    let change = match one_or_many(&body.data, &body.rows)? {
        Sent::One(data) => TableChange::Insert { table, data },
        Sent::Many(rows) => TableChange::InsertMany { table, rows },
    };
    written(&tables(&ctx)?.change(change, None).await?)
}

async fn upsert(ctx: Ctx, body: UpsertBody) -> Answer {
    let table = named(&ctx)?;
    let column = body.match_key;
    check_name(&column).map_err(|message| invalid("matchKey", message))?;
    let change = match one_or_many(&body.data, &body.rows)? {
        Sent::One(data) => TableChange::Upsert {
            table,
            column,
            value: body.match_value,
            data,
        },
        Sent::Many(_) if body.match_value.is_some() => {
            let message = "it belongs to one row in `data`; each of `rows` has its own";
            return Err(invalid("matchValue", message));
        }
        Sent::Many(rows) => TableChange::UpsertMany {
            table,
            column,
            rows,
        },
    };
    written(&tables(&ctx)?.change(change, None).await?)
}

async fn get(ctx: Ctx) -> Answer {
    let id: RowId = ctx.id(1, "row")?;
    let row = tables(&ctx)?.row(&named(&ctx)?, id.as_str())?;
    ok(&RowView::from(&row.ok_or(Problem::NotFound("row"))?))
}

async fn update(ctx: Ctx, body: UpdateBody) -> Answer {
    let id: RowId = ctx.id(1, "row")?;
    let mut found = Vec::new();
    let data = read_fields(&body.data, "data", &mut found);
    all_right(found)?;
    let change = TableChange::Update {
        table: named(&ctx)?,
        which: RowChoice::Id(id.into()),
        data,
    };
    written(&tables(&ctx)?.change(change, None).await?)
}

async fn remove(ctx: Ctx) -> Answer {
    let id: RowId = ctx.id(1, "row")?;
    let change = TableChange::Delete {
        table: named(&ctx)?,
        which: RowChoice::Id(id.to_string()),
        limit: 1,
    };
    match tables(&ctx)?.change(change, None).await? {
        Changed::Removed { count: 1, .. } => ok(&RemovedView {
            id: &id,
            deleted: true,
        }),
        _ => Err(Problem::NotFound("row")),
    }
}

enum Sent {
    One(Fields),
    Many(Vec<Fields>),
}

/// Either `data` or `rows`.
fn one_or_many(data: &Option<Value>, rows: &Option<Value>) -> Result<Sent, Problem> {
    let mut found = Vec::new();
    let sent = match (data, rows) {
        (Some(data), None) => Sent::One(read_fields(data, "data", &mut found)),
        (None, Some(rows)) => Sent::Many(read_rows(rows, "rows", &mut found)),
        _ => {
            let message = format!(
                "either one row in `data`, or up to {MAX_ROWS_AT_ONCE} of them in `rows` is expected"
            );
            return Err(invalid("data", message));
        }
    };
    all_right(found)?;
    Ok(sent)
}

fn invalid(place: &str, message: impl Into<String>) -> Problem {
    TableError::from(TableProblem::at(place, message)).into()
}

fn all_right(found: Vec<DefinitionProblem>) -> Result<(), Problem> {
    if found.is_empty() {
        Ok(())
    } else {
        Err(TableError::from(TableProblem::invalid(found)).into())
    }
}

/// 201 where something new was made, else 200.
fn written(changed: &Changed) -> Answer {
    match changed {
        Changed::Row { row, created: true } => created(&WrittenView::One(RowView::from(row))),
        Changed::Row { row, .. } => ok(&WrittenView::One(RowView::from(row))),
        Changed::Rows {
            inserted,
            updated,
            ids,
        } => {
            let view = WrittenView::Many(WrittenRows {
                inserted: *inserted,
                updated: *updated,
                ids,
            });
            if *inserted > 0 {
                created(&view)
            } else {
                ok(&view)
            }
        }
        other => Err(Problem::internal(&format!("{other:?} is no row"))),
    }
}
