//! `/media`: files that clients upload, list and remove. They are fetched through links that need no key.
//! May not know where files lie. Promise: a form's file goes to the disk as it comes in, and what is refused leaves nothing there.

use super::{Answer, about, bare, data};
use crate::clock::iso_utc;
use crate::engine::media::{Media, Upload};
use crate::http::RequestBody;
use crate::http::body::{announced_bytes, drop_unread, query, read_json};
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::multipart::{BESIDE_FILE_BYTES, Form, FormField, FormProblem, boundary};
use crate::http::problem::Problem;
use crate::http::visit::Ctx;
use crate::id::MediaId;
use crate::model::limit::Category;
use crate::model::media::MediaFile;
use crate::model::scope::Permission;
use crate::model::workflow::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json as example;
use std::time::Duration;
use warp::Filter as _;
use warp::http::{Method, StatusCode, header};

const TAG: &str = "Wireflow: media";
/// The field of a form that has the file.
const FILE: &str = "file";
/// A list has so many at most.
const MAX_LISTED_FILES: usize = 1_000;

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LIST: &str = "/api/v1/media";
    const UPLOAD: &str = "/api/v1/media/upload";
    const ONE: &str = "/api/v1/media/:id";
    let read = Access::Needs(Permission::WorkflowsRead, Category::Read);
    let write = Access::Needs(Permission::WorkflowsWrite, Category::Write);
    let door = Door::Wireflow;
    vec![
        Endpoint::new(door, Method::POST, UPLOAD, write, |guard| guard.then(upload)).described(
            about(TAG, "Upload a file")
                .says(
                    "A form with one field `file`, or JSON with the `url` of a file that the server fetches, under the rules of \
                     outgoing calls. `url` of the answer opens the file without a key until `expiresAt`. A key that is bound to \
                     workflows may not upload: files belong to no workflow.",
                )
                .body::<FetchBody>(example!({ "url": "https://example.com/cat.png" }))
                .or_multipart::<FileForm>()
                .gives_bare::<super::Data<MediaView<'_>>>(201)
                .may(413, "The file is larger than the setting `max_media_bytes`.")
                .may(502, "The file behind `url` could not be fetched.")
                .may(507, "All files together would have more than the setting `max_media_total_bytes`."),
        ),
        Endpoint::new(door, Method::GET, LIST, read, |guard| query(guard).then(list)).described(
            about(TAG, "List uploaded files")
                .says(
                    "Newest first, at most 1000, each with a new link. A key that is bound to workflows sees none. `cursor` is an \
                     extension of this server.",
                )
                .query::<ListQuery>()
                .gives_bare::<Vec<MediaView<'_>>>(200),
        ),
        Endpoint::new(door, Method::DELETE, ONE, write, |guard| guard.then(delete)).described(
            about(TAG, "Remove an uploaded file")
                .says("An extension of this server. Its links open nothing from then on.")
                .path::<MediaId>()
                .gives_bare::<DeletedView<'_>>(200),
        ),
    ]
}

/// A file that is elsewhere.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "MediaFetch")]
struct FetchBody {
    /// An absolute http or https URL.
    #[schemars(length(max = 16384), extend("format" = "uri", "pattern" = "^https?://"))]
    url: String,
}

/// The form of an upload.
#[derive(JsonSchema)]
#[schemars(rename = "MediaForm")]
struct FileForm {
    /// The file, with its name and media type.
    #[schemars(rename = "file", extend("format" = "binary"))]
    _file: String,
}

/// Which files to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
    /// The `id` of the last file of the page before.
    cursor: Option<String>,
}

/// An uploaded file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Media")]
struct MediaView<'a> {
    /// Made by the server.
    id: &'a MediaId,
    /// Opens the file without a key, until `expiresAt`.
    url: String,
    /// What its client called it, without a path.
    name: &'a str,
    /// What it is served as: the type that its client said, if it is an image (no SVG), audio, video, PDF, JSON or plain text;
    /// else `application/octet-stream`.
    content_type: &'a str,
    /// How many bytes it has.
    size_bytes: u64,
    /// When it was uploaded.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// When `url` expires. The file stays, and the list has a new one.
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
}

/// A file that is gone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MediaDeleted")]
struct DeletedView<'a> {
    /// Its id.
    id: &'a MediaId,
    /// Always `true`.
    deleted: bool,
}

async fn upload(ctx: Ctx) -> Answer {
    if *ctx.key().reach() != Reach::All {
        return Err(Problem::NotHeld(
            "This key is bound to workflows; an uploaded file belongs to none.".to_owned(),
        ));
    }
    let file = match boundary(&ctx.visit.headers)? {
        Some(boundary) => receive(&ctx, boundary).await?,
        None => {
            let FetchBody { url } = read_json(&ctx.visit, usize::MAX).await?;
            ctx.api().media.fetch(ctx.changed_by(), &url).await?
        }
    };
    data(StatusCode::CREATED, &view(&ctx, &file))
}

