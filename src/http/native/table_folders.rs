//! `/table-folders`: list, remove. A folder is made by putting a table into it. A key that is bound to workflows gets 404.

use super::tables::tables;
use super::{Answer, ok};
use crate::http::describe::about;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::visit::Ctx;
use crate::id::FolderId;
use crate::model::limit::Category;
use crate::model::scope::Permission;
use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter as _;
use warp::http::Method;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/table-folders";
    const ONE: &str = "/api/v1/table-folders/:id";
    let read = Access::Needs(Permission::TablesRead, Category::Read);
    let write = Access::Needs(Permission::TablesWrite, Category::Write);
    vec![
        Endpoint::new(Door::Native, Method::GET, LIST, read, |guard| {
            guard.then(list)
        })
        .described(
            about("Tables", "List folders of tables")
                .says("All of them, oldest first. One is made where a table or a step names it.")
                .gives::<Vec<FolderView<'_>>>(200)
                .may(404, "A key that is bound to workflows sees no tables."),
        ),
        Endpoint::new(Door::Native, Method::DELETE, ONE, write, |guard| {
            guard.then(remove)
        })
        .described(
            about("Tables", "Remove an empty folder")
                .path::<FolderId>()
                .gives::<RemovedView<'_>>(200)
                .may(409, "Tables lie in it."),
        ),
    ]
}

/// A folder of tables.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TableFolder")]
struct FolderView<'a> {
    /// Its id.
    id: &'a FolderId,
    /// Its name; no two folders share one.
    name: &'a str,
}

/// A folder was removed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RemovedFolder")]
struct RemovedView<'a> {
    /// The folder that was.
    id: &'a FolderId,
    /// Always true.
    #[schemars(extend("const" = true))]
    deleted: bool,
}

async fn list(ctx: Ctx) -> Answer {
    let folders = tables(&ctx)?.folders().await?;
    let views = folders.iter().map(|folder| FolderView {
        id: &folder.id,
        name: &folder.name,
    });
    ok(&views.collect::<Vec<FolderView<'_>>>())
}

async fn remove(ctx: Ctx) -> Answer {
    let tables = tables(&ctx)?;
    let id: FolderId = ctx.id(0, "folder")?;
    tables.remove_folder(id.as_str()).await?;
    ok(&RemovedView {
        id: &id,
        deleted: true,
    })
}