async fn list(ctx: Ctx, asked: ListQuery) -> Answer {
    let limit = asked.limit.unwrap_or(MAX_LISTED_FILES);
    if !(1..=MAX_LISTED_FILES).contains(&limit) {
        return Err(Problem::invalid(format!(
            "`limit` is {limit}; it goes from 1 to {MAX_LISTED_FILES}."
        )));
    }
    let after = asked.cursor.map(|cursor| cursor.parse::<MediaId>());
    let after = after.transpose().map_err(|_| {
        Problem::invalid("`cursor` is not the id of a file; leave it out to start with the newest.")
    })?;
    let found = match ctx.key().reach() {
        Reach::All => ctx.api().media.list(after, limit).await?,
        Reach::Workflow(_) | Reach::Prefix(_) => Vec::new(),
    };
    let views: Vec<MediaView<'_>> = found.iter().map(|file| view(&ctx, file)).collect();
    bare(StatusCode::OK, &views)
}

async fn delete(ctx: Ctx) -> Answer {
    let id: MediaId = ctx.id(0, "file")?;
    if *ctx.key().reach() != Reach::All {
        return Err(Problem::NotFound("file"));
    }
    let media = &ctx.api().media;
    media.remove(&ctx.changed_by(), id.clone()).await?;
    let view = DeletedView {
        id: &id,
        deleted: true,
    };
    bare(StatusCode::OK, &view)
}

fn view<'a>(ctx: &Ctx, file: &'a MediaFile) -> MediaView<'a> {
    let link = ctx.api().media.link(&file.id);
    MediaView {
        id: &file.id,
        url: format!("{}{}", ctx.api().engine.base_url(), link.path),
        name: &file.name,
        content_type: &file.content_type,
        size_bytes: file.size_bytes,
        created_at: iso_utc(file.created_at_ms),
        expires_at: iso_utc(link.expires_at_ms),
    }
}

/// Keeps the file of a form.
async fn receive(ctx: &Ctx, boundary: String) -> Result<MediaFile, Problem> {
    let max_file_bytes = ctx.api().media.max_file_bytes();
    let too_large = Problem::FileTooLarge(max_file_bytes);
    let max_bytes = max_file_bytes.saturating_add(BESIDE_FILE_BYTES);
    let is_announced = announced_bytes(&ctx.visit.headers).is_some_and(|bytes| bytes > max_bytes);
    if is_announced && ctx.visit.headers.contains_key(header::EXPECT) {
        // It was not told to go on, and will not send anything.
        return Err(too_large);
    }
    let Some(mut body) = ctx.visit.take_body() else {
        return Err(Problem::Internal);
    };
    let received = if is_announced {
        Err(too_large)
    } else {
        let timeout = Duration::from_millis(ctx.api().options.body_timeout_ms);
        let form = Form::new(&mut body, boundary, max_bytes);
        let receiving = tokio::time::timeout(timeout, file_of(ctx, form));
        receiving.await.unwrap_or(Err(Problem::BodyTimeout))
    };
    match received {
        Ok(upload) => Ok(upload.finish().await?),
        Err(problem) => {
            drop_rest(body, &problem).await;
            Err(problem)
        }
    }
}

async fn drop_rest(body: RequestBody, problem: &Problem) {
    if !matches!(problem, Problem::BodyTimeout) {
        drop_unread(body).await;
    }
}

/// The one file of a form, all of it written.
async fn file_of(ctx: &Ctx, mut form: Form<'_>) -> Result<Upload, Problem> {
    let media = &ctx.api().media;
    let refused = |problem| match problem {
        FormProblem::TooLarge => Problem::FileTooLarge(media.max_file_bytes()),
        FormProblem::Invalid(message) => Problem::invalid(message),
    };
    let mut upload = None;
    while let Some(mut field) = form.next().await.map_err(refused)? {
        if field.name() != Some(FILE) {
            field.skip().await.map_err(refused)?;
            continue;
        }
        if upload.is_some() {
            return Err(Problem::invalid(
                "The form has two fields `file`; send one file in a request.",
            ));
        }
        let mut begun = begin(ctx, media, &field).await?;
        while let Some(chunk) = field.chunk().await.map_err(refused)? {
            begun.write(&chunk).await?;
        }
        upload = Some(begun);
    }
    upload.ok_or_else(|| {
        Problem::invalid("The form has no field `file`, as in `curl -F file=@cat.png`.")
    })
}

async fn begin(ctx: &Ctx, media: &Media, field: &FormField<'_>) -> Result<Upload, Problem> {
    let (name, declared) = (field.file_name(), field.content_type());
    Ok(media.begin(ctx.changed_by(), name, declared).await?)
}
